/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* A page of the index is damaged: what can wait is set aside, appends go on, and the store says so. */

#include <stdio.h>
#include <string.h>

#include <glib/gstdio.h>
#include <sqlite3.h>

#include "store-fixture.h"

#define PATIENCE_USEC (20 * G_USEC_PER_SEC)

/* Rows that a busy store keeps in memory, and those that come with one append. */
#define TAIL_ROWS 200
#define MAX_RUN   100

/* The page of @table that its next row goes to. */
static guint
find_last_page (Fixture    *fixture,
                const char *table,
                gsize      *page_size)
{
  g_autofree char *sql = g_strdup_printf ("SELECT rootpage FROM sqlite_schema WHERE name = '%s'", table);
  g_autofree char *contents = NULL;
  g_autoptr(sqlite3) db = NULL;
  g_autoptr(GError) error = NULL;
  const guint8 *page;
  gint64 number;

  db = belfry_sqlite_open (fixture->path, BELFRY_SQLITE_WRITER, &error);
  g_assert_no_error (error);
  g_assert_cmpint (sqlite3_wal_checkpoint_v2 (db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL), ==, SQLITE_OK);
  belfry_sqlite_read_number (db, "PRAGMA page_size", &number, &error);
  g_assert_no_error (error);
  *page_size = (gsize) number;
  belfry_sqlite_read_number (db, sql, &number, &error);
  g_assert_no_error (error);

  /* An inner page tells its rightmost child in its header. */
  g_assert_true (g_file_get_contents (fixture->path, &contents, NULL, NULL));
  while (page = (const guint8 *) contents + ((gsize) number - 1) * *page_size, page[0] == 5)
    number = page[8] << 24 | page[9] << 16 | page[10] << 8 | page[11];

  return (guint) number;
}

static void
damage (Fixture    *fixture,
        const char *table)
{
  guint8 bytes[64];
  gsize page_size;
  guint page = find_last_page (fixture, table, &page_size);
  FILE *file = g_fopen (fixture->path, "r+b");

  memset (bytes, 0xff, sizeof bytes);
  g_assert_nonnull (file);
  g_assert_cmpint (fseek (file, (long) ((page - 1) * page_size), SEEK_SET), ==, 0);
  g_assert_cmpuint (fwrite (bytes, 1, sizeof bytes, file), ==, sizeof bytes);
  g_assert_cmpint (fclose (file), ==, 0);
}

/* Until the store says that a part of it is damaged. */
static void
wait_for_damage (Fixture *fixture)
{
  gint64 end_usec = g_get_monotonic_time () + PATIENCE_USEC;

  for (;;)
    {
      g_autoptr(GError) error = NULL;

      if (!check (fixture->store, &error))
        {
          g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT);
          g_assert_cmpuint (get_counter (fixture->store, "chores-set-aside"), >, 0);
          return;
        }
      g_assert_cmpint (g_get_monotonic_time (), <, end_usec);
    }
}

static void
assert_finds (Fixture    *fixture,
              const char *session_id,
              guint       n_events)
{
  g_autoptr(BelfryFilter) filter = belfry_filter_new (NULL, session_id, NULL);
  g_autoptr(GPtrArray) events = query (fixture->store, filter, G_MININT64, 0, n_events);

  g_assert_cmpuint (events->len, ==, n_events);
}

static void
test_damaged_index (void)
{
  Fixture fixture;
  guint64 last;

  g_test_summary ("With a damaged index events are still appended and found, memory stays bounded, and the store tells");
  fixture_set_up (&fixture);
  fixture.is_busy = TRUE;
  fixture_open (&fixture);
  for (guint i = 0; i < 30; i++)
    append_many (fixture.store, MAX_RUN, "before");
  fixture_settle (&fixture);
  g_assert_true (check (fixture.store, NULL));
  g_assert_cmpuint (get_counter (fixture.store, "chores-set-aside"), ==, 0);
  last = belfry_event_store_get_last_position (BELFRY_EVENT_STORE (fixture.store));
  fixture_close (&fixture);
  damage (&fixture, "chunk");

  for (guint round = 0; round < 2; round++)
    {
      fixture_open (&fixture);
      for (guint i = 0; i < 20; i++)
        {
          append_many (fixture.store, MAX_RUN, "after");
          g_assert_cmpuint (get_counter (fixture.store, "tail-events"), <=, TAIL_ROWS + 2 * MAX_RUN);
        }
      wait_for_damage (&fixture);
      last += 20 * MAX_RUN;
      g_assert_cmpuint (belfry_event_store_get_last_position (BELFRY_EVENT_STORE (fixture.store)), ==, last);
      assert_finds (&fixture, "after", (round + 1) * 20 * MAX_RUN);
      fixture_close (&fixture);
    }

  fixture_tear_down (&fixture);
}

static void
test_damaged_rows (void)
{
  Fixture fixture;

  g_test_summary ("When deleted events cannot be reclaimed appends go on");
  fixture_set_up (&fixture);
  fixture.is_busy = TRUE;
  fixture_open (&fixture);
  for (guint i = 0; i < 30; i++)
    append_many (fixture.store, MAX_RUN, "before");
  fixture_settle (&fixture);
  fixture_close (&fixture);
  damage (&fixture, "chunk");

  fixture_open (&fixture);
  delete_before (fixture.store, G_MAXINT64);
  wait_for_damage (&fixture);
  append_many (fixture.store, MAX_RUN, "after");
  assert_finds (&fixture, "after", MAX_RUN);

  fixture_tear_down (&fixture);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  silence_log ();

  g_test_add_func ("/sqlite-damage/of-the-index", test_damaged_index);
  g_test_add_func ("/sqlite-damage/of-what-is-deleted", test_damaged_rows);

  return g_test_run ();
}
