/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-grpc-methods-private.h"
#include "belfry-grpc-payload-private.h"
#include "belfry-grpc-wire.pb-c.h"

/* grpc.health.v1: whether the server serves, for which the sink is asked. */

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
  gboolean is_known;  /* the service that it is about */
  State    state;     /* of the sink; 0 before its first answer */
  State    told;      /* 0 before the first answer */
} Watch;

static State
find_state (const BelfryGrpcWork *work)
{
  return work->status == GRPC_STATUS_OK && work->health.is_ready ? SERVING : NOT_SERVING;
}

/* What the sink does not know: that it is over, or that somebody wants the server to rest. */
static State
correct (BelfryGrpcCall *call,
         State           state)
{
  return belfry_grpc_queue_is_serving (call->queue) ? state : NOT_SERVING;
}

static void
ask (BelfryGrpcCall *call)
{
  BelfryGrpcWork *work = belfry_grpc_call_add_work (call, FALSE);

  work->wants_health = TRUE;
  belfry_grpc_call_push (call, work);
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
    ask (call);
  else
    belfry_grpc_call_end (call, GRPC_STATUS_NOT_FOUND, "There is no such service", NULL);
}

static void
settle_check (BelfryGrpcCall *call,
              BelfryGrpcWork *work)
{
  if (!belfry_grpc_call_is_over (call))
    belfry_grpc_call_end (call, GRPC_STATUS_OK, NULL, pack_state (correct (call, find_state (work))));
  belfry_grpc_queue_release (call->queue, work);
}

static void
receive_list (BelfryGrpcCall   *call,
              grpc_byte_buffer *message)
{
  belfry_grpc_queue_clear_timer (call->queue, call);
  if (message == NULL)
    belfry_grpc_unary_refuse_nothing (call);
  else
    ask (call);
}

static grpc_byte_buffer *
pack_states (State found)
{
  BelfryGrpcWire__HealthStates answer = BELFRY_GRPC_WIRE__HEALTH_STATES__INIT;
  BelfryGrpcWire__HealthState state = BELFRY_GRPC_WIRE__HEALTH_STATE__INIT;
  BelfryGrpcWire__HealthStateEntry entries[G_N_ELEMENTS (services)];
  BelfryGrpcWire__HealthStateEntry *pointers[G_N_ELEMENTS (services)];

  state.status = found;
  for (gsize i = 0; i < G_N_ELEMENTS (services); i++)
    {
      belfry_grpc_wire__health_state_entry__init (&entries[i]);
      entries[i].key = (ProtobufCBinaryData) { strlen (services[i]), (uint8_t *) services[i] };
      entries[i].value = &state;
      pointers[i] = &entries[i];
    }
  answer.n_statuses = G_N_ELEMENTS (services);
  answer.statuses = pointers;
  return belfry_grpc_payload_pack (&answer.base);
}

static void
settle_list (BelfryGrpcCall *call,
             BelfryGrpcWork *work)
{
  if (!belfry_grpc_call_is_over (call))
    belfry_grpc_call_end (call, GRPC_STATUS_OK, NULL, pack_states (correct (call, find_state (work))));
  belfry_grpc_queue_release (call->queue, work);
}

/* Watch: the state at once, and again whenever it has changed; at the end of the server that it does not serve, and then the end. The
 * sink is asked again and again while somebody watches. */

static void
tell_state (BelfryGrpcCall *call)
{
  Watch *self = call->state;
  State state;

  if (!self->is_asked || call->is_sending || belfry_grpc_call_is_over (call))
    return;
  if (self->is_known && self->state == 0 && belfry_grpc_queue_is_serving (call->queue))
    return;

  state = self->is_known ? correct (call, self->state) : SERVICE_UNKNOWN;
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
  if (self->is_known)
    ask (call);
  else
    tell_state (call);
}

static void
settle_watch (BelfryGrpcCall *call,
              BelfryGrpcWork *work)
{
  Watch *self = call->state;

  self->state = find_state (work);
  belfry_grpc_queue_release (call->queue, work);
  if (belfry_grpc_call_is_over (call))
    return;

  belfry_grpc_queue_set_timer (call->queue, call, belfry_grpc_queue_get_now (call->queue)
                                                  + belfry_grpc_queue_get_limits (call->queue)->watch_interval_msec * 1000ll);
  tell_state (call);
}

static void
tick_watch (BelfryGrpcCall *call)
{
  Watch *self = call->state;

  if (self->is_asked)
    ask (call);
  else
    belfry_grpc_unary_tick (call);
}

static void
free_watch (BelfryGrpcCall *call)
{
  g_free (call->state);
}

const BelfryGrpcMethod belfry_grpc_serving_check = {
  .begin = belfry_grpc_unary_begin,
  .receive = receive_check,
  .settle = settle_check,
  .tick = belfry_grpc_unary_tick,
};

const BelfryGrpcMethod belfry_grpc_serving_list = {
  .begin = belfry_grpc_unary_begin,
  .receive = receive_list,
  .settle = settle_list,
  .tick = belfry_grpc_unary_tick,
};

const BelfryGrpcMethod belfry_grpc_serving_watch = {
  .is_stream = TRUE,
  .begin = begin_watch,
  .receive = receive_watch,
  .sent = tell_state,
  .settle = settle_watch,
  .tick = tick_watch,
  .notice = tell_state,
  .free = free_watch,
};
