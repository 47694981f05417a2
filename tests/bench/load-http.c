/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "load.h"

#include <stdlib.h>
#include <string.h>

/* HTTP/1.1 with one request at a time on each connection: POST to any server, GET instead when a path to get is named. */

static void
prepare_request (LoadPeer   *peer,
                 const char *path)
{
  const LoadOptions *options = peer->options;
  const char *method = options->get_path != NULL ? "GET" : "POST";
  g_autoptr(GString) head = g_string_new (NULL);

  g_string_printf (head, "%s %s HTTP/1.1\r\nHost: %s:%u\r\n", method, path, options->host, options->port);
  if (options->api_key != NULL)
    g_string_append_printf (head, "X-API-Key: %s\r\n", options->api_key);
  if (options->get_path == NULL)
    g_string_append_printf (head, "Content-Type: application/json\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n",
                            peer->event_length);
  g_string_append (head, "\r\n");

  peer->head_length = head->len;
  peer->head = g_string_free (g_steal_pointer (&head), FALSE);
}

static void
prepare (LoadPeer *peer)
{
  const LoadOptions *options = peer->options;

  if (options->get_path != NULL)
    prepare_request (peer, options->get_path);
  else
    prepare_request (peer, options->post_path != NULL ? options->post_path : "/api/v1/events");
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
send_event (LoadPeer        *peer,
            LoadConnection  *connection,
            const LoadEvent *event,
            guint            group)
{
  if (peer->group_at > 0)
    load_write_digits (peer->head + peer->group_at, 6, group);
  load_buffer_append (&connection->out, peer->head, peer->head_length);
  if (peer->options->get_path == NULL)
    load_buffer_append (&connection->out, event->text, event->length);
}

/* Length of the whole answer at the front of the buffer, or 0. */
static gsize
measure_response (LoadBuffer *in)
{
  const char *text;
  const char *end;
  gsize head;
  gsize body = 0;

  if (in->length == 0)
    return 0;

  text = in->data + in->start;
  end = memmem (text, in->length, "\r\n\r\n", 4);
  if (end == NULL)
    return 0;

  head = (gsize) (end - text) + 4;
  for (const char *line = text; line < end; )
    {
      if (g_ascii_strncasecmp (line, "content-length:", 15) == 0)
        body = strtoul (line + 15, NULL, 10);
      line = (const char *) memchr (line, '\n', (gsize) (text + head - line)) + 1;
    }

  return in->length >= head + body ? head + body : 0;
}

static gboolean
next (LoadConnection *connection,
      LoadFrame      *frame,
      gsize          *consumed)
{
  if (*consumed > 0)
    load_buffer_consume (&connection->in, *consumed);

  *consumed = measure_response (&connection->in);
  frame->text = connection->in.data + connection->in.start;
  frame->length = *consumed;

  return *consumed > 0;
}

static gboolean
is_success (LoadPeer        *peer,
            const LoadFrame *answer)
{
  return answer->length > 10 && memcmp (answer->text, "HTTP/1.1 2", 10) == 0;
}

const LoadProtocol load_http = {
  .name = "http",
  .most_in_flight = 1,
  .prepare = prepare,
  .ask = ask,
  .greet = greet,
  .send = send_event,
  .next = next,
  .is_success = is_success,
};

/* nginx with nchan: a POST to a channel, WebSockets that listen at it; the locations are those of the configuration that
 * compare.py writes. */

static void
prepare_nchan (LoadPeer *peer)
{
  prepare_request (peer, "/publish/000000");
  peer->group_at = (gsize) (strstr (peer->head, "/publish/") - peer->head) + strlen ("/publish/");
}

static void
ask_nchan (LoadPeer       *peer,
           LoadConnection *connection)
{
  g_autofree char *path = NULL;

  if (connection->role == LOAD_ROLE_PUBLISHER)
    return;

  path = g_strdup_printf ("/subscribe/%06u", connection->group);
  load_web_socket_ask (connection, peer->options->host, path, NULL);
}

static int
greet_nchan (LoadPeer       *peer,
             LoadConnection *connection)
{
  return connection->role == LOAD_ROLE_PUBLISHER ? 1 : load_web_socket_accept (connection);
}

static gboolean
next_nchan (LoadConnection *connection,
            LoadFrame      *frame,
            gsize          *consumed)
{
  return connection->role == LOAD_ROLE_PUBLISHER
         ? next (connection, frame, consumed)
         : load_web_socket_next (connection, frame, consumed);
}

const LoadProtocol load_nchan = {
  .name = "nchan",
  .most_in_flight = 1,
  .prepare = prepare_nchan,
  .ask = ask_nchan,
  .greet = greet_nchan,
  .send = send_event,
  .next = next_nchan,
  .is_success = is_success,
};
