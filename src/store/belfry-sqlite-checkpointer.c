/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* While the writer writes on, a checkpoint never carries over the last page, and only a log that is
 * carried over whole begins anew from its start. So this thread goes over it until little is left,
 * and the writer then does that little itself, between two transactions. SQLite flushes the database
 * only with the last page, and whoever carries that over would wait until the disk has taken all of
 * them: so this thread flushes what it wrote itself. */

#include "belfry-sqlite-checkpointer-private.h"

#include <gio/gio.h>

/* What the writer may be left to carry over: a megabyte, or less where the log is to be short. */
#define FEW_PAGES  128
#define FEW_PART   4
#define MAX_PASSES 4

/* A log that is so many times as long as it should be is ended however much is left. */
#define MAX_LENGTHS 4

struct _BelfrySqliteCheckpointer
{
  BelfrySqliteLog *log;
  GThread         *thread;
  sqlite3         *db;            /* its thread only */
  gboolean         is_failing;    /* its thread only */

  GMutex           lock;
  GCond            wake;
  gboolean         is_stopping;   /* guarded by lock */
  gboolean         is_wanted;     /* guarded by lock */
  gboolean         is_nearly_done; /* guarded by lock */
  gboolean         has_failed;    /* guarded by lock */
  guint            next_pages;    /* guarded by lock; length of the log at which to begin */
  guint            n_pages;       /* guarded by lock; length of the log, as the writer told */
  guint            n_done;        /* guarded by lock; of these, pages that are in the database for good */
};

static guint
soft_bound (BelfrySqliteCheckpointer *self)
{
  return (guint) (self->log->tuning.checkpoint_bytes / self->log->page_size);
}

static guint
few_pages (BelfrySqliteCheckpointer *self)
{
  return MIN (FEW_PAGES, soft_bound (self) / FEW_PART);
}

/* Carries over what there is at the beginning, and flushes it. */
static gboolean
pass (BelfrySqliteCheckpointer  *self,
      GError                   **error)
{
  int n_done = 0, code;

  if (self->db == NULL)
    {
      self->db = belfry_sqlite_open (self->log->path, BELFRY_SQLITE_CHECKPOINTER, error);
      if (self->db == NULL)
        return FALSE;
    }

  code = sqlite3_wal_checkpoint_v2 (self->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, &n_done);
  /* The writer does it just now. */
  if ((code & 0xff) == SQLITE_BUSY)
    return TRUE;
  if (code != SQLITE_OK)
    {
      belfry_sqlite_set_error (self->db, error);
      return FALSE;
    }
  if (!belfry_sqlite_flush (self->db, error))
    return FALSE;

  g_mutex_lock (&self->lock);
  self->n_done = (guint) MAX (n_done, 0);
  g_mutex_unlock (&self->lock);

  return TRUE;
}

/* Lock held. A log that began anew is shorter than what was done. */
static gboolean
has_few_left (BelfrySqliteCheckpointer *self)
{
  return self->n_pages <= self->n_done + few_pages (self);
}

static gboolean
make_passes (BelfrySqliteCheckpointer  *self,
             GError                   **error)
{
  for (guint i = 0; i < MAX_PASSES; i++)
    {
      g_autoptr(GMutexLocker) locker = NULL;

      if (!pass (self, error))
        return FALSE;

      locker = g_mutex_locker_new (&self->lock);
      if (has_few_left (self))
        return TRUE;
    }

  return TRUE;
}

static void
report (BelfrySqliteCheckpointer *self,
        const GError             *error)
{
  if (error != NULL && !self->is_failing)
    g_warning ("The write-ahead log cannot be carried over: %s; trying again as it grows", error->message);
  else if (error == NULL && self->is_failing)
    g_message ("The write-ahead log can be carried over again");
  self->is_failing = error != NULL;
}

static void
carry_over (BelfrySqliteCheckpointer *self)
{
  g_autoptr(GMutexLocker) locker = NULL;
  g_autoptr(GError) error = NULL;
  gboolean success = make_passes (self, &error);

  report (self, error);

  /* After a failed flush a connection is not asked again. */
  if (!success && self->db != NULL)
    {
      belfry_sqlite_restart_checkpoint (self->db);
      g_clear_pointer (&self->db, sqlite3_close);
    }

  locker = g_mutex_locker_new (&self->lock);
  self->has_failed = self->has_failed || !success;
  self->is_nearly_done = success;
}

static gpointer
checkpointer_thread (gpointer data)
{
  BelfrySqliteCheckpointer *self = data;

  for (;;)
    {
      gboolean is_stopping;

      g_mutex_lock (&self->lock);
      while (!self->is_wanted && !self->is_stopping)
        g_cond_wait (&self->wake, &self->lock);
      is_stopping = self->is_stopping;
      self->is_wanted = FALSE;
      g_mutex_unlock (&self->lock);

      if (is_stopping)
        break;
      carry_over (self);
    }

  g_clear_pointer (&self->db, sqlite3_close);

  return NULL;
}

BelfrySqliteCheckpointer *
belfry_sqlite_checkpointer_new (BelfrySqliteLog *log)
{
  BelfrySqliteCheckpointer *self = g_new0 (BelfrySqliteCheckpointer, 1);

  self->log = log;
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  self->next_pages = soft_bound (self);
  self->thread = g_thread_new ("belfry-checkpt", checkpointer_thread, self);

  return self;
}

void
belfry_sqlite_checkpointer_stop (BelfrySqliteCheckpointer *self)
{
  if (self->thread == NULL)
    return;

  g_mutex_lock (&self->lock);
  self->is_stopping = TRUE;
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);

  g_thread_join (g_steal_pointer (&self->thread));
}

void
belfry_sqlite_checkpointer_free (BelfrySqliteCheckpointer *self)
{
  belfry_sqlite_checkpointer_stop (self);
  g_cond_clear (&self->wake);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
belfry_sqlite_checkpointer_request (BelfrySqliteCheckpointer *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  self->is_wanted = TRUE;
  g_cond_signal (&self->wake);
}

/* The writer tells how long the log is now. When it could not begin anew, because somebody reads in
 * it, each further megabyte is a reason to try again. */
void
belfry_sqlite_checkpointer_note (BelfrySqliteCheckpointer *self,
                                 guint                     n_pages)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  self->n_pages = n_pages;
  if (n_pages < soft_bound (self))
    {
      self->next_pages = soft_bound (self);
    }
  else if (n_pages >= self->next_pages)
    {
      self->next_pages = n_pages + few_pages (self);
      self->is_wanted = TRUE;
      g_cond_signal (&self->wake);
    }
}

/* Whether the writer should carry over the rest now, which is little, unless the log is much too long. */
gboolean
belfry_sqlite_checkpointer_take_finish (BelfrySqliteCheckpointer *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  gboolean is_nearly_done = self->is_nearly_done;

  self->is_nearly_done = FALSE;

  return is_nearly_done && (has_few_left (self) || self->n_pages >= MAX_LENGTHS * soft_bound (self));
}

/* Whether a checkpoint failed since the last time of asking. */
gboolean
belfry_sqlite_checkpointer_take_failure (BelfrySqliteCheckpointer *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  gboolean has_failed = self->has_failed;

  self->has_failed = FALSE;

  return has_failed;
}
