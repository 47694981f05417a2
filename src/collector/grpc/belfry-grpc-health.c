/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-grpc-methods-private.h"
#include "belfry-grpc-payload-private.h"
#include "belfry-grpc-wire.pb-c.h"

/* grpc.health.v1: whether the server serves, known on the queue's thread. */

typedef enum
{
  SERVING = 1,
  NOT_SERVING = 2,
  SERVICE_UNKNOWN = 3,
} State;

/* The name of the server as a whole is empty. */
static const char * const services[] = { "", "belfry.collector.v1.EventCollectorService", "EventCollectorService" };

typedef struct
{
  gboolean is_asked;
  gboolean is_known;
  State    told;      /* 0 before the first answer */
} Watch;

static State
find_state (BelfryGrpcCall *call)
{
  return belfry_grpc_queue_is_serving (call->queue) ? SERVING : NOT_SERVING;
}

static grpc_byte_buffer *
pack_state (State state)
{
  BelfryGrpcWire__HealthState answer = BELFRY_GRPC_WIRE__HEALTH_STATE__INIT;

  answer.status = state;
  return belfry_grpc_payload_pack (&answer.base);
}

static gboolean
is_known (const BelfryGrpcWire__HealthQuestion *question)
{
  for (gsize i = 0; i < G_N_ELEMENTS (services); i++)
    if (question->service.len == strlen (services[i])
        && (question->service.len == 0 || memcmp (question->service.data, services[i], question->service.len) == 0))
      return TRUE;

  return FALSE;
}

/* FALSE when there is no question, and then the call has ended. */
static gboolean
read_question (BelfryGrpcCall   *call,
               grpc_byte_buffer *message,
               gboolean         *is_of_us)
{
  const BelfryGrpcLimits *limits = belfry_grpc_queue_get_limits (call->queue);
  g_auto(BelfryGrpcArena) arena = { 0 };
  BelfryGrpcWire__HealthQuestion *question = NULL;
  grpc_status_code status;
  gsize size;
  const guint8 *data;

  belfry_grpc_queue_clear_timer (call->queue, call);
  if (message == NULL)
    {
      belfry_grpc_unary_refuse_nothing (call);
      return FALSE;
    }

  data = belfry_grpc_payload_gather (&arena, message, limits->max_metadata_bytes, &size, &status);
  if (data != NULL)
    {
      ProtobufCAllocator allocator = belfry_grpc_arena_allocator (&arena, 4 * (size + 1024));

      question = belfry_grpc_wire__health_question__unpack (&allocator, size, data);
    }
  if (question == NULL)
    {
      belfry_grpc_call_end (call, GRPC_STATUS_INVALID_ARGUMENT, "Not a message of the type HealthCheckRequest", NULL);
      return FALSE;
    }

  *is_of_us = is_known (question);
  return TRUE;
}

static void
receive_check (BelfryGrpcCall   *call,
               grpc_byte_buffer *message)
{
  gboolean is_of_us;

  if (!read_question (call, message, &is_of_us))
    return;

  if (is_of_us)
    belfry_grpc_call_end (call, GRPC_STATUS_OK, NULL, pack_state (find_state (call)));
  else
    belfry_grpc_call_end (call, GRPC_STATUS_NOT_FOUND, "There is no such service", NULL);
}

static void
receive_list (BelfryGrpcCall   *call,
              grpc_byte_buffer *message)
{
  BelfryGrpcWire__HealthStates answer = BELFRY_GRPC_WIRE__HEALTH_STATES__INIT;
  BelfryGrpcWire__HealthState state = BELFRY_GRPC_WIRE__HEALTH_STATE__INIT;
  BelfryGrpcWire__HealthStateEntry entries[G_N_ELEMENTS (services)];
  BelfryGrpcWire__HealthStateEntry *pointers[G_N_ELEMENTS (services)];

  belfry_grpc_queue_clear_timer (call->queue, call);
  if (message == NULL)
    {
      belfry_grpc_unary_refuse_nothing (call);
      return;
    }

  state.status = find_state (call);
  for (gsize i = 0; i < G_N_ELEMENTS (services); i++)
    {
      belfry_grpc_wire__health_state_entry__init (&entries[i]);
      entries[i].key = (ProtobufCBinaryData) { strlen (services[i]), (uint8_t *) services[i] };
      entries[i].value = &state;
      pointers[i] = &entries[i];
    }
  answer.n_statuses = G_N_ELEMENTS (services);
  answer.statuses = pointers;
  belfry_grpc_call_end (call, GRPC_STATUS_OK, NULL, belfry_grpc_payload_pack (&answer.base));
}

/* Watch: the state at once, and again whenever it has changed; at the end of the server that it does not serve, and then the end. */

static void
tell_state (BelfryGrpcCall *call)
{
  Watch *self = call->state;
  State state;

  if (!self->is_asked || call->is_sending || belfry_grpc_call_is_over (call))
    return;

  state = self->is_known ? find_state (call) : SERVICE_UNKNOWN;
  if (state != self->told)
    {
      self->told = state;
      belfry_grpc_call_send (call, pack_state (state), FALSE);
    }
  else if (belfry_grpc_queue_is_draining (call->queue))
    {
      belfry_grpc_call_end (call, GRPC_STATUS_UNAVAILABLE, "The service is shutting down", NULL);
    }
}

static void
begin_watch (BelfryGrpcCall *call)
{
  call->state = g_new0 (Watch, 1);
  belfry_grpc_unary_begin (call);
}

static void
receive_watch (BelfryGrpcCall   *call,
               grpc_byte_buffer *message)
{
  Watch *self = call->state;

  if (!read_question (call, message, &self->is_known))
    return;

  self->is_asked = TRUE;
  tell_state (call);
}

static void
free_watch (BelfryGrpcCall *call)
{
  g_free (call->state);
}

const BelfryGrpcMethod belfry_grpc_serving_check = {
  .begin = belfry_grpc_unary_begin,
  .receive = receive_check,
  .tick = belfry_grpc_unary_tick,
};

const BelfryGrpcMethod belfry_grpc_serving_list = {
  .begin = belfry_grpc_unary_begin,
  .receive = receive_list,
  .tick = belfry_grpc_unary_tick,
};

const BelfryGrpcMethod belfry_grpc_serving_watch = {
  .is_stream = TRUE,
  .begin = begin_watch,
  .receive = receive_watch,
  .sent = tell_state,
  .tick = belfry_grpc_unary_tick,
  .notice = tell_state,
  .free = free_watch,
};
