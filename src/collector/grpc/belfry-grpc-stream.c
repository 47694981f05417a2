/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-convert-private.h"
#include "belfry-grpc-methods-private.h"
#include "belfry-grpc-payload-private.h"
#include "belfry-grpc-verdicts-private.h"

/* StreamEvents. What comes is gathered into works; a work goes home at the end of the queue's turn, or earlier when it has grown, and
 * more is read meanwhile. Of what is back only the verdicts are kept, and acknowledged from the front: whole acknowledgements at once,
 * a smaller one when its first event has waited long enough or nothing follows. Nothing is read while too many events are
 * unacknowledged, so a stream is read no faster than it is stored, and no faster than the other end reads its acknowledgements. */

#define MAX_WORK_EVENTS 256
#define MAX_WORK_BYTES (256 * 1024)

typedef struct
{
  GQueue             works;         /* owned, oldest first: those that are not back, or that are behind one of them */
  BelfryGrpcWork    *open;          /* the last of them, as long as it is not handed over */
  guint              open_turn;     /* of the queue, when it was begun */
  guint64            received;      /* events */
  BelfryGrpcVerdicts verdicts;      /* to be acknowledged */
  gsize              counted;       /* bytes of them that the queue has counted */
  grpc_status_code   status;        /* how it ends */
  const char        *reason;        /* of a work, or static */
  gboolean           is_admitted;
  gboolean           is_done;       /* no more is read: the other end has sent all, the server drains, or something has failed */
  gboolean           has_failed;    /* what is not back by now is not acknowledged any more */
} Stream;

static void advance (BelfryGrpcCall *call);
static void notice (BelfryGrpcCall *call);

/* Reading */

static gboolean
may_read (BelfryGrpcCall *call)
{
  Stream *self = call->state;

  return !self->is_done
         && self->received - self->verdicts.first < belfry_grpc_queue_get_limits (call->queue)->max_unacknowledged_events;
}

static BelfryGrpcWork *
ensure_open (BelfryGrpcCall *call)
{
  Stream *self = call->state;

  if (self->open != NULL && self->open_turn == belfry_grpc_queue_get_turn (call->queue))
    return self->open;

  self->open = belfry_grpc_call_add_work (call, TRUE);
  self->open_turn = belfry_grpc_queue_get_turn (call->queue);
  g_queue_push_tail (&self->works, self->open);
  belfry_grpc_call_push (call, self->open);
  return self->open;
}

/* What cannot even be unpacked is an event as well: one that is refused. */
static void
take_event (BelfryGrpcCall   *call,
            BelfryGrpcWork   *work,
            grpc_byte_buffer *message)
{
  const BelfryGrpcLimits *limits = belfry_grpc_queue_get_limits (call->queue);
  BelfryGrpcTally *tally = belfry_grpc_queue_tally (call->queue);
  grpc_status_code status;
  gsize size;
  const guint8 *data = belfry_grpc_payload_gather (&work->arena, message, limits->max_message_bytes, &size, &status);

  if (data == NULL)
    {
      tally->too_large += status == GRPC_STATUS_RESOURCE_EXHAUSTED;
      tally->malformed += status != GRPC_STATUS_RESOURCE_EXHAUSTED;
      belfry_grpc_convert_nothing (work, status == GRPC_STATUS_RESOURCE_EXHAUSTED);
    }
  else if (!belfry_grpc_convert_event (work, data, size))
    {
      tally->malformed++;
    }
}

static void
receive (BelfryGrpcCall   *call,
         grpc_byte_buffer *message)
{
  Stream *self = call->state;
  BelfryGrpcWork *work;

  if (message == NULL || self->is_done)
    {
      self->is_done = TRUE;
      advance (call);
      return;
    }

  work = ensure_open (call);
  take_event (call, work, message);
  self->received++;
  belfry_grpc_queue_count (call->queue, work);
  if (work->group.n_events >= MAX_WORK_EVENTS || work->counted >= MAX_WORK_BYTES)
    belfry_grpc_queue_hand_over (call->queue);
  if (call->timer == NULL)
    belfry_grpc_queue_set_timer (call->queue, call,
                                 work->read_usec + belfry_grpc_queue_get_limits (call->queue)->ack_delay_msec * 1000ll);
  if (may_read (call))
    belfry_grpc_call_read (call);
}

/* Acknowledging */

static gint64
find_due (BelfryGrpcCall *call)
{
  Stream *self = call->state;

  return belfry_grpc_verdicts_get_since (&self->verdicts)
         + belfry_grpc_queue_get_limits (call->queue)->ack_delay_msec * 1000ll;
}

/* How many events the next acknowledgement covers; 0 when none is due. */
static guint
find_due_events (BelfryGrpcCall *call)
{
  Stream *self = call->state;
  guint maximum = belfry_grpc_queue_get_limits (call->queue)->stream_batch_events;
  guint n_events = self->verdicts.n_events;

  if (n_events >= maximum)
    return maximum;
  if (n_events == 0)
    return 0;
  /* The last ones, for nothing that may be acknowledged follows. */
  if (self->is_done && (self->works.head == NULL || self->has_failed))
    return n_events;
  return find_due (call) <= belfry_grpc_queue_get_now (call->queue) ? n_events : 0;
}

static void
count_verdicts (BelfryGrpcCall *call)
{
  Stream *self = call->state;

  belfry_grpc_queue_count_untold (call->queue, self->counted, self->verdicts.size);
  self->counted = self->verdicts.size;
}

static gboolean
is_finished (Stream *self)
{
  if (!self->is_done || self->verdicts.n_events > 0)
    return FALSE;

  return self->has_failed || self->works.head == NULL;
}

/* Whatever is due now: one message is on its way at a time, and each that has gone comes here again. */
static void
advance (BelfryGrpcCall *call)
{
  Stream *self = call->state;
  BelfryGrpcTally *tally = belfry_grpc_queue_tally (call->queue);
  guint n_events;

  if (call->is_sending || belfry_grpc_call_is_over (call))
    return;

  n_events = find_due_events (call);
  if (n_events > 0)
    {
      grpc_byte_buffer *message = belfry_grpc_verdicts_tell (&self->verdicts, n_events);

      count_verdicts (call);
      tally->acknowledgements++;
      belfry_grpc_call_send (call, message, find_due_events (call) > 0);
    }
  else if (is_finished (self))
    {
      belfry_grpc_call_end (call, self->status, self->reason, NULL);
      return;
    }

  if (self->is_admitted && may_read (call))
    belfry_grpc_call_read (call);
  if (call->timer == NULL && self->verdicts.n_events > 0 && !call->is_sending)
    belfry_grpc_queue_set_timer (call->queue, call, find_due (call));
}

/* Life */

/* The first work brings no events: it asks whether the stream may begin. */
static void
begin (BelfryGrpcCall *call)
{
  Stream *self = g_new0 (Stream, 1);

  call->state = self;
  g_queue_init (&self->works);
  belfry_grpc_call_push (call, belfry_grpc_call_add_work (call, TRUE));
}

static void
fail (Stream           *self,
      grpc_status_code  status,
      const char       *reason)
{
  self->is_done = TRUE;
  self->has_failed = TRUE;
  self->status = status;
  self->reason = reason;
}

static void
settle_admission (BelfryGrpcCall *call,
                  BelfryGrpcWork *work)
{
  Stream *self = call->state;

  self->is_admitted = TRUE;
  call->caller.has_begun = TRUE;
  if (!belfry_grpc_call_is_over (call))
    {
      if (work->status != GRPC_STATUS_OK)
        belfry_grpc_call_end (call, work->status, work->message, NULL);
      else
        belfry_grpc_call_greet (call);
    }
  belfry_grpc_queue_release (call->queue, work);
  notice (call);
}

/* TRUE when what follows the work may be told as well. A work that has failed stays, for it says why. */
static gboolean
take_verdicts (BelfryGrpcCall *call,
               BelfryGrpcWork *work)
{
  Stream *self = call->state;

  if (work->status != GRPC_STATUS_OK)
    fail (self, work->status, work->message);
  else if (work->group.failure != NULL)
    fail (self, GRPC_STATUS_UNAVAILABLE, work->group.failure);
  if (self->has_failed)
    return FALSE;

  if (!belfry_grpc_call_is_over (call))
    belfry_grpc_verdicts_add (&self->verdicts, work);
  g_queue_pop_head (&self->works);
  belfry_grpc_queue_release (call->queue, work);
  return TRUE;
}

static void
settle_events (BelfryGrpcCall *call,
               BelfryGrpcWork *work)
{
  Stream *self = call->state;
  BelfryGrpcWork *next;

  if (work == self->open)
    self->open = NULL;
  /* They may come back out of order, and go out in order; behind one that failed none does. */
  while ((next = g_queue_peek_head (&self->works)) != NULL && next->is_settled && take_verdicts (call, next))
    continue;
  count_verdicts (call);
  advance (call);
}

static void
settle (BelfryGrpcCall *call,
        BelfryGrpcWork *work)
{
  Stream *self = call->state;

  if (self->is_admitted)
    settle_events (call, work);
  else
    settle_admission (call, work);
}

/* The acknowledgement that waited may go, if what it covers is stored; otherwise it goes as soon as that is. */
static void
tick (BelfryGrpcCall *call)
{
  advance (call);
}

/* At the end nothing more is read; what was read is stored and acknowledged. */
static void
notice (BelfryGrpcCall *call)
{
  Stream *self = call->state;

  if (!belfry_grpc_queue_is_draining (call->queue) || !self->is_admitted)
    return;

  if (!self->is_done)
    {
      self->status = GRPC_STATUS_UNAVAILABLE;
      self->reason = "The service is shutting down";
    }
  self->is_done = TRUE;
  advance (call);
}

static void
free_stream (BelfryGrpcCall *call)
{
  Stream *self = call->state;
  BelfryGrpcWork *work;

  while ((work = g_queue_pop_head (&self->works)) != NULL)
    belfry_grpc_queue_release (call->queue, work);
  belfry_grpc_verdicts_clear (&self->verdicts);
  count_verdicts (call);
  g_free (self);
}

const BelfryGrpcMethod belfry_grpc_stream_events = {
  .is_stream = TRUE,
  .begin = begin,
  .receive = receive,
  .sent = advance,
  .settle = settle,
  .tick = tick,
  .notice = notice,
  .free = free_stream,
};
