/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

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
  guint64                commits;
  guint64                events_appended;
  guint64                appends_failed;
  guint64                largest_batch;
  guint64                clock_held;
  guint64                queries_cut;
  guint64                receipts_stored;
  guint64                receipts_repeated;
  guint64                receipts_mismatched;
};

void belfry_sqlite_store_event_store_init (BelfryEventStoreInterface *iface);
void belfry_sqlite_store_event_lister_init (BelfryEventListerInterface *iface);
void belfry_sqlite_store_receipt_keeper_init (BelfryReceiptKeeperInterface *iface);
void belfry_sqlite_store_tell_outcomes    (BelfrySqliteStore         *self);

/* Before the store is opened: where it takes the time from, in µs since 1970 UTC. Called on the
 * writer's thread and on the home context. */
void belfry_sqlite_store_set_clock (BelfrySqliteStore     *self,
                                    BelfrySqliteClockFunc  clock,
                                    gpointer               user_data);

/* Likewise: figures other than those of daily use. */
void belfry_sqlite_store_set_tuning (BelfrySqliteStore        *self,
                                     const BelfrySqliteTuning *tuning);

G_END_DECLS
