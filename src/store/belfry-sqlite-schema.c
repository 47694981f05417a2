/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The file, before anything else uses it. What is there is judged by a plain look at its first 100
 * bytes: SQLite would leave a journal beside a file, or change it, before we could say that it is
 * not ours. What is not there is made under another name and moved into place whole, so that a
 * database never lacks its schema or its identity. */

#include "belfry-sqlite-log-private.h"
#include "belfry-sqlite-types-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gio/gio.h>
#include <glib/gstdio.h>

#define HEADER_SIZE           100
#define HEADER_USER_VERSION   60
#define HEADER_APPLICATION_ID 68

/* What finds the events of full blocks, and what does not have it yet. */
#define INDEX_SCHEMA \
  "CREATE TABLE indexing (id INTEGER PRIMARY KEY CHECK (id = 1), block_bits INTEGER NOT NULL," \
  " unindexed INTEGER NOT NULL);" \
  "CREATE TABLE chunk (id INTEGER PRIMARY KEY, data BLOB NOT NULL);"

/* Letters that are dead, and what is kept of them all. */
#define DEAD_LETTER_SCHEMA \
  "CREATE TABLE dead_letter (number INTEGER PRIMARY KEY, received INTEGER NOT NULL, door TEXT NOT NULL," \
  " reason TEXT NOT NULL, field TEXT NOT NULL, message TEXT NOT NULL, size INTEGER NOT NULL, event_id TEXT," \
  " replayed INTEGER, content_type TEXT NOT NULL, body BLOB NOT NULL);" \
  "CREATE INDEX dead_letter_reason ON dead_letter (reason);" \
  "CREATE TABLE dead_letters (id INTEGER PRIMARY KEY CHECK (id = 1), next_number INTEGER NOT NULL," \
  " count INTEGER NOT NULL, size INTEGER NOT NULL);" \
  "INSERT INTO dead_letters VALUES (1, 1, 0, 0);"

/* What only collected events have. Version 1 of the format lacks these columns. */
#define LEARNER_COLUMNS_SQL \
  "ALTER TABLE event ADD COLUMN sent INTEGER; ALTER TABLE event ADD COLUMN learner TEXT;"

/* The payload comes last of what every row has: a look at the other members never touches its overflow pages, nor does
 * one at what is NULL behind it. There is no index over time, because times of acceptance never run backwards along the positions. Chunks of blocks above state.merged
 * and below indexing.unindexed may be there or not and count for nothing. What is skipped may lie ahead of the next
 * position. */
static const char schema[] =
  "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), log_id INTEGER NOT NULL, id_key BLOB NOT NULL,"
  " origin INTEGER NOT NULL, next_position INTEGER NOT NULL, floor INTEGER NOT NULL, merged INTEGER NOT NULL,"
  " last_usec INTEGER NOT NULL);"
  "CREATE TABLE event_type (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, count INTEGER NOT NULL,"
  " last_seen INTEGER NOT NULL);"
  "CREATE TABLE event (position INTEGER PRIMARY KEY, accepted INTEGER NOT NULL, type INTEGER NOT NULL,"
  " source TEXT NOT NULL, session_id TEXT, user_id TEXT, user_tier TEXT, amount REAL, payload TEXT NOT NULL,"
  " sent INTEGER, learner TEXT);"
  INDEX_SCHEMA
  DEAD_LETTER_SCHEMA
  BELFRY_SQLITE_CURSOR_SCHEMA
  BELFRY_SQLITE_REMOVAL_SCHEMA
  "CREATE TABLE skipped (first INTEGER PRIMARY KEY, last INTEGER NOT NULL);"
  "CREATE TABLE receipt (position INTEGER PRIMARY KEY, events INTEGER NOT NULL, accepted INTEGER NOT NULL,"
  " bytes_before INTEGER NOT NULL, key BLOB NOT NULL UNIQUE, fingerprint BLOB NOT NULL, status INTEGER NOT NULL,"
  " answer BLOB NOT NULL);"
  BELFRY_SQLITE_IMPORTED_SCHEMA;

static gboolean
set_refused (GError     **error,
             const char  *path,
             const char  *reason)
{
  g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED, "Database '%s' %s", path, reason);

  return FALSE;
}

static guint32
read_big_endian (const guint8 *bytes)
{
  return (guint32) bytes[0] << 24 | (guint32) bytes[1] << 16 | (guint32) bytes[2] << 8 | bytes[3];
}

static gboolean
check_header (const char    *path,
              const guint8  *header,
              GError       **error)
{
  guint32 version;

  if (memcmp (header, "SQLite format 3", 16) != 0 ||
      read_big_endian (header + HEADER_APPLICATION_ID) != BELFRY_SQLITE_APPLICATION_ID)
    return set_refused (error, path, "is no database of Belfry");

  version = read_big_endian (header + HEADER_USER_VERSION);
  if (version > BELFRY_SQLITE_USER_VERSION)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
                   "Database '%s' has version %u of the format, newer than %d, which this program knows",
                   path, version, BELFRY_SQLITE_USER_VERSION);
      return FALSE;
    }
  if (version == 0)
    return set_refused (error, path, "is no database of Belfry");

  return TRUE;
}

/* Root may write to a file that nobody may write to; who took the permission away meant something by it. */
static gboolean
check_permissions (const char         *path,
                   const struct stat  *status,
                   GError            **error)
{
  if (!S_ISREG (status->st_mode))
    return set_refused (error, path, "is no regular file");

  if ((status->st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)) == 0 || access (path, W_OK) < 0)
    return set_refused (error, path, "is read-only");

  return TRUE;
}

/* What the file lacks is read as zeroes. By SQLite's own file layer, yet without SQLite: locks on files belong to the
 * process, and a plain close would take away those that a connection to the same file holds. SQLite then takes itself for
 * the last one and deletes a write-ahead log that is in use. */
static gboolean
read_header (const char *path,
             guint8     *header,
             int         size)
{
  sqlite3_vfs *vfs = sqlite3_vfs_find (NULL);
  g_autofree sqlite3_file *file = g_malloc0 ((gsize) vfs->szOsFile);
  g_autofree char *full_path = g_canonicalize_filename (path, NULL);
  sqlite3_filename name = sqlite3_create_filename (full_path, "", "", 0, NULL);
  int result = SQLITE_NOMEM;

  if (name != NULL)
    result = vfs->xOpen (vfs, name, file, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, NULL);
  if (result == SQLITE_OK)
    result = file->pMethods->xRead (file, header, size, 0);
  if (file->pMethods != NULL)
    (void) file->pMethods->xClose (file);
  sqlite3_free_filename (name);

  return result == SQLITE_OK || result == SQLITE_IOERR_SHORT_READ;
}

/* BELFRY_ERROR_NOT_FOUND also for an empty file: somebody made it who reserved the name, and it holds nothing
 * to protect. */
gboolean
belfry_sqlite_schema_check_file (const char  *path,
                                 gboolean     for_writing,
                                 GError     **error)
{
  guint8 header[HEADER_SIZE] = { 0 };
  struct stat status;

  /* Whatever is done with a file begins here. */
  belfry_sqlite_configure ();

  if (stat (path, &status) < 0)
    {
      g_set_error (error, BELFRY_ERROR,
                   errno == ENOENT ? BELFRY_ERROR_NOT_FOUND : BELFRY_ERROR_REFUSED,
                   "Cannot open database '%s': %s", path, g_strerror (errno));
      return FALSE;
    }

  if (!S_ISREG (status.st_mode))
    return set_refused (error, path, "is no regular file");
  if (for_writing && !check_permissions (path, &status, error))
    return FALSE;
  if (status.st_size == 0)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND, "Database '%s' is empty", path);
      return FALSE;
    }

  if (!read_header (path, header, sizeof header))
    return set_refused (error, path, "cannot be read");

  return check_header (path, header, error);
}

gboolean
belfry_sqlite_schema_make_secret (gpointer   bytes,
                                  gsize      size,
                                  GError   **error)
{
  /* Below 256 bytes the kernel gives all or nothing. */
  if (getrandom (bytes, size, 0) != (gssize) size)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "No random numbers: %s", g_strerror (errno));
      return FALSE;
    }

  return TRUE;
}

static gboolean
insert_indexing (sqlite3  *db,
                 guint64   unindexed,
                 GError  **error)
{
  g_autofree char *sql = g_strdup_printf ("INSERT INTO indexing VALUES (1, %d, %" G_GUINT64_FORMAT ")",
                                          BELFRY_SQLITE_BLOCK_BITS, unindexed);

  return belfry_sqlite_execute (db, sql, error);
}

static gboolean
insert_state (sqlite3  *db,
              GError  **error)
{
  g_autoptr(sqlite3_stmt) stmt = NULL;
  guint8 secret[BELFRY_EVENT_ID_SECRET_SIZE];
  guint64 log_id = 0;

  if (!belfry_sqlite_schema_make_secret (secret, sizeof secret, error) ||
      !belfry_sqlite_schema_make_secret (&log_id, sizeof log_id, error))
    return FALSE;

  stmt = belfry_sqlite_prepare (db, "INSERT INTO state VALUES (1, ?1, ?2, 0, 1, 1, 0, 0)", error);
  if (stmt == NULL)
    return FALSE;

  sqlite3_bind_int64 (stmt, 1, (gint64) (log_id >> 1 | 1));
  sqlite3_bind_blob (stmt, 2, secret, sizeof secret, SQLITE_STATIC);

  return belfry_sqlite_run (stmt, error) && insert_indexing (db, 0, error);
}

/* The schema is written with a rollback journal, so that the identity stands in the file itself
 * from the first byte on, not in a write-ahead log beside it. */
static gboolean
fill_file (const char  *path,
           GError     **error)
{
  g_autoptr(sqlite3) db = NULL;
  g_autofree char *identity = NULL;

  if (sqlite3_open_v2 (path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    {
      belfry_sqlite_set_error (db, error);
      return FALSE;
    }

  identity = g_strdup_printf ("PRAGMA page_size = %d; PRAGMA synchronous = FULL; BEGIN;"
                              "PRAGMA application_id = %d; PRAGMA user_version = %d;",
                              BELFRY_SQLITE_PAGE_SIZE, BELFRY_SQLITE_APPLICATION_ID, BELFRY_SQLITE_USER_VERSION);

  return belfry_sqlite_execute (db, identity, error) &&
         belfry_sqlite_execute (db, schema, error) &&
         insert_state (db, error) &&
         belfry_sqlite_execute (db, "COMMIT; PRAGMA journal_mode = WAL;", error);
}

gboolean
belfry_sqlite_flush_directory_of (const char  *path,
                                  GError     **error)
{
  g_autofree char *directory = g_path_get_dirname (path);
  int fd, result, code;

  fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  result = fd < 0 ? -1 : fsync (fd);
  code = errno;
  if (fd >= 0)
    (void) close (fd);

  /* Some file systems cannot flush a directory and say so. */
  if (result < 0 && code != EINVAL)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE,
                   "Cannot flush folder '%s': %s", directory, g_strerror (code));
      return FALSE;
    }

  return TRUE;
}

/* Makes an empty log where nothing may be yet. */
gboolean
belfry_sqlite_schema_make_file (const char  *path,
                                GError     **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

  if (fd < 0)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
                   "Cannot make database '%s': %s", path, g_strerror (errno));
      return FALSE;
    }
  (void) close (fd);

  if (!fill_file (path, error))
    {
      (void) g_unlink (path);
      return FALSE;
    }

  return TRUE;
}

static gboolean
make_file (const char  *path,
           GError     **error)
{
  g_autofree char *new_path = g_strconcat (path, ".new", NULL);
  g_autofree char *journal_path = g_strconcat (new_path, "-journal", NULL);

  /* What an interrupted creation left; the lock is ours. */
  (void) g_unlink (journal_path);
  (void) g_unlink (new_path);

  if (!belfry_sqlite_schema_make_file (new_path, error))
    return FALSE;

  if (g_rename (new_path, path) < 0)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
                   "Cannot make database '%s': %s", path, g_strerror (errno));
      (void) g_unlink (new_path);
      return FALSE;
    }

  return belfry_sqlite_flush_directory_of (path, error);
}

/* Sees to it that there is a database of ours at @path; the caller holds the lock. */
gboolean
belfry_sqlite_schema_prepare (const char  *path,
                              GError     **error)
{
  g_autoptr(GError) local_error = NULL;

  if (belfry_sqlite_schema_check_file (path, TRUE, &local_error))
    return TRUE;

  if (g_error_matches (local_error, BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND))
    return make_file (path, error);

  g_propagate_error (error, g_steal_pointer (&local_error));

  return FALSE;
}

/* Of a file that is of the newest version of the format. */
gboolean
belfry_sqlite_schema_load_indexing (sqlite3            *db,
                                    BelfrySqliteState  *state,
                                    GError            **error)
{
  g_autoptr(sqlite3_stmt) stmt = belfry_sqlite_prepare (db, "SELECT block_bits, unindexed FROM indexing", error);
  gboolean has_row;

  if (stmt == NULL || !belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  if (!has_row ||
      sqlite3_column_int64 (stmt, 0) < BELFRY_SQLITE_MIN_BLOCK_BITS ||
      sqlite3_column_int64 (stmt, 0) > BELFRY_SQLITE_BLOCK_BITS ||
      sqlite3_column_int64 (stmt, 1) < 0 || sqlite3_column_int64 (stmt, 1) > (gint64) state->merged + 1)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT, "The state of the index is damaged");
      return FALSE;
    }

  state->block_bits = (guint) sqlite3_column_int (stmt, 0);
  state->unindexed = (guint64) sqlite3_column_int64 (stmt, 1);

  return TRUE;
}

/* What version 1 has indexed is indexed anew behind the back of those who use the file: until then what lies below the
 * newest, unfinished block is found by going through it. The old tables are emptied a little at a time. */
static gboolean
upgrade_index (sqlite3                  *db,
               const BelfrySqliteState  *state,
               GError                  **error)
{
  guint64 merged = state->next_position >> BELFRY_SQLITE_BLOCK_BITS << BELFRY_SQLITE_BLOCK_BITS;
  g_autofree char *sql = NULL;

  merged = MAX (MAX (merged, state->floor), 1) - 1;
  sql = g_strdup_printf ("UPDATE state SET merged = %" G_GUINT64_FORMAT "; PRAGMA user_version = %d; COMMIT",
                         merged, BELFRY_SQLITE_USER_VERSION);

  return belfry_sqlite_execute (db, INDEX_SCHEMA DEAD_LETTER_SCHEMA LEARNER_COLUMNS_SQL BELFRY_SQLITE_CURSOR_SCHEMA
                                BELFRY_SQLITE_REMOVAL_SCHEMA, error) &&
         insert_indexing (db, merged >= state->floor ? merged + 1 : 0, error) &&
         belfry_sqlite_execute (db, sql, error);
}

/* Brings a database of an older version of the format up to the newest, in one short transaction. */
gboolean
belfry_sqlite_schema_upgrade (sqlite3  *db,
                              GError  **error)
{
  BelfrySqliteState state;
  gint64 version;

  if (!belfry_sqlite_read_number (db, "PRAGMA user_version", &version, error))
    return FALSE;
  if (version == BELFRY_SQLITE_USER_VERSION)
    return TRUE;

  return belfry_sqlite_execute (db, "BEGIN IMMEDIATE", error) &&
         belfry_sqlite_schema_load_state (db, &state, error) &&
         upgrade_index (db, &state, error);
}

gboolean
belfry_sqlite_schema_load_state (sqlite3            *db,
                                 BelfrySqliteState  *state,
                                 GError            **error)
{
  g_autoptr(sqlite3_stmt) stmt = NULL;
  gboolean has_row;

  stmt = belfry_sqlite_prepare (db,
                                "SELECT log_id, id_key, origin, next_position, floor, merged, last_usec FROM state",
                                error);
  if (stmt == NULL || !belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  if (!has_row || sqlite3_column_bytes (stmt, 1) != BELFRY_EVENT_ID_SECRET_SIZE)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT, "The database lacks its state");
      return FALSE;
    }

  state->log_id = (guint64) sqlite3_column_int64 (stmt, 0);
  memcpy (state->secret, sqlite3_column_blob (stmt, 1), BELFRY_EVENT_ID_SECRET_SIZE);
  state->origin = (guint8) sqlite3_column_int (stmt, 2);
  state->next_position = (guint64) sqlite3_column_int64 (stmt, 3);
  state->floor = (guint64) sqlite3_column_int64 (stmt, 4);
  state->merged = (guint64) sqlite3_column_int64 (stmt, 5);
  state->last_usec = sqlite3_column_int64 (stmt, 6);
  state->unindexed = 0;
  state->block_bits = BELFRY_SQLITE_BLOCK_BITS;

  if (state->next_position < 1 || state->next_position > BELFRY_EVENT_ID_MAX_POSITION + 1 ||
      state->floor < 1 || state->floor > state->next_position || state->merged >= state->next_position)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT, "The state of the database is damaged");
      return FALSE;
    }

  return TRUE;
}

gboolean
belfry_sqlite_schema_load_skipped (sqlite3  *db,
                                   GArray   *skipped,
                                   GError  **error)
{
  g_autoptr(sqlite3_stmt) stmt = NULL;
  gboolean has_row;

  stmt = belfry_sqlite_prepare (db, "SELECT first, last FROM skipped ORDER BY first", error);
  if (stmt == NULL)
    return FALSE;

  for (;;)
    {
      BelfrySqliteRange range;

      if (!belfry_sqlite_next (stmt, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;

      range.first = (guint64) sqlite3_column_int64 (stmt, 0);
      range.last = (guint64) sqlite3_column_int64 (stmt, 1);
      g_array_append_val (skipped, range);
    }
}
