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
    .idle_usec = G_USEC_PER_SEC,
    .seal_chunks = 16,
    .reclaim_rows = 500,
    .type_rows = 500,
    .checkpoint_bytes = 8 * 1024 * 1024,
    .tail_rows = 4 * BELFRY_SQLITE_BLOCK_MAX,
  };
  self->skipped = g_array_new (FALSE, FALSE, sizeof (BelfrySqliteRange));
  self->tail = belfry_sqlite_tail_new ();
  self->cursors = belfry_sqlite_cursors_new ();

  return self;
}

void
belfry_sqlite_log_free (BelfrySqliteLog *self)
{
  belfry_sqlite_cursors_free (self->cursors);
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

/* Index of the first range that ends at @position or behind it. */
static guint
find_range (const BelfrySqliteLog *self,
            guint64                position)
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

  return low;
}

/* The first position, from @position on, that may be given to an event. The next below *@barrier may be, too. */
guint64
belfry_sqlite_log_find_free (const BelfrySqliteLog *self,
                             guint64                position,
                             guint64               *barrier)
{
  const BelfrySqliteRange *ranges = (const BelfrySqliteRange *) (gconstpointer) self->skipped->data;
  guint index = find_range (self, position);

  for (; index < self->skipped->len && ranges[index].first <= position; index++)
    position = ranges[index].last + 1;
  *barrier = index < self->skipped->len ? ranges[index].first : G_MAXUINT64;

  return position;
}

/* Whether @position was skipped, and in which range. */
gboolean
belfry_sqlite_log_find_skipped (const BelfrySqliteLog *self,
                                guint64                position,
                                BelfrySqliteRange     *range)
{
  guint index = find_range (self, position);

  if (index == self->skipped->len)
    return FALSE;
  *range = g_array_index (self->skipped, BelfrySqliteRange, index);

  return range->first <= position;
}

/* Of a row of position, type, session_id, user_id, user_tier and amount. */
void
belfry_sqlite_log_read_entry (const BelfrySqliteLog *self,
                              sqlite3_stmt          *row,
                              BelfrySqliteTailEntry *entry)
{
  guint32 *keys = entry->keys;

  entry->position = (guint64) sqlite3_column_int64 (row, 0);
  keys[BELFRY_SQLITE_COLUMN_TYPE] = (guint32) sqlite3_column_int64 (row, 1);
  keys[BELFRY_SQLITE_COLUMN_SESSION] = belfry_sqlite_blocks_hash (&self->blocks,
                                                                  (const char *) sqlite3_column_text (row, 2));
  keys[BELFRY_SQLITE_COLUMN_USER] = belfry_sqlite_blocks_hash (&self->blocks,
                                                               (const char *) sqlite3_column_text (row, 3));
  keys[BELFRY_SQLITE_COLUMN_TIER] = belfry_sqlite_blocks_hash (&self->blocks,
                                                               (const char *) sqlite3_column_text (row, 4));
  keys[BELFRY_SQLITE_COLUMN_AMOUNT] = 0;
  if (sqlite3_column_type (row, 5) != SQLITE_NULL)
    keys[BELFRY_SQLITE_COLUMN_AMOUNT] = belfry_sqlite_amount_key (sqlite3_column_double (row, 5));
}
