/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "load-grpc.h"

#include <string.h>

/* Calls of one message, a window of them on each connection: an event each, or a batch. */

typedef struct _Calls Calls;

typedef struct
{
  Calls               *calls;
  LoadGrpcTag          tag;
  guint                channel;
  grpc_call           *call;   /* NULL: idle */
  gint64               intended_nsec;
  grpc_byte_buffer    *question;
  grpc_byte_buffer    *answer;
  grpc_metadata        greeting;
  grpc_metadata_array  initial;
  grpc_metadata_array  trailing;
  grpc_status_code     status;
  grpc_slice           details;
} Slot;

struct _Calls
{
  LoadGrpc  grpc;
  Slot     *slots;
  guint     n_slots;
  GQueue    idle;    /* of slots */
};

static void
finish (Slot *slot)
{
  grpc_byte_buffer_destroy (slot->question);
  if (slot->answer != NULL)
    grpc_byte_buffer_destroy (slot->answer);
  grpc_metadata_array_destroy (&slot->initial);
  grpc_metadata_array_destroy (&slot->trailing);
  grpc_slice_unref (slot->details);
  g_clear_pointer (&slot->call, grpc_call_unref);
}

static void
on_answer (gpointer owner,
           gboolean is_ok)
{
  Slot *slot = owner;
  Calls *self = slot->calls;
  LoadResult *result = self->grpc.result;

  load_histogram_add (&result->latency, self->grpc.now_nsec - slot->intended_nsec);
  result->answered++;
  if (slot->status != GRPC_STATUS_OK || load_grpc_read_number (slot->answer, 1) != 1)
    result->failed++;
  result->end_nsec = self->grpc.now_nsec;
  finish (slot);
  g_queue_push_tail (&self->idle, slot);
}

static void
begin (Slot   *slot,
       gint64  intended_nsec)
{
  Calls *self = slot->calls;
  grpc_op ops[6] = {
    [1] = { .op = GRPC_OP_SEND_MESSAGE },
    [2] = { .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT },
    [3] = { .op = GRPC_OP_RECV_INITIAL_METADATA, .data.recv_initial_metadata.recv_initial_metadata = &slot->initial },
    [4] = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &slot->answer },
    [5] = { .op = GRPC_OP_RECV_STATUS_ON_CLIENT },
  };

  slot->intended_nsec = intended_nsec;
  slot->question = load_grpc_make_message (&self->grpc);
  slot->answer = NULL;
  slot->details = grpc_empty_slice ();
  grpc_metadata_array_init (&slot->initial);
  grpc_metadata_array_init (&slot->trailing);
  slot->call = load_grpc_create_call (&self->grpc, slot->channel);
  ops[0] = load_grpc_greet (&self->grpc, &slot->greeting);
  ops[1].data.send_message.send_message = slot->question;
  ops[5].data.recv_status_on_client.trailing_metadata = &slot->trailing;
  ops[5].data.recv_status_on_client.status = &slot->status;
  ops[5].data.recv_status_on_client.status_details = &slot->details;
  load_grpc_start (slot->call, ops, G_N_ELEMENTS (ops), &slot->tag);
  self->grpc.result->sent++;
}

static gboolean
send_calls (gpointer user_data)
{
  Calls *self = user_data;
  gint64 intended_nsec;

  while (self->idle.length > 0 && load_pace_take (&self->grpc.pace, self->grpc.now_nsec, &intended_nsec))
    begin (g_queue_pop_head (&self->idle), intended_nsec);
  return TRUE;
}

static guint
count_in_flight (gpointer user_data)
{
  Calls *self = user_data;

  return self->n_slots - self->idle.length;
}

static void
make_slots (Calls *self)
{
  const LoadOptions *options = self->grpc.options;

  self->n_slots = options->connections * options->window;
  self->slots = g_new0 (Slot, self->n_slots);
  for (guint i = 0; i < self->n_slots; i++)
    {
      Slot *slot = &self->slots[i];

      slot->calls = self;
      slot->tag = (LoadGrpcTag) { on_answer, slot };
      slot->channel = i % options->connections;
      g_queue_push_tail (&self->idle, slot);
    }
}

/* Calls that nobody has answered are given up: their answer comes at once. */
static void
give_up (Calls *self)
{
  LoadResult ignored = { 0 };

  self->grpc.result = &ignored;
  for (guint i = 0; i < self->n_slots; i++)
    if (self->slots[i].call != NULL)
      grpc_call_cancel (self->slots[i].call, NULL);
  while (count_in_flight (self) > 0)
    load_grpc_turn (&self->grpc, load_now () + 100000000);
  g_queue_clear (&self->idle);
  g_free (self->slots);
}

static gboolean
run (const LoadOptions  *options,
     LoadResult         *result,
     const char         *method,
     guint               batch,
     GError            **error)
{
  Calls self = { .idle = G_QUEUE_INIT };
  gboolean is_done = load_grpc_init (&self.grpc, options, result, method, batch, error);

  if (is_done)
    {
      make_slots (&self);
      load_grpc_run (&self.grpc, send_calls, count_in_flight, &self);
      give_up (&self);
    }
  load_grpc_clear (&self.grpc);
  return is_done;
}

gboolean
load_run_grpc (const LoadOptions  *options,
               LoadResult         *result,
               GError            **error)
{
  return run (options, result, "CollectEvent", 0, error);
}

gboolean
load_run_grpc_batch (const LoadOptions  *options,
                     LoadResult         *result,
                     GError            **error)
{
  LoadOptions own = load_options_in_batches (options);

  if (!run (&own, result, "CollectEvents", options->batch, error))
    return FALSE;

  load_result_count_events (result, options->batch);
  return TRUE;
}
