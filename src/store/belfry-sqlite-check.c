/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The index of each block is unpacked into the keys of its positions, which are held against the events, and made anew from
 * those keys, which must give the same bytes. Of events behind the floor some may be gone already. */

#include "belfry-sqlite-check-private.h"

#include <string.h>

typedef struct
{
  BelfrySqliteLog *log;
  sqlite3_stmt    *rows;
  sqlite3_stmt    *chunks;
  sqlite3_stmt    *next_row;
  sqlite3_stmt    *next_chunk;
  guint32         *keys[BELFRY_SQLITE_N_COLUMNS];  /* of the positions of one block */
} Check;

static void
check_clear (Check *self)
{
  belfry_sqlite_log_free (self->log);
  sqlite3_finalize (self->rows);
  sqlite3_finalize (self->chunks);
  sqlite3_finalize (self->next_row);
  sqlite3_finalize (self->next_chunk);
  for (guint i = 0; i < BELFRY_SQLITE_N_COLUMNS; i++)
    g_free (self->keys[i]);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Check, check_clear)

static gboolean
check_init (Check                    *self,
            sqlite3                  *db,
            const BelfrySqliteState  *state,
            GError                  **error)
{
  self->log = belfry_sqlite_log_new ("");
  belfry_sqlite_blocks_init (&self->log->blocks, state->block_bits, state->secret);
  for (guint i = 0; i < BELFRY_SQLITE_N_COLUMNS; i++)
    self->keys[i] = g_new (guint32, belfry_sqlite_blocks_get_size (&self->log->blocks));

  self->rows = belfry_sqlite_prepare (db, "SELECT position, type, session_id, user_id, user_tier, amount FROM event"
                                      " WHERE position BETWEEN ?1 AND ?2", error);
  if (self->rows != NULL)
    self->chunks = belfry_sqlite_prepare (db, "SELECT id, data FROM chunk WHERE id BETWEEN ?1 AND ?2 ORDER BY id", error);
  if (self->chunks != NULL)
    self->next_row = belfry_sqlite_prepare (db, "SELECT min(position) FROM event WHERE position >= ?1", error);
  if (self->next_row != NULL)
    self->next_chunk = belfry_sqlite_prepare (db, "SELECT min(id) FROM chunk WHERE id >= ?1", error);

  return self->next_chunk != NULL;
}

static gint64
get_first_id (const Check *self,
              guint64      block)
{
  return belfry_sqlite_blocks_id (&self->log->blocks, block, 0, 0, 0);
}

static gboolean
unpack (Check    *self,
        guint64   block,
        gboolean *is_right,
        GError  **error)
{
  const BelfrySqliteBlocks *blocks = &self->log->blocks;

  for (guint i = 0; i < BELFRY_SQLITE_N_COLUMNS; i++)
    memset (self->keys[i], 0, belfry_sqlite_blocks_get_size (blocks) * sizeof self->keys[i][0]);

  sqlite3_bind_int64 (self->chunks, 1, get_first_id (self, block));
  sqlite3_bind_int64 (self->chunks, 2, get_first_id (self, block + 1) - 1);
  for (;;)
    {
      gboolean has_row;

      if (!belfry_sqlite_next (self->chunks, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;
      *is_right = *is_right &&
                  belfry_sqlite_chunk_unpack (blocks, sqlite3_column_int64 (self->chunks, 0),
                                              sqlite3_column_blob (self->chunks, 1),
                                              (gsize) sqlite3_column_bytes (self->chunks, 1), self->keys);
    }
}

/* Whether the keys make the chunks that are there. */
static gboolean
compare_chunks (Check    *self,
                guint64   block,
                gboolean *is_right,
                GError  **error)
{
  g_auto(BelfrySqliteChunks) made = { NULL };

  belfry_sqlite_chunks_init (&made);
  for (guint i = 0; i < BELFRY_SQLITE_N_COLUMNS; i++)
    belfry_sqlite_chunks_add_column (&made, &self->log->blocks, block, i, self->keys[i]);

  for (guint i = 0;; i++)
    {
      const BelfrySqliteChunk *chunk;
      gboolean has_row;

      if (!belfry_sqlite_next (self->chunks, &has_row, error))
        return FALSE;
      *is_right = *is_right && has_row == (i < made.chunks->len);
      if (!has_row)
        return TRUE;
      if (!*is_right)
        continue;

      chunk = &g_array_index (made.chunks, BelfrySqliteChunk, i);
      *is_right = sqlite3_column_int64 (self->chunks, 0) == chunk->id &&
                  (gsize) sqlite3_column_bytes (self->chunks, 1) == chunk->length &&
                  memcmp (sqlite3_column_blob (self->chunks, 1), made.bytes->data + chunk->start, chunk->length) == 0;
    }
}

/* Takes away from the keys what the events of [low, high] say: nothing must be left. */
static gboolean
compare_rows (Check    *self,
              guint64   low,
              guint64   high,
              gboolean *is_right,
              GError  **error)
{
  const BelfrySqliteBlocks *blocks = &self->log->blocks;

  sqlite3_bind_int64 (self->rows, 1, (gint64) low);
  sqlite3_bind_int64 (self->rows, 2, (gint64) high);
  for (;;)
    {
      BelfrySqliteTailEntry entry;
      gboolean has_row;

      if (!belfry_sqlite_next (self->rows, &has_row, error))
        return FALSE;
      if (!has_row)
        break;
      belfry_sqlite_log_read_entry (self->log, self->rows, &entry);
      for (guint i = 0; i < BELFRY_SQLITE_N_COLUMNS; i++)
        {
          guint32 *key = &self->keys[i][belfry_sqlite_blocks_get_place (blocks, entry.position)];

          *is_right = *is_right && *key == entry.keys[i];
          *key = 0;
        }
    }

  for (guint i = 0; i < BELFRY_SQLITE_N_COLUMNS; i++)
    for (guint64 position = low; position <= high; position++)
      *is_right = *is_right && self->keys[i][belfry_sqlite_blocks_get_place (blocks, position)] == 0;

  return TRUE;
}

static gboolean
read_next (sqlite3_stmt  *stmt,
           gint64         from,
           gint64        *next,
           GError       **error)
{
  gboolean has_row;

  sqlite3_bind_int64 (stmt, 1, from);
  if (!belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  *next = has_row && sqlite3_column_type (stmt, 0) != SQLITE_NULL ? sqlite3_column_int64 (stmt, 0) : G_MAXINT64;
  sqlite3_reset (stmt);

  return TRUE;
}

/* The first position, from @position on, of a block that has events or an index. */
static gboolean
find_next (Check    *self,
           guint64  *position,
           GError  **error)
{
  const BelfrySqliteBlocks *blocks = &self->log->blocks;
  guint64 block = belfry_sqlite_blocks_get_number (blocks, *position), first;
  gint64 row, id;

  if (!read_next (self->next_row, (gint64) *position, &row, error) ||
      !read_next (self->next_chunk, get_first_id (self, block), &id, error))
    return FALSE;

  /* What stands above the number of the block in an id stands below it in a position. */
  first = (guint64) id / (guint64) get_first_id (self, 1) << blocks->bits;
  *position = MAX (*position, MIN ((guint64) row, first));

  return TRUE;
}

gboolean
belfry_sqlite_check_blocks (sqlite3                  *db,
                            const BelfrySqliteState  *state,
                            gboolean                 *is_right,
                            GError                  **error)
{
  g_auto(Check) self = { NULL };
  guint64 position = MAX (state->floor, state->unindexed);

  *is_right = TRUE;
  if (!check_init (&self, db, state, error))
    return FALSE;

  while (*is_right)
    {
      guint64 block, last;

      if (!find_next (&self, &position, error))
        return FALSE;
      if (position > state->merged)
        return TRUE;

      block = belfry_sqlite_blocks_get_number (&self.log->blocks, position);
      last = position | (belfry_sqlite_blocks_get_size (&self.log->blocks) - 1);
      if (!unpack (&self, block, is_right, error) ||
          !compare_chunks (&self, block, is_right, error) ||
          !compare_rows (&self, position, MIN (last, state->merged), is_right, error))
        return FALSE;
      position = last + 1;
    }

  return TRUE;
}
