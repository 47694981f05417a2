/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* Whether a file is the database of the Python pipeline. It may as well be that of another program that is running, so
 * nothing is locked, made or changed: the file is read as it is, and when its tables may still lie in the write-ahead
 * log beside it, a copy of both is looked at. A reader of the files themselves would have to change the shared memory
 * that belongs to that log. */

#include "belfry-sqlite-import-private.h"

#include <sys/stat.h>

#include <glib/gstdio.h>

#include "belfry-sqlite-import-source-private.h"
#include "belfry-sqlite-log-private.h"
#include "belfry-store-path-private.h"

/* A database whose tables no checkpoint has moved into the file yet is much smaller. */
#define MAX_COPIED_BYTES (64 * 1024 * 1024)

static const char *const suffixes[] = { "", "-wal", "-shm" };

static gboolean
has_foreign_header (const char *path)
{
  g_autoptr(GError) error = NULL;

  return !belfry_sqlite_schema_check_file (path, FALSE, &error) &&
         g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED);
}

static gboolean
look_at_tables (const char *path,
                const char *parameters)
{
  g_autofree char *full_path = g_canonicalize_filename (path, NULL);
  g_autofree char *escaped = g_uri_escape_string (full_path, "/", FALSE);
  g_autofree char *uri = g_strdup_printf ("file:%s?%s", escaped, parameters);
  g_autoptr(sqlite3) db = NULL;
  gint64 application_id;

  return sqlite3_open_v2 (uri, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
         belfry_sqlite_read_number (db, "PRAGMA application_id", &application_id, NULL) && application_id == 0 &&
         belfry_sqlite_import_has_tables (db);
}

/* 0 when there is none. */
static guint64
measure_beside (const char *path,
                const char *suffix)
{
  g_autofree char *beside = g_strconcat (path, suffix, NULL);
  struct stat status;

  return stat (beside, &status) == 0 && S_ISREG (status.st_mode) ? (guint64) status.st_size : 0;
}

static gboolean
copy_beside (const char *path,
             const char *copy_path,
             const char *suffix)
{
  g_autofree char *from_path = g_strconcat (path, suffix, NULL);
  g_autofree char *to_path = g_strconcat (copy_path, suffix, NULL);
  g_autoptr(GFile) from = g_file_new_for_path (from_path);
  g_autoptr(GFile) to = g_file_new_for_path (to_path);

  return g_file_copy (from, to, G_FILE_COPY_TARGET_DEFAULT_PERMS, NULL, NULL, NULL, NULL);
}

static void
remove_copy (const char *folder,
             const char *copy_path)
{
  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *path = g_strconcat (copy_path, suffixes[i], NULL);

      /* Not each is there. */
      (void) g_unlink (path);
    }
  (void) g_rmdir (folder);
}

/* No folder for the copy, or no room in it: then it is taken for a database of somebody else, and left alone. */
static gboolean
look_at_copy (const char *path)
{
  guint64 log_size = measure_beside (path, "-wal");
  g_autofree char *folder = NULL;
  g_autofree char *copy_path = NULL;
  gboolean has_tables;

  if (log_size == 0 || log_size + measure_beside (path, "") > MAX_COPIED_BYTES)
    return FALSE;

  folder = g_dir_make_tmp ("belfry-look-XXXXXX", NULL);
  if (folder == NULL)
    return FALSE;

  copy_path = g_build_filename (folder, "copy.db", NULL);
  has_tables = copy_beside (path, copy_path, "") && copy_beside (path, copy_path, "-wal") &&
               look_at_tables (copy_path, "mode=rw");
  remove_copy (folder, copy_path);

  return has_tables;
}

/* Whether @path is a database of the Python pipeline. Leaves no trace at any other. */
gboolean
belfry_sqlite_import_is_wanted (const char *path)
{
  g_autofree char *file_path = belfry_store_path_resolve (path);

  return has_foreign_header (file_path) &&
         (look_at_tables (file_path, "mode=ro&immutable=1") || look_at_copy (file_path));
}
