/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-router-private.h"
#include "memory-store.h"

G_BEGIN_DECLS

/* One router on a log in memory, and one subscriber of it that is popped by hand. */
#define MOST_TURNS 100000

typedef struct
{
  guint64 position;
  guint   n_events;
  guint   n_gaps;
  guint   n_cancelled;
  guint   cancel_at;
} Pushed;

typedef struct
{
  MemoryStore      *store;
  BelfryRouter     *router;
  BelfryFilter     *any;
  BelfrySubscriber *subscriber;
  guint             n_ready;
  Pushed            pushed;
} Fixture;

void               set_up        (Fixture *f, gconstpointer data);
void               tear_down     (Fixture *f, gconstpointer data);
/* The ready function; counts. */
void               count_ready   (BelfrySubscriber *subscriber, gpointer user_data);
/* -1: live, 0: from the beginning. */
void               subscribe     (Fixture *f, gint64 position);
void               add           (Fixture *f, const char *event_type, guint n_events);
/* Until the loop has nothing to do. */
void               turn          (void);
void               expect_event  (Fixture *f, guint64 position);
/* The next delivery, with turns of the loop where it has to be read first. */
BelfryDeliveryKind pop_soon      (Fixture *f, BelfryDelivery *delivery);
void               expect_events (Fixture *f, guint64 first, guint64 last);
void               expect_gap    (Fixture *f, guint64 from, guint64 to, guint64 lost);
void               expect_filter (Fixture *f, const char *tag);
void               expect_none   (Fixture *f);
gboolean           is_live       (Fixture *f);
guint64            get_counter   (gpointer object, const char *name);
guint64            get_cursor    (Fixture *f);
void               set_filter    (Fixture *f, const char *event_type, const char *tag);

G_END_DECLS
