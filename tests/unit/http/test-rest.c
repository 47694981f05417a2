/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include <json-glib/json-glib.h>

#include "server-world.h"

#define EVENT(session) "{\"event_type\":\"quiz_started\",\"source\":\"test\",\"session_id\":\"" session "\",\"payload\":{\"a\": 1}}"

static void
set_up (ServerWorld   *world,
        gconstpointer  data)
{
  server_world_set_up (world, "service-name", "event-pipeline", NULL);
}

static void
tear_down (ServerWorld   *world,
           gconstpointer  data)
{
  server_world_tear_down (world);
}

/* Status, and what the body must hold (NULL: anything). */
static void
check (ServerWorld *world,
       const char  *method,
       const char  *path,
       const char  *body,
       guint        status,
       const char  *holds)
{
  g_autoptr(Response) response = server_world_request (world, method, path, NULL, body);

  g_test_message ("%s %s %s: %u %s", method, path, body != NULL ? body : "", response->status, response->body);
  g_assert_cmpuint (response->status, ==, status);
  if (holds != NULL)
    g_assert_nonnull (strstr (response->body, holds));
}

static char *
publish (ServerWorld *world,
         const char  *body)
{
  g_autoptr(Response) response = server_world_request (world, "POST", "/api/v1/events", NULL, body);
  g_autoptr(JsonNode) node = json_from_string (response->body, NULL);

  g_assert_cmpuint (response->status, ==, 201);
  return g_strdup (json_object_get_string_member (json_node_get_object (node), "id"));
}

static void
publish_one (ServerWorld *world,
             const char  *body)
{
  g_free (publish (world, body));
}

static void
test_publish (ServerWorld   *world,
              gconstpointer  data)
{
  g_autofree char *id = publish (world, EVENT ("s1"));
  g_autofree char *path = g_strdup_printf ("/events/%s", id);

  g_assert_cmpuint (strlen (id), ==, 16);
  check (world, "GET", path, NULL, 200, "\"payload\":{\"a\":1}");
  check (world, "GET", "/api/v1/events/evt_000000000000", NULL, 404, "{\"detail\": \"Event not found\"}");
  check (world, "GET", "/events/nonsense", NULL, 404, "Event not found");
  check (world, "GET", "/events/%C3%28", NULL, 404, "Not Found");
}

static void
test_refuses_events (ServerWorld   *world,
                     gconstpointer  data)
{
  check (world, "POST", "/events", "{}", 422,
         "{\"detail\": [{\"loc\": [\"body\", \"event_type\"], \"msg\": \"Field required\", \"type\": \"missing\"}");
  check (world, "POST", "/events", "{}", 422, "[\"body\", \"source\"]");
  check (world, "POST", "/events", "{", 422,
         "{\"detail\": [{\"loc\": [\"body\"], \"msg\": \"Invalid JSON\", \"type\": \"json_invalid\"}]}");
  check (world, "POST", "/events", "", 422, "json_invalid");
  check (world, "POST", "/events", NULL, 422, "json_invalid");
  check (world, "POST", "/events", "{\"event_type\":\"nope\",\"source\":\"a\"}", 422, "nope");
}

static guint
count_items (Response *response)
{
  g_autoptr(JsonNode) node = json_from_string (response->body, NULL);

  return json_array_get_length (json_node_get_array (node));
}

static void
test_query (ServerWorld   *world,
            gconstpointer  data)
{
  g_autofree char *first = publish (world, EVENT ("s1"));
  g_autofree char *second = publish (world, EVENT ("s2"));
  g_autofree char *third = publish (world, EVENT ("s1"));
  g_autoptr(Response) all = server_world_request (world, "GET", "/events", NULL, NULL);
  g_autoptr(Response) one = server_world_request (world, "GET",
                                                  "/events?session_id=s1&event_type=quiz_started&user_id=&since=2020-01-01", NULL, NULL);

  g_assert_cmpuint (count_items (all), ==, 3);
  g_assert_true (strstr (all->body, third) < strstr (all->body, second));
  g_assert_true (strstr (all->body, second) < strstr (all->body, first));
  g_assert_cmpuint (count_items (one), ==, 2);
  check (world, "GET", "/events?session_id=s3", NULL, 200, "[]");
  check (world, "GET", "/events?event_type=never_registered", NULL, 200, "[]");
  check (world, "GET", "/events?since=2999-01-01T00:00:00+02:00", NULL, 200, "[]");
  check (world, "GET", "/events?unknown=1&limit=1", NULL, 200, third);
  check (world, "GET", "/events?min_amount=5", NULL, 200, "[]");
  check (world, "GET", "/events?user_tiers=premium,gold", NULL, 200, "[]");
}

static void
test_query_pages (ServerWorld   *world,
                  gconstpointer  data)
{
  g_autofree char *path = g_strdup ("/api/v1/events?limit=2&session_id=s%201");
  guint pages = 0;
  guint events = 0;

  g_test_summary ("The link leads through all that matches, newest first");
  for (guint i = 0; i < 5; i++)
    {
      publish_one (world, EVENT ("s 1"));
      publish_one (world, EVENT ("s 2"));
    }

  while (path != NULL)
    {
      g_autoptr(Response) response = server_world_request (world, "GET", path, NULL, NULL);
      g_autofree char *link = response_dup_header (response, "Link");
      char *end = link != NULL ? strstr (link, ">; rel=\"next\"") : NULL;

      g_assert_cmpuint (response->status, ==, 200);
      pages++;
      events += count_items (response);
      g_clear_pointer (&path, g_free);
      if (end != NULL)
        path = g_strndup (link + 1, end - link - 1);
    }
  g_assert_cmpuint (pages, ==, 3);
  g_assert_cmpuint (events, ==, 5);
}

static void
test_query_refuses (ServerWorld   *world,
                    gconstpointer  data)
{
  static const struct { const char *query; guint status; const char *holds; } rows[] = {
    { "limit=0", 422, "[\"query\", \"limit\"]" },
    { "limit=1001", 422, "less than or equal to 1000" },
    { "limit=-1", 422, "greater_than_equal" },
    { "limit=abc", 422, "int_parsing" },
    { "limit=", 422, "int_parsing" },
    { "limit=1.5", 422, "int_parsing" },
    { "limit=99999999999999999999", 422, "less_than_equal" },
    { "event_type=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeef", 422, "at most 50" },
    { "min_amount=x", 422, "min_amount" },
    { "min_amount=nan", 422, "min_amount" },
    { "min_amount=0x10", 422, "min_amount" },
    { "since=yesterday", 400, "{\"detail\": \"Invalid ISO 8601 timestamp for 'since'\"}" },
    { "cursor=abc", 400, "Unknown cursor" },
    { "session_id=%00", 400, "Invalid query string" },
    { "session_id=%C3%28", 400, "Invalid query string" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strconcat ("/events?", rows[i].query, NULL);

      check (world, "GET", path, NULL, rows[i].status, rows[i].holds);
    }
  check (world, "GET", "/events?limit=1000&event_type=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee", NULL,
         200, "[]");
}

static void
test_delete (ServerWorld   *world,
             gconstpointer  data)
{
  static const char * const refused[] = { "before=", "before=soon", "befor=2999-01-01", "before=2999-01-01&limit=1" };

  publish_one (world, EVENT ("s1"));
  publish_one (world, EVENT ("s1"));
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autofree char *path = g_strconcat ("/events?", refused[i], NULL);

      check (world, "DELETE", path, NULL, 400,
             i < 2 ? "{\"detail\": \"Invalid ISO 8601 timestamp for 'before'\"}" : "Unknown query parameter");
    }
  check (world, "DELETE", "/events?before=2020-01-01", NULL, 200, "{\"deleted\": 0}");
  check (world, "DELETE", "/api/v1/events", NULL, 200, "{\"deleted\": 2}");
  check (world, "GET", "/events", NULL, 200, "[]");
  check (world, "DELETE", "/events", NULL, 200, "{\"deleted\": 0}");
}

static void
test_state (ServerWorld   *world,
            gconstpointer  data)
{
  publish_one (world, EVENT ("s1"));
  check (world, "GET", "/stats", NULL, 200,
         "\"total_events\":1,\"events_last_hour\":1,\"by_type\":[{\"event_type\":\"quiz_started\",\"count\":1,\"last_seen\":\"");
  check (world, "GET", "/stats", NULL, 200, "\"active_subscribers\":0");
  check (world, "GET", "/stats", NULL, 200, "\"queue_size\":1");
  check (world, "GET", "/health", NULL, 200, "{\"status\":\"ok\",\"service\":\"event-pipeline\",\"version\":\"");
  check (world, "GET", "/health", NULL, 200, "\"components\":{\"database\":\"ok\"}");
  check (world, "GET", "/readiness", NULL, 200, "\"ready\":true,\"database\":\"connected\"");
  check (world, "GET", "/api/v1/ready", NULL, 200, "\"ready\":true");
  check (world, "GET", "/", NULL, 200, "<h1>Belfry</h1>");
}

static void
test_store_gone (ServerWorld   *world,
                 gconstpointer  data)
{
  g_test_summary ("Without its database the service says so and asks to come again");
  belfry_sqlite_store_close (world->store);

  check (world, "GET", "/health", NULL, 200, "\"status\":\"error\"");
  check (world, "GET", "/readiness", NULL, 503, "{\"ready\": false, \"database\": \"disconnected\"}");
  {
    g_autoptr(Response) response = server_world_request (world, "POST", "/events", NULL, EVENT ("s"));
    g_autofree char *retry = response_dup_header (response, "Retry-After");

    g_assert_cmpuint (response->status, ==, 503);
    g_assert_cmpstr (response->body, ==, "{\"detail\": \"Storage unavailable\"}");
    g_assert_nonnull (retry);
  }
}

static void
test_types (ServerWorld   *world,
            gconstpointer  data)
{
  g_autofree char *path = g_build_filename (world->folder, "types.conf", NULL);
  g_autoptr(BelfryTypeFile) file = belfry_type_file_new (path);
  g_autoptr(BelfryTypeFile) again = belfry_type_file_new (path);
  g_autoptr(BelfryEventTypeRegistry) registry = belfry_event_type_registry_new ();
  g_autoptr(GError) error = NULL;

  belfry_server_set_type_file (world->server, file);
  check (world, "GET", "/event-types", NULL, 200, "\"quiz_started\": \"Student started a quiz session\"");
  check (world, "POST", "/event-types", "{\"name\":\"bell.rung\",\"description\":\"A \\\"bell\\\" = rung\"}", 201,
         "{\"name\": \"bell.rung\", \"description\": \"A \\\"bell\\\" = rung\"}");
  check (world, "GET", "/event-types", NULL, 200, "\"bell.rung\": \"A \\\"bell\\\" = rung\"");
  check (world, "POST", "/events", "{\"event_type\":\"bell.rung\",\"source\":\"a\"}", 201, NULL);

  g_test_message ("What was registered is there after a restart");
  g_assert_true (belfry_type_file_load (again, registry, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (belfry_event_type_registry_get_description (registry, "bell.rung"), ==, "A \"bell\" = rung");

  check (world, "POST", "/event-types", "{\"name\":\"Bell\",\"description\":\"x\"}", 422, "\"body\"");
  check (world, "POST", "/event-types", "{\"name\":\"bell\"}", 422, "[\"body\", \"description\"]");
  check (world, "POST", "/event-types", "{\"name\":7,\"description\":\"x\"}", 422, "[\"body\", \"name\"]");
  check (world, "POST", "/event-types", "[]", 422, "dict_type");
  check (world, "POST", "/event-types", "{\"name\":\"bell\",\"description\":\"x\"} ]", 422, "json_invalid");
}

static void
test_type_file_fails (ServerWorld   *world,
                      gconstpointer  data)
{
  g_autofree char *path = g_build_filename (world->folder, "no", "such", "types.conf", NULL);
  g_autoptr(BelfryTypeFile) file = belfry_type_file_new (path);

  belfry_server_set_type_file (world->server, file);
  check (world, "POST", "/event-types", "{\"name\":\"bell\",\"description\":\"x\"}", 503, "Storage unavailable");
}

#define TEST(name, func) g_test_add (name, ServerWorld, NULL, set_up, func, tear_down)

/* The tests provoke what an operator is warned of. */
static GLogWriterOutput
swallow_log (GLogLevelFlags   level,
             const GLogField *fields,
             gsize            n_fields,
             gpointer         user_data)
{
  if (level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR))
    return g_log_writer_default (level, fields, n_fields, user_data);

  return G_LOG_WRITER_HANDLED;
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_log_set_writer_func (swallow_log, NULL, NULL);

  TEST ("/rest/publish/is-found-again", test_publish);
  TEST ("/rest/publish/refuses-with-every-problem", test_refuses_events);
  TEST ("/rest/query/filters", test_query);
  TEST ("/rest/query/link-leads-through-all", test_query_pages);
  TEST ("/rest/query/refuses-bad-parameters", test_query_refuses);
  TEST ("/rest/delete/only-when-understood", test_delete);
  TEST ("/rest/state", test_state);
  TEST ("/rest/state/store-gone", test_store_gone);
  TEST ("/rest/types/survive-a-restart", test_types);
  TEST ("/rest/types/not-answered-unless-kept", test_type_file_fails);

  return g_test_run ();
}
