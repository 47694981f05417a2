/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The store's face as an EventStore: turns what is asked into jobs of the writer and reads of the
 * readers, and answers it. All of it on the home context. */

#include "belfry-sqlite-store-private.h"

/* A delete or a check more than these is refused. */
#define MAX_WAITING_DELETES 100
#define MAX_WAITING_CHECKS  1000

/* What the text of a listing begins with: most are longer, but none is much shorter. */
#define LISTING_BYTES 8192

GTask *
belfry_sqlite_store_begin_task (BelfrySqliteStore   *self,
                                gpointer             tag,
                                GCancellable        *cancellable,
                                GAsyncReadyCallback  callback,
                                gpointer             user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, tag);
  if (self->is_open)
    return task;

  g_task_return_new_error (task, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "The store is closed");
  g_object_unref (task);

  return NULL;
}

static void
refuse (GTask *task)
{
  g_task_return_new_error (task, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "Too much waits");
  g_object_unref (task);
}

static void
push_job (BelfrySqliteStore   *self,
          BelfrySqliteJobKind  kind,
          GTask               *task)
{
  BelfrySqliteJob *job = g_new0 (BelfrySqliteJob, 1);

  job->kind = kind;
  job->task = task;
  belfry_sqlite_writer_push (self->writer, job);
}

static gsize
measure (GPtrArray *events)
{
  gsize bytes = 0;

  for (guint i = 0; i < events->len; i++)
    bytes += belfry_event_get_size (g_ptr_array_index (events, i));

  return bytes;
}

/* What an append counts for among those that wait; one that only looks for its receipt is work too. */
static guint
weigh (const GPtrArray *events,
       const GPtrArray *letters)
{
  return MAX (events->len + (letters != NULL ? letters->len : 0), 1);
}

void
belfry_sqlite_store_push_append (BelfrySqliteStore    *self,
                                 GTask                *task,
                                 const BelfryConsignment *delivery)
{
  GPtrArray *events = delivery->events;
  BelfrySqliteJob *job;
  guint weight = weigh (events, delivery->letters);
  gsize bytes = measure (events);

  for (guint i = 0; delivery->letters != NULL && i < delivery->letters->len; i++)
    bytes += ((const BelfryDeadLetter *) g_ptr_array_index (delivery->letters, i))->size;
  if ((self->refuses_appends && events->len > 0) ||
      self->waiting_events + weight > self->max_waiting_events ||
      self->waiting_bytes + bytes > self->max_waiting_bytes)
    {
      self->appends_failed++;
      refuse (task);
      return;
    }

  self->waiting_events += weight;
  self->waiting_bytes += bytes;
  job = g_new0 (BelfrySqliteJob, 1);
  job->kind = BELFRY_SQLITE_JOB_APPEND;
  job->task = task;
  job->events = g_ptr_array_ref (events);
  job->letters = delivery->letters != NULL ? g_ptr_array_ref (delivery->letters) : NULL;
  job->receipt = delivery->receipt != NULL ? belfry_receipt_ref (delivery->receipt) : NULL;
  job->replay = delivery->replay != NULL ? belfry_replay_ref (delivery->replay) : NULL;
  job->bytes = bytes;
  belfry_sqlite_writer_push (self->writer, job);
}

static void
belfry_sqlite_store_append_async (BelfryEventStore    *store,
                                  GPtrArray           *events,
                                  GCancellable        *cancellable,
                                  GAsyncReadyCallback  callback,
                                  gpointer             user_data)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (store);
  g_autoptr(GTask) task = belfry_sqlite_store_begin_task (self, belfry_event_store_append_async, cancellable, callback, user_data);
  const BelfryConsignment delivery = { .events = events };

  if (task == NULL || g_task_return_error_if_cancelled (task))
    return;

  if (events->len == 0)
    g_task_return_boolean (task, TRUE);
  else
    belfry_sqlite_store_push_append (self, g_steal_pointer (&task), &delivery);
}

static void
belfry_sqlite_store_append_with_receipt_async (BelfryReceiptKeeper *keeper,
                                               GPtrArray           *events,
                                               BelfryReceipt       *receipt,
                                               GCancellable        *cancellable,
                                               GAsyncReadyCallback  callback,
                                               gpointer             user_data)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (keeper);
  g_autoptr(GTask) task = belfry_sqlite_store_begin_task (self, belfry_receipt_keeper_append_async, cancellable, callback, user_data);
  const BelfryConsignment delivery = { .events = events, .receipt = receipt };

  if (task != NULL && !g_task_return_error_if_cancelled (task))
    belfry_sqlite_store_push_append (self, g_steal_pointer (&task), &delivery);
}

static gboolean
belfry_sqlite_store_append_finish (BelfryEventStore  *store,
                                   GAsyncResult      *result,
                                   GError           **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
belfry_sqlite_store_push_read (BelfrySqliteStore *self,
                               GTask             *task,
                               BelfrySqliteRead  *read)
{
  g_task_set_task_data (task, read, (GDestroyNotify) belfry_sqlite_read_free);
  if (belfry_sqlite_readers_get_n_waiting (self->readers) < self->max_waiting_reads)
    {
      belfry_sqlite_readers_push (self->readers, task);
      return;
    }

  refuse (task);
}

static void
push_query (BelfrySqliteStore    *self,
            GTask                *task,
            BelfrySqliteReadKind  kind,
            BelfryFilter         *filter,
            gint64                since_usec,
            guint64               before_position,
            guint                 limit)
{
  BelfrySqliteRead *read = belfry_sqlite_read_new (kind);

  read->usec = since_usec;
  belfry_sqlite_scan_init (&read->scan, filter, TRUE,
                           0, before_position != 0 ? before_position - 1 : G_MAXINT64,
                           limit, (gsize) MIN (self->max_query_bytes, G_MAXSIZE));
  if (kind == BELFRY_SQLITE_READ_LIST)
    read->scan.text = g_string_sized_new (LISTING_BYTES);
  belfry_sqlite_store_push_read (self, task, read);
}

static void
belfry_sqlite_store_query_async (BelfryEventStore    *store,
                                 BelfryFilter        *filter,
                                 gint64               since_usec,
                                 guint64              before_position,
                                 guint                limit,
                                 GCancellable        *cancellable,
                                 GAsyncReadyCallback  callback,
                                 gpointer             user_data)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (store);
  GTask *task = belfry_sqlite_store_begin_task (self, belfry_event_store_query_async, cancellable, callback, user_data);

  if (task != NULL)
    push_query (self, task, BELFRY_SQLITE_READ_QUERY, filter, since_usec, before_position, limit);
}

static void
belfry_sqlite_store_list_async (BelfryEventLister   *lister,
                                BelfryFilter        *filter,
                                gint64               since_usec,
                                guint64              before_position,
                                guint                limit,
                                GCancellable        *cancellable,
                                GAsyncReadyCallback  callback,
                                gpointer             user_data)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (lister);
  GTask *task = belfry_sqlite_store_begin_task (self, belfry_event_store_list_async, cancellable, callback, user_data);

  /* One more than is shown tells whether there is more. */
  if (task != NULL)
    push_query (self, task, BELFRY_SQLITE_READ_LIST, filter, since_usec, before_position, limit + 1);
}

static gboolean
belfry_sqlite_store_query_was_cut (BelfryEventStore *store,
                                   GAsyncResult     *result)
{
  const BelfrySqliteRead *read = g_task_get_task_data (G_TASK (result));

  return read != NULL && read->was_cut;
}

/* What was found, however it is to be handed over. */
static gpointer
finish_query (BelfrySqliteStore  *self,
              GAsyncResult       *result,
              GError            **error)
{
  if (belfry_sqlite_store_query_was_cut (BELFRY_EVENT_STORE (self), result))
    self->queries_cut++;

  return g_task_propagate_pointer (G_TASK (result), error);
}

static GPtrArray *
belfry_sqlite_store_query_finish (BelfryEventStore  *store,
                                  GAsyncResult      *result,
                                  GError           **error)
{
  return finish_query (BELFRY_SQLITE_STORE (store), result, error);
}

static BelfryEventListing *
belfry_sqlite_store_list_finish (BelfryEventLister  *lister,
                                 GAsyncResult       *result,
                                 GError            **error)
{
  return finish_query (BELFRY_SQLITE_STORE (lister), result, error);
}

static void
belfry_sqlite_store_lookup_async (BelfryEventStore    *store,
                                  const char          *id,
                                  GCancellable        *cancellable,
                                  GAsyncReadyCallback  callback,
                                  gpointer             user_data)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (store);
  GTask *task = belfry_sqlite_store_begin_task (self, belfry_event_store_lookup_async, cancellable, callback, user_data);
  BelfrySqliteRead *read;

  if (task == NULL)
    return;

  read = belfry_sqlite_read_new (BELFRY_SQLITE_READ_LOOKUP);
  read->id = g_strdup (id);
  belfry_sqlite_store_push_read (self, task, read);
}

static BelfryEvent *
belfry_sqlite_store_lookup_finish (BelfryEventStore  *store,
                                   GAsyncResult      *result,
                                   GError           **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
belfry_sqlite_store_read_async (BelfryEventStore    *store,
                                BelfryFilter        *filter,
                                guint64              after,
                                guint64              through,
                                guint                max_events,
                                gsize                max_bytes,
                                GCancellable        *cancellable,
                                GAsyncReadyCallback  callback,
                                gpointer             user_data)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (store);
  GTask *task = belfry_sqlite_store_begin_task (self, belfry_event_store_read_async, cancellable, callback, user_data);
  BelfrySqliteRead *read;

  if (task == NULL)
    return;

  read = belfry_sqlite_read_new (BELFRY_SQLITE_READ_PAGE);
  read->after = MIN (after, G_MAXINT64 - 1);
  read->through = through;
  belfry_sqlite_scan_init (&read->scan, filter, FALSE, read->after + 1, through, max_events, max_bytes);
  belfry_sqlite_store_push_read (self, task, read);
}

static BelfryLogPage *
belfry_sqlite_store_read_finish (BelfryEventStore  *store,
                                 GAsyncResult      *result,
                                 GError           **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void begin_delete (BelfrySqliteStore *self);

static void
end_delete (BelfrySqliteStore *self)
{
  g_object_unref (g_queue_pop_head (&self->deletes));
  begin_delete (self);
}

static void
delete_found (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (source);
  g_autoptr(BelfrySqliteCut) cut = NULL;
  g_autoptr(GError) error = NULL;
  GTask *task = g_queue_peek_head (&self->deletes);
  BelfrySqliteJob *job;

  cut = g_task_propagate_pointer (G_TASK (result), &error);
  if (cut == NULL || !self->is_open)
    {
      if (cut != NULL)
        error = g_error_new_literal (BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "The store is closed");
      g_task_return_error (task, g_steal_pointer (&error));
      end_delete (self);
      return;
    }

  job = g_new0 (BelfrySqliteJob, 1);
  job->kind = BELFRY_SQLITE_JOB_DELETE;
  job->task = g_object_ref (task);
  job->cut = cut->position;
  job->counts = g_hash_table_ref (cut->counts);
  belfry_sqlite_writer_push (self->writer, job);
}

/* One delete at a time, so that what a reader counts below the cut is still there when the writer moves the floor. */
static void
begin_delete (BelfrySqliteStore *self)
{
  GTask *task = g_queue_peek_head (&self->deletes);
  BelfrySqliteRead *read;
  gint64 before_usec;

  if (task == NULL)
    return;

  if (!self->is_open)
    {
      g_task_return_new_error (task, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "The store is closed");
      end_delete (self);
      return;
    }

  before_usec = *(gint64 *) g_task_get_task_data (task);
  if (before_usec == G_MAXINT64)
    {
      push_job (self, BELFRY_SQLITE_JOB_DELETE, g_object_ref (task));
      return;
    }

  read = belfry_sqlite_read_new (BELFRY_SQLITE_READ_CUT);
  read->usec = before_usec;
  belfry_sqlite_store_push_read (self, g_task_new (self, g_task_get_cancellable (task), delete_found, NULL), read);
}

static void
belfry_sqlite_store_delete_async (BelfryEventStore    *store,
                                  gint64               before_usec,
                                  GCancellable        *cancellable,
                                  GAsyncReadyCallback  callback,
                                  gpointer             user_data)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (store);
  GTask *task = belfry_sqlite_store_begin_task (self, belfry_event_store_delete_async, cancellable, callback, user_data);

  if (task == NULL)
    return;

  if (self->deletes.length >= MAX_WAITING_DELETES)
    {
      refuse (task);
      return;
    }

  g_task_set_task_data (task, g_memdup2 (&before_usec, sizeof before_usec), g_free);
  g_queue_push_tail (&self->deletes, task);
  if (self->deletes.length == 1)
    begin_delete (self);
}

static gboolean
belfry_sqlite_store_delete_finish (BelfryEventStore  *store,
                                   GAsyncResult      *result,
                                   guint64           *n_deleted,
                                   GError           **error)
{
  g_autofree guint64 *number = g_task_propagate_pointer (G_TASK (result), error);

  if (number != NULL && n_deleted != NULL)
    *n_deleted = *number;

  return number != NULL;
}

static void
hour_found (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (source);
  g_autoptr(BelfrySqliteCut) cut = NULL;
  g_autoptr(GTask) task = user_data;
  g_autoptr(GError) error = NULL;
  guint64 n_events;

  cut = g_task_propagate_pointer (G_TASK (result), &error);
  if (cut == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  if (!self->is_open)
    {
      g_task_return_new_error (task, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "The store is closed");
      return;
    }

  n_events = belfry_sqlite_log_count_used (self->log, MAX (cut->position, self->floor), self->last_position);
  g_task_return_pointer (task, belfry_sqlite_stats_snapshot (self->stats, n_events),
                         (GDestroyNotify) belfry_store_stats_free);
}

static void
belfry_sqlite_store_stats_async (BelfryEventStore    *store,
                                 GCancellable        *cancellable,
                                 GAsyncReadyCallback  callback,
                                 gpointer             user_data)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (store);
  GTask *task = belfry_sqlite_store_begin_task (self, belfry_event_store_stats_async, cancellable, callback, user_data);
  BelfrySqliteRead *read;

  if (task == NULL)
    return;

  read = belfry_sqlite_read_new (BELFRY_SQLITE_READ_TIME);
  read->usec = self->clock (self->clock_data) - G_TIME_SPAN_HOUR;
  belfry_sqlite_store_push_read (self, g_task_new (self, cancellable, hour_found, task), read);
}

static BelfryStoreStats *
belfry_sqlite_store_stats_finish (BelfryEventStore  *store,
                                  GAsyncResult      *result,
                                  GError           **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
belfry_sqlite_store_check_async (BelfryEventStore    *store,
                                 GCancellable        *cancellable,
                                 GAsyncReadyCallback  callback,
                                 gpointer             user_data)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (store);
  GTask *task = belfry_sqlite_store_begin_task (self, belfry_event_store_check_async, cancellable, callback, user_data);

  if (task == NULL)
    return;

  if (self->waiting_checks >= MAX_WAITING_CHECKS)
    {
      refuse (task);
      return;
    }

  self->waiting_checks++;
  push_job (self, BELFRY_SQLITE_JOB_CHECK, task);
}

static gboolean
belfry_sqlite_store_check_finish (BelfryEventStore  *store,
                                  GAsyncResult      *result,
                                  GError           **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static guint64
belfry_sqlite_store_get_log_id (BelfryEventStore *store)
{
  return BELFRY_SQLITE_STORE (store)->log_id;
}

static guint64
belfry_sqlite_store_get_last_position (BelfryEventStore *store)
{
  return BELFRY_SQLITE_STORE (store)->last_position;
}

static guint64
belfry_sqlite_store_get_floor (BelfryEventStore *store)
{
  return BELFRY_SQLITE_STORE (store)->floor;
}

static void
count_receipt (BelfrySqliteStore   *self,
               const BelfryReceipt *receipt)
{
  switch (receipt->outcome)
    {
    case BELFRY_RECEIPT_STORED:
      self->receipts_stored++;
      break;
    case BELFRY_RECEIPT_REPEATED:
      self->receipts_repeated++;
      break;
    case BELFRY_RECEIPT_MISMATCHED:
      self->receipts_mismatched++;
      break;
    case BELFRY_RECEIPT_OPEN:
    case BELFRY_RECEIPT_UNKNOWN:
    default:
      break;
    }
}

static void
answer_job (BelfrySqliteStore         *self,
            const BelfrySqliteJob     *job,
            const BelfrySqliteOutcome *outcome,
            guint64                    n_deleted)
{
  if (job->kind == BELFRY_SQLITE_JOB_APPEND)
    {
      self->waiting_events -= weigh (job->events, job->letters);
      self->waiting_bytes -= job->bytes;
      if (outcome->error != NULL)
        self->appends_failed++;
      else if (job->receipt != NULL)
        count_receipt (self, job->receipt);
    }

  if (job->kind == BELFRY_SQLITE_JOB_CHECK)
    self->waiting_checks--;
  if (job->kind == BELFRY_SQLITE_JOB_DELETE_LETTER)
    self->waiting_letter_deletes--;

  if (outcome->error != NULL)
    g_task_return_error (job->task, g_error_copy (outcome->error));
  else if (job->kind == BELFRY_SQLITE_JOB_DELETE_LETTER && !job->was_there)
    g_task_return_new_error (job->task, BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND, "No such dead letter");
  else if (job->kind == BELFRY_SQLITE_JOB_DELETE)
    g_task_return_pointer (job->task, g_memdup2 (&n_deleted, sizeof n_deleted), g_free);
  else
    g_task_return_boolean (job->task, TRUE);

  if (job->kind == BELFRY_SQLITE_JOB_DELETE)
    end_delete (self);
}

/* First everybody hears of the events, then their senders are answered. */
static void
tell_outcome (BelfrySqliteStore         *self,
              const BelfrySqliteOutcome *outcome)
{
  gboolean is_shorter = outcome->floor != self->floor;
  guint64 n_deleted;

  if (outcome->is_recount)
    belfry_sqlite_stats_clear (self->stats);
  n_deleted = belfry_sqlite_stats_apply (self->stats, outcome->changes);
  self->floor = outcome->floor;
  self->last_position = outcome->last_position;
  if (outcome->run->len > 0)
    {
      self->commits++;
      self->events_appended += outcome->run->len;
      self->largest_batch = MAX (self->largest_batch, outcome->run->len);
      belfry_histogram_observe (&self->commit_times, outcome->took_usec);
      belfry_histogram_observe (&self->commit_events, outcome->run->len);
      if (outcome->is_clock_held)
        self->clock_held += outcome->run->len;
      g_signal_emit_by_name (self, "committed", outcome->run);
    }
  if (is_shorter)
    g_signal_emit_by_name (self, "removed");

  for (guint i = 0; i < outcome->jobs->len; i++)
    answer_job (self, g_ptr_array_index (outcome->jobs, i), outcome, n_deleted);
}

/* Tells and answers what the writer has done. Whoever is told may close the store, which comes here
 * again: what is left then is told in there, in order. */
void
belfry_sqlite_store_tell_outcomes (BelfrySqliteStore *self)
{
  GQueue *fresh = belfry_sqlite_writer_take_outcomes (self->writer);
  BelfrySqliteOutcome *outcome;

  while ((outcome = g_queue_pop_head (fresh)) != NULL)
    g_queue_push_tail (&self->outcomes, outcome);
  g_queue_free (fresh);

  while ((outcome = g_queue_pop_head (&self->outcomes)) != NULL)
    {
      tell_outcome (self, outcome);
      belfry_sqlite_outcome_free (outcome);
    }
}

void
belfry_sqlite_store_event_store_init (BelfryEventStoreInterface *iface)
{
  iface->append_async = belfry_sqlite_store_append_async;
  iface->append_finish = belfry_sqlite_store_append_finish;
  iface->query_async = belfry_sqlite_store_query_async;
  iface->query_finish = belfry_sqlite_store_query_finish;
  iface->query_was_cut = belfry_sqlite_store_query_was_cut;
  iface->lookup_async = belfry_sqlite_store_lookup_async;
  iface->lookup_finish = belfry_sqlite_store_lookup_finish;
  iface->read_async = belfry_sqlite_store_read_async;
  iface->read_finish = belfry_sqlite_store_read_finish;
  iface->delete_async = belfry_sqlite_store_delete_async;
  iface->delete_finish = belfry_sqlite_store_delete_finish;
  iface->stats_async = belfry_sqlite_store_stats_async;
  iface->stats_finish = belfry_sqlite_store_stats_finish;
  iface->check_async = belfry_sqlite_store_check_async;
  iface->check_finish = belfry_sqlite_store_check_finish;
  iface->get_log_id = belfry_sqlite_store_get_log_id;
  iface->get_last_position = belfry_sqlite_store_get_last_position;
  iface->get_floor = belfry_sqlite_store_get_floor;
}

void
belfry_sqlite_store_event_lister_init (BelfryEventListerInterface *iface)
{
  iface->list_async = belfry_sqlite_store_list_async;
  iface->list_finish = belfry_sqlite_store_list_finish;
}

static gboolean
belfry_sqlite_store_find_cursor (BelfryCursorKeeper *keeper,
                                 const char         *name,
                                 BelfryKeptCursor   *cursor)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (keeper);

  return self->is_open && belfry_sqlite_cursors_find (self->log->cursors, name, cursor);
}

static void
belfry_sqlite_store_move_cursor (BelfryCursorKeeper     *keeper,
                                 const char             *name,
                                 const BelfryKeptCursor *cursor)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (keeper);

  if (self->is_open && belfry_sqlite_cursors_move (self->log->cursors, name, cursor))
    belfry_sqlite_writer_note_cursor (self->writer);
}

static guint64
belfry_sqlite_store_count_after (BelfryCursorKeeper *keeper,
                                 guint64             position)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (keeper);

  if (!self->is_open)
    return 0;

  return belfry_sqlite_log_count_used (self->log, MAX (position + 1, self->floor), self->last_position);
}

void
belfry_sqlite_store_cursor_keeper_init (BelfryCursorKeeperInterface *iface)
{
  iface->find = belfry_sqlite_store_find_cursor;
  iface->move = belfry_sqlite_store_move_cursor;
  iface->count_after = belfry_sqlite_store_count_after;
}

void
belfry_sqlite_store_receipt_keeper_init (BelfryReceiptKeeperInterface *iface)
{
  iface->append_async = belfry_sqlite_store_append_with_receipt_async;
}
