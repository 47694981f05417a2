/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-route-table-private.h"

static void
answer (BelfryServer  *server,
        BelfryRequest *request,
        gpointer       user_data)
{
}

static BelfryRouteTable *
make_table (void)
{
  BelfryRouteTable *table = belfry_route_table_new ();

  belfry_route_table_add (table, "GET", "/", BELFRY_ROUTE_OPEN, 0, 0, answer, (gpointer) "root", NULL);
  belfry_route_table_add (table, "GET", "/events", 0, 0, 0, answer, (gpointer) "list", NULL);
  belfry_route_table_add (table, "POST", "/events", 0, 0, 0, answer, (gpointer) "post", NULL);
  belfry_route_table_add (table, "GET", "/events/stream", BELFRY_ROUTE_EARLY, 0, 0, answer, (gpointer) "stream", NULL);
  belfry_route_table_add (table, "GET", "/events/{id}", 0, 0, 0, answer, (gpointer) "one", NULL);
  belfry_route_table_add (table, "POST", "/letters/{id}/replay", 0, 0, 0, answer, (gpointer) "replay", NULL);
  return table;
}

static void
test_matches (void)
{
  static const struct { const char *method, *path, *name, *param; } rows[] = {
    { "GET", "/", "root", NULL },
    { "GET", "/api/v1/", "root", NULL },
    { "GET", "/events", "list", NULL },
    { "HEAD", "/events", "list", NULL },
    { "POST", "/api/v1/events", "post", NULL },
    { "GET", "/events/stream", "stream", NULL },
    { "GET", "/events/evt_1", "one", "evt_1" },
    { "GET", "/api/v1/events/a%2Fb", "one", "a/b" },
    { "GET", "/%65vents", "list", NULL },
    { "POST", "/letters/7/replay", "replay", "7" },
  };
  g_autoptr(BelfryRouteTable) table = make_table ();

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto(BelfryRouteMatch) match = { 0 };

      g_test_message ("%s %s", rows[i].method, rows[i].path);
      belfry_route_table_match (table, rows[i].method, rows[i].path, &match);
      g_assert_nonnull (match.route);
      g_assert_cmpstr (match.route->user_data, ==, rows[i].name);
      g_assert_cmpstr (match.path_param, ==, rows[i].param);
    }
}

static void
test_unknown (void)
{
  static const char * const paths[] = {
    "", "/api/v1", "/api/v1x/events", "/nope", "/events/", "/events//", "/events/a/b", "/EVENTS", "/events/%zz", "/events%00",
    "/letters/7", "/letters//replay", "/letters/7/replay/", "/api/v1/api/v1/events",
  };
  g_autoptr(BelfryRouteTable) table = make_table ();

  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_auto(BelfryRouteMatch) match = { 0 };

      g_test_message ("%s", paths[i]);
      belfry_route_table_match (table, "GET", paths[i], &match);
      g_assert_null (match.route);
      g_assert_false (match.path_known);
    }
}

static void
test_tells_methods (void)
{
  g_autoptr(BelfryRouteTable) table = make_table ();
  g_auto(BelfryRouteMatch) match = { 0 };

  belfry_route_table_match (table, "PUT", "/events", &match);
  g_assert_null (match.route);
  g_assert_true (match.path_known);
  g_assert_cmpstr (match.allow, ==, "GET, HEAD, POST, OPTIONS");
}

static void
count_destroyed (gpointer data)
{
  ++*(int *) data;
}

static void
test_later_wins (void)
{
  BelfryRouteTable *table = make_table ();
  g_auto(BelfryRouteMatch) match = { 0 };
  int destroyed = 0;

  belfry_route_table_add (table, "GET", "/own", 0, 0, 0, answer, &destroyed, count_destroyed);
  belfry_route_table_add (table, "GET", "/own", 0, 0, 0, answer, &destroyed, count_destroyed);
  g_assert_cmpint (destroyed, ==, 1);
  belfry_route_table_add (table, "GET", "/events", 0, 0, 0, answer, (gpointer) "newer", NULL);
  belfry_route_table_match (table, "GET", "/events", &match);
  g_assert_cmpstr (match.route->user_data, ==, "newer");

  belfry_route_table_free (table);
  g_assert_cmpint (destroyed, ==, 2);
}

static void
test_outlives (void)
{
  g_autoptr(BelfryRouteTable) table = belfry_route_table_new ();
  BelfryRouteMatch match = { 0 };
  int destroyed = 0;

  g_test_summary ("Who has found a route keeps it, also when it is replaced");
  belfry_route_table_add (table, "GET", "/own", 0, 0, 0, answer, &destroyed, count_destroyed);
  belfry_route_table_match (table, "GET", "/own", &match);
  belfry_route_table_add (table, "GET", "/own", 0, 0, 0, answer, NULL, NULL);
  g_assert_cmpint (destroyed, ==, 0);
  g_assert_true (match.route->user_data == &destroyed);

  belfry_route_match_clear (&match);
  g_assert_cmpint (destroyed, ==, 1);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/route-table/matches", test_matches);
  g_test_add_func ("/route-table/unknown-paths", test_unknown);
  g_test_add_func ("/route-table/tells-methods", test_tells_methods);
  g_test_add_func ("/route-table/later-wins", test_later_wins);
  g_test_add_func ("/route-table/outlives-its-replacement", test_outlives);

  return g_test_run ();
}
