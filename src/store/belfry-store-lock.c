/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-store-lock-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <glib-unix.h>

#include "belfry-error.h"

struct _BelfryStoreLock
{
  int fd;
};

/* The lock belongs to the open file description: it ends with this descriptor and nothing else, keeps out a second
 * store of this process too, and does not fall when SQLite closes a file. */
BelfryStoreLock *
belfry_store_lock_take (const char  *path,
                        GError     **error)
{
  g_autofree char *lock_path = g_strconcat (path, ".lock", NULL);
  struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  BelfryStoreLock *self;
  int fd;

  fd = open (lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
  if (fd < 0)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
                   "Cannot make the lock file '%s': %s", lock_path, g_strerror (errno));
      return NULL;
    }

  if (fcntl (fd, F_OFD_SETLK, &whole) < 0)
    {
      int code = errno;

      (void) close (fd);
      if (code == EAGAIN || code == EACCES)
        g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
                     "Database '%s' is in use by another process", path);
      else
        g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
                     "Cannot lock '%s': %s", lock_path, g_strerror (code));
      return NULL;
    }

  self = g_new (BelfryStoreLock, 1);
  self->fd = fd;

  return self;
}

void
belfry_store_lock_release (BelfryStoreLock *self)
{
  /* Closing ends the lock; nothing was written that could fail to arrive. */
  (void) close (self->fd);
  g_free (self);
}
