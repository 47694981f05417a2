/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The writer adds a run before its commit, takes it back when the commit fails, and trims after the commit that moved
 * the merge point. So the tail holds every row that a snapshot shows above the snapshot's merge point, unless it was
 * trimmed beyond that; then the reader begins again with a new snapshot. Rows that the snapshot does not show yet
 * lie above the reader's upper bound. */

#include "belfry-sqlite-tail-private.h"

struct _BelfrySqliteTail
{
  GMutex   lock;
  guint64  merged;   /* guarded by lock; entries are above it */
  guint64  end;      /* guarded by lock; of the log, as far as the writer vouches for it */
  GArray  *entries;  /* guarded by lock; BelfrySqliteTailEntry in order of position */
};

BelfrySqliteTail *
belfry_sqlite_tail_new (void)
{
  BelfrySqliteTail *self = g_new0 (BelfrySqliteTail, 1);

  g_mutex_init (&self->lock);
  self->end = G_MAXUINT64;
  self->entries = g_array_new (FALSE, FALSE, sizeof (BelfrySqliteTailEntry));

  return self;
}

void
belfry_sqlite_tail_free (BelfrySqliteTail *self)
{
  g_array_unref (self->entries);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* 0 says that there is no text, so no text has it. */
guint32
belfry_sqlite_tail_hash (const char *text)
{
  guint32 hash;

  if (text == NULL)
    return 0;

  hash = g_str_hash (text);

  return hash != 0 ? hash : 1;
}

/* Takes @entries over. At once, because readers may be looking. */
void
belfry_sqlite_tail_replace (BelfrySqliteTail *self,
                            guint64           merged,
                            guint64           end,
                            GArray           *entries)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  self->merged = merged;
  self->end = end;
  g_array_unref (self->entries);
  self->entries = entries;
}

void
belfry_sqlite_tail_append (BelfrySqliteTail            *self,
                           const BelfrySqliteTailEntry *entries,
                           guint                        n_entries)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  g_array_append_vals (self->entries, entries, n_entries);
}

/* What lies at @end and above is nobody's business yet: a commit whose flush failed may show there for a while. */
void
belfry_sqlite_tail_set_end (BelfrySqliteTail *self,
                            guint64           end)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  self->end = end;
}

guint64
belfry_sqlite_tail_get_end (BelfrySqliteTail *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  return self->end;
}

/* Index of the first entry at @position or above. */
static guint
find_entry (GArray  *entries,
            guint64  position)
{
  guint low = 0, high = entries->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (g_array_index (entries, BelfrySqliteTailEntry, middle).position < position)
        low = middle + 1;
      else
        high = middle;
    }

  return low;
}

void
belfry_sqlite_tail_take_back (BelfrySqliteTail *self,
                              guint64           position)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  g_array_set_size (self->entries, find_entry (self->entries, position));
}

void
belfry_sqlite_tail_trim (BelfrySqliteTail *self,
                         guint64           merged)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  guint n_below = find_entry (self->entries, merged + 1);

  self->merged = MAX (self->merged, merged);
  if (n_below == 0)
    return;

  if (n_below == self->entries->len)
    {
      /* A new array gives the memory of a busy hour back. */
      g_array_unref (self->entries);
      self->entries = g_array_new (FALSE, FALSE, sizeof (BelfrySqliteTailEntry));
    }
  else
    {
      g_array_remove_range (self->entries, 0, n_below);
    }
}

guint
belfry_sqlite_tail_get_size (BelfrySqliteTail *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  return self->entries->len;
}

static gboolean
has_type (const BelfrySqliteTailRule *rule,
          guint32                     type)
{
  guint low = 0, high = rule->n_types;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (rule->types[middle] == type)
        return TRUE;
      if (rule->types[middle] < type)
        low = middle + 1;
      else
        high = middle;
    }

  return FALSE;
}

static gboolean
rule_allows (const BelfrySqliteTailRule  *rule,
             const BelfrySqliteTailEntry *entry)
{
  return (rule->session == 0 || rule->session == entry->session) &&
         (rule->user == 0 || rule->user == entry->user) &&
         (rule->n_types == 0 || has_type (rule, entry->type));
}

/* Gathers the candidates in [low, high], which lies above @merged, the merge point of the caller's
 * snapshot; %FALSE when the tail begins higher by now. */
gboolean
belfry_sqlite_tail_collect (BelfrySqliteTail           *self,
                            guint64                     merged,
                            guint64                     low,
                            guint64                     high,
                            const BelfrySqliteTailRule *rule,
                            GArray                     *positions)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  if (self->merged > merged)
    return FALSE;

  for (guint i = find_entry (self->entries, low); i < self->entries->len; i++)
    {
      const BelfrySqliteTailEntry *entry = &g_array_index (self->entries, BelfrySqliteTailEntry, i);

      if (entry->position > high)
        break;
      if (rule_allows (rule, entry))
        g_array_append_val (positions, entry->position);
    }

  return TRUE;
}

/* Adds to @counts (type → number) the entries in [low, high]; %FALSE as above. */
gboolean
belfry_sqlite_tail_count (BelfrySqliteTail *self,
                          guint64           merged,
                          guint64           low,
                          guint64           high,
                          GHashTable       *counts)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  if (self->merged > merged)
    return FALSE;

  for (guint i = find_entry (self->entries, low); i < self->entries->len; i++)
    {
      const BelfrySqliteTailEntry *entry = &g_array_index (self->entries, BelfrySqliteTailEntry, i);
      gpointer key = GUINT_TO_POINTER (entry->type);

      if (entry->position > high)
        break;
      g_hash_table_insert (counts, key,
                           GSIZE_TO_POINTER (GPOINTER_TO_SIZE (g_hash_table_lookup (counts, key)) + 1));
    }

  return TRUE;
}
