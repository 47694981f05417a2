/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The one thread that writes. It takes all that waits, puts it into one transaction with a flush,
 * and hands the outcome to the home context, which is woken once however much comes together.
 * Between transactions, in small steps, it tends the log: indexes full blocks, reclaims what lies
 * behind the floor, ends checkpoints. */

#include "belfry-sqlite-writer-fields-private.h"

#define MAX_TRANSACTION_EVENTS 5000
#define MAX_TRANSACTION_BYTES  (8 * 1024 * 1024)

/* A block has a piece of index for more events than these, so that one that takes part in appends is done before the next
 * is full. */
#define EVENTS_A_CHUNK 64

/* How long a store that is being closed goes on tending. */
#define MAX_LEAVE_USEC (3 * G_USEC_PER_SEC)

/* A commit so short a time ago proves that the log can be written. */
#define CHECK_USEC G_USEC_PER_SEC

void
belfry_sqlite_job_free (BelfrySqliteJob *job)
{
  g_clear_object (&job->task);
  g_clear_pointer (&job->events, g_ptr_array_unref);
  g_clear_pointer (&job->letters, g_ptr_array_unref);
  g_clear_pointer (&job->receipt, belfry_receipt_unref);
  g_clear_pointer (&job->replay, belfry_replay_unref);
  g_clear_pointer (&job->counts, g_hash_table_unref);
  g_free (job);
}

static BelfrySqliteOutcome *
belfry_sqlite_outcome_new (void)
{
  BelfrySqliteOutcome *outcome = g_new0 (BelfrySqliteOutcome, 1);

  outcome->jobs = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_sqlite_job_free);
  outcome->run = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  outcome->changes = belfry_sqlite_type_changes_new ();

  return outcome;
}

void
belfry_sqlite_outcome_free (BelfrySqliteOutcome *outcome)
{
  g_ptr_array_unref (outcome->jobs);
  g_ptr_array_unref (outcome->run);
  g_array_unref (outcome->changes);
  g_clear_error (&outcome->error);
  g_free (outcome);
}

BelfrySqliteWriter *
belfry_sqlite_writer_new (BelfrySqliteLog          *log,
                          BelfrySqliteCheckpointer *checkpointer,
                          GSource                  *source,
                          BelfrySqliteClockFunc     clock,
                          gpointer                  clock_data)
{
  BelfrySqliteWriter *self = g_new0 (BelfrySqliteWriter, 1);

  self->log = log;
  self->checkpointer = checkpointer;
  self->source = g_source_ref (source);
  self->clock = clock;
  self->clock_data = clock_data;
  self->outcomes = g_queue_new ();
  self->start_changes = belfry_sqlite_type_changes_new ();
  self->appender = belfry_sqlite_appender_new (log);
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  g_cond_init (&self->started);
  g_queue_init (&self->jobs);

  return self;
}

void
belfry_sqlite_writer_free (BelfrySqliteWriter *self)
{
  g_assert (self->thread == NULL);

  g_queue_clear_full (&self->jobs, (GDestroyNotify) belfry_sqlite_job_free);
  g_queue_free_full (self->outcomes, (GDestroyNotify) belfry_sqlite_outcome_free);
  g_clear_pointer (&self->appender, belfry_sqlite_appender_free);
  g_clear_error (&self->start_error);
  g_clear_pointer (&self->start_changes, g_array_unref);
  g_cond_clear (&self->started);
  g_cond_clear (&self->wake);
  g_mutex_clear (&self->lock);
  g_source_unref (self->source);
  g_free (self);
}

/* Lock held. All appends that wait, within the bounds of a transaction; anything else comes alone. */
static void
take_jobs (BelfrySqliteWriter *self,
           GPtrArray          *jobs)
{
  gsize n_events = 0, n_bytes = 0;

  for (;;)
    {
      BelfrySqliteJob *job = g_queue_peek_head (&self->jobs);

      if (job == NULL)
        return;
      if (jobs->len > 0 &&
          (job->kind != BELFRY_SQLITE_JOB_APPEND ||
           n_events + job->events->len > MAX_TRANSACTION_EVENTS || n_bytes + job->bytes > MAX_TRANSACTION_BYTES))
        return;

      g_ptr_array_add (jobs, g_queue_pop_head (&self->jobs));
      if (job->kind != BELFRY_SQLITE_JOB_APPEND)
        return;
      n_events += job->events->len;
      n_bytes += job->bytes;
    }
}

void
belfry_sqlite_writer_update_gauges (BelfrySqliteWriter *self)
{
  self->gauges.wal_bytes = (guint64) self->appender->n_wal_pages * (self->log->page_size + 24);
  self->gauges.receipt_bytes = belfry_sqlite_receipts_get_bytes (self->appender->receipts);
  self->gauges.receipts_dropped = belfry_sqlite_receipts_get_dropped (self->appender->receipts);
  self->gauges.chores_set_aside = (guint) __builtin_popcount (self->appender->set_aside);
  belfry_sqlite_dead_letters_get_tally (self->appender->letters, &self->gauges.letters);
}

static void
tell (BelfrySqliteWriter  *self,
      BelfrySqliteOutcome *outcome)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  outcome->last_position = self->appender->state.next_position - 1;
  outcome->floor = self->appender->state.floor;
  belfry_sqlite_writer_update_gauges (self);
  g_queue_push_tail (self->outcomes, outcome);
  g_source_set_ready_time (self->source, 0);
}

/* In the open transaction: whether the job's events are to be appended, which they are not when they repeat what was done
 * before. What goes with them is written. */
static gboolean
admit_job (BelfrySqliteWriter     *self,
           const BelfrySqliteJob  *job,
           guint                   n_before,
           gint64                  now_usec,
           gboolean               *is_admitted,
           GError                **error)
{
  *is_admitted = TRUE;
  if (job->receipt != NULL)
    {
      if (!belfry_sqlite_appender_admit (self->appender, job->receipt, job->events, n_before, now_usec, error))
        return FALSE;
      /* Not known and nothing to be appended: there may be letters all the same. */
      *is_admitted = job->receipt->outcome == BELFRY_RECEIPT_STORED || job->receipt->outcome == BELFRY_RECEIPT_UNKNOWN;
    }
  if (job->replay != NULL)
    {
      if (!belfry_sqlite_appender_admit_replay (self->appender, job->replay, job->events, n_before, now_usec, error))
        return FALSE;
      *is_admitted = job->replay->outcome == BELFRY_REPLAY_DONE;
    }

  return !*is_admitted || job->letters == NULL ||
         belfry_sqlite_dead_letters_add (self->appender->letters, job->letters, now_usec, error);
}

/* The run gets the events of all jobs, but of those that repeat what was done before. */
static gboolean
collect_run (BelfrySqliteWriter   *self,
             BelfrySqliteOutcome  *outcome,
             gint64                now_usec,
             GError              **error)
{
  guint n_kept = 0;

  for (guint i = 0; i < outcome->jobs->len; i++)
    {
      const BelfrySqliteJob *job = g_ptr_array_index (outcome->jobs, i);
      gboolean is_admitted;

      if (!admit_job (self, job, outcome->run->len, now_usec, &is_admitted, error))
        return FALSE;
      if (!is_admitted)
        continue;
      if (job->receipt != NULL && job->receipt->outcome == BELFRY_RECEIPT_STORED)
        n_kept++;

      for (guint j = 0; j < job->events->len; j++)
        g_ptr_array_add (outcome->run, belfry_event_ref (g_ptr_array_index (job->events, j)));
    }

  /* Who brings receipts takes old ones away: faster than they come, and a few at a time. */
  return n_kept == 0 || (self->appender->set_aside & BELFRY_SQLITE_CHORE_RECEIPTS) != 0 ||
         !belfry_sqlite_receipts_is_due (self->appender->receipts, now_usec) ||
         belfry_sqlite_receipts_trim (self->appender->receipts, now_usec, 2 * n_kept, error);
}

static gboolean
append_jobs (BelfrySqliteWriter   *self,
             BelfrySqliteOutcome  *outcome,
             GError              **error)
{
  gint64 now_usec = self->clock (self->clock_data);

  if (!collect_run (self, outcome, now_usec, error))
    return FALSE;
  self->appender->seal_chunks = MAX (self->log->tuning.seal_chunks, outcome->run->len / EVENTS_A_CHUNK);
  self->appender->seal_usec = BELFRY_SQLITE_PORTION_USEC;
  outcome->is_clock_held = now_usec < self->appender->state.last_usec;
  if (outcome->run->len == 0)
    return belfry_sqlite_appender_commit (self->appender, &self->appender->state, error);

  return belfry_sqlite_appender_append (self->appender, outcome->run, now_usec, outcome->changes, error);
}

/* Opens the connection if there is none. What turns out to be in the log without anybody knowing of it is told of. */
static gboolean
ensure_open (BelfrySqliteWriter  *self,
             GError             **error)
{
  g_autoptr(BelfrySqliteOutcome) outcome = NULL;

  /* A flush of the same file failed elsewhere, and may have taken with it what this connection wrote. */
  if (belfry_sqlite_checkpointer_take_failure (self->checkpointer))
    belfry_sqlite_appender_close (self->appender);

  if (self->appender->db != NULL)
    return TRUE;
  if (!belfry_sqlite_appender_open (self->appender, error))
    return FALSE;

  outcome = belfry_sqlite_outcome_new ();
  if (self->appender->announced != self->appender->state.next_position &&
      !belfry_sqlite_appender_recall (self->appender, outcome->run, outcome->changes, error))
    {
      belfry_sqlite_appender_close (self->appender);
      return FALSE;
    }

  /* A deletion that was answered with a failure may be in the log all the same. */
  g_array_set_size (outcome->changes, 0);
  belfry_sqlite_types_tell (self->appender->types, outcome->changes);
  outcome->is_recount = TRUE;
  tell (self, g_steal_pointer (&outcome));

  return TRUE;
}

static gboolean
check (BelfrySqliteWriter  *self,
       GError             **error)
{
  /* A row that says what it said before is not written at all. */
  return belfry_sqlite_execute (self->appender->db,
                                "INSERT INTO skipped VALUES (0, 0); DELETE FROM skipped WHERE first = 0", error) &&
         belfry_sqlite_appender_commit (self->appender, &self->appender->state, error);
}

static gboolean
delete_letter (BelfrySqliteWriter  *self,
               BelfrySqliteJob     *job,
               GError             **error)
{
  return belfry_sqlite_dead_letters_remove (self->appender->letters, job->letter, &job->was_there, error) &&
         belfry_sqlite_appender_commit (self->appender, &self->appender->state, error);
}

static gboolean
run_transaction (BelfrySqliteWriter   *self,
                 BelfrySqliteOutcome  *outcome,
                 GError              **error)
{
  BelfrySqliteJob *job = g_ptr_array_index (outcome->jobs, 0);

  if (job->kind == BELFRY_SQLITE_JOB_CHECK && !self->is_failing &&
      self->committed_usec != 0 && g_get_monotonic_time () - self->committed_usec < CHECK_USEC)
    return TRUE;

  if (!ensure_open (self, error) || !belfry_sqlite_appender_begin (self->appender, error))
    return FALSE;

  switch (job->kind)
    {
    case BELFRY_SQLITE_JOB_APPEND:
      return append_jobs (self, outcome, error);
    case BELFRY_SQLITE_JOB_DELETE:
      return belfry_sqlite_appender_delete (self->appender,
                                            job->cut != 0 ? job->cut : self->appender->state.next_position,
                                            job->counts, outcome->changes, error);
    case BELFRY_SQLITE_JOB_DELETE_LETTER:
      return delete_letter (self, job, error);
    case BELFRY_SQLITE_JOB_CHECK:
      return check (self, error);
    default:
      g_assert_not_reached ();
    }
}

void
belfry_sqlite_writer_give_up (BelfrySqliteWriter *self,
                              const GError       *error)
{
  if (self->appender->db != NULL)
    {
      belfry_sqlite_appender_give_up (self->appender);
      if (!belfry_sqlite_error_is_full (error))
        belfry_sqlite_appender_close (self->appender);
    }

  /* A log that begins anew takes no space. */
  if (belfry_sqlite_error_is_full (error))
    belfry_sqlite_checkpointer_request (self->checkpointer);

  if (!self->is_failing)
    g_warning ("The log cannot be written: %s; trying again with each request", error->message);
  else
    g_debug ("The log still cannot be written: %s", error->message);
  self->is_failing = TRUE;
}

static void
note_success (BelfrySqliteWriter *self)
{
  self->committed_usec = g_get_monotonic_time ();
  belfry_sqlite_checkpointer_note (self->checkpointer, self->appender->n_wal_pages);
  if (self->is_failing)
    g_message ("The log can be written again");
  self->is_failing = FALSE;
}

static gboolean
is_append (const BelfrySqliteOutcome *outcome)
{
  return ((const BelfrySqliteJob *) g_ptr_array_index (outcome->jobs, 0))->kind == BELFRY_SQLITE_JOB_APPEND;
}

static gboolean
is_check (const BelfrySqliteOutcome *outcome)
{
  return ((const BelfrySqliteJob *) g_ptr_array_index (outcome->jobs, 0))->kind == BELFRY_SQLITE_JOB_CHECK;
}

static gboolean
attempt (BelfrySqliteWriter   *self,
         BelfrySqliteOutcome  *outcome,
         GError              **error)
{
  g_autoptr(GError) local_error = NULL;
  guint set_aside = self->appender->set_aside;

  g_ptr_array_set_size (outcome->run, 0);
  g_array_set_size (outcome->changes, 0);
  if (run_transaction (self, outcome, &local_error))
    {
      /* Jobs that only repeat what was done before prove nothing: they write nothing. */
      if (outcome->run->len > 0 || !is_append (outcome))
        note_success (self);
      return TRUE;
    }

  /* A part of an index that went with the transaction came upon damage: the transaction goes without it. */
  if (self->appender->set_aside != set_aside)
    {
      belfry_sqlite_appender_give_up (self->appender);
      return attempt (self, outcome, error);
    }

  belfry_sqlite_writer_give_up (self, local_error);
  g_propagate_error (error, g_steal_pointer (&local_error));

  return FALSE;
}

/* After a failure that cost the connection. A commit whose flush failed may be in the log all the same: a new
 * connection tells. When it is not, the new connection may try it once more. */
static gboolean
attempt_anew (BelfrySqliteWriter   *self,
              BelfrySqliteOutcome  *outcome,
              GError              **error)
{
  g_autoptr(GError) local_error = NULL;

  /* What is told is why it failed, not that it goes on failing. */
  g_array_set_size (outcome->changes, 0);
  if (!belfry_sqlite_appender_open (self->appender, NULL))
    return FALSE;

  if (belfry_sqlite_appender_adopt (self->appender, outcome->run, outcome->changes))
    {
      note_success (self);
      return TRUE;
    }

  if (self->appender->announced != self->appender->state.next_position)
    {
      belfry_sqlite_appender_close (self->appender);
      return FALSE;
    }

  if (!attempt (self, outcome, &local_error))
    return FALSE;
  g_clear_error (error);

  return TRUE;
}

static void
run_jobs (BelfrySqliteWriter  *self,
          BelfrySqliteOutcome *outcome)
{
  g_autoptr(GError) error = NULL;
  gint64 began_usec = g_get_monotonic_time ();
  gboolean success = attempt (self, outcome, &error);

  if (!success && self->appender->db == NULL && outcome->run->len > 0)
    success = attempt_anew (self, outcome, &error);

  if (!success)
    {
      g_ptr_array_set_size (outcome->run, 0);
      g_array_set_size (outcome->changes, 0);
      outcome->error = is_check (outcome)
                       ? g_error_new_literal (BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "Storage unavailable")
                       : belfry_sqlite_publish_error (error);
    }
  else if (self->appender->set_aside != 0 && is_check (outcome))
    {
      outcome->error = g_error_new_literal (BELFRY_ERROR, BELFRY_ERROR_CORRUPT, "A part of the database is damaged");
    }

  outcome->took_usec = g_get_monotonic_time () - began_usec;
  tell (self, outcome);
}

static gboolean
start (BelfrySqliteWriter *self)
{
  g_autoptr(GMutexLocker) locker = NULL;
  g_autoptr(GError) error = NULL;
  gboolean success = belfry_sqlite_appender_open (self->appender, &error);

  if (success)
    {
      self->start_state = self->appender->state;
      belfry_sqlite_types_tell (self->appender->types, self->start_changes);
    }

  locker = g_mutex_locker_new (&self->lock);
  if (success)
    belfry_sqlite_writer_update_gauges (self);
  self->start_error = g_steal_pointer (&error);
  self->is_started = TRUE;
  g_cond_signal (&self->started);

  return success;
}

/* Waits for jobs; not when there is more to tend. When nothing comes for a while, memory is given back. */
static gboolean
wait_for_jobs (BelfrySqliteWriter *self,
               gboolean            has_more,
               GPtrArray          *jobs)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  gint64 end_usec = g_get_monotonic_time () + self->log->tuning.idle_usec;

  while (!has_more && g_queue_is_empty (&self->jobs) && !self->is_stopping)
    {
      gboolean may_keep = self->appender->db != NULL && (self->appender->set_aside & BELFRY_SQLITE_CHORE_CURSORS) == 0;
      gint64 due_usec = may_keep ? belfry_sqlite_cursors_get_due (self->log->cursors) : 0;

      if (due_usec != 0)
        {
          has_more = !g_cond_wait_until (&self->wake, &self->lock, due_usec);
        }
      else if (self->is_settled || self->appender->db == NULL)
        {
          g_cond_wait (&self->wake, &self->lock);
        }
      else if (!g_cond_wait_until (&self->wake, &self->lock, end_usec))
        {
          self->is_settled = TRUE;
          has_more = TRUE;
        }
    }
  take_jobs (self, jobs);

  return jobs->len > 0 || !self->is_stopping;
}

/* A block that is indexed now need not be read at the next start. */
static void
leave_in_order (BelfrySqliteWriter *self)
{
  gint64 end_usec = g_get_monotonic_time () + MAX_LEAVE_USEC;

  self->appender->may_hold_dead = FALSE;
  self->appender->may_hold_old = FALSE;
  self->is_leaving = TRUE;
  if (belfry_sqlite_sealer_is_reading (self->appender->sealer))
    belfry_sqlite_sealer_cancel (self->appender->sealer);
  while (g_get_monotonic_time () < end_usec && belfry_sqlite_writer_tend (self, TRUE))
    ;
  belfry_sqlite_appender_close (self->appender);
}

static gpointer
writer_thread (gpointer data)
{
  BelfrySqliteWriter *self = data;
  gboolean has_more = TRUE;

  if (!start (self))
    return NULL;

  for (;;)
    {
      g_autoptr(BelfrySqliteOutcome) outcome = belfry_sqlite_outcome_new ();
      gboolean is_idle;

      if (!wait_for_jobs (self, has_more, outcome->jobs))
        break;

      is_idle = outcome->jobs->len == 0;
      if (!is_idle)
        {
          self->is_settled = FALSE;
          run_jobs (self, g_steal_pointer (&outcome));
        }
      has_more = belfry_sqlite_writer_tend (self, is_idle) || (!is_idle && self->appender->db != NULL);
      if (!has_more && self->is_settled && self->appender->db != NULL)
        sqlite3_db_release_memory (self->appender->db);
    }

  leave_in_order (self);

  return NULL;
}

/* Starts the thread and waits until it has opened the database; tells what it found there. */
gboolean
belfry_sqlite_writer_start (BelfrySqliteWriter  *self,
                            BelfrySqliteState   *state,
                            GArray             **changes,
                            GError             **error)
{
  g_autoptr(GMutexLocker) locker = NULL;

  self->thread = g_thread_new ("belfry-writer", writer_thread, self);

  locker = g_mutex_locker_new (&self->lock);
  while (!self->is_started)
    g_cond_wait (&self->started, &self->lock);

  if (self->start_error != NULL)
    {
      g_clear_pointer (&locker, g_mutex_locker_free);
      g_thread_join (g_steal_pointer (&self->thread));
      g_propagate_error (error, g_steal_pointer (&self->start_error));
      return FALSE;
    }

  *state = self->start_state;
  *changes = g_steal_pointer (&self->start_changes);

  return TRUE;
}

void
belfry_sqlite_writer_push (BelfrySqliteWriter *self,
                           BelfrySqliteJob    *job)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  g_queue_push_tail (&self->jobs, job);
  g_cond_signal (&self->wake);
}

/* A cursor of the log has moved, and none had before: if nothing else is written soon, that is. */
void
belfry_sqlite_writer_note_cursor (BelfrySqliteWriter *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  g_cond_signal (&self->wake);
}

GQueue *
belfry_sqlite_writer_take_outcomes (BelfrySqliteWriter *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  GQueue *outcomes = self->outcomes;

  self->outcomes = g_queue_new ();

  return outcomes;
}

void
belfry_sqlite_writer_get_gauges (BelfrySqliteWriter *self,
                                 BelfrySqliteGauges *gauges)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  *gauges = self->gauges;
}

/* Finishes all that was pushed, then ends the thread. */
void
belfry_sqlite_writer_stop (BelfrySqliteWriter *self)
{
  if (self->thread == NULL)
    return;

  g_mutex_lock (&self->lock);
  self->is_stopping = TRUE;
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);

  g_thread_join (g_steal_pointer (&self->thread));
}
