/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "load-grpc.h"

/* One stream on each connection: events go out while fewer than a window of them are unacknowledged. */

typedef struct _Streams Streams;

typedef struct
{
  Streams             *streams;
  grpc_call           *call;
  LoadGrpcTag          begun;
  LoadGrpcTag          written;
  LoadGrpcTag          closed;
  LoadGrpcTag          read;
  LoadGrpcTag          ended;
  grpc_metadata        greeting;
  grpc_metadata_array  initial;
  grpc_metadata_array  trailing;
  grpc_status_code     status;
  grpc_slice           details;
  grpc_byte_buffer    *question;
  grpc_byte_buffer    *answer;
  gint64              *sent_nsec;  /* a ring of options->window */
  guint64              sent;
  guint64              acknowledged;
  gboolean             is_writing;
  gboolean             is_closed;  /* no more is sent */
  gboolean             has_ended;
} Stream;

struct _Streams
{
  LoadGrpc  grpc;
  Stream   *streams;
  guint     n_open;
};

/* Acknowledgements */

static void
note_ack (Stream           *stream,
          grpc_byte_buffer *message)
{
  LoadGrpc *grpc = &stream->streams->grpc;
  LoadResult *result = grpc->result;
  guint64 received = load_grpc_read_number (message, 1);
  guint64 accepted = load_grpc_read_number (message, 2);
  guint64 n_events = received - stream->acknowledged;

  /* Of what was never sent or not told how it went, nothing is a success. */
  if (received > stream->sent || accepted != n_events)
    result->failed++;
  for (; stream->acknowledged < MIN (received, stream->sent); stream->acknowledged++)
    {
      load_histogram_add (&result->latency, grpc->now_nsec - stream->sent_nsec[stream->acknowledged % grpc->options->window]);
      result->answered++;
    }
  result->end_nsec = grpc->now_nsec;
}

static void
read_next (Stream *stream)
{
  const grpc_op op = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &stream->answer };

  load_grpc_start (stream->call, &op, 1, &stream->read);
}

static void
on_read (gpointer owner,
         gboolean is_ok)
{
  Stream *stream = owner;

  if (stream->answer == NULL)
    return;

  note_ack (stream, stream->answer);
  grpc_byte_buffer_destroy (g_steal_pointer (&stream->answer));
  read_next (stream);
}

/* Events */

static void
on_written (gpointer owner,
            gboolean is_ok)
{
  Stream *stream = owner;

  grpc_byte_buffer_destroy (g_steal_pointer (&stream->question));
  stream->is_writing = FALSE;
}

static void
ignore (gpointer owner,
        gboolean is_ok)
{
}

static void
on_ended (gpointer owner,
          gboolean is_ok)
{
  Stream *stream = owner;
  Streams *self = stream->streams;

  stream->has_ended = TRUE;
  stream->is_closed = TRUE;
  self->n_open--;
  self->grpc.result->failed += stream->status != GRPC_STATUS_OK;
}

static void
close_stream (Stream *stream)
{
  const grpc_op op = { .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT };

  stream->is_closed = TRUE;
  load_grpc_start (stream->call, &op, 1, &stream->closed);
}

/* Followed by others at once, it may wait for them in gRPC's buffer. */
static void
write_event (Stream *stream,
             gint64  intended_nsec)
{
  LoadGrpc *grpc = &stream->streams->grpc;
  grpc_op op = { .op = GRPC_OP_SEND_MESSAGE };

  stream->sent_nsec[stream->sent++ % grpc->options->window] = intended_nsec;
  if (grpc->options->rate <= 0 && stream->sent - stream->acknowledged < grpc->options->window)
    op.flags = GRPC_WRITE_BUFFER_HINT;
  stream->question = load_grpc_make_message (grpc);
  op.data.send_message.send_message = stream->question;
  stream->is_writing = TRUE;
  grpc->result->sent++;
  load_grpc_start (stream->call, &op, 1, &stream->written);
}

static gboolean
send_events (gpointer user_data)
{
  Streams *self = user_data;
  LoadGrpc *grpc = &self->grpc;

  for (guint i = 0; i < grpc->options->connections; i++)
    {
      Stream *stream = &self->streams[i];
      gint64 intended_nsec;

      if (stream->is_writing || stream->is_closed)
        continue;
      if (load_pace_over (&grpc->pace, grpc->now_nsec))
        close_stream (stream);
      else if (stream->sent - stream->acknowledged < grpc->options->window
               && load_pace_take (&grpc->pace, grpc->now_nsec, &intended_nsec))
        write_event (stream, intended_nsec);
    }
  return self->n_open > 0;
}

static guint
count_open (gpointer user_data)
{
  return ((Streams *) user_data)->n_open;
}

/* Life */

static void
begin (Streams *self,
       guint    i)
{
  Stream *stream = &self->streams[i];
  grpc_op ops[2] = {
    [1] = { .op = GRPC_OP_RECV_INITIAL_METADATA, .data.recv_initial_metadata.recv_initial_metadata = &stream->initial },
  };
  grpc_op end = { .op = GRPC_OP_RECV_STATUS_ON_CLIENT };

  *stream = (Stream) {
    .streams = self,
    .call = load_grpc_create_call (&self->grpc, i),
    .begun = { ignore, stream },
    .written = { on_written, stream },
    .closed = { ignore, stream },
    .read = { on_read, stream },
    .ended = { on_ended, stream },
    .details = grpc_empty_slice (),
    .sent_nsec = g_new0 (gint64, self->grpc.options->window),
  };
  grpc_metadata_array_init (&stream->initial);
  grpc_metadata_array_init (&stream->trailing);
  ops[0] = load_grpc_greet (&self->grpc, &stream->greeting);
  load_grpc_start (stream->call, ops, G_N_ELEMENTS (ops), &stream->begun);
  end.data.recv_status_on_client.trailing_metadata = &stream->trailing;
  end.data.recv_status_on_client.status = &stream->status;
  end.data.recv_status_on_client.status_details = &stream->details;
  load_grpc_start (stream->call, &end, 1, &stream->ended);
  read_next (stream);
  self->n_open++;
}

static void
clear_stream (Stream *stream)
{
  if (stream->question != NULL)
    grpc_byte_buffer_destroy (stream->question);
  grpc_metadata_array_destroy (&stream->initial);
  grpc_metadata_array_destroy (&stream->trailing);
  grpc_slice_unref (stream->details);
  grpc_call_unref (stream->call);
  g_free (stream->sent_nsec);
}

static void
end_all (Streams *self)
{
  LoadResult *result = self->grpc.result;
  LoadResult ignored = { 0 };

  result->failed += result->sent - result->answered;
  self->grpc.result = &ignored;
  for (guint i = 0; i < self->grpc.options->connections; i++)
    if (!self->streams[i].has_ended)
      grpc_call_cancel (self->streams[i].call, NULL);
  while (self->n_open > 0)
    load_grpc_turn (&self->grpc, load_now () + 100000000);
  /* What else belongs to the calls is there as well by now. */
  load_grpc_turn (&self->grpc, load_now () + 1000000);
}

gboolean
load_run_grpc_stream (const LoadOptions  *options,
                      LoadResult         *result,
                      GError            **error)
{
  Streams self = { 0 };
  gboolean is_done = load_grpc_init (&self.grpc, options, result, "StreamEvents", 0, error);

  if (is_done)
    {
      self.streams = g_new0 (Stream, options->connections);
      for (guint i = 0; i < options->connections; i++)
        begin (&self, i);
      load_grpc_run (&self.grpc, send_events, count_open, &self);
      end_all (&self);
    }
  for (guint i = 0; is_done && i < options->connections; i++)
    clear_stream (&self.streams[i]);
  g_free (self.streams);
  load_grpc_clear (&self.grpc);
  return is_done;
}
