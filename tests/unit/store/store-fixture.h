/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-private.h"
#include "belfry-sqlite-store-private.h"
#include "belfry-sqlite-store.h"

G_BEGIN_DECLS

/* Blocking faces of the store, for tests: each iterates the context until the answer is there. */

/* A fresh folder, and a store on "events.db" in it. */
typedef struct
{
  char              *folder;
  char              *path;
  BelfrySqliteStore *store;
  gint64             now_usec;   /* what the clock says, when it is ours */
  GPtrArray         *committed;  /* BelfryEvent, as the signal told */
  guint64            receipt_max_bytes;  /* of the next store that is opened; 0: as usual */
  gboolean           is_busy;    /* open with figures that make every part of the store work all the time */
} Fixture;

void           fixture_set_up      (Fixture *self);
void           fixture_tear_down   (Fixture *self);
void           fixture_open        (Fixture *self);
void           fixture_close       (Fixture *self);
void           fixture_verify      (Fixture *self);
/* From here on the clock stands at that time; the store's threads may be looking. */
void           fixture_set_time    (Fixture *self, gint64 now_usec);
void           fixture_settle      (Fixture *self);
BelfrySqliteLog *fixture_load_log  (Fixture *self);

BelfryEvent   *make_event          (const char *type, const char *session_id, const char *user_id, const char *payload);
BelfryEvent   *make_rich_event     (const char *type, const char *session_id, const char *user_id,
                                    const char *user_tier, const double *amount);
void           catch_result        (GObject *source, GAsyncResult *result, gpointer user_data);
GAsyncResult  *wait_for            (GAsyncResult **result);
gboolean       append              (BelfrySqliteStore *store, GPtrArray *events, GError **error);
void           append_one          (BelfrySqliteStore *store, BelfryEvent *event);
void           append_many         (BelfrySqliteStore *store, guint n_events, const char *session_id);
GPtrArray     *query               (BelfrySqliteStore *store, BelfryFilter *filter, gint64 since_usec,
                                    guint64 before_position, guint limit);
BelfryEvent   *look_up             (BelfrySqliteStore *store, const char *id, GError **error);
BelfryLogPage *read_page           (BelfrySqliteStore *store, BelfryFilter *filter, guint64 after, guint64 through,
                                    guint max_events, gsize max_bytes);
guint64        delete_before       (BelfrySqliteStore *store, gint64 before_usec);
BelfryStoreStats *get_stats        (BelfrySqliteStore *store);
gboolean       check               (BelfrySqliteStore *store, GError **error);
guint64        get_counter         (BelfrySqliteStore *store, const char *name);
void           silence_log         (void);

G_END_DECLS
