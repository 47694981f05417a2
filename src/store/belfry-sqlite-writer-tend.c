/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* What the writer's thread does between transactions, in small steps: merges the tail, reclaims what lies behind the floor,
 * removes old receipts, ends checkpoints. */

#include "belfry-sqlite-writer-fields-private.h"

/* While requests keep coming, every so many transactions one step of reclaiming lets them wait. */
#define RECLAIM_EVERY 16

static void
start_merge_if_due (BelfrySqliteWriter *self)
{
  const BelfrySqliteTuning *tuning = &self->log->tuning;
  guint n_rows = belfry_sqlite_tail_get_size (self->log->tail);

  if (belfry_sqlite_merge_is_preparing (self->appender->merge) ||
      belfry_sqlite_merge_is_inserting (self->appender->merge))
    return;

  if (n_rows >= tuning->merge_rows || (self->is_settled && n_rows >= tuning->idle_merge_rows))
    {
      g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

      belfry_sqlite_merge_begin (self->appender->merge,
                                 self->appender->state.merged, self->appender->state.next_position - 1);
      self->gauges.merges++;
    }
}

/* Some of what goes before the first insertion: rows are collected faster than they come. */
static gboolean
prepare_merge (BelfrySqliteWriter  *self,
               GError             **error)
{
  gint64 end_usec = g_get_monotonic_time () + BELFRY_SQLITE_PORTION_USEC;
  BelfrySqliteAppender *appender = self->appender;

  do
    {
      if (!belfry_sqlite_merge_prepare (appender->merge, appender->db, error))
        return FALSE;
    }
  while (belfry_sqlite_merge_is_preparing (appender->merge) && g_get_monotonic_time () < end_usec);

  return TRUE;
}

static gboolean
finish_checkpoint (BelfrySqliteAppender  *appender,
                   GError               **error)
{
  int code = sqlite3_wal_checkpoint_v2 (appender->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

  /* Others may be carrying over just now, which is as good. */
  if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED)
    return TRUE;

  belfry_sqlite_set_error (appender->db, error);

  return FALSE;
}

/* Appends with receipts see to this themselves; here it is done when there are none. */
static gboolean
are_receipts_due (BelfrySqliteWriter *self,
                  gboolean            is_idle)
{
  return is_idle && !self->is_leaving &&
         belfry_sqlite_receipts_is_due (self->appender->receipts, self->clock (self->clock_data));
}

static gboolean
trim_receipts (BelfrySqliteWriter  *self,
               GError             **error)
{
  gboolean success = belfry_sqlite_appender_trim_receipts (self->appender, self->clock (self->clock_data),
                                                           self->log->tuning.reclaim_rows, error);
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  belfry_sqlite_writer_update_gauges (self);

  return success;
}

/* Does one step of the tending; @is_done says that there is nothing to be done. */
static gboolean
tend_step (BelfrySqliteWriter  *self,
           gboolean             is_idle,
           gboolean            *is_done,
           GError             **error)
{
  BelfrySqliteAppender *appender = self->appender;
  BelfrySqliteMerge *merge = appender->merge;

  if (belfry_sqlite_checkpointer_take_finish (self->checkpointer) && !finish_checkpoint (appender, error))
    return FALSE;

  start_merge_if_due (self);
  if (belfry_sqlite_merge_is_preparing (merge))
    return prepare_merge (self, error);

  if (are_receipts_due (self, is_idle))
    {
      appender->merge_entries = 0;
      return trim_receipts (self, error);
    }

  if (appender->may_hold_dead && (is_idle || ++self->n_transactions % RECLAIM_EVERY == 0))
    {
      appender->merge_entries = 0;
      return belfry_sqlite_appender_reclaim (appender, error);
    }

  if (is_idle && belfry_sqlite_merge_is_inserting (merge))
    {
      appender->merge_entries = self->log->tuning.merge_entries * 4;
      appender->merge_usec = BELFRY_SQLITE_PORTION_USEC;
      return belfry_sqlite_appender_begin (appender, error) &&
             belfry_sqlite_appender_commit (appender, &appender->state, error);
    }

  *is_done = TRUE;

  return TRUE;
}

gboolean
belfry_sqlite_writer_tend (BelfrySqliteWriter *self,
                           gboolean            is_idle)
{
  g_autoptr(GError) error = NULL;
  gboolean is_done = FALSE;

  if (self->appender->db == NULL)
    return FALSE;

  if (tend_step (self, is_idle, &is_done, &error))
    {
      belfry_sqlite_checkpointer_note (self->checkpointer, self->appender->n_wal_pages);
      return !is_done;
    }

  /* A request will find out when it works again. */
  belfry_sqlite_writer_give_up (self, error);

  return FALSE;
}
