/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-histogram-private.h"
#include "belfry-sqlite-checkpointer-private.h"
#include "belfry-sqlite-reader-private.h"
#include "belfry-sqlite-stats-private.h"
#include "belfry-sqlite-store.h"
#include "belfry-sqlite-writer-private.h"
#include "belfry-store-lock-private.h"

G_BEGIN_DECLS

struct _BelfrySqliteStore
{
  GObject parent_instance;

  char                  *path;                /* construct-only */
  guint                  n_readers;           /* construct-only */
  guint                  max_waiting_events;  /* home context only, like all below */
  guint64                max_waiting_bytes;
  guint                  max_waiting_reads;
  guint64                max_query_bytes;
  gint64                 receipt_window_usec;
  guint64                receipt_max_bytes;
  BelfrySqliteDeadLetterBounds letter_bounds;
  gboolean               refuses_appends;
  BelfrySqliteClockFunc  clock;
  gpointer               clock_data;
  BelfrySqliteTuning    *tuning;  /* or NULL */

  BelfryStoreLock       *file_lock;  /* from here to stats: from open to close */
  BelfrySqliteLog       *log;
  GSource               *source;
  BelfrySqliteCheckpointer *checkpointer;
  BelfrySqliteWriter    *writer;
  BelfrySqliteReaders   *readers;
  BelfrySqliteStats     *stats;
  gboolean               was_opened;
  gboolean               is_open;

  guint64                log_id;
  guint64                last_position;
  guint64                floor;
  GQueue                 outcomes;  /* BelfrySqliteOutcome: taken from the writer, not told yet */
  GQueue                 deletes;  /* GTask: the first is under way */

  guint64                waiting_events;
  guint64                waiting_bytes;
  guint                  waiting_checks;
  guint                  waiting_letter_deletes;
  guint64                commits;
  guint64                events_appended;
  guint64                appends_failed;
  guint64                largest_batch;
  BelfryHistogram        commit_times;   /* of transactions that appended events */
  BelfryHistogram        commit_events;  /* how many they were */
  guint64                clock_held;
  guint64                queries_cut;
  guint64                receipts_stored;
  guint64                receipts_repeated;
  guint64                receipts_mismatched;
};

void belfry_sqlite_store_event_store_init (BelfryEventStoreInterface *iface);
void belfry_sqlite_store_event_lister_init (BelfryEventListerInterface *iface);
void belfry_sqlite_store_receipt_keeper_init (BelfryReceiptKeeperInterface *iface);
void belfry_sqlite_store_cursor_keeper_init (BelfryCursorKeeperInterface *iface);
void belfry_sqlite_store_dead_letter_keeper_init (BelfryDeadLetterKeeperInterface *iface);
void belfry_sqlite_store_tell_outcomes    (BelfrySqliteStore         *self);

/* Properties of what is kept of dead letters: FALSE when there is no such property, or it cannot be set. */
gboolean belfry_sqlite_store_get_letter_property (BelfrySqliteStore *self, guint property_id, GValue *value);
gboolean belfry_sqlite_store_set_letter_property (BelfrySqliteStore *self, guint property_id, const GValue *value);
void     belfry_sqlite_store_install_letter_properties (GObjectClass *object_class);

/* For the files that make up the store itself. NULL with the callback called when the store is closed. */
GTask *belfry_sqlite_store_begin_task     (BelfrySqliteStore         *self,
                                           gpointer                   tag,
                                           GCancellable              *cancellable,
                                           GAsyncReadyCallback        callback,
                                           gpointer                   user_data);
/* Both take over the task. */
void   belfry_sqlite_store_push_append    (BelfrySqliteStore         *self,
                                           GTask                     *task,
                                           const BelfryConsignment      *delivery);
void   belfry_sqlite_store_push_read      (BelfrySqliteStore         *self,
                                           GTask                     *task,
                                           BelfrySqliteRead          *read);

/* What its commits take, and how much they hold; for who tells it to others. */
const BelfryHistogram *belfry_sqlite_store_get_commit_times  (BelfrySqliteStore *self);
const BelfryHistogram *belfry_sqlite_store_get_commit_events (BelfrySqliteStore *self);

/* Before the store is opened: where it takes the time from, in µs since 1970 UTC. Called on the
 * writer's thread and on the home context. */
void belfry_sqlite_store_set_clock (BelfrySqliteStore     *self,
                                    BelfrySqliteClockFunc  clock,
                                    gpointer               user_data);

/* Likewise: figures other than those of daily use. */
void belfry_sqlite_store_set_tuning (BelfrySqliteStore        *self,
                                     const BelfrySqliteTuning *tuning);

G_END_DECLS
