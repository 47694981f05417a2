/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-answer-private.h"
#include "belfry-grpc-convert-private.h"
#include "belfry-grpc-methods-private.h"
#include "belfry-grpc-payload-private.h"

/* StreamEvents. What comes is gathered into works; a work goes home at the end of the queue's turn, or earlier when it has grown, and
 * more is read meanwhile. What is back is acknowledged from the front: whole acknowledgements at once, a smaller one when its first
 * event has waited long enough or nothing follows. Nothing is read while too many events are unacknowledged, so a stream is read no
 * faster than it is stored, and no faster than the other end reads its acknowledgements. */

#define MAX_WORK_EVENTS 256
#define MAX_WORK_BYTES (256 * 1024)

typedef struct
{
  GQueue          works;         /* owned, oldest first: not all of them is acknowledged */
  GList          *unsettled;     /* the first of them that is not back; NULL when all are */
  BelfryGrpcWork *open;          /* the last of them, as long as it is not handed over */
  guint           open_turn;     /* of the queue, when it was begun */
  guint64         received;      /* events */
  guint64         acknowledged;  /* events */
  guint           offset;        /* events of the first work that are acknowledged */
  guint           n_settled;     /* events at the front that may be acknowledged */
  grpc_status_code status;       /* how it ends */
  const char     *reason;        /* of a work, or static */
  gboolean        is_admitted;
  gboolean        is_done;       /* no more is read: the other end has sent all, the server drains, or something has failed */
  gboolean        has_failed;    /* what is not back by now is not acknowledged any more */
} Stream;

static void advance (BelfryGrpcCall *call);
static void notice (BelfryGrpcCall *call);

/* Reading */

static gboolean
may_read (BelfryGrpcCall *call)
{
  Stream *self = call->state;

  return !self->is_done
         && self->received - self->acknowledged < belfry_grpc_queue_get_limits (call->queue)->max_unacknowledged_events;
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
  if (self->unsettled == NULL)
    self->unsettled = self->works.tail;
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
  BelfryGrpcWork *first = g_queue_peek_head (&self->works);

  return first->read_usec + belfry_grpc_queue_get_limits (call->queue)->ack_delay_msec * 1000ll;
}

/* How many events the next acknowledgement covers; 0 when none is due. */
static guint
find_due_events (BelfryGrpcCall *call)
{
  Stream *self = call->state;
  guint maximum = belfry_grpc_queue_get_limits (call->queue)->stream_batch_events;

  if (self->n_settled >= maximum)
    return maximum;
  if (self->n_settled == 0)
    return 0;
  /* The last ones, for nothing that may be acknowledged follows. */
  if (self->is_done && (self->unsettled == NULL || self->has_failed))
    return self->n_settled;
  return find_due (call) <= belfry_grpc_queue_get_now (call->queue) ? self->n_settled : 0;
}

static void
drop_first (BelfryGrpcCall *call)
{
  Stream *self = call->state;
  BelfryGrpcWork *work = g_queue_pop_head (&self->works);

  self->offset = 0;
  if (work == self->open)
    self->open = NULL;
  belfry_grpc_queue_release (call->queue, work);
}

static grpc_byte_buffer *
make_ack (BelfryGrpcCall *call,
          guint           n_events)
{
  Stream *self = call->state;
  BelfryGrpcAck ack = { .first = self->acknowledged };
  grpc_byte_buffer *message;
  guint at = self->offset;

  for (GList *l = self->works.head; ack.n_events < n_events; l = l->next, at = 0)
    {
      const BelfryGrpcGroup *group = &((BelfryGrpcWork *) l->data)->group;

      for (; at < group->n_events && ack.n_events < n_events; at++)
        belfry_grpc_ack_add (&ack, &group->events[at]);
    }
  message = belfry_grpc_ack_pack (&ack);

  self->acknowledged += n_events;
  self->n_settled -= n_events;
  self->offset += n_events;
  return message;
}

/* Behind the acknowledgement the works lose what it covered: only then, since it points into them. */
static void
forget_acknowledged (BelfryGrpcCall *call)
{
  Stream *self = call->state;

  while (self->works.head != NULL && self->works.head != self->unsettled)
    {
      BelfryGrpcWork *first = self->works.head->data;
      guint n_events = first->group.n_events;
      guint offset = self->offset;

      if (offset < n_events)
        return;
      drop_first (call);
      self->offset = offset - n_events;
    }
}

static gboolean
is_finished (Stream *self)
{
  if (!self->is_done || self->n_settled > 0)
    return FALSE;

  return self->has_failed || self->unsettled == NULL;
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
      grpc_byte_buffer *message = make_ack (call, n_events);

      forget_acknowledged (call);
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
  if (call->timer == NULL && self->works.head != NULL && self->n_settled > 0 && !call->is_sending)
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

static void
settle_events (BelfryGrpcCall *call,
               BelfryGrpcWork *work)
{
  Stream *self = call->state;

  if (work == self->open)
    self->open = NULL;
  /* They may come back out of order, and go out in order; behind one that failed none does. */
  while (self->unsettled != NULL)
    {
      BelfryGrpcWork *next = self->unsettled->data;

      if (!next->is_settled)
        break;
      if (next->status != GRPC_STATUS_OK)
        fail (self, next->status, next->message);
      else if (next->group.failure != NULL)
        fail (self, GRPC_STATUS_UNAVAILABLE, next->group.failure);
      if (self->has_failed)
        break;
      self->n_settled += next->group.n_events;
      self->unsettled = self->unsettled->next;
    }
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
