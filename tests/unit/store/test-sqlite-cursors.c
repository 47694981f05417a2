/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "store-fixture.h"

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture_set_up (fixture);
  fixture_open (fixture);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  fixture_tear_down (fixture);
}

static void
move (Fixture    *fixture,
      const char *name,
      guint64     position,
      guint64     count)
{
  const BelfryKeptCursor cursor = { position, count };

  belfry_cursor_keeper_move (BELFRY_CURSOR_KEEPER (fixture->store), name, &cursor);
}

static void
assert_cursor (Fixture    *fixture,
               const char *name,
               guint64     position,
               guint64     count)
{
  BelfryKeptCursor cursor = { 0 };

  g_assert_true (belfry_cursor_keeper_find (BELFRY_CURSOR_KEEPER (fixture->store), name, &cursor));
  g_assert_cmpuint (cursor.position, ==, position);
  g_assert_cmpuint (cursor.count, ==, count);
}

/* What the file says, as somebody would find it after a crash now. */
static guint64
read_file (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(sqlite3) db = belfry_sqlite_open (fixture->path, BELFRY_SQLITE_READER, &error);
  gint64 position = 0;

  g_assert_no_error (error);
  g_assert_true (belfry_sqlite_read_number (db, "SELECT max(position) FROM cursor", &position, &error));
  return (guint64) position;
}

static void
test_names (Fixture       *fixture,
            gconstpointer  data)
{
  BelfryKeptCursor cursor;

  g_assert_false (belfry_cursor_keeper_find (BELFRY_CURSOR_KEEPER (fixture->store), "one", &cursor));
  move (fixture, "one", 5, 4);
  move (fixture, "other", 7, 0);
  assert_cursor (fixture, "one", 5, 4);
  assert_cursor (fixture, "other", 7, 0);
}

static void
test_reopen (Fixture       *fixture,
             gconstpointer  data)
{
  move (fixture, "one", 5, 4);
  move (fixture, "one", 6, 5);
  fixture_close (fixture);
  fixture_open (fixture);
  assert_cursor (fixture, "one", 6, 5);
  fixture_verify (fixture);
}

static void
test_rest (Fixture       *fixture,
           gconstpointer  data)
{
  move (fixture, "one", 5, 4);
  while (read_file (fixture) != 5)
    g_main_context_iteration (NULL, FALSE);
  move (fixture, "one", 9, 4);
  while (read_file (fixture) != 9)
    g_main_context_iteration (NULL, FALSE);
}

static void
test_append (Fixture       *fixture,
             gconstpointer  data)
{
  move (fixture, "one", 5, 4);
  append_many (fixture->store, 1, NULL);
  g_assert_cmpuint (read_file (fixture), ==, 5);
}

static void
test_count (Fixture       *fixture,
            gconstpointer  data)
{
  BelfryCursorKeeper *keeper = BELFRY_CURSOR_KEEPER (fixture->store);

  g_assert_cmpuint (belfry_cursor_keeper_count_after (keeper, 0), ==, 0);
  append_many (fixture->store, 5, NULL);
  g_assert_cmpuint (belfry_cursor_keeper_count_after (keeper, 0), ==, 5);
  g_assert_cmpuint (belfry_cursor_keeper_count_after (keeper, 3), ==, 2);
  g_assert_cmpuint (belfry_cursor_keeper_count_after (keeper, 9), ==, 0);
  g_assert_cmpuint (delete_before (fixture->store, G_MAXINT64), ==, 5);
  g_assert_cmpuint (belfry_cursor_keeper_count_after (keeper, 0), ==, 0);
}

static void
test_refuses (Fixture       *fixture,
              gconstpointer  data)
{
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(GError) error = NULL;

  g_ptr_array_add (events, make_event ("quiz_started", NULL, NULL, "{}"));
  g_object_set (fixture->store, "refuses-appends", TRUE, NULL);
  g_assert_false (append (fixture->store, events, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);
  g_object_set (fixture->store, "refuses-appends", FALSE, NULL);
  g_assert_true (append (fixture->store, events, NULL));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  silence_log ();

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)
  ADD ("/store/cursors/each-name-has-its-own", test_names);
  ADD ("/store/cursors/a-close-keeps-them", test_reopen);
  ADD ("/store/cursors/a-log-at-rest-keeps-them-before-long", test_rest);
  ADD ("/store/cursors/an-append-takes-them-along", test_append);
  ADD ("/store/cursors/what-lies-behind-one-is-counted", test_count);
  ADD ("/store/append/is-refused-while-somebody-says-so", test_refuses);
#undef ADD

  return g_test_run ();
}
