/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "belfry-sqlite-import-private.h"
#include "belfry-sqlite-log-private.h"
#include "store-fixture.h"

#define N_ROWS 3000

/* In place of the C library's: a file system without second names. */
static gboolean links_are_refused;

int
link (const char *from,
      const char *to)
{
  if (!links_are_refused)
    return linkat (AT_FDCWD, from, AT_FDCWD, to, 0);

  errno = EPERM;

  return -1;
}

typedef struct
{
  GCancellable *cancellable;  /* cancelled at the percentage below, when it is not NULL */
  guint         cancel_percent;
  gboolean      refuses_types;
  guint         percent;
  guint         n_calls;
  char         *types;
} Hooks;

static void
on_progress (const BelfrySqliteImportProgress *progress,
             gpointer                          user_data)
{
  Hooks *hooks = user_data;

  g_assert_cmpuint (progress->percent, >=, hooks->percent);
  g_assert_cmpuint (progress->percent, <=, 100);
  g_assert_cmpuint (progress->n_done, <=, progress->n_rows);
  hooks->percent = progress->percent;
  hooks->n_calls++;
  if (hooks->cancellable != NULL && progress->percent >= hooks->cancel_percent)
    g_cancellable_cancel (hooks->cancellable);
}

static gboolean
keep_types (GPtrArray  *names,
            gpointer    user_data,
            GError    **error)
{
  Hooks *hooks = user_data;

  g_ptr_array_add (names, NULL);
  hooks->types = g_strjoinv (" ", (char **) names->pdata);
  g_ptr_array_set_size (names, (int) names->len - 1);
  if (hooks->refuses_types)
    g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "No");

  return !hooks->refuses_types;
}

/* A row a second, from the last to the first. */
static void
make_pipeline (const char *path)
{
  g_autoptr(sqlite3) db = NULL;

  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db,
                                 "CREATE TABLE events (id TEXT PRIMARY KEY, event_type TEXT, source TEXT, session_id TEXT,"
                                 " user_id TEXT, payload TEXT, timestamp TEXT);"
                                 "CREATE TABLE event_stats (event_type TEXT PRIMARY KEY, count INTEGER, last_seen TEXT);"
                                 "WITH RECURSIVE n (i) AS (SELECT 2999 UNION ALL SELECT i - 1 FROM n WHERE i > 0)"
                                 " INSERT INTO events SELECT printf ('evt_%012x', i), iif (i % 2, 'odd', 'even'), 'test',"
                                 " 'session-' || (i % 7), iif (i % 3, 'user-' || (i % 100), NULL), '{\"n\": ' || i || '}',"
                                 " datetime (1768473000 + i, 'unixepoch') FROM n;",
                                 NULL, NULL, NULL), ==, SQLITE_OK);
}

static BelfrySqliteImportReport *
run (const char  *path,
     Hooks       *hooks,
     GError     **error)
{
  const BelfrySqliteImportHooks callbacks = { on_progress, keep_types, hooks };

  g_assert_true (belfry_sqlite_import_is_wanted (path));

  return belfry_sqlite_import_run (path, &callbacks, hooks->cancellable, error);
}

static guint
count_files (const char *folder)
{
  g_autoptr(GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

static void
assert_event (BelfrySqliteStore *store,
              guint              number)
{
  g_autofree char *id = g_strdup_printf ("evt_%012x", number);
  g_autofree char *payload = g_strdup_printf ("{\"n\":%u}", number);
  g_autoptr(BelfryEvent) event = NULL;
  g_autoptr(GError) error = NULL;

  event = look_up (store, id, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (belfry_event_get_id (event), ==, id);
  g_assert_cmpuint (belfry_event_get_position (event), ==, number + 1);
  g_assert_cmpstr (belfry_event_get_payload (event), ==, payload);
  g_assert_cmpint (belfry_event_get_timestamp_usec (event), ==, (G_GINT64_CONSTANT (1768473000) + number) * G_USEC_PER_SEC);
  g_assert_nonnull (strstr (belfry_event_get_json (event), id));
}

static void
test_takes_everything_over (void)
{
  Fixture fixture;
  Hooks hooks = { NULL };
  g_autoptr(BelfrySqliteImportReport) report = NULL;
  g_autoptr(BelfryFilter) filter = belfry_filter_new (NULL, "session-3", NULL);
  g_autoptr(GPtrArray) events = NULL;
  g_autoptr(BelfryStoreStats) stats = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("Rows come over in the order of their times, under their ids, and are found by id and by filter");
  fixture_set_up (&fixture);
  make_pipeline (fixture.path);
  report = run (fixture.path, &hooks, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (report->n_rows, ==, N_ROWS);
  g_assert_cmpuint (report->n_imported, ==, N_ROWS);
  g_assert_cmpuint (report->n_left + report->n_new_ids + report->n_new_times, ==, 0);
  g_assert_cmpstr (hooks.types, ==, "even odd");
  g_assert_cmpuint (hooks.percent, ==, 95);
  g_assert_false (belfry_sqlite_import_is_wanted (fixture.path));
  fixture_verify (&fixture);

  fixture_open (&fixture);
  assert_event (fixture.store, 0);
  assert_event (fixture.store, 1234);
  assert_event (fixture.store, N_ROWS - 1);
  events = query (fixture.store, filter, G_MININT64, 0, 1000);
  g_assert_cmpuint (events->len, ==, N_ROWS / 7 + 1);
  stats = get_stats (fixture.store);
  g_assert_cmpuint (stats->total_events, ==, N_ROWS);
  append_many (fixture.store, 10, "session-3");
  fixture_close (&fixture);
  fixture_verify (&fixture);

  g_free (hooks.types);
  fixture_tear_down (&fixture);
}

static void
test_cancelled_leaves_the_old_file (void)
{
  static const guint percents[] = { 0, 10, 40, 70, 90, 95 };

  g_test_summary ("An import that is cancelled, wherever it is, leaves the old file and nothing else");
  for (guint i = 0; i < G_N_ELEMENTS (percents); i++)
    {
      g_autoptr(GCancellable) cancellable = g_cancellable_new ();
      g_autoptr(BelfrySqliteImportReport) report = NULL;
      Hooks hooks = { cancellable, percents[i], FALSE, 0, 0, NULL };
      g_autoptr(GError) error = NULL;
      Fixture fixture;

      fixture_set_up (&fixture);
      make_pipeline (fixture.path);
      report = run (fixture.path, &hooks, &error);
      g_assert_null (report);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_true (belfry_sqlite_import_is_wanted (fixture.path));
      g_assert_cmpuint (count_files (fixture.folder), ==, 2);  /* and the lock */
      g_free (hooks.types);
      fixture_tear_down (&fixture);
    }
}

static void
test_without_second_names (void)
{
  Fixture fixture;
  Hooks hooks = { NULL };
  g_autoptr(BelfrySqliteImportReport) report = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autofree char *taken_path = NULL;
  g_autoptr(GError) error = NULL;
  gsize n_before, n_after;

  g_test_summary ("Where a file can have one name only, the backup is a copy");
  fixture_set_up (&fixture);
  make_pipeline (fixture.path);
  taken_path = g_strconcat (fixture.path, ".pipeline-backup", NULL);
  g_assert_true (g_file_set_contents (taken_path, "taken", -1, NULL));
  g_assert_true (g_file_get_contents (fixture.path, &before, &n_before, NULL));
  links_are_refused = TRUE;
  report = run (fixture.path, &hooks, &error);
  links_are_refused = FALSE;
  g_assert_no_error (error);
  g_assert_true (g_str_has_suffix (report->backup_path, ".pipeline-backup-1"));
  g_assert_true (g_file_get_contents (report->backup_path, &after, &n_after, NULL));
  g_assert_cmpmem (before, n_before, after, n_after);
  g_assert_cmpuint (count_files (fixture.folder), ==, 4);
  fixture_verify (&fixture);
  g_assert_false (belfry_sqlite_import_is_wanted (fixture.path));

  g_free (hooks.types);
  fixture_tear_down (&fixture);
}

static void
test_rows_in_any_order (void)
{
  Fixture fixture;
  Hooks hooks = { NULL };
  g_autoptr(BelfrySqliteImportReport) report = NULL;
  g_autoptr(sqlite3) db = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("Rows that lie in no order, with gaps of all sizes, come over in the order of their times");
  fixture_set_up (&fixture);
  make_pipeline (fixture.path);
  g_assert_cmpint (sqlite3_open (fixture.path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db,
                                 "CREATE TABLE shuffled AS SELECT * FROM events;"
                                 "DELETE FROM events; INSERT INTO events SELECT * FROM shuffled ORDER BY"
                                 " (CAST (strftime ('%s', timestamp) AS INTEGER) * 7919) % 3001;"
                                 "UPDATE events SET rowid = rowid + 1000000 WHERE rowid % 3 = 0;"
                                 "UPDATE events SET rowid = rowid * 40 + 10000000 WHERE rowid % 3 = 1 AND rowid < 3001;",
                                 NULL, NULL, NULL), ==, SQLITE_OK);
  g_clear_pointer (&db, sqlite3_close);
  report = run (fixture.path, &hooks, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (report->n_imported, ==, N_ROWS);
  fixture_verify (&fixture);

  fixture_open (&fixture);
  for (guint i = 0; i < N_ROWS; i += 17)
    assert_event (fixture.store, i);
  fixture_close (&fixture);

  g_free (hooks.types);
  fixture_tear_down (&fixture);
}

static void
test_types_that_cannot_be_kept_end_it (void)
{
  Fixture fixture;
  Hooks hooks = { .refuses_types = TRUE };
  g_autoptr(BelfrySqliteImportReport) report = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("Nothing is replaced when the types cannot be kept");
  fixture_set_up (&fixture);
  make_pipeline (fixture.path);
  report = run (fixture.path, &hooks, &error);
  g_assert_null (report);
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);
  g_assert_true (belfry_sqlite_import_is_wanted (fixture.path));
  g_assert_cmpuint (count_files (fixture.folder), ==, 2);

  g_free (hooks.types);
  fixture_tear_down (&fixture);
}

static void
test_skipped_positions_are_passed_over (void)
{
  static const BelfrySqliteRange ranges[] = { { 3, 3 }, { 4, 6 }, { 10, 10 }, { 1000, 2000 } };
  g_autoptr(BelfrySqliteLog) log = belfry_sqlite_log_new ("no file");
  guint64 barrier;

  g_test_summary ("The next free position, and how far it goes on from there");
  g_assert_cmpuint (belfry_sqlite_log_find_free (log, 5, &barrier), ==, 5);
  g_assert_cmpuint (barrier, ==, G_MAXUINT64);
  g_array_append_vals (log->skipped, ranges, G_N_ELEMENTS (ranges));

  g_assert_cmpuint (belfry_sqlite_log_find_free (log, 1, &barrier), ==, 1);
  g_assert_cmpuint (barrier, ==, 3);
  g_assert_cmpuint (belfry_sqlite_log_find_free (log, 3, &barrier), ==, 7);
  g_assert_cmpuint (barrier, ==, 10);
  g_assert_cmpuint (belfry_sqlite_log_find_free (log, 10, &barrier), ==, 11);
  g_assert_cmpuint (barrier, ==, 1000);
  g_assert_cmpuint (belfry_sqlite_log_find_free (log, 1500, &barrier), ==, 2001);
  g_assert_cmpuint (barrier, ==, G_MAXUINT64);
  g_assert_cmpuint (belfry_sqlite_log_count_used (log, 1, 11), ==, 6);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/sqlite-import/takes-everything-over", test_takes_everything_over);
  g_test_add_func ("/sqlite-import/cancelled/leaves-the-old-file", test_cancelled_leaves_the_old_file);
  g_test_add_func ("/sqlite-import/without-second-names", test_without_second_names);
  g_test_add_func ("/sqlite-import/rows-in-any-order", test_rows_in_any_order);
  g_test_add_func ("/sqlite-import/types-that-cannot-be-kept-end-it", test_types_that_cannot_be_kept_end_it);
  g_test_add_func ("/sqlite-import/skipped-positions-are-passed-over", test_skipped_positions_are_passed_over);

  return g_test_run ();
}
