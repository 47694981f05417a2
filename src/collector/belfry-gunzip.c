/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-gunzip-private.h"

/* Room for the first try: most of what is sent shrinks to a fifth or more. */
#define FIRST_FACTOR 6

static gboolean
refuse_broken (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "Not one whole gzip stream");
  return FALSE;
}

/* One step into the room that is left; *is_done at the end of the stream. */
static gboolean
step (GConverter    *converter,
      const guint8 **at,
      const guint8  *end,
      GByteArray    *unpacked,
      gsize         *n_unpacked,
      gboolean      *is_done,
      GError       **error)
{
  GConverterResult result;
  gsize n_read, n_written;

  result = g_converter_convert (converter, *at, (gsize) (end - *at), unpacked->data + *n_unpacked,
                                unpacked->len - *n_unpacked, G_CONVERTER_INPUT_AT_END, &n_read, &n_written, NULL);
  /* What exactly is broken helps nobody. */
  if (result == G_CONVERTER_ERROR)
    return refuse_broken (error);

  *at += n_read;
  *n_unpacked += n_written;
  *is_done = result == G_CONVERTER_FINISHED;
  return TRUE;
}

GBytes *
belfry_gunzip (GBytes  *packed,
               gsize    maximum,
               GError **error)
{
  g_autoptr(GConverter) converter = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
  g_autoptr(GByteArray) unpacked = g_byte_array_new ();
  gsize length, n_unpacked = 0;
  const guint8 *at = g_bytes_get_data (packed, &length);
  const guint8 *end = at + length;
  gboolean is_done = FALSE;

  if (length == 0)
    {
      refuse_broken (error);
      return NULL;
    }

  /* One byte more than is allowed shows that there is more. */
  g_byte_array_set_size (unpacked, (guint) MIN (MAX (FIRST_FACTOR * length, 1024), maximum + 1));
  while (!is_done)
    {
      if (n_unpacked > maximum)
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "Too large when unpacked");
          return NULL;
        }
      if (n_unpacked == unpacked->len)
        g_byte_array_set_size (unpacked, (guint) MIN (2 * (gsize) unpacked->len, maximum + 1));
      if (!step (converter, &at, end, unpacked, &n_unpacked, &is_done, error))
        return NULL;
    }
  if (n_unpacked > maximum)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "Too large when unpacked");
      return NULL;
    }
  if (at != end)
    {
      refuse_broken (error);
      return NULL;
    }

  g_byte_array_set_size (unpacked, (guint) n_unpacked);
  return g_byte_array_free_to_bytes (g_steal_pointer (&unpacked));
}
