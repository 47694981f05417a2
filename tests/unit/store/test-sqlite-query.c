/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include <sqlite3.h>

#include "belfry-filter-private.h"
#include "belfry-sqlite-scan-private.h"
#include "store-fixture.h"

static const char *const types[] = { "quiz_started", "quiz_completed", "timer_tick", "purchase", "rare" };
static const char *const sessions[] = { NULL, "s1", "s2", "s3", "", "s1 " };
static const char *const users[] = { NULL, "u1", "u2", "u3", "u4" };
static const char *const tiers[] = { NULL, "premium", "basic", "" };
static const double amounts[] = { -1, 0, 0.1, 99.99, 100, 1e300, 5e-324, 9007199254740993.0 };

/* What a step may look at, rows or lists, and the types of a filter with many. */
#define MAX_STEP_LOOKS 20000
#define N_TYPES        500

#define PICK(array) array[g_test_rand_int_range (0, G_N_ELEMENTS (array))]

static BelfryEvent *
make_random_event (void)
{
  const char *type = types[g_test_rand_int_range (0, 100) < 97 ? g_test_rand_int_range (0, 4) : 4];
  double amount = PICK (amounts);

  return make_rich_event (type, PICK (sessions), PICK (users), PICK (tiers),
                          g_test_rand_bit () ? &amount : NULL);
}

static void
append_random (Fixture *fixture,
               guint    n_events)
{
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < n_events; i++)
    g_ptr_array_add (events, make_random_event ());
  append (fixture->store, events, &error);
  g_assert_no_error (error);
}

static BelfryFilter *
make_random_filter (void)
{
  const char *some_types[4] = { NULL }, *some_tiers[3] = { NULL };
  g_autoptr(GError) error = NULL;
  double amount = PICK (amounts);
  BelfryFilter *filter;
  int n_types = g_test_rand_int_range (0, 4), n_tiers = g_test_rand_int_range (-2, 3);

  for (int i = 0; i < n_types; i++)
    some_types[i] = g_test_rand_int_range (0, 12) == 0 ? "unknown" : PICK (types);
  for (int i = 0; i < n_tiers; i++)
    some_tiers[i] = tiers[1 + g_test_rand_int_range (0, 2)];

  filter = belfry_filter_new_checked (n_types > 0 ? some_types : NULL,
                                      g_test_rand_bit () ? PICK (sessions) : NULL,
                                      g_test_rand_bit () ? PICK (users) : NULL,
                                      n_tiers > 0 ? some_tiers : NULL,
                                      g_test_rand_int_range (0, 3) == 0 ? &amount : NULL,
                                      &error);
  g_assert_no_error (error);

  return filter;
}

static gboolean
is_wanted (BelfryFilter *filter,
           BelfryEvent  *event)
{
  return filter == NULL || belfry_filter_matches (filter, event);
}

static void
check_query (Fixture      *fixture,
             BelfryFilter *filter)
{
  guint64 n_events = fixture->committed->len;
  gint64 since_usec = g_test_rand_bit () ? g_test_rand_int_range (0, (int) fixture->now_usec + 10) : G_MININT64;
  guint64 before = g_test_rand_bit () ? (guint64) g_test_rand_int_range (0, (int) n_events + 10) : 0;
  guint limit = (guint) g_test_rand_int_range (1, g_test_rand_bit () ? 10 : 3000);
  guint64 floor = belfry_event_store_get_floor (BELFRY_EVENT_STORE (fixture->store));
  g_autoptr(GPtrArray) found = query (fixture->store, filter, since_usec, before, limit);
  guint n_found = 0;

  for (guint64 i = n_events; i >= floor && n_found < limit; i--)
    {
      BelfryEvent *event = g_ptr_array_index (fixture->committed, i - 1);

      g_assert_cmpuint (belfry_event_get_position (event), ==, i);
      if ((before != 0 && i >= before) || belfry_event_get_timestamp_usec (event) <= since_usec ||
          !is_wanted (filter, event))
        continue;
      g_assert_cmpuint (n_found, <, found->len);
      g_assert_cmpstr (belfry_event_get_json (g_ptr_array_index (found, n_found)), ==, belfry_event_get_json (event));
      n_found++;
    }
  g_assert_cmpuint (found->len, ==, n_found);
}

static void
check_reading (Fixture      *fixture,
               BelfryFilter *filter)
{
  guint64 n_events = fixture->committed->len;
  guint64 after = (guint64) g_test_rand_int_range (0, (int) n_events + 1), reached = after;
  guint64 through = g_test_rand_bit () ? G_MAXUINT64 : after + (guint64) g_test_rand_int_range (0, 500);
  guint64 floor = belfry_event_store_get_floor (BELFRY_EVENT_STORE (fixture->store));
  g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  guint n_found = 0;

  while (reached < MIN (through, n_events))
    {
      g_autoptr(BelfryLogPage) page = read_page (fixture->store, filter, reached, through,
                                                 (guint) g_test_rand_int_range (1, 200),
                                                 (gsize) g_test_rand_int_range (1, 100000));

      g_assert_cmpuint (page->next, >, reached);
      g_assert_cmpuint (page->lost, ==, reached + 1 < floor ? MIN (floor - 1, through) - reached : 0);
      reached = page->next;
      for (guint i = 0; i < page->events->len; i++)
        g_ptr_array_add (found, belfry_event_ref (g_ptr_array_index (page->events, i)));
    }

  for (guint64 i = MAX (after + 1, floor); i <= MIN (through, n_events); i++)
    {
      BelfryEvent *event = g_ptr_array_index (fixture->committed, i - 1);

      if (!is_wanted (filter, event))
        continue;
      g_assert_cmpuint (n_found, <, found->len);
      g_assert_cmpuint (belfry_event_get_position (g_ptr_array_index (found, n_found)), ==, i);
      n_found++;
    }
  g_assert_cmpuint (found->len, ==, n_found);
}

static void
test_agrees_with_filter (void)
{
  Fixture fixture;

  g_test_summary ("A query and a page hold exactly the events that belfry_filter_matches() wants, while blocks get their index and deletes go on");
  fixture_set_up (&fixture);
  fixture.is_busy = TRUE;
  fixture_set_time (&fixture, 1000);
  fixture_open (&fixture);

  for (guint round = 0; round < 150; round++)
    {
      g_autoptr(BelfryFilter) filter = round % 10 == 0 ? NULL : make_random_filter ();

      fixture_set_time (&fixture, fixture.now_usec + g_test_rand_int_range (0, 50));
      append_random (&fixture, (guint) g_test_rand_int_range (1, 60));
      check_query (&fixture, filter);
      check_query (&fixture, NULL);
      check_reading (&fixture, filter);
      if (round % 25 == 24)
        delete_before (fixture.store, g_test_rand_int_range (900, (int) fixture.now_usec));
      if (round % 40 == 39)
        {
          fixture_settle (&fixture);
          check_query (&fixture, filter);
        }
    }
  fixture_close (&fixture);
  fixture_verify (&fixture);

  fixture_tear_down (&fixture);
}

static void
test_long_log (void)
{
  Fixture fixture;
  g_autoptr(BelfryFilter) filter = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("Searches that take many steps find everything");
  fixture_set_up (&fixture);
  fixture_set_time (&fixture, 1000);
  fixture_open (&fixture);
  for (guint i = 0; i < 9; i++)
    append_random (&fixture, 5000);

  filter = belfry_filter_new_from_json ("{\"min_amount\":1e300,\"user_tiers\":[\"basic\"],\"user_id\":\"u3\"}", -1, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 3; i++)
    {
      check_query (&fixture, filter);
      check_reading (&fixture, filter);
      check_query (&fixture, NULL);
    }

  fixture_tear_down (&fixture);
}

/* The rows that a search looked at. */
static guint64
search (Fixture      *fixture,
        BelfryFilter *filter,
        guint         limit,
        guint        *n_found)
{
  g_autoptr(BelfrySqliteLog) log = fixture_load_log (fixture);
  g_autoptr(GPtrArray) events = NULL;
  g_autoptr(GError) error = NULL;
  BelfrySqliteView view;
  BelfrySqliteScan scan;
  guint64 n_rows;

  belfry_sqlite_view_init (&view, log);
  belfry_sqlite_scan_init (&scan, filter, TRUE, 0, G_MAXINT64, limit, G_MAXSIZE);
  while (!scan.is_done)
    {
      belfry_sqlite_scan_step (&scan, &view, &error);
      g_assert_no_error (error);
    }
  events = belfry_sqlite_scan_seal (&scan);
  *n_found = events->len;
  n_rows = scan.n_rows;
  belfry_sqlite_scan_clear (&scan);
  belfry_sqlite_view_clear (&view);

  return n_rows;
}

static void
test_looks_at_few_rows (void)
{
  static const struct
  {
    const char *json;
    guint       limit;
    guint       n_found;
    guint64     max_rows;
  } cases[] = {
    { "{}", 100, 100, 100 },
    { "{\"session_id\":\"few\"}", 1000, 20, 20 },
    { "{\"user_id\":\"some\"}", 1000, 200, 200 },
    { "{\"session_id\":\"few\",\"user_id\":\"some\"}", 1000, 20, 20 },
    { "{\"session_id\":\"many\",\"user_id\":\"some\"}", 1000, 180, 180 },
    { "{\"session_id\":\"few\",\"event_types\":[\"timer_tick\"]}", 1000, 20, 20 },
    { "{\"event_types\":[\"quiz_started\"],\"session_id\":\"many\"}", 1000, 2, 2 },
    { "{\"event_types\":[\"quiz_started\",\"timer_tick\"]}", 100, 100, 100 },
    { "{\"event_types\":[\"never_seen\"]}", 100, 0, 0 },
    { "{\"session_id\":\"never seen\"}", 100, 0, 0 },
    { "{\"session_id\":\"few\",\"min_amount\":1}", 100, 0, 0 },
  };
  Fixture fixture;

  g_test_summary ("Of a long log a search looks at the rows that it finds, and at no others");
  fixture_set_up (&fixture);
  fixture.is_busy = TRUE;
  fixture_open (&fixture);
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
      g_autoptr(GError) error = NULL;

      for (guint j = 0; j < 1000; j++)
        g_ptr_array_add (events, make_event (j == 500 && i < 2 ? "quiz_started" : "timer_tick",
                                             j == 0 ? "few" : "many", j < 10 ? "some" : NULL, NULL));
      append (fixture.store, events, &error);
      g_assert_no_error (error);
    }
  fixture_settle (&fixture);
  fixture_close (&fixture);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(BelfryFilter) filter = belfry_filter_new_from_json (cases[i].json, -1, &error);
      guint64 n_rows;
      guint n_found;

      g_assert_no_error (error);
      n_rows = search (&fixture, filter, cases[i].limit, &n_found);
      g_test_message ("%s: %u found in %" G_GUINT64_FORMAT " rows", cases[i].json, n_found, n_rows);
      g_assert_cmpuint (n_found, ==, cases[i].n_found);
      g_assert_cmpuint (n_rows, <=, cases[i].max_rows);
    }

  fixture_tear_down (&fixture);
}

static void
test_reads_few_chunks_of_amounts (void)
{
  static const struct
  {
    double  least;
    guint   limit;
    guint   n_found;
    guint64 max_chunks;
  } cases[] = {
    { 1000, 1000, 70, 6 },
    { 1001, 1000, 0, 6 },
    { 1, 3000, 3000, 6 },
  };
  const double one = 1, thousand = 1000;
  Fixture fixture;

  g_test_summary ("For amounts that few events have a search reads one chunk for each look at a block, for others those of few parts");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  for (guint i = 0; i < 14; i++)
    {
      g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
      g_autoptr(GError) error = NULL;

      for (guint j = 0; j < 4700; j++)
        g_ptr_array_add (events, make_rich_event ("timer_tick", NULL, NULL, NULL, j % 1000 == 40 ? &thousand : &one));
      append (fixture.store, events, &error);
      g_assert_no_error (error);
    }
  while (get_counter (fixture.store, "tail-events") >= BELFRY_SQLITE_BLOCK_MAX)
    g_assert_true (check (fixture.store, NULL));
  fixture_close (&fixture);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(BelfrySqliteLog) log = fixture_load_log (&fixture);
      g_autofree char *json = g_strdup_printf ("{\"min_amount\":%g}", cases[i].least);
      g_autoptr(GError) error = NULL;
      g_autoptr(BelfryFilter) filter = belfry_filter_new_from_json (json, -1, &error);
      BelfrySqliteView view;
      BelfrySqliteScan scan;

      g_assert_no_error (error);
      belfry_sqlite_view_init (&view, log);
      belfry_sqlite_scan_init (&scan, filter, TRUE, 0, G_MAXINT64, cases[i].limit, G_MAXSIZE);
      while (!scan.is_done)
        g_assert_true (belfry_sqlite_scan_step (&scan, &view, &error));
      g_test_message ("%s: %u found with %" G_GUINT64_FORMAT " chunks", json, scan.n_found, scan.n_chunks);
      g_assert_cmpuint (scan.n_found, ==, cases[i].n_found);
      g_assert_cmpuint (scan.n_rows, ==, cases[i].n_found);
      g_assert_cmpuint (scan.n_chunks, <=, cases[i].max_chunks);
      belfry_sqlite_scan_clear (&scan);
      belfry_sqlite_view_clear (&view);
    }

  fixture_tear_down (&fixture);
}

/* Looks for @json in steps, each of which does a bounded part of the work. */
static guint
search_in_steps (Fixture    *fixture,
                 const char *json)
{
  g_autoptr(BelfrySqliteLog) log = fixture_load_log (fixture);
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryFilter) filter = belfry_filter_new_from_json (json, -1, &error);
  guint n_steps = 0;
  BelfrySqliteView view;
  BelfrySqliteScan scan;

  g_assert_no_error (error);
  belfry_sqlite_view_init (&view, log);
  belfry_sqlite_scan_init (&scan, filter, TRUE, 0, G_MAXINT64, 100, G_MAXSIZE);
  for (; !scan.is_done; n_steps++)
    {
      guint64 n_rows = scan.n_rows, n_lists = scan.n_lists;

      belfry_sqlite_scan_step (&scan, &view, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (scan.n_rows - n_rows, <=, MAX_STEP_LOOKS);
      g_assert_cmpuint (scan.n_lists - n_lists, <=, MAX_STEP_LOOKS + N_TYPES);
    }
  g_assert_cmpuint (scan.n_found, ==, 0);
  belfry_sqlite_scan_clear (&scan);
  belfry_sqlite_view_clear (&view);

  return n_steps;
}

static void
test_bounds_steps (void)
{
  const double amount = 1000000.2;
  Fixture fixture;
  g_autoptr(GString) json = g_string_new ("{\"min_amount\":2000000,\"event_types\":[");
  g_autoptr(GError) error = NULL;

  g_test_summary ("However many candidates are false, and however many names a filter has, a step does a bounded number of looks");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  for (guint i = 0; i < 14; i++)
    {
      g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);

      for (guint j = 0; j < 5000; j++)
        {
          g_autofree char *type = g_strdup_printf ("type_%u", j);

          g_ptr_array_add (events, make_rich_event (i == 0 && j < N_TYPES ? type : "timer_tick",
                                                    NULL, NULL, NULL, &amount));
        }
      append (fixture.store, events, &error);
      g_assert_no_error (error);
    }
  fixture_close (&fixture);

  /* These amounts have the same key. */
  g_assert_cmpuint (search_in_steps (&fixture, "{\"min_amount\":1000000.3}"), >=, 3);

  for (guint i = 0; i < N_TYPES; i++)
    g_string_append_printf (json, "%s\"type_%u\"", i > 0 ? "," : "", i);
  g_string_append (json, "]}");
  search_in_steps (&fixture, json->str);

  fixture_tear_down (&fixture);
}

static void
test_plans_use_no_scan (void)
{
  Fixture fixture;
  g_autoptr(BelfrySqliteLog) log = NULL;
  g_autoptr(GError) error = NULL;
  BelfrySqliteView view;

  g_test_summary ("SQLite answers every statement of the readers by search, without a sorter");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  fixture_close (&fixture);

  log = belfry_sqlite_log_new (fixture.path);
  belfry_sqlite_view_init (&view, log);
  belfry_sqlite_view_begin (&view, &error);
  g_assert_no_error (error);
  for (guint i = BELFRY_SQLITE_VIEW_AT; i < BELFRY_SQLITE_VIEW_N_STATEMENTS; i++)
    {
      sqlite3_stmt *stmt = belfry_sqlite_view_ensure (&view, i, &error);
      g_autofree char *sql = g_strconcat ("EXPLAIN QUERY PLAN ", sqlite3_sql (stmt), NULL);
      g_autoptr(sqlite3_stmt) plan = belfry_sqlite_prepare (view.db, sql, &error);
      gboolean has_row;

      g_assert_no_error (error);
      while (belfry_sqlite_next (plan, &has_row, &error) && has_row)
        {
          const char *detail = (const char *) sqlite3_column_text (plan, 3);

          g_assert_false (g_str_has_prefix (detail, "USE TEMP B-TREE"));
          g_assert_true (!g_str_has_prefix (detail, "SCAN"));
        }
      g_assert_no_error (error);
    }
  belfry_sqlite_view_end (&view);
  belfry_sqlite_view_clear (&view);

  fixture_tear_down (&fixture);
}

/* Asks for everything below @before_position; says whether the answer was cut, and where to go on. */
static guint
ask_below (Fixture  *fixture,
           guint64  *before_position,
           guint     limit,
           gboolean *was_cut)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GPtrArray) events = NULL;
  g_autoptr(GError) error = NULL;

  belfry_event_store_query_async (BELFRY_EVENT_STORE (fixture->store), NULL, G_MININT64, *before_position, limit,
                                  NULL, catch_result, &result);
  wait_for (&result);
  events = belfry_event_store_query_finish (BELFRY_EVENT_STORE (fixture->store), result, &error);
  g_assert_no_error (error);
  *was_cut = belfry_event_store_query_was_cut (BELFRY_EVENT_STORE (fixture->store), result);
  if (events->len > 0)
    *before_position = belfry_event_get_position (g_ptr_array_index (events, events->len - 1));

  return events->len;
}

static void
test_bounds_bytes (void)
{
  Fixture fixture;
  guint64 before_position = 0;
  guint n_found = 0, n_queries = 0;
  gboolean was_cut;

  g_test_summary ("An answer ends with the event that reaches the bound in bytes, and says so; nothing is missed");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  append_many (fixture.store, 50, "many");

  g_assert_cmpuint (ask_below (&fixture, &before_position, 100, &was_cut), ==, 50);
  g_assert_false (was_cut);

  g_object_set (fixture.store, "max-query-bytes", (guint64) 1, NULL);
  before_position = 0;
  do
    {
      guint n_more = ask_below (&fixture, &before_position, 100, &was_cut);

      g_assert_cmpuint (n_more, ==, 1);
      n_found += n_more;
      n_queries++;
    }
  while (was_cut && n_queries < 100);
  g_assert_cmpuint (n_found, ==, 50);
  g_assert_cmpuint (get_counter (fixture.store, "queries-cut"), ==, 49);

  /* An answer that is full is not cut. */
  before_position = 0;
  g_assert_cmpuint (ask_below (&fixture, &before_position, 1, &was_cut), ==, 1);
  g_assert_false (was_cut);

  fixture_tear_down (&fixture);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/sqlite-query/agrees-with-filter", test_agrees_with_filter);
  g_test_add_func ("/sqlite-query/of-a-long-log", test_long_log);
  g_test_add_func ("/sqlite-query/looks-at-few-rows", test_looks_at_few_rows);
  g_test_add_func ("/sqlite-query/reads-few-chunks-of-amounts", test_reads_few_chunks_of_amounts);
  g_test_add_func ("/sqlite-query/bounds-steps", test_bounds_steps);
  g_test_add_func ("/sqlite-query/bounds-bytes", test_bounds_bytes);
  g_test_add_func ("/sqlite-query/plans-use-no-scan", test_plans_use_no_scan);

  return g_test_run ();
}
