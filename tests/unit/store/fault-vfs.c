/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "fault-vfs.h"

#include <string.h>

#include <glib/gstdio.h>
#include <sqlite3.h>

/* A change of a file that is not flushed yet: bytes at an offset, or a new length. */
typedef struct
{
  gsize   offset;
  GBytes *bytes;  /* NULL: the file ends at offset */
} Change;

/* What the disk knows of a path. */
typedef struct
{
  GByteArray *durable;
  gboolean    exists;   /* durably */
  GPtrArray  *changes;  /* Change, in order */
  guint       n_errors; /* flushes that failed */
} Disk;

typedef struct
{
  sqlite3_file  base;
  sqlite3_file *real;
  char         *path;  /* NULL for a temporary file */
  guint         n_errors_seen;
} FaultFile;

static GMutex lock;
static sqlite3_vfs *real_vfs;
static sqlite3_vfs fault_vfs;
static GHashTable *disks;  /* guarded by lock, like all below: path → Disk */
static guint fault_kinds;
static int fault_code;
static guint n_until_fault;
static guint n_faults_left;
static gboolean has_failed;
static gboolean is_cut_armed;
static guint n_until_cut;
static gboolean is_off;

static void
change_free (gpointer data)
{
  Change *change = data;

  g_clear_pointer (&change->bytes, g_bytes_unref);
  g_free (change);
}

static void
disk_free (gpointer data)
{
  Disk *disk = data;

  g_byte_array_unref (disk->durable);
  g_ptr_array_unref (disk->changes);
  g_free (disk);
}

static Disk *
ensure_disk (const char *path)
{
  Disk *disk = g_hash_table_lookup (disks, path);
  g_autofree char *contents = NULL;
  gsize length;

  if (disk != NULL)
    return disk;

  disk = g_new0 (Disk, 1);
  disk->durable = g_byte_array_new ();
  disk->changes = g_ptr_array_new_with_free_func (change_free);
  disk->exists = g_file_get_contents (path, &contents, &length, NULL);
  if (disk->exists)
    g_byte_array_append (disk->durable, (const guint8 *) contents, (guint) length);
  g_hash_table_insert (disks, g_strdup (path), disk);

  return disk;
}

static void
apply (GByteArray   *image,
       const Change *change)
{
  gsize length, end;
  const void *bytes;
  guint before = image->len;

  if (change->bytes == NULL)
    {
      g_byte_array_set_size (image, (guint) change->offset);
    }
  else
    {
      bytes = g_bytes_get_data (change->bytes, &length);
      end = change->offset + length;
      if (end > image->len)
        g_byte_array_set_size (image, (guint) end);
      if (change->offset > before)
        memset (image->data + before, 0, change->offset - before);
      memcpy (image->data + change->offset, bytes, length);
    }
}

/* Lock held. What becomes of an operation. */
static int
judge (guint kind)
{
  if (kind != FAULT_READ && is_cut_armed && !is_off)
    {
      is_off = n_until_cut == 0;
      n_until_cut--;
    }
  if (is_off)
    return kind == FAULT_SYNC ? SQLITE_IOERR_FSYNC : SQLITE_IOERR;

  if ((kind & fault_kinds) == 0 || n_faults_left == 0)
    return SQLITE_OK;
  if (n_until_fault > 0)
    {
      n_until_fault--;
      return SQLITE_OK;
    }
  n_faults_left--;
  has_failed = TRUE;

  return fault_code;
}

static void
note_change (FaultFile *file,
             GBytes    *bytes,
             gsize      offset)
{
  Change *change;

  if (file->path == NULL)
    {
      g_clear_pointer (&bytes, g_bytes_unref);
      return;
    }

  change = g_new (Change, 1);
  *change = (Change) { offset, bytes };
  g_ptr_array_add (ensure_disk (file->path)->changes, change);
}

static int
fault_close (sqlite3_file *base)
{
  FaultFile *file = (FaultFile *) base;
  int code = file->real->pMethods != NULL ? file->real->pMethods->xClose (file->real) : SQLITE_OK;

  g_free (file->real);
  g_free (file->path);

  return code;
}

static int
fault_read (sqlite3_file  *base,
            void          *buffer,
            int            amount,
            sqlite3_int64  offset)
{
  FaultFile *file = (FaultFile *) base;
  int code;

  g_mutex_lock (&lock);
  code = judge (FAULT_READ);
  g_mutex_unlock (&lock);

  return code != SQLITE_OK ? code : file->real->pMethods->xRead (file->real, buffer, amount, offset);
}

static int
fault_write (sqlite3_file  *base,
             const void    *buffer,
             int            amount,
             sqlite3_int64  offset)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&lock);
  FaultFile *file = (FaultFile *) base;
  int code = judge (FAULT_WRITE);

  if (code != SQLITE_OK)
    return code;

  note_change (file, g_bytes_new (buffer, (gsize) amount), (gsize) offset);

  return file->real->pMethods->xWrite (file->real, buffer, amount, offset);
}

static int
fault_truncate (sqlite3_file  *base,
                sqlite3_int64  size)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&lock);
  FaultFile *file = (FaultFile *) base;
  int code = judge (FAULT_WRITE);

  if (code != SQLITE_OK)
    return code;

  note_change (file, NULL, (gsize) size);

  return file->real->pMethods->xTruncate (file->real, size);
}

/* A flush that fails loses what was to be flushed for good: the next one does not try again. But
 * everybody who has the file open is told once. That is how kernels do it. */
static int
fault_sync (sqlite3_file *base,
            int           flags)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&lock);
  FaultFile *file = (FaultFile *) base;
  int code = judge (FAULT_SYNC);
  Disk *disk;

  if (file->path == NULL || is_off)
    return code;

  disk = ensure_disk (file->path);
  for (guint i = 0; code == SQLITE_OK && i < disk->changes->len; i++)
    apply (disk->durable, g_ptr_array_index (disk->changes, i));
  disk->exists = disk->exists || code == SQLITE_OK;
  g_ptr_array_set_size (disk->changes, 0);

  if (code != SQLITE_OK)
    disk->n_errors++;
  else if (file->n_errors_seen < disk->n_errors)
    code = SQLITE_IOERR_FSYNC;
  file->n_errors_seen = disk->n_errors;

  return code;
}

#define REAL(base) (((FaultFile *) (base))->real)

static int
fault_file_size (sqlite3_file  *base,
                 sqlite3_int64 *size)
{
  return REAL (base)->pMethods->xFileSize (REAL (base), size);
}

static int
fault_lock (sqlite3_file *base,
            int           level)
{
  return REAL (base)->pMethods->xLock (REAL (base), level);
}

static int
fault_unlock (sqlite3_file *base,
              int           level)
{
  return REAL (base)->pMethods->xUnlock (REAL (base), level);
}

static int
fault_check_reserved_lock (sqlite3_file *base,
                           int          *result)
{
  return REAL (base)->pMethods->xCheckReservedLock (REAL (base), result);
}

static int
fault_file_control (sqlite3_file *base,
                    int           operation,
                    void         *argument)
{
  return REAL (base)->pMethods->xFileControl (REAL (base), operation, argument);
}

static int
fault_sector_size (sqlite3_file *base)
{
  return REAL (base)->pMethods->xSectorSize (REAL (base));
}

/* No promise of the real disk holds here. */
static int
fault_device_characteristics (sqlite3_file *base)
{
  return 0;
}

static int
fault_shm_map (sqlite3_file   *base,
               int             region,
               int             size,
               int             extend,
               void volatile **memory)
{
  return REAL (base)->pMethods->xShmMap (REAL (base), region, size, extend, memory);
}

static int
fault_shm_lock (sqlite3_file *base,
                int           offset,
                int           n,
                int           flags)
{
  return REAL (base)->pMethods->xShmLock (REAL (base), offset, n, flags);
}

static void
fault_shm_barrier (sqlite3_file *base)
{
  REAL (base)->pMethods->xShmBarrier (REAL (base));
}

static int
fault_shm_unmap (sqlite3_file *base,
                 int           flag)
{
  return REAL (base)->pMethods->xShmUnmap (REAL (base), flag);
}

static const sqlite3_io_methods methods = {
  .iVersion = 2,
  .xClose = fault_close,
  .xRead = fault_read,
  .xWrite = fault_write,
  .xTruncate = fault_truncate,
  .xSync = fault_sync,
  .xFileSize = fault_file_size,
  .xLock = fault_lock,
  .xUnlock = fault_unlock,
  .xCheckReservedLock = fault_check_reserved_lock,
  .xFileControl = fault_file_control,
  .xSectorSize = fault_sector_size,
  .xDeviceCharacteristics = fault_device_characteristics,
  .xShmMap = fault_shm_map,
  .xShmLock = fault_shm_lock,
  .xShmBarrier = fault_shm_barrier,
  .xShmUnmap = fault_shm_unmap,
};

static int
fault_open (sqlite3_vfs  *vfs,
            const char   *path,
            sqlite3_file *base,
            int           flags,
            int          *out_flags)
{
  FaultFile *file = (FaultFile *) base;
  int code;

  file->base.pMethods = NULL;
  g_mutex_lock (&lock);
  code = is_off ? SQLITE_CANTOPEN : SQLITE_OK;
  if (code == SQLITE_OK && path != NULL)
    ensure_disk (path);
  g_mutex_unlock (&lock);
  if (code != SQLITE_OK)
    return code;

  file->real = g_malloc0 ((gsize) real_vfs->szOsFile);
  file->path = g_strdup (path);
  code = real_vfs->xOpen (real_vfs, path, file->real, flags, out_flags);
  if (code != SQLITE_OK)
    {
      g_free (file->real);
      g_free (file->path);
      return code;
    }
  file->base.pMethods = &methods;
  if (path != NULL)
    {
      g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&lock);

      file->n_errors_seen = ensure_disk (path)->n_errors;
    }

  return SQLITE_OK;
}

static int
fault_delete (sqlite3_vfs *vfs,
              const char  *path,
              int          sync_folder)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&lock);
  int code = judge (FAULT_WRITE);

  if (code != SQLITE_OK)
    return code;

  /* A name that is gone may come back after a loss of power when the folder was not flushed. */
  if (sync_folder || g_random_boolean ())
    g_hash_table_remove (disks, path);

  return real_vfs->xDelete (real_vfs, path, sync_folder);
}

void
fault_vfs_register (void)
{
  real_vfs = sqlite3_vfs_find (NULL);
  disks = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, disk_free);
  fault_vfs = *real_vfs;
  fault_vfs.zName = "fault";
  fault_vfs.szOsFile = sizeof (FaultFile);
  fault_vfs.xOpen = fault_open;
  fault_vfs.xDelete = fault_delete;
  g_assert_cmpint (sqlite3_vfs_register (&fault_vfs, 1), ==, SQLITE_OK);
}

void
fault_vfs_fail (guint kinds,
                int   code,
                guint n_before,
                guint n_operations)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&lock);

  fault_kinds = kinds;
  fault_code = code;
  n_until_fault = n_before;
  n_faults_left = n_operations;
  has_failed = FALSE;
}

gboolean
fault_vfs_heal (void)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&lock);

  fault_kinds = 0;

  return has_failed;
}

void
fault_vfs_cut_power (guint n_before)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&lock);

  is_cut_armed = TRUE;
  n_until_cut = n_before;
}

gsize
fault_vfs_count_unflushed (const char *path)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&lock);
  const Disk *disk = g_hash_table_lookup (disks, path);

  g_assert_nonnull (disk);

  return disk->changes->len;
}

static void
write_image (const char *path,
             Disk       *disk)
{
  gboolean exists = disk->exists || (disk->changes->len > 0 && g_random_boolean ());
  g_autofree char *folder = g_path_get_dirname (path);

  /* Of a test that is over. */
  if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    return;

  /* Each change may have reached the disk or not, in any order between flushes, whole or in part. */
  for (guint i = 0; i < disk->changes->len; i++)
    {
      Change *change = g_ptr_array_index (disk->changes, i);
      gsize length = change->bytes != NULL ? g_bytes_get_size (change->bytes) : 0;

      if (g_random_boolean ())
        continue;
      if (length > 512 && g_random_boolean ())
        {
          GBytes *part = g_bytes_new_from_bytes (change->bytes, 0, length / 512 / 2 * 512);

          g_bytes_unref (change->bytes);
          change->bytes = part;
        }
      apply (disk->durable, change);
    }

  if (exists)
    g_assert_true (g_file_set_contents (path, (const char *) disk->durable->data, (gssize) disk->durable->len, NULL));
  else
    g_unlink (path);
}

gboolean
fault_vfs_restore_power (void)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&lock);
  gboolean was_off = is_off;
  GHashTableIter iter;
  const char *path;
  Disk *disk;

  g_hash_table_iter_init (&iter, disks);
  while (g_hash_table_iter_next (&iter, (gpointer *) &path, (gpointer *) &disk))
    {
      g_autofree char *shm_path = g_strconcat (path, "-shm", NULL);

      write_image (path, disk);
      g_unlink (shm_path);
    }
  g_hash_table_remove_all (disks);
  is_cut_armed = FALSE;
  is_off = FALSE;

  return was_off;
}
