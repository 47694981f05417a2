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

static void
attach_source (BelfrySqliteStore *self)
{
  self->source = g_source_new (&source_funcs, sizeof (GSource));
  g_source_set_static_name (self->source, "BelfrySqliteStore");
  g_source_set_callback (self->source, on_news, self, NULL);
  g_source_attach (self->source, g_main_context_get_thread_default ());
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

static gboolean
start (BelfrySqliteStore  *self,
       GError            **error)
{
  g_autoptr(GArray) changes = NULL;
  g_autoptr(GError) local_error = NULL;
  BelfrySqliteState state;

  self->log = belfry_sqlite_log_new (self->path);
  if (self->tuning != NULL)
    self->log->tuning = *self->tuning;
  self->checkpointer = belfry_sqlite_checkpointer_new (self->log);
  self->stats = belfry_sqlite_stats_new ();
  attach_source (self);
  self->writer = belfry_sqlite_writer_new (self->log, self->checkpointer, self->source,
                                           self->clock, self->clock_data);
  if (!belfry_sqlite_writer_start (self->writer, &state, &changes, &local_error))
    {
      belfry_sqlite_explain_error (self->path, local_error, error);
      return FALSE;
    }

  self->readers = belfry_sqlite_readers_new (self->log, self->source, self->n_readers);
  belfry_sqlite_stats_apply (self->stats, changes);
  self->log_id = state.log_id;
  self->last_position = state.next_position - 1;
  self->floor = state.floor;
  self->is_open = TRUE;

  return TRUE;
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
  g_return_val_if_fail (BELFRY_IS_SQLITE_STORE (self), FALSE);
  g_return_val_if_fail (!self->was_opened, FALSE);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  if (self->path == NULL || self->path[0] == '\0' || self->path[0] == ':' || g_str_has_prefix (self->path, "file:"))
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
                   "'%s' is no path of a database file", self->path != NULL ? self->path : "");
      return FALSE;
    }

  self->was_opened = TRUE;
  if (!claim_file (self, error) || !start (self, error))
    {
      release (self);
      return FALSE;
    }

  return TRUE;
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
