/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-sqlite-stats-private.h"

#include "belfry-sqlite-appender-private.h"

struct _BelfrySqliteStats
{
  guint64     total;
  GHashTable *types;  /* GRefString → Count */
};

typedef struct
{
  guint64 count;
  gint64  last_usec;
} Count;

BelfrySqliteStats *
belfry_sqlite_stats_new (void)
{
  BelfrySqliteStats *self = g_new0 (BelfrySqliteStats, 1);

  self->types = g_hash_table_new_full (g_str_hash, g_str_equal, (GDestroyNotify) g_ref_string_release, g_free);

  return self;
}

void
belfry_sqlite_stats_free (BelfrySqliteStats *self)
{
  g_hash_table_unref (self->types);
  g_free (self);
}

void
belfry_sqlite_stats_clear (BelfrySqliteStats *self)
{
  g_hash_table_remove_all (self->types);
  self->total = 0;
}

guint64
belfry_sqlite_stats_apply (BelfrySqliteStats *self,
                           const GArray      *changes)
{
  guint64 n_removed = 0;

  for (guint i = 0; i < changes->len; i++)
    {
      const BelfrySqliteTypeChange *change = &g_array_index (changes, BelfrySqliteTypeChange, i);
      Count *count = g_hash_table_lookup (self->types, change->name);

      if (count == NULL)
        {
          count = g_new0 (Count, 1);
          g_hash_table_insert (self->types, g_ref_string_acquire (change->name), count);
        }
      count->count += change->added - change->removed;
      count->last_usec = change->last_usec;
      self->total += change->added - change->removed;
      n_removed += change->removed;
    }

  return n_removed;
}

static int
compare_counts (gconstpointer a,
                gconstpointer b)
{
  const BelfryTypeCount *left = *(const BelfryTypeCount *const *) a;
  const BelfryTypeCount *right = *(const BelfryTypeCount *const *) b;

  if (left->count != right->count)
    return left->count < right->count ? 1 : -1;

  return g_strcmp0 (left->event_type, right->event_type);
}

BelfryStoreStats *
belfry_sqlite_stats_snapshot (const BelfrySqliteStats *self,
                              guint64                  events_last_hour)
{
  BelfryStoreStats *stats = g_new0 (BelfryStoreStats, 1);
  GHashTableIter iter;
  const char *name;
  const Count *count;

  stats->total_events = self->total;
  stats->events_last_hour = events_last_hour;
  stats->by_type = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_type_count_free);

  g_hash_table_iter_init (&iter, self->types);
  while (g_hash_table_iter_next (&iter, (gpointer *) &name, (gpointer *) &count))
    {
      BelfryTypeCount type_count = { (char *) name, count->count, count->last_usec };

      if (count->count > 0)
        g_ptr_array_add (stats->by_type, belfry_type_count_copy (&type_count));
    }
  g_ptr_array_sort (stats->by_type, compare_counts);

  return stats;
}
