/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* When a block is full its rows leave the tail, and what finds them goes to the disk as the block's lists, which never change
 * again. That is cut into small steps: the keys are taken from the tail, or read from the rows where those are older than
 * this form of index; the lists of one column after the other are made; their chunks are inserted a few at a time, each
 * portion in a transaction that has other work to do or in one of its own.
 *
 * Readers do not look at the chunks of a block before the last portion has moved the merge point, so portions may be
 * committed as they come. After a crash the block is begun again, and its first portions take away what is left
 * of the time before. */

#include "belfry-sqlite-sealer-private.h"

#define READ_ROWS     2000
#define LOOK_AT_CLOCK 8

typedef enum
{
  IDLE,
  READING,
  BUILDING,
  INSERTING,
} Phase;

typedef enum
{
  READ,
  CLEAR,
  INSERT,
  N_STATEMENTS,
} Statement;

struct _BelfrySqliteSealer
{
  BelfrySqliteLog    *log;
  Phase               phase;
  guint64             block;
  gboolean            is_of_old;    /* lies below what is indexed, not above */
  guint64             reached;      /* rows up to here are read */
  guint32            *keys[BELFRY_SQLITE_N_COLUMNS];  /* of all positions of the block */
  guint               n_built;      /* columns */
  BelfrySqliteChunks  chunks;
  guint               n_inserted;   /* chunks, committed */
  guint               n_pending;    /* chunks, with the open transaction */

  sqlite3_stmt       *statements[N_STATEMENTS];
};

static const char *const sources[N_STATEMENTS] = {
  [READ] = ("SELECT position, type, session_id, user_id, user_tier, amount FROM event"
            " WHERE position > ?1 AND position <= ?2 ORDER BY position LIMIT ?3"),
  [CLEAR] =
    "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3)",
  [INSERT] = "INSERT INTO chunk VALUES (?1, ?2)",
};

BelfrySqliteSealer *
belfry_sqlite_sealer_new (BelfrySqliteLog *log)
{
  BelfrySqliteSealer *self = g_new0 (BelfrySqliteSealer, 1);

  self->log = log;

  return self;
}

void
belfry_sqlite_sealer_free (BelfrySqliteSealer *self)
{
  belfry_sqlite_sealer_disconnect (self);
  belfry_sqlite_sealer_cancel (self);
  g_free (self);
}

void
belfry_sqlite_sealer_disconnect (BelfrySqliteSealer *self)
{
  for (guint i = 0; i < N_STATEMENTS; i++)
    g_clear_pointer (&self->statements[i], sqlite3_finalize);
}

static void
clear_keys (BelfrySqliteSealer *self)
{
  for (guint i = 0; i < BELFRY_SQLITE_N_COLUMNS; i++)
    g_clear_pointer (&self->keys[i], g_free);
}

void
belfry_sqlite_sealer_cancel (BelfrySqliteSealer *self)
{
  self->phase = IDLE;
  clear_keys (self);
  belfry_sqlite_chunks_clear (&self->chunks);
}

static void
begin (BelfrySqliteSealer *self,
       guint64             position)
{
  guint size = belfry_sqlite_blocks_get_size (&self->log->blocks);

  g_assert (self->phase == IDLE);

  self->block = belfry_sqlite_blocks_get_number (&self->log->blocks, position);
  self->n_built = 0;
  self->n_inserted = 0;
  self->n_pending = 0;
  belfry_sqlite_chunks_init (&self->chunks);
  for (guint i = 0; i < BELFRY_SQLITE_N_COLUMNS; i++)
    self->keys[i] = g_new0 (guint32, size);
}

static guint64
get_first (const BelfrySqliteSealer *self)
{
  return self->block << self->log->blocks.bits;
}

static guint64
get_last (const BelfrySqliteSealer *self)
{
  return get_first (self) + belfry_sqlite_blocks_get_size (&self->log->blocks) - 1;
}

/* The block of @position, whose rows are all in the tail and none will be added. */
void
belfry_sqlite_sealer_begin_tail (BelfrySqliteSealer *self,
                                 guint64             position)
{
  begin (self, position);
  self->is_of_old = FALSE;
  self->phase = BUILDING;
  belfry_sqlite_tail_copy (self->log->tail, get_first (self),
                           belfry_sqlite_blocks_get_size (&self->log->blocks), self->keys);
}

static void
begin_reading (BelfrySqliteSealer *self,
               guint64             position,
               gboolean            is_of_old)
{
  begin (self, position);
  self->is_of_old = is_of_old;
  self->phase = READING;
  /* There is no position 0. */
  self->reached = MAX (get_first (self), 1) - 1;
}

/* The block of @position, the newest of those that an older version of the format left without an index. */
void
belfry_sqlite_sealer_begin_rows (BelfrySqliteSealer *self,
                                 guint64             position)
{
  begin_reading (self, position, TRUE);
}

/* The block of @position, the oldest of those that the tail has dropped. */
void
belfry_sqlite_sealer_begin_dropped (BelfrySqliteSealer *self,
                                    guint64             position)
{
  begin_reading (self, position, FALSE);
}

gboolean
belfry_sqlite_sealer_is_of_old (BelfrySqliteSealer *self)
{
  return self->phase != IDLE && self->is_of_old;
}

gboolean
belfry_sqlite_sealer_is_idle (BelfrySqliteSealer *self)
{
  return self->phase == IDLE;
}

gboolean
belfry_sqlite_sealer_is_preparing (BelfrySqliteSealer *self)
{
  return self->phase == READING || self->phase == BUILDING;
}

/* Whether the next step of preparing reads rows from the disk. */
gboolean
belfry_sqlite_sealer_is_reading (BelfrySqliteSealer *self)
{
  return self->phase == READING;
}

gboolean
belfry_sqlite_sealer_is_inserting (BelfrySqliteSealer *self)
{
  return self->phase == INSERTING;
}

static sqlite3_stmt *
ensure_statement (BelfrySqliteSealer  *self,
                  sqlite3             *db,
                  Statement            statement,
                  GError             **error)
{
  if (self->statements[statement] == NULL)
    self->statements[statement] = belfry_sqlite_prepare (db, sources[statement], error);

  return self->statements[statement];
}

static gboolean
read_rows (BelfrySqliteSealer  *self,
           sqlite3             *db,
           GError             **error)
{
  sqlite3_stmt *stmt = ensure_statement (self, db, READ, error);
  guint n_rows = 0;

  if (stmt == NULL)
    return FALSE;

  sqlite3_bind_int64 (stmt, 1, (gint64) self->reached);
  sqlite3_bind_int64 (stmt, 2, (gint64) get_last (self));
  sqlite3_bind_int64 (stmt, 3, READ_ROWS);
  for (;;)
    {
      BelfrySqliteTailEntry entry;
      gboolean has_row;

      if (!belfry_sqlite_next (stmt, &has_row, error))
        return FALSE;
      if (!has_row)
        break;

      belfry_sqlite_log_read_entry (self->log, stmt, &entry);
      for (guint i = 0; i < BELFRY_SQLITE_N_COLUMNS; i++)
        self->keys[i][belfry_sqlite_blocks_get_place (&self->log->blocks, entry.position)] = entry.keys[i];
      self->reached = entry.position;
      n_rows++;
    }

  if (n_rows < READ_ROWS)
    self->phase = BUILDING;

  return TRUE;
}

/* Does a step of what is to be done before the first chunk is inserted; needs no transaction. */
gboolean
belfry_sqlite_sealer_prepare (BelfrySqliteSealer  *self,
                              sqlite3             *db,
                              GError             **error)
{
  if (self->phase == READING)
    return read_rows (self, db, error);

  g_assert (self->phase == BUILDING);
  belfry_sqlite_chunks_add_column (&self->chunks, &self->log->blocks, self->block, self->n_built,
                                   self->keys[self->n_built]);
  if (++self->n_built == BELFRY_SQLITE_N_COLUMNS)
    {
      self->phase = INSERTING;
      clear_keys (self);
    }

  return TRUE;
}

/* Whether a portion, of @n_chunks so far, has taken long enough. */
static gboolean
is_portion_over (guint  n_chunks,
                 gint64 end_usec)
{
  return n_chunks != 0 && n_chunks % LOOK_AT_CLOCK == 0 && g_get_monotonic_time () >= end_usec;
}

/* Takes away some of the chunks that an attempt before this one has left; @n_cleared is 0 when there are none. */
static gboolean
clear_chunks (BelfrySqliteSealer  *self,
              sqlite3             *db,
              guint                max_chunks,
              gint64               end_usec,
              guint               *n_cleared,
              GError             **error)
{
  sqlite3_stmt *stmt = ensure_statement (self, db, CLEAR, error);
  guint n_asked, n_gone;

  *n_cleared = 0;
  if (stmt == NULL)
    return FALSE;

  sqlite3_bind_int64 (stmt, 1, belfry_sqlite_blocks_id (&self->log->blocks, self->block, 0, 0, 0));
  sqlite3_bind_int64 (stmt, 2, belfry_sqlite_blocks_id (&self->log->blocks, self->block + 1, 0, 0, 0) - 1);
  do
    {
      n_asked = MIN (max_chunks - *n_cleared, LOOK_AT_CLOCK);
      sqlite3_bind_int64 (stmt, 3, n_asked);
      if (!belfry_sqlite_run (stmt, error))
        return FALSE;
      n_gone = (guint) sqlite3_changes (db);
      *n_cleared += n_gone;
    }
  while (n_gone == n_asked && *n_cleared < max_chunks && !is_portion_over (*n_cleared, end_usec));

  return TRUE;
}

static gboolean
insert_chunk (BelfrySqliteSealer       *self,
              sqlite3                  *db,
              const BelfrySqliteChunk  *chunk,
              GError                  **error)
{
  sqlite3_stmt *stmt = ensure_statement (self, db, INSERT, error);

  if (stmt == NULL)
    return FALSE;

  sqlite3_bind_int64 (stmt, 1, chunk->id);
  sqlite3_bind_blob (stmt, 2, self->chunks.bytes->data + chunk->start, (int) chunk->length, SQLITE_STATIC);

  return belfry_sqlite_run (stmt, error);
}

/* Inserts a portion in the open transaction, and with the last moves in @state the point that tells which blocks have their
 * index. */
gboolean
belfry_sqlite_sealer_insert (BelfrySqliteSealer  *self,
                             sqlite3             *db,
                             guint                max_chunks,
                             gint64               max_usec,
                             BelfrySqliteState   *state,
                             GError             **error)
{
  gint64 end_usec = g_get_monotonic_time () + max_usec;
  guint n_cleared = 0;

  g_assert (self->phase == INSERTING);

  self->n_pending = self->n_inserted;
  if (self->n_inserted == 0 && !clear_chunks (self, db, max_chunks, end_usec, &n_cleared, error))
    return FALSE;
  if (n_cleared > 0)
    return TRUE;

  for (guint n = 0; self->n_pending < self->chunks.chunks->len; n++, self->n_pending++)
    {
      if (n >= max_chunks || is_portion_over (n, end_usec))
        return TRUE;
      if (!insert_chunk (self, db, &g_array_index (self->chunks.chunks, BelfrySqliteChunk, self->n_pending), error))
        return FALSE;
    }

  if (self->is_of_old)
    state->unindexed = get_first (self);
  else
    state->merged = MAX (state->merged, get_last (self));

  return TRUE;
}

/* Rows below @floor are gone; the index of a block that holds no others is not needed any more. */
void
belfry_sqlite_sealer_forget_below (BelfrySqliteSealer *self,
                                   guint64             floor)
{
  if (self->phase != IDLE && get_last (self) < floor)
    belfry_sqlite_sealer_cancel (self);
}

void
belfry_sqlite_sealer_settle (BelfrySqliteSealer *self)
{
  if (self->phase != INSERTING)
    return;

  self->n_inserted = self->n_pending;
  if (self->n_inserted == self->chunks.chunks->len)
    belfry_sqlite_sealer_cancel (self);
}

void
belfry_sqlite_sealer_take_back (BelfrySqliteSealer *self)
{
  self->n_pending = self->n_inserted;
}
