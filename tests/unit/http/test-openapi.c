/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include <json-glib/json-glib.h>

#include "belfry-openapi-private.h"
#include "belfry-server-fields-private.h"
#include "server-world.h"

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

static JsonObject *
read_description (ServerWorld *world)
{
  g_autoptr(Response) response = server_world_request (world, "GET", "/openapi.json", NULL, NULL);
  g_autoptr(JsonNode) node = json_from_string (response->body, NULL);

  g_assert_cmpuint (response->status, ==, 200);
  g_assert_nonnull (node);
  return json_object_ref (json_node_get_object (node));
}

/* "GET /events/{}" and so on; a path of the description loses its prefix and the name in the braces. */
static char *
name_operation (const char *method,
                const char *path)
{
  g_autofree char *upper = g_ascii_strup (method, -1);
  g_autoptr(GString) text = g_string_new (g_str_has_prefix (path, "/api/v1/") ? path + strlen ("/api/v1") : path);
  char *open = strchr (text->str, '{');

  if (open != NULL)
    g_string_erase (text, open + 1 - text->str, strchr (open, '}') - open - 1);

  return g_strdup_printf ("%s %s", upper, text->str);
}

/* name of operation -> its object (borrowed) */
static GHashTable *
list_described (JsonObject *description)
{
  GHashTable *described = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  JsonObject *paths = json_object_get_object_member (description, "paths");
  g_autoptr(GList) names = json_object_get_members (paths);

  for (GList *path = names; path != NULL; path = path->next)
    {
      JsonObject *methods = json_object_get_object_member (paths, path->data);
      g_autoptr(GList) verbs = json_object_get_members (methods);

      for (GList *verb = verbs; verb != NULL; verb = verb->next)
        g_hash_table_insert (described, name_operation (verb->data, path->data),
                             json_object_get_object_member (methods, verb->data));
    }

  return described;
}

typedef struct
{
  GHashTable *described;
  guint       n_routes;
} Comparison;

static void
check_access (const BelfryRoute *route,
              const char        *name,
              JsonObject        *operation)
{
  JsonArray *security = json_object_has_member (operation, "security") ? json_object_get_array_member (operation, "security")
                                                                       : NULL;
  gboolean says_open = security != NULL && json_array_get_length (security) == 0;
  gboolean says_limited = json_object_has_member (operation, "x-rate-class");

  g_test_message ("%s", name);
  g_assert_cmpint (says_open, ==, (route->flags & BELFRY_ROUTE_OPEN) != 0);
  g_assert_cmpint (says_open, ==, !json_object_has_member (operation, "x-scope"));
  g_assert_cmpint (says_limited, ==, route->rate_class != BELFRY_RATE_CLASS_NONE);
}

static void
compare_route (const BelfryRoute *route,
               const char        *pattern,
               gpointer           user_data)
{
  Comparison *comparison = user_data;
  g_autofree char *name = name_operation (route->method, pattern);
  JsonObject *operation = g_hash_table_lookup (comparison->described, name);

  if (operation == NULL)
    g_test_message ("The route '%s' is missing from src/http/doors/openapi", name);
  g_assert_nonnull (operation);
  check_access (route, name, operation);
  comparison->n_routes++;
}

static void
test_routes (ServerWorld   *world,
             gconstpointer  data)
{
  g_autoptr(JsonObject) description = read_description (world);
  g_autoptr(GHashTable) described = list_described (description);
  Comparison comparison = { described, 0 };

  belfry_route_table_foreach (belfry_gate_get_routes (world->server->gate), compare_route, &comparison);
  g_assert_cmpuint (comparison.n_routes, ==, g_hash_table_size (described));
}

static char *
dup_etag (ServerWorld *world)
{
  g_autoptr(Response) response = server_world_request (world, "GET", "/openapi.json", NULL, NULL);

  return response_dup_header (response, "ETag");
}

static void
test_follows_changes (ServerWorld   *world,
                      gconstpointer  data)
{
  g_autofree char *first = dup_etag (world);
  g_autofree char *again = dup_etag (world);
  g_autofree char *with_type = NULL;
  g_autofree char *with_limit = NULL;

  g_assert_cmpstr (first, ==, again);

  g_assert_true (belfry_event_type_registry_register (world->registry, "bell", "A bell rang", NULL));
  with_type = dup_etag (world);
  g_assert_cmpstr (with_type, !=, first);

  g_object_set (world->server, "max-body-bytes", (guint64) 4321, NULL);
  with_limit = dup_etag (world);
  g_assert_cmpstr (with_limit, !=, with_type);
}

static void
test_full_registry (ServerWorld   *world,
                    gconstpointer  data)
{
  g_autoptr(JsonObject) description = NULL;
  JsonObject *schemas;
  guint n_types;

  for (guint i = 0; belfry_event_type_registry_get_n_types (world->registry) < 10000; i++)
    {
      g_autofree char *name = g_strdup_printf ("type_%044u", i);

      g_assert_true (belfry_event_type_registry_register (world->registry, name, "x", NULL));
    }

  description = read_description (world);
  schemas = json_object_get_object_member (json_object_get_object_member (description, "components"), "schemas");
  n_types = json_array_get_length (json_object_get_array_member (json_object_get_object_member (schemas, "EventType"),
                                                                 "enum"));
  g_assert_cmpuint (n_types, ==, 10000);
}

static void
test_no_types (void)
{
  g_auto(BelfryOpenapiFacts) facts = { .event_types = g_new0 (char *, 1) };
  g_autoptr(GBytes) text = belfry_openapi_build (&facts);
  g_autoptr(JsonNode) node = NULL;
  g_autofree char *copy = g_strndup (g_bytes_get_data (text, NULL), g_bytes_get_size (text));

  node = json_from_string (copy, NULL);
  g_assert_nonnull (node);
  g_assert_null (strchr (copy, '@'));
}

static void
check_file (ServerWorld *world,
            const char  *path,
            guint        status,
            const char  *content_type)
{
  g_autoptr(Response) response = server_world_request (world, "GET", path, NULL, NULL);
  g_autofree char *type = response_dup_header (response, "Content-Type");

  g_test_message ("%s: %u %s", path, response->status, type);
  g_assert_cmpuint (response->status, ==, status);
  g_assert_cmpstr (type, ==, content_type);
}

static void
test_static_files (ServerWorld   *world,
                   gconstpointer  data)
{
  check_file (world, "/", 200, "text/html; charset=utf-8");
  check_file (world, "/docs", 200, "text/html; charset=utf-8");
  check_file (world, "/static/docs.css", 200, "text/css; charset=utf-8");
  check_file (world, "/api/v1/static/docs.js", 200, "text/javascript; charset=utf-8");
  check_file (world, "/static/belfry.svg", 200, "image/svg+xml");
  check_file (world, "/static/docs.html", 404, "application/json");
  check_file (world, "/static/none.css", 404, "application/json");
}

static void
test_not_modified (ServerWorld   *world,
                   gconstpointer  data)
{
  g_autofree char *etag = dup_etag (world);
  g_autofree char *headers = g_strdup_printf ("If-None-Match: %s\r\n", etag);
  g_autoptr(Response) response = server_world_request (world, "GET", "/openapi.json", headers, NULL);

  g_assert_cmpuint (response->status, ==, 304);
  g_assert_cmpuint (response->length, ==, 0);
}

#define TEST(name, func) g_test_add (name, ServerWorld, NULL, set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  TEST ("/openapi/describes-every-route-and-no-other", test_routes);
  TEST ("/openapi/follows-types-and-limits", test_follows_changes);
  TEST ("/openapi/holds-a-full-registry", test_full_registry);
  g_test_add_func ("/openapi/holds-no-types-at-all", test_no_types);
  TEST ("/openapi/is-not-sent-twice", test_not_modified);
  TEST ("/pages/files-have-their-types", test_static_files);

  return g_test_run ();
}
