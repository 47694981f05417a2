/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* How the store opens its file and starts its threads, hears of what they did, and ends them. */

#include "belfry-sqlite-store-private.h"

#include <errno.h>

#include <glib/gstdio.h>

static gboolean
dispatch (GSource     *source,
          GSourceFunc  callback,
          gpointer     user_data)
{
  return callback (user_data);
}

static GSourceFuncs source_funcs = { .dispatch = dispatch };

static gboolean
on_news (gpointer user_data)
{
  g_autoptr(BelfrySqliteStore) self = g_object_ref (user_data);

  g_source_set_ready_time (self->source, -1);
  belfry_sqlite_store_tell_outcomes (self);
  if (self->readers != NULL)
    belfry_sqlite_readers_answer (self->readers);

  return G_SOURCE_CONTINUE;
}

static GSource *
new_source (BelfrySqliteStore *self)
{
  GSource *source = g_source_new (&source_funcs, sizeof (GSource));

  g_source_set_static_name (source, "BelfrySqliteStore");
  g_source_set_callback (source, on_news, self, NULL);

  return source;
}

static void
release (BelfrySqliteStore *self)
{
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->readers, belfry_sqlite_readers_free);
  g_clear_pointer (&self->writer, belfry_sqlite_writer_free);
  g_clear_pointer (&self->checkpointer, belfry_sqlite_checkpointer_free);
  g_clear_pointer (&self->stats, belfry_sqlite_stats_free);
  g_clear_pointer (&self->source, g_source_unref);
  g_clear_pointer (&self->log, belfry_sqlite_log_free);
  g_clear_pointer (&self->file_lock, belfry_store_lock_release);
}

/* On any thread: nobody asks anything of the store before it is open. */
static gboolean
start (BelfrySqliteStore  *self,
       BelfrySqliteState  *state,
       GError            **error)
{
  g_autoptr(GArray) changes = NULL;
  g_autoptr(GError) local_error = NULL;

  self->log = belfry_sqlite_log_new (self->path);
  if (self->tuning != NULL)
    self->log->tuning = *self->tuning;
  self->log->receipt_window_usec = self->receipt_window_usec;
  self->log->receipt_max_bytes = self->receipt_max_bytes;
  self->log->letter_bounds = self->letter_bounds;
  self->checkpointer = belfry_sqlite_checkpointer_new (self->log);
  self->stats = belfry_sqlite_stats_new ();
  self->source = new_source (self);
  self->writer = belfry_sqlite_writer_new (self->log, self->checkpointer, self->source,
                                           self->clock, self->clock_data);
  if (!belfry_sqlite_writer_start (self->writer, state, &changes, &local_error))
    {
      belfry_sqlite_explain_error (self->path, local_error, error);
      return FALSE;
    }

  self->readers = belfry_sqlite_readers_new (self->log, self->source, self->n_readers);
  belfry_sqlite_stats_apply (self->stats, changes);

  return TRUE;
}

/* On the home context: from now on it can be asked. */
static void
settle (BelfrySqliteStore       *self,
        const BelfrySqliteState *state,
        GMainContext            *context)
{
  self->log_id = state->log_id;
  self->last_position = state->next_position - 1;
  self->floor = state->floor;
  self->is_open = TRUE;
  g_source_attach (self->source, context);
}

/* The directories on the way to the file; each new one is flushed into its parent. */
static gboolean
make_directories (const char  *directory,
                  GError     **error)
{
  g_autofree char *parent = NULL;

  if (g_file_test (directory, G_FILE_TEST_EXISTS))
    return TRUE;

  parent = g_path_get_dirname (directory);
  if (!make_directories (parent, error))
    return FALSE;

  if (g_mkdir (directory, 0700) < 0 && errno != EEXIST)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
                   "Cannot make folder '%s': %s", directory, g_strerror (errno));
      return FALSE;
    }

  return belfry_sqlite_flush_directory_of (directory, error);
}

static gboolean
claim_file (BelfrySqliteStore  *self,
            GError            **error)
{
  g_autofree char *directory = g_path_get_dirname (self->path);
  g_autoptr(GError) local_error = NULL;

  /* First a look that leaves nothing behind, not even a lock file, beside what is not ours. */
  if (!belfry_sqlite_schema_check_file (self->path, TRUE, &local_error) &&
      !g_error_matches (local_error, BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND))
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  g_clear_error (&local_error);

  if (!make_directories (directory, error))
    return FALSE;

  self->file_lock = belfry_store_lock_take (self->path, error);

  if (self->file_lock == NULL)
    return FALSE;

  if (!belfry_sqlite_schema_prepare (self->path, &local_error))
    {
      belfry_sqlite_explain_error (self->path, local_error, error);
      return FALSE;
    }

  return TRUE;
}

static gboolean
open_file (BelfrySqliteStore  *self,
           BelfrySqliteState  *state,
           GError            **error)
{
  if (self->path == NULL || self->path[0] == '\0' || self->path[0] == ':' || g_str_has_prefix (self->path, "file:"))
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
                   "'%s' is no path of a database file", self->path != NULL ? self->path : "");
      return FALSE;
    }

  if (!claim_file (self, error) || !start (self, state, error))
    {
      release (self);
      return FALSE;
    }

  return TRUE;
}

/**
 * belfry_sqlite_store_open:
 * @self: a store
 * @cancellable: (nullable): looked at before the work begins
 * @error: return location for a [error@Belfry.Error]
 *
 * Opens the database, once, before anything else is asked of the store. Blocks.
 *
 * When there is no file it is made (mode 0600), and so are missing directories on its path (mode 0700).
 *
 * Returns: %TRUE on success; %FALSE with %BELFRY_ERROR_REFUSED for a file that is foreign, of a newer version,
 * read-only or in use, which is left as it is; with %BELFRY_ERROR_CORRUPT for one that is damaged
 *
 * Since: 0.1
 */
gboolean
belfry_sqlite_store_open (BelfrySqliteStore  *self,
                          GCancellable       *cancellable,
                          GError            **error)
{
  BelfrySqliteState state;

  g_return_val_if_fail (BELFRY_IS_SQLITE_STORE (self), FALSE);
  g_return_val_if_fail (!self->was_opened, FALSE);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  self->was_opened = TRUE;
  if (!open_file (self, &state, error))
    return FALSE;

  settle (self, &state, g_main_context_get_thread_default ());

  return TRUE;
}

static void
open_in_thread (GTask        *task,
                gpointer      source_object,
                gpointer      task_data,
                GCancellable *cancellable)
{
  g_autofree BelfrySqliteState *state = g_new0 (BelfrySqliteState, 1);
  GError *error = NULL;

  if (open_file (task_data, state, &error))
    g_task_return_pointer (task, g_steal_pointer (&state), g_free);
  else
    g_task_return_error (task, error);
}

static void
opened_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr(GTask) task = user_data;
  g_autofree BelfrySqliteState *state = NULL;
  g_autoptr(GError) error = NULL;

  state = g_task_propagate_pointer (G_TASK (result), &error);
  if (state == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  settle (g_task_get_source_object (task), state, g_task_get_context (task));
  g_task_return_boolean (task, TRUE);
}

/**
 * belfry_sqlite_store_open_async:
 * @self: a store
 * @cancellable: (nullable): looked at before the work begins
 * @callback: (scope async): called when the store is open, or cannot be opened
 * @user_data: (closure callback): data for @callback
 *
 * Opens the database as [method@Belfry.SqliteStore.open] does, without blocking. Nothing else is asked of the store
 * until that is answered.
 *
 * Since: 0.1
 */
void
belfry_sqlite_store_open_async (BelfrySqliteStore   *self,
                                GCancellable        *cancellable,
                                GAsyncReadyCallback  callback,
                                gpointer             user_data)
{
  g_autoptr(GTask) task = NULL;
  g_autoptr(GTask) work = NULL;

  g_return_if_fail (BELFRY_IS_SQLITE_STORE (self));
  g_return_if_fail (!self->was_opened);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, belfry_sqlite_store_open_async);
  /* An open store is told as such, whatever was cancelled meanwhile: somebody has to close it. */
  g_task_set_check_cancellable (task, FALSE);
  if (g_cancellable_is_cancelled (cancellable))
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Operation was cancelled");
      return;
    }

  self->was_opened = TRUE;
  /* The thread may be the last to let go of its task, so that this one must not hold the store: the caller's does. */
  work = g_task_new (NULL, NULL, opened_cb, g_steal_pointer (&task));
  g_task_set_source_tag (work, open_in_thread);
  g_task_set_task_data (work, self, NULL);
  g_task_run_in_thread (work, open_in_thread);
}

/**
 * belfry_sqlite_store_open_finish:
 * @self: a store
 * @result: what the callback was given
 * @error: return location for a [error@Belfry.Error]
 *
 * Ends [method@Belfry.SqliteStore.open_async].
 *
 * Returns: %TRUE on success, otherwise as for [method@Belfry.SqliteStore.open]
 *
 * Since: 0.1
 */
gboolean
belfry_sqlite_store_open_finish (BelfrySqliteStore  *self,
                                 GAsyncResult       *result,
                                 GError            **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, belfry_sqlite_store_open_async), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * belfry_sqlite_store_close:
 * @self: a store
 *
 * Finishes what was begun, answers it, and closes the database. Blocks.
 *
 * What is asked of the store later fails with %BELFRY_ERROR_UNAVAILABLE.
 *
 * Since: 0.1
 */
void
belfry_sqlite_store_close (BelfrySqliteStore *self)
{
  g_return_if_fail (BELFRY_IS_SQLITE_STORE (self));

  if (!self->is_open)
    return;

  self->is_open = FALSE;
  belfry_sqlite_readers_stop (self->readers);
  belfry_sqlite_checkpointer_stop (self->checkpointer);
  belfry_sqlite_writer_stop (self->writer);
  belfry_sqlite_store_tell_outcomes (self);
  release (self);
}
