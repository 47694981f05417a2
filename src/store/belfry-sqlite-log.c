/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-sqlite-log-private.h"

BelfrySqliteLog *
belfry_sqlite_log_new (const char *path)
{
  BelfrySqliteLog *self = g_new0 (BelfrySqliteLog, 1);

  self->path = g_strdup (path);
  self->page_size = BELFRY_SQLITE_PAGE_SIZE;
  self->tuning = (BelfrySqliteTuning) {
    .merge_rows = 16384,
    .idle_merge_rows = 1024,
    .idle_usec = G_USEC_PER_SEC,
    .merge_entries = 1000,
    .reclaim_rows = 500,
    .checkpoint_bytes = 64 * 1024 * 1024,
  };
  self->skipped = g_array_new (FALSE, FALSE, sizeof (BelfrySqliteRange));
  self->tail = belfry_sqlite_tail_new ();

  return self;
}

void
belfry_sqlite_log_free (BelfrySqliteLog *self)
{
  belfry_sqlite_tail_free (self->tail);
  g_array_unref (self->skipped);
  g_free (self->path);
  g_free (self);
}

/* How many of the positions @first to @last were given to an event. */
guint64
belfry_sqlite_log_count_used (const BelfrySqliteLog *self,
                              guint64                first,
                              guint64                last)
{
  guint64 n_used;

  if (first > last)
    return 0;

  n_used = last - first + 1;
  for (guint i = 0; i < self->skipped->len; i++)
    {
      const BelfrySqliteRange *range = &g_array_index (self->skipped, BelfrySqliteRange, i);
      guint64 from = MAX (first, range->first), to = MIN (last, range->last);

      if (range->first > last)
        break;
      if (from <= to)
        n_used -= to - from + 1;
    }

  return n_used;
}

/* The first position, from @position on, that may be given to an event. The next below *@barrier may be, too. */
guint64
belfry_sqlite_log_find_free (const BelfrySqliteLog *self,
                             guint64                position,
                             guint64               *barrier)
{
  const BelfrySqliteRange *ranges = (const BelfrySqliteRange *) (gconstpointer) self->skipped->data;
  guint low = 0, high = self->skipped->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (ranges[middle].last < position)
        low = middle + 1;
      else
        high = middle;
    }

  for (; low < self->skipped->len && ranges[low].first <= position; low++)
    position = ranges[low].last + 1;
  *barrier = low < self->skipped->len ? ranges[low].first : G_MAXUINT64;

  return position;
}
