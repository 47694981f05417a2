/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-verdicts-private.h"

#include <string.h>

#include "belfry-grpc-payload-private.h"
#include "belfry-grpc-wire.pb-c.h"

typedef struct
{
  gint64 read_usec;  /* monotonic; of the first */
  guint  n_events;
} Span;

typedef struct
{
  BelfryGrpcWire__RejectedEvent message;  /* its texts are behind it */
  gsize                         size;
  char                          texts[];
} Refusal;

static ProtobufCBinaryData
put (char       **at,
     const char  *text)
{
  gsize length = strlen (text);
  ProtobufCBinaryData bytes = { length, (uint8_t *) memcpy (*at, text, length) };

  *at += length;
  return bytes;
}

static void
add_refusal (BelfryGrpcVerdicts    *self,
             guint64                index,
             const BelfryGrpcEvent *event)
{
  gsize size = sizeof (Refusal) + strlen (event->refused_field) + strlen (event->refusal);
  Refusal *refusal = g_malloc (size);
  char *at = refusal->texts;

  belfry_grpc_wire__rejected_event__init (&refusal->message);
  refusal->message.index = index;
  refusal->message.field = put (&at, event->refused_field);
  refusal->message.message = put (&at, event->refusal);
  refusal->size = size;
  self->size += size;
  g_queue_push_tail (&self->refusals, refusal);
}

void
belfry_grpc_verdicts_add (BelfryGrpcVerdicts   *self,
                          const BelfryGrpcWork *work)
{
  const BelfryGrpcGroup *group = &work->group;
  Span *span = g_new (Span, 1);

  for (guint i = 0; i < group->n_events; i++)
    if (group->events[i].refused_field != NULL)
      add_refusal (self, self->first + self->n_events + i, &group->events[i]);
  *span = (Span) { work->read_usec, group->n_events };
  g_queue_push_tail (&self->spans, span);
  self->n_events += group->n_events;
}

gint64
belfry_grpc_verdicts_get_since (const BelfryGrpcVerdicts *self)
{
  const Span *span = self->spans.head->data;

  return span->read_usec;
}

static void
forget_events (BelfryGrpcVerdicts *self,
               guint               n_events)
{
  self->first += n_events;
  self->n_events -= n_events;
  while (n_events > 0)
    {
      Span *span = self->spans.head->data;
      guint n = MIN (span->n_events, n_events);

      span->n_events -= n;
      n_events -= n;
      if (span->n_events == 0)
        g_free (g_queue_pop_head (&self->spans));
    }
}

static void
forget_refusals (BelfryGrpcVerdicts *self,
                 gsize               n)
{
  for (gsize i = 0; i < n; i++)
    {
      Refusal *refusal = g_queue_pop_head (&self->refusals);

      self->size -= refusal->size;
      g_free (refusal);
    }
}

grpc_byte_buffer *
belfry_grpc_verdicts_tell (BelfryGrpcVerdicts *self,
                           guint               n_events)
{
  BelfryGrpcWire__StreamAck message = BELFRY_GRPC_WIRE__STREAM_ACK__INIT;
  guint64 end = self->first + n_events;
  g_autofree BelfryGrpcWire__RejectedEvent **errors = NULL;
  grpc_byte_buffer *buffer;

  for (GList *l = self->refusals.head; l != NULL && ((Refusal *) l->data)->message.index < end; l = l->next)
    {
      if (errors == NULL)
        errors = g_new (BelfryGrpcWire__RejectedEvent *, MIN (n_events, self->refusals.length));
      errors[message.n_errors++] = &((Refusal *) l->data)->message;
    }
  message.received = end;
  message.accepted = n_events - message.n_errors;
  message.rejected = message.n_errors;
  message.errors = errors;
  buffer = belfry_grpc_payload_pack (&message.base);

  forget_refusals (self, message.n_errors);
  forget_events (self, n_events);
  return buffer;
}

void
belfry_grpc_verdicts_clear (BelfryGrpcVerdicts *self)
{
  forget_refusals (self, self->refusals.length);
  g_queue_clear_full (&self->spans, g_free);
  self->n_events = 0;
}
