/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-sqlite-connection-private.h"

#include <string.h>

#include <gio/gio.h>

/* How long a connection waits for another one; only whole-file tools ever make it wait. */
#define BUSY_TIMEOUT_MSEC 2000

/* SQLite's files take less than 128 KiB at once. */
#define REWRITE_SIZE (64 * 1024)

/* Of the index of a write-ahead log, as SQLite documents its format: how many pages of the log are carried over. */
#define INDEX_REGION_SIZE     32768
#define INDEX_DONE_OFFSET     96
#define INDEX_CHECKPOINT_LOCK 1

/* Inner errors: the code of the domain is SQLite's own. */
static G_DEFINE_QUARK (belfry-sqlite-error-quark, belfry_sqlite_error)

/* A reader's cache is small on purpose: each commit empties it anyway, and what a search reads stays in the
 * processor's caches when the same few pages of memory take it in turn. */
static const char *const settings[] = {
  [BELFRY_SQLITE_WRITER] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA wal_autocheckpoint = 0;"
    "PRAGMA journal_size_limit = 134217728;"
    "PRAGMA cache_size = -16384;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA trusted_schema = OFF;",
  [BELFRY_SQLITE_READER] =
    "PRAGMA query_only = ON;"
    "PRAGMA cache_size = -1024;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA trusted_schema = OFF;",
  [BELFRY_SQLITE_CHECKPOINTER] =
    "PRAGMA synchronous = FULL;"
    "PRAGMA wal_autocheckpoint = 0;"
    "PRAGMA cache_size = -256;"
    "PRAGMA trusted_schema = OFF;",
};

/* SQLite counts what it allocates under one lock for all connections, and the threads of a log would wait for each other
 * there. To be called before anything else is asked of SQLite: a program that has used it already keeps its choice. */
void
belfry_sqlite_configure (void)
{
  static gsize is_configured;

  if (g_once_init_enter (&is_configured))
    {
      (void) sqlite3_config (SQLITE_CONFIG_MEMSTATUS, 0);
      g_once_init_leave (&is_configured, 1);
    }
}

sqlite3 *
belfry_sqlite_open (const char        *path,
                    BelfrySqliteRole   role,
                    GError           **error)
{
  g_autoptr(sqlite3) db = NULL;

  if (sqlite3_open_v2 (path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    {
      belfry_sqlite_set_error (db, error);
      return NULL;
    }

  sqlite3_extended_result_codes (db, 1);
  sqlite3_busy_timeout (db, BUSY_TIMEOUT_MSEC);
  if (!belfry_sqlite_execute (db, settings[role], error))
    return NULL;

  return g_steal_pointer (&db);
}

static int
rewrite_file (sqlite3_file *file)
{
  g_autofree guint8 *buffer = g_malloc (REWRITE_SIZE);
  sqlite3_int64 size, offset;
  int code = file->pMethods->xFileSize (file, &size);

  for (offset = 0; code == SQLITE_OK && offset < size; offset += REWRITE_SIZE)
    {
      int length = (int) MIN (size - offset, REWRITE_SIZE);

      code = file->pMethods->xRead (file, buffer, length, offset);
      if (code == SQLITE_OK)
        code = file->pMethods->xWrite (file, buffer, length, offset);
    }

  return code == SQLITE_OK ? file->pMethods->xSync (file, SQLITE_SYNC_FULL) : code;
}

/* Makes sure that what the write-ahead log shows is what the disk holds. After a flush that failed
 * the kernel may have dropped pages and call them clean: a later flush passes over them, and what
 * is then built on them is lost with the power. So the same bytes are written and flushed once
 * more, before anything reads them as committed. No connection may be writing. */
gboolean
belfry_sqlite_rewrite_wal (const char  *path,
                           GError     **error)
{
  sqlite3_vfs *vfs = sqlite3_vfs_find (NULL);
  g_autofree sqlite3_file *file = g_malloc0 ((gsize) vfs->szOsFile);
  g_autofree char *absolute_path = g_canonicalize_filename (path, NULL);
  g_autofree char *wal_path = g_strconcat (absolute_path, "-wal", NULL);
  int exists = 0, code;

  code = vfs->xAccess (vfs, wal_path, SQLITE_ACCESS_EXISTS, &exists);
  if (code == SQLITE_OK && !exists)
    return TRUE;

  if (code == SQLITE_OK)
    code = vfs->xOpen (vfs, wal_path, file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL, NULL);
  if (code == SQLITE_OK)
    code = rewrite_file (file);
  if (file->pMethods != NULL)
    (void) file->pMethods->xClose (file);

  if (code != SQLITE_OK)
    {
      g_set_error (error, belfry_sqlite_error_quark (), code,
                   "Cannot flush the write-ahead log: %s", sqlite3_errstr (code));
      return FALSE;
    }

  return TRUE;
}

/* Flushes the file of the database, as SQLite does when it has carried over the last page. */
gboolean
belfry_sqlite_flush (sqlite3  *db,
                     GError  **error)
{
  sqlite3_file *file = NULL;
  int code = sqlite3_file_control (db, NULL, SQLITE_FCNTL_FILE_POINTER, &file);

  if (code == SQLITE_OK)
    code = file->pMethods->xSync (file, SQLITE_SYNC_NORMAL);
  if (code != SQLITE_OK)
    {
      g_set_error (error, belfry_sqlite_error_quark (), code, "Cannot flush the database: %s", sqlite3_errstr (code));
      return FALSE;
    }

  return TRUE;
}

/* After a failed flush of the database, what was carried over to it may be lost, and SQLite would go on behind it and let the
 * log begin anew. So the next checkpoint is to begin at the log's first page. */
void
belfry_sqlite_restart_checkpoint (sqlite3 *db)
{
  sqlite3_file *file = NULL;
  void volatile *index = NULL;
  int code;

  if (sqlite3_file_control (db, NULL, SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file->pMethods == NULL ||
      file->pMethods->xShmMap (file, 0, INDEX_REGION_SIZE, FALSE, &index) != SQLITE_OK || index == NULL)
    return;

  /* Who has it now gives it back when his pages are carried over, and is told of the failure with his own flush. */
  while ((code = file->pMethods->xShmLock (file, INDEX_CHECKPOINT_LOCK, 1, SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE))
         == SQLITE_BUSY)
    g_usleep (1000);
  if (code != SQLITE_OK)
    return;

  g_atomic_int_set ((volatile int *) ((volatile guint8 *) index + INDEX_DONE_OFFSET), 0);
  (void) file->pMethods->xShmLock (file, INDEX_CHECKPOINT_LOCK, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
}

void
belfry_sqlite_set_error (sqlite3  *db,
                         GError  **error)
{
  if (db == NULL)
    g_set_error_literal (error, belfry_sqlite_error_quark (), SQLITE_NOMEM, "Out of memory");
  else
    g_set_error (error, belfry_sqlite_error_quark (), sqlite3_extended_errcode (db),
                 "%s (%d, system error %d)",
                 sqlite3_errmsg (db), sqlite3_extended_errcode (db), sqlite3_system_errno (db));
}

gboolean
belfry_sqlite_execute (sqlite3     *db,
                       const char  *sql,
                       GError     **error)
{
  if (sqlite3_exec (db, sql, NULL, NULL, NULL) != SQLITE_OK)
    {
      belfry_sqlite_set_error (db, error);
      return FALSE;
    }

  return TRUE;
}

sqlite3_stmt *
belfry_sqlite_prepare (sqlite3     *db,
                       const char  *sql,
                       GError     **error)
{
  sqlite3_stmt *stmt = NULL;

  if (sqlite3_prepare_v3 (db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
    {
      belfry_sqlite_set_error (db, error);
      return NULL;
    }

  return stmt;
}

/* Runs a statement that gives no rows, and makes it ready for the next time. */
gboolean
belfry_sqlite_run (sqlite3_stmt  *stmt,
                   GError       **error)
{
  int code = sqlite3_step (stmt);

  if (code != SQLITE_DONE && code != SQLITE_ROW)
    {
      belfry_sqlite_set_error (sqlite3_db_handle (stmt), error);
      sqlite3_reset (stmt);
      return FALSE;
    }

  sqlite3_reset (stmt);

  return TRUE;
}

/* Goes to the next row; when there is none, or on an error, the statement is ready for the next time. */
gboolean
belfry_sqlite_next (sqlite3_stmt  *stmt,
                    gboolean      *has_row,
                    GError       **error)
{
  int code = sqlite3_step (stmt);

  *has_row = code == SQLITE_ROW;
  if (code == SQLITE_ROW)
    return TRUE;

  if (code != SQLITE_DONE)
    belfry_sqlite_set_error (sqlite3_db_handle (stmt), error);
  sqlite3_reset (stmt);

  return code == SQLITE_DONE;
}

gboolean
belfry_sqlite_read_number (sqlite3     *db,
                           const char  *sql,
                           gint64      *number,
                           GError     **error)
{
  g_autoptr(sqlite3_stmt) stmt = NULL;
  gboolean has_row;

  stmt = belfry_sqlite_prepare (db, sql, error);
  if (stmt == NULL || !belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  *number = has_row ? sqlite3_column_int64 (stmt, 0) : 0;

  return TRUE;
}

void
belfry_sqlite_bind_text (sqlite3_stmt *stmt,
                         int           index,
                         const char   *text,
                         gssize        length)
{
  if (text == NULL)
    sqlite3_bind_null (stmt, index);
  else
    sqlite3_bind_text (stmt, index, text, (int) length, SQLITE_STATIC);
}

/* The text of a column of the statement's row, or %NULL; lives as long as the row. */
const char *
belfry_sqlite_column_text (sqlite3_stmt *row,
                           int           column,
                           gssize       *length)
{
  const char *text = (const char *) sqlite3_column_text (row, column);

  *length = text != NULL ? sqlite3_column_bytes (row, column) : 0;

  return text;
}

/* A full disk leaves the connection in order; every other failure of a write makes it suspect. */
gboolean
belfry_sqlite_error_is_full (const GError *error)
{
  return error->domain == belfry_sqlite_error_quark () &&
         ((error->code & 0xff) == SQLITE_FULL || (error->code & 0xff) == SQLITE_BUSY);
}

/* Whether what was read is at fault: it will be the next time as well, and the log itself can be written on. */
gboolean
belfry_sqlite_error_is_damage (const GError *error)
{
  if (error->domain != belfry_sqlite_error_quark ())
    return g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT);

  switch (error->code & 0xff)
    {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_ERROR:
      return TRUE;
    default:
      return error->code == SQLITE_IOERR_CORRUPTFS;
    }
}

GError *
belfry_sqlite_publish_error (const GError *error)
{
  int code;

  if (error->domain == BELFRY_ERROR || error->domain == G_IO_ERROR)
    return g_error_copy (error);

  code = error->domain == belfry_sqlite_error_quark () ? error->code & 0xff : SQLITE_ERROR;
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
    return g_error_new_literal (BELFRY_ERROR, BELFRY_ERROR_CORRUPT, "The database is damaged");

  return g_error_new_literal (BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "Storage unavailable");
}

/* For whole-file tools and for opening, whose caller may know path and reason. */
void
belfry_sqlite_explain_error (const char    *path,
                             const GError  *inner_error,
                             GError       **error)
{
  g_autoptr(GError) public_error = belfry_sqlite_publish_error (inner_error);

  if (public_error->domain == BELFRY_ERROR && strstr (inner_error->message, path) == NULL)
    g_set_error (error, BELFRY_ERROR, public_error->code, "Database '%s': %s", path, inner_error->message);
  else
    g_propagate_error (error, g_steal_pointer (&public_error));
}
