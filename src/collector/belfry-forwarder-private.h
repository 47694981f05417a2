/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-cursor-keeper-private.h"
#include "belfry-forwarder.h"

G_BEGIN_DECLS

/* Events that were given to the sink together. */
typedef struct
{
  GPtrArray *events;  /* owned; BelfryEvent */
  guint      n_done;  /* of the array, from its begin on */
  gsize      bytes;
} BelfryForwarderPiece;

/* Home context only. The positions: cursor ≤ done ≤ given ≤ seen. */
struct _BelfryForwarder
{
  GObject parent_instance;

  BelfryEventStore *store;  /* owned; keeps cursors */
  BelfrySink       *sink;   /* owned */
  char             *name;   /* of the cursor; NULL before the start */
  gboolean          is_started;

  BelfryKeptCursor  cursor; /* as the log was told */
  guint64           done;   /* acknowledged, refused for good, or deleted, up to here */
  guint64           given;  /* to the sink, up to here */
  guint64           seen;   /* the end of the log */

  GQueue            flight; /* BelfryForwarderPiece, oldest first */
  guint             flight_events;
  gsize             flight_bytes;
  guint             max_flight_events;
  guint64           max_flight_bytes;
  GQueue            letters; /* guint64: positions that somebody is about to keep, oldest first */

  gboolean          is_reading;
  guint64           reading_reset; /* resets when it began */
  gboolean          has_failed;    /* the last read */

  guint64           behind_bytes;  /* about what lies behind given; exact since it was empty */
  gsize             event_bytes;   /* of an event, lately */
  gboolean          is_sized;      /* behind_bytes means something */
  gint64            buffer_max_usec;
  guint64           buffer_max_bytes;
  gboolean          is_full;
  GSource          *look;          /* owned */

  BelfryForwarderLetterFunc letter_func;
  gpointer                  letter_data;
  BelfryForwarderClockFunc  clock;
  gpointer                  clock_data;
  void                    (*stopped_func) (gpointer user_data);
  gpointer                  stopped_data;

  guint64           acknowledged;  /* since the start, as the next */
  guint64           refused;
  guint64           read_failures;
  guint64           resets;
};

void belfry_forwarder_install_properties (GObjectClass *klass);
/* What is done once a second. */
void belfry_forwarder_check_bounds (BelfryForwarder *self);

G_END_DECLS
