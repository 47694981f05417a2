/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* What the writer's thread does between transactions, in small steps: indexes blocks that are full, reclaims what lies behind
 * the floor, removes old receipts, ends checkpoints. */

#include "belfry-sqlite-writer-fields-private.h"

/* While requests keep coming, every so many transactions they wait for one step of what can wait as well. */
#define STEP_EVERY 16

/* Old blocks get their index when the newest have theirs. */
#define LONG_TAIL_BLOCKS 2

/* Whether there are blocks before those of the tail that lack their index. */
static gboolean
has_dropped (BelfrySqliteWriter *self)
{
  return belfry_sqlite_tail_get_dropped (self->log->tail) > self->appender->state.merged;
}

static void
start_sealing_if_due (BelfrySqliteWriter *self)
{
  BelfrySqliteAppender *appender = self->appender;
  const BelfrySqliteBlocks *blocks = &self->log->blocks;
  guint64 first = belfry_sqlite_tail_get_first (self->log->tail);

  if ((appender->set_aside & BELFRY_SQLITE_CHORE_INDEX) != 0)
    return;

  if (belfry_sqlite_sealer_is_reading (appender->sealer) && belfry_sqlite_sealer_is_of_old (appender->sealer) &&
      belfry_sqlite_tail_get_size (self->log->tail) >= LONG_TAIL_BLOCKS * belfry_sqlite_blocks_get_size (blocks))
    belfry_sqlite_sealer_cancel (appender->sealer);

  if (first != 0 && belfry_sqlite_sealer_is_idle (appender->sealer) && !has_dropped (self) &&
      belfry_sqlite_blocks_get_number (blocks, first) <
      belfry_sqlite_blocks_get_number (blocks, appender->state.next_position))
    belfry_sqlite_sealer_begin_tail (appender->sealer, first);
}

/* Some of what goes before the first insertion. */
static gboolean
prepare_sealing (BelfrySqliteWriter  *self,
                 GError             **error)
{
  gint64 end_usec = g_get_monotonic_time () + BELFRY_SQLITE_PORTION_USEC / 2;
  BelfrySqliteAppender *appender = self->appender;

  do
    {
      if (!belfry_sqlite_sealer_prepare (appender->sealer, appender->db, error))
        return FALSE;
    }
  while (belfry_sqlite_sealer_is_preparing (appender->sealer) && g_get_monotonic_time () < end_usec);

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
  belfry_sqlite_restart_checkpoint (appender->db);

  return FALSE;
}

/* Appends with receipts see to this themselves; here it is done when there are none. */
static gboolean
are_receipts_due (BelfrySqliteWriter *self,
                  gboolean            is_idle)
{
  return is_idle && !self->is_leaving && (self->appender->set_aside & BELFRY_SQLITE_CHORE_RECEIPTS) == 0 &&
         belfry_sqlite_receipts_is_due (self->appender->receipts, self->clock (self->clock_data));
}

static void
tell_gauges (BelfrySqliteWriter *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  belfry_sqlite_writer_update_gauges (self);
}

static gboolean
trim_receipts (BelfrySqliteWriter  *self,
               GError             **error)
{
  gboolean success = belfry_sqlite_appender_trim_receipts (self->appender, self->clock (self->clock_data),
                                                           self->log->tuning.reclaim_rows, error);

  tell_gauges (self);

  return success;
}

static BelfrySqliteChore
get_index_chore (BelfrySqliteAppender *appender)
{
  return belfry_sqlite_sealer_is_of_old (appender->sealer) ? BELFRY_SQLITE_CHORE_OLD_INDEX : BELFRY_SQLITE_CHORE_INDEX;
}

/* Of a log that rests: appends carry them along. */
static gboolean
are_cursors_due (BelfrySqliteWriter *self,
                 gboolean            is_idle)
{
  gint64 due_usec = is_idle ? belfry_sqlite_cursors_get_due (self->log->cursors) : 0;

  return due_usec != 0 && (self->appender->set_aside & BELFRY_SQLITE_CHORE_CURSORS) == 0 &&
         (self->is_leaving || due_usec <= g_get_monotonic_time ());
}

static gboolean
are_letters_due (BelfrySqliteWriter *self,
                 gboolean            is_idle)
{
  return is_idle && !self->is_leaving && (self->appender->set_aside & BELFRY_SQLITE_CHORE_LETTERS) == 0 &&
         belfry_sqlite_dead_letters_is_due (self->appender->letters, self->clock (self->clock_data));
}

static gboolean
trim_letters (BelfrySqliteWriter  *self,
              GError             **error)
{
  gboolean success = belfry_sqlite_appender_trim_letters (self->appender, self->clock (self->clock_data),
                                                          self->log->tuning.reclaim_rows, error);

  tell_gauges (self);

  return success;
}

/* What is left to be done once, after a deletion or for a file of an older version; in some turns only when others wait. */
static gboolean
tidy_up (BelfrySqliteWriter  *self,
         gboolean            *is_done,
         BelfrySqliteChore   *chore,
         GError             **error)
{
  BelfrySqliteAppender *appender = self->appender;
  gboolean may_seek = belfry_sqlite_sealer_is_idle (appender->sealer) && !self->is_leaving;

  appender->seal_chunks = 0;
  if (belfry_sqlite_sealer_is_reading (appender->sealer))
    {
      *chore = get_index_chore (appender);
      return prepare_sealing (self, error);
    }

  *chore = BELFRY_SQLITE_CHORE_COUNTS;
  if (belfry_sqlite_types_owe (appender->types) && (appender->set_aside & *chore) == 0)
    return belfry_sqlite_appender_settle_counts (appender, error);

  *chore = BELFRY_SQLITE_CHORE_RECLAIM;
  if (appender->may_hold_dead && (appender->set_aside & *chore) == 0)
    return belfry_sqlite_appender_reclaim (appender, error);

  *chore = BELFRY_SQLITE_CHORE_INDEX;
  if (may_seek && has_dropped (self) && (appender->set_aside & *chore) == 0)
    return belfry_sqlite_appender_seek_dropped (appender, error);

  *chore = BELFRY_SQLITE_CHORE_OLD_INDEX;
  if (may_seek && appender->state.unindexed != 0 && (appender->set_aside & *chore) == 0)
    return belfry_sqlite_appender_seek_unindexed (appender, error);

  *chore = BELFRY_SQLITE_CHORE_OLD_TABLE;
  if (appender->may_hold_old && (appender->set_aside & *chore) == 0)
    return belfry_sqlite_appender_drop_old (appender, error);

  *is_done = TRUE;

  return TRUE;
}

/* Does one step of the tending; @is_done says that there is nothing to be done, @chore what was tried. */
static gboolean
tend_step (BelfrySqliteWriter  *self,
           gboolean             is_idle,
           gboolean            *is_done,
           BelfrySqliteChore   *chore,
           GError             **error)
{
  BelfrySqliteAppender *appender = self->appender;
  BelfrySqliteSealer *sealer = appender->sealer;

  if (belfry_sqlite_checkpointer_take_finish (self->checkpointer) && !finish_checkpoint (appender, error))
    return FALSE;

  belfry_sqlite_appender_bound_tail (appender);
  if (are_cursors_due (self, is_idle))
    {
      *chore = BELFRY_SQLITE_CHORE_CURSORS;
      appender->seal_chunks = 0;
      return belfry_sqlite_appender_begin (appender, error) &&
             belfry_sqlite_appender_commit (appender, &appender->state, error);
    }

  start_sealing_if_due (self);
  *chore = get_index_chore (appender);
  if (belfry_sqlite_sealer_is_preparing (sealer) && !belfry_sqlite_sealer_is_reading (sealer))
    return prepare_sealing (self, error);

  if (are_receipts_due (self, is_idle))
    {
      appender->seal_chunks = 0;
      *chore = BELFRY_SQLITE_CHORE_RECEIPTS;
      return trim_receipts (self, error);
    }

  if (are_letters_due (self, is_idle))
    {
      *chore = BELFRY_SQLITE_CHORE_LETTERS;
      appender->seal_chunks = 0;
      return trim_letters (self, error);
    }

  if (is_idle && belfry_sqlite_sealer_is_inserting (sealer))
    {
      appender->seal_chunks = self->log->tuning.seal_chunks * 4;
      appender->seal_usec = BELFRY_SQLITE_PORTION_USEC;
      return belfry_sqlite_appender_begin (appender, error) &&
             belfry_sqlite_appender_commit (appender, &appender->state, error);
    }

  if (is_idle || ++self->n_transactions % STEP_EVERY == 0)
    return tidy_up (self, is_done, chore, error);

  *is_done = TRUE;

  return TRUE;
}

gboolean
belfry_sqlite_writer_tend (BelfrySqliteWriter *self,
                           gboolean            is_idle)
{
  g_autoptr(GError) error = NULL;
  BelfrySqliteChore chore = 0;
  gboolean is_done = FALSE;

  if (self->appender->db == NULL)
    return FALSE;

  if (tend_step (self, is_idle, &is_done, &chore, &error))
    {
      belfry_sqlite_checkpointer_note (self->checkpointer, self->appender->n_wal_pages);
      return !is_done;
    }

  /* Appends go on: what is damaged is not theirs. */
  if (chore != 0 && belfry_sqlite_appender_set_aside (self->appender, chore, error))
    {
      belfry_sqlite_appender_give_up (self->appender);
      tell_gauges (self);
      return TRUE;
    }

  /* A request will find out when it works again. */
  belfry_sqlite_writer_give_up (self, error);

  return FALSE;
}
