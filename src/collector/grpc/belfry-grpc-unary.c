/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-answer-private.h"
#include "belfry-grpc-convert-private.h"
#include "belfry-grpc-methods-private.h"
#include "belfry-grpc-payload-private.h"

/* The calls of one message: it is read, a work goes home with it, and what comes back is the answer. */

void
belfry_grpc_unary_begin (BelfryGrpcCall *call)
{
  const BelfryGrpcLimits *limits = belfry_grpc_queue_get_limits (call->queue);

  belfry_grpc_queue_set_timer (call->queue, call, belfry_grpc_queue_get_now (call->queue) + limits->receive_timeout_msec * 1000ll);
  belfry_grpc_call_read (call);
}

void
belfry_grpc_unary_tick (BelfryGrpcCall *call)
{
  /* Held back by ourselves, it gets its time again. */
  if (!call->is_reading)
    {
      belfry_grpc_unary_begin (call);
      return;
    }

  belfry_grpc_queue_tally (call->queue)->timeouts++;
  belfry_grpc_call_end (call, GRPC_STATUS_DEADLINE_EXCEEDED, "The message did not come in time", NULL);
}

void
belfry_grpc_unary_refuse_nothing (BelfryGrpcCall *call)
{
  belfry_grpc_call_end (call, GRPC_STATUS_INVALID_ARGUMENT, "The call brought no message", NULL);
}

const guint8 *
belfry_grpc_unary_gather (BelfryGrpcCall   *call,
                          BelfryGrpcWork   *work,
                          grpc_byte_buffer *message,
                          gsize            *size)
{
  const BelfryGrpcLimits *limits = belfry_grpc_queue_get_limits (call->queue);
  grpc_status_code status;
  const guint8 *data = belfry_grpc_payload_gather (&work->arena, message, limits->max_message_bytes, size, &status);

  if (data == NULL && status == GRPC_STATUS_RESOURCE_EXHAUSTED)
    belfry_grpc_work_refuse (work, status, "The message is larger than allowed when it is unpacked");
  else if (data == NULL)
    belfry_grpc_work_refuse (work, status, "The message cannot be unpacked");
  return data;
}

static void
count_refusal (BelfryGrpcCall *call,
               BelfryGrpcWork *work)
{
  BelfryGrpcTally *tally = belfry_grpc_queue_tally (call->queue);

  if (work->status == GRPC_STATUS_INVALID_ARGUMENT)
    tally->malformed++;
  else if (work->status == GRPC_STATUS_RESOURCE_EXHAUSTED)
    tally->too_large++;
}

/* The work of a call that brought a message; @data is NULL when nothing can be taken from it, which the work then says. */
static BelfryGrpcWork *
open_message (BelfryGrpcCall    *call,
              grpc_byte_buffer  *message,
              const guint8     **data,
              gsize             *size)
{
  BelfryGrpcWork *work;

  belfry_grpc_queue_clear_timer (call->queue, call);
  if (message == NULL)
    {
      belfry_grpc_unary_refuse_nothing (call);
      return NULL;
    }

  work = belfry_grpc_call_add_work (call, TRUE);
  *data = belfry_grpc_unary_gather (call, work, message, size);
  return work;
}

static void
receive_event (BelfryGrpcCall   *call,
               grpc_byte_buffer *message)
{
  const guint8 *data;
  gsize size;
  BelfryGrpcWork *work = open_message (call, message, &data, &size);

  if (work == NULL)
    return;

  if (data != NULL && !belfry_grpc_convert_event (work, data, size))
    belfry_grpc_queue_tally (call->queue)->malformed++;
  count_refusal (call, work);
  belfry_grpc_call_push (call, work);
}

static void
receive_batch (BelfryGrpcCall   *call,
               grpc_byte_buffer *message)
{
  const guint8 *data;
  gsize size;
  BelfryGrpcWork *work = open_message (call, message, &data, &size);

  if (work == NULL)
    return;

  if (data != NULL)
    belfry_grpc_convert_batch (work, data, size, belfry_grpc_queue_get_limits (call->queue)->max_batch_events);
  count_refusal (call, work);
  belfry_grpc_call_push (call, work);
}

/* TRUE when the work came back without an answer, and the call ended with that. */
static gboolean
end_without_answer (BelfryGrpcCall *call,
                    BelfryGrpcWork *work)
{
  if (belfry_grpc_call_is_over (call))
    return TRUE;

  if (work->status != GRPC_STATUS_OK)
    belfry_grpc_call_end (call, work->status, work->message, NULL);
  else if (work->group.failure != NULL)
    belfry_grpc_call_end (call, GRPC_STATUS_UNAVAILABLE, work->group.failure, NULL);
  else
    return FALSE;
  return TRUE;
}

static void
settle_event (BelfryGrpcCall *call,
              BelfryGrpcWork *work)
{
  const BelfryGrpcEvent *event = work->group.events;

  if (!end_without_answer (call, work) && event->refused_field != NULL)
    {
      g_autofree char *reason = event->refused_field[0] != '\0'
                                ? g_strdup_printf ("%s: %s", event->refused_field, event->refusal)
                                : g_strdup (event->refusal);

      belfry_grpc_call_end (call, GRPC_STATUS_INVALID_ARGUMENT, reason, NULL);
    }
  else if (!belfry_grpc_call_is_over (call))
    {
      belfry_grpc_call_end (call, GRPC_STATUS_OK, NULL, belfry_grpc_answer_collected (work));
    }
  belfry_grpc_queue_release (call->queue, work);
}

static void
settle_batch (BelfryGrpcCall *call,
              BelfryGrpcWork *work)
{
  if (!end_without_answer (call, work))
    belfry_grpc_call_end (call, GRPC_STATUS_OK, NULL, belfry_grpc_answer_collected (work));
  belfry_grpc_queue_release (call->queue, work);
}

/* What is asked has no members. */
static void
receive_question (BelfryGrpcCall   *call,
                  grpc_byte_buffer *message)
{
  BelfryGrpcWork *work;

  belfry_grpc_queue_clear_timer (call->queue, call);
  if (message == NULL)
    {
      belfry_grpc_unary_refuse_nothing (call);
      return;
    }

  work = belfry_grpc_call_add_work (call, FALSE);
  work->wants_health = TRUE;
  belfry_grpc_call_push (call, work);
}

static void
settle_health (BelfryGrpcCall *call,
               BelfryGrpcWork *work)
{
  if (!end_without_answer (call, work))
    belfry_grpc_call_end (call, GRPC_STATUS_OK, NULL, belfry_grpc_answer_health (work));
  belfry_grpc_queue_release (call->queue, work);
}

static void
settle_readiness (BelfryGrpcCall *call,
                  BelfryGrpcWork *work)
{
  if (!end_without_answer (call, work))
    belfry_grpc_call_end (call, GRPC_STATUS_OK, NULL, belfry_grpc_answer_readiness (work));
  belfry_grpc_queue_release (call->queue, work);
}

const BelfryGrpcMethod belfry_grpc_collect_event = {
  .begin = belfry_grpc_unary_begin,
  .receive = receive_event,
  .settle = settle_event,
  .tick = belfry_grpc_unary_tick,
};

const BelfryGrpcMethod belfry_grpc_collect_events = {
  .begin = belfry_grpc_unary_begin,
  .receive = receive_batch,
  .settle = settle_batch,
  .tick = belfry_grpc_unary_tick,
};

const BelfryGrpcMethod belfry_grpc_health_check = {
  .begin = belfry_grpc_unary_begin,
  .receive = receive_question,
  .settle = settle_health,
  .tick = belfry_grpc_unary_tick,
};

const BelfryGrpcMethod belfry_grpc_readiness_check = {
  .begin = belfry_grpc_unary_begin,
  .receive = receive_question,
  .settle = settle_readiness,
  .tick = belfry_grpc_unary_tick,
};
