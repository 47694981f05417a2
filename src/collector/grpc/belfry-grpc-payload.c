/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-payload-private.h"

#include <gio/gio.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>
#include <string.h>

static guint8 *
gather_plain (BelfryGrpcArena  *arena,
              grpc_byte_buffer *buffer,
              gsize             length)
{
  guint8 *data = belfry_grpc_arena_alloc (arena, length);
  grpc_byte_buffer_reader reader;
  grpc_slice *piece;
  gsize at = 0;

  if (!grpc_byte_buffer_reader_init (&reader, buffer))
    return NULL;
  while (grpc_byte_buffer_reader_peek (&reader, &piece) != 0)
    {
      memcpy (data + at, GRPC_SLICE_START_PTR (*piece), GRPC_SLICE_LENGTH (*piece));
      at += GRPC_SLICE_LENGTH (*piece);
    }
  grpc_byte_buffer_reader_destroy (&reader);
  g_assert (at == length);
  return data;
}

/* gRPC unpacks without a bound, a thousand times of what it was sent; so it is told not to, and this does it. One byte more than
 * allowed shows that there is more. */
static const guint8 *
inflate (BelfryGrpcArena        *arena,
         GZlibCompressorFormat   format,
         const guint8           *packed,
         gsize                   n_packed,
         gsize                   maximum,
         gsize                  *size,
         grpc_status_code       *status)
{
  g_autoptr(GConverter) converter = G_CONVERTER (g_zlib_decompressor_new (format));
  g_autofree guint8 *data = NULL;
  gsize allocated = MIN (4 * n_packed, maximum) + 1;
  gsize done = 0;
  gsize at = 0;
  GConverterResult result = G_CONVERTER_CONVERTED;

  data = g_malloc (allocated);
  *status = GRPC_STATUS_INVALID_ARGUMENT;
  while (result != G_CONVERTER_FINISHED)
    {
      gsize n_read, n_written;

      if (done == allocated)
        {
          allocated = MIN (4 * allocated, maximum + 1);
          data = g_realloc (data, allocated);
        }
      result = g_converter_convert (converter, packed + at, n_packed - at, data + done, allocated - done,
                                    G_CONVERTER_INPUT_AT_END, &n_read, &n_written, NULL);
      /* What is broken or ends too early is told as such below: the details help nobody. */
      if (result == G_CONVERTER_ERROR)
        return NULL;
      at += n_read;
      done += n_written;
      if (done > maximum)
        {
          *status = GRPC_STATUS_RESOURCE_EXHAUSTED;
          return NULL;
        }
    }

  *size = done;
  return memcpy (belfry_grpc_arena_alloc (arena, done), data, done);
}

const guint8 *
belfry_grpc_payload_gather (BelfryGrpcArena  *arena,
                            grpc_byte_buffer *buffer,
                            gsize             maximum,
                            gsize            *size,
                            grpc_status_code *status)
{
  gsize length = grpc_byte_buffer_length (buffer);
  const guint8 *data;

  if (length > maximum)
    {
      *status = GRPC_STATUS_RESOURCE_EXHAUSTED;
      return NULL;
    }

  *status = GRPC_STATUS_INVALID_ARGUMENT;
  data = gather_plain (arena, buffer, length);
  *size = length;
  switch (buffer->data.raw.compression)
    {
    case GRPC_COMPRESS_GZIP:
      return inflate (arena, G_ZLIB_COMPRESSOR_FORMAT_GZIP, data, length, maximum, size, status);
    case GRPC_COMPRESS_DEFLATE:
      return inflate (arena, G_ZLIB_COMPRESSOR_FORMAT_ZLIB, data, length, maximum, size, status);
    case GRPC_COMPRESS_NONE:
    case GRPC_COMPRESS_ALGORITHMS_COUNT:
    default:
      return data;
    }
}

grpc_byte_buffer *
belfry_grpc_payload_pack (const ProtobufCMessage *message)
{
  grpc_slice slice = grpc_slice_malloc (protobuf_c_message_get_packed_size (message));
  grpc_byte_buffer *buffer;

  protobuf_c_message_pack (message, GRPC_SLICE_START_PTR (slice));
  buffer = grpc_raw_byte_buffer_create (&slice, 1);
  grpc_slice_unref (slice);
  return buffer;
}
