/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* Takes over the database of the Python pipeline where a log of ours is to be. The new log is made beside it, under
 * another name, and flushed. Then the old file gets a second name, that of the backup, and last the new one is renamed
 * over its first: at every moment the path holds all of the old or all of the new. What an import that was interrupted
 * left is removed by the next one, which begins anew. */

#include "belfry-sqlite-import-private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "belfry-sqlite-import-target-private.h"
#include "belfry-store-lock-private.h"
#include "belfry-store-path-private.h"

#define NEW_SUFFIX    ".importing"
#define BACKUP_SUFFIX ".pipeline-backup"
#define PART_SUFFIX   ".part"
#define MAX_BACKUPS   1000

/* How many of the rows that are left are told one by one. */
#define MAX_TOLD 20

/* Rows between two looks around; steps of SQLite's machine between them, while it builds an index. */
#define LOOK_ROWS  1000
#define LOOK_STEPS 200000

/* Shares of the work, in percent. */
#define ORDERED_PERCENT 10
#define ROWS_PERCENT    80

typedef struct
{
  const char                    *path;
  char                          *new_path;     /* owned */
  const BelfrySqliteImportHooks *hooks;
  GCancellable                  *cancellable;  /* or NULL */
  BelfrySqliteImportReport      *report;
  BelfrySqliteImportProgress     progress;
} Import;

void
belfry_sqlite_import_report_free (BelfrySqliteImportReport *report)
{
  g_ptr_array_unref (report->left);
  g_clear_pointer (&report->types, g_ptr_array_unref);
  g_free (report->backup_path);
  g_free (report);
}

static gboolean
has_beside (const char *path,
            const char *suffix)
{
  g_autofree char *beside = g_strconcat (path, suffix, NULL);
  struct stat status;

  return lstat (beside, &status) == 0 && status.st_size > 0;
}

/* A write lease is given only where no other process has the file open. File systems that have no leases say nothing;
 * then SQLite's own locks must do, which an idle process does not hold. */
static gboolean
check_unused (const char  *path,
              GError     **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY), code = 0;

  if (fd < 0)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
                   "Cannot open database '%s': %s", path, g_strerror (errno));
      return FALSE;
    }

  /* Whoever comes while the lease is held is told by a signal to us, which must not end us. */
  (void) fcntl (fd, F_SETSIG, SIGURG);
  if (fcntl (fd, F_SETLEASE, F_WRLCK) < 0)
    code = errno;
  else
    (void) fcntl (fd, F_SETLEASE, F_UNLCK);
  (void) close (fd);

  if (code == EAGAIN)
    g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
                 "Database '%s' is in use by another process, and cannot be imported until that has ended", path);

  return code != EAGAIN;
}

static gboolean
check_writable (const char  *path,
                GError     **error)
{
  g_autofree char *directory = g_path_get_dirname (path);
  struct stat status;

  if (stat (path, &status) == 0 && (status.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)) != 0 &&
      access (path, W_OK) == 0 && access (directory, W_OK) == 0)
    return TRUE;

  g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED, "Database '%s' is read-only, and cannot be imported", path);

  return FALSE;
}

static void
remove_new (const Import *self)
{
  static const char *const suffixes[] = { "", "-journal", "-wal", "-shm" };

  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *path = g_strconcat (self->new_path, suffixes[i], NULL);

      /* Mostly there is none. */
      (void) g_unlink (path);
    }
}

static gboolean
look_around (Import  *self,
             GError **error)
{
  if (self->hooks->on_progress != NULL)
    self->hooks->on_progress (&self->progress, self->hooks->user_data);

  return !g_cancellable_set_error_if_cancelled (self->cancellable, error);
}

static int
on_steps (void *data)
{
  return !look_around (data, NULL);
}

static void
tell_left (Import                      *self,
           const BelfrySqliteImportRow *row,
           const char                  *reason)
{
  const char *id = row->texts[BELFRY_SQLITE_IMPORT_ID];

  self->report->n_left++;
  if (self->report->left->len < MAX_TOLD)
    g_ptr_array_add (self->report->left, g_strdup_printf ("'%.*s': %s", 64, id != NULL ? id : "", reason));
}

/* An id of the log's own. That it was imported too is next to impossible, and then another origin's is taken. */
static gboolean
find_new_id (BelfrySqliteImportSource  *source,
             BelfrySqliteImportTarget  *target,
             char                       id[BELFRY_EVENT_ID_LENGTH + 1],
             GError                   **error)
{
  gboolean has_id = TRUE;

  for (guint origin = 0; has_id && origin <= G_MAXUINT8; origin++)
    {
      belfry_sqlite_import_target_make_id (target, (guint8) origin, id);
      if (!belfry_sqlite_import_source_has_id (source, id, &has_id, error))
        return FALSE;
    }

  return TRUE;
}

static gboolean
import_row (Import                       *self,
            BelfrySqliteImportSource     *source,
            BelfrySqliteImportTarget     *target,
            const BelfrySqliteImportRow  *row,
            GError                      **error)
{
  char new_id[BELFRY_EVENT_ID_LENGTH + 1];
  const char *reason;

  switch (belfry_sqlite_import_target_judge (target, row, &reason))
    {
    case BELFRY_SQLITE_IMPORT_KEPT:
      return belfry_sqlite_import_target_add (target, row, row->texts[BELFRY_SQLITE_IMPORT_ID], error);
    case BELFRY_SQLITE_IMPORT_NEEDS_ID:
      self->report->n_new_ids++;
      return find_new_id (source, target, new_id, error) &&
             belfry_sqlite_import_target_add (target, row, new_id, error);
    case BELFRY_SQLITE_IMPORT_LEFT:
    default:
      tell_left (self, row, reason);
      return TRUE;
    }
}

static gboolean
import_rows (Import                    *self,
             BelfrySqliteImportSource  *source,
             BelfrySqliteImportTarget  *target,
             GError                   **error)
{
  for (;;)
    {
      BelfrySqliteImportRow row;
      gboolean has_row;

      if (self->progress.n_done % LOOK_ROWS == 0)
        {
          self->progress.percent = ORDERED_PERCENT;
          if (self->progress.n_rows > 0)
            self->progress.percent += (guint) (self->progress.n_done * ROWS_PERCENT / self->progress.n_rows);
          if (!look_around (self, error))
            return FALSE;
        }
      if (!belfry_sqlite_import_source_next (source, &row, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;

      if (!import_row (self, source, target, &row, error))
        return FALSE;
      self->progress.n_done++;
    }
}

static gboolean
build_index (Import                    *self,
             BelfrySqliteImportTarget  *target,
             GError                   **error)
{
  sqlite3_progress_handler (belfry_sqlite_import_target_get_db (target), LOOK_STEPS, on_steps, self);
  self->progress.percent = ORDERED_PERCENT + ROWS_PERCENT;
  if (!look_around (self, error) || !belfry_sqlite_import_target_build_index (target, error))
    return FALSE;
  sqlite3_progress_handler (belfry_sqlite_import_target_get_db (target), 0, NULL, NULL);

  return TRUE;
}

static gboolean
flush_file (const char  *path,
            GError     **error)
{
  int fd = open (path, O_RDWR | O_CLOEXEC), result, code;

  result = fd < 0 ? -1 : fsync (fd);
  code = errno;
  if (fd >= 0)
    (void) close (fd);
  if (result < 0)
    g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "Cannot flush '%s': %s", path, g_strerror (code));

  return result == 0;
}

static gboolean
fill (Import                    *self,
      BelfrySqliteImportSource  *source,
      GError                   **error)
{
  g_autoptr(BelfrySqliteImportTarget) target = NULL;

  target = belfry_sqlite_import_target_open (self->new_path, error);
  if (target == NULL ||
      !import_rows (self, source, target, error) ||
      !build_index (self, target, error) ||
      !belfry_sqlite_import_target_finish (target, error))
    return FALSE;

  self->report->n_imported = belfry_sqlite_import_target_get_n_events (target);
  self->report->newest_usec = belfry_sqlite_import_target_get_newest (target);
  self->report->types = belfry_sqlite_import_target_list_types (target);

  return TRUE;
}

static gboolean
order (Import                    *self,
       BelfrySqliteImportSource  *source,
       GError                   **error)
{
  sqlite3 *db = belfry_sqlite_import_source_get_db (source);

  if (!look_around (self, error))
    return FALSE;

  sqlite3_progress_handler (db, LOOK_STEPS, on_steps, self);
  if (!belfry_sqlite_import_source_order (source, g_get_real_time (), error))
    return FALSE;
  sqlite3_progress_handler (db, 0, NULL, NULL);

  self->report->n_rows = self->progress.n_rows = belfry_sqlite_import_source_get_n_rows (source);
  self->report->n_new_times = belfry_sqlite_import_source_get_n_new_times (source);

  return TRUE;
}

/* Reads everything out of the old database and into the new one. */
static gboolean
convert (Import  *self,
         GError **error)
{
  g_autoptr(BelfrySqliteImportSource) source = NULL;

  source = belfry_sqlite_import_source_open (self->path, error);
  if (source == NULL ||
      !order (self, source, error) ||
      !belfry_sqlite_schema_make_file (self->new_path, error) ||
      !fill (self, source, error))
    return FALSE;

  self->progress.percent = 95;

  return look_around (self, error) && flush_file (self->new_path, error);
}

static gboolean
is_same_file (const char *path,
              const char *other_path)
{
  struct stat status, other_status;

  return stat (path, &status) == 0 && stat (other_path, &other_status) == 0 &&
         status.st_ino == other_status.st_ino && status.st_dev == other_status.st_dev;
}

static void
on_copied (goffset  n_copied,
           goffset  n_bytes,
           gpointer user_data)
{
  /* What it finds ends the copy by way of the cancellable. */
  (void) look_around (user_data, NULL);
}

/* Not every file system has second names, and they may be forbidden: then the backup is a copy, whole under its name
 * or not there. */
static gboolean
copy_backup (Import      *self,
             const char  *backup_path,
             GError     **error)
{
  g_autofree char *part_path = g_strconcat (backup_path, PART_SUFFIX, NULL);
  g_autoptr(GFile) from = g_file_new_for_path (self->path);
  g_autoptr(GFile) part = g_file_new_for_path (part_path);
  g_autoptr(GError) local_error = NULL;

  if (g_file_copy (from, part, G_FILE_COPY_OVERWRITE, self->cancellable, on_copied, self, &local_error) &&
      flush_file (part_path, &local_error) && g_rename (part_path, backup_path) == 0)
    return TRUE;

  g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "Cannot keep a backup of '%s' as '%s': %s", self->path,
               backup_path, local_error != NULL ? local_error->message : g_strerror (errno));
  (void) g_unlink (part_path);

  return FALSE;
}

static gboolean
are_links_refused (int code)
{
  return code == EPERM || code == EOPNOTSUPP || code == ENOSYS || code == EMLINK;
}

/* FALSE without an error: the name is another file's. */
static gboolean
keep_backup_as (Import      *self,
                const char  *backup_path,
                GError     **error)
{
  int code;

  if (link (self->path, backup_path) == 0)
    return TRUE;

  code = errno;
  if (code == EEXIST || g_file_test (backup_path, G_FILE_TEST_EXISTS))
    return is_same_file (self->path, backup_path);
  if (are_links_refused (code))
    return copy_backup (self, backup_path, error);

  g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
               "Cannot keep a backup of '%s' beside it: %s", self->path, g_strerror (code));

  return FALSE;
}

/* Gives the old file its second name, unless an interrupted import has. */
static gboolean
keep_backup (Import  *self,
             GError **error)
{
  for (guint i = 0; i < MAX_BACKUPS; i++)
    {
      g_autofree char *backup_path = i == 0 ? g_strconcat (self->path, BACKUP_SUFFIX, NULL)
                                            : g_strdup_printf ("%s" BACKUP_SUFFIX "-%u", self->path, i);
      g_autoptr(GError) local_error = NULL;

      if (keep_backup_as (self, backup_path, &local_error))
        {
          self->report->backup_path = g_steal_pointer (&backup_path);
          return belfry_sqlite_flush_directory_of (self->path, error);
        }
      if (local_error != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
    }

  g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
               "Cannot keep a backup of '%s' beside it: every name is taken", self->path);

  return FALSE;
}

static gboolean
replace (Import  *self,
         GError **error)
{
  /* SQLite removes what lies beside a database when the last who uses it is done. */
  if (has_beside (self->path, "-wal") || has_beside (self->path, "-journal"))
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
                   "Database '%s' was changed while it was imported", self->path);
      return FALSE;
    }

  if (!check_unused (self->path, error) || !keep_backup (self, error))
    return FALSE;

  if (g_rename (self->new_path, self->path) < 0)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
                   "Cannot make database '%s': %s", self->path, g_strerror (errno));
      return FALSE;
    }

  return belfry_sqlite_flush_directory_of (self->path, error);
}

static gboolean
keep_types (Import  *self,
            GError **error)
{
  return self->hooks->keep_types == NULL ||
         self->hooks->keep_types (self->report->types, self->hooks->user_data, error);
}

static BelfrySqliteImportReport *
report_new (void)
{
  BelfrySqliteImportReport *report = g_new0 (BelfrySqliteImportReport, 1);

  report->left = g_ptr_array_new_with_free_func (g_free);

  return report;
}

/* Imports the database at @path, of which belfry_sqlite_import_is_wanted() is sure. Blocks. On failure
 * the old file is as it was: %BELFRY_ERROR_REFUSED when it is read-only or in use. */
BelfrySqliteImportReport *
belfry_sqlite_import_run (const char                     *path,
                          const BelfrySqliteImportHooks  *hooks,
                          GCancellable                   *cancellable,
                          GError                        **error)
{
  g_autoptr(BelfrySqliteImportReport) report = report_new ();
  g_autofree char *file_path = belfry_store_path_resolve (path);
  g_autofree char *new_path = g_strconcat (file_path, NEW_SUFFIX, NULL);
  g_autoptr(BelfryStoreLock) lock = NULL;
  g_autoptr(GError) local_error = NULL;
  Import self = { file_path, new_path, hooks, cancellable, report, { 0 } };

  if (!check_writable (file_path, error))
    return NULL;
  lock = belfry_store_lock_take (file_path, error);
  if (lock == NULL)
    return NULL;

  remove_new (&self);
  if (check_unused (file_path, &local_error) &&
      convert (&self, &local_error) &&
      keep_types (&self, &local_error) &&
      replace (&self, &local_error))
    return g_steal_pointer (&report);

  remove_new (&self);
  if (!g_cancellable_set_error_if_cancelled (cancellable, error))
    belfry_sqlite_explain_error (file_path, local_error, error);

  return NULL;
}
