/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-sqlite-writer-private.h"

G_BEGIN_DECLS

/* How long one part of the index of a block takes, at most. */
#define BELFRY_SQLITE_PORTION_USEC 3000

/* For the files that make up the writer itself. */
struct _BelfrySqliteWriter
{
  BelfrySqliteLog          *log;
  BelfrySqliteCheckpointer *checkpointer;
  GSource                  *source;
  BelfrySqliteClockFunc     clock;
  gpointer                  clock_data;
  GThread                  *thread;         /* home context only */

  GMutex                    lock;
  GCond                     wake;           /* jobs, is_stopping */
  GCond                     started;        /* is_started */
  GQueue                    jobs;           /* guarded by lock; BelfrySqliteJob */
  gboolean                  is_stopping;    /* guarded by lock */
  gboolean                  is_started;     /* guarded by lock; the next three are set then, for the starter */
  GError                   *start_error;
  BelfrySqliteState         start_state;
  GArray                   *start_changes;
  GQueue                   *outcomes;       /* guarded by lock; BelfrySqliteOutcome */
  BelfrySqliteGauges        gauges;         /* guarded by lock */

  BelfrySqliteAppender     *appender;       /* writer thread only, once started, like all below */
  gboolean                  is_failing;
  gint64                    committed_usec; /* monotonic; 0: never */
  guint                     n_transactions;
  gboolean                  is_settled;     /* nothing was to be done for a while */
  gboolean                  is_leaving;     /* the thread is about to end */
};

/* Gives the transaction up. A connection that failed to write or flush is not asked again: it is closed, and the next
 * transaction opens another. */
void     belfry_sqlite_writer_give_up       (BelfrySqliteWriter *self,
                                             const GError       *error);
/* Lock held. */
void     belfry_sqlite_writer_update_gauges (BelfrySqliteWriter *self);
/* Some of what the log needs beside appends. Whether there is more of it to do at once. */
gboolean belfry_sqlite_writer_tend          (BelfrySqliteWriter *self,
                                             gboolean            is_idle);

G_END_DECLS
