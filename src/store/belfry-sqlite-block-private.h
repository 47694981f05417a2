/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

#include "belfry-event-id-private.h"

G_BEGIN_DECLS

/* Positions of a block, as a power of two; part of the format of a file. */
#define BELFRY_SQLITE_BLOCK_BITS     16
#define BELFRY_SQLITE_MIN_BLOCK_BITS 6

/* A block has so many parts. */
#define BELFRY_SQLITE_PART_BITS      5
#define BELFRY_SQLITE_N_PARTS        (1 << BELFRY_SQLITE_PART_BITS)

#define BELFRY_SQLITE_BLOCK_MAX      (1 << BELFRY_SQLITE_BLOCK_BITS)

/* Bytes of one of the highest amounts of a block. */
#define BELFRY_SQLITE_HIGH_SIZE      6

/* What events are found by, those first that tell the fewest apart from the rest. */
typedef enum
{
  BELFRY_SQLITE_COLUMN_SESSION,
  BELFRY_SQLITE_COLUMN_USER,
  BELFRY_SQLITE_COLUMN_TIER,
  BELFRY_SQLITE_COLUMN_TYPE,
  BELFRY_SQLITE_COLUMN_AMOUNT,
  BELFRY_SQLITE_N_COLUMNS,
} BelfrySqliteColumn;

/* How the blocks of a log are made, and the keys of its events. */
typedef struct
{
  guint   bits;
  guint32 key_mask;
  guint64 seed[2];
} BelfrySqliteBlocks;

/* A few lists, to be kept under that id. */
typedef struct
{
  gint64  id;
  guint32 start;   /* in the bytes of all */
  guint32 length;
} BelfrySqliteChunk;

typedef struct
{
  GArray     *chunks;  /* BelfrySqliteChunk, in the order of their ids */
  GByteArray *bytes;
} BelfrySqliteChunks;

void     belfry_sqlite_blocks_init        (BelfrySqliteBlocks        *self,
                                           guint                      bits,
                                           const guint8               secret[BELFRY_EVENT_ID_SECRET_SIZE]);
guint32  belfry_sqlite_blocks_hash        (const BelfrySqliteBlocks  *self,
                                           const char                *text);
guint32  belfry_sqlite_amount_key         (double                     amount);
gint64   belfry_sqlite_blocks_id          (const BelfrySqliteBlocks  *self,
                                           guint64                    block,
                                           BelfrySqliteColumn         column,
                                           guint32                    key,
                                           guint                      part);

void     belfry_sqlite_chunks_init        (BelfrySqliteChunks        *self);
void     belfry_sqlite_chunks_clear       (BelfrySqliteChunks        *self);
void     belfry_sqlite_chunks_add_column  (BelfrySqliteChunks        *self,
                                           const BelfrySqliteBlocks  *blocks,
                                           guint64                    block,
                                           BelfrySqliteColumn         column,
                                           const guint32             *keys);

gboolean belfry_sqlite_chunk_is_long      (const guint8              *data,
                                           gsize                      length);
/* Of one chunk. %FALSE when it is damaged. */
gboolean belfry_sqlite_chunk_mark_key     (const guint8              *data,
                                           gsize                      length,
                                           guint32                    key,
                                           guint64                   *bitmap,
                                           guint                      n_positions);
gboolean belfry_sqlite_chunk_mark_amounts (const guint8              *data,
                                           gsize                      length,
                                           guint32                    least,
                                           guint64                   *bitmap,
                                           guint                      first,
                                           guint                      n_positions);
gboolean belfry_sqlite_chunk_mark_highest (const BelfrySqliteBlocks  *blocks,
                                           const guint8              *data,
                                           gsize                      length,
                                           guint32                    least,
                                           guint64                   *bitmap,
                                           gboolean                  *is_all);
gboolean belfry_sqlite_chunk_unpack       (const BelfrySqliteBlocks  *blocks,
                                           gint64                     id,
                                           const guint8              *data,
                                           gsize                      length,
                                           guint32                   *const keys[BELFRY_SQLITE_N_COLUMNS]);

static inline guint
belfry_sqlite_blocks_get_size (const BelfrySqliteBlocks *self)
{
  return 1u << self->bits;
}

static inline guint
belfry_sqlite_blocks_get_part_bits (const BelfrySqliteBlocks *self)
{
  return self->bits - BELFRY_SQLITE_PART_BITS;
}

/* So many of the highest amounts of a block have a chunk of their own. What more events have is found in few parts. */
static inline guint
belfry_sqlite_blocks_get_max_highest (const BelfrySqliteBlocks *self)
{
  return 1u << (belfry_sqlite_blocks_get_part_bits (self) - 1);
}

static inline guint64
belfry_sqlite_blocks_get_number (const BelfrySqliteBlocks *self,
                                 guint64                   position)
{
  return position >> self->bits;
}

/* The place of a position in its block. */
static inline guint
belfry_sqlite_blocks_get_place (const BelfrySqliteBlocks *self,
                                guint64                   position)
{
  return (guint) (position & (belfry_sqlite_blocks_get_size (self) - 1));
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BelfrySqliteChunks, belfry_sqlite_chunks_clear)

G_END_DECLS
