/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "fake-server.h"

#include <string.h>

typedef struct
{
  guint  status;
  char  *body;
  char  *link;
} FakeAnswer;

static void
fake_answer_free (FakeAnswer *answer)
{
  g_free (answer->body);
  g_free (answer->link);
  g_free (answer);
}

gboolean
fake_server_wake (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static void
handle (SoupServer        *server,
        SoupServerMessage *message,
        const char        *path,
        GHashTable        *query,
        gpointer           user_data)
{
  FakeServer *self = user_data;
  FakeAnswer *answer = g_queue_pop_head (&self->answers);
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  const char *key = soup_message_headers_get_one (headers, "X-API-Key");
  const char *query_text = g_uri_get_query (soup_server_message_get_uri (message));
  SoupMessageBody *body = soup_server_message_get_request_body (message);

  g_string_append_printf (self->requests, "%s %s%s%s key=%s\n%.*s\n", soup_server_message_get_method (message), path,
                          query_text != NULL ? "?" : "", query_text != NULL ? query_text : "",
                          key != NULL ? key : "", (int) body->length, body->data != NULL ? body->data : "");

  if (answer == NULL)
    {
      soup_server_message_set_status (message, 500, NULL);
      return;
    }

  soup_server_message_set_status (message, answer->status, NULL);
  if (answer->link != NULL)
    soup_message_headers_replace (soup_server_message_get_response_headers (message),
                                  answer->status == 302 ? "Location" : "Link", answer->link);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_COPY, answer->body, strlen (answer->body));
  fake_answer_free (answer);
}

static void
on_message (SoupWebsocketConnection *connection,
            int                      type,
            GBytes                  *message,
            FakeServer              *self)
{
  gsize length;
  const char *text = g_bytes_get_data (message, &length);

  g_ptr_array_add (self->messages, g_strndup (text, length));
  if (self->greeting != NULL && g_object_get_data (G_OBJECT (connection), "greeted") == NULL)
    {
      g_object_set_data (G_OBJECT (connection), "greeted", self);
      soup_websocket_connection_send_text (connection, self->greeting);
    }
}

static void
handle_socket (SoupServer              *server,
               SoupServerMessage       *message,
               const char              *path,
               SoupWebsocketConnection *connection,
               gpointer                 user_data)
{
  FakeServer *self = user_data;

  g_string_append_printf (self->requests, "WS %s\n", path);
  g_signal_connect (connection, "message", G_CALLBACK (on_message), self);
  g_ptr_array_add (self->sockets, g_object_ref (connection));
}

/* In front of the handshake. */
static void
handle_early (SoupServer        *server,
              SoupServerMessage *message,
              const char        *path,
              GHashTable        *query,
              gpointer           user_data)
{
  FakeServer *self = user_data;

  if (self->refuses_sockets)
    soup_server_message_set_status (message, 403, NULL);
}

FakeServer *
fake_server_new (void)
{
  FakeServer *self = g_new0 (FakeServer, 1);
  g_autoptr(GError) error = NULL;
  GSList *uris;

  /* A desktop's proxy settings are none of ours, and need schemas that isolated folders do not have. */
  g_setenv ("GIO_USE_PROXY_RESOLVER", "dummy", TRUE);
  self->server = soup_server_new (NULL, NULL);
  self->requests = g_string_new (NULL);
  self->sockets = g_ptr_array_new_with_free_func (g_object_unref);
  self->messages = g_ptr_array_new_with_free_func (g_free);
  g_queue_init (&self->answers);

  soup_server_add_handler (self->server, NULL, handle, self, NULL);
  soup_server_add_early_handler (self->server, "/api/v1/ws", handle_early, self, NULL);
  soup_server_add_websocket_handler (self->server, "/api/v1/ws", NULL, NULL, handle_socket, self, NULL);
  soup_server_listen_local (self->server, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error);
  g_assert_no_error (error);

  uris = soup_server_get_uris (self->server);
  self->url = g_uri_to_string (uris->data);
  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);
  self->client = belfry_client_new (self->url);

  return self;
}

void
fake_server_free (FakeServer *self)
{
  for (guint i = 0; i < self->sockets->len; i++)
    {
      SoupWebsocketConnection *connection = g_ptr_array_index (self->sockets, i);

      g_signal_handlers_disconnect_by_data (connection, self);
      g_io_stream_close (soup_websocket_connection_get_io_stream (connection), NULL, NULL);
    }

  soup_server_disconnect (self->server);
  g_clear_object (&self->client);

  /* What was in flight finds its end before the sanitizers look for leaks. */
  for (guint i = 0; i < 200 && g_main_context_iteration (NULL, FALSE); i++)
    continue;

  g_clear_object (&self->server);
  g_queue_clear_full (&self->answers, (GDestroyNotify) fake_answer_free);
  g_ptr_array_unref (self->sockets);
  g_ptr_array_unref (self->messages);
  g_string_free (self->requests, TRUE);
  g_free (self->greeting);
  g_free (self->url);
  g_free (self);
}

void
fake_server_answer (FakeServer *self,
                    guint       status,
                    const char *body,
                    const char *link)
{
  FakeAnswer *answer = g_new0 (FakeAnswer, 1);

  answer->status = status;
  answer->body = g_strdup (body);
  answer->link = g_strdup (link);
  g_queue_push_tail (&self->answers, answer);
}

void
fake_server_send (FakeServer *self,
                  guint       socket,
                  const char *text)
{
  soup_websocket_connection_send_text (g_ptr_array_index (self->sockets, socket), text);
}

void
fake_server_close (FakeServer *self,
                   guint       socket,
                   guint       code,
                   const char *reason)
{
  soup_websocket_connection_close (g_ptr_array_index (self->sockets, socket), (gushort) code, reason);
}
