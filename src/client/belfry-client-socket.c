/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-client-socket-private.h"

#include "belfry-client-error-private.h"
#include "belfry-client-private.h"

/* An event is bounded by settings of the daemon that we do not know. */
#define MAX_MESSAGE_BYTES (256u * 1024 * 1024)

struct _BelfryClientSocket
{
  const BelfryClientSocketFuncs *funcs;
  gpointer                       owner;  /* NULL after the end: nobody is told any more */

  SoupMessage             *message;
  SoupWebsocketConnection *connection;  /* NULL until opened */
  GCancellable            *cancellable;
  GSource                 *watch;       /* looks whether the peer has fallen silent */
  gint64                   silence_usec;
  gint64                   heard_usec;  /* monotonic */
};

static void
belfry_client_socket_clear (gpointer data)
{
  BelfryClientSocket *self = data;

  g_clear_object (&self->message);
  g_clear_object (&self->cancellable);
}

static void
socket_unref (BelfryClientSocket *self)
{
  g_rc_box_release_full (self, belfry_client_socket_clear);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryClientSocket, socket_unref)

static gboolean
unref_idly (gpointer data)
{
  g_object_unref (data);

  return G_SOURCE_REMOVE;
}

static void
attach (GSource     *source,
        GSourceFunc  func,
        gpointer     user_data)
{
  g_autoptr(GMainContext) home = g_main_context_ref_thread_default ();

  g_source_set_callback (source, func, user_data, NULL);
  g_source_attach (source, home);
}

/* libsoup may be in the middle of reading from it, so the last reference goes when its own work is done. */
static void
release_connection (SoupWebsocketConnection *connection)
{
  if (soup_websocket_connection_get_state (connection) == SOUP_WEBSOCKET_STATE_CLOSED)
    {
      g_autoptr(GSource) idle = g_idle_source_new ();

      attach (idle, unref_idly, connection);
      return;
    }

  g_signal_connect (connection, "closed", G_CALLBACK (g_object_unref), NULL);
  if (soup_websocket_connection_get_state (connection) == SOUP_WEBSOCKET_STATE_OPEN)
    soup_websocket_connection_close (connection, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
}

/* Lets go of everything that could call the owner; safe to do twice. */
static void
detach (BelfryClientSocket *self)
{
  self->owner = NULL;

  if (self->watch != NULL)
    g_source_destroy (self->watch);
  g_clear_pointer (&self->watch, g_source_unref);
  g_cancellable_cancel (self->cancellable);

  if (self->connection != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->connection, self);
      release_connection (g_steal_pointer (&self->connection));
    }
}

static void
end (BelfryClientSocket *self,
     const GError       *error)
{
  g_autoptr(BelfryClientSocket) alive = g_rc_box_acquire (self);
  gpointer owner = self->owner;
  guint code = 0;
  g_autofree char *reason = NULL;

  if (owner == NULL)
    return;

  if (self->connection != NULL && error == NULL)
    {
      code = soup_websocket_connection_get_close_code (self->connection);
      reason = g_strdup (soup_websocket_connection_get_close_data (self->connection));
    }

  detach (alive);
  alive->funcs->closed (owner, code, reason, error);
}

static void
on_message (SoupWebsocketConnection *connection,
            int                      type,
            GBytes                  *message,
            BelfryClientSocket      *self)
{
  gsize length = 0;
  const char *text = g_bytes_get_data (message, &length);

  self->heard_usec = g_get_monotonic_time ();
  if (type == SOUP_WEBSOCKET_DATA_TEXT && length > 0)
    self->funcs->text (self->owner, text, length);
}

static void
on_pong (SoupWebsocketConnection *connection,
         GBytes                  *message,
         BelfryClientSocket      *self)
{
  self->heard_usec = g_get_monotonic_time ();
}

static void
on_end (SoupWebsocketConnection *connection,
        BelfryClientSocket      *self)
{
  end (self, NULL);
}

static void
on_error (SoupWebsocketConnection *connection,
          GError                  *error,
          BelfryClientSocket      *self)
{
  g_autoptr(GError) own = NULL;

  /* libsoup takes a close code that it does not know, such as 1013, for an error; the peer has closed in good manners. */
  if (soup_websocket_connection_get_close_code (connection) != 0)
    {
      end (self, NULL);
      return;
    }

  own = belfry_client_error_translate (g_error_copy (error));
  end (self, own);
}

static gboolean
look_for_silence (gpointer data)
{
  BelfryClientSocket *self = data;
  g_autoptr(GError) error = NULL;

  if (g_get_monotonic_time () - self->heard_usec < self->silence_usec)
    return G_SOURCE_CONTINUE;

  error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "The server has fallen silent");
  end (self, error);

  return G_SOURCE_REMOVE;
}

/* The peer answers our pings, so a live one is heard of at least three times before it would be given up. */
static void
watch_silence (BelfryClientSocket *self)
{
  guint interval_msec = (guint) MAX (self->silence_usec / 4000, 1);

  self->heard_usec = g_get_monotonic_time ();
  self->watch = g_timeout_source_new (interval_msec);
  attach (self->watch, look_for_silence, self);

  soup_websocket_connection_set_keepalive_interval (self->connection, MAX (interval_msec / 1000, 1));
}

static void
listen_to (BelfryClientSocket *self)
{
  soup_websocket_connection_set_max_incoming_payload_size (self->connection, MAX_MESSAGE_BYTES);
  g_signal_connect (self->connection, "message", G_CALLBACK (on_message), self);
  g_signal_connect (self->connection, "pong", G_CALLBACK (on_pong), self);
  g_signal_connect (self->connection, "error", G_CALLBACK (on_error), self);
  g_signal_connect (self->connection, "closing", G_CALLBACK (on_end), self);
  g_signal_connect (self->connection, "closed", G_CALLBACK (on_end), self);
  watch_silence (self);
}

static void
connect_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr(BelfryClientSocket) self = user_data;
  g_autoptr(GError) error = NULL;
  SoupWebsocketConnection *connection;

  connection = soup_session_websocket_connect_finish (SOUP_SESSION (source), result, &error);
  if (self->owner == NULL)
    {
      if (connection != NULL)
        release_connection (connection);
      return;
    }

  if (connection == NULL)
    {
      guint status = soup_message_get_status (self->message);
      GError *refusal = status >= 300 ? belfry_client_error_new_from_status (status, "", 0) : NULL;
      g_autoptr(GError) own = NULL;

      own = refusal != NULL ? refusal : belfry_client_error_translate (g_steal_pointer (&error));
      end (self, own);
      return;
    }

  self->connection = connection;
  listen_to (self);
  self->funcs->opened (self->owner);
}

typedef struct
{
  BelfryClientSocket *socket;
  GError             *error;
} Refusal;

/* An address that is no address, told as late as everything else. */
static gboolean
refuse_idly (gpointer data)
{
  Refusal *refusal = data;

  end (refusal->socket, refusal->error);
  socket_unref (refusal->socket);
  g_error_free (refusal->error);
  g_free (refusal);

  return G_SOURCE_REMOVE;
}

BelfryClientSocket *
belfry_client_socket_new (BelfryClient                  *client,
                          const char                    *path,
                          guint                          silence_msec,
                          const BelfryClientSocketFuncs *funcs,
                          gpointer                       owner)
{
  BelfryClientSocket *self = g_rc_box_new0 (BelfryClientSocket);
  GError *error = NULL;

  self->funcs = funcs;
  self->owner = owner;
  self->silence_usec = (gint64) silence_msec * 1000;
  self->cancellable = g_cancellable_new ();
  self->message = belfry_client_new_message (client, SOUP_METHOD_GET, path, NULL, &error);

  if (self->message == NULL)
    {
      g_autoptr(GSource) idle = g_idle_source_new ();
      Refusal *refusal = g_new0 (Refusal, 1);

      refusal->socket = g_rc_box_acquire (self);
      refusal->error = error;
      attach (idle, refuse_idly, refusal);
      return self;
    }

  soup_session_websocket_connect_async (belfry_client_get_session (client), self->message, NULL, NULL,
                                        G_PRIORITY_DEFAULT, self->cancellable, connect_cb,
                                        g_rc_box_acquire (self));

  return self;
}

gboolean
belfry_client_socket_is_open (BelfryClientSocket *self)
{
  return self->connection != NULL;
}

void
belfry_client_socket_send (BelfryClientSocket *self,
                           const char         *text)
{
  g_assert (self->connection != NULL);

  if (soup_websocket_connection_get_state (self->connection) == SOUP_WEBSOCKET_STATE_OPEN)
    soup_websocket_connection_send_text (self->connection, text);
}

void
belfry_client_socket_shut (BelfryClientSocket *self)
{
  detach (self);
  socket_unref (self);
}
