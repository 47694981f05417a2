/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* /ws/subscribe: the first message says which events, then they flow.
 *
 * Events wait in the engine's mailbox, not here. The engine says once that something waits; before the next turn the
 * session takes as much as one send carries, references to frames that all subscribers share. A change of the filter is
 * handed to the engine and confirmed when it comes back in the stream, so that the confirmation stands exactly between
 * the last event by the old and the first by the new filter. */

#include "belfry-router.h"
#include "belfry-session-encoding-private.h"
#include "belfry-session-message-private.h"
#include "belfry-session-request-private.h"
#include "belfry-subscriber-private.h"
#include "belfry-web-socket-private.h"

#include <string.h>

#include "belfry-error.h"

/* Changes of the filter that may be on their way before the client has to wait, and how few must be left. */
#define MAX_PENDING_FILTERS    16
#define RESUME_PENDING_FILTERS 8
/* The same for the texts that confirm them, in bytes. */
#define MAX_PENDING_BYTES    (64 * 1024)
#define RESUME_PENDING_BYTES (32 * 1024)

typedef struct _BelfrySubscribeSession BelfrySubscribeSession;

struct _BelfrySubscribeSession
{
  BelfryWebSocket   parent_instance;

  BelfryRouter     *router;
  BelfrySubscriber *subscriber;      /* owned; NULL before the first message */
  gulong            cancelled_id;
  guint64           log_id;
  gsize             pending_bytes;   /* confirmations of filters that are on their way */
  gint64            started_usec;    /* monotonic */
  gint64            keepalive_usec;  /* monotonic; when the last keepalive was sent */
  gboolean          wants_cursors;
};

typedef struct
{
  BelfryWebSocketClass parent_class;
} BelfrySubscribeSessionClass;

GType belfry_subscribe_session_get_type (void);

G_DEFINE_FINAL_TYPE (BelfrySubscribeSession, belfry_subscribe_session, BELFRY_TYPE_WEB_SOCKET)

static inline BelfrySubscribeSession *
subscribe_session (gpointer self)
{
  return G_TYPE_CHECK_INSTANCE_CAST (self, belfry_subscribe_session_get_type (), BelfrySubscribeSession);
}

static void
send_error (BelfrySubscribeSession *self,
            const char             *message)
{
  belfry_web_socket_take_text (BELFRY_WEB_SOCKET (self), belfry_message_new_error (message));
}

/* In place of a subscription. */
static void
refuse (BelfrySubscribeSession *self,
        guint16                 code,
        const char             *message)
{
  send_error (self, message);
  belfry_web_socket_close (BELFRY_WEB_SOCKET (self), code, message);
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
  belfry_web_socket_close (user_data, BELFRY_CLOSE_POLICY, "Disconnected");
}

static void
confirm (BelfrySubscribeSession *self,
         const char             *filters_json)
{
  GString *text = g_string_new ("{\"status\": \"subscribed\", \"subscriber_id\": \"");

  g_string_append (text, belfry_subscriber_get_id (self->subscriber));
  g_string_append (text, "\", \"filters\": ");
  g_string_append (text, filters_json);
  if (self->wants_cursors)
    {
      /* Without it, a client that loses its connection before its first event could not say where it was. */
      g_autoptr(BelfryCursor) cursor = belfry_subscriber_dup_cursor (self->subscriber);
      g_autofree char *cursor_text = belfry_cursor_to_string (cursor);

      g_string_append_printf (text, ", \"cursor\": \"%s\"", cursor_text);
    }
  g_string_append_c (text, '}');
  belfry_web_socket_take_text (BELFRY_WEB_SOCKET (self), text);
}

static gboolean
subscribe (BelfrySubscribeSession *self,
           const char             *data,
           gsize                   length,
           GError                **error)
{
  BelfrySubscribeRequest request;

  if (!belfry_subscribe_request_parse (&request, data, length, error))
    return FALSE;
  self->subscriber = belfry_router_subscribe (self->router, request.filter, request.resume_from, error);
  if (self->subscriber != NULL)
    {
      self->wants_cursors = request.wants_cursors;
      confirm (self, request.filters_json);
      self->cancelled_id = g_signal_connect (self->subscriber, "cancelled", G_CALLBACK (on_cancelled), self);
      belfry_subscriber_set_ready_func (self->subscriber, on_ready, self);
      /* What began to wait before there was anybody to tell. */
      belfry_session_mark_dirty (BELFRY_SESSION (self));
    }
  belfry_subscribe_request_clear (&request);
  return self->subscriber != NULL;
}

static void
handle_first (BelfrySubscribeSession *self,
              const char             *data,
              gsize                   length)
{
  g_autoptr(GError) error = NULL;

  if (subscribe (self, data, length, &error))
    return;
  if (g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_CAPACITY))
    refuse (self, BELFRY_CLOSE_TRY_LATER, "Server at subscriber capacity");
  else if (g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_UNKNOWN_CURSOR))
    refuse (self, BELFRY_CLOSE_POLICY, "Unknown cursor");
  else
    refuse (self, BELFRY_CLOSE_POLICY, error->message);
}

static char *
dup_filter_confirmation (const char *filters_json)
{
  return g_strdup_printf ("{\"status\": \"filters_updated\", \"filters\": %s}", filters_json);
}

static void
change_filter (BelfrySubscribeSession *self,
               BelfryFilter           *filter,
               const char             *filters_json)
{
  char *confirmation = dup_filter_confirmation (filters_json);

  self->pending_bytes += strlen (confirmation);
  belfry_subscriber_set_filter_tagged (self->subscriber, filter, confirmation, g_free);
  if (belfry_subscriber_get_n_pending_filters (self->subscriber) > MAX_PENDING_FILTERS
      || self->pending_bytes > MAX_PENDING_BYTES)
    belfry_session_pause (BELFRY_SESSION (self), BELFRY_PAUSE_IN_WORK);
}

static void
handle_loop (BelfrySubscribeSession *self,
             const char             *data,
             gsize                   length)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryFilter) filter = NULL;
  g_autofree char *filters_json = NULL;

  switch (belfry_client_message_parse (data, length, &filter, &filters_json, &error))
    {
    case BELFRY_CLIENT_MESSAGE_PING:
      belfry_web_socket_send_text (BELFRY_WEB_SOCKET (self), "{\"type\": \"pong\"}");
      break;
    case BELFRY_CLIENT_MESSAGE_UPDATE_FILTERS:
      if (filter != NULL)
        change_filter (self, filter, filters_json);
      else
        send_error (self, error->message);
      break;
    case BELFRY_CLIENT_MESSAGE_OTHER:
      break;
    }
}

static void
belfry_subscribe_session_text (BelfryWebSocket *socket,
                               const char      *data,
                               gsize            length)
{
  BelfrySubscribeSession *self = subscribe_session (socket);

  if (self->subscriber == NULL)
    handle_first (self, data, length);
  else
    handle_loop (self, data, length);
}

static void
belfry_subscribe_session_binary (BelfryWebSocket *socket,
                                 const guint8    *data,
                                 gsize            length)
{
  BelfrySubscribeSession *self = subscribe_session (socket);

  if (self->subscriber == NULL)
    refuse (self, BELFRY_CLOSE_POLICY, "Invalid JSON");
}

static void
belfry_subscribe_session_too_large (BelfryWebSocket *socket)
{
  BelfrySubscribeSession *self = subscribe_session (socket);

  if (self->subscriber == NULL)
    refuse (self, BELFRY_CLOSE_POLICY, "Message too large");
  else
    send_error (self, "Message too large");
}

/* Takes over the event. */
static inline void
add_event (BelfrySubscribeSession *self,
           BelfryBatch            *batch,
           const BelfryDelivery   *delivery)
{
  BelfryEvent *event = delivery->event;
  gsize length;
  const void *frame;

  if (self->wants_cursors && delivery->is_own)
    {
      guint8 *block = belfry_encoding_new_cursor (event, self->log_id, &length);

      belfry_event_unref (event);
      belfry_batch_add_block (batch, block, length);
      return;
    }
  if (self->wants_cursors)
    frame = g_bytes_get_data (belfry_encoding_ensure_cursor (event, self->log_id, self->subscriber), &length);
  else
    frame = belfry_event_peek_frame (event, &length);
  belfry_batch_add_event (batch, event, frame, length);
}

static void
add_filter_confirmation (BelfrySubscribeSession *self,
                         BelfryBatch            *batch,
                         char                   *text)
{
  self->pending_bytes -= strlen (text);
  belfry_web_socket_batch_text (batch, g_string_new (text));
  g_free (text);
}

static void
belfry_subscribe_session_deliver (BelfryWebSocket *socket,
                                  BelfryBatch     *batch)
{
  BelfrySubscribeSession *self = subscribe_session (socket);
  guint n_events = 0;
  BelfryDelivery delivery;
  BelfryDeliveryKind kind = BELFRY_DELIVERY_EVENT;

  if (self->subscriber == NULL)
    return;
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
          belfry_web_socket_batch_text (batch, belfry_message_new_gap (&delivery.gap));
          break;
        case BELFRY_DELIVERY_FILTER:
          add_filter_confirmation (self, batch, delivery.tag);
          break;
        case BELFRY_DELIVERY_NONE:
          break;
        }
    }
  belfry_session_set_count_delivered (BELFRY_SESSION (self)->set, BELFRY_TRANSPORT_WEBSOCKET, n_events);
  if (belfry_subscriber_get_n_pending_filters (self->subscriber) <= RESUME_PENDING_FILTERS
      && self->pending_bytes <= RESUME_PENDING_BYTES)
    belfry_session_resume (BELFRY_SESSION (self), BELFRY_PAUSE_IN_WORK);
}

static void
belfry_subscribe_session_held (BelfrySession *session,
                               gsize          bytes)
{
  BelfrySubscribeSession *self = subscribe_session (session);

  if (self->subscriber != NULL)
    belfry_subscriber_set_held (self->subscriber, bytes);
}

/* To a client that has been silent; not to one that does not even take what it gets. */
static void
tick_keepalive (BelfrySubscribeSession *self,
                gint64                  now_usec)
{
  BelfrySession *session = BELFRY_SESSION (self);
  gint64 interval_usec = belfry_session_set_get_limits (session->set)->keepalive_usec;

  if (session->is_blocked || now_usec - MAX (session->heard_usec, self->keepalive_usec) < interval_usec)
    return;
  self->keepalive_usec = now_usec;
  belfry_web_socket_send_text (BELFRY_WEB_SOCKET (self), "{\"type\": \"keepalive\"}");
}

static void
belfry_subscribe_session_tick (BelfrySession *session,
                               gint64         now_usec)
{
  BelfrySubscribeSession *self = subscribe_session (session);
  gint64 limit_usec = belfry_session_set_get_limits (session->set)->first_message_usec;

  if (self->subscriber != NULL && !self->parent_instance.is_closing)
    tick_keepalive (self, now_usec);
  if (self->subscriber == NULL && !self->parent_instance.is_closing && now_usec - self->started_usec >= limit_usec)
    belfry_web_socket_close (BELFRY_WEB_SOCKET (self), BELFRY_CLOSE_POLICY, "No subscription within the time limit");
  else
    BELFRY_SESSION_CLASS (belfry_subscribe_session_parent_class)->tick (session, now_usec);
}

static void
belfry_subscribe_session_ended (BelfrySession *session)
{
  BelfrySubscribeSession *self = subscribe_session (session);

  if (self->subscriber != NULL)
    {
      g_clear_signal_handler (&self->cancelled_id, self->subscriber);
      belfry_subscriber_set_ready_func (self->subscriber, NULL, NULL);
      belfry_subscriber_cancel (self->subscriber);
      g_clear_object (&self->subscriber);
    }
  BELFRY_SESSION_CLASS (belfry_subscribe_session_parent_class)->ended (session);
}

static BelfrySubscriber *
belfry_subscribe_session_get_subscriber (BelfrySession   *session,
                                         BelfryTransport *transport)
{
  *transport = BELFRY_TRANSPORT_WEBSOCKET;
  return subscribe_session (session)->subscriber;
}

static void
belfry_subscribe_session_finalize (GObject *object)
{
  g_clear_object (&subscribe_session (object)->router);

  G_OBJECT_CLASS (belfry_subscribe_session_parent_class)->finalize (object);
}

static void
belfry_subscribe_session_class_init (BelfrySubscribeSessionClass *klass)
{
  BelfrySessionClass *session_class = &klass->parent_class.parent_class;

  G_OBJECT_CLASS (klass)->finalize = belfry_subscribe_session_finalize;
  session_class->path = "/ws/subscribe";
  session_class->held = belfry_subscribe_session_held;
  session_class->tick = belfry_subscribe_session_tick;
  session_class->ended = belfry_subscribe_session_ended;
  session_class->get_subscriber = belfry_subscribe_session_get_subscriber;
  klass->parent_class.text = belfry_subscribe_session_text;
  klass->parent_class.binary = belfry_subscribe_session_binary;
  klass->parent_class.too_large = belfry_subscribe_session_too_large;
  klass->parent_class.deliver = belfry_subscribe_session_deliver;
}

static void
belfry_subscribe_session_init (BelfrySubscribeSession *self)
{
  self->started_usec = g_get_monotonic_time ();
}

void
belfry_subscribe_session_start (BelfrySessionSet *set,
                                GIOStream        *stream,
                                const char       *address,
                                BelfryGrant      *grant,
                                BelfryRouter     *router)
{
  BelfrySubscribeSession *self = g_object_new (belfry_subscribe_session_get_type (), NULL);

  self->router = g_object_ref (router);
  self->log_id = belfry_event_store_get_log_id (belfry_router_get_store (router));
  belfry_web_socket_start (BELFRY_WEB_SOCKET (self), set, stream, address, grant);
}
