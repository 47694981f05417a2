/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "load.h"

#include <stdlib.h>
#include <string.h>

/* NATS: publishing to a JetStream whose acknowledgements come to an inbox of each connection, and core NATS, which says nothing
 * to a publisher and hands events to whoever listens at the subject. */

#define CONNECT "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\",\"version\":\"0\",\"protocol\":1}\r\n"
#define STREAM "{\"name\":\"LOAD\",\"subjects\":[\"load.>\"],\"storage\":\"file\",\"retention\":\"limits\",\"num_replicas\":1}"

enum
{
  FRAME_MESSAGE = 1,
  FRAME_PONG = 10,
  FRAME_ERROR = 8,
};

static void
prepare (LoadPeer   *peer,
         const char *inbox)
{
  static const char subject[] = "PUB load.";

  peer->head = g_strdup_printf ("PUB load.000000%s %" G_GSIZE_FORMAT "\r\n", inbox, peer->event_length);
  peer->head_length = strlen (peer->head);
  peer->group_at = sizeof subject - 1;
}

static void
prepare_nats (LoadPeer *peer)
{
  prepare (peer, "");
}

static void
prepare_jetstream (LoadPeer *peer)
{
  prepare (peer, " inbox.0000");
  peer->index_at = (gsize) (strstr (peer->head, "inbox.") - peer->head) + strlen ("inbox.");
}

static void
say (LoadConnection *connection,
     const char     *text)
{
  load_buffer_append (&connection->out, text, strlen (text));
}

static void
ask_nats (LoadPeer       *peer,
          LoadConnection *connection)
{
  say (connection, CONNECT);
  if (connection->role == LOAD_ROLE_SUBSCRIBER)
    {
      g_autofree char *text = g_strdup_printf ("SUB load.%06u 1\r\n", connection->group);

      say (connection, text);
    }
  say (connection, "PING\r\n");
  load_connection_flush (connection);
}

static void
ask_jetstream (LoadPeer       *peer,
               LoadConnection *connection)
{
  g_autofree char *text = g_strdup_printf ("SUB inbox.%04u 1\r\n"
                                           "PUB $JS.API.STREAM.CREATE.LOAD inbox.%04u %" G_GSIZE_FORMAT "\r\n%s\r\n",
                                           connection->index, connection->index, strlen (STREAM), STREAM);

  say (connection, CONNECT);
  say (connection, text);
  load_connection_flush (connection);
}

/* The bytes behind the last space of a line: how long a message is. */
static gsize
read_length (const char *line,
             const char *end)
{
  const char *space = memrchr (line, ' ', (gsize) (end - line));

  return space != NULL ? strtoul (space + 1, NULL, 10) : 0;
}

static gboolean
next (LoadConnection *connection,
      LoadFrame      *frame,
      gsize          *consumed)
{
  if (*consumed > 0)
    load_buffer_consume (&connection->in, *consumed);
  *consumed = 0;

  while (connection->in.length > 0)
    {
      char *line = connection->in.data + connection->in.start;
      const char *end = memchr (line, '\n', connection->in.length);
      gsize length, body;

      if (end == NULL)
        return FALSE;

      length = (gsize) (end - line) + 1;
      if (memcmp (line, "MSG ", MIN (length, 4)) == 0)
        {
          body = read_length (line, end);
          if (connection->in.length < length + body + 2)
            return FALSE;
          *frame = (LoadFrame) { FRAME_MESSAGE, line + length, body };
          *consumed = length + body + 2;
          return TRUE;
        }

      if (memcmp (line, "PING", MIN (length, 4)) == 0)
        {
          say (connection, "PONG\r\n");
          load_connection_flush (connection);
        }
      else if (memcmp (line, "INFO", MIN (length, 4)) != 0)
        {
          *frame = (LoadFrame) { *line == '-' ? FRAME_ERROR : FRAME_PONG, line, length };
          *consumed = length;
          return TRUE;
        }

      load_buffer_consume (&connection->in, length);
    }

  return FALSE;
}

/* The first frame that comes is the answer to the ping or to the wish for a stream. */
static int
greet (LoadPeer       *peer,
       LoadConnection *connection)
{
  LoadFrame frame;
  gsize consumed = 0;
  int status;

  if (!next (connection, &frame, &consumed))
    return connection->fd < 0 ? -1 : 0;

  status = frame.opcode == FRAME_ERROR || memmem (frame.text, frame.length, "\"error\"", 7) != NULL ? -1 : 1;
  load_buffer_consume (&connection->in, consumed);

  return status;
}

static void
send_event (LoadPeer        *peer,
            LoadConnection  *connection,
            const LoadEvent *event,
            guint            group)
{
  load_write_digits (peer->head + peer->group_at, 6, group);
  if (peer->index_at > 0)
    load_write_digits (peer->head + peer->index_at, 4, connection->index);
  load_buffer_append (&connection->out, peer->head, peer->head_length);
  load_buffer_append (&connection->out, event->text, event->length);
  load_buffer_append (&connection->out, "\r\n", 2);
}

static gboolean
is_success (LoadPeer        *peer,
            const LoadFrame *answer)
{
  return answer->opcode == FRAME_MESSAGE && memmem (answer->text, answer->length, "\"seq\"", 5) != NULL;
}

const LoadProtocol load_nats = {
  .name = "nats",
  .is_silent = TRUE,
  .prepare = prepare_nats,
  .ask = ask_nats,
  .greet = greet,
  .send = send_event,
  .next = next,
  .is_success = is_success,
};

const LoadProtocol load_jetstream = {
  .name = "jetstream",
  .prepare = prepare_jetstream,
  .ask = ask_jetstream,
  .greet = greet,
  .send = send_event,
  .next = next,
  .is_success = is_success,
};
