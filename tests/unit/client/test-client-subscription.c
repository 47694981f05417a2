/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-client-subscription.h"
#include "belfry-error.h"
#include "fake-server.h"

#define SUBSCRIBED "{\"status\":\"subscribed\",\"subscriber_id\":\"sub_1\",\"filters\":{}}"

/* Everything that a subscription said, in order. */
typedef struct
{
  FakeServer               *server;
  BelfryClientSubscription *subscription;
  GString                  *told;
  guint                     n_events;
  guint                     n_connected;
  guint                     n_disconnected;
  gint64                    retry_msec;
  GError                   *error;
  guint                     stop_at;
} Heard;

static void
on_connected (BelfryClientSubscription *subscription,
              const char               *id,
              Heard                    *heard)
{
  heard->n_connected++;
  g_assert_true (belfry_client_subscription_is_connected (subscription));
  g_string_append_printf (heard->told, "+%s ", id);
}

static void
on_disconnected (BelfryClientSubscription *subscription,
                 const GError             *error,
                 gint64                    retry_msec,
                 Heard                    *heard)
{
  heard->n_disconnected++;
  heard->retry_msec = retry_msec;
  g_clear_error (&heard->error);
  heard->error = g_error_copy (error);
  g_assert_false (belfry_client_subscription_is_connected (subscription));
  g_string_append (heard->told, "- ");
}

static void
on_event (BelfryClientSubscription *subscription,
          const char               *json,
          const char               *cursor,
          Heard                    *heard)
{
  heard->n_events++;
  g_string_append_printf (heard->told, "%s@%s ", json, cursor);
  if (heard->n_events == heard->stop_at)
    belfry_client_subscription_stop (subscription);
}

static void
on_gap (BelfryClientSubscription *subscription,
        const char               *from,
        const char               *to,
        guint64                   lost,
        Heard                    *heard)
{
  g_string_append_printf (heard->told, "gap(%s,%s,%" G_GUINT64_FORMAT ") ", from, to, lost);
}

static Heard *
heard_new (BelfryFilter *filter,
           const char   *resume_from)
{
  Heard *heard = g_new0 (Heard, 1);

  heard->server = fake_server_new ();
  heard->server->greeting = g_strdup (SUBSCRIBED);
  heard->told = g_string_new (NULL);
  heard->subscription = belfry_client_subscription_new (heard->server->client, filter, resume_from);
  g_object_set (heard->subscription, "retry-initial-msec", 20, "retry-maximum-msec", 40, NULL);
  g_signal_connect (heard->subscription, "connected", G_CALLBACK (on_connected), heard);
  g_signal_connect (heard->subscription, "disconnected", G_CALLBACK (on_disconnected), heard);
  g_signal_connect (heard->subscription, "event", G_CALLBACK (on_event), heard);
  g_signal_connect (heard->subscription, "gap", G_CALLBACK (on_gap), heard);

  return heard;
}

static void
heard_free (Heard *heard)
{
  g_clear_object (&heard->subscription);
  fake_server_free (heard->server);
  g_string_free (heard->told, TRUE);
  g_clear_error (&heard->error);
  g_free (heard);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Heard, heard_free)

static void
send_event (Heard      *heard,
            guint       socket,
            const char *type,
            const char *cursor)
{
  g_autofree char *text = g_strdup_printf ("{\"event_type\":\"%s\",\"cursor\":\"%s\"}", type, cursor);

  fake_server_send (heard->server, socket, text);
}

static void
start (Heard *heard)
{
  guint before = heard->n_connected;

  belfry_client_subscription_start (heard->subscription);
  wait_for (heard->n_connected == before + 1);
}

static const char *
message (Heard *heard,
         guint  i)
{
  g_assert_cmpuint (i, <, heard->server->messages->len);

  return g_ptr_array_index (heard->server->messages, i);
}

static void
test_events (void)
{
  g_autoptr(Heard) heard = heard_new (NULL, NULL);

  start (heard);
  g_assert_cmpstr (message (heard, 0), ==, "{\"cursors\":true}");
  fake_server_send (heard->server, 0, "{\"type\":\"keepalive\"}");
  send_event (heard, 0, "a", "c1");
  fake_server_send (heard->server, 0, "{\"type\":\"gap\",\"from\":\"c1\",\"to\":\"c5\",\"lost\":4}");
  send_event (heard, 0, "b", "c6");
  wait_for (heard->n_events == 2);

  g_assert_cmpstr (heard->told->str, ==,
                   "+sub_1 {\"event_type\":\"a\"}@c1 gap(c1,c5,4) {\"event_type\":\"b\"}@c6 ");
  g_assert_cmpstr (belfry_client_subscription_get_cursor (heard->subscription), ==, "c6");
}

static void
test_reconnect (void)
{
  g_autoptr(Heard) heard = heard_new (NULL, NULL);
  guint64 connections;

  start (heard);
  send_event (heard, 0, "a", "c1");
  wait_for (heard->n_events == 1);
  fake_server_close (heard->server, 0, 1001, NULL);
  wait_for (heard->n_connected == 2);
  g_assert_cmpint (heard->retry_msec, >=, 10);
  g_assert_error (heard->error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
  g_assert_cmpstr (message (heard, 1), ==, "{\"cursors\":true,\"resume_from\":\"c1\"}");

  send_event (heard, 1, "b", "c2");
  wait_for (heard->n_events == 2);
  g_object_get (heard->subscription, "connections", &connections, NULL);
  g_assert_cmpuint (connections, ==, 2);
}

static void
test_broken_connection (void)
{
  g_autoptr(Heard) heard = heard_new (NULL, "beginning");

  start (heard);
  g_io_stream_close (soup_websocket_connection_get_io_stream (g_ptr_array_index (heard->server->sockets, 0)), NULL, NULL);
  wait_for (heard->n_connected == 2);
  g_assert_cmpstr (message (heard, 1), ==, "{\"cursors\":true,\"resume_from\":\"beginning\"}");
}

static void
test_confirmed_place (void)
{
  g_autoptr(Heard) heard = heard_new (NULL, NULL);

  g_test_summary ("Where the confirmation tells its place, nothing between it and the first event is missed either");

  g_free (heard->server->greeting);
  heard->server->greeting = g_strdup ("{\"status\":\"subscribed\",\"subscriber_id\":\"sub_1\",\"cursor\":\"c0\"}");
  start (heard);
  fake_server_close (heard->server, 0, 1001, NULL);
  wait_for (heard->n_connected == 2);
  g_assert_cmpstr (message (heard, 1), ==, "{\"cursors\":true,\"resume_from\":\"c0\"}");
}

static void
test_lasting_errors (void)
{
  const struct
  {
    const char *text;
    guint       code;
    GQuark      domain;
    int         error_code;
  } cases[] = {
    { "{\"status\":\"error\",\"message\":\"Unknown cursor\"}", 1008, BELFRY_ERROR, BELFRY_ERROR_UNKNOWN_CURSOR },
    { "{\"status\":\"error\",\"message\":\"event_types: wrong\"}", 1008, BELFRY_ERROR, BELFRY_ERROR_INVALID_EVENT },
    { "{}", 4001, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED },
    { SUBSCRIBED, 1008, G_IO_ERROR, G_IO_ERROR_CLOSED },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(Heard) heard = heard_new (NULL, "c9");

      g_free (heard->server->greeting);
      heard->server->greeting = g_strdup (cases[i].text);
      belfry_client_subscription_start (heard->subscription);
      wait_for (heard->server->messages->len == 1);
      fake_server_close (heard->server, 0, cases[i].code, "Closed");
      wait_for (heard->n_disconnected == 1);
      g_assert_error (heard->error, cases[i].domain, cases[i].error_code);
      g_assert_cmpint (heard->retry_msec, ==, -1);
    }
}

static void
test_capacity (void)
{
  g_autoptr(Heard) heard = heard_new (NULL, NULL);

  g_free (heard->server->greeting);
  heard->server->greeting = g_strdup ("{\"status\":\"error\",\"message\":\"Server at subscriber capacity\"}");
  belfry_client_subscription_start (heard->subscription);
  for (guint i = 0; i < 3; i++)
    {
      wait_for (heard->server->messages->len == i + 1);
      fake_server_close (heard->server, i, 1013, NULL);
      wait_for (heard->n_disconnected == i + 1);
      g_assert_error (heard->error, BELFRY_ERROR, BELFRY_ERROR_CAPACITY);
      g_assert_cmpint (heard->retry_msec, >=, 10);
      g_assert_cmpint (heard->retry_msec, <=, 40);
    }
}

static void
test_stop_in_handler (void)
{
  g_autoptr(Heard) heard = heard_new (NULL, NULL);

  heard->stop_at = 2;
  start (heard);
  for (guint i = 0; i < 5; i++)
    send_event (heard, 0, "a", "c");
  wait_for (soup_websocket_connection_get_state (g_ptr_array_index (heard->server->sockets, 0)) == SOUP_WEBSOCKET_STATE_CLOSED);
  g_assert_cmpuint (heard->n_events, ==, 2);
  g_assert_cmpuint (heard->n_disconnected, ==, 0);

  start (heard);
  g_assert_cmpstr (message (heard, 1), ==, "{\"cursors\":true,\"resume_from\":\"c\"}");
}

static void
test_drop_while_connecting (void)
{
  g_autoptr(Heard) heard = heard_new (NULL, NULL);

  belfry_client_subscription_start (heard->subscription);
  g_clear_object (&heard->subscription);
  g_assert_cmpuint (heard->n_disconnected, ==, 0);
}

static void
test_set_filter (void)
{
  const char *types[] = { "purchase", NULL };
  g_autoptr(BelfryFilter) filter = belfry_filter_new (types, NULL, NULL);
  g_autoptr(Heard) heard = heard_new (filter, NULL);

  start (heard);
  g_assert_nonnull (strstr (message (heard, 0), "\"purchase\""));
  belfry_client_subscription_set_filter (heard->subscription, NULL);
  wait_for (heard->server->messages->len == 2);
  g_assert_cmpstr (message (heard, 1), ==, "{\"type\":\"update_filters\",\"filters\":{}}");

  fake_server_close (heard->server, 0, 1001, NULL);
  wait_for (heard->n_connected == 2);
  g_assert_null (strstr (message (heard, 2), "purchase"));
}

/* A peer that shakes hands and then says and reads nothing. */
typedef struct
{
  GSocketListener   *listener;
  GSocketConnection *connection;
  char               request[4096];
} MutePeer;

static void
mute_read_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  MutePeer *peer = user_data;
  gssize length = g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL);
  const char *key;
  g_autofree char *challenge = NULL;
  g_autofree char *answer = NULL;
  g_autofree char *accept = NULL;
  g_autoptr(GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA1);
  guint8 digest[20];
  gsize digest_length = sizeof digest;

  g_assert_cmpint (length, >, 0);
  key = strstr (peer->request, "Sec-WebSocket-Key: ");
  g_assert_nonnull (key);
  challenge = g_strdup_printf ("%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + strlen ("Sec-WebSocket-Key: "));
  g_checksum_update (checksum, (const guchar *) challenge, -1);
  g_checksum_get_digest (checksum, digest, &digest_length);
  accept = g_base64_encode (digest, digest_length);
  answer = g_strdup_printf ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: %s\r\n\r\n", accept);
  g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (peer->connection)), answer, strlen (answer),
                             NULL, NULL, NULL);
}

static void
mute_accept_cb (GObject      *source,
                GAsyncResult *result,
                gpointer      user_data)
{
  MutePeer *peer = user_data;

  peer->connection = g_socket_listener_accept_finish (G_SOCKET_LISTENER (source), result, NULL, NULL);
  g_assert_nonnull (peer->connection);
  g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (peer->connection)), peer->request,
                             sizeof peer->request - 1, G_PRIORITY_DEFAULT, NULL, mute_read_cb, peer);
}

static void
test_silence (void)
{
  MutePeer peer = { .listener = g_socket_listener_new () };
  guint16 port = g_socket_listener_add_any_inet_port (peer.listener, NULL, NULL);
  g_autofree char *url = g_strdup_printf ("http://127.0.0.1:%u", port);
  g_autoptr(BelfryClient) client = belfry_client_new (url);
  g_autoptr(Heard) heard = heard_new (NULL, NULL);

  g_test_summary ("A peer that does not even answer pings is given up");

  g_clear_object (&heard->subscription);
  heard->subscription = belfry_client_subscription_new (client, NULL, NULL);
  g_object_set (heard->subscription, "silence-msec", 1000, NULL);
  g_signal_connect (heard->subscription, "disconnected", G_CALLBACK (on_disconnected), heard);
  g_socket_listener_accept_async (peer.listener, NULL, mute_accept_cb, &peer);
  belfry_client_subscription_start (heard->subscription);

  wait_for (heard->n_disconnected == 1);
  g_assert_error (heard->error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (heard->retry_msec, >=, 0);

  belfry_client_subscription_stop (heard->subscription);
  g_io_stream_close (G_IO_STREAM (peer.connection), NULL, NULL);
  g_clear_object (&peer.connection);
  g_clear_object (&peer.listener);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/client-subscription/events-and-gaps-come-in-order", test_events);
  g_test_add_func ("/client-subscription/goes-on-behind-the-last-event", test_reconnect);
  g_test_add_func ("/client-subscription/asks-again-for-the-beginning", test_broken_connection);
  g_test_add_func ("/client-subscription/takes-the-place-of-the-confirmation", test_confirmed_place);
  g_test_add_func ("/client-subscription/ends-where-trying-again-cannot-help", test_lasting_errors);
  g_test_add_func ("/client-subscription/comes-back-to-a-full-server", test_capacity);
  g_test_add_func ("/client-subscription/stop-in-a-handler-is-the-end", test_stop_in_handler);
  g_test_add_func ("/client-subscription/may-be-dropped-while-connecting", test_drop_while_connecting);
  g_test_add_func ("/client-subscription/new-filter-holds-across-connections", test_set_filter);
  g_test_add_func ("/client-subscription/silent-peer-is-given-up", test_silence);

  return g_test_run ();
}
