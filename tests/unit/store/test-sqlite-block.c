/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include <string.h>

#include "store-fixture.h"

#define N_BLOCK 3

static const guint8 secret[BELFRY_EVENT_ID_SECRET_SIZE] = "a secret of log";

/* The keys of a block: some of them often, most of them rarely, some positions without any. */
static void
fill_keys (const BelfrySqliteBlocks *blocks,
           guint32                  *keys)
{
  guint32 often = 1 + g_random_int () % blocks->key_mask;

  for (guint i = 0; i < belfry_sqlite_blocks_get_size (blocks); i++)
    switch (g_random_int_range (0, 4))
      {
      case 0:
        keys[i] = 0;
        break;
      case 1:
        keys[i] = often;
        break;
      case 2:
        keys[i] = 1 + g_random_int () % MIN (7, blocks->key_mask);
        break;
      default:
        keys[i] = 1 + g_random_int () % blocks->key_mask;
        break;
      }
}

static const guint8 *
get_data (const BelfrySqliteChunks *chunks,
          guint                     index,
          gsize                    *length)
{
  const BelfrySqliteChunk *chunk = &g_array_index (chunks->chunks, BelfrySqliteChunk, index);

  *length = chunk->length;

  return chunks->bytes->data + chunk->start;
}

static void
assert_unpacks (const BelfrySqliteBlocks *blocks,
                const BelfrySqliteChunks *chunks,
                BelfrySqliteColumn        column,
                const guint32            *keys)
{
  gsize size = belfry_sqlite_blocks_get_size (blocks) * sizeof *keys;
  g_autofree guint32 *unpacked = g_malloc0 (size);
  guint32 *columns[BELFRY_SQLITE_N_COLUMNS] = { NULL };
  gint64 last_id = belfry_sqlite_blocks_id (blocks, N_BLOCK, column, 0, 0) - 1;

  columns[column] = unpacked;
  for (guint i = 0; i < chunks->chunks->len; i++)
    {
      gint64 id = g_array_index (chunks->chunks, BelfrySqliteChunk, i).id;
      gsize length;
      const guint8 *data = get_data (chunks, i, &length);

      g_assert_cmpint (id, >, last_id);
      g_assert_true (belfry_sqlite_chunk_unpack (blocks, id, data, length, columns));
      last_id = id;
    }
  g_assert_cmpint (last_id, <, belfry_sqlite_blocks_id (blocks, N_BLOCK, column + 1, 0, 0));
  g_assert_cmpmem (unpacked, size, keys, size);
}

static void
test_keeps_all_keys (void)
{
  g_test_summary ("What is packed for a column comes back, in chunks that are in order, for blocks of all sizes");

  for (guint bits = BELFRY_SQLITE_MIN_BLOCK_BITS; bits <= BELFRY_SQLITE_BLOCK_BITS; bits++)
    {
      g_autofree guint32 *keys = g_new0 (guint32, 1u << bits);
      BelfrySqliteBlocks blocks;

      belfry_sqlite_blocks_init (&blocks, bits, secret);
      for (guint column = 0; column < BELFRY_SQLITE_N_COLUMNS; column++)
        {
          g_auto(BelfrySqliteChunks) chunks = { NULL };

          belfry_sqlite_chunks_init (&chunks);
          fill_keys (&blocks, keys);
          belfry_sqlite_chunks_add_column (&chunks, &blocks, N_BLOCK, column, keys);
          g_assert_cmpuint (chunks.chunks->len, >, 0);
          assert_unpacks (&blocks, &chunks, column, keys);
        }
    }
}

static void
test_column_without_keys_takes_no_room (void)
{
  g_autofree guint32 *keys = g_new0 (guint32, BELFRY_SQLITE_BLOCK_MAX);
  g_auto(BelfrySqliteChunks) chunks = { NULL };
  BelfrySqliteBlocks blocks;

  belfry_sqlite_blocks_init (&blocks, BELFRY_SQLITE_BLOCK_BITS, secret);
  belfry_sqlite_chunks_init (&chunks);
  for (guint column = 0; column < BELFRY_SQLITE_N_COLUMNS; column++)
    belfry_sqlite_chunks_add_column (&chunks, &blocks, N_BLOCK, column, keys);
  g_assert_cmpuint (chunks.chunks->len, ==, 0);
}

/* One changed bit at a time: anything may be told, or that it is damaged, but nothing outside the block is touched. */
static void
test_damage_stays_inside (void)
{
  g_autofree guint32 *keys = g_new0 (guint32, BELFRY_SQLITE_BLOCK_MAX);
  g_autofree guint32 *unpacked = g_new0 (guint32, BELFRY_SQLITE_BLOCK_MAX);
  guint32 *columns[BELFRY_SQLITE_N_COLUMNS] = { unpacked, unpacked, unpacked, unpacked, unpacked };
  g_autofree guint64 *bitmap = g_new0 (guint64, BELFRY_SQLITE_BLOCK_MAX / 64);
  g_auto(BelfrySqliteChunks) chunks = { NULL };
  BelfrySqliteBlocks blocks;
  gboolean is_all;

  belfry_sqlite_blocks_init (&blocks, 10, secret);
  belfry_sqlite_chunks_init (&chunks);
  fill_keys (&blocks, keys);
  belfry_sqlite_chunks_add_column (&chunks, &blocks, N_BLOCK, BELFRY_SQLITE_COLUMN_USER, keys);
  belfry_sqlite_chunks_add_column (&chunks, &blocks, N_BLOCK, BELFRY_SQLITE_COLUMN_AMOUNT, keys);
  for (guint i = 0; i < 20000; i++)
    {
      guint index = (guint) g_random_int_range (0, (gint32) chunks.chunks->len);
      gint64 id = g_array_index (chunks.chunks, BelfrySqliteChunk, index).id;
      gsize length;
      const guint8 *data = get_data (&chunks, index, &length);
      g_autofree guint8 *damaged = g_memdup2 (data, length);

      damaged[g_random_int_range (0, (gint32) length)] ^= (guint8) (1 << g_random_int_range (0, 8));
      length = g_random_boolean () ? length : (gsize) g_random_int_range (0, (gint32) length);
      (void) belfry_sqlite_chunk_unpack (&blocks, id, damaged, length, columns);
      (void) belfry_sqlite_chunk_mark_key (damaged, length, keys[i % 1024], bitmap, 1024);
      (void) belfry_sqlite_chunk_mark_amounts (damaged, length, 1, bitmap, i % 1024, 1024);
      (void) belfry_sqlite_chunk_mark_highest (&blocks, damaged, length, keys[i % 1024], bitmap, &is_all);
    }
  for (guint i = 1024; i < BELFRY_SQLITE_BLOCK_MAX; i++)
    g_assert_cmpuint (unpacked[i], ==, 0);
  for (guint i = 1024 / 64; i < BELFRY_SQLITE_BLOCK_MAX / 64; i++)
    g_assert_cmpuint (bitmap[i], ==, 0);
}

static void
test_amounts_keep_their_order (void)
{
  static const double amounts[] = {
    -G_MAXDOUBLE, -1e12, -1000, -1, -0.001, 0, 0.001, 0.5, 1, 1.5, 2, 99, 99.99, 100, 1000, 1e12, G_MAXDOUBLE
  };

  for (guint i = 1; i < G_N_ELEMENTS (amounts); i++)
    g_assert_cmpuint (belfry_sqlite_amount_key (amounts[i - 1]), <, belfry_sqlite_amount_key (amounts[i]));
  g_assert_cmpuint (belfry_sqlite_amount_key (amounts[0]), >, 0);
  g_assert_cmpuint (belfry_sqlite_amount_key (-0.0), ==, belfry_sqlite_amount_key (0.0));
  for (guint i = 0; i < 10000; i++)
    {
      double left = g_random_double_range (-1e6, 1e6), right = g_random_double_range (-1e6, 1e6);

      g_assert_true (left <= right ? belfry_sqlite_amount_key (left) <= belfry_sqlite_amount_key (right)
                                   : belfry_sqlite_amount_key (left) >= belfry_sqlite_amount_key (right));
    }
}

/* Marks by the chunk of the highest, which comes last; whether these are all that are wanted. */
static gboolean
mark_highest (const BelfrySqliteBlocks *blocks,
              const BelfrySqliteChunks *chunks,
              guint32                   least,
              guint64                  *bitmap)
{
  gsize length;
  const guint8 *data = get_data (chunks, chunks->chunks->len - 1, &length);
  gboolean is_all;

  memset (bitmap, 0, BELFRY_SQLITE_BLOCK_MAX / 8);
  g_assert_true (belfry_sqlite_chunk_mark_highest (blocks, data, length, least, bitmap, &is_all));

  return is_all;
}

static void
assert_marks (const BelfrySqliteBlocks *blocks,
              const guint32            *keys,
              guint32                   least,
              const guint64            *bitmap,
              gboolean                  is_all)
{
  guint n_wanted = 0, n_marked = 0;

  for (guint i = 0; i < belfry_sqlite_blocks_get_size (blocks); i++)
    {
      gboolean is_marked = (bitmap[i / 64] >> i % 64 & 1) != 0;

      g_assert_true (!is_marked || keys[i] >= least);
      n_wanted += keys[i] >= least;
      n_marked += is_marked;
    }
  if (is_all)
    g_assert_cmpuint (n_marked, ==, n_wanted);
  else
    g_assert_cmpuint (n_wanted, >=, belfry_sqlite_blocks_get_max_highest (blocks));
}

/* Everywhere, or at no more places than are told by one chunk, or at one or two; all different, or many the same. */
static void
fill_amounts (const BelfrySqliteBlocks *blocks,
              guint                     round,
              guint32                  *keys)
{
  guint size = belfry_sqlite_blocks_get_size (blocks);
  guint n = round < 2 ? size : round < 4 ? belfry_sqlite_blocks_get_max_highest (blocks) - round % 2 : 1;

  for (guint i = 0; i < n; i++)
    {
      guint place = round < 2 ? i : g_random_int () % size;

      keys[place] = round % 2 == 0 ? 1 + (g_random_int () >> 1) : 77 + i % 3;
    }
  keys[g_random_int () % size] = 5;
}

static void
test_highest_amounts_are_told_by_one_chunk (void)
{
  g_autofree guint64 *bitmap = g_new0 (guint64, BELFRY_SQLITE_BLOCK_MAX / 64);

  g_test_summary ("What fewer events have than the highest are is told by their chunk alone, and where no more have any it is the only one");

  for (guint bits = BELFRY_SQLITE_MIN_BLOCK_BITS; bits <= BELFRY_SQLITE_BLOCK_BITS; bits++)
    for (guint round = 0; round < 6; round++)
      {
        g_autofree guint32 *keys = g_new0 (guint32, 1u << bits);
        g_auto(BelfrySqliteChunks) chunks = { NULL };
        BelfrySqliteBlocks blocks;
        guint max_highest, n_amounts = 0;

        belfry_sqlite_blocks_init (&blocks, bits, secret);
        belfry_sqlite_chunks_init (&chunks);
        max_highest = belfry_sqlite_blocks_get_max_highest (&blocks);
        fill_amounts (&blocks, round, keys);
        for (guint i = 0; i < 1u << bits; i++)
          n_amounts += keys[i] != 0;

        belfry_sqlite_chunks_add_column (&chunks, &blocks, N_BLOCK, BELFRY_SQLITE_COLUMN_AMOUNT, keys);
        g_assert_true ((chunks.chunks->len == 1) == (n_amounts < max_highest));
        assert_unpacks (&blocks, &chunks, BELFRY_SQLITE_COLUMN_AMOUNT, keys);
        for (guint i = 0; i < 50; i++)
          {
            guint32 least = i < 10 ? 70 + i : keys[g_random_int_range (0, 1 << bits)];

            least = i == 10 ? G_MAXUINT32 : MAX (least, 1);
            assert_marks (&blocks, keys, least, bitmap, mark_highest (&blocks, &chunks, least, bitmap));
          }
      }
}

/* These keys are on people's disks. */
static void
test_hash_never_changes (void)
{
  static const struct
  {
    const char *text;
    guint32     key;
  } cases[] = {
    { "", 0x270d654d },
    { "user-1", 0x7046ab5d },
    { "a text that is longer than a word", 0x5b232306 },
  };
  BelfrySqliteBlocks blocks;

  belfry_sqlite_blocks_init (&blocks, BELFRY_SQLITE_BLOCK_BITS, secret);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmphex (belfry_sqlite_blocks_hash (&blocks, cases[i].text), ==, cases[i].key);
  g_assert_cmpuint (belfry_sqlite_blocks_hash (&blocks, NULL), ==, 0);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/sqlite-block/keeps-all-keys", test_keeps_all_keys);
  g_test_add_func ("/sqlite-block/column-without-keys-takes-no-room", test_column_without_keys_takes_no_room);
  g_test_add_func ("/sqlite-block/damage-stays-inside", test_damage_stays_inside);
  g_test_add_func ("/sqlite-block/amounts-keep-their-order", test_amounts_keep_their_order);
  g_test_add_func ("/sqlite-block/highest-amounts-are-told-by-one-chunk", test_highest_amounts_are_told_by_one_chunk);
  g_test_add_func ("/sqlite-block/hash-never-changes", test_hash_never_changes);

  return g_test_run ();
}
