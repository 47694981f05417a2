/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "belfry-server-fields-private.h"
#include "server-world.h"

/* The first request of a connection is always read by the HTTP library. What comes after it is compared here: what is served
 * without the library must look the same from outside, and what is not plain must not be served without it. */

#define EVENT "{\"event_type\":\"quiz_started\",\"source\":\"test\"}"
#define POST  "POST /events HTTP/1.1\r\n"
#define HOST  "Host: h\r\n"

#define DRAIN_MSEC 60000

static void
set_up (ServerWorld   *world,
        gconstpointer  data)
{
  server_world_set_up (world, NULL, NULL);
}

static void
set_up_strict (ServerWorld   *world,
               gconstpointer  data)
{
  static const char * const origins[] = { "https://app.example.org", NULL };

  server_world_set_up (world, "cors-origins", origins, "max-body-bytes", (guint64) 1024, NULL);
}

static void
set_up_guarded (ServerWorld   *world,
                gconstpointer  data)
{
  server_world_set_up (world, "require-auth", TRUE, "api-key", "open sesame", NULL);
}

static guint64
count_plain (ServerWorld *world)
{
  return belfry_gate_get_tally (world->server->gate)->plain;
}

static char *
format_request (const char *line,
                const char *headers,
                const char *body)
{
  return g_strdup_printf ("%s%sContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s", line, headers, strlen (body), body);
}

/* A connection that has had its first request. */
static int
connect_used (ServerWorld *world)
{
  int fd = server_world_connect (world);
  g_autoptr(Response) response = server_world_ask (fd, "GET /health HTTP/1.1\r\n" HOST "\r\n");

  g_assert_cmpuint (response->status, ==, 200);
  return fd;
}

/* Without what differs between two answers to the same request. */
static char *
blank_out (const char *text)
{
  g_autoptr(GRegex) regex = g_regex_new ("Date: [^\\r]*|evt_[0-9a-f]*|\"timestamp\":\"[^\"]*\"", 0, 0, NULL);

  return g_regex_replace_literal (regex, text, -1, 0, "-", 0, NULL);
}

static void
assert_equal (Response *one,
              Response *other)
{
  g_autofree char *one_head = blank_out (one->head);
  g_autofree char *other_head = blank_out (other->head);
  g_autofree char *one_body = blank_out (one->body);
  g_autofree char *other_body = blank_out (other->body);

  g_assert_cmpstr (one_head, ==, other_head);
  g_assert_cmpstr (one_body, ==, other_body);
}

static void
test_same_answers (ServerWorld   *world,
                   gconstpointer  data)
{
  static const char * const bodies[] = {
    EVENT, "", "{", "[]", "{}", "{\"event_type\":\"no such type\",\"source\":\"test\"}", "\xff", "7",
    "{\"event_type\":\"quiz_started\",\"source\":\"test\",\"user_id\":7}",
  };
  int used = connect_used (world);

  g_test_summary ("An answer does not tell whether the HTTP library has seen the request");
  for (gsize i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      g_autofree char *request = format_request (POST, HOST "User-Agent: test\r\nConnection: keep-alive\r\n", bodies[i]);
      g_autoptr(Response) first = server_world_exchange (world, request);
      g_autoptr(Response) second = NULL;

      g_assert_cmpuint (count_plain (world), ==, i);
      second = server_world_ask (used, request);
      g_assert_cmpuint (count_plain (world), ==, i + 1);
      assert_equal (first, second);
      g_assert_cmpuint (second->status, ==, i == 0 ? 201 : 422);
      g_assert_false (second->closed);
    }
  close (used);
  server_world_wait (server_world_get_number (world, "connections") == 0);
}

/* Each is answered as it should be, and by the library. */
static void
test_left_to_library (ServerWorld   *world,
                      gconstpointer  data)
{
  static const struct { const char *line, *headers; guint status; } rows[] = {
    { "GET /events HTTP/1.1\r\n", HOST, 200 },
    { "POST /events HTTP/1.0\r\n", HOST, 201 },
    { "POST /events?x=1 HTTP/1.1\r\n", HOST, 201 },
    { "POST /event%73 HTTP/1.1\r\n", HOST, 201 },
    { "POST /event-types HTTP/1.1\r\n", HOST, 422 },
    { "POST /nothing HTTP/1.1\r\n", HOST, 404 },
    { "POST http://h/events HTTP/1.1\r\n", HOST, 201 },
    { "POST https://h/events HTTP/1.1\r\n", HOST, 400 },
    { POST, "Host: h:70000\r\n", 400 },
    { POST, "Host: h h\r\n", 201 },
    { POST, "Host: \xc3\xa4\r\n", 201 },
    { POST, "Host: \r\n", 201 },
    { POST, HOST "Origin: https://app.example.org\r\n", 201 },
    { POST, HOST "Origin: https://evil.example\r\n", 201 },
    { POST, HOST "Connection: close\r\n", 201 },
    { POST, HOST "Idempotency-Key: k\r\n", 201 },
    { POST, HOST "Idempotency-Key: \"\r\n", 400 },
    { POST, HOST "Range: bytes=0-1\r\n", 201 },
    { POST, HOST "X-Forwarded-For: 192.0.2.1\r\n", 201 },
    { POST, HOST "Whatever: x\r\n", 201 },
    { POST, HOST "User-Agent: \xc3\xa4\r\n", 201 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *request = format_request (rows[i].line, rows[i].headers, rows[i].line[0] == 'G' ? "" : EVENT);
      int fd = connect_used (world);
      g_autoptr(Response) response = server_world_ask (fd, request);

      g_test_message ("%s -> %s", request, response->head);
      g_assert_cmpuint (response->status, ==, rows[i].status);
      close (fd);
    }
  g_assert_cmpuint (count_plain (world), ==, 0);
}

static void
test_fields (ServerWorld   *world,
             gconstpointer  data)
{
  g_autoptr(GString) many = g_string_new (HOST);
  g_autofree char *long_body = g_strnfill (1025, ' ');
  g_autofree char *too_many = NULL;
  g_autofree char *too_long = format_request (POST, HOST, long_body);
  g_autoptr(Response) refusal = NULL;
  g_autofree char *plain = format_request (POST, "hOST:h:8001  \r\nACCEPT:\t*/*\r\nContent-Type: \r\n", EVENT);
  g_autofree char *prefixed = format_request ("POST /api/v1/events HTTP/1.1\r\n", "Host: [::1]\r\n", EVENT);
  int fd = connect_used (world);

  g_test_summary ("Names in any case and blanks around values are plain; too much of anything is not");
  for (guint i = 0; i < 20; i++)
    g_string_append (many, "Accept: x\r\n");
  too_many = format_request (POST, many->str, EVENT);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr(Response) good = server_world_ask (fd, plain);
      g_autoptr(Response) other = server_world_ask (fd, prefixed);
      g_autoptr(Response) fields = server_world_ask (fd, too_many);
      g_autofree char *vary = response_dup_header (good, "Vary");

      g_assert_cmpuint (good->status, ==, 201);
      g_assert_cmpstr (vary, ==, "Origin");
      g_assert_cmpuint (other->status, ==, 201);
      g_assert_cmpuint (fields->status, ==, 201);
      g_assert_cmpuint (count_plain (world), ==, i + 1);
    }
  refusal = server_world_ask (fd, too_long);
  g_assert_cmpuint (refusal->status, ==, 413);
  g_assert_cmpuint (count_plain (world), ==, 2);
  close (fd);
}

static void
test_pieces (ServerWorld   *world,
             gconstpointer  data)
{
  g_autofree char *request = format_request (POST, HOST, EVENT);
  int fd = connect_used (world);

  g_test_summary ("What does not come whole goes to the library, wherever it is cut");
  for (gsize cut = 1; request[cut] != '\0'; cut++)
    {
      g_autoptr(Response) response = NULL;

      server_world_send (fd, request, cut);
      for (guint turn = 0; turn < 4; turn++)
        server_world_iterate ();
      response = server_world_ask (fd, request + cut);
      g_assert_cmpuint (response->status, ==, 201);
    }
  g_assert_cmpuint (count_plain (world), ==, 0);
  {
    g_autoptr(Response) whole = server_world_ask (fd, request);

    g_assert_cmpuint (whole->status, ==, 201);
    g_assert_cmpuint (count_plain (world), ==, 1);
  }
  close (fd);
}

/* --- by chance --- */

static const char *
pick (const char * const *strings,
      gsize               n_strings)
{
  return strings[g_test_rand_int_range (0, (int) n_strings)];
}

static GString *
make_body (void)
{
  GString *body = g_string_new ("{\"event_type\":\"quiz_started\",\"source\":\"test\",\"session_id\":\"s\",\"payload\":{\"a\":[1,2]}}");

  switch (g_test_rand_int_range (0, 5))
    {
    case 0:
      g_string_truncate (body, (gsize) g_test_rand_int_range (0, (int) body->len));
      break;
    case 1:
      body->str[g_test_rand_int_range (0, (int) body->len)] = (char) g_test_rand_int_range (0, 256);
      break;
    case 2:
      for (int i = g_test_rand_int_range (0, 1200); i > 0; i--)
        g_string_append_c (body, ' ');
      break;
    default:
      break;
    }

  return body;
}

/* The first half of each list is plain. */
static char *
make_head (gsize body_size)
{
  static const char * const lines[] = {
    "POST /events HTTP/1.1", "POST /api/v1/events HTTP/1.1", "POST /events HTTP/1.0", "POST /events?a=b HTTP/1.1",
  };
  static const char * const hosts[] = { "h", "example.org:8001", "[::1]", "h:99999" };
  static const char * const fields[] = {
    "Accept: */*", "user-agent:test\t", "CONTENT-TYPE: text/plain", "Connection: keep-alive", "X-API-Key: x", "Authorization: Bearer y",
    "Connection: close", "Origin: https://app.example.org", "Origin: null", "Whatever: x", "Range: bytes=0-3", "Idempotency-Key: \"",
  };
  g_autoptr(GString) head = g_string_new (NULL);
  gsize divisor = g_test_rand_bit () ? 2 : 1;

  g_string_append_printf (head, "%s\r\nHost: %s\r\n", pick (lines, G_N_ELEMENTS (lines) / divisor),
                          pick (hosts, G_N_ELEMENTS (hosts) / divisor));
  for (int i = g_test_rand_int_range (0, 4); i > 0; i--)
    g_string_append_printf (head, "%s\r\n", pick (fields, G_N_ELEMENTS (fields) / divisor));
  g_string_append_printf (head, "Content-Length: %" G_GSIZE_FORMAT "\r\n", body_size);
  return g_string_free (g_steal_pointer (&head), FALSE);
}

static Response *
send_made (int           fd,
           const char   *head,
           const char   *odd,
           const GString *body)
{
  g_autoptr(GString) request = g_string_new (head);

  g_string_append_printf (request, "%s\r\n", odd);
  g_string_append_len (request, body->str, (gssize) body->len);
  server_world_send (fd, request->str, (gssize) request->len);
  return server_world_receive (fd);
}

static void
test_by_chance (ServerWorld   *world,
                gconstpointer  data)
{
  int plain = connect_used (world);
  int seen = connect_used (world);

  g_test_summary ("Whatever is sent, a header that the library has to look at changes nothing in the answer");
  for (guint round = 0; round < 400; round++)
    {
      g_autoptr(GString) body = make_body ();
      g_autofree char *head = make_head (body->len);
      g_autoptr(Response) with = NULL;
      g_autoptr(Response) without = send_made (plain, head, "", body);
      guint64 n_plain = count_plain (world);

      with = send_made (seen, head, "X-Odd: 1\r\n", body);
      g_assert_cmpuint (count_plain (world), ==, n_plain);
      assert_equal (with, without);

      /* Where one has ended, both have. */
      if (without->status >= 400 || strstr (head, "close") != NULL || strstr (head, "1.0\r") != NULL)
        {
          close (plain);
          close (seen);
          plain = connect_used (world);
          seen = connect_used (world);
        }
    }
  g_assert_cmpuint (count_plain (world), >, 50);
  close (plain);
  close (seen);
}

/* All answers, in one piece. */
static char *
receive_answers (int   fd,
                 guint n_answers)
{
  GString *bytes = g_string_new (NULL);
  guint n_found = 0;

  while (n_found < n_answers)
    {
      char buffer[65536];
      gssize received = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);

      g_assert_cmpint (received, !=, 0);
      if (received > 0)
        g_string_append_len (bytes, buffer, received);
      else
        server_world_iterate ();

      n_found = 0;
      for (const char *at = bytes->str; (at = strstr (at, "HTTP/1.1 ")) != NULL; at++)
        n_found++;
    }

  return g_string_free (bytes, FALSE);
}

static void
test_expectation (ServerWorld   *world,
                  gconstpointer  data)
{
  g_autofree char *request = format_request (POST, HOST "Expect: 100-continue\r\n", EVENT);
  int fd = connect_used (world);
  g_autofree char *answers = NULL;

  server_world_send (fd, request, -1);
  answers = receive_answers (fd, 2);
  g_assert_true (g_str_has_prefix (answers, "HTTP/1.1 100"));
  g_assert_nonnull (strstr (answers, "HTTP/1.1 201"));
  g_assert_cmpuint (count_plain (world), ==, 0);
  close (fd);
}

static void
test_order (ServerWorld   *world,
            gconstpointer  data)
{
  g_autofree char *request = format_request (POST, HOST, EVENT);
  g_autofree char *at_once = g_strconcat (request, "GET /health HTTP/1.1\r\n" HOST "\r\n", request, NULL);
  int fd = connect_used (world);

  g_test_summary ("Answers come in the order of the requests, whoever serves them");
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *together = NULL;
      g_autofree char *after = NULL;
      const char *health;

      server_world_send (fd, at_once, -1);
      together = receive_answers (fd, 3);
      g_assert_true (g_str_has_prefix (together, "HTTP/1.1 201"));
      g_assert_nonnull (strstr (together, "HTTP/1.1 200"));
      g_assert_cmpuint (count_plain (world), ==, i);

      /* The second comes while the first is in work. */
      server_world_send (fd, request, -1);
      server_world_wait (count_plain (world) == i + 1);
      server_world_send (fd, "GET /health HTTP/1.1\r\n" HOST "\r\n", -1);
      after = receive_answers (fd, 2);
      health = strstr (after, "HTTP/1.1 200");
      g_assert_true (g_str_has_prefix (after, "HTTP/1.1 201"));
      g_assert_nonnull (health);
    }
  close (fd);
  server_world_wait (server_world_get_number (world, "connections") == 0);
}

static void
test_keys (ServerWorld   *world,
           gconstpointer  data)
{
  g_autofree char *good = format_request (POST, HOST "X-API-Key: open sesame\r\n", EVENT);
  g_autofree char *bearer = format_request (POST, HOST "Authorization: Bearer open sesame\r\n", EVENT);
  g_autofree char *bad = format_request (POST, HOST "X-API-Key: open barley\r\n", EVENT);
  g_autofree char *none = format_request (POST, HOST, EVENT);
  const char *refused[] = { bad, none };
  int fd = connect_used (world);

  {
    g_autoptr(Response) by_key = server_world_ask (fd, good);
    g_autoptr(Response) by_bearer = server_world_ask (fd, bearer);

    g_assert_cmpuint (by_key->status, ==, 201);
    g_assert_cmpuint (by_bearer->status, ==, 201);
    g_assert_cmpuint (count_plain (world), ==, 2);
  }
  close (fd);

  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autoptr(Response) first = server_world_exchange (world, refused[i]);
      g_autoptr(Response) second = NULL;

      fd = connect_used (world);
      second = server_world_ask (fd, refused[i]);
      g_assert_cmpuint (second->status, ==, 401);
      assert_equal (first, second);
      close (fd);
    }
  g_assert_cmpuint (belfry_admission_get_tally (world->server->admission)->unauthorized, ==, 4);
  g_assert_cmpuint (count_plain (world), ==, 2);
}

static void
test_rates (ServerWorld   *world,
            gconstpointer  data)
{
  g_autofree char *request = format_request (POST, HOST, EVENT);
  const BelfryRate rate = { 3, 3600 * (gint64) G_USEC_PER_SEC };
  int fd = connect_used (world);

  g_test_summary ("Both ways count towards one limit, and each request counts once");
  belfry_rate_limiter_set_rate (belfry_admission_get_limiter (world->server->admission), BELFRY_RATE_CLASS_PUBLISH,
                                &rate);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr(Response) response = server_world_ask (fd, request);

      g_assert_cmpuint (response->status, ==, 201);
    }
  g_assert_cmpuint (count_plain (world), ==, 2);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr(Response) response = server_world_exchange (world, request);

      g_assert_cmpuint (response->status, ==, i == 0 ? 201 : 429);
    }
  {
    g_autoptr(Response) response = server_world_ask (fd, request);
    g_autofree char *retry_after = response_dup_header (response, "Retry-After");

    g_assert_cmpuint (response->status, ==, 429);
    g_assert_nonnull (retry_after);
  }
  g_assert_cmpuint (belfry_admission_get_tally (world->server->admission)->rate_limited, ==, 2);
  close (fd);
}

static void
test_unavailable (ServerWorld   *world,
                  gconstpointer  data)
{
  g_autofree char *request = format_request (POST, HOST, EVENT);
  int fd = connect_used (world);
  g_autoptr(Response) response = NULL;
  g_autoptr(Response) other = NULL;
  g_autofree char *retry_after = NULL;

  belfry_sqlite_store_close (world->store);
  response = server_world_ask (fd, request);
  other = server_world_exchange (world, request);
  assert_equal (response, other);
  retry_after = response_dup_header (response, "Retry-After");
  g_assert_cmpuint (response->status, ==, 503);
  g_assert_cmpstr (response->body, ==, "{\"detail\": \"Storage unavailable\"}");
  g_assert_cmpstr (retry_after, ==, "1");
  g_assert_cmpuint (count_plain (world), ==, 1);
  close (fd);
}

static void
test_vanishing (ServerWorld   *world,
                gconstpointer  data)
{
  g_autofree char *request = format_request (POST, HOST, EVENT);
  guint64 n_sent = 0;

  g_test_summary ("A client that goes while its event is in work leaves the event, and no connection");
  for (guint round = 0; round < 30; round++)
    {
      int fd = connect_used (world);

      server_world_send (fd, request, -1);
      n_sent++;
      server_world_wait (count_plain (world) == n_sent);
      if (round % 3 == 0)
        server_world_send (fd, request, strlen (request) / 2);
      if (round % 3 == 1)
        shutdown (fd, SHUT_WR);
      close (fd);
    }
  server_world_wait (server_world_get_number (world, "connections") == 0);
  g_assert_cmpuint (belfry_event_store_get_last_position (BELFRY_EVENT_STORE (world->store)), ==, n_sent);
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
  g_autofree char *request = format_request (POST, HOST, EVENT);
  int fd = connect_used (world);
  g_autoptr(Response) response = NULL;
  g_autofree char *connection = NULL;
  gboolean stopped = FALSE;

  g_test_summary ("What is in work when the server stops is answered, and the stop waits for it");
  server_world_send (fd, request, -1);
  server_world_wait (count_plain (world) == 1);
  g_assert_cmpuint (belfry_gate_get_n_in_work (world->server->gate), ==, 1);
  belfry_server_stop_async (world->server, NULL, stopped_cb, &stopped);
  response = server_world_receive (fd);
  connection = response_dup_header (response, "Connection");
  g_assert_cmpuint (response->status, ==, 201);
  g_assert_cmpstr (connection, ==, "close");
  server_world_wait (stopped);
  close (fd);
}

static void
on_drained (gpointer user_data)
{
  ServerWorld *world = user_data;

  g_assert_cmpuint (belfry_gate_get_n_in_work (world->server->gate), ==, 0);
  g_clear_pointer (&world->server->drain, belfry_drain_free);
}

static void
test_stop_with_more (ServerWorld   *world,
                     gconstpointer  data)
{
  g_autofree char *request = format_request (POST, HOST, EVENT);
  int fd = connect_used (world);
  g_autoptr(Response) response = NULL;

  g_test_summary ("What is read when nothing is in work any more, and the stop about to end, is waited for too");
  server_world_send (fd, request, -1);
  world->server->drain = belfry_drain_new (g_main_context_default (), belfry_server_get_sessions (world->server),
                                           world->server->gate, DRAIN_MSEC, on_drained, world);
  server_world_wait (world->server->drain == NULL);
  response = server_world_receive (fd);
  g_assert_cmpuint (response->status, ==, 201);
  close (fd);
}

static void
test_stop_with_slow_reader (ServerWorld   *world,
                            gconstpointer  data)
{
  BelfryHttpClock *clock = belfry_gate_get_clock (world->server->gate);
  g_autofree char *padding = g_strnfill (6000, 'x');
  g_autofree char *body = g_strdup_printf ("{\"event_type\":\"quiz_started\",\"source\":\"test\",\"payload\":{\"x\":\"%s\"}}", padding);
  g_autofree char *request = format_request (POST, HOST, body);
  int fd = connect_used (world);
  guint n_sent = 0;

  g_test_summary ("A client that pipelines and does not read is waited for, also by a stop, and loses no answer");
  while (belfry_http_clock_count (clock, BELFRY_HTTP_PHASE_WRITE) == 0)
    {
      server_world_send (fd, request, -1);
      n_sent++;
      g_assert_cmpuint (n_sent, <, 10000);
      server_world_wait (belfry_event_store_get_last_position (BELFRY_EVENT_STORE (world->store)) == n_sent);
      server_world_wait (belfry_gate_get_n_in_work (world->server->gate) == 0
                         || belfry_http_clock_count (clock, BELFRY_HTTP_PHASE_WRITE) > 0);
    }
  g_assert_cmpuint (count_plain (world), >, 0);
  g_assert_cmpuint (belfry_http_clock_count (clock, BELFRY_HTTP_PHASE_LINGER), ==, 0);

  /* As a stop does it, with more time than any machine needs. */
  g_cancellable_cancel (belfry_server_get_stopping (world->server));
  world->server->drain = belfry_drain_new (g_main_context_default (), belfry_server_get_sessions (world->server),
                                           world->server->gate, DRAIN_MSEC, on_drained, world);
  for (guint i = 0; i < 50; i++)
    server_world_iterate ();
  g_assert_nonnull (world->server->drain);
  for (guint i = 0; i < n_sent; i++)
    {
      g_autoptr(Response) response = server_world_receive (fd);

      g_assert_cmpuint (response->status, ==, 201);
      g_assert_cmpuint (response->length, >, strlen (padding));
    }
  server_world_wait (world->server->drain == NULL);
  close (fd);
}

static void
test_origins_change (ServerWorld   *world,
                     gconstpointer  data)
{
  static const char * const origins[] = { "https://app.example.org", NULL };
  g_autofree char *request = format_request (POST, HOST, EVENT);
  int fd = connect_used (world);
  g_autoptr(Response) before = server_world_ask (fd, request);
  g_autofree char *vary_before = response_dup_header (before, "Vary");
  g_autoptr(Response) after = NULL;
  g_autofree char *vary_after = NULL;
  g_autoptr(Response) refusal = NULL;
  g_autofree char *vary_refusal = NULL;

  g_test_summary ("Who may see answers holds from the next one on, also on connections that are open");
  g_object_set (world->server, "cors-origins", origins, NULL);
  after = server_world_ask (fd, request);
  vary_after = response_dup_header (after, "Vary");
  g_assert_null (vary_before);
  g_assert_cmpstr (vary_after, ==, "Origin");
  g_assert_cmpuint (server_world_get_number (world, "plain-requests"), ==, 2);

  refusal = server_world_ask (fd, "nonsense\r\n\r\n");
  vary_refusal = response_dup_header (refusal, "Vary");
  g_assert_cmpuint (refusal->status, ==, 400);
  g_assert_cmpstr (vary_refusal, ==, "Origin");
  close (fd);
}

static void
test_torn_down (ServerWorld   *world,
                gconstpointer  data)
{
  g_autofree char *request = format_request (POST, HOST, EVENT);
  int fd = connect_used (world);

  g_test_summary ("A server that goes with requests in work leaves nothing behind");
  server_world_send (fd, request, -1);
  server_world_wait (count_plain (world) == 1);
  g_clear_object (&world->server);
  close (fd);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  server_world_test ("/plain-request/answers-like-the-library", set_up, test_same_answers);
  server_world_test ("/plain-request/answers-like-the-library-to-few-origins", set_up_strict, test_same_answers);
  server_world_test ("/plain-request/leaves-the-rest-to-the-library", set_up_strict, test_left_to_library);
  server_world_test ("/plain-request/fields", set_up_strict, test_fields);
  server_world_test ("/plain-request/in-pieces", set_up, test_pieces);
  server_world_test ("/plain-request/by-chance", set_up_strict, test_by_chance);
  server_world_test ("/plain-request/expectation", set_up, test_expectation);
  server_world_test ("/plain-request/keeps-order", set_up, test_order);
  server_world_test ("/plain-request/keys", set_up_guarded, test_keys);
  server_world_test ("/plain-request/rates", set_up, test_rates);
  server_world_test ("/plain-request/store-gone", set_up, test_unavailable);
  server_world_test ("/plain-request/client-vanishes", set_up, test_vanishing);
  server_world_test ("/plain-request/stop-waits", set_up, test_stop);
  server_world_test ("/plain-request/stop-waits-for-more", set_up, test_stop_with_more);
  server_world_test ("/plain-request/stop-waits-for-a-slow-reader", set_up, test_stop_with_slow_reader);
  server_world_test ("/plain-request/origins-change", set_up, test_origins_change);
  server_world_test ("/plain-request/torn-down", set_up, test_torn_down);

  return g_test_run ();
}
