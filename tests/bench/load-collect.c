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

static void
prepare (LoadPeer *peer)
{
  const LoadOptions *options = peer->options;
  g_autoptr(GString) body = g_string_new ("{\"events\":[");
  g_autoptr(GString) request = g_string_new (NULL);

  for (guint i = 0; i < options->batch; i++)
    {
      if (i > 0)
        g_string_append_c (body, ',');
      append_event (body, i, options->size);
    }
  g_string_append (body, "]}");

  g_string_printf (request, "POST /collect HTTP/1.1\r\nHost: %s:%u\r\n", options->host, options->port);
  if (options->api_key != NULL)
    g_string_append_printf (request, "X-API-Key: %s\r\n", options->api_key);
  g_string_append_printf (request, "Content-Type: application/json\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n",
                          body->len);
  g_string_append_len (request, body->str, (gssize) body->len);

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
