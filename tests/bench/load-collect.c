/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "load.h"

#include <string.h>

/* Batches of learner events: HTTP/1.1 with one request at a time on each connection, always the same batch. */

static void
append_event (GString *body,
              guint    number,
              guint    size)
{
  gsize begin = body->len;

  g_string_append_printf (body,
                          "{\"learner_id\":\"learner-%05u\",\"course_id\":\"course-%03u\",\"lesson_id\":\"lesson-%03u\","
                          "\"event_type\":\"progress_updated\",\"timestamp\":\"2024-01-15T10:30:00.123Z\","
                          "\"session_id\":\"session-%04u\",\"event_data\":{\"progress\":%u,\"score\":0.95,\"pad\":\"",
                          number, number % 7, number % 100, number % 50, number);
  while (body->len - begin + 3 < size)
    g_string_append_c (body, (char) ('a' + body->len % 26));
  g_string_append (body, "\"}}");
}

static GBytes *
make_body (const LoadOptions *options)
{
  GString *body = g_string_new ("{\"events\":[");

  for (guint i = 0; i < options->batch; i++)
    {
      if (i > 0)
        g_string_append_c (body, ',');
      append_event (body, i, options->size);
    }
  g_string_append (body, "]}");

  return g_string_free_to_bytes (body);
}

static GBytes *
pack (GBytes *body)
{
  g_autoptr(GConverter) compressor = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, -1));
  gsize room = g_bytes_get_size (body) + 1024;
  g_autofree guint8 *packed = g_malloc (room);
  GConverterResult result;
  gsize n_read, n_written;

  result = g_converter_convert (compressor, g_bytes_get_data (body, NULL), g_bytes_get_size (body), packed, room,
                                G_CONVERTER_INPUT_AT_END, &n_read, &n_written, NULL);
  g_assert (result == G_CONVERTER_FINISHED);

  return g_bytes_new (packed, n_written);
}

static void
prepare (LoadPeer *peer)
{
  const LoadOptions *options = peer->options;
  g_autoptr(GBytes) plain = make_body (options);
  g_autoptr(GBytes) body = options->is_packed ? pack (plain) : g_bytes_ref (plain);
  g_autoptr(GString) request = g_string_new (NULL);

  g_string_printf (request, "POST /collect HTTP/1.1\r\nHost: %s:%u\r\n", options->host, options->port);
  if (options->api_key != NULL)
    g_string_append_printf (request, "X-API-Key: %s\r\n", options->api_key);
  if (options->is_packed)
    g_string_append (request, "Content-Encoding: gzip\r\n");
  g_string_append_printf (request, "Content-Type: application/json\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n",
                          g_bytes_get_size (body));
  g_string_append_len (request, g_bytes_get_data (body, NULL), (gssize) g_bytes_get_size (body));

  peer->head_length = request->len;
  peer->head = g_string_free (g_steal_pointer (&request), FALSE);
}

static void
ask (LoadPeer       *peer,
     LoadConnection *connection)
{
}

static int
greet (LoadPeer       *peer,
       LoadConnection *connection)
{
  return 1;
}

static void
send_batch (LoadPeer        *peer,
            LoadConnection  *connection,
            const LoadEvent *event,
            guint            group)
{
  load_buffer_append (&connection->out, peer->head, peer->head_length);
}

static gboolean
next (LoadConnection *connection,
      LoadFrame      *frame,
      gsize          *consumed)
{
  return load_http.next (connection, frame, consumed);
}

/* A success for some is none here. */
static gboolean
is_success (LoadPeer        *peer,
            const LoadFrame *answer)
{
  return load_http.is_success (peer, answer)
         && memmem (answer->text, answer->length, "\"success\":true", strlen ("\"success\":true")) != NULL;
}

const LoadProtocol load_collect = {
  .name = "collect",
  .most_in_flight = 1,
  .prepare = prepare,
  .ask = ask,
  .greet = greet,
  .send = send_batch,
  .next = next,
  .is_success = is_success,
};
