/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Publishing, over HTTP with one request at a time on each connection, or over WebSockets with a window of them. Without a body
 * to post, the HTTP kind asks for a path instead. */

typedef struct
{
  const LoadOptions *options;
  LoadResult        *result;
  LoadLoop           loop;
  LoadPace           pace;
  LoadEvent          event;
  GString           *request;  /* HTTP: head and event */
  gsize              event_at;
  const char        *success;  /* what an answer begins with */
  guint              n_open;
  struct _Sender    *senders;
} Publishing;

typedef struct _Sender
{
  LoadConnection  connection;
  Publishing     *publishing;
  gboolean        is_ready;    /* the handshake is over */
  gint64         *sent_nsec;   /* a ring of options->window */
  guint           first;
  guint           in_flight;
} Sender;

static void
lose (Sender *sender)
{
  Publishing *self = sender->publishing;

  self->result->failed += sender->in_flight;
  sender->in_flight = 0;
  if (sender->is_ready)
    self->n_open--;
  sender->is_ready = FALSE;
}

static void
note_answer (Sender   *sender,
             gboolean  is_success)
{
  Publishing *self = sender->publishing;

  if (sender->in_flight == 0)
    return;

  load_histogram_add (&self->result->latency, self->loop.now_nsec - sender->sent_nsec[sender->first]);
  sender->first = (sender->first + 1) % self->options->window;
  sender->in_flight--;
  self->result->answered++;
  if (!is_success)
    self->result->failed++;
  self->result->end_nsec = self->loop.now_nsec;
}

static gboolean
take_turn (Sender *sender)
{
  Publishing *self = sender->publishing;
  gint64 intended_nsec;

  if (!sender->is_ready || sender->in_flight >= self->options->window
      || !load_pace_take (&self->pace, self->loop.now_nsec, &intended_nsec))
    return FALSE;

  sender->sent_nsec[(sender->first + sender->in_flight) % self->options->window] = intended_nsec;
  sender->in_flight++;
  load_event_set (&self->event, (guint) (self->pace.next % 1000), 0, self->pace.next, intended_nsec);
  self->result->sent++;

  return TRUE;
}

static void
send_http (Sender *sender)
{
  Publishing *self = sender->publishing;

  if (!take_turn (sender))
    return;

  if (self->options->path == NULL)
    memcpy (self->request->str + self->event_at, self->event.text, self->event.length);
  load_buffer_append (&sender->connection.out, self->request->str, self->request->len);
  load_connection_flush (&sender->connection);
}

static void
send_ws (Sender *sender)
{
  Publishing *self = sender->publishing;

  while (take_turn (sender))
    load_web_socket_send (&sender->connection, 1, self->event.text, self->event.length);
  load_connection_flush (&sender->connection);
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

static void
on_http (LoadConnection *connection)
{
  Sender *sender = connection->owner;
  gsize length;

  while ((length = measure_response (&connection->in)) > 0)
    {
      const char *text = connection->in.data + connection->in.start;

      note_answer (sender, strncmp (text, sender->publishing->success, strlen (sender->publishing->success)) == 0);
      load_buffer_consume (&connection->in, length);
    }

  if (connection->fd < 0)
    lose (sender);
  else
    send_http (sender);
}

static void
on_ws (LoadConnection *connection)
{
  Sender *sender = connection->owner;
  LoadFrame frame;
  gsize consumed = 0;

  if (!sender->is_ready)
    {
      int status = load_web_socket_accept (connection);

      if (status <= 0)
        return;
      sender->is_ready = TRUE;
      sender->publishing->n_open++;
      return;
    }

  while (load_web_socket_next (connection, &frame, &consumed))
    note_answer (sender, memmem (frame.text, frame.length, "\"event_id\"", 10) != NULL);

  if (connection->fd < 0)
    lose (sender);
  else
    send_ws (sender);
}

static void
build_request (Publishing *self)
{
  const LoadOptions *options = self->options;

  self->request = g_string_new (NULL);
  g_string_printf (self->request, "%s %s HTTP/1.1\r\nHost: %s:%u\r\n",
                   options->path != NULL ? "GET" : "POST",
                   options->path != NULL ? options->path : "/api/v1/events",
                   options->host, options->port);
  if (options->api_key != NULL)
    g_string_append_printf (self->request, "X-API-Key: %s\r\n", options->api_key);

  self->success = options->path != NULL ? "HTTP/1.1 200" : "HTTP/1.1 201";
  if (options->path == NULL)
    g_string_append_printf (self->request, "Content-Type: application/json\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n",
                            self->event.length);
  g_string_append (self->request, "\r\n");
  self->event_at = self->request->len;
  if (options->path == NULL)
    g_string_append_len (self->request, self->event.text, (gssize) self->event.length);
}

static gboolean
open_senders (Publishing  *self,
              gboolean     is_ws,
              GError     **error)
{
  const LoadOptions *options = self->options;

  for (guint i = 0; i < options->connections; i++)
    {
      Sender *sender = &self->senders[i];

      sender->publishing = self;
      sender->sent_nsec = g_new0 (gint64, options->window);
      sender->connection.owner = sender;
      sender->connection.on_data = is_ws ? on_ws : on_http;
      if (!load_connection_open (&sender->connection, &self->loop, options->host, options->port, error))
        return FALSE;
      if (is_ws)
        load_web_socket_ask (&sender->connection, options->host, "/ws/publish", options->api_key);
    }

  if (!is_ws)
    for (guint i = 0; i < options->connections; i++)
      {
        self->senders[i].is_ready = TRUE;
        self->n_open++;
      }

  for (gint64 end_nsec = load_now () + 10000000000; self->n_open < options->connections; )
    {
      load_loop_turn (&self->loop, self->loop.now_nsec + 100000000);
      if (self->loop.now_nsec > end_nsec)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "Only %u of %u connections opened",
                       self->n_open, options->connections);
          return FALSE;
        }
    }

  return TRUE;
}

static guint
count_in_flight (Publishing *self)
{
  guint n = 0;

  for (guint i = 0; i < self->options->connections; i++)
    n += self->senders[i].in_flight;

  return n;
}

static void
run_publishing (Publishing *self,
                void      (*send) (Sender *sender))
{
  LoadResult *result = self->result;
  gint64 drain_end_nsec = 0;

  self->loop.now_nsec = load_now ();
  result->begin_nsec = result->end_nsec = self->loop.now_nsec;
  load_pace_begin (&self->pace, self->options, self->loop.now_nsec);

  while (self->n_open > 0)
    {
      gint64 now_nsec = self->loop.now_nsec;

      if (load_pace_over (&self->pace, now_nsec))
        {
          if (drain_end_nsec == 0)
            drain_end_nsec = now_nsec + 10000000000;
          if (count_in_flight (self) == 0 || now_nsec > drain_end_nsec)
            break;
        }

      for (guint i = 0; i < self->options->connections; i++)
        send (&self->senders[i]);
      load_process_sample (&result->process, now_nsec);
      load_loop_turn (&self->loop, load_pace_due (&self->pace, now_nsec));
    }

  result->failed += count_in_flight (self);
}

static gboolean
run (const LoadOptions  *options,
     LoadResult         *result,
     gboolean            is_ws,
     GError            **error)
{
  Publishing self = { .options = options, .result = result };
  gboolean is_done;

  if (!load_loop_init (&self.loop, error))
    return FALSE;

  load_event_init (&self.event, options->size);
  build_request (&self);
  self.senders = g_new0 (Sender, options->connections);
  for (guint i = 0; i < options->connections; i++)
    self.senders[i].connection.fd = -1;

  is_done = open_senders (&self, is_ws, error);
  if (is_done)
    {
      load_process_begin (&result->process, options->pid);
      load_process_begin (&result->self_process, getpid ());
      run_publishing (&self, is_ws ? send_ws : send_http);
      load_process_end (&result->process);
      load_process_end (&result->self_process);
    }

  for (guint i = 0; i < options->connections; i++)
    {
      load_connection_close (&self.senders[i].connection);
      g_free (self.senders[i].sent_nsec);
    }
  g_free (self.senders);
  g_string_free (self.request, TRUE);
  load_event_clear (&self.event);
  load_loop_clear (&self.loop);

  return is_done;
}

gboolean
load_run_http (const LoadOptions  *options,
               LoadResult         *result,
               GError            **error)
{
  LoadOptions own = *options;

  own.window = 1;

  return run (&own, result, FALSE, error);
}

gboolean
load_run_ws (const LoadOptions  *options,
             LoadResult         *result,
             GError            **error)
{
  return run (options, result, TRUE, error);
}
