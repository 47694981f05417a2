/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* What the chunks of a block's index tell; belfry-sqlite-block.c makes them. They come from a disk: nothing of them is
 * believed that would lead outside the block. */

#include "belfry-sqlite-block-private.h"

#include <string.h>

static inline guint16
read_16 (const guint8 *data)
{
  guint16 number;

  memcpy (&number, data, sizeof number);

  return GUINT16_FROM_LE (number);
}

static inline guint32
read_32 (const guint8 *data)
{
  guint32 number;

  memcpy (&number, data, sizeof number);

  return GUINT32_FROM_LE (number);
}

static inline gboolean
mark_places (const guint8 *places,
             guint         n_places,
             guint64      *bitmap,
             guint         n_positions)
{
  for (guint i = 0; i < n_places; i++)
    {
      guint place = read_16 (places + i * 2);

      if (G_UNLIKELY (place >= n_positions))
        return FALSE;
      bitmap[place / 64] |= G_GUINT64_CONSTANT (1) << place % 64;
    }

  return TRUE;
}

/* Index of the key among those of the chunk; @n_keys when it is not one of them. */
static guint
find_key (const guint8 *keys,
          guint         n_keys,
          guint32       key)
{
  guint low = 0, high = n_keys;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (read_32 (keys + middle * 4) < key)
        low = middle + 1;
      else
        high = middle;
    }

  return low < n_keys && read_32 (keys + low * 4) == key ? low : n_keys;
}

/* Whether the chunk holds a part of one long list, that of the key of its id. */
gboolean
belfry_sqlite_chunk_is_long (const guint8 *data,
                             gsize         length)
{
  return length >= 2 && read_16 (data) == 0;
}

/* Sets in the bitmap of a block of @n_positions where @key occurs, as far as this chunk tells. */
gboolean
belfry_sqlite_chunk_mark_key (const guint8 *data,
                              gsize         length,
                              guint32       key,
                              guint64      *bitmap,
                              guint         n_positions)
{
  const guint8 *ends;
  guint n_keys, index, start, end;

  if (length < 2)
    return FALSE;
  n_keys = read_16 (data);
  if (n_keys == 0)
    return mark_places (data + 2, (guint) (length - 2) / 2, bitmap, n_positions);
  if (length < 2 + (gsize) n_keys * 6)
    return FALSE;

  index = find_key (data + 2, n_keys, key);
  if (index == n_keys)
    return TRUE;

  ends = data + 2 + n_keys * 4;
  start = index > 0 ? read_16 (ends + index * 2 - 2) : 0;
  end = read_16 (ends + index * 2);

  return start <= end && 2 + (gsize) n_keys * 6 + end * 2 <= length &&
         mark_places (ends + n_keys * 2 + start * 2, end - start, bitmap, n_positions);
}

/* A bit for each of 64 keys that is @least or more. */
static inline guint64
compare_word (const guint8 *data,
              guint32       least)
{
  guint32 keys[64], any = 0;
  guint64 word = 0;

  memcpy (keys, data, sizeof keys);
  /* Mostly none: a loop without branches takes several at once. */
  for (guint i = 0; i < 64; i++)
    any |= (guint32) (GUINT32_FROM_LE (keys[i]) >= least);
  if (any == 0)
    return 0;

  for (guint i = 0; i < 64; i++)
    word |= (guint64) (GUINT32_FROM_LE (keys[i]) >= least) << i;

  return word;
}

/* Sets in the bitmap which positions, of a part that begins at the place @first, have an amount of @least or more. */
gboolean
belfry_sqlite_chunk_mark_amounts (const guint8 *data,
                                  gsize         length,
                                  guint32       least,
                                  guint64      *bitmap,
                                  guint         first,
                                  guint         n_positions)
{
  guint last = first + (guint) (length / 4);

  if (length / 4 > n_positions || last > n_positions)
    return FALSE;

  for (; first % 64 == 0 && first + 64 <= last; first += 64, data += 64 * 4)
    bitmap[first / 64] |= compare_word (data, least);
  for (; first < last; first++, data += 4)
    bitmap[first / 64] |= (guint64) (read_32 (data) >= least) << first % 64;

  return TRUE;
}

/* Likewise of the whole block, by the chunk of its highest amounts. *@is_all tells whether these are all that there are. */
gboolean
belfry_sqlite_chunk_mark_highest (const BelfrySqliteBlocks *blocks,
                                  const guint8             *data,
                                  gsize                     length,
                                  guint32                   least,
                                  guint64                  *bitmap,
                                  gboolean                 *is_all)
{
  guint n = (guint) (length / BELFRY_SQLITE_HIGH_SIZE);

  if (length % BELFRY_SQLITE_HIGH_SIZE != 0 || n > belfry_sqlite_blocks_get_max_highest (blocks))
    return FALSE;

  /* Others may have the amount of the lowest one, but not more. */
  *is_all = n < belfry_sqlite_blocks_get_max_highest (blocks) || read_32 (data) < least;
  while (n > 0 && read_32 (data + (n - 1) * BELFRY_SQLITE_HIGH_SIZE) >= least)
    if (!mark_places (data + --n * BELFRY_SQLITE_HIGH_SIZE + 4, 1, bitmap, belfry_sqlite_blocks_get_size (blocks)))
      return FALSE;

  return TRUE;
}

static gboolean
unpack_places (const guint8 *places,
               guint         n_places,
               guint32       key,
               guint32      *keys,
               guint         n_positions)
{
  for (guint i = 0; i < n_places; i++)
    {
      guint place = read_16 (places + i * 2);

      if (place >= n_positions)
        return FALSE;
      keys[place] = key;
    }

  return TRUE;
}

static gboolean
unpack_short_lists (const guint8 *data,
                    gsize         length,
                    guint         n_keys,
                    guint32      *keys,
                    guint         n_positions)
{
  const guint8 *ends = data + 2 + n_keys * 4;
  guint start = 0;

  if (length < 2 + (gsize) n_keys * 6)
    return FALSE;

  for (guint i = 0; i < n_keys; i++)
    {
      guint end = read_16 (ends + i * 2);

      if (end < start || 2 + (gsize) n_keys * 6 + end * 2 > length ||
          !unpack_places (ends + n_keys * 2 + start * 2, end - start, read_32 (data + 2 + i * 4), keys, n_positions))
        return FALSE;
      start = end;
    }

  return TRUE;
}

static gboolean
unpack_amounts (const guint8 *data,
                gsize         length,
                guint32      *keys,
                guint         first,
                guint         n_positions)
{
  if (first + length / 4 > n_positions)
    return FALSE;

  for (guint i = 0; i < length / 4; i++)
    keys[first + i] = read_32 (data + i * 4);

  return TRUE;
}

static gboolean
unpack_highest (const guint8 *data,
                gsize         length,
                guint32      *keys,
                guint         n_positions)
{
  if (length % BELFRY_SQLITE_HIGH_SIZE != 0)
    return FALSE;

  for (gsize i = 0; i < length; i += BELFRY_SQLITE_HIGH_SIZE)
    if (!unpack_places (data + i + 4, 1, read_32 (data + i), keys, n_positions))
      return FALSE;

  return TRUE;
}

/* Sets the keys of the positions of a block, as far as this chunk of it tells them. %FALSE when it is damaged. */
gboolean
belfry_sqlite_chunk_unpack (const BelfrySqliteBlocks *blocks,
                            gint64                    id,
                            const guint8             *data,
                            gsize                     length,
                            guint32                  *const keys[BELFRY_SQLITE_N_COLUMNS])
{
  guint part = (guint) id & (BELFRY_SQLITE_N_PARTS - 1);
  guint32 key = (guint32) (id >> BELFRY_SQLITE_PART_BITS) & blocks->key_mask;
  guint column = (guint) (id >> (BELFRY_SQLITE_PART_BITS + 15 + blocks->bits)) & 7;
  guint size = belfry_sqlite_blocks_get_size (blocks), n_keys;

  if (column >= BELFRY_SQLITE_N_COLUMNS)
    return FALSE;
  if (column == BELFRY_SQLITE_COLUMN_AMOUNT)
    return key != 0 ? unpack_highest (data, length, keys[column], size)
                    : unpack_amounts (data, length, keys[column], part << belfry_sqlite_blocks_get_part_bits (blocks), size);

  if (length < 2)
    return FALSE;
  n_keys = read_16 (data);

  return n_keys == 0 ? unpack_places (data + 2, (guint) (length - 2) / 2, key, keys[column], size)
                     : unpack_short_lists (data, length, n_keys, keys[column], size);
}
