/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-private.h"
#include "belfry-sqlite-log-private.h"
#include "belfry-sqlite-receipts-private.h"
#include "belfry-sqlite-sealer-private.h"
#include "belfry-sqlite-types-private.h"

G_BEGIN_DECLS

typedef enum
{
  BELFRY_SQLITE_INSERT_EVENT,
  BELFRY_SQLITE_UPDATE_STATE,
  BELFRY_SQLITE_UPDATE_INDEXING,
  BELFRY_SQLITE_BEGIN,
  BELFRY_SQLITE_COMMIT,
  BELFRY_SQLITE_SELECT_RUN,
  BELFRY_SQLITE_SELECT_BOUND,
  BELFRY_SQLITE_SELECT_UNINDEXED,
  BELFRY_SQLITE_SELECT_DROPPED,
  BELFRY_SQLITE_DELETE_EVENTS,
  BELFRY_SQLITE_DELETE_CHUNKS,
  BELFRY_SQLITE_DELETE_IMPORTED,
  BELFRY_SQLITE_KEEP_CURSOR,
  BELFRY_SQLITE_N_STATEMENTS,
} BelfrySqliteStatement;

/* What can wait, and is set aside until the next start when it comes upon damage. */
typedef enum
{
  BELFRY_SQLITE_CHORE_INDEX     = 1 << 0,  /* of new blocks */
  BELFRY_SQLITE_CHORE_OLD_INDEX = 1 << 1,  /* of blocks that an older version of the format left */
  BELFRY_SQLITE_CHORE_RECLAIM   = 1 << 2,
  BELFRY_SQLITE_CHORE_OLD_TABLE = 1 << 3,
  BELFRY_SQLITE_CHORE_RECEIPTS  = 1 << 4,
  BELFRY_SQLITE_CHORE_LETTERS   = 1 << 5,
  BELFRY_SQLITE_CHORE_CURSORS   = 1 << 6,
  BELFRY_SQLITE_CHORE_COUNTS    = 1 << 7,
} BelfrySqliteChore;

/* The writer's connection and what it knows of the log. Writer thread only. */
typedef struct
{
  BelfrySqliteLog   *log;
  sqlite3           *db;  /* NULL between a failure and the next attempt */
  sqlite3_stmt      *statements[BELFRY_SQLITE_N_STATEMENTS];
  BelfrySqliteState  state;    /* as committed */
  BelfrySqliteTypes *types;
  BelfrySqliteReceipts *receipts;
  BelfrySqliteDeadLetters *letters;
  BelfrySqliteSealer *sealer;
  guint              seal_chunks;      /* how many the open transaction may insert */
  gint64             seal_usec;        /* and for how long */
  gboolean           may_hold_dead;    /* rows behind the floor */
  gboolean           may_hold_old;     /* tables of an older version of the format */
  guint              set_aside;        /* BelfrySqliteChore: those that came upon damage */
  guint64            announced;        /* everything below is known to the home context */
  guint64            barrier;          /* from the next position to here nothing is skipped; 0: not known */
  gboolean           has_bound_learner; /* by the last insertion of an event */
  guint              n_wal_pages;      /* length of the write-ahead log */
  gboolean           was_open;
} BelfrySqliteAppender;

BelfrySqliteAppender *belfry_sqlite_appender_new    (BelfrySqliteLog       *log);
void                  belfry_sqlite_appender_free   (BelfrySqliteAppender  *self);
gboolean              belfry_sqlite_appender_open   (BelfrySqliteAppender  *self,
                                                     GError               **error);
void                  belfry_sqlite_appender_close  (BelfrySqliteAppender  *self);
gboolean              belfry_sqlite_appender_begin  (BelfrySqliteAppender  *self,
                                                     GError               **error);
gboolean              belfry_sqlite_appender_commit (BelfrySqliteAppender  *self,
                                                     const BelfrySqliteState *state,
                                                     GError               **error);
void                  belfry_sqlite_appender_give_up (BelfrySqliteAppender *self);
gboolean              belfry_sqlite_appender_append (BelfrySqliteAppender  *self,
                                                     GPtrArray             *events,
                                                     gint64                 now_usec,
                                                     GArray                *changes,
                                                     GError               **error);
gboolean              belfry_sqlite_appender_admit  (BelfrySqliteAppender  *self,
                                                     BelfryReceipt         *receipt,
                                                     GPtrArray             *events,
                                                     guint                  n_before,
                                                     gint64                 now_usec,
                                                     GError               **error);
gboolean              belfry_sqlite_appender_admit_replay (BelfrySqliteAppender *self,
                                                     BelfryReplay          *replay,
                                                     GPtrArray             *events,
                                                     guint                  n_before,
                                                     gint64                 now_usec,
                                                     GError               **error);
gboolean              belfry_sqlite_appender_trim_letters (BelfrySqliteAppender *self,
                                                     gint64                 now_usec,
                                                     guint                  max_rows,
                                                     GError               **error);
gboolean              belfry_sqlite_appender_trim_receipts (BelfrySqliteAppender *self,
                                                     gint64                 now_usec,
                                                     guint                  max_rows,
                                                     GError               **error);
gboolean              belfry_sqlite_appender_delete (BelfrySqliteAppender  *self,
                                                     guint64                cut,
                                                     GHashTable            *counts,
                                                     GArray                *changes,
                                                     GError               **error);
gboolean              belfry_sqlite_appender_adopt  (BelfrySqliteAppender  *self,
                                                     GPtrArray             *events,
                                                     GArray                *changes);
gboolean              belfry_sqlite_appender_recall (BelfrySqliteAppender  *self,
                                                     GPtrArray             *events,
                                                     GArray                *changes,
                                                     GError               **error);
gboolean              belfry_sqlite_appender_reclaim (BelfrySqliteAppender *self,
                                                     GError               **error);
gboolean              belfry_sqlite_appender_settle_counts (BelfrySqliteAppender *self,
                                                     GError               **error);
gboolean              belfry_sqlite_appender_drop_old (BelfrySqliteAppender *self,
                                                     GError               **error);
gboolean              belfry_sqlite_appender_seek_unindexed (BelfrySqliteAppender *self,
                                                     GError               **error);
gboolean              belfry_sqlite_appender_seek_dropped (BelfrySqliteAppender *self,
                                                     GError               **error);
void                  belfry_sqlite_appender_bound_tail (BelfrySqliteAppender *self);
gboolean              belfry_sqlite_appender_set_aside (BelfrySqliteAppender *self,
                                                     BelfrySqliteChore      chore,
                                                     const GError          *error);

G_END_DECLS
