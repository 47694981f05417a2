/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-sqlite-store.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "belfry-sqlite-log-private.h"
#include "belfry-store-lock-private.h"
#include "belfry-store-path-private.h"

#define PAGES_A_STEP 512

/* A restored log goes on so far behind the backup that no position, and so no id, that was given out after the backup
 * was made can come again: as many as a log takes in a week at 14,000 events a second. Where the old database is still
 * there it also goes on behind that. Positions last for more than a hundred such jumps. */
#define RESTORE_JUMP (G_GUINT64_CONSTANT (1) << 33)

static gboolean
make_empty_file (const char  *path,
                 GError     **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

  if (fd < 0)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED, "Cannot make '%s': %s", path, g_strerror (errno));
      return FALSE;
    }
  (void) close (fd);

  return TRUE;
}

static gboolean
copy_pages (sqlite3       *from,
            sqlite3       *to,
            GCancellable  *cancellable,
            GError       **error)
{
  sqlite3_backup *backup;
  int code;

  /* The open snapshot keeps what is copied the same however much a daemon writes meanwhile. */
  if (!belfry_sqlite_execute (from, "BEGIN; SELECT count(*) FROM state", error))
    return FALSE;

  backup = sqlite3_backup_init (to, "main", from, "main");
  if (backup == NULL)
    {
      belfry_sqlite_set_error (to, error);
      return FALSE;
    }

  do
    code = sqlite3_backup_step (backup, PAGES_A_STEP);
  while (code == SQLITE_OK && !g_cancellable_is_cancelled (cancellable));
  (void) sqlite3_backup_finish (backup);

  if (code != SQLITE_DONE)
    {
      if (!g_cancellable_set_error_if_cancelled (cancellable, error))
        belfry_sqlite_set_error (to, error);
      return FALSE;
    }

  return TRUE;
}

static gboolean
copy_file (const char    *from_path,
           const char    *to_path,
           GCancellable  *cancellable,
           GError       **error)
{
  g_autoptr(sqlite3) from = NULL;
  g_autoptr(sqlite3) to = NULL;

  from = belfry_sqlite_open (from_path, BELFRY_SQLITE_READER, error);
  if (from == NULL)
    return FALSE;

  if (sqlite3_open_v2 (to_path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    {
      belfry_sqlite_set_error (to, error);
      return FALSE;
    }

  /* Without a write-ahead log the copy can be read where nothing can be written. */
  return belfry_sqlite_execute (to, "PRAGMA synchronous = FULL", error) &&
         copy_pages (from, to, cancellable, error) &&
         belfry_sqlite_execute (to, "PRAGMA journal_mode = DELETE", error);
}

/**
 * belfry_sqlite_store_backup_file:
 * @path: path of a database file
 * @destination: path of the copy, where nothing may be yet
 * @cancellable: (nullable): ends the copying early
 * @error: return location for a [error@Belfry.Error]
 *
 * Copies a database as it is at one moment. Blocks; a daemon may go on using the file meanwhile.
 *
 * Returns: %TRUE when the copy is there and durable; %FALSE with %BELFRY_ERROR_REFUSED when @path is no
 * database of ours or
 *   @destination exists
 *
 * Since: 0.1
 */
gboolean
belfry_sqlite_store_backup_file (const char    *path,
                                 const char    *destination,
                                 GCancellable  *cancellable,
                                 GError       **error)
{
  g_autoptr(GError) local_error = NULL;

  g_return_val_if_fail (path != NULL, FALSE);
  g_return_val_if_fail (destination != NULL, FALSE);

  if (!belfry_sqlite_schema_check_file (path, FALSE, error) || !make_empty_file (destination, error))
    return FALSE;

  if (!copy_file (path, destination, cancellable, &local_error) ||
      !belfry_sqlite_flush_directory_of (destination, &local_error))
    {
      (void) g_unlink (destination);
      belfry_sqlite_explain_error (path, local_error, error);
      return FALSE;
    }

  return TRUE;
}

/* The next position of a database that is to be replaced; 1 when it cannot be told. */
static guint64
look_up_next_position (const char *path)
{
  g_autoptr(sqlite3) db = NULL;
  BelfrySqliteState state;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return 1;
  db = belfry_sqlite_open (path, BELFRY_SQLITE_WRITER, NULL);
  /* What is beyond reading is often why there is a restoration. */
  if (db == NULL || !belfry_sqlite_schema_load_state (db, &state, NULL))
    return 1;

  return state.next_position;
}

/* A new identity, and positions that were never given out, none below first. */
static gboolean
renew (const char  *path,
       guint64      first,
       GError     **error)
{
  g_autoptr(sqlite3) db = NULL;
  g_autofree char *sql = NULL;
  BelfrySqliteState state;
  guint64 log_id, next_position;

  db = belfry_sqlite_open (path, BELFRY_SQLITE_WRITER, error);
  if (db == NULL ||
      !belfry_sqlite_schema_load_state (db, &state, error) ||
      !belfry_sqlite_schema_make_secret (&log_id, sizeof log_id, error))
    return FALSE;

  next_position = MAX (state.next_position, first) + RESTORE_JUMP;
  if (next_position > BELFRY_EVENT_ID_MAX_POSITION)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED, "The log has no positions left");
      return FALSE;
    }

  /* Single positions that were to be skipped some day are a part of the jump now. */
  sql = g_strdup_printf ("BEGIN IMMEDIATE;"
                         "DELETE FROM skipped WHERE first BETWEEN %" G_GUINT64_FORMAT " AND %" G_GUINT64_FORMAT ";"
                         "INSERT INTO skipped VALUES (%" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT ");"
                         "UPDATE state SET log_id = %" G_GUINT64_FORMAT ", next_position = %" G_GUINT64_FORMAT ";"
                         "COMMIT;",
                         state.next_position, next_position - 1,
                         state.next_position, next_position - 1, log_id >> 1 | 1, next_position);

  return belfry_sqlite_execute (db, sql, error);
}

static void
remove_beside (const char *path,
               const char *suffix)
{
  g_autofree char *beside = g_strconcat (path, suffix, NULL);

  /* Mostly there is none. */
  (void) g_unlink (beside);
}

/* What SQLite keeps beside the old file must be gone, for good, before the new one takes its place:
 * it would be read as a part of that. */
static gboolean
replace_file (const char  *new_path,
              const char  *path,
              GError     **error)
{
  remove_beside (path, "-wal");
  remove_beside (path, "-shm");
  remove_beside (path, "-journal");
  if (!belfry_sqlite_flush_directory_of (path, error))
    return FALSE;

  if (g_rename (new_path, path) < 0)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
                   "Cannot make database '%s': %s", path, g_strerror (errno));
      return FALSE;
    }

  return belfry_sqlite_flush_directory_of (path, error);
}

static gboolean
restore_locked (const char    *backup,
                const char    *destination,
                GCancellable  *cancellable,
                GError       **error)
{
  g_autofree char *new_path = g_strconcat (destination, ".new", NULL);
  g_autoptr(GError) local_error = NULL;

  /* What an interrupted restoration left. */
  remove_beside (new_path, "-journal");
  remove_beside (new_path, "-wal");
  remove_beside (new_path, "-shm");
  (void) g_unlink (new_path);

  if (!make_empty_file (new_path, error))
    return FALSE;

  if (copy_file (backup, new_path, cancellable, &local_error) &&
      renew (new_path, look_up_next_position (destination), &local_error) &&
      replace_file (new_path, destination, &local_error))
    return TRUE;

  (void) g_unlink (new_path);
  belfry_sqlite_explain_error (backup, local_error, error);

  return FALSE;
}

/**
 * belfry_sqlite_store_restore_file:
 * @backup: path of a backup
 * @destination: path of the database to be made of it
 * @overwrite: whether a database that is there may be replaced
 * @cancellable: (nullable): ends the copying early
 * @error: return location for a [error@Belfry.Error]
 *
 * Makes a database of a backup. Blocks.
 *
 * The new database has an identity of its own, and its positions jump ahead: cursors of the old
 * one are unknown to it, and no id that was given out after the backup comes again. The backup is
 * checked as [func@Belfry.SqliteStore.verify_file] does before anything is replaced.
 *
 * Returns: %TRUE when the database is there and durable; %FALSE with %BELFRY_ERROR_REFUSED when @backup is no
 * database of ours, when @destination exists and @overwrite is not set or it is no database of
 * ours, and always when a daemon has it open
 *
 * Since: 0.1
 */
gboolean
belfry_sqlite_store_restore_file (const char    *backup,
                                  const char    *destination,
                                  gboolean       overwrite,
                                  GCancellable  *cancellable,
                                  GError       **error)
{
  g_autofree char *path = NULL;
  g_autoptr(BelfryStoreLock) lock = NULL;
  gboolean exists;

  g_return_val_if_fail (backup != NULL, FALSE);
  g_return_val_if_fail (destination != NULL, FALSE);

  path = belfry_store_path_resolve (destination);
  exists = g_file_test (path, G_FILE_TEST_EXISTS);
  if (exists && !overwrite)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED, "Database '%s' exists", destination);
      return FALSE;
    }
  if (exists && !belfry_sqlite_schema_check_file (path, TRUE, error))
    return FALSE;
  if (!belfry_sqlite_schema_check_file (backup, FALSE, error))
    return FALSE;

  lock = belfry_store_lock_take (path, error);

  return lock != NULL &&
         belfry_sqlite_store_verify_file (backup, cancellable, error) &&
         restore_locked (backup, path, cancellable, error);
}
