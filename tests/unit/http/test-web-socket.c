/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "echo-socket.h"
#include "session-peer.h"

#include <dirent.h>
#include <libsoup/soup.h>
#include <malloc.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_MESSAGE 4096
#define SECONDS(n) ((n) * G_USEC_PER_SEC)

typedef struct
{
  BelfrySessionSet *set;
  Peer             *peer;
  BelfryWebSocket  *socket;  /* a reference of the test's own */
} Fixture;

static BelfrySessionSet *
new_set (gsize max_message_bytes)
{
  BelfrySessionLimits limits;

  belfry_session_limits_init (&limits);
  limits.max_message_bytes = max_message_bytes;
  return belfry_session_set_new (&limits);
}

static BelfryWebSocket *
start_echo (BelfrySessionSet *set,
            PeerKind          kind,
            Peer            **peer)
{
  BelfryWebSocket *socket = echo_socket_new ();
  g_autoptr(GIOStream) stream = NULL;

  *peer = peer_new (kind, &stream);
  belfry_web_socket_start (g_object_ref (socket), set, stream, "here", NULL);
  return socket;
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->set = new_set (MAX_MESSAGE);
  fixture->socket = start_echo (fixture->set, GPOINTER_TO_UINT (data), &fixture->peer);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  g_clear_pointer (&fixture->peer, peer_free);
  peer_wait_for (belfry_session_set_get_n_sessions (fixture->set) == 0);
  g_assert_finalize_object (fixture->socket);
  belfry_session_set_unref (fixture->set);
}

static guint
n_sessions (Fixture *fixture)
{
  return belfry_session_set_get_n_sessions (fixture->set);
}

/* The sweep of so much later. */
static void
sweep_later (BelfrySessionSet *set,
             gint64            usec)
{
  belfry_session_set_sweep (set, g_get_monotonic_time () + usec);
}

static void
test_echoes (Fixture      *fixture,
             gconstpointer data)
{
  g_autofree char *long_text = g_strnfill (MAX_MESSAGE, 'x');
  g_autofree char *binary = NULL;
  gsize length;

  peer_send_text (fixture->peer, "hello");
  peer_expect (fixture->peer, "hello");
  peer_send_text (fixture->peer, "");
  peer_expect (fixture->peer, "");
  peer_send_text (fixture->peer, long_text);
  peer_expect (fixture->peer, long_text);
  peer_send_frame (fixture->peer, 0x82, "\0\xff", 2);
  binary = peer_expect_frame (fixture->peer, 0x82, &length);
  g_assert_cmpmem (binary, length, "\0\xff", 2);
}

static void
test_answers_ping (Fixture      *fixture,
                   gconstpointer data)
{
  g_autofree char *pong = NULL;

  g_test_summary ("A ping between fragments is answered with its payload before the message.");
  peer_send_frame (fixture->peer, 0x01, "he", 2);
  peer_send_frame (fixture->peer, 0x89, "now", 3);
  peer_send_frame (fixture->peer, 0x80, "llo", 3);
  pong = peer_expect_frame (fixture->peer, 0x8a, NULL);
  g_assert_cmpstr (pong, ==, "now");
  peer_expect (fixture->peer, "hello");
}

static void
test_answers_close (Fixture      *fixture,
                    gconstpointer data)
{
  g_test_summary ("The peer's close is answered with its code, then the connection ends.");
  peer_send_text (fixture->peer, "last");
  peer_send_close (fixture->peer, 1000);
  peer_send_text (fixture->peer, "too late");
  peer_expect (fixture->peer, "last");
  peer_expect_close (fixture->peer, 1000, "");
  peer_expect_end (fixture->peer);
  g_assert_cmpuint (n_sessions (fixture), ==, 1);
}

static void
test_answers_empty_close (Fixture      *fixture,
                          gconstpointer data)
{
  g_autofree char *payload = NULL;
  gsize length;

  peer_send_frame (fixture->peer, 0x88, NULL, 0);
  payload = peer_expect_frame (fixture->peer, 0x88, &length);
  g_assert_cmpuint (length, ==, 0);
  peer_expect_end (fixture->peer);
}

static void
test_closes (Fixture      *fixture,
             gconstpointer data)
{
  belfry_web_socket_close (fixture->socket, 4001, "Unauthorized");
  belfry_web_socket_close (fixture->socket, 1000, "only the first counts");
  peer_expect_close (fixture->peer, 4001, "Unauthorized");
  peer_expect_silence (fixture->peer);
  peer_send_text (fixture->peer, "not heard any more");
  peer_send_close (fixture->peer, 4001);
  peer_expect_end (fixture->peer);
}

static void
test_close_cuts_reason (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr(GString) reason = g_string_new (NULL);
  g_autoptr(GString) expected = g_string_new (NULL);

  g_test_summary ("A reason that does not fit is cut between characters.");
  for (guint i = 0; i < 100; i++)
    g_string_append (reason, "ä");
  for (guint i = 0; i < 61; i++)
    g_string_append (expected, "ä");
  belfry_web_socket_close (fixture->socket, 1008, reason->str);
  peer_expect_close (fixture->peer, 1008, expected->str);
}

static void
test_close_times_out (Fixture      *fixture,
                      gconstpointer data)
{
  g_test_summary ("A peer that leaves a close frame unanswered is dropped.");
  belfry_web_socket_close (fixture->socket, 1001, "");
  peer_expect_close (fixture->peer, 1001, "");
  sweep_later (fixture->set, SECONDS (4));
  g_assert_cmpuint (n_sessions (fixture), ==, 1);
  sweep_later (fixture->set, SECONDS (6));
  g_assert_cmpuint (n_sessions (fixture), ==, 0);
  peer_expect_end (fixture->peer);
}

static void
test_goodbye_times_out (Fixture      *fixture,
                        gconstpointer data)
{
  g_test_summary ("After the handshake a peer that does not end its side is dropped.");
  peer_send_close (fixture->peer, 1000);
  peer_expect_close (fixture->peer, 1000, "");
  peer_expect_end (fixture->peer);
  g_assert_cmpuint (n_sessions (fixture), ==, 1);
  sweep_later (fixture->set, SECONDS (3));
  g_assert_cmpuint (n_sessions (fixture), ==, 0);
}

static void
test_fails (Fixture      *fixture,
            gconstpointer data)
{
  BelfrySessionCounters counters;

  peer_send_text (fixture->peer, "fine");
  peer_send_frame (fixture->peer, 0x81, "bad\xff", 4);
  peer_send_text (fixture->peer, "too late");
  peer_expect (fixture->peer, "fine");
  peer_expect_close (fixture->peer, 1007, "Text is not UTF-8");
  peer_expect_end (fixture->peer);
  belfry_session_set_get_counters (fixture->set, &counters);
  g_assert_cmpuint (counters.protocol_errors, ==, 1);
}

static void
test_too_large (Fixture      *fixture,
                gconstpointer data)
{
  g_autofree char *text = g_strnfill (MAX_MESSAGE + 1, 'x');
  BelfrySessionCounters counters;

  peer_send_text (fixture->peer, text);
  peer_send_text (fixture->peer, "next");
  peer_expect (fixture->peer, "Message too large");
  peer_expect (fixture->peer, "next");
  belfry_session_set_get_counters (fixture->set, &counters);
  g_assert_cmpuint (counters.messages_too_large, ==, 1);
  g_assert_cmpuint (counters.messages_received, ==, 2);
}

static gsize
allocated_bytes (void)
{
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}

static void
test_hundred_mebibytes (Fixture      *fixture,
                        gconstpointer data)
{
  enum { CHUNK = 64 * 1024, N_CHUNKS = 1600 };
  BelfrySessionSet *set = new_set (1024 * 1024);
  Peer *peer;
  g_autoptr(BelfryWebSocket) socket = start_echo (set, GPOINTER_TO_UINT (data), &peer);
  g_autoptr(GByteArray) frame = g_byte_array_new ();
  g_autofree char *payload = g_strnfill (CHUNK, 'x');
  gsize sent = 0;
  gsize before = allocated_bytes ();

  g_test_summary ("100 MiB in fragments cost no more than the limit, and end with 1009 when ten times the limit has come.");
  peer_send_frame (peer, 0x01, payload, CHUNK);
  peer_append_frame (frame, 0x00, payload, CHUNK);
  for (guint i = 1; i < N_CHUNKS && !peer->has_ended; i++)
    {
      gsize n = 0;

      while (n < frame->len && !peer->has_ended)
        {
          n += peer_send_some (peer, frame->data + n, frame->len - n);
          peer_iterate ();
          peer_read (peer);
        }
      sent += n;
      g_assert_cmpuint (socket->parser.message_allocated, <=, 1024 * 1024);
      g_assert_true (allocated_bytes () < before + 4 * 1024 * 1024);
      if (peer->received->len > 0)
        break;
    }
  /* Ten times the limit, and what the kernel holds on its way. */
  g_assert_cmpuint (sent, <, 24 * 1024 * 1024);
  peer_expect_close (peer, 1009, "Message too large");
  peer_free (peer);
  peer_wait_for (belfry_session_set_get_n_sessions (set) == 0);
  belfry_session_set_unref (set);
}

static void
test_reader_that_stops (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr(GByteArray) pings = g_byte_array_new ();
  BelfrySession *session = BELFRY_SESSION (fixture->socket);
  char payload[100];
  guint n_sent = 0;
  gsize offset = 0;

  g_test_summary ("A peer that sends and never reads is not read any more; nothing is lost when it reads again.");
  memset (payload, 'p', sizeof payload);
  for (guint i = 0; i < 1000; i++)
    peer_append_frame (pings, 0x89, payload, sizeof payload);
  for (guint idle = 0; idle < 50;)
    {
      gsize n = peer_send_some (fixture->peer, pings->data + offset, pings->len - offset);

      offset += n;
      if (offset == pings->len)
        {
          offset = 0;
          n_sent += 1000;
        }
      idle = n == 0 ? idle + 1 : 0;
      g_assert_cmpuint (session->outbox != NULL ? session->outbox->len : 0, <=, 320 * 1024);
      peer_iterate ();
    }
  g_assert_cmpuint (session->pauses, ==, BELFRY_PAUSE_OUTBOX);

  /* The rest of a ping that was cut, then all the answers. */
  if (offset > 0)
    {
      while (offset < pings->len)
        {
          offset += peer_send_some (fixture->peer, pings->data + offset, pings->len - offset);
          peer_read (fixture->peer);
          peer_iterate ();
        }
      n_sent += 1000;
    }
  for (guint i = 0; i < n_sent; i++)
    {
      g_autofree char *pong = peer_expect_frame (fixture->peer, 0x8a, NULL);

      /* Taking bytes off the front of much is slow; so not every one is looked at with care. */
      g_assert_cmpint (pong[0], ==, 'p');
    }
  g_test_message ("%u pings", n_sent);
}

static void
test_ping_timeout (Fixture      *fixture,
                   gconstpointer data)
{
  BelfrySessionCounters counters;
  g_autofree char *ping = NULL;

  g_test_summary ("A silent peer is pinged, and dropped when it leaves that unanswered.");
  sweep_later (fixture->set, SECONDS (29));
  peer_expect_silence (fixture->peer);
  sweep_later (fixture->set, SECONDS (30));
  ping = peer_expect_frame (fixture->peer, 0x89, NULL);
  sweep_later (fixture->set, SECONDS (89));
  g_assert_cmpuint (n_sessions (fixture), ==, 1);
  sweep_later (fixture->set, SECONDS (91));
  g_assert_cmpuint (n_sessions (fixture), ==, 0);
  belfry_session_set_get_counters (fixture->set, &counters);
  g_assert_cmpuint (counters.pong_timeouts, ==, 1);
}

static void
test_pong_keeps_alive (Fixture      *fixture,
                       gconstpointer data)
{
  g_autofree char *ping = NULL;

  sweep_later (fixture->set, SECONDS (30));
  ping = peer_expect_frame (fixture->peer, 0x89, NULL);
  peer_send_frame (fixture->peer, 0x8a, NULL, 0);
  peer_send_text (fixture->peer, "mark");
  peer_expect (fixture->peer, "mark");
  /* In this test's time the ping lies in the future; what counts is that something was heard after it. */
  fixture->socket->ping_usec = BELFRY_SESSION (fixture->socket)->heard_usec;
  sweep_later (fixture->set, SECONDS (29));
  g_assert_cmpint (fixture->socket->ping_usec, ==, 0);
  g_assert_cmpuint (n_sessions (fixture), ==, 1);
}

static void
test_stalled_reader_is_dropped (Fixture      *fixture,
                                gconstpointer data)
{
  g_autofree char *text = g_strnfill (MAX_MESSAGE, 'x');
  BelfrySessionCounters counters;

  g_test_summary ("A peer that takes nothing for long enough counts as gone.");
  peer_wait_for (({ peer_send_some (fixture->peer, "", 0); belfry_web_socket_send_text (fixture->socket, text);
                    BELFRY_SESSION (fixture->socket)->is_blocked; }));
  sweep_later (fixture->set, SECONDS (30));
  sweep_later (fixture->set, SECONDS (60));
  g_assert_cmpuint (n_sessions (fixture), ==, 1);
  sweep_later (fixture->set, SECONDS (91));
  g_assert_cmpuint (n_sessions (fixture), ==, 0);
  belfry_session_set_get_counters (fixture->set, &counters);
  g_assert_cmpuint (counters.stalled + counters.pong_timeouts, ==, 1);
}

static void
test_reset (Fixture      *fixture,
            gconstpointer data)
{
  struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

  g_test_summary ("A peer that resets the connection ends the session.");
  peer_send_text (fixture->peer, "unread");
  setsockopt (g_socket_get_fd (fixture->peer->socket), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  g_clear_pointer (&fixture->peer, peer_free);
  peer_wait_for (n_sessions (fixture) == 0);
}

static void
test_bounded_turn (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr(GByteArray) frames = g_byte_array_new ();
  BelfrySessionCounters counters;
  guint64 before = 0;

  g_test_summary ("However much has come, a turn looks at no more than 256 messages.");
  for (guint i = 0; i < 5000; i++)
    peer_append_frame (frames, 0x81, "x", 1);
  peer_send (fixture->peer, frames->data, frames->len);
  while (before < 5000)
    {
      peer_iterate ();
      belfry_session_set_get_counters (fixture->set, &counters);
      g_assert_cmpuint (counters.messages_received - before, <=, 512);
      before = counters.messages_received;
    }
  for (guint i = 0; i < 5000; i++)
    peer_expect (fixture->peer, "x");
}

static void
count_call (gpointer set,
            gpointer user_data)
{
  guint *n_calls = user_data;

  (*n_calls)++;
}

static void
test_shut_down (Fixture      *fixture,
                gconstpointer data)
{
  guint n_calls = 0;
  Peer *late;
  g_autoptr(BelfryWebSocket) refused = NULL;

  belfry_session_set_shut_down (fixture->set, count_call, &n_calls);
  peer_expect_close (fixture->peer, 1001, "Server shuts down");
  g_assert_cmpuint (n_calls, ==, 0);
  refused = start_echo (fixture->set, GPOINTER_TO_UINT (data), &late);
  g_assert_null (BELFRY_SESSION (refused)->set);
  peer_expect_end (late);
  peer_free (late);

  peer_send_close (fixture->peer, 1001);
  peer_expect_end (fixture->peer);
  g_clear_pointer (&fixture->peer, peer_free);
  peer_wait_for (n_calls == 1);
  g_assert_cmpuint (n_sessions (fixture), ==, 0);
}

static void
test_counts_addresses (Fixture      *fixture,
                       gconstpointer data)
{
  Peer *second;

  g_object_unref (start_echo (fixture->set, GPOINTER_TO_UINT (data), &second));
  g_assert_cmpuint (belfry_session_set_count_address (fixture->set, "here"), ==, 2);
  g_assert_cmpuint (belfry_session_set_count_address (fixture->set, "there"), ==, 0);
  peer_free (second);
  peer_wait_for (belfry_session_set_count_address (fixture->set, "here") == 1);
}

static void
test_refuses (Fixture      *fixture,
              gconstpointer data)
{
  g_autoptr(GIOStream) stream = NULL;
  g_autoptr(Peer) peer = peer_new (GPOINTER_TO_UINT (data), &stream);

  belfry_refused_session_start (fixture->set, stream, 4002, "Too many connections");
  peer_expect_close (peer, 4002, "Too many connections");
  peer_send_close (peer, 4002);
  peer_expect_end (peer);
}

static guint
count_descriptors (void)
{
  DIR *folder = opendir ("/proc/self/fd");
  guint n = 0;

  while (readdir (folder) != NULL)
    n++;
  closedir (folder);
  return n;
}

static void
test_vanishing_clients (Fixture      *fixture,
                        gconstpointer data)
{
  guint before;
  const guint n_clients = GPOINTER_TO_UINT (data) == PEER_TLS ? 60 : 500;

  g_test_summary ("Clients that connect, say something and vanish leave no descriptor.");
  /* What GLib opens once and keeps. */
  test_counts_addresses (fixture, data);
  before = count_descriptors ();
  for (guint i = 0; i < n_clients; i++)
    {
      Peer *peer;

      g_object_unref (start_echo (fixture->set, GPOINTER_TO_UINT (data), &peer));
      peer_send_frame (peer, i % 2 == 0 ? 0x81 : 0x01, "hello", i % 6);
      if (i % 3 == 0)
        peer_iterate ();
      peer_free (peer);
    }
  peer_wait_for (n_sessions (fixture) == 1);
  peer_wait_for (count_descriptors () <= before);
}

/* Through libsoup's own handshake, as the server takes connections. */

static void
on_wrote_informational (SoupServerMessage *message,
                        gpointer           user_data)
{
  g_autoptr(GIOStream) stream = soup_server_message_steal_connection (message);

  belfry_web_socket_start (echo_socket_new (), user_data, stream, NULL, NULL);
}

static void
handle_upgrade (SoupServer        *server,
                SoupServerMessage *message,
                const char        *path,
                GHashTable        *query,
                gpointer           user_data)
{
  g_assert_true (soup_websocket_server_process_handshake (message, NULL, NULL, NULL, NULL));
  g_signal_connect (message, "wrote-informational", G_CALLBACK (on_wrote_informational), user_data);
}

static void
on_connected (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr(GError) error = NULL;
  GSocketConnection **connection = user_data;

  *connection = g_socket_client_connect_to_host_finish (G_SOCKET_CLIENT (source), result, &error);
  g_assert_no_error (error);
}

static gboolean
on_accept_certificate (void)
{
  return TRUE;
}

static void
on_client_event (GSocketClient      *client,
                 GSocketClientEvent  event,
                 GSocketConnectable *connectable,
                 GIOStream          *connection)
{
  if (event == G_SOCKET_CLIENT_TLS_HANDSHAKING)
    g_signal_connect (connection, "accept-certificate", G_CALLBACK (on_accept_certificate), NULL);
}

static GIOStream *
connect_to (SoupServer *server)
{
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(GSocketConnection) connection = NULL;
  GSList *uris = soup_server_get_uris (server);
  int port = g_uri_get_port (uris->data);

  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);
  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_set_tls (client, soup_server_is_https (server));
  g_signal_connect (client, "event", G_CALLBACK (on_client_event), NULL);
  g_socket_client_connect_to_host_async (client, "127.0.0.1", port, NULL, on_connected, &connection);
  peer_wait_for (connection != NULL);
  if (G_IS_TCP_WRAPPER_CONNECTION (connection))
    return g_object_ref (g_tcp_wrapper_connection_get_base_io_stream (G_TCP_WRAPPER_CONNECTION (connection)));
  return G_IO_STREAM (g_steal_pointer (&connection));
}

static void
test_taken_from_libsoup (gconstpointer data)
{
  gboolean over_tls = GPOINTER_TO_UINT (data) == PEER_TLS;
  static const char request[] =
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  BelfrySessionSet *set = new_set (1024 * 1024);
  g_autoptr(SoupServer) server = soup_server_new ("tls-certificate", over_tls ? peer_get_certificate () : NULL, NULL);
  g_autoptr(GIOStream) stream = NULL;
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  g_autofree char *long_text = g_strnfill (300000, 'y');
  g_autofree char *head = NULL;
  Peer *peer;

  g_test_summary ("Frames that come in one piece with the handshake are not lost, and what comes later is not either.");
  soup_server_add_early_handler (server, NULL, handle_upgrade, set, NULL);
  soup_server_listen_local (server, 0, (over_tls ? SOUP_SERVER_LISTEN_HTTPS : 0) | SOUP_SERVER_LISTEN_IPV4_ONLY, NULL);
  stream = connect_to (server);
  peer = peer_new_for_stream (stream);

  g_byte_array_append (bytes, (const guint8 *) request, strlen (request));
  peer_append_frame (bytes, 0x81, "early", 5);
  peer_append_frame (bytes, 0x81, long_text, strlen (long_text));
  peer_append_frame (bytes, 0x01, "cut ", 4);
  peer_send (peer, bytes->data, bytes->len);
  head = peer_read_through (peer, "\r\n\r\n");
  g_assert_true (g_str_has_prefix (head, "HTTP/1.1 101"));
  peer_expect (peer, "early");
  peer_expect (peer, long_text);
  peer_send_frame (peer, 0x80, "in two", 6);
  peer_expect (peer, "cut in two");
  peer_send_close (peer, 1000);
  peer_expect_close (peer, 1000, "");
  peer_expect_end (peer);
  peer_free (peer);
  peer_wait_for (belfry_session_set_get_n_sessions (set) == 0);
  soup_server_disconnect (server);
  belfry_session_set_unref (set);
}

typedef void (*FixtureFunc) (Fixture *fixture, gconstpointer data);

static const struct
{
  const char *name;
  FixtureFunc func;
} tests[] = {
  { "echoes", test_echoes },
  { "answers-ping", test_answers_ping },
  { "answers-close", test_answers_close },
  { "answers-empty-close", test_answers_empty_close },
  { "closes", test_closes },
  { "close-cuts-reason", test_close_cuts_reason },
  { "close-times-out", test_close_times_out },
  { "goodbye-times-out", test_goodbye_times_out },
  { "fails-at-bad-text", test_fails },
  { "drops-too-large", test_too_large },
  { "bounds-hundred-mebibytes", test_hundred_mebibytes },
  { "bounds-reader-that-stops", test_reader_that_stops },
  { "drops-silent-peer", test_ping_timeout },
  { "pong-keeps-alive", test_pong_keeps_alive },
  { "drops-stalled-reader", test_stalled_reader_is_dropped },
  { "survives-reset", test_reset },
  { "bounds-a-turn", test_bounded_turn },
  { "shuts-down", test_shut_down },
  { "counts-addresses", test_counts_addresses },
  { "refuses", test_refuses },
  { "vanishing-clients-leave-nothing", test_vanishing_clients },
};

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  for (PeerKind kind = 0; kind < N_PEER_KINDS; kind++)
    for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
      {
        g_autofree char *path = g_strdup_printf ("/web-socket/%s/%s", peer_kind_to_string (kind), tests[i].name);

        g_test_add (path, Fixture, GUINT_TO_POINTER (kind), set_up, tests[i].func, tear_down);
      }
  g_test_add_data_func ("/web-socket/libsoup/takes-what-came-early", GUINT_TO_POINTER (PEER_LOOPBACK), test_taken_from_libsoup);
  g_test_add_data_func ("/web-socket/libsoup/takes-what-came-early-over-tls", GUINT_TO_POINTER (PEER_TLS), test_taken_from_libsoup);
  return g_test_run ();
}
