/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-client-link-private.h"

#include "belfry-client-error-private.h"
#include "belfry-client-message-private.h"

/* A connection that lived so long was a good one, even when no event came. */
#define STEADY_USEC (5 * G_USEC_PER_SEC)

static void
set_connected (BelfryClientLink *self,
               gboolean          is_connected)
{
  if (self->is_connected == is_connected)
    return;

  self->is_connected = is_connected;
  self->funcs->connected_changed (self->owner);
}

static void
take_cursor (BelfryClientLink     *self,
             const BelfryJsonSpan *span)
{
  char *cursor = span->length > 0 ? belfry_json_walk_decode (span) : NULL;

  if (cursor == NULL)
    return;

  g_free (self->cursor);
  self->cursor = cursor;
}

static void
on_opened (gpointer owner)
{
  BelfryClientLink *self = owner;
  g_autofree char *json = NULL;

  json = belfry_client_message_new_subscribe (self->filter,
                                              self->cursor != NULL ? self->cursor : self->resume_from);
  belfry_client_socket_send (self->socket, json);
}

static void
confirm (BelfryClientLink          *self,
         const BelfryClientMessage *message)
{
  g_autofree char *id = message->subscriber_id.length > 0 ? belfry_json_walk_decode (&message->subscriber_id) : NULL;

  /* A daemon that tells the place of the confirmation closes the hole before the first event. */
  if (self->cursor == NULL && self->resume_from == NULL)
    take_cursor (self, &message->cursor);

  g_clear_error (&self->status);
  self->connections++;
  self->confirmed_usec = g_get_monotonic_time ();
  set_connected (self, TRUE);
  self->funcs->connected (self->owner, id != NULL ? id : "");
}

static void
keep_status (BelfryClientLink          *self,
             const BelfryClientMessage *message)
{
  g_autofree char *text = message->message.length > 0 ? belfry_json_walk_decode (&message->message) : NULL;

  /* Later ones are about a changed filter and end nothing. */
  if (self->is_connected)
    {
      g_warning ("The server refuses a message: %s", text != NULL ? text : "no reason given");
      return;
    }

  g_clear_error (&self->status);
  self->status = belfry_client_error_new_from_message (text != NULL ? text : "Refused");
}

static void
deliver (BelfryClientLink    *self,
         BelfryClientMessage *message,
         const char          *text,
         gsize                length)
{
  g_autofree char *event = belfry_client_message_dup_event (message, text, length);

  self->received++;
  self->received_here++;
  take_cursor (self, &message->cursor);
  self->funcs->event (self->owner, event, self->cursor);
}

static void
deliver_gap (BelfryClientLink          *self,
             const BelfryClientMessage *message)
{
  g_autofree char *from = message->from.length > 0 ? belfry_json_walk_decode (&message->from) : NULL;

  self->gaps++;
  self->received_here++;
  take_cursor (self, &message->to);
  self->funcs->gap (self->owner, from, self->cursor, message->lost);
}

static void
on_text (gpointer    owner,
         const char *text,
         gsize       length)
{
  BelfryClientLink *self = owner;
  g_autoptr(GObject) alive G_GNUC_UNUSED = g_object_ref (self->owner);
  BelfryClientMessage message;

  belfry_client_message_read (&message, text, length);

  switch (message.kind)
    {
    case BELFRY_CLIENT_MESSAGE_EVENT:
      deliver (self, &message, text, length);
      break;
    case BELFRY_CLIENT_MESSAGE_GAP:
      deliver_gap (self, &message);
      break;
    case BELFRY_CLIENT_MESSAGE_SUBSCRIBED:
      confirm (self, &message);
      break;
    case BELFRY_CLIENT_MESSAGE_ERROR:
      keep_status (self, &message);
      break;
    case BELFRY_CLIENT_MESSAGE_OTHER:
    default:
      break;
    }
}

static void on_closed (gpointer      owner,
                       guint         code,
                       const char   *reason,
                       const GError *error);

static const BelfryClientSocketFuncs socket_funcs = {
  .opened = on_opened,
  .text = on_text,
  .closed = on_closed,
};

static void
open_socket (BelfryClientLink *self)
{
  self->received_here = 0;
  self->confirmed_usec = 0;
  g_clear_error (&self->status);
  self->socket = belfry_client_socket_new (self->client, "/ws/subscribe", self->silence_msec, &socket_funcs, self);
}

static gboolean
retry_cb (gpointer data)
{
  BelfryClientLink *self = data;

  g_clear_pointer (&self->retry, g_source_unref);
  open_socket (self);

  return G_SOURCE_REMOVE;
}

static guint
plan_retry (BelfryClientLink *self)
{
  gboolean was_steady = self->confirmed_usec != 0
                        && g_get_monotonic_time () - self->confirmed_usec >= STEADY_USEC;
  g_autoptr(GMainContext) home = g_main_context_ref_thread_default ();
  guint delay_msec;

  if (was_steady || self->received_here > 0)
    belfry_backoff_reset (&self->backoff);

  delay_msec = belfry_backoff_next (&self->backoff, g_random_double ());
  self->retry = g_timeout_source_new (delay_msec);
  g_source_set_callback (self->retry, retry_cb, self, NULL);
  g_source_attach (self->retry, home);

  return delay_msec;
}

static void
on_closed (gpointer      owner,
           guint         code,
           const char   *reason,
           const GError *error)
{
  BelfryClientLink *self = owner;
  g_autoptr(GObject) alive G_GNUC_UNUSED = g_object_ref (self->owner);
  g_autoptr(GError) own = NULL;
  gint64 delay_msec = -1;

  /* What the server said says more than how the connection ended. */
  if (self->status == NULL && error != NULL)
    own = g_error_copy (error);
  else
    own = belfry_client_error_new_from_close (code, reason, self->status);
  g_clear_pointer (&self->socket, belfry_client_socket_shut);

  if (belfry_client_error_is_passing (own))
    delay_msec = plan_retry (self);
  else
    self->is_started = FALSE;

  set_connected (self, FALSE);
  self->funcs->disconnected (self->owner, own, delay_msec);
}

void
belfry_client_link_start (BelfryClientLink *self)
{
  if (self->is_started)
    return;

  self->is_started = TRUE;
  belfry_backoff_reset (&self->backoff);
  open_socket (self);
}

void
belfry_client_link_stop (BelfryClientLink *self)
{
  self->is_started = FALSE;
  g_clear_pointer (&self->socket, belfry_client_socket_shut);
  if (self->retry != NULL)
    g_source_destroy (self->retry);
  g_clear_pointer (&self->retry, g_source_unref);
  set_connected (self, FALSE);
}

void
belfry_client_link_set_filter (BelfryClientLink *self,
                               BelfryFilter     *filter)
{
  g_autofree char *json = NULL;

  g_clear_pointer (&self->filter, belfry_filter_unref);
  self->filter = filter != NULL ? belfry_filter_ref (filter) : NULL;

  if (self->socket == NULL || !belfry_client_socket_is_open (self->socket))
    return;

  json = belfry_client_message_new_update (filter);
  belfry_client_socket_send (self->socket, json);
}

void
belfry_client_link_clear (BelfryClientLink *self)
{
  g_clear_pointer (&self->filter, belfry_filter_unref);
  g_clear_error (&self->status);
  g_clear_pointer (&self->resume_from, g_free);
  g_clear_pointer (&self->cursor, g_free);
}
