/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "belfry-server-fields-private.h"
#include "server-world.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define HANDSHAKE "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" \
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void
set_up (ServerWorld   *world,
        gconstpointer  data)
{
  server_world_set_up (world, "service-name", "bells", NULL);
}

static void
set_up_guarded (ServerWorld   *world,
                gconstpointer  data)
{
  server_world_set_up (world, "require-auth", TRUE, "api-key", "open sesame", NULL);
}

static void
set_up_strict (ServerWorld   *world,
               gconstpointer  data)
{
  static const char * const origins[] = { "https://app.example.org", NULL };

  server_world_set_up (world, "cors-origins", origins, "max-body-bytes", (guint64) 2048,
                       "max-ws-connections-per-ip", 2, NULL);
}

static void
test_headers (ServerWorld   *world,
              gconstpointer  data)
{
  static const struct { const char *request; guint status; } rows[] = {
    { GET ("/health"), 200 },
    { GET ("/"), 200 },
    { GET ("/events?limit=0"), 422 },
    { GET ("/nope"), 404 },
    { GET ("/../etc/passwd"), 404 },
    { GET ("/%2e%2e/x"), 404 },
    { "PUT /events HTTP/1.1\r\nHost: h\r\n\r\n", 405 },
    { "GET / HTTP/1.1\r\n\r\n", 400 },
    { "nonsense\r\n\r\n", 400 },
    { "POST /events HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n", 413 },
    { "POST /nope HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n", 404 },
    { "POST /events HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", 413 },
    { "GET /ws/subscribe HTTP/1.1\r\nHost: h\r\n" HANDSHAKE "\r\n", 101 },
    { GET ("/ws/subscribe"), 426 },
  };

  g_test_summary ("Every response carries the security headers, and every error a detail");
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(Response) response = server_world_exchange (world, rows[i].request);
      g_autofree char *nosniff = response_dup_header (response, "X-Content-Type-Options");
      g_autofree char *frame = response_dup_header (response, "X-Frame-Options");
      g_autofree char *xss = response_dup_header (response, "X-XSS-Protection");
      g_autofree char *referrer = response_dup_header (response, "Referrer-Policy");
      g_autofree char *csp = response_dup_header (response, "Content-Security-Policy");
      g_autofree char *hsts = response_dup_header (response, "Strict-Transport-Security");

      g_test_message ("%s -> %s", rows[i].request, response->head);
      g_assert_cmpuint (response->status, ==, rows[i].status);
      g_assert_cmpstr (nosniff, ==, "nosniff");
      g_assert_cmpstr (frame, ==, "DENY");
      g_assert_cmpstr (xss, ==, "1; mode=block");
      g_assert_cmpstr (referrer, ==, "strict-origin-when-cross-origin");
      g_assert_cmpstr (csp, ==, "default-src 'self'");
      g_assert_null (hsts);
      if (rows[i].status >= 400)
        g_assert_true (g_str_has_prefix (response->body, "{\"detail\": "));
    }
}

static void
test_methods (ServerWorld   *world,
              gconstpointer  data)
{
  g_autoptr(Response) head = server_world_request (world, "HEAD", "/health", NULL, NULL);
  g_autoptr(Response) stream = server_world_request (world, "HEAD", "/events/stream", NULL, NULL);
  g_autoptr(Response) put = server_world_request (world, "PUT", "/api/v1/events", NULL, NULL);
  g_autofree char *length = response_dup_header (head, "Content-Length");
  g_autofree char *type = response_dup_header (stream, "Content-Type");
  g_autofree char *allow = response_dup_header (put, "Allow");

  g_assert_cmpuint (head->status, ==, 200);
  g_assert_cmpuint (head->length, ==, 0);
  g_assert_cmpstr (length, !=, "0");
  g_assert_cmpuint (stream->status, ==, 200);
  g_assert_true (g_str_has_prefix (type, "text/event-stream"));
  g_assert_cmpuint (put->status, ==, 405);
  g_assert_cmpstr (put->body, ==, "{\"detail\": \"Method Not Allowed\"}");
  g_assert_cmpstr (allow, ==, "POST, GET, HEAD, DELETE, OPTIONS");
}

static void
test_keep_alive (ServerWorld   *world,
                 gconstpointer  data)
{
  int fd = server_world_connect (world);

  g_test_summary ("A connection serves many requests; when its client goes, nothing of it stays");
  for (guint i = 0; i < 5; i++)
    {
      g_autoptr(Response) response = NULL;

      response = server_world_ask (fd, GET ("/health"));
      g_assert_cmpuint (response->status, ==, 200);
      g_assert_false (response->closed);
    }
  g_assert_cmpuint (server_world_get_number (world, "connections"), ==, 1);
  close (fd);
  server_world_wait (server_world_get_number (world, "connections") == 0);
}

static void
test_vanishing (ServerWorld   *world,
                gconstpointer  data)
{
  static const char * const beginnings[] = {
    "", "GET", "GET / HTTP/1.1\r\nHost: h", GET ("/health"), GET ("/health") "GET /he", "POST /events HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n{",
    "GET /events/stream HTTP/1.1\r\nHost: h\r\n\r\n", "GET /ws/subscribe HTTP/1.1\r\nHost: h\r\n" HANDSHAKE "\r\n",
    "POST /events HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n{",
    "POST /events HTTP/1.1\r\nHost: h\r\nContent-Length: 47\r\n\r\n{\"event_type\":\"quiz_started\",\"source\":\"test\"}",
  };

  g_test_summary ("Clients that go away at any point leave no connection");
  for (guint round = 0; round < 10; round++)
    {
      for (gsize i = 0; i < G_N_ELEMENTS (beginnings); i++)
        {
          int fd = server_world_connect (world);

          server_world_send (fd, beginnings[i], -1);
          for (guint turn = g_test_rand_int_range (0, 8); turn > 0; turn--)
            g_main_context_iteration (NULL, FALSE);
          close (fd);
        }
    }
  server_world_wait (server_world_get_number (world, "connections") == 0);
}

static void
test_pipelined (ServerWorld   *world,
                gconstpointer  data)
{
  int fd = server_world_connect (world);
  g_autoptr(GString) bytes = g_string_new (NULL);
  char buffer[4096];

  server_world_send (fd,
                     GET ("/nope") GET ("/health") "GET /nope HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", -1);
  for (;;)
    {
      gssize received = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);

      if (received == 0)
        break;
      if (received > 0)
        g_string_append_len (bytes, buffer, received);
      else
        server_world_iterate ();
    }
  close (fd);
  g_assert_true (g_regex_match_simple ("^HTTP/1.1 404 .*HTTP/1.1 200 .*HTTP/1.1 404 [^H]*", bytes->str,
                                       G_REGEX_DOTALL, 0));
}

static void
test_too_large (ServerWorld   *world,
                gconstpointer  data)
{
  g_autofree char *fits = g_strdup_printf ("%*s", 2048, "{}");
  g_autofree char *long_body = g_strdup_printf ("%*s", 2049, "{}");
  g_autofree char *chunked = g_strdup_printf ("POST /events HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n801\r\n%s\r\n", long_body);
  g_autoptr(Response) good = server_world_request (world, "POST", "/events", NULL, fits);
  g_autoptr(Response) by_length = server_world_request (world, "POST", "/events", NULL, long_body);
  g_autoptr(Response) by_chunk = server_world_exchange (world, chunked);
  guint64 too_large;

  g_assert_cmpuint (good->status, ==, 422);
  g_assert_cmpuint (by_length->status, ==, 413);
  g_assert_cmpstr (by_length->body, ==, "{\"detail\": \"Request body too large\"}");
  g_assert_cmpuint (by_chunk->status, ==, 413);
  g_object_get (world->server, "too-large", &too_large, NULL);
  g_assert_cmpuint (too_large, ==, 2);
  server_world_wait (server_world_get_number (world, "connections") == 0);
}

static void
test_endless_body (ServerWorld   *world,
                   gconstpointer  data)
{
  g_autofree char *block = g_strnfill (65536, 'x');
  int fd = server_world_connect (world);
  g_autoptr(Response) response = NULL;

  g_test_summary ("A client that goes on sending gets its answer and the end of the connection");
  server_world_send (fd, "POST /events HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n", -1);
  for (guint i = 0; i < 10; i++)
    server_world_send (fd, block, 65536);
  response = server_world_receive (fd);
  g_assert_cmpuint (response->status, ==, 413);
  for (guint i = 0; i < 200 && server_world_get_number (world, "connections") > 0; i++)
    server_world_send (fd, block, 65536);
  server_world_wait (server_world_get_number (world, "connections") == 0);
  close (fd);
}

static void
test_key (ServerWorld   *world,
          gconstpointer  data)
{
  static const struct { const char *method, *path, *headers; guint status; } rows[] = {
    { "GET", "/stats", NULL, 401 },
    { "GET", "/stats", "X-API-Key: open sesame\r\n", 200 },
    { "GET", "/api/v1/stats", "x-api-key: open sesame\r\n", 200 },
    { "GET", "/stats", "Authorization: Bearer open sesame\r\n", 200 },
    { "GET", "/stats", "Authorization: bearer open sesame\r\n", 200 },
    { "GET", "/stats", "Authorization: open sesame\r\n", 401 },
    { "GET", "/stats", "X-API-Key: open sesam\r\n", 401 },
    { "GET", "/stats", "X-API-Key: open sesamee\r\n", 401 },
    { "GET", "/stats", "X-API-Key: \r\n", 401 },
    { "GET", "/stats?api_key=open+sesame", NULL, 401 },
    { "GET", "/events/stream", NULL, 401 },
    { "HEAD", "/events/stream?api_key=open+sesame", NULL, 200 },
    { "HEAD", "/events/stream?token=open+sesame", NULL, 200 },
    { "GET", "/health", NULL, 200 },
    { "GET", "/readiness", NULL, 200 },
    { "GET", "/ready", NULL, 200 },
    { "GET", "/event-types", NULL, 200 },
    { "GET", "/", NULL, 200 },
    { "GET", "/nope", NULL, 404 },
    { "POST", "/event-types", NULL, 401 },
    { "DELETE", "/events", NULL, 401 },
  };
  g_autoptr(Response) early = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(Response) response = server_world_request (world, rows[i].method, rows[i].path, rows[i].headers,
                                                           NULL);

      g_test_message ("%s %s %s", rows[i].method, rows[i].path, rows[i].headers != NULL ? rows[i].headers : "");
      g_assert_cmpuint (response->status, ==, rows[i].status);
      if (rows[i].status == 401)
        g_assert_cmpstr (response->body, ==, "{\"detail\": \"Invalid or missing API key\"}");
    }

  g_test_message ("No look at the body comes before it");
  early = server_world_exchange (world, "POST /events HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n");
  g_assert_cmpuint (early->status, ==, 401);
}

static void
test_handshakes (ServerWorld   *world,
                 gconstpointer  data)
{
  static const struct { const char *path, *headers; guint status; } rows[] = {
    { "/ws/subscribe", HANDSHAKE, 101 },
    { "/api/v1/ws/publish", HANDSHAKE, 101 },
    { "/ws/publish", HANDSHAKE "Origin: https://app.example.org\r\n", 101 },
    { "/ws/publish", HANDSHAKE "Origin: https://evil.example\r\n", 403 },
    { "/ws/publish", "Origin: https://evil.example\r\n", 403 },
    { "/ws/publish", NULL, 426 },
    { "/ws/publish",
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 426 },
    { "/ws/publish", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", 400 },
    { "/ws/publish",
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n", 400 },
    { "/ws/publish", HANDSHAKE "Content-Length: 5\r\n", 400 },
    { "/ws/nope", HANDSHAKE, 404 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(Response) response = server_world_request (world, "GET", rows[i].path, rows[i].headers, NULL);
      g_autofree char *accept = response_dup_header (response, "Sec-WebSocket-Accept");
      g_autofree char *extensions = response_dup_header (response, "Sec-WebSocket-Extensions");

      g_test_message ("%s %s -> %s", rows[i].path, rows[i].headers, response->head);
      g_assert_cmpuint (response->status, ==, rows[i].status);
      if (rows[i].status == 101)
        g_assert_cmpstr (accept, ==, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
      g_assert_null (extensions);
      server_world_wait (server_world_get_number (world, "connections") == 0);
    }
}

static void
test_own_origin (ServerWorld   *world,
                 gconstpointer  data)
{
  g_autofree char *own = g_strdup_printf (HANDSHAKE "Origin: http://127.0.0.1:%u\r\n", (guint) world->port);
  g_autofree char *other = g_strdup_printf (HANDSHAKE "Origin: http://127.0.0.1:%u\r\n", (guint) world->port + 1);
  g_autoptr(Response) good = server_world_request (world, "GET", "/ws/subscribe", own, NULL);
  g_autoptr(Response) bad = server_world_request (world, "GET", "/ws/subscribe", other, NULL);

  g_assert_cmpuint (good->status, ==, 101);
  g_assert_cmpuint (bad->status, ==, 403);
}

/* The two bytes of the close code in an unmasked close frame that follows the handshake. */
static guint
receive_close_code (int fd)
{
  guint8 frame[128];
  gsize length = 0;

  while (length < 4 || length < 2u + frame[1])
    {
      gssize received = recv (fd, frame + length, sizeof frame - length, MSG_DONTWAIT);

      g_assert_cmpint (received, !=, 0);
      if (received > 0)
        length += received;
      else
        server_world_iterate ();
    }
  g_assert_cmphex (frame[0], ==, 0x88);
  return frame[2] << 8 | frame[3];
}

static int
open_socket (ServerWorld *world)
{
  int fd = server_world_connect (world);
  g_autoptr(Response) response = NULL;

  response = server_world_ask (fd, "GET /ws/publish HTTP/1.1\r\nHost: h\r\n" HANDSHAKE "\r\n");
  g_assert_cmpuint (response->status, ==, 101);
  return fd;
}

static void
test_too_many (ServerWorld   *world,
               gconstpointer  data)
{
  int first = open_socket (world);
  int second = open_socket (world);
  int third = open_socket (world);

  g_assert_cmpuint (receive_close_code (third), ==, 4002);
  close (third);
  close (second);
  server_world_wait (server_world_get_number (world, "connections") == 1);
  second = open_socket (world);
  server_world_wait (belfry_session_set_get_n_sessions (belfry_server_get_sessions (world->server)) == 2);
  close (first);
  close (second);
}

static void
test_unauthorized_socket (ServerWorld   *world,
                          gconstpointer  data)
{
  int fd = open_socket (world);

  g_assert_cmpuint (receive_close_code (fd), ==, 4001);
  close (fd);
}

static void
test_stream (ServerWorld   *world,
             gconstpointer  data)
{
  static const struct { const char *path, *headers; guint status; const char *holds; } rows[] = {
    { "/events/stream?resume_from=nonsense", NULL, 400, "{\"detail\": \"Unknown cursor\"}" },
    { "/events/stream", "Last-Event-ID: nonsense\r\n", 400, "Unknown cursor" },
    { "/events/stream?resume_from=beginning", "Last-Event-ID: nonsense\r\n", 400, "Unknown cursor" },
    { "/events/stream?min_amount=x", NULL, 422, "min_amount" },
    { "/events/stream?event_types=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeef", NULL, 422, "event_types" },
  };
  g_autoptr(GString) bytes = g_string_new (NULL);
  int fd;

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(Response) response = server_world_request (world, "GET", rows[i].path, rows[i].headers, NULL);

      g_assert_cmpuint (response->status, ==, rows[i].status);
      g_assert_nonnull (strstr (response->body, rows[i].holds));
    }

  fd = server_world_connect (world);
  server_world_send (fd,
                     "GET /api/v1/events/stream?event_type=quiz_started,quiz_timeout HTTP/1.1\r\nHost: h\r\nOrigin: https://app.example.org\r\n\r\n", -1);
  while (strstr (bytes->str, "\n\nid: ") == NULL && strstr (bytes->str, "\r\n\r\nid: ") == NULL)
    {
      char buffer[4096];
      gssize received = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);

      if (received > 0)
        g_string_append_len (bytes, buffer, received);
      else
        server_world_iterate ();
    }
  close (fd);
  g_test_message ("%s", bytes->str);
  g_assert_true (g_str_has_prefix (bytes->str, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"));
  g_assert_nonnull (strstr (bytes->str, "\r\nCache-Control: no-store\r\n"));
  g_assert_nonnull (strstr (bytes->str, "\r\nAccess-Control-Allow-Origin: https://app.example.org\r\n"));
  g_assert_nonnull (strstr (bytes->str, "\r\nVary: Origin\r\n"));
  g_assert_nonnull (strstr (bytes->str, "\r\nX-Frame-Options: DENY\r\n"));
}

static void
drop_request (BelfryServer  *server,
              BelfryRequest *request,
              gpointer       user_data)
{
}

static void
echo_param (BelfryServer  *server,
            BelfryRequest *request,
            gpointer       user_data)
{
  belfry_request_set_response_header (request, "Content-Security-Policy", "default-src 'none'");
  belfry_request_respond_detail (request, 200, belfry_request_get_path_param (request));
}

static void
test_own_routes (ServerWorld   *world,
                 gconstpointer  data)
{
  g_autoptr(Response) dropped = NULL;
  g_autoptr(Response) echoed = NULL;
  g_autofree char *csp = NULL;

  belfry_server_add_route (world->server, "GET", "/dropped", drop_request, NULL, NULL);
  belfry_server_add_route (world->server, "GET", "/echo/{text}", echo_param, NULL, NULL);
  dropped = server_world_request (world, "GET", "/dropped", NULL, NULL);
  echoed = server_world_request (world, "GET", "/api/v1/echo/a%20%22b", NULL, NULL);
  csp = response_dup_header (echoed, "Content-Security-Policy");

  g_assert_cmpuint (dropped->status, ==, 500);
  g_assert_cmpstr (dropped->body, ==, "{\"detail\": \"Internal Server Error\"}");
  g_assert_cmpstr (echoed->body, ==, "{\"detail\": \"a \\\"b\"}");
  g_assert_cmpstr (csp, ==, "default-src 'none'");
}

static BelfryRequest *kept_request;

static void
keep_request (BelfryServer  *server,
              BelfryRequest *request,
              gpointer       user_data)
{
  kept_request = g_object_ref (request);
}

static void
stopped_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_assert_true (belfry_server_stop_finish (BELFRY_SERVER (source), result, NULL));
  *(gboolean *) user_data = TRUE;
}

static void
test_stop (ServerWorld   *world,
           gconstpointer  data)
{
  int idle = server_world_connect (world);
  int working = server_world_connect (world);
  int socket = open_socket (world);
  g_autoptr(Response) warm = NULL;
  g_autoptr(Response) response = NULL;
  gboolean stopped = FALSE;
  char byte;

  g_test_summary ("What was read is answered, sockets hear 1001, what rests is closed, and nothing new comes in");
  belfry_server_add_route (world->server, "GET", "/kept", keep_request, NULL, NULL);
  warm = server_world_ask (idle, GET ("/health"));
  server_world_send (working, GET ("/kept"), -1);
  server_world_wait (kept_request != NULL);

  belfry_server_stop_async (world->server, NULL, stopped_cb, &stopped);
  g_assert_cmpuint (receive_close_code (socket), ==, 1001);
  server_world_send (socket, "\x88\x82\0\0\0\0\x03\xe9", 8);
  server_world_wait (belfry_session_set_get_n_sessions (belfry_server_get_sessions (world->server)) == 0);
  g_assert_false (stopped);

  belfry_request_respond_json (kept_request, 200, "{}");
  g_clear_object (&kept_request);
  response = server_world_receive (working);
  g_assert_cmpuint (response->status, ==, 200);
  server_world_wait (stopped);
  g_assert_cmpint (recv (idle, &byte, 1, 0), ==, 0);
  server_world_wait (server_world_get_number (world, "connections") == 0);
  close (idle);
  close (working);
  close (socket);
}

static void
test_stop_limit (ServerWorld   *world,
                 gconstpointer  data)
{
  int fd = server_world_connect (world);
  gboolean stopped = FALSE;

  g_test_summary ("A request that nobody answers is cut off; a later answer goes nowhere");
  belfry_server_add_route (world->server, "GET", "/kept", keep_request, NULL, NULL);
  server_world_send (fd, GET ("/kept"), -1);
  server_world_wait (kept_request != NULL);

  belfry_server_stop_async (world->server, NULL, stopped_cb, &stopped);
  server_world_wait (stopped);
  belfry_request_respond_json (kept_request, 200, "{}");
  g_clear_object (&kept_request);
  close (fd);
}

static void
on_drained (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
}

static void
test_stop_in_a_hurry (ServerWorld   *world,
                      gconstpointer  data)
{
  int fd = server_world_connect (world);
  gboolean ended = FALSE;
  g_autoptr(BelfryDrain) drain = NULL;

  g_test_summary ("Who is in a hurry waits for no request");
  belfry_server_add_route (world->server, "GET", "/kept", keep_request, NULL, NULL);
  server_world_send (fd, GET ("/kept"), -1);
  server_world_wait (kept_request != NULL);

  drain = belfry_drain_new (g_main_context_default (), belfry_server_get_sessions (world->server), world->server->gate,
                            600000, on_drained, &ended);
  server_world_iterate ();
  g_assert_false (ended);
  belfry_drain_hurry (drain);
  server_world_wait (ended);
  g_assert_cmpuint (belfry_gate_get_n_in_work (world->server->gate), ==, 1);
  belfry_request_respond_json (kept_request, 200, "{}");
  g_clear_object (&kept_request);
  close (fd);
}

static void
test_half_closed (ServerWorld   *world,
                  gconstpointer  data)
{
  int fd = server_world_connect (world);
  g_autoptr(GString) bytes = g_string_new (NULL);
  gssize received;
  char buffer[4096];

  g_test_summary ("A client that has said its last word gets its answer and nothing behind it");
  server_world_send (fd, GET ("/nope"), -1);
  shutdown (fd, SHUT_WR);
  while ((received = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT)) != 0)
    {
      if (received > 0)
        g_string_append_len (bytes, buffer, received);
      else
        server_world_iterate ();
    }
  close (fd);
  g_assert_true (g_str_has_prefix (bytes->str, "HTTP/1.1 404 "));
  g_assert_true (g_str_has_suffix (bytes->str, "{\"detail\": \"Not Found\"}"));
  g_assert_null (strstr (bytes->str, "400"));
  server_world_wait (server_world_get_number (world, "connections") == 0);
}

static void
test_descriptors (ServerWorld   *world,
                  gconstpointer  data)
{
  g_autoptr(Response) response = NULL;
  struct rlimit before, none_left;
  int waiting[5];
  char byte;

  g_test_summary ("Without a descriptor left clients are turned away; with one again the next is served");
  for (gsize i = 0; i < G_N_ELEMENTS (waiting); i++)
    waiting[i] = server_world_connect (world);

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &before), ==, 0);
  none_left = before;
  none_left.rlim_cur = dup (0);
  close (none_left.rlim_cur);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none_left), ==, 0);
  server_world_wait (server_world_get_number (world, "connections-refused") >= G_N_ELEMENTS (waiting) - 1);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &before), ==, 0);

  response = server_world_request (world, "GET", "/health", NULL, NULL);
  g_assert_cmpuint (response->status, ==, 200);
  g_assert_cmpint (recv (waiting[0], &byte, 1, 0), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (waiting); i++)
    close (waiting[i]);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  server_world_test ("/server/headers", set_up, test_headers);
  server_world_test ("/server/methods", set_up, test_methods);
  server_world_test ("/server/keep-alive", set_up, test_keep_alive);
  server_world_test ("/server/vanishing-clients", set_up, test_vanishing);
  server_world_test ("/server/half-closed", set_up, test_half_closed);
  server_world_test ("/server/pipelined", set_up, test_pipelined);
  server_world_test ("/server/no-descriptor-left", set_up, test_descriptors);
  server_world_test ("/server/too-large", set_up_strict, test_too_large);
  server_world_test ("/server/endless-body", set_up_strict, test_endless_body);
  server_world_test ("/server/key", set_up_guarded, test_key);
  server_world_test ("/server/web-socket/handshakes", set_up_strict, test_handshakes);
  server_world_test ("/server/web-socket/own-origin", set_up_strict, test_own_origin);
  server_world_test ("/server/web-socket/too-many", set_up_strict, test_too_many);
  server_world_test ("/server/web-socket/unauthorized", set_up_guarded, test_unauthorized_socket);
  server_world_test ("/server/stream", set_up_strict, test_stream);
  server_world_test ("/server/own-routes", set_up, test_own_routes);
  server_world_test ("/server/stop", set_up, test_stop);
  server_world_test ("/server/stop-limit", set_up, test_stop_limit);
  server_world_test ("/server/stop-in-a-hurry", set_up, test_stop_in_a_hurry);

  return g_test_run ();
}
