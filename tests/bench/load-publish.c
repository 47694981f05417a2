/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "load.h"

#include <unistd.h>

/* Publishing, with one request at a time on each connection or with a window of them, and waiting for every answer. */

typedef struct
{
  const LoadOptions *options;
  LoadResult        *result;
  LoadLoop           loop;
  LoadPace           pace;
  LoadEvent          event;
  LoadPeer           peer;
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
send_events (Sender *sender)
{
  Publishing *self = sender->publishing;

  while (take_turn (sender))
    self->peer.protocol->send (&self->peer, &sender->connection, &self->event, 0);
  load_connection_flush (&sender->connection);
}

static void
greet (Sender *sender)
{
  Publishing *self = sender->publishing;

  sender->is_ready = self->peer.protocol->greet (&self->peer, &sender->connection) > 0;
  if (sender->is_ready)
    self->n_open++;
}

static void
on_data (LoadConnection *connection)
{
  Sender *sender = connection->owner;
  Publishing *self = sender->publishing;
  const LoadProtocol *protocol = self->peer.protocol;
  LoadFrame frame;
  gsize consumed = 0;

  if (!sender->is_ready)
    {
      greet (sender);
      return;
    }

  while (protocol->next (connection, &frame, &consumed))
    note_answer (sender, protocol->is_success (&self->peer, &frame));

  if (connection->fd < 0)
    lose (sender);
  else
    send_events (sender);
}

static gboolean
open_senders (Publishing  *self,
              GError     **error)
{
  const LoadOptions *options = self->options;

  for (guint i = 0; i < options->connections; i++)
    {
      Sender *sender = &self->senders[i];

      sender->publishing = self;
      sender->sent_nsec = g_new0 (gint64, options->window);
      sender->connection.owner = sender;
      sender->connection.on_data = on_data;
      sender->connection.role = LOAD_ROLE_PUBLISHER;
      sender->connection.index = i;
      if (!load_peer_open (&self->peer, &sender->connection, &self->loop, error))
        return FALSE;
      greet (sender);
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
run_publishing (Publishing *self)
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
        send_events (&self->senders[i]);
      load_process_sample (&result->process, now_nsec);
      load_loop_turn (&self->loop, load_pace_due (&self->pace, now_nsec));
    }

  result->failed += count_in_flight (self);
}

static gboolean
run (const LoadProtocol *protocol,
     const LoadOptions  *options,
     LoadResult         *result,
     GError            **error)
{
  LoadOptions own = *options;
  Publishing self = { .options = &own, .result = result };
  gboolean is_done;

  if (!load_loop_init (&self.loop, error))
    return FALSE;

  if (protocol->most_in_flight > 0)
    own.window = MIN (own.window, protocol->most_in_flight);
  load_event_init (&self.event, own.size);
  load_peer_init (&self.peer, protocol, &own, self.event.length);
  self.senders = g_new0 (Sender, own.connections);
  for (guint i = 0; i < own.connections; i++)
    self.senders[i].connection.fd = -1;

  is_done = open_senders (&self, error);
  if (is_done)
    {
      load_process_begin (&result->process, own.pids, own.n_pids);
      load_process_begin (&result->self_process, &(int) { getpid () }, 1);
      run_publishing (&self);
      load_process_end (&result->process);
      load_process_end (&result->self_process);
    }

  for (guint i = 0; i < own.connections; i++)
    {
      load_connection_close (&self.senders[i].connection);
      g_free (self.senders[i].sent_nsec);
    }
  g_free (self.senders);
  load_peer_clear (&self.peer);
  load_event_clear (&self.event);
  load_loop_clear (&self.loop);

  return is_done;
}

gboolean
load_run_http (const LoadOptions  *options,
               LoadResult         *result,
               GError            **error)
{
  return run (&load_http, options, result, error);
}

gboolean
load_run_collect (const LoadOptions  *options,
                  LoadResult         *result,
                  GError            **error)
{
  LoadOptions own = load_options_in_batches (options);

  if (!run (&load_collect, &own, result, error))
    return FALSE;

  load_result_count_events (result, options->batch);
  return TRUE;
}

gboolean
load_run_ws (const LoadOptions  *options,
             LoadResult         *result,
             GError            **error)
{
  return run (&load_belfry, options, result, error);
}

gboolean
load_run_jetstream (const LoadOptions  *options,
                    LoadResult         *result,
                    GError            **error)
{
  return run (&load_jetstream, options, result, error);
}
