/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* What waits behind an append is bounded: each portion of an index, of reclaiming and of a checkpoint. Work is counted
 * here, not time. */

#include "belfry-sqlite-appender-private.h"
#include "belfry-sqlite-checkpointer-private.h"
#include "fault-vfs.h"
#include "store-fixture.h"

#define PATIENCE_USEC (20 * G_USEC_PER_SEC)

#define N_BLOCK      (1 << BELFRY_SQLITE_MIN_BLOCK_BITS)
#define RECLAIM_ROWS 9

#define N_TYPES   23
#define TYPE_ROWS 5

/* Pages of the log at which a checkpoint begins, and how many of them a writer may be left. */
#define SOFT_PAGES 200
#define FEW_PAGES  50
#define MAX_PAGES  (4 * SOFT_PAGES)

static gint64
count (sqlite3    *db,
       const char *table)
{
  g_autofree char *sql = g_strdup_printf ("SELECT count(*) FROM %s", table);
  g_autoptr(GError) error = NULL;
  gint64 number;

  belfry_sqlite_read_number (db, sql, &number, &error);
  g_assert_no_error (error);

  return number;
}

/* A log of small blocks, without a store. */
static BelfrySqliteLog *
make_log (Fixture *fixture)
{
  BelfrySqliteLog *log = belfry_sqlite_log_new (fixture->path);

  fixture->is_busy = TRUE;
  fixture_open (fixture);
  fixture_close (fixture);
  log->tuning.reclaim_rows = RECLAIM_ROWS;
  log->tuning.type_rows = TYPE_ROWS;
  log->tuning.checkpoint_bytes = (guint64) SOFT_PAGES * log->page_size;

  return log;
}

static BelfrySqliteAppender *
make_appender (BelfrySqliteLog *log)
{
  BelfrySqliteAppender *appender = belfry_sqlite_appender_new (log);
  g_autoptr(GError) error = NULL;

  belfry_sqlite_appender_open (appender, &error);
  g_assert_no_error (error);

  return appender;
}

/* Every event is of a session of its own, which makes the longest index there is. */
static void
append_run (BelfrySqliteAppender *appender,
            guint                 n_events)
{
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(GArray) changes = belfry_sqlite_type_changes_new ();
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < n_events; i++)
    {
      g_autofree char *session_id = g_strdup_printf ("%08x", g_random_int ());

      g_ptr_array_add (events, make_event ("timer_tick", session_id, session_id, NULL));
    }
  belfry_sqlite_appender_begin (appender, &error);
  g_assert_no_error (error);
  belfry_sqlite_appender_append (appender, events, 1000000, changes, &error);
  g_assert_no_error (error);
}

static void
prepare_index (BelfrySqliteAppender *appender)
{
  g_autoptr(GError) error = NULL;

  belfry_sqlite_sealer_begin_tail (appender->sealer, 1);
  while (belfry_sqlite_sealer_is_preparing (appender->sealer))
    g_assert_true (belfry_sqlite_sealer_prepare (appender->sealer, appender->db, &error));
}

/* Rows of one table that change. */
typedef struct
{
  const char *table;
  guint       n_rows;
} Watch;

static void
on_row_changed (void         *data,
                int           action,
                const char   *database,
                const char   *table,
                sqlite3_int64 row)
{
  Watch *watch = data;

  if (g_str_equal (table, watch->table))
    watch->n_rows++;
}

static void
test_seals_in_portions (void)
{
  Fixture fixture;
  BelfrySqliteLog *log;
  BelfrySqliteAppender *appender;
  guint n_portions = 0;

  fixture_set_up (&fixture);
  log = make_log (&fixture);
  appender = make_appender (log);
  append_run (appender, N_BLOCK);
  prepare_index (appender);

  appender->seal_chunks = 1;
  appender->seal_usec = G_MAXINT64 / 2;
  for (; appender->state.merged == 0; n_portions++)
    {
      gint64 n_before = count (appender->db, "chunk");

      g_assert_true (belfry_sqlite_sealer_is_inserting (appender->sealer));
      append_run (appender, 1);
      g_assert_cmpint (count (appender->db, "chunk"), <=, n_before + 1);
    }
  g_assert_cmpuint (n_portions, >, 2);
  g_assert_true (belfry_sqlite_sealer_is_idle (appender->sealer));

  belfry_sqlite_appender_free (appender);
  belfry_sqlite_log_free (log);
  fixture_verify (&fixture);
  fixture_tear_down (&fixture);
}

static void
test_clears_in_portions (void)
{
  Fixture fixture;
  BelfrySqliteLog *log;
  BelfrySqliteAppender *appender;
  Watch watch = { "chunk", 0 };
  gint64 n_least;

  g_test_summary ("What an index that a crash has cut short left is taken away a little at a time, before it is made again");
  fixture_set_up (&fixture);
  log = make_log (&fixture);
  appender = make_appender (log);
  append_run (appender, N_BLOCK);
  prepare_index (appender);
  appender->seal_chunks = 1;
  appender->seal_usec = G_MAXINT64 / 2;
  for (guint i = 0; i < 2; i++)
    append_run (appender, 1);
  g_assert_cmpuint (appender->state.merged, ==, 0);
  belfry_sqlite_appender_free (appender);

  appender = make_appender (log);
  n_least = count (appender->db, "chunk");
  g_assert_cmpint (n_least, ==, 2);
  prepare_index (appender);
  sqlite3_update_hook (appender->db, on_row_changed, &watch);
  appender->seal_chunks = 1;
  appender->seal_usec = G_MAXINT64 / 2;
  while (appender->state.merged == 0)
    {
      watch.n_rows = 0;
      append_run (appender, 1);
      g_assert_cmpuint (watch.n_rows, <=, 1);
      n_least = MIN (n_least, count (appender->db, "chunk"));
    }
  g_assert_cmpint (n_least, ==, 0);

  belfry_sqlite_appender_free (appender);
  belfry_sqlite_log_free (log);
  fixture_verify (&fixture);
  fixture_tear_down (&fixture);
}

/* One event of each of the types from @first on. */
static void
append_types (BelfrySqliteAppender *appender,
              guint                 first)
{
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(GArray) changes = belfry_sqlite_type_changes_new ();
  g_autoptr(GError) error = NULL;

  for (guint i = first; i < N_TYPES; i++)
    {
      g_autofree char *name = g_strdup_printf ("type_%u", i);

      g_ptr_array_add (events, make_event (name, NULL, NULL, NULL));
    }
  belfry_sqlite_appender_begin (appender, &error);
  g_assert_no_error (error);
  belfry_sqlite_appender_append (appender, events, 1000000, changes, &error);
  g_assert_no_error (error);
}

/* Deletes all, and sees to it that few rows are written for that. */
static void
delete_all (BelfrySqliteAppender *appender,
            guint                 n_types)
{
  g_autoptr(GArray) changes = belfry_sqlite_type_changes_new ();
  g_autoptr(GError) error = NULL;
  Watch watch = { "event_type", 0 };

  sqlite3_update_hook (appender->db, on_row_changed, &watch);
  belfry_sqlite_appender_begin (appender, &error);
  g_assert_no_error (error);
  belfry_sqlite_appender_delete (appender, appender->state.next_position, NULL, changes, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (changes->len, ==, n_types);
  g_assert_cmpuint (watch.n_rows, <=, TYPE_ROWS);
  sqlite3_update_hook (appender->db, NULL, NULL);
}

/* Whether the appender's counts are those of the log that holds @n_wanted events. */
static void
assert_counts (Fixture              *fixture,
               BelfrySqliteAppender *appender,
               guint64               n_wanted)
{
  g_autoptr(GArray) changes = belfry_sqlite_type_changes_new ();
  guint64 n_events = 0;

  belfry_sqlite_types_tell (appender->types, changes);
  g_assert_cmpuint (changes->len, ==, N_TYPES);
  for (guint i = 0; i < changes->len; i++)
    n_events += g_array_index (changes, BelfrySqliteTypeChange, i).added;
  g_assert_cmpuint (n_events, ==, n_wanted);
  fixture_verify (fixture);
}

static void
test_counts_in_portions (void)
{
  Fixture fixture;
  BelfrySqliteLog *log;
  BelfrySqliteAppender *appender;
  Watch watch = { "event_type", 0 };
  guint n_portions = 0;

  g_test_summary ("A deletion writes the counts of a few types, and those of the others later, crash or no crash");
  fixture_set_up (&fixture);
  log = make_log (&fixture);
  appender = make_appender (log);
  append_types (appender, 0);
  delete_all (appender, N_TYPES);
  assert_counts (&fixture, appender, 0);
  append_types (appender, 3);
  assert_counts (&fixture, appender, N_TYPES - 3);

  belfry_sqlite_appender_free (appender);
  appender = make_appender (log);
  assert_counts (&fixture, appender, N_TYPES - 3);
  delete_all (appender, N_TYPES - 3);
  assert_counts (&fixture, appender, 0);
  append_types (appender, N_TYPES - 1);

  for (; belfry_sqlite_types_owe (appender->types); n_portions++)
    {
      g_autoptr(GError) error = NULL;

      watch.n_rows = 0;
      sqlite3_update_hook (appender->db, on_row_changed, &watch);
      belfry_sqlite_appender_settle_counts (appender, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (watch.n_rows, <=, TYPE_ROWS);
      assert_counts (&fixture, appender, 1);
    }
  g_assert_cmpuint (n_portions, >=, 3);
  g_assert_cmpint (count (appender->db, "removal"), ==, 0);

  belfry_sqlite_appender_free (appender);
  belfry_sqlite_log_free (log);
  fixture_verify (&fixture);
  fixture_tear_down (&fixture);
}

static void
test_reclaims_in_portions (void)
{
  Fixture fixture;
  BelfrySqliteLog *log;
  BelfrySqliteAppender *appender;
  g_autoptr(GArray) changes = belfry_sqlite_type_changes_new ();
  g_autoptr(GError) error = NULL;
  guint n_portions = 0;

  fixture_set_up (&fixture);
  log = make_log (&fixture);
  appender = make_appender (log);
  append_run (appender, N_BLOCK);
  prepare_index (appender);
  appender->seal_chunks = G_MAXUINT;
  appender->seal_usec = G_MAXINT64 / 2;
  append_run (appender, 3);
  g_assert_cmpint (count (appender->db, "chunk"), >, 2);

  appender->seal_chunks = 0;
  g_assert_true (belfry_sqlite_appender_begin (appender, &error));
  belfry_sqlite_appender_delete (appender, appender->state.next_position, NULL, changes, &error);
  g_assert_no_error (error);
  g_assert_cmpint (count (appender->db, "event"), ==, N_BLOCK + 3);
  for (appender->may_hold_dead = TRUE; appender->may_hold_dead; n_portions++)
    {
      gint64 n_rows = count (appender->db, "event"), n_chunks = count (appender->db, "chunk");

      belfry_sqlite_appender_reclaim (appender, &error);
      g_assert_no_error (error);
      g_assert_cmpint (count (appender->db, "event"), >=, n_rows - RECLAIM_ROWS);
      g_assert_cmpint (count (appender->db, "chunk"), >=, n_chunks - 1);
    }
  g_assert_cmpuint (n_portions, >=, N_BLOCK / RECLAIM_ROWS);
  g_assert_cmpint (count (appender->db, "event") + count (appender->db, "chunk"), ==, 0);

  belfry_sqlite_appender_free (appender);
  belfry_sqlite_log_free (log);
  fixture_verify (&fixture);
  fixture_tear_down (&fixture);
}

static int
on_wal_written (void       *data,
                sqlite3    *db,
                const char *name,
                int         n_pages)
{
  *(guint *) data = (guint) n_pages;

  return SQLITE_OK;
}

/* Makes the log at least so long, a row of about a page after the other. */
static void
lengthen (sqlite3 *db,
          guint   *n_pages,
          guint    n_wanted)
{
  g_autoptr(GError) error = NULL;

  while (*n_pages < n_wanted)
    {
      belfry_sqlite_execute (db, "INSERT INTO chunk VALUES (NULL, randomblob (6000))", &error);
      g_assert_no_error (error);
    }
}

static void
wait_for_finish (BelfrySqliteCheckpointer *checkpointer)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_USEC;

  while (!belfry_sqlite_checkpointer_take_finish (checkpointer))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      g_thread_yield ();
    }
}

static void
finish (sqlite3 *db)
{
  g_assert_cmpint (sqlite3_wal_checkpoint_v2 (db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL), ==, SQLITE_OK);
}

static void
test_writer_is_left_little (void)
{
  Fixture fixture;
  BelfrySqliteLog *log;
  BelfrySqliteCheckpointer *checkpointer;
  g_autoptr(sqlite3) writer = NULL;
  g_autoptr(sqlite3) reader = NULL;
  guint n_pages = 0;

  fixture_set_up (&fixture);
  log = make_log (&fixture);
  writer = belfry_sqlite_open (fixture.path, BELFRY_SQLITE_WRITER, NULL);
  reader = belfry_sqlite_open (fixture.path, BELFRY_SQLITE_READER, NULL);
  sqlite3_wal_hook (writer, on_wal_written, &n_pages);
  checkpointer = belfry_sqlite_checkpointer_new (log);

  /* A reader keeps a checkpoint from the last pages, as a writer does that writes on. */
  lengthen (writer, &n_pages, SOFT_PAGES);
  g_assert_true (belfry_sqlite_execute (reader, "BEGIN; SELECT * FROM state", NULL));
  lengthen (writer, &n_pages, n_pages + FEW_PAGES / 2);
  belfry_sqlite_checkpointer_note (checkpointer, n_pages);
  wait_for_finish (checkpointer);
  g_assert_cmpuint (fault_vfs_count_unflushed (fixture.path), ==, 0);

  /* There is more now: it is not for the writer, unless the log is too long by far. */
  lengthen (writer, &n_pages, SOFT_PAGES + 2 * FEW_PAGES);
  belfry_sqlite_checkpointer_note (checkpointer, n_pages);
  g_assert_false (belfry_sqlite_checkpointer_take_finish (checkpointer));
  lengthen (writer, &n_pages, MAX_PAGES);
  belfry_sqlite_checkpointer_note (checkpointer, n_pages);
  wait_for_finish (checkpointer);

  /* With the reader gone the log is carried over, and begins anew. */
  g_assert_true (belfry_sqlite_execute (reader, "COMMIT", NULL));
  belfry_sqlite_checkpointer_request (checkpointer);
  wait_for_finish (checkpointer);
  belfry_sqlite_checkpointer_stop (checkpointer);
  finish (writer);
  g_assert_cmpuint (fault_vfs_count_unflushed (fixture.path), ==, 0);
  n_pages = 0;
  lengthen (writer, &n_pages, 1);
  g_assert_cmpuint (n_pages, <, FEW_PAGES);

  belfry_sqlite_checkpointer_free (checkpointer);
  belfry_sqlite_log_free (log);
  g_clear_pointer (&reader, sqlite3_close);
  g_clear_pointer (&writer, sqlite3_close);
  fixture_tear_down (&fixture);
}

static void
test_failed_flush_is_told (void)
{
  Fixture fixture;
  BelfrySqliteLog *log;
  BelfrySqliteCheckpointer *checkpointer;
  g_autoptr(sqlite3) writer = NULL;
  guint n_pages = 0;
  gint64 end = g_get_monotonic_time () + PATIENCE_USEC;

  fixture_set_up (&fixture);
  log = make_log (&fixture);
  writer = belfry_sqlite_open (fixture.path, BELFRY_SQLITE_WRITER, NULL);
  sqlite3_wal_hook (writer, on_wal_written, &n_pages);
  checkpointer = belfry_sqlite_checkpointer_new (log);
  lengthen (writer, &n_pages, SOFT_PAGES);

  /* The first flush of a pass is that of the log. The file is flushed when all is carried over, and in any case. */
  for (guint n_before = 1; n_before <= 2; n_before++)
    {
      lengthen (writer, &n_pages, n_pages + 1);
      fault_vfs_fail (FAULT_SYNC, SQLITE_IOERR_FSYNC, n_before, 1);
      belfry_sqlite_checkpointer_request (checkpointer);
      while (!belfry_sqlite_checkpointer_take_failure (checkpointer))
        {
          g_assert_cmpint (g_get_monotonic_time (), <, end);
          g_thread_yield ();
        }
      g_assert_true (fault_vfs_heal ());
      g_assert_false (belfry_sqlite_checkpointer_take_finish (checkpointer));
    }

  belfry_sqlite_checkpointer_free (checkpointer);
  belfry_sqlite_log_free (log);
  g_clear_pointer (&writer, sqlite3_close);
  fixture_tear_down (&fixture);
}

/* What a failed flush lost is carried over once more before the log begins anew. */
static void
test_failed_flush_loses_nothing (void)
{
  Fixture fixture;
  BelfrySqliteLog *log;
  BelfrySqliteCheckpointer *checkpointer;
  sqlite3 *writer, *reader;
  guint n_pages = 0;
  gint64 n_rows;

  fixture_set_up (&fixture);
  log = make_log (&fixture);
  writer = belfry_sqlite_open (fixture.path, BELFRY_SQLITE_WRITER, NULL);
  reader = belfry_sqlite_open (fixture.path, BELFRY_SQLITE_READER, NULL);
  sqlite3_wal_hook (writer, on_wal_written, &n_pages);
  checkpointer = belfry_sqlite_checkpointer_new (log);

  lengthen (writer, &n_pages, SOFT_PAGES);
  g_assert_true (belfry_sqlite_execute (reader, "BEGIN; SELECT * FROM state", NULL));
  lengthen (writer, &n_pages, n_pages + 1);
  fault_vfs_fail (FAULT_SYNC, SQLITE_IOERR_FSYNC, 1, 1);
  belfry_sqlite_checkpointer_request (checkpointer);
  while (!belfry_sqlite_checkpointer_take_failure (checkpointer))
    g_thread_yield ();
  g_assert_true (fault_vfs_heal ());

  g_assert_true (belfry_sqlite_execute (reader, "COMMIT", NULL));
  belfry_sqlite_checkpointer_request (checkpointer);
  wait_for_finish (checkpointer);
  n_pages = 0;
  lengthen (writer, &n_pages, 1);
  g_assert_cmpuint (n_pages, <, FEW_PAGES);
  n_rows = count (writer, "chunk");

  fault_vfs_cut_power (0);
  belfry_sqlite_checkpointer_free (checkpointer);
  sqlite3_close (reader);
  sqlite3_close (writer);
  fault_vfs_restore_power ();
  writer = belfry_sqlite_open (fixture.path, BELFRY_SQLITE_WRITER, NULL);
  g_assert_cmpint (count (writer, "chunk"), ==, n_rows);
  sqlite3_close (writer);

  belfry_sqlite_log_free (log);
  fixture_tear_down (&fixture);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  silence_log ();
  fault_vfs_register ();

  g_test_add_func ("/sqlite-portions/index/in-portions", test_seals_in_portions);
  g_test_add_func ("/sqlite-portions/index/clears-left-overs-in-portions", test_clears_in_portions);
  g_test_add_func ("/sqlite-portions/delete/counts-in-portions", test_counts_in_portions);
  g_test_add_func ("/sqlite-portions/reclaim/in-portions", test_reclaims_in_portions);
  g_test_add_func ("/sqlite-portions/checkpoint/leaves-the-writer-little", test_writer_is_left_little);
  g_test_add_func ("/sqlite-portions/checkpoint/tells-of-a-failed-flush", test_failed_flush_is_told);
  g_test_add_func ("/sqlite-portions/checkpoint/failed-flush-loses-nothing", test_failed_flush_loses_nothing);

  return g_test_run ();
}
