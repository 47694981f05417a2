/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-sqlite-appender-private.h"
#include "belfry-sqlite-checkpointer-private.h"

G_BEGIN_DECLS

typedef gint64 (*BelfrySqliteClockFunc) (gpointer user_data);

typedef enum
{
  BELFRY_SQLITE_JOB_APPEND,
  BELFRY_SQLITE_JOB_DELETE,
  BELFRY_SQLITE_JOB_DELETE_LETTER,
  BELFRY_SQLITE_JOB_CHECK,
} BelfrySqliteJobKind;

/* Something that the writer is asked to do. The task is not touched there: its last reference goes on the home
 * context. */
typedef struct
{
  BelfrySqliteJobKind  kind;
  GTask               *task;
  GPtrArray           *events;  /* append: BelfryEvent */
  GPtrArray           *letters; /* append: BelfryDeadLetter, or NULL */
  BelfryReceipt       *receipt; /* append: or NULL */
  BelfryReplay        *replay;  /* append: or NULL */
  gsize                bytes;   /* append: size of the events and letters */
  guint64              cut;     /* delete: the new floor; 0 for the end of the log */
  GHashTable          *counts;  /* delete: id of type → number, or NULL with cut 0 */
  guint64              letter;  /* delete letter: its number */
  gboolean             was_there;  /* delete letter: the outcome */
} BelfrySqliteJob;

/* What became of the jobs of one transaction; to be told on the home context, in order. */
typedef struct
{
  GPtrArray *jobs;           /* BelfrySqliteJob */
  GPtrArray *run;            /* BelfryEvent: what was committed; empty when nothing was */
  GArray    *changes;        /* BelfrySqliteTypeChange */
  gboolean   is_recount;     /* changes are what the log holds, in place of what was known */
  guint64    last_position;
  guint64    floor;
  gint64     took_usec;      /* from its begin to its end on the disk */
  gboolean   is_clock_held;  /* the clock was behind the newest event */
  GError    *error;          /* for the callers; NULL on success */
} BelfrySqliteOutcome;

/* Numbers of now, for whoever asks. */
typedef struct
{
  guint64 wal_bytes;
  guint64 receipt_bytes;
  guint64 receipts_dropped;
  guint   chores_set_aside;
  BelfryDeadLetterTally letters;
} BelfrySqliteGauges;

typedef struct _BelfrySqliteWriter BelfrySqliteWriter;

void                belfry_sqlite_job_free          (BelfrySqliteJob        *job);
void                belfry_sqlite_outcome_free      (BelfrySqliteOutcome    *outcome);

/* @source is made ready whenever outcomes wait. */
BelfrySqliteWriter *belfry_sqlite_writer_new        (BelfrySqliteLog        *log,
                                                     BelfrySqliteCheckpointer *checkpointer,
                                                     GSource                *source,
                                                     BelfrySqliteClockFunc   clock,
                                                     gpointer                clock_data);
gboolean            belfry_sqlite_writer_start      (BelfrySqliteWriter     *self,
                                                     BelfrySqliteState      *state,
                                                     GArray                **changes,
                                                     GError                **error);
void                belfry_sqlite_writer_push       (BelfrySqliteWriter     *self,
                                                     BelfrySqliteJob        *job);
void                belfry_sqlite_writer_note_cursor (BelfrySqliteWriter    *self);
GQueue             *belfry_sqlite_writer_take_outcomes (BelfrySqliteWriter  *self);
void                belfry_sqlite_writer_get_gauges (BelfrySqliteWriter     *self,
                                                     BelfrySqliteGauges     *gauges);
void                belfry_sqlite_writer_stop       (BelfrySqliteWriter     *self);
void                belfry_sqlite_writer_free       (BelfrySqliteWriter     *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteJob, belfry_sqlite_job_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteOutcome, belfry_sqlite_outcome_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteWriter, belfry_sqlite_writer_free)

G_END_DECLS
