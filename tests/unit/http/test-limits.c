/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <json-glib/json-glib.h>

#include "server-world.h"

#define HANDSHAKE "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" \
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define CHUNKED   "Transfer-Encoding: chunked\r\n"

#define BIG_EVENTS 160

static void
set_up_strict (ServerWorld   *world,
               gconstpointer  data)
{
  static const char * const origins[] = { "https://app.example.org", NULL };

  server_world_set_up (world, "cors-origins", origins, "max-body-bytes", (guint64) 100000,
                       "max-answer-bytes", (guint64) 65536, NULL);
}

static void
set_up_guarded (ServerWorld   *world,
                gconstpointer  data)
{
  server_world_set_up (world, "require-auth", TRUE, "api-key", "open sesame", "max-body-bytes", (guint64) 100000,
                       NULL);
}

/* Bytes that were sent before the server let go of the connection; at most the maximum. */
static guint64
send_without_end (ServerWorld *world,
                  const char  *head,
                  guint64      maximum)
{
  g_autofree char *block = g_strnfill (65536, 'x');
  g_autofree char *chunk = g_strdup_printf ("10000\r\n%s\r\n", block);
  int fd = server_world_connect (world);
  guint64 sent = 0;

  server_world_send (fd, head, -1);
  while (sent < maximum)
    {
      server_world_send (fd, chunk, -1);
      sent += 65536;
      for (guint i = 0; i < 20; i++)
        g_main_context_iteration (NULL, FALSE);
      if (server_world_get_number (world, "connections") == 0)
        break;
    }
  close (fd);
  server_world_wait (server_world_get_number (world, "connections") == 0);
  return sent;
}

static void
check_refusals (ServerWorld        *world,
                const char * const *heads,
                gsize               n_heads,
                guint               status)
{
  for (gsize i = 0; i < n_heads; i++)
    {
      g_autoptr(Response) response = server_world_exchange (world, heads[i]);

      g_test_message ("%s -> %s", heads[i], response->head);
      g_assert_cmpuint (response->status, ==, status);
      server_world_wait (server_world_get_number (world, "connections") == 0);
      g_assert_cmpuint (send_without_end (world, heads[i], 64 * 1024 * 1024), <, 32 * 1024 * 1024);
    }
}

static void
test_early_refusals (ServerWorld   *world,
                     gconstpointer  data)
{
  static const char * const broken[] = { "POST /events?%ff HTTP/1.1\r\nHost: h\r\n" CHUNKED "\r\n" };
  static const char * const foreign[] = {
    "GET /ws/subscribe HTTP/1.1\r\nHost: h\r\nOrigin: https://evil.example\r\n" HANDSHAKE CHUNKED "\r\n",
    "GET /ws/publish HTTP/1.1\r\nHost: h\r\nOrigin: https://evil.example\r\nContent-Length: 5\r\n\r\n",
  };

  g_test_summary ("Who is refused before the body is answered at once, and cannot go on sending");
  check_refusals (world, broken, G_N_ELEMENTS (broken), 400);
  check_refusals (world, foreign, G_N_ELEMENTS (foreign), 403);
}

static void
test_without_key (ServerWorld   *world,
                  gconstpointer  data)
{
  static const char * const heads[] = {
    "GET /events/stream HTTP/1.1\r\nHost: h\r\n" CHUNKED "\r\n",
    "POST /events HTTP/1.1\r\nHost: h\r\n" CHUNKED "\r\n",
  };

  check_refusals (world, heads, G_N_ELEMENTS (heads), 401);
}

static void
test_unseen (ServerWorld   *world,
             gconstpointer  data)
{
  g_test_summary ("What the HTTP library refuses by itself is bounded as well");
  g_assert_cmpuint (send_without_end (world, "POST https://h/events HTTP/1.1\r\nHost: h\r\n" CHUNKED "\r\n",
                                      64 * 1024 * 1024), <, 32 * 1024 * 1024);
}

static void
test_slow_chunks (ServerWorld   *world,
                  gconstpointer  data)
{
  static const char * const pieces[] = {
    "POST /events HTTP/1.1\r\nHost: h\r\n" CHUNKED "\r\n", "10\r\n{\"event_type\":\"q", "\r\n1", "d\r\n",
    "uiz_started\",\"source\":\"test\"}", "\r\n", "0\r\n", "\r\n",
  };
  int fd = server_world_connect (world);
  g_autoptr(Response) response = NULL;

  g_test_summary ("A body that comes piece by piece is waited for");
  for (gsize i = 0; i < G_N_ELEMENTS (pieces); i++)
    {
      server_world_send (fd, pieces[i], -1);
      for (guint turn = 0; turn < 20; turn++)
        server_world_iterate ();
    }
  response = server_world_receive (fd);
  close (fd);
  g_assert_cmpuint (response->status, ==, 201);
}

/* --- answers --- */

static void
publish (ServerWorld *world,
         guint        number,
         gsize        size)
{
  g_autofree char *filler = g_strnfill (size, 'x');
  g_autofree char *body = g_strdup_printf ("{\"event_type\":\"quiz_started\",\"source\":\"test\",\"session_id\":\"s%u\","
                                           "\"payload\":{\"a\":\"%s\"}}", number, filler);
  g_autoptr(Response) response = server_world_request (world, "POST", "/events", NULL, body);

  g_assert_cmpuint (response->status, ==, 201);
}

static void
answer_with_long_header (BelfryServer  *server,
                         BelfryRequest *request,
                         gpointer       user_data)
{
  g_autofree char *value = g_strnfill (GPOINTER_TO_SIZE (user_data), 'x');

  belfry_request_set_response_header (request, "X-Long", value);
  belfry_request_respond_json (request, 200, "{}");
}

static void
test_long_heads (ServerWorld   *world,
                 gconstpointer  data)
{
  static const gsize lengths[] = { 100, 7900, 8100, 8192, 9000, 100000, 1000000 };

  g_test_summary ("A head of any length goes out, and the body behind it");
  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autoptr(Response) response = NULL;
      g_autofree char *value = NULL;

      belfry_server_add_route (world->server, "GET", "/long", answer_with_long_header,
                               GSIZE_TO_POINTER (lengths[i]), NULL);
      response = server_world_request (world, "GET", "/long", NULL, NULL);
      value = response_dup_header (response, "X-Long");
      g_assert_cmpuint (response->status, ==, 200);
      g_assert_cmpuint (strlen (value), ==, lengths[i]);
      g_assert_cmpstr (response->body, ==, "{}");
    }
}

static void
test_link (ServerWorld   *world,
           gconstpointer  data)
{
  g_autofree char *noise = g_strnfill (9000, 'x');
  g_autofree char *path = g_strdup_printf ("/events?limit=1&x=%s&user_id=&event_type=quiz_started&Limit=7", noise);
  g_autoptr(Response) response = NULL;
  g_autofree char *link = NULL;

  g_test_summary ("The way to the next page repeats what the query understands and nothing else");
  publish (world, 1, 10);
  publish (world, 2, 10);
  response = server_world_request (world, "GET", path, NULL, NULL);
  link = response_dup_header (response, "Link");

  g_assert_cmpuint (response->status, ==, 200);
  g_assert_true (g_str_has_prefix (link, "</events?limit=1&user_id=&event_type=quiz_started&cursor="));
  g_assert_cmpuint (strlen (link), <, 200);
}

static char *
dup_next_path (Response *response)
{
  g_autofree char *link = response_dup_header (response, "Link");

  return link != NULL ? g_strndup (link + 1, strcspn (link, ">") - 1) : NULL;
}

static void
test_cut_pages (ServerWorld   *world,
                gconstpointer  data)
{
  g_autofree char *path = g_strdup ("/events?limit=4");
  guint n_pages = 0;
  guint expected = 9;

  g_test_summary ("A page that its bytes have ended leads on to the next one, without a gap or a repeat");
  for (guint i = 0; i < 10; i++)
    publish (world, i, 1000);
  g_object_set (world->store, "max-query-bytes", (guint64) 2000, NULL);

  while (path != NULL)
    {
      g_autoptr(Response) response = server_world_request (world, "GET", path, NULL, NULL);
      g_autoptr(JsonNode) node = json_from_string (response->body, NULL);
      JsonArray *page = json_node_get_array (node);

      g_assert_cmpuint (response->status, ==, 200);
      g_assert_cmpuint (json_array_get_length (page), <, 4);
      for (guint i = 0; i < json_array_get_length (page); i++)
        {
          g_autofree char *session = g_strdup_printf ("s%u", expected--);

          g_assert_cmpstr (json_object_get_string_member (json_array_get_object_element (page, i), "session_id"), ==,
                           session);
        }
      n_pages++;
      g_free (path);
      path = dup_next_path (response);
    }
  g_assert_cmpuint (expected, ==, G_MAXUINT);
  g_assert_cmpuint (n_pages, >=, 5);
}

static void
test_unread_answers (ServerWorld   *world,
                     gconstpointer  data)
{
  int fd = server_world_connect (world);
  const int small = 4096;
  g_autoptr(Response) refused = NULL;
  g_autoptr(Response) served = NULL;
  g_autofree char *retry_after = NULL;

  g_test_summary ("Answers that nobody reads take the room of others only up to a bound, and give it back");
  for (guint i = 0; i < BIG_EVENTS; i++)
    publish (world, i, 60000);

  setsockopt (fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  server_world_send (fd, "GET /events?limit=1000 HTTP/1.1\r\nHost: h\r\n\r\n", -1);
  server_world_wait (server_world_get_number (world, "answer-bytes") > BIG_EVENTS * 60000);

  refused = server_world_request (world, "GET", "/events?limit=1", NULL, NULL);
  retry_after = response_dup_header (refused, "Retry-After");
  g_assert_cmpuint (refused->status, ==, 503);
  g_assert_cmpstr (retry_after, ==, "1");
  g_assert_cmpstr (refused->body, ==, "{\"detail\": \"Too many answers under way\"}");
  g_assert_cmpuint (server_world_get_number (world, "answers-refused"), ==, 1);

  close (fd);
  server_world_wait (server_world_get_number (world, "answer-bytes") == 0);
  served = server_world_request (world, "GET", "/events?limit=1000", NULL, NULL);
  g_assert_cmpuint (served->status, ==, 200);
  g_assert_cmpuint (served->length, >, BIG_EVENTS * 60000);
  server_world_wait (server_world_get_number (world, "answer-bytes") == 0);
}

static void
test_full_registry (ServerWorld   *world,
                    gconstpointer  data)
{
  g_autoptr(Response) response = NULL;
  gboolean is_full = FALSE;

  g_test_summary ("No waiting makes room for a type: it is not told to try again");
  for (guint i = 0; !is_full; i++)
    {
      g_autofree char *name = g_strdup_printf ("type_%u", i);

      is_full = !belfry_event_type_registry_register (world->registry, name, "One of many", NULL);
    }
  response = server_world_request (world, "POST", "/event-types", NULL,
                                   "{\"name\":\"one_more\",\"description\":\"One more\"}");
  g_assert_cmpuint (response->status, ==, 422);
  g_assert_nonnull (strstr (response->body, "[\"body\", \"name\"]"));
  g_assert_nonnull (strstr (response->body, "\"type\": \"too_many\""));
}

/* --- routes --- */

static void
answer_with_data (BelfryServer  *server,
                  BelfryRequest *request,
                  gpointer       user_data)
{
  belfry_request_respond_detail (request, 200, user_data);
}

static void
test_routes_while_serving (ServerWorld   *world,
                           gconstpointer  data)
{
  static const char * const methods[] = { "PUT", "PATCH", "DELETE", "GET", "BREW", "COOK", "BAKE", "STIR", "POST" };
  int fd = server_world_connect (world);
  g_autoptr(Response) response = NULL;

  g_test_summary ("A request whose body is on its way goes to the route that its headers named");
  belfry_server_add_route (world->server, "POST", "/own", answer_with_data, g_strdup ("older"), g_free);
  server_world_send (fd, "POST /own HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{", -1);
  server_world_wait (server_world_get_number (world, "requests") == 1);
  for (gsize i = 0; i < G_N_ELEMENTS (methods); i++)
    belfry_server_add_route (world->server, methods[i], "/own", answer_with_data, g_strdup ("newer"), g_free);
  response = server_world_ask (fd, "}");
  close (fd);
  g_assert_cmpstr (response->body, ==, "{\"detail\": \"older\"}");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  server_world_test ("/limits/early-refusals", set_up_strict, test_early_refusals);
  server_world_test ("/limits/without-key", set_up_guarded, test_without_key);
  server_world_test ("/limits/unseen-requests", set_up_strict, test_unseen);
  server_world_test ("/limits/slow-chunks", set_up_strict, test_slow_chunks);
  server_world_test ("/limits/long-heads", set_up_strict, test_long_heads);
  server_world_test ("/limits/link", set_up_strict, test_link);
  server_world_test ("/limits/cut-pages", set_up_strict, test_cut_pages);
  server_world_test ("/limits/unread-answers", set_up_strict, test_unread_answers);
  server_world_test ("/limits/full-registry", set_up_strict, test_full_registry);
  server_world_test ("/limits/routes-while-serving", set_up_strict, test_routes_while_serving);

  return g_test_run ();
}
