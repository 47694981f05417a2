/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The candidates of one window: a bit for each position of its block, or of its page of the tail. A position has to be in a
 * list of each column that the filter names. Of a block's lists only those parts are read where candidates are left. */

#include "belfry-sqlite-scan-private.h"

#include <string.h>

#define N_WORDS (BELFRY_SQLITE_BLOCK_MAX / 64)

G_STATIC_ASSERT (BELFRY_SQLITE_TAIL_PAGE <= BELFRY_SQLITE_BLOCK_MAX);

/* Rows that are counted in one step where there is no index. */
#define COUNT_ROWS 20000

/* Places from first to last, with a bit for each that may be one of a candidate. */
typedef struct
{
  guint   first;
  guint   last;
  guint64 bits[N_WORDS];
} Candidates;

static void
candidates_init (Candidates *self,
                 guint       first,
                 guint       last)
{
  self->first = first;
  self->last = last;
  memset (self->bits + first / 64, 0xff, (last / 64 - first / 64 + 1) * sizeof self->bits[0]);
  self->bits[first / 64] &= G_MAXUINT64 << first % 64;
  self->bits[last / 64] &= G_MAXUINT64 >> (63 - last % 64);
}

/* Whether any are left; then first and last become theirs. */
static gboolean
candidates_narrow (Candidates    *self,
                   const guint64 *bits)
{
  guint first = G_MAXUINT, last = 0;

  for (guint word = self->first / 64; word <= self->last / 64; word++)
    {
      guint64 left = self->bits[word] & bits[word];

      self->bits[word] = left;
      if (left != 0)
        last = word * 64 + 63 - (guint) __builtin_clzll (left);
      if (left != 0 && first == G_MAXUINT)
        first = word * 64 + (guint) __builtin_ctzll (left);
    }
  if (first == G_MAXUINT)
    return FALSE;

  self->first = first;
  self->last = last;

  return TRUE;
}

static void
clear_bits (const Candidates *candidates,
            guint64          *bits)
{
  guint first = candidates->first / 64;

  memset (bits + first, 0, (candidates->last / 64 - first + 1) * sizeof *bits);
}

static gboolean
set_damaged (GError **error)
{
  g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT, "The index of the database is damaged");

  return FALSE;
}

/* Marks where one key occurs, by the chunks from the one below which it cannot lie back to the first of its own. */
static gboolean
mark_key (BelfrySqliteView    *view,
          guint64              block,
          BelfrySqliteColumn   column,
          guint32              key,
          const Candidates    *candidates,
          guint64             *bits,
          GError             **error)
{
  const BelfrySqliteBlocks *blocks = &view->log->blocks;
  guint shift = belfry_sqlite_blocks_get_part_bits (blocks);
  gint64 first = belfry_sqlite_blocks_id (blocks, block, column, key, candidates->first >> shift);
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (view, BELFRY_SQLITE_VIEW_CHUNKS, error);
  gboolean success = stmt != NULL, is_done = FALSE;

  if (stmt == NULL)
    return FALSE;

  sqlite3_bind_int64 (stmt, 1, belfry_sqlite_blocks_id (blocks, block, column, 0, 0));
  sqlite3_bind_int64 (stmt, 2, belfry_sqlite_blocks_id (blocks, block, column, key, candidates->last >> shift));
  while (success && !is_done)
    {
      const guint8 *data;
      gboolean has_row, is_long;
      gsize length;
      gint64 id;

      success = belfry_sqlite_next (stmt, &has_row, error);
      if (!success || !has_row)
        break;

      id = sqlite3_column_int64 (stmt, 0);
      data = sqlite3_column_blob (stmt, 1);
      length = (gsize) sqlite3_column_bytes (stmt, 1);
      is_long = belfry_sqlite_chunk_is_long (data, length);
      is_done = !is_long || id <= first;
      if ((!is_long || id >= first) &&
          !belfry_sqlite_chunk_mark_key (data, length, key, bits, belfry_sqlite_blocks_get_size (blocks)))
        success = set_damaged (error);
    }
  sqlite3_reset (stmt);

  return success;
}

/* Marks by one chunk of amounts, if it is there: that of a part, or with @is_all that of the highest of the block, which tells
 * whether these are all that are wanted. */
static gboolean
mark_amounts (BelfrySqliteScan  *self,
              BelfrySqliteView  *view,
              guint64            block,
              guint              part,
              gboolean          *is_all,
              guint64           *bits,
              GError           **error)
{
  const BelfrySqliteBlocks *blocks = &view->log->blocks;
  gint64 id = belfry_sqlite_blocks_id (blocks, block, BELFRY_SQLITE_COLUMN_AMOUNT, is_all != NULL, part);
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (view, BELFRY_SQLITE_VIEW_CHUNKS, error);
  gboolean success, has_row;

  if (stmt == NULL)
    return FALSE;

  sqlite3_bind_int64 (stmt, 1, id);
  sqlite3_bind_int64 (stmt, 2, id);
  success = belfry_sqlite_next (stmt, &has_row, error);
  if (success && has_row)
    {
      const guint8 *data = sqlite3_column_blob (stmt, 1);
      gsize length = (gsize) sqlite3_column_bytes (stmt, 1);

      self->n_chunks++;
      if (is_all != NULL)
        success = belfry_sqlite_chunk_mark_highest (blocks, data, length, self->least_amount, bits, is_all);
      else
        success = belfry_sqlite_chunk_mark_amounts (data, length, self->least_amount, bits,
                                                    part << belfry_sqlite_blocks_get_part_bits (blocks),
                                                    belfry_sqlite_blocks_get_size (blocks));
      if (!success)
        set_damaged (error);
    }
  sqlite3_reset (stmt);

  return success;
}

static gboolean
has_any_in_part (const Candidates *candidates,
                 guint             part,
                 guint             part_bits)
{
  guint first = MAX (candidates->first, part << part_bits), last = MIN (candidates->last, ((part + 1) << part_bits) - 1);

  for (guint word = first / 64; word <= last / 64; word++)
    if (candidates->bits[word] != 0)
      return TRUE;

  return FALSE;
}

static gboolean
mark_block_amounts (BelfrySqliteScan  *self,
                    BelfrySqliteView  *view,
                    guint64            block,
                    const Candidates  *candidates,
                    guint64           *bits,
                    GError           **error)
{
  guint part_bits = belfry_sqlite_blocks_get_part_bits (&view->log->blocks);
  gboolean is_all = TRUE;

  if (!mark_amounts (self, view, block, 0, &is_all, bits, error))
    return FALSE;

  for (guint part = candidates->first >> part_bits; !is_all && part <= candidates->last >> part_bits; part++)
    if (has_any_in_part (candidates, part, part_bits) &&
        !mark_amounts (self, view, block, part, NULL, bits, error))
      return FALSE;

  return TRUE;
}

static gboolean
gather_block (BelfrySqliteScan  *self,
              BelfrySqliteView  *view,
              guint64            block,
              Candidates        *candidates,
              gboolean          *has_any,
              GError           **error)
{
  guint64 bits[N_WORDS];

  *has_any = TRUE;
  for (guint column = 0; *has_any && column < BELFRY_SQLITE_COLUMN_AMOUNT; column++)
    {
      const GArray *keys = self->keys[column];

      if (keys == NULL)
        continue;
      memset (bits, 0, sizeof bits);
      self->n_lists += keys->len;
      for (guint i = 0; i < keys->len; i++)
        if (!mark_key (view, block, column, g_array_index (keys, guint32, i), candidates, bits, error))
          return FALSE;
      *has_any = candidates_narrow (candidates, bits);
    }

  if (*has_any && self->least_amount != 0)
    {
      memset (bits, 0, sizeof bits);
      if (!mark_block_amounts (self, view, block, candidates, bits, error))
        return FALSE;
      *has_any = candidates_narrow (candidates, bits);
    }

  return TRUE;
}

/* Bits for 64 neighbours or, at the end of what may be looked at, fewer. */
static inline guint64
compare_word (const guint32 *keys,
              guint          n_keys,
              guint32        key)
{
  guint64 word = 0;
  guint32 any = 0;

  if (n_keys == 64)
    {
      /* Mostly none: a loop without branches takes several at once. */
      for (guint i = 0; i < 64; i++)
        any |= (guint32) (keys[i] == key);
      if (any == 0)
        return 0;
    }
  for (guint i = 0; i < n_keys; i++)
    word |= (guint64) (keys[i] == key) << i;

  return word;
}

static inline guint64
compare_amounts (const guint32 *keys,
                 guint          n_keys,
                 guint32        least)
{
  guint64 word = 0;

  for (guint i = 0; i < n_keys; i++)
    word |= (guint64) (keys[i] >= least) << i;

  return word;
}

static void
mark_tail_keys (const guint32    *page_keys,
                const GArray     *keys,
                const Candidates *candidates,
                guint64          *bits)
{
  clear_bits (candidates, bits);
  for (guint word = candidates->first / 64; word <= candidates->last / 64; word++)
    for (guint i = 0; i < keys->len; i++)
      bits[word] |= compare_word (page_keys + word * 64, MIN (64, candidates->last + 1 - word * 64),
                                  g_array_index (keys, guint32, i));
}

static gboolean
gather_page (BelfrySqliteScan           *self,
             const BelfrySqliteTailPage *page,
             Candidates                 *candidates)
{
  guint64 bits[BELFRY_SQLITE_TAIL_PAGE / 64];

  for (guint column = 0; column < BELFRY_SQLITE_COLUMN_AMOUNT; column++)
    if (self->keys[column] != NULL)
      {
        mark_tail_keys (page->keys[column], self->keys[column], candidates, bits);
        if (!candidates_narrow (candidates, bits))
          return FALSE;
      }

  if (self->least_amount == 0)
    return TRUE;

  clear_bits (candidates, bits);
  for (guint word = candidates->first / 64; word <= candidates->last / 64; word++)
    bits[word] = compare_amounts (page->keys[BELFRY_SQLITE_COLUMN_AMOUNT] + word * 64,
                                  MIN (64, candidates->last + 1 - word * 64), self->least_amount);

  return candidates_narrow (candidates, bits);
}

static void
add_positions (const Candidates *candidates,
               gboolean          is_backwards,
               guint64           base,
               GArray           *positions)
{
  guint first = candidates->first / 64, n_words = candidates->last / 64 - first + 1;

  for (guint i = 0; i < n_words; i++)
    {
      guint word = is_backwards ? first + n_words - 1 - i : first + i;
      guint64 left = candidates->bits[word];

      while (left != 0)
        {
          guint bit = is_backwards ? 63 - (guint) __builtin_clzll (left) : (guint) __builtin_ctzll (left);
          guint64 position = base + word * 64 + bit;

          g_array_append_val (positions, position);
          left &= ~(G_GUINT64_CONSTANT (1) << bit);
        }
    }
}

/* Adds the candidates of [low, high], which lies in one block, or in one page of the tail, in the order of the search. When
 * the tail was trimmed meanwhile *@is_held is %FALSE and there are none. */
gboolean
belfry_sqlite_scan_gather (BelfrySqliteScan  *self,
                           BelfrySqliteView  *view,
                           guint64            low,
                           guint64            high,
                           GArray            *positions,
                           gboolean          *is_held,
                           GError           **error)
{
  const BelfrySqliteBlocks *blocks = &view->log->blocks;
  BelfrySqliteTailPage *page = NULL;
  gboolean has_any = FALSE;
  Candidates candidates;
  guint64 base;

  *is_held = TRUE;
  if (low <= view->merged)
    {
      base = low - belfry_sqlite_blocks_get_place (blocks, low);
      candidates_init (&candidates, (guint) (low - base), (guint) (high - base));
      if (!gather_block (self, view, belfry_sqlite_blocks_get_number (blocks, low), &candidates, &has_any, error))
        return FALSE;
    }
  else
    {
      *is_held = belfry_sqlite_tail_ref_page (view->log->tail, view->merged, low, &page);
      if (page == NULL)
        return TRUE;
      base = page->first;
      candidates_init (&candidates, (guint) (low - base), (guint) (high - base));
      has_any = gather_page (self, page, &candidates);
      belfry_sqlite_tail_unref_page (view->log->tail, page);
    }

  if (has_any)
    add_positions (&candidates, self->is_backwards, base, positions);

  return TRUE;
}

static void
count_type (GHashTable *counts,
            guint32     type)
{
  gpointer key = GUINT_TO_POINTER (type);

  if (type != 0)
    g_hash_table_insert (counts, key, GSIZE_TO_POINTER (GPOINTER_TO_SIZE (g_hash_table_lookup (counts, key)) + 1));
}

static gboolean
count_rows (BelfrySqliteView  *view,
            guint64            low,
            guint64            high,
            GHashTable        *counts,
            GError           **error)
{
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (view, BELFRY_SQLITE_VIEW_TYPES, error);

  if (stmt == NULL)
    return FALSE;

  sqlite3_bind_int64 (stmt, 1, (gint64) low);
  sqlite3_bind_int64 (stmt, 2, (gint64) high);
  for (;;)
    {
      gboolean has_row;

      if (!belfry_sqlite_next (stmt, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      count_type (counts, (guint32) sqlite3_column_int64 (stmt, 0));
    }
}

/* The types of all positions of a block. */
static gboolean
unpack_types (BelfrySqliteView  *view,
              guint64            block,
              guint32           *types,
              GError           **error)
{
  const BelfrySqliteBlocks *blocks = &view->log->blocks;
  guint32 *keys[BELFRY_SQLITE_N_COLUMNS] = { [BELFRY_SQLITE_COLUMN_TYPE] = types };
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (view, BELFRY_SQLITE_VIEW_CHUNKS, error);
  gboolean success = TRUE, has_row = TRUE;

  if (stmt == NULL)
    return FALSE;

  sqlite3_bind_int64 (stmt, 1, belfry_sqlite_blocks_id (blocks, block, BELFRY_SQLITE_COLUMN_TYPE, 0, 0));
  sqlite3_bind_int64 (stmt, 2, belfry_sqlite_blocks_id (blocks, block, BELFRY_SQLITE_COLUMN_TYPE + 1, 0, 0) - 1);
  while (success && has_row)
    {
      success = belfry_sqlite_next (stmt, &has_row, error);
      if (success && has_row &&
          !belfry_sqlite_chunk_unpack (blocks, sqlite3_column_int64 (stmt, 0), sqlite3_column_blob (stmt, 1),
                                       (gsize) sqlite3_column_bytes (stmt, 1), keys))
        success = set_damaged (error);
    }
  sqlite3_reset (stmt);

  return success;
}

static gboolean
count_block (BelfrySqliteView  *view,
             guint64            low,
             guint64            high,
             GHashTable        *counts,
             GError           **error)
{
  const BelfrySqliteBlocks *blocks = &view->log->blocks;
  g_autofree guint32 *types = g_new0 (guint32, belfry_sqlite_blocks_get_size (blocks));

  if (!unpack_types (view, belfry_sqlite_blocks_get_number (blocks, low), types, error))
    return FALSE;

  for (guint64 position = low; position <= high; position++)
    count_type (counts, types[belfry_sqlite_blocks_get_place (blocks, position)]);

  return TRUE;
}

/* %FALSE when the tail was trimmed meanwhile. */
static gboolean
count_page (BelfrySqliteView *view,
            guint64           low,
            guint64           high,
            GHashTable       *counts)
{
  BelfrySqliteTailPage *page;

  if (!belfry_sqlite_tail_ref_page (view->log->tail, view->merged, low, &page))
    return FALSE;
  if (page == NULL)
    return TRUE;

  for (guint64 position = low; position <= high; position++)
    count_type (counts, page->keys[BELFRY_SQLITE_COLUMN_TYPE][position - page->first]);
  belfry_sqlite_tail_unref_page (view->log->tail, page);

  return TRUE;
}

gboolean
belfry_sqlite_count_types (BelfrySqliteView  *view,
                           guint64            low,
                           guint64           *high,
                           GHashTable        *counts,
                           GError           **error)
{
  guint64 block_mask = belfry_sqlite_blocks_get_size (&view->log->blocks) - 1;
  BelfrySqliteRange range;

  if (belfry_sqlite_log_find_skipped (view->log, low, &range))
    {
      *high = MIN (*high, range.last);
      return TRUE;
    }
  if (low < view->unindexed)
    {
      *high = MIN (*high, MIN (view->unindexed - 1, low + COUNT_ROWS));
      return count_rows (view, low, *high, counts, error);
    }
  if (low <= view->merged)
    {
      *high = MIN (*high, MIN (view->merged, low | block_mask));
      return count_block (view, low, *high, counts, error);
    }
  if (low <= view->dropped)
    {
      *high = MIN (*high, MIN (view->dropped, low + COUNT_ROWS));
      return count_rows (view, low, *high, counts, error);
    }

  *high = MIN (*high, low | (BELFRY_SQLITE_TAIL_PAGE - 1));
  if (!count_page (view, low, *high, counts))
    *high = low - 1;

  return TRUE;
}
