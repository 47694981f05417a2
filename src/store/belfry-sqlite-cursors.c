/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-sqlite-cursors-private.h"

/* A log at rest is flushed for its cursors so long after one has moved, and no more often than that. */
#define REST_USEC (50 * 1000)

/* When they could not be written, they are tried again with the next transaction, or after this time. */
#define RETRY_USEC G_USEC_PER_SEC

typedef struct
{
  BelfryKeptCursor cursor;
  guint64          moved;    /* how often */
  guint64          written;  /* what moved was when it was last written */
  guint64          kept;     /* what written was when that was committed */
} Entry;

struct _BelfrySqliteCursors
{
  GMutex      lock;
  GHashTable *entries;    /* guarded by lock; name → Entry */
  gint64      due_usec;   /* guarded by lock */
  gboolean    is_loaded;  /* writer thread only */
};

BelfrySqliteCursors *
belfry_sqlite_cursors_new (void)
{
  BelfrySqliteCursors *self = g_new0 (BelfrySqliteCursors, 1);

  g_mutex_init (&self->lock);
  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  return self;
}

void
belfry_sqlite_cursors_free (BelfrySqliteCursors *self)
{
  g_hash_table_unref (self->entries);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* Lock held. */
static Entry *
ensure_entry (BelfrySqliteCursors *self,
              const char          *name)
{
  Entry *entry = g_hash_table_lookup (self->entries, name);

  if (entry == NULL)
    {
      entry = g_new0 (Entry, 1);
      g_hash_table_insert (self->entries, g_strdup (name), entry);
    }

  return entry;
}

gboolean
belfry_sqlite_cursors_load (BelfrySqliteCursors  *self,
                            sqlite3              *db,
                            GError              **error)
{
  g_autoptr(sqlite3_stmt) stmt = NULL;
  g_autoptr(GMutexLocker) locker = NULL;
  gboolean has_row;

  if (self->is_loaded)
    return TRUE;
  stmt = belfry_sqlite_prepare (db, "SELECT name, position, count FROM cursor", error);
  if (stmt == NULL)
    return FALSE;

  locker = g_mutex_locker_new (&self->lock);
  for (;;)
    {
      BelfryKeptCursor *cursor;

      if (!belfry_sqlite_next (stmt, &has_row, error))
        return FALSE;
      if (!has_row)
        break;
      cursor = &ensure_entry (self, (const char *) sqlite3_column_text (stmt, 0))->cursor;
      cursor->position = (guint64) sqlite3_column_int64 (stmt, 1);
      cursor->count = (guint64) sqlite3_column_int64 (stmt, 2);
    }
  self->is_loaded = TRUE;

  return TRUE;
}

gboolean
belfry_sqlite_cursors_find (BelfrySqliteCursors *self,
                            const char          *name,
                            BelfryKeptCursor    *cursor)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  const Entry *entry = g_hash_table_lookup (self->entries, name);

  if (entry != NULL)
    *cursor = entry->cursor;

  return entry != NULL;
}

gboolean
belfry_sqlite_cursors_move (BelfrySqliteCursors    *self,
                            const char             *name,
                            const BelfryKeptCursor *cursor)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  Entry *entry = ensure_entry (self, name);
  gboolean is_first = self->due_usec == 0;

  entry->cursor = *cursor;
  entry->moved++;
  if (is_first)
    self->due_usec = g_get_monotonic_time () + REST_USEC;

  return is_first;
}

gint64
belfry_sqlite_cursors_get_due (BelfrySqliteCursors *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  return self->due_usec;
}

gboolean
belfry_sqlite_cursors_write (BelfrySqliteCursors  *self,
                             sqlite3_stmt         *stmt,
                             GError              **error)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  GHashTableIter iter;
  const char *name;
  Entry *entry;

  if (self->due_usec == 0)
    return TRUE;

  self->due_usec = g_get_monotonic_time () + RETRY_USEC;
  /* Pages are written at the commit: nobody waits long for the lock. */
  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, (gpointer *) &name, (gpointer *) &entry))
    {
      if (entry->moved == entry->kept)
        continue;
      belfry_sqlite_bind_text (stmt, 1, name, -1);
      sqlite3_bind_int64 (stmt, 2, (gint64) entry->cursor.position);
      sqlite3_bind_int64 (stmt, 3, (gint64) entry->cursor.count);
      if (!belfry_sqlite_run (stmt, error))
        return FALSE;
      entry->written = entry->moved;
    }

  return TRUE;
}

void
belfry_sqlite_cursors_settle (BelfrySqliteCursors *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  gboolean is_clean = TRUE;
  GHashTableIter iter;
  Entry *entry;

  if (self->due_usec == 0)
    return;

  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &entry))
    {
      entry->kept = entry->written;
      is_clean = is_clean && entry->moved == entry->kept;
    }
  self->due_usec = is_clean ? 0 : g_get_monotonic_time () + REST_USEC;
}
