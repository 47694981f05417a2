/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "load.h"

#include <string.h>

/* Which servers can be spoken to, and belfryd's WebSockets. */

static void
prepare (LoadPeer *peer)
{
}

static void
ask (LoadPeer       *peer,
     LoadConnection *connection)
{
  load_web_socket_ask (connection, peer->options->host,
                       connection->role == LOAD_ROLE_PUBLISHER ? "/ws/publish" : "/ws/subscribe", peer->options->api_key);
}

static char *
filter_text (LoadPeer *peer,
             guint     group)
{
  const char *filter = peer->options->filter;

  if (g_str_equal (filter, "session"))
    return g_strdup_printf ("{\"session_id\":\"s%06u\"}", group);
  if (g_str_equal (filter, "user"))
    return g_strdup_printf ("{\"user_id\":\"u%06u\"}", group);
  if (g_str_equal (filter, "type"))
    return g_strdup_printf ("{\"event_types\":[\"%s\"]}", load_types[group]);

  return g_strdup ("{}");
}

static int
greet (LoadPeer       *peer,
       LoadConnection *connection)
{
  LoadFrame frame;
  gsize consumed = 0;
  int status = 0;

  if (connection->step == 0)
    {
      g_autofree char *text = NULL;

      status = load_web_socket_accept (connection);
      if (status <= 0 || connection->role == LOAD_ROLE_PUBLISHER)
        return status;

      text = filter_text (peer, connection->group);
      load_web_socket_send (connection, 1, text, strlen (text));
      load_connection_flush (connection);
      connection->step++;
      return 0;
    }

  if (!load_web_socket_next (connection, &frame, &consumed))
    return connection->fd < 0 ? -1 : 0;

  status = memmem (frame.text, frame.length, "\"subscribed\"", 12) != NULL ? 1 : -1;
  load_buffer_consume (&connection->in, consumed);

  return status;
}

static void
send_event (LoadPeer        *peer,
            LoadConnection  *connection,
            const LoadEvent *event,
            guint            group)
{
  load_web_socket_send (connection, 1, event->text, event->length);
}

static gboolean
is_success (LoadPeer        *peer,
            const LoadFrame *answer)
{
  return memmem (answer->text, answer->length, "\"event_id\"", 10) != NULL;
}

const LoadProtocol load_belfry = {
  .name = "belfry",
  .prepare = prepare,
  .ask = ask,
  .greet = greet,
  .send = send_event,
  .next = load_web_socket_next,
  .is_success = is_success,
};

const LoadProtocol *
load_find_protocol (const char *name)
{
  static const LoadProtocol * const both_ways[] = { &load_belfry, &load_nats, &load_nchan };

  for (gsize i = 0; i < G_N_ELEMENTS (both_ways); i++)
    if (strcmp (both_ways[i]->name, name) == 0)
      return both_ways[i];

  return NULL;
}

void
load_peer_init (LoadPeer           *self,
                const LoadProtocol *protocol,
                const LoadOptions  *options,
                gsize               event_length)
{
  *self = (LoadPeer) {
    .protocol = protocol,
    .options = options,
    .event_length = event_length,
  };
  protocol->prepare (self);
}

void
load_peer_clear (LoadPeer *self)
{
  g_clear_pointer (&self->head, g_free);
}

gboolean
load_peer_open (LoadPeer        *self,
                LoadConnection  *connection,
                LoadLoop        *loop,
                GError         **error)
{
  if (!load_connection_open (connection, loop, self->options->host, self->options->port, error))
    return FALSE;

  connection->step = 0;
  self->protocol->ask (self, connection);

  return TRUE;
}
