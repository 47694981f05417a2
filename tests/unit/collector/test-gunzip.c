/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-gunzip-private.h"

static GBytes *
pack (const char *text,
      gsize       length)
{
  g_autoptr(GConverter) compressor = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, 9));
  g_autoptr(GInputStream) plain = g_memory_input_stream_new_from_data (text, (gssize) length, NULL);
  g_autoptr(GInputStream) packing = g_converter_input_stream_new (plain, compressor);
  g_autoptr(GOutputStream) packed = g_memory_output_stream_new_resizable ();
  g_autoptr(GError) error = NULL;

  g_output_stream_splice (packed, packing, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, &error);
  g_assert_no_error (error);

  return g_memory_output_stream_steal_as_bytes (G_MEMORY_OUTPUT_STREAM (packed));
}

static void
assert_broken (const void *data,
               gsize       length)
{
  g_autoptr(GBytes) bytes = g_bytes_new (data, length);
  g_autoptr(GError) error = NULL;

  g_assert_null (belfry_gunzip (bytes, 1 << 20, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
}

static void
test_unpacks (void)
{
  static const gsize lengths[] = { 0, 1, 100, 1023, 1024, 1025, 100000 };

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autofree char *text = g_strnfill (lengths[i], 'x');
      g_autoptr(GBytes) packed = pack (text, lengths[i]);
      g_autoptr(GError) error = NULL;
      g_autoptr(GBytes) unpacked = belfry_gunzip (packed, 100000, &error);

      g_assert_no_error (error);
      g_assert_cmpmem (text, lengths[i], g_bytes_get_data (unpacked, NULL), g_bytes_get_size (unpacked));
    }
}

static void
test_maximum_is_exact (void)
{
  g_autofree char *text = g_strnfill (5000, ' ');
  g_autoptr(GBytes) packed = pack (text, 5000);
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) unpacked = belfry_gunzip (packed, 5000, &error);

  g_assert_no_error (error);
  g_assert_nonnull (unpacked);
  g_assert_null (belfry_gunzip (packed, 4999, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
}

static void
test_refuses_broken (void)
{
  g_autoptr(GBytes) packed = pack ("some text that is not too short to be packed", 44);
  gsize length;
  const guint8 *bytes = g_bytes_get_data (packed, &length);
  g_autofree guint8 *twice = g_malloc (2 * length);

  memcpy (twice, bytes, length);
  memcpy (twice + length, bytes, length);
  assert_broken (NULL, 0);
  assert_broken ("{}", 2);
  for (gsize i = 0; i < length; i++)
    assert_broken (bytes, i);
  assert_broken (twice, length + 1);
  assert_broken (twice, 2 * length);
  twice[length - 5] ^= 1;
  assert_broken (twice, length);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/gunzip/unpacks-what-was-packed", test_unpacks);
  g_test_add_func ("/gunzip/keeps-to-the-maximum-to-the-byte", test_maximum_is_exact);
  g_test_add_func ("/gunzip/refuses-what-is-not-one-whole-stream", test_refuses_broken);

  return g_test_run ();
}
