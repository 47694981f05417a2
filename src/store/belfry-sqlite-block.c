/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The log is cut into blocks of as many positions each, and each full block is indexed by itself, once and for all.
 * An entry in a tree of all keys would touch a page of its own for each event, the more often on the disk the larger
 * the log is; the lists of a block are written one behind the other, at the end of the file, however much lies before.
 *
 * A list says where in the block a key occurs. Texts have a hash for a key, which the log's secret keeps anybody from
 * choosing alike, so that a list gives candidates, whose rows are then looked at. Lists are kept in chunks of about a page:
 *
 * - several short lists: number of keys (16 bits), the keys (32 bits each), where the list of each ends, and all places (16
 *   bits each), under the first of the keys;
 * - the places of one long list that lie in one part of the block: 0 (16 bits), then those, under the key and the part.
 *
 * Amounts have an order instead. The highest of a block, as many as half a part has positions, stand under the key 1, the
 * lowest of them first, each as its key (32 bits) and its place (16 bits): a search for what few events have reads only
 * those. When they are as many as that, there are besides for each part that has any the keys of all its positions (32 bits
 * each) under the key 0. All numbers are little endian. */

#include "belfry-sqlite-block-private.h"

#include <string.h>

#define RADIX_BITS   11
#define RADIX_SIZE   (1u << RADIX_BITS)
#define ENTRY_KEY(entry)   ((guint32) ((entry) >> 32))
#define ENTRY_PLACE(entry) ((guint16) (entry))

static inline guint64
rotate (guint64 word,
        guint   n_bits)
{
  return word << n_bits | word >> (64 - n_bits);
}

/* One round of SipHash. */
static inline void
mix (guint64 v[4])
{
  v[0] += v[1];
  v[2] += v[3];
  v[1] = rotate (v[1], 13) ^ v[0];
  v[3] = rotate (v[3], 16) ^ v[2];
  v[0] = rotate (v[0], 32) + v[3];
  v[2] += v[1];
  v[1] = rotate (v[1], 17) ^ v[2];
  v[3] = rotate (v[3], 21) ^ v[0];
  v[2] = rotate (v[2], 32);
}

static inline void
absorb (guint64 v[4],
        guint64 word)
{
  v[3] ^= word;
  mix (v);
  v[0] ^= word;
}

/* @secret is the log's; ids are made of it too, in another way. */
void
belfry_sqlite_blocks_init (BelfrySqliteBlocks *self,
                           guint               bits,
                           const guint8        secret[BELFRY_EVENT_ID_SECRET_SIZE])
{
  G_STATIC_ASSERT (sizeof self->seed == BELFRY_EVENT_ID_SECRET_SIZE);

  self->bits = bits;
  /* What an id of 63 bits has left for it. */
  self->key_mask = (1u << (15 + bits)) - 1;
  memcpy (self->seed, secret, sizeof self->seed);
  self->seed[0] = GUINT64_FROM_LE (self->seed[0]);
  self->seed[1] = GUINT64_FROM_LE (self->seed[1]);
}

/* SipHash-1-3, of which the lowest bits are taken. 0 says that there is no text, so no text has it. */
guint32
belfry_sqlite_blocks_hash (const BelfrySqliteBlocks *self,
                           const char               *text)
{
  guint64 v[4] = {
    self->seed[0] ^ G_GUINT64_CONSTANT (0x736f6d6570736575), self->seed[1] ^ G_GUINT64_CONSTANT (0x646f72616e646f6d),
    self->seed[0] ^ G_GUINT64_CONSTANT (0x6c7967656e657261), self->seed[1] ^ G_GUINT64_CONSTANT (0x7465646279746573),
  };
  gsize length, rest;
  guint64 word;
  guint32 key;

  if (text == NULL)
    return 0;

  length = strlen (text);
  for (rest = length; rest >= sizeof word; rest -= sizeof word, text += sizeof word)
    {
      memcpy (&word, text, sizeof word);
      absorb (v, GUINT64_FROM_LE (word));
    }
  word = 0;
  memcpy (&word, text, rest);
  absorb (v, GUINT64_FROM_LE (word) | (guint64) length << 56);

  v[2] ^= 0xff;
  for (guint i = 0; i < 3; i++)
    mix (v);
  key = (guint32) (v[0] ^ v[1] ^ v[2] ^ v[3]) & self->key_mask;

  return key != 0 ? key : 1;
}

/* A key in the order of the amounts, from 1 on; amounts that differ in little more than a millionth may share one. */
guint32
belfry_sqlite_amount_key (double amount)
{
  guint64 bits;
  guint32 key;

  /* There are two of it. */
  if (amount == 0)
    amount = 0;
  memcpy (&bits, &amount, sizeof bits);
  bits = (bits >> 63) != 0 ? ~bits : bits | (G_GUINT64_CONSTANT (1) << 63);
  key = (guint32) (bits >> 32);

  return key != 0 ? key : 1;
}

/* In the order of blocks, columns, keys and parts. */
gint64
belfry_sqlite_blocks_id (const BelfrySqliteBlocks *self,
                         guint64                   block,
                         BelfrySqliteColumn        column,
                         guint32                   key,
                         guint                     part)
{
  guint key_bits = 15 + self->bits;

  return (gint64) ((((block << 3 | column) << key_bits | (key & self->key_mask)) << BELFRY_SQLITE_PART_BITS) | part);
}

void
belfry_sqlite_chunks_init (BelfrySqliteChunks *self)
{
  self->chunks = g_array_new (FALSE, FALSE, sizeof (BelfrySqliteChunk));
  self->bytes = g_byte_array_new ();
}

void
belfry_sqlite_chunks_clear (BelfrySqliteChunks *self)
{
  g_clear_pointer (&self->chunks, g_array_unref);
  g_clear_pointer (&self->bytes, g_byte_array_unref);
}

static inline guint8 *
write_16 (guint8  *data,
          guint16  number)
{
  number = GUINT16_TO_LE (number);
  memcpy (data, &number, sizeof number);

  return data + sizeof number;
}

static inline guint8 *
write_32 (guint8  *data,
          guint32  number)
{
  number = GUINT32_TO_LE (number);
  memcpy (data, &number, sizeof number);

  return data + sizeof number;
}

static guint8 *
add_chunk (BelfrySqliteChunks *self,
           gint64              id,
           guint32             length)
{
  BelfrySqliteChunk chunk = { id, self->bytes->len, length };

  g_array_append_val (self->chunks, chunk);
  g_byte_array_set_size (self->bytes, self->bytes->len + length);

  return self->bytes->data + chunk.start;
}

/* Entries of a key above a place, sorted by key. They are in order of their places, and stay so. */
static guint64 *
sort_entries (guint64 *entries,
              guint64 *spare,
              guint    n_entries,
              guint    key_bits)
{
  for (guint shift = 32; shift < 32 + key_bits; shift += RADIX_BITS)
    {
      guint starts[RADIX_SIZE] = { 0 }, start = 0;
      guint64 *swap = entries;

      for (guint i = 0; i < n_entries; i++)
        starts[entries[i] >> shift & (RADIX_SIZE - 1)]++;
      for (guint i = 0; i < RADIX_SIZE; i++)
        {
          guint n = starts[i];

          starts[i] = start;
          start += n;
        }
      for (guint i = 0; i < n_entries; i++)
        spare[starts[entries[i] >> shift & (RADIX_SIZE - 1)]++] = entries[i];
      entries = spare;
      spare = swap;
    }

  return entries;
}

static guint
count_same (const guint64 *entries,
            guint          n_entries)
{
  guint n = 1;

  while (n < n_entries && ENTRY_KEY (entries[n]) == ENTRY_KEY (entries[0]))
    n++;

  return n;
}

static guint8 *
write_places (guint8        *data,
              const guint64 *entries,
              guint          n_entries)
{
  for (guint i = 0; i < n_entries; i++)
    data = write_16 (data, ENTRY_PLACE (entries[i]));

  return data;
}

static void
add_short_lists (BelfrySqliteChunks *self,
                 gint64              id,
                 const guint64      *entries,
                 guint               n_entries,
                 guint               n_keys)
{
  guint8 *keys = add_chunk (self, id, 2 + n_keys * 6 + n_entries * 2);
  guint8 *ends;

  keys = write_16 (keys, (guint16) n_keys);
  ends = keys + n_keys * 4;
  write_places (ends + n_keys * 2, entries, n_entries);
  for (guint i = 0; i < n_entries;)
    {
      keys = write_32 (keys, ENTRY_KEY (entries[i]));
      i += count_same (entries + i, n_entries - i);
      ends = write_16 (ends, (guint16) i);
    }
}

static void
add_long_list (BelfrySqliteChunks       *self,
               const BelfrySqliteBlocks *blocks,
               guint64                   block,
               BelfrySqliteColumn        column,
               const guint64            *entries,
               guint                     n_entries)
{
  guint shift = belfry_sqlite_blocks_get_part_bits (blocks);

  for (guint i = 0; i < n_entries;)
    {
      guint part = (guint) ENTRY_PLACE (entries[i]) >> shift, n = 1;
      guint8 *data;

      while (i + n < n_entries && (guint) ENTRY_PLACE (entries[i + n]) >> shift == part)
        n++;
      data = add_chunk (self, belfry_sqlite_blocks_id (blocks, block, column, ENTRY_KEY (entries[i]), part), 2 + n * 2);
      write_places (write_16 (data, 0), entries + i, n);
      i += n;
    }
}

/* Short lists share a chunk until it would be longer than a page has room for. */
static void
add_lists (BelfrySqliteChunks       *self,
           const BelfrySqliteBlocks *blocks,
           guint64                   block,
           BelfrySqliteColumn        column,
           const guint64            *entries,
           guint                     n_entries)
{
  guint long_list = 1u << belfry_sqlite_blocks_get_part_bits (blocks);
  guint max_bytes = long_list * 4 / 128 * 125 + 4;
  guint first = 0, n_keys = 0;

  for (guint i = 0; i <= n_entries;)
    {
      guint n = i < n_entries ? count_same (entries + i, n_entries - i) : 0;
      gboolean is_long = n >= long_list;

      if (n_keys > 0 && (n == 0 || is_long || (n_keys + 1) * 6 + (i + n - first) * 2 > max_bytes))
        {
          add_short_lists (self, belfry_sqlite_blocks_id (blocks, block, column, ENTRY_KEY (entries[first]), 0),
                           entries + first, i - first, n_keys);
          n_keys = 0;
        }
      if (n == 0)
        break;
      if (is_long)
        add_long_list (self, blocks, block, column, entries + i, n);
      else if (n_keys++ == 0)
        first = i;
      i += n;
    }
}

static void
add_highest_amounts (BelfrySqliteChunks       *self,
                     const BelfrySqliteBlocks *blocks,
                     guint64                   block,
                     const guint64            *entries,
                     guint                     n_entries)
{
  guint n = MIN (n_entries, belfry_sqlite_blocks_get_max_highest (blocks));
  guint8 *data = add_chunk (self, belfry_sqlite_blocks_id (blocks, block, BELFRY_SQLITE_COLUMN_AMOUNT, 1, 0),
                            n * BELFRY_SQLITE_HIGH_SIZE);

  for (guint i = n_entries - n; i < n_entries; i++)
    data = write_16 (write_32 (data, ENTRY_KEY (entries[i])), ENTRY_PLACE (entries[i]));
}

static void
add_all_amounts (BelfrySqliteChunks       *self,
                 const BelfrySqliteBlocks *blocks,
                 guint64                   block,
                 const guint32            *keys)
{
  guint part_size = 1u << belfry_sqlite_blocks_get_part_bits (blocks);

  for (guint part = 0; part < BELFRY_SQLITE_N_PARTS; part++, keys += part_size)
    {
      guint32 any = 0;
      guint8 *data;

      for (guint i = 0; i < part_size; i++)
        any |= keys[i];
      if (any == 0)
        continue;

      data = add_chunk (self, belfry_sqlite_blocks_id (blocks, block, BELFRY_SQLITE_COLUMN_AMOUNT, 0, part),
                        part_size * 4);
      for (guint i = 0; i < part_size; i++)
        data = write_32 (data, keys[i]);
    }
}

/* @keys are those of all positions of the block, 0 where an event has none or there is no event. */
void
belfry_sqlite_chunks_add_column (BelfrySqliteChunks       *self,
                                 const BelfrySqliteBlocks *blocks,
                                 guint64                   block,
                                 BelfrySqliteColumn        column,
                                 const guint32            *keys)
{
  guint size = belfry_sqlite_blocks_get_size (blocks), n_entries = 0;
  g_autofree guint64 *entries = NULL;
  g_autofree guint64 *spare = NULL;

  entries = g_new (guint64, size);
  spare = g_new (guint64, size);
  for (guint i = 0; i < size; i++)
    {
      entries[n_entries] = (guint64) keys[i] << 32 | i;
      n_entries += keys[i] != 0;
    }
  if (n_entries == 0)
    return;

  if (column == BELFRY_SQLITE_COLUMN_AMOUNT)
    {
      /* In the order of their ids. */
      if (n_entries >= belfry_sqlite_blocks_get_max_highest (blocks))
        add_all_amounts (self, blocks, block, keys);
      add_highest_amounts (self, blocks, block, sort_entries (entries, spare, n_entries, 32), n_entries);
      return;
    }

  add_lists (self, blocks, block, column, sort_entries (entries, spare, n_entries, 15 + blocks->bits), n_entries);
}
