/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* Stands between SQLite and its file layer, and looks at the clock where that flushes. */

#include "flush-clock.h"

#include <pthread.h>

#include "belfry-sqlite-connection-private.h"

#define WRITER_NAME "belfry-writer"

static sqlite3_vfs *real_vfs;
static sqlite3_vfs clocked_vfs;

/* SQLite has one table of methods for files that it locks and another one for the rest. */
typedef struct
{
  sqlite3_io_methods        clocked;
  const sqlite3_io_methods *real;
} Methods;

static Methods methods[2];

static GMutex lock;
static gint64 total_usec;  /* guarded by lock; flushes that are over */
static gint64 begun_usec;  /* guarded by lock; the one that is going on, or 0 */

static gboolean
is_writer (void)
{
  char name[16] = "";

  return pthread_getname_np (pthread_self (), name, sizeof name) == 0 && g_str_equal (name, WRITER_NAME);
}

static int
clocked_sync (sqlite3_file *file,
              int           flags)
{
  const Methods *own = (const Methods *) file->pMethods;
  int code;

  /* There is one writer; others flush beside it. */
  if (!is_writer ())
    return own->real->xSync (file, flags);

  g_mutex_lock (&lock);
  begun_usec = g_get_monotonic_time ();
  g_mutex_unlock (&lock);

  code = own->real->xSync (file, flags);

  g_mutex_lock (&lock);
  total_usec += g_get_monotonic_time () - begun_usec;
  begun_usec = 0;
  g_mutex_unlock (&lock);

  return code;
}

static int
clocked_open (sqlite3_vfs      *vfs,
              sqlite3_filename  path,
              sqlite3_file     *file,
              int               flags,
              int              *out_flags)
{
  Methods *own = &methods[(flags & SQLITE_OPEN_MAIN_DB) != 0];
  int code = real_vfs->xOpen (real_vfs, path, file, flags, out_flags);

  if (code != SQLITE_OK || file->pMethods == NULL)
    return code;

  g_mutex_lock (&lock);
  if (own->real == NULL)
    {
      own->real = file->pMethods;
      own->clocked = *own->real;
      own->clocked.xSync = clocked_sync;
    }
  g_assert (file->pMethods == own->real);
  file->pMethods = &own->clocked;
  g_mutex_unlock (&lock);

  return code;
}

void
flush_clock_install (void)
{
  belfry_sqlite_configure ();
  real_vfs = sqlite3_vfs_find (NULL);
  clocked_vfs = *real_vfs;
  clocked_vfs.zName = "clocked";
  clocked_vfs.xOpen = clocked_open;
  g_assert (sqlite3_vfs_register (&clocked_vfs, 1) == SQLITE_OK);
}

gint64
flush_clock_read (void)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&lock);

  return total_usec + (begun_usec != 0 ? g_get_monotonic_time () - begun_usec : 0);
}
