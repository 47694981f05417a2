/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* Server-Sent Events on a taken connection: a head, an id before anything else, so that a client that drops early resumes,
 * then events until somebody ends it. A browser that sees the stream end comes back by itself with the last id; so an end
 * that we make is a retry: line and a close, never another status. What the client sends after its request is dropped. */

#include "belfry-session-class-private.h"
#include "belfry-session-encoding-private.h"
#include "belfry-session-message-private.h"
#include "belfry-subscriber-private.h"

#include <string.h>

#include "belfry-cursor-private.h"

#define RETRY_LINE "retry: 5000\n\n"

typedef struct _BelfrySseSession BelfrySseSession;

struct _BelfrySseSession
{
  BelfrySession     parent_instance;

  BelfrySubscriber *subscriber;    /* owned; NULL when at capacity */
  gulong            cancelled_id;
  guint64           log_id;
  gint64            comment_usec;  /* monotonic; when the last comment was sent */
};

typedef struct
{
  BelfrySessionClass parent_class;
} BelfrySseSessionClass;

GType belfry_sse_session_get_type (void);

G_DEFINE_FINAL_TYPE (BelfrySseSession, belfry_sse_session, BELFRY_TYPE_SESSION)

static inline BelfrySseSession *
sse_session (gpointer self)
{
  return G_TYPE_CHECK_INSTANCE_CAST (self, belfry_sse_session_get_type (), BelfrySseSession);
}

static void
queue_text (BelfrySseSession *self,
            const char       *text)
{
  GByteArray *outbox = belfry_session_ensure_outbox (BELFRY_SESSION (self));

  g_byte_array_append (outbox, (const guint8 *) text, strlen (text));
  belfry_session_queued (BELFRY_SESSION (self));
}

/* Takes over the event. */
static void
add_event (BelfrySseSession     *self,
           BelfryBatch          *batch,
           const BelfryDelivery *delivery)
{
  BelfryEvent *event = delivery->event;
  gsize length;

  if (delivery->is_own)
    {
      guint8 *text = belfry_encoding_new_sse (event, self->log_id, &length);

      belfry_event_unref (event);
      belfry_batch_add_block (batch, text, length);
    }
  else
    {
      const void *text = g_bytes_get_data (belfry_encoding_ensure_sse (event, self->log_id, self->subscriber), &length);

      belfry_batch_add_event (batch, event, text, length);
    }
}

static void
add_gap (BelfryBatch     *batch,
         const BelfryGap *gap)
{
  GString *json = belfry_message_new_gap (gap);
  GString *text = g_string_sized_new (json->len + 64);
  char cursor[BELFRY_CURSOR_TEXT_LENGTH + 1];
  gsize length;

  belfry_cursor_write (gap->to.log_id, gap->to.position, cursor);
  g_string_append_printf (text, "id: %s\nevent: gap\ndata: %s\n\n", cursor, json->str);
  g_string_free (json, TRUE);
  length = text->len;
  belfry_batch_add_block (batch, (guint8 *) g_string_free (text, FALSE), length);
}

static void
belfry_sse_session_produce (BelfrySession *session,
                            BelfryBatch   *batch)
{
  BelfrySseSession *self = sse_session (session);
  guint n_events = 0;
  BelfryDelivery delivery;
  BelfryDeliveryKind kind = BELFRY_DELIVERY_EVENT;

  if (belfry_subscriber_is_memory_scarce (self->subscriber))
    batch->max_bytes = BELFRY_BATCH_SCARCE_BYTES;
  while (kind != BELFRY_DELIVERY_NONE && !belfry_batch_is_full (batch))
    {
      kind = belfry_subscriber_pop (self->subscriber, &delivery);
      switch (kind)
        {
        case BELFRY_DELIVERY_EVENT:
          add_event (self, batch, &delivery);
          n_events++;
          break;
        case BELFRY_DELIVERY_GAP:
          add_gap (batch, &delivery.gap);
          break;
        case BELFRY_DELIVERY_FILTER: /* nobody changes the filter of a stream */
        case BELFRY_DELIVERY_NONE:
          break;
        }
    }
  belfry_session_set_count_delivered (session->set, BELFRY_TRANSPORT_SSE, n_events);
}

static void
belfry_sse_session_held (BelfrySession *session,
                         gsize          bytes)
{
  if (sse_session (session)->subscriber != NULL)
    belfry_subscriber_set_held (sse_session (session)->subscriber, bytes);
}

static void
belfry_sse_session_tick (BelfrySession *session,
                         gint64         now_usec)
{
  BelfrySseSession *self = sse_session (session);

  if (session->is_blocked
      || now_usec - self->comment_usec < belfry_session_set_get_limits (session->set)->sse_comment_usec)
    return;
  self->comment_usec = now_usec;
  queue_text (self, ": keep-alive\n\n");
}

/* The end in the manner that makes a browser come back. */
static void
end_stream (BelfrySession *session)
{
  if (session->set == NULL || session->is_finishing)
    return;
  queue_text (sse_session (session), RETRY_LINE);
  belfry_session_finish (session);
}

/* When the browser comes back it is told 401, and gives up. */
static void
belfry_sse_session_revoke (BelfrySession *session)
{
  if (!session->is_finishing)
    belfry_session_finish (session);
}

static void
on_ready (BelfrySubscriber *subscriber,
          gpointer          user_data)
{
  belfry_session_mark_dirty (user_data);
}

static void
on_cancelled (BelfrySubscriber *subscriber,
              gpointer          user_data)
{
  end_stream (user_data);
}

static void
let_go_of_subscriber (BelfrySseSession *self)
{
  if (self->subscriber == NULL)
    return;
  g_clear_signal_handler (&self->cancelled_id, self->subscriber);
  belfry_subscriber_set_ready_func (self->subscriber, NULL, NULL);
  belfry_subscriber_cancel (self->subscriber);
  g_clear_object (&self->subscriber);
}

static void
belfry_sse_session_ended (BelfrySession *session)
{
  let_go_of_subscriber (sse_session (session));
}

static BelfrySubscriber *
belfry_sse_session_get_subscriber (BelfrySession   *session,
                                   BelfryTransport *transport)
{
  *transport = BELFRY_TRANSPORT_SSE;
  return sse_session (session)->subscriber;
}

static void
belfry_sse_session_dispose (GObject *object)
{
  /* Also when it never came to a start. */
  let_go_of_subscriber (sse_session (object));

  G_OBJECT_CLASS (belfry_sse_session_parent_class)->dispose (object);
}

static void
belfry_sse_session_class_init (BelfrySseSessionClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = belfry_sse_session_dispose;
  klass->parent_class.path = "/events/stream";
  klass->parent_class.produce = belfry_sse_session_produce;
  klass->parent_class.held = belfry_sse_session_held;
  klass->parent_class.tick = belfry_sse_session_tick;
  klass->parent_class.shut_down = end_stream;
  klass->parent_class.revoke = belfry_sse_session_revoke;
  klass->parent_class.ended = belfry_sse_session_ended;
  klass->parent_class.get_subscriber = belfry_sse_session_get_subscriber;
}

static void
belfry_sse_session_init (BelfrySseSession *self)
{
  self->comment_usec = g_get_monotonic_time ();
}

static void
begin_stream (BelfrySseSession *self)
{
  g_autoptr(BelfryCursor) cursor = belfry_subscriber_dup_cursor (self->subscriber);
  g_autofree char *text = belfry_cursor_to_string (cursor);
  g_autofree char *line = g_strdup_printf ("id: %s\n\n", text);

  self->log_id = cursor->log_id;
  queue_text (self, line);
  self->cancelled_id = g_signal_connect (self->subscriber, "cancelled", G_CALLBACK (on_cancelled), self);
  belfry_subscriber_set_ready_func (self->subscriber, on_ready, self);
}

void
belfry_sse_session_start (BelfrySessionSet *set,
                          GIOStream        *stream,
                          BelfryGrant      *grant,
                          const char       *head,
                          BelfrySubscriber *subscriber)
{
  g_autoptr(BelfrySession) session = g_object_new (belfry_sse_session_get_type (), NULL);
  BelfrySseSession *self = sse_session (session);

  g_set_object (&self->subscriber, subscriber);
  belfry_session_start (g_object_ref (session), set, stream, NULL, grant);
  if (session->set == NULL)
    return;
  queue_text (self, head);
  if (subscriber != NULL)
    begin_stream (self);
  else
    end_stream (session);
}
