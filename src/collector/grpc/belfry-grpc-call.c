/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-call-private.h"

#include <grpc/support/alloc.h>

#include "belfry-grpc-auth-private.h"

static void
start (BelfryGrpcCall *self,
       const grpc_op  *ops,
       gsize           n_ops,
       BelfryGrpcTag  *tag)
{
  grpc_call_error result = grpc_call_start_batch (self->call, ops, n_ops, tag, NULL);

  g_assert (result == GRPC_CALL_OK);
  self->n_pending++;
}

static void
free_call (BelfryGrpcCall *self)
{
  if (self->is_open)
    belfry_grpc_queue_remove_call (self->queue, self);
  if (self->method != NULL && self->method->is_stream)
    belfry_grpc_queue_tally (self->queue)->open_streams--;
  if (self->method != NULL && self->method->free != NULL)
    self->method->free (self);
  belfry_grpc_caller_clear (&self->caller);
  grpc_slice_unref (self->reason);
  grpc_call_details_destroy (&self->details);
  grpc_metadata_array_destroy (&self->metadata);
  if (self->call != NULL)
    grpc_call_unref (self->call);
  g_free (self);
}

/* Something that was given away is back. */
static void
give_back (BelfryGrpcCall *self)
{
  g_assert (self->n_pending > 0);
  if (--self->n_pending == 0)
    free_call (self);
}

static void
on_closed (BelfryGrpcCall *self,
           gboolean        is_ok)
{
  self->is_closed = TRUE;
  if (self->was_cancelled)
    belfry_grpc_queue_tally (self->queue)->cancelled++;
  belfry_grpc_queue_clear_timer (self->queue, self);
  give_back (self);
}

static void
on_sent (BelfryGrpcCall *self,
         gboolean        is_ok)
{
  self->is_sending = FALSE;
  belfry_grpc_queue_end_sending (self->queue, self);
  if (is_ok && !belfry_grpc_call_is_over (self) && self->method->sent != NULL)
    self->method->sent (self);
  give_back (self);
}

static void
on_ended (BelfryGrpcCall *self,
          gboolean        is_ok)
{
  belfry_grpc_queue_end_sending (self->queue, self);
  give_back (self);
}

static void
on_received (BelfryGrpcCall *self,
             gboolean        is_ok)
{
  grpc_byte_buffer *message = g_steal_pointer (&self->received);

  self->is_reading = FALSE;
  /* What gRPC itself has refused, it has also answered. */
  if (message == NULL && grpc_call_failed_before_recv_message (self->call))
    is_ok = FALSE;
  if (is_ok && !belfry_grpc_call_is_over (self))
    {
      if (message != NULL)
        belfry_grpc_queue_tally (self->queue)->messages++;
      self->method->receive (self, message);
    }
  if (message != NULL)
    grpc_byte_buffer_destroy (message);
  give_back (self);
}

gboolean
belfry_grpc_call_is_over (BelfryGrpcCall *self)
{
  return self->is_ended || self->is_closed;
}

static void
watch_close (BelfryGrpcCall *self)
{
  const grpc_op op = {
    .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
    .data.recv_close_on_server.cancelled = &self->was_cancelled,
  };

  start (self, &op, 1, &self->on_closed);
}

/* A method is set before anything else: who lets it go counts on it. */
static void
begin (BelfryGrpcCall *self)
{
  static const BelfryGrpcMethod no_method = { 0 };
  BelfryGrpcTally *tally = belfry_grpc_queue_tally (self->queue);
  BelfryGrpcPurpose purpose = BELFRY_GRPC_COLLECT;
  const BelfryGrpcMethod *method = belfry_grpc_call_find_method (self->details.method, &purpose);

  self->method = &no_method;
  if (method == NULL)
    {
      belfry_grpc_call_end (self, GRPC_STATUS_UNIMPLEMENTED, "There is no such method", NULL);
    }
  else if (tally->open_calls > belfry_grpc_queue_get_limits (self->queue)->max_calls)
    {
      tally->calls_refused++;
      belfry_grpc_call_end (self, GRPC_STATUS_RESOURCE_EXHAUSTED, "Too many calls are open", NULL);
    }
  else if (belfry_grpc_queue_is_draining (self->queue))
    {
      belfry_grpc_call_end (self, GRPC_STATUS_UNAVAILABLE, "The service is shutting down", NULL);
    }
  else
    {
      self->method = method;
      tally->open_streams += method->is_stream;
      belfry_grpc_caller_read (&self->caller, purpose, self->call, &self->metadata);
      method->begin (self);
    }
}

static void
on_request (BelfryGrpcCall *self,
            gboolean        is_ok)
{
  /* The server ends. */
  if (!is_ok)
    {
      give_back (self);
      return;
    }

  belfry_grpc_call_expect (self->queue);
  self->is_open = TRUE;
  belfry_grpc_queue_add_call (self->queue, self);
  watch_close (self);
  begin (self);
  give_back (self);
}

void
belfry_grpc_call_expect (BelfryGrpcQueue *queue)
{
  BelfryGrpcCall *self = g_new0 (BelfryGrpcCall, 1);

  self->queue = queue;
  self->reason = grpc_empty_slice ();
  self->on_request = (BelfryGrpcTag) { on_request, self };
  self->on_received = (BelfryGrpcTag) { on_received, self };
  self->on_sent = (BelfryGrpcTag) { on_sent, self };
  self->on_ended = (BelfryGrpcTag) { on_ended, self };
  self->on_closed = (BelfryGrpcTag) { on_closed, self };
  grpc_call_details_init (&self->details);
  grpc_metadata_array_init (&self->metadata);
  self->n_pending = 1;
  belfry_grpc_queue_request (queue, &self->call, &self->details, &self->metadata, &self->on_request);
}

BelfryGrpcWork *
belfry_grpc_call_add_work (BelfryGrpcCall *self,
                           gboolean        needs_leave)
{
  BelfryGrpcWork *work;

  if (self->batch_id[0] == '\0')
    {
      g_autofree char *uuid = g_uuid_string_random ();

      g_strlcpy (self->batch_id, uuid, sizeof self->batch_id);
    }
  work = belfry_grpc_work_new (self, &self->caller, self->batch_id);
  work->needs_leave = needs_leave;
  work->read_usec = belfry_grpc_queue_get_now (self->queue);
  return work;
}

void
belfry_grpc_call_push (BelfryGrpcCall *self,
                       BelfryGrpcWork *work)
{
  self->n_pending++;
  belfry_grpc_queue_count (self->queue, work);
  belfry_grpc_queue_push (self->queue, work);
}

void
belfry_grpc_call_settle (BelfryGrpcCall *self,
                         BelfryGrpcWork *work)
{
  BelfryGrpcTally *tally = belfry_grpc_queue_tally (self->queue);

  work->is_settled = TRUE;
  if (work->status == GRPC_STATUS_UNAUTHENTICATED)
    tally->unauthenticated++;
  if (work->status == GRPC_STATUS_OK && work->group.failure == NULL)
    for (guint i = 0; i < work->group.n_events; i++)
      {
        if (work->group.events[i].refused_field == NULL)
          tally->accepted++;
        else
          tally->refused++;
      }

  self->method->settle (self, work);
  give_back (self);
}

void
belfry_grpc_call_tick (BelfryGrpcCall *self)
{
  if (!belfry_grpc_call_is_over (self))
    self->method->tick (self);
}

void
belfry_grpc_call_cut (BelfryGrpcCall *self)
{
  grpc_call_cancel_with_status (self->call, GRPC_STATUS_DEADLINE_EXCEEDED, "What was sent was not taken in time", NULL);
}

void
belfry_grpc_call_read (BelfryGrpcCall *self)
{
  const grpc_op op = {
    .op = GRPC_OP_RECV_MESSAGE,
    .data.recv_message.recv_message = &self->received,
  };

  if (self->is_reading || belfry_grpc_call_is_over (self))
    return;
  if (!belfry_grpc_queue_has_room (self->queue))
    {
      belfry_grpc_queue_hold_back (self->queue, self);
      return;
    }

  self->is_reading = TRUE;
  start (self, &op, 1, &self->on_received);
}

static void
send_ops (BelfryGrpcCall *self,
          grpc_op        *ops,
          gsize           n_ops)
{
  g_assert (!self->is_sending && !belfry_grpc_call_is_over (self));
  self->is_sending = TRUE;
  belfry_grpc_queue_begin_sending (self->queue, self);
  start (self, ops, n_ops, &self->on_sent);
}

void
belfry_grpc_call_greet (BelfryGrpcCall *self)
{
  grpc_op op = { .op = GRPC_OP_SEND_INITIAL_METADATA };

  self->has_begun_answer = TRUE;
  send_ops (self, &op, 1);
}

void
belfry_grpc_call_send (BelfryGrpcCall   *self,
                       grpc_byte_buffer *message,
                       gboolean          has_more)
{
  grpc_op ops[2] = {
    { .op = GRPC_OP_SEND_MESSAGE, .flags = has_more ? GRPC_WRITE_BUFFER_HINT : 0, .data.send_message.send_message = message },
    { .op = GRPC_OP_SEND_INITIAL_METADATA },
  };
  gsize n_ops = self->has_begun_answer ? 1 : 2;

  self->has_begun_answer = TRUE;
  send_ops (self, ops, n_ops);
  grpc_byte_buffer_destroy (message);
}

void
belfry_grpc_call_end (BelfryGrpcCall   *self,
                      grpc_status_code  status,
                      const char       *reason,
                      grpc_byte_buffer *message)
{
  grpc_op ops[3] = { { .op = GRPC_OP_SEND_STATUS_FROM_SERVER } };
  gsize n_ops = 1;

  g_assert (!self->is_sending && !belfry_grpc_call_is_over (self));
  belfry_grpc_queue_clear_timer (self->queue, self);
  self->is_ended = TRUE;
  ops[0].data.send_status_from_server.status = status;
  if (reason != NULL)
    {
      self->reason = grpc_slice_from_copied_string (reason);
      ops[0].data.send_status_from_server.status_details = &self->reason;
    }
  if (!self->has_begun_answer)
    ops[n_ops++] = (grpc_op) { .op = GRPC_OP_SEND_INITIAL_METADATA };
  if (message != NULL)
    ops[n_ops++] = (grpc_op) { .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = message };
  belfry_grpc_queue_begin_sending (self->queue, self);
  start (self, ops, n_ops, &self->on_ended);
  if (message != NULL)
    grpc_byte_buffer_destroy (message);
}
