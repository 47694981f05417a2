/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* A few threads that read, each with its connection. A long search is done in steps; between two of
 * them it goes to the end of the queue, so that a short one never waits for more than a step. */

#include "belfry-sqlite-reader-private.h"

struct _BelfrySqliteReaders
{
  BelfrySqliteLog *log;
  GSource         *source;
  GPtrArray       *threads;      /* GThread */

  GMutex           lock;
  GCond            wake;
  GQueue           tasks;        /* guarded by lock; GTask */
  GQueue           done;         /* guarded by lock; GTask */
  gboolean         is_stopping;  /* guarded by lock */
};

void
belfry_sqlite_cut_free (BelfrySqliteCut *self)
{
  g_hash_table_unref (self->counts);
  g_free (self);
}

BelfrySqliteRead *
belfry_sqlite_read_new (BelfrySqliteReadKind kind)
{
  BelfrySqliteRead *self = g_new0 (BelfrySqliteRead, 1);

  self->kind = kind;

  return self;
}

void
belfry_sqlite_read_free (BelfrySqliteRead *self)
{
  belfry_sqlite_scan_clear (&self->scan);
  if (self->result != NULL)
    self->result_free (self->result);
  g_clear_error (&self->error);
  g_clear_pointer (&self->cut, belfry_sqlite_cut_free);
  g_free (self->id);
  g_free (self);
}

static void
set_result (BelfrySqliteRead *read,
            gpointer          result,
            GDestroyNotify    destroy)
{
  read->result = result;
  read->result_free = destroy;
}

static gboolean
find_since (BelfrySqliteRead  *read,
            BelfrySqliteView  *view,
            GError           **error)
{
  gboolean success = TRUE;

  if (read->usec == G_MAXINT64)
    {
      /* Nothing is later than the end of time. */
      read->scan.high = 0;
    }
  else if (read->usec != G_MININT64)
    {
      success = belfry_sqlite_view_begin (view, error) &&
                belfry_sqlite_view_find_time (view, read->usec + 1, &read->scan.low, error);
      belfry_sqlite_view_end (view);
    }

  return success;
}

/* Each event was printed behind a comma: the first of them becomes the array's beginning. */
static BelfryEventListing *
make_listing (BelfrySqliteRead *read)
{
  BelfrySqliteScan *scan = &read->scan;
  BelfryEventListing *listing = g_new0 (BelfryEventListing, 1);

  listing->n_events = MIN (scan->n_found, scan->max_events - 1);
  listing->last_position = scan->last_printed;
  listing->has_more = scan->n_found == scan->max_events || (read->was_cut && scan->n_found > 0);
  listing->json = g_steal_pointer (&scan->text);
  if (listing->n_events == 0)
    g_string_append_c (listing->json, '[');
  else
    listing->json->str[0] = '[';
  g_string_append_c (listing->json, ']');

  return listing;
}

static gboolean
step_query (BelfrySqliteRead  *read,
            BelfrySqliteView  *view,
            gboolean          *is_done,
            GError           **error)
{
  if (!read->is_begun && !find_since (read, view, error))
    return FALSE;
  read->is_begun = TRUE;

  if (!belfry_sqlite_scan_step (&read->scan, view, error))
    return FALSE;

  *is_done = read->scan.is_done;
  read->was_cut = read->scan.n_found < read->scan.max_events && read->scan.low <= read->scan.high;
  if (*is_done && read->kind == BELFRY_SQLITE_READ_LIST)
    set_result (read, make_listing (read), (GDestroyNotify) belfry_event_listing_free);
  else if (*is_done)
    set_result (read, belfry_sqlite_scan_seal (&read->scan), (GDestroyNotify) g_ptr_array_unref);

  return TRUE;
}

static BelfryLogPage *
make_page (BelfrySqliteRead *read,
           BelfrySqliteLog  *log)
{
  BelfryLogPage *page = g_new0 (BelfryLogPage, 1);
  guint64 end = MIN (read->through, read->scan.last);

  page->floor = read->scan.floor;
  page->next = MAX (read->after, MIN (read->scan.low - 1, end));
  if (read->after < read->scan.floor - 1)
    page->lost = belfry_sqlite_log_count_used (log, read->after + 1, MIN (read->through, read->scan.floor - 1));
  page->events = belfry_sqlite_scan_seal (&read->scan);

  return page;
}

/* A page is one step, whatever it finds: who asked goes on from its "next". Only when the tail was trimmed under the
 * step, which then saw nothing, is there another. */
static gboolean
step_page (BelfrySqliteRead  *read,
           BelfrySqliteView  *view,
           gboolean          *is_done,
           GError           **error)
{
  guint64 low = read->scan.low;

  if (!belfry_sqlite_scan_step (&read->scan, view, error))
    return FALSE;

  *is_done = read->scan.is_done || read->scan.low > low;
  if (*is_done)
    set_result (read, make_page (read, view->log), (GDestroyNotify) belfry_log_page_free);

  return TRUE;
}

static gboolean
read_event (BelfrySqliteView  *view,
            guint64            position,
            BelfryEvent      **event,
            GError           **error)
{
  BelfryEventPlace place;
  sqlite3_stmt *stmt;
  gboolean has_row;

  if (position < view->floor || position >= view->next_position)
    return TRUE;

  stmt = belfry_sqlite_view_ensure (view, BELFRY_SQLITE_VIEW_AT, error);
  if (stmt == NULL)
    return FALSE;

  sqlite3_bind_int64 (stmt, 1, (gint64) position);
  if (!belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;
  if (!has_row)
    return TRUE;

  *event = belfry_sqlite_view_make_event (view, stmt, &place, error);
  sqlite3_reset (stmt);
  if (*event != NULL)
    belfry_event_seal_run (event, &place, 1);

  return *event != NULL;
}

static gboolean
look_up (BelfrySqliteRead  *read,
         BelfrySqliteView  *view,
         GError           **error)
{
  BelfryEvent *event = NULL;
  guint64 position;
  gboolean success;

  success = belfry_sqlite_view_begin (view, error) &&
            belfry_sqlite_view_find_id (view, read->id, &position, error) &&
            read_event (view, position, &event, error);
  belfry_sqlite_view_end (view);
  if (!success)
    return FALSE;

  if (event == NULL)
    read->error = g_error_new_literal (BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND, "Event not found");
  else
    set_result (read, event, (GDestroyNotify) belfry_event_unref);

  return TRUE;
}

/* Counts on from read->counted, below the cut. What lies there never changes: appends come behind
 * it, and only one delete is under way at a time. */
static gboolean
count_further (BelfrySqliteRead  *read,
               BelfrySqliteView  *view,
               GError           **error)
{
  guint64 high = read->cut->position - 1;

  if (!belfry_sqlite_count_types (view, read->counted + 1, &high, read->cut->counts, error))
    return FALSE;
  read->counted = high;

  return TRUE;
}

static gboolean
begin_cut (BelfrySqliteRead  *read,
           BelfrySqliteView  *view,
           GError           **error)
{
  read->cut = g_new0 (BelfrySqliteCut, 1);
  read->cut->counts = g_hash_table_new (NULL, NULL);
  read->counted = view->floor - 1;

  return belfry_sqlite_view_find_time (view, read->usec, &read->cut->position, error);
}

static gboolean
step_cut (BelfrySqliteRead  *read,
          BelfrySqliteView  *view,
          gboolean          *is_done,
          GError           **error)
{
  gboolean success = belfry_sqlite_view_begin (view, error);

  if (success && read->cut == NULL)
    success = begin_cut (read, view, error);
  if (success && read->kind == BELFRY_SQLITE_READ_CUT && read->counted + 1 < read->cut->position)
    success = count_further (read, view, error);
  belfry_sqlite_view_end (view);
  if (!success)
    return FALSE;

  *is_done = read->kind == BELFRY_SQLITE_READ_TIME || read->counted + 1 >= read->cut->position;
  if (*is_done)
    set_result (read, g_steal_pointer (&read->cut), (GDestroyNotify) belfry_sqlite_cut_free);

  return TRUE;
}

static gboolean
list_letters (BelfrySqliteRead  *read,
              BelfrySqliteView  *view,
              GError           **error)
{
  GPtrArray *letters = NULL;

  if (belfry_sqlite_view_begin (view, error))
    letters = belfry_sqlite_dead_letters_list (view->db, read->low, read->high, read->newest_first, read->id,
                                               read->limit, read->max_bytes, error);
  belfry_sqlite_view_end (view);
  if (letters == NULL)
    return FALSE;

  set_result (read, letters, (GDestroyNotify) g_ptr_array_unref);

  return TRUE;
}

static gboolean
step (BelfrySqliteRead  *read,
      BelfrySqliteView  *view,
      gboolean          *is_done,
      GError           **error)
{
  switch (read->kind)
    {
    case BELFRY_SQLITE_READ_QUERY:
    case BELFRY_SQLITE_READ_LIST:
      return step_query (read, view, is_done, error);
    case BELFRY_SQLITE_READ_PAGE:
      return step_page (read, view, is_done, error);
    case BELFRY_SQLITE_READ_LOOKUP:
      *is_done = TRUE;
      return look_up (read, view, error);
    case BELFRY_SQLITE_READ_TIME:
    case BELFRY_SQLITE_READ_CUT:
      return step_cut (read, view, is_done, error);
    case BELFRY_SQLITE_READ_LETTERS:
      *is_done = TRUE;
      return list_letters (read, view, error);
    default:
      g_assert_not_reached ();
    }
}

/* Does a step; %FALSE when there is more to do. */
static gboolean
serve (BelfrySqliteView *view,
       GTask            *task)
{
  g_autoptr(GError) error = NULL;
  BelfrySqliteRead *read = g_task_get_task_data (task);
  gboolean is_done = FALSE;

  if (g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &read->error))
    return TRUE;

  if (step (read, view, &is_done, &error))
    return is_done;

  g_warning ("The log cannot be read: %s; trying again with each request", error->message);
  belfry_sqlite_view_close (view);
  read->error = belfry_sqlite_publish_error (error);

  return TRUE;
}

/* When nothing comes for a while the pages in memory are given back. */
static GTask *
take_task (BelfrySqliteReaders *self,
           BelfrySqliteView    *view)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  gint64 end_usec = g_get_monotonic_time () + self->log->tuning.idle_usec;
  gboolean is_settled = view->db == NULL;

  while (g_queue_is_empty (&self->tasks) && !self->is_stopping)
    {
      if (is_settled)
        {
          g_cond_wait (&self->wake, &self->lock);
        }
      else if (!g_cond_wait_until (&self->wake, &self->lock, end_usec))
        {
          sqlite3_db_release_memory (view->db);
          is_settled = TRUE;
        }
    }

  return self->is_stopping ? NULL : g_queue_pop_head (&self->tasks);
}

void
belfry_sqlite_readers_push (BelfrySqliteReaders *self,
                            GTask               *task)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  g_queue_push_tail (&self->tasks, task);
  g_cond_signal (&self->wake);
}

/* The task goes home with what was found: the store that it holds must not lose its last reference here. */
static void
tell (BelfrySqliteReaders *self,
      GTask               *task)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  g_queue_push_tail (&self->done, task);
  g_source_set_ready_time (self->source, 0);
}

/* Answers what is done. Home context. */
void
belfry_sqlite_readers_answer (BelfrySqliteReaders *self)
{
  GQueue done;
  GTask *task;

  g_mutex_lock (&self->lock);
  done = self->done;
  g_queue_init (&self->done);
  g_mutex_unlock (&self->lock);

  while ((task = g_queue_pop_head (&done)) != NULL)
    {
      BelfrySqliteRead *read = g_task_get_task_data (task);

      if (read->error != NULL)
        g_task_return_error (task, g_steal_pointer (&read->error));
      else
        g_task_return_pointer (task, g_steal_pointer (&read->result), read->result_free);
      g_object_unref (task);
    }
}

static gpointer
reader_thread (gpointer data)
{
  BelfrySqliteReaders *self = data;
  BelfrySqliteView view;
  GTask *task;

  belfry_sqlite_view_init (&view, self->log);
  while ((task = take_task (self, &view)) != NULL)
    {
      if (serve (&view, task))
        tell (self, task);
      else
        belfry_sqlite_readers_push (self, task);
    }
  belfry_sqlite_view_clear (&view);

  return NULL;
}

BelfrySqliteReaders *
belfry_sqlite_readers_new (BelfrySqliteLog *log,
                           GSource         *source,
                           guint            n_threads)
{
  BelfrySqliteReaders *self = g_new0 (BelfrySqliteReaders, 1);

  self->log = log;
  self->source = g_source_ref (source);
  self->threads = g_ptr_array_new ();
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  g_queue_init (&self->tasks);
  g_queue_init (&self->done);
  for (guint i = 0; i < n_threads; i++)
    g_ptr_array_add (self->threads, g_thread_new ("belfry-reader", reader_thread, self));

  return self;
}

guint
belfry_sqlite_readers_get_n_waiting (BelfrySqliteReaders *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  return self->tasks.length;
}

/* Ends the threads after the steps that they are in, answers what is done, and fails the rest. Home context. */
void
belfry_sqlite_readers_stop (BelfrySqliteReaders *self)
{
  GTask *task;

  g_mutex_lock (&self->lock);
  self->is_stopping = TRUE;
  g_cond_broadcast (&self->wake);
  g_mutex_unlock (&self->lock);

  for (guint i = 0; i < self->threads->len; i++)
    g_thread_join (g_ptr_array_index (self->threads, i));
  g_ptr_array_set_size (self->threads, 0);

  belfry_sqlite_readers_answer (self);
  while ((task = g_queue_pop_head (&self->tasks)) != NULL)
    {
      g_task_return_new_error (task, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "The store is closed");
      g_object_unref (task);
    }
}

void
belfry_sqlite_readers_free (BelfrySqliteReaders *self)
{
  g_assert (self->threads->len == 0);

  g_ptr_array_unref (self->threads);
  g_source_unref (self->source);
  g_cond_clear (&self->wake);
  g_mutex_clear (&self->lock);
  g_free (self);
}
