/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <sqlite3.h>

#include "belfry-store-lock-private.h"
#include "store-fixture.h"

#define HEADER_USER_VERSION 60

static int
compare_lines (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Names and contents of a folder as one text; without what a store that has the database open shares with itself. */
static char *
describe_folder (const char *folder)
{
  g_autoptr(GDir) dir = g_dir_open (folder, 0, NULL);
  g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autofree char *contents = NULL, *checksum = NULL;
      gsize length = 0;

      if (g_str_has_suffix (name, "-shm"))
        continue;
      if (!g_file_get_contents (path, &contents, &length, NULL))
        contents = g_strdup ("");
      checksum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) contents, length);
      g_ptr_array_add (lines, g_strconcat (name, " ", checksum, NULL));
    }
  g_ptr_array_sort (lines, compare_lines);
  g_ptr_array_add (lines, NULL);

  return g_strjoinv ("\n", (char **) lines->pdata);
}

static void
assert_refused (Fixture *fixture)
{
  g_autofree char *before = describe_folder (fixture->folder), *after = NULL;
  g_autoptr(BelfrySqliteStore) store = belfry_sqlite_store_new (fixture->path);
  g_autoptr(GError) error = NULL;

  g_assert_false (belfry_sqlite_store_open (store, NULL, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED);
  g_assert_nonnull (strstr (error->message, fixture->path));
  g_test_message ("%s", error->message);
  after = describe_folder (fixture->folder);
  g_assert_cmpstr (before, ==, after);
}

static void
run_sql (const char *path,
         const char *sql)
{
  sqlite3 *db = NULL;
  char *message = NULL;

  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  sqlite3_exec (db, sql, NULL, NULL, &message);
  g_assert_cmpstr (message, ==, NULL);
  sqlite3_close (db);
}

static void
test_refuses_foreign_files (void)
{
  static const char *const contents[] = { "x", "SQLite format 3", "This is no database at all, but a letter to a friend." };
  Fixture fixture;

  g_test_summary ("A file that is no database of ours stays byte for byte as it is, with nothing beside it");
  fixture_set_up (&fixture);
  for (guint i = 0; i < G_N_ELEMENTS (contents); i++)
    {
      g_assert_true (g_file_set_contents (fixture.path, contents[i], -1, NULL));
      assert_refused (&fixture);
    }

  g_unlink (fixture.path);
  run_sql (fixture.path, "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
  assert_refused (&fixture);
  run_sql (fixture.path, "PRAGMA journal_mode = WAL; INSERT INTO t VALUES (2)");
  assert_refused (&fixture);

  g_unlink (fixture.path);
  g_assert_no_errno (g_mkdir (fixture.path, 0700));
  assert_refused (&fixture);

  fixture_tear_down (&fixture);
}

static void
test_refuses_newer_version (void)
{
  Fixture fixture;
  g_autofree char *contents = NULL;
  gsize length;

  fixture_set_up (&fixture);
  fixture_open (&fixture);
  fixture_close (&fixture);

  g_assert_true (g_file_get_contents (fixture.path, &contents, &length, NULL));
  contents[HEADER_USER_VERSION + 3] = BELFRY_SQLITE_USER_VERSION + 1;
  g_assert_true (g_file_set_contents (fixture.path, contents, (gssize) length, NULL));
  assert_refused (&fixture);

  fixture_tear_down (&fixture);
}

static void
test_refuses_read_only_file (void)
{
  Fixture fixture;

  fixture_set_up (&fixture);
  fixture_open (&fixture);
  fixture_close (&fixture);
  g_assert_no_errno (g_chmod (fixture.path, 0400));
  assert_refused (&fixture);
  g_assert_no_errno (g_chmod (fixture.path, 0600));
  fixture_open (&fixture);
  fixture_tear_down (&fixture);
}

static void
test_refuses_names_that_are_no_files (void)
{
  static const char *const paths[] = { "", ":memory:", "file:x?mode=memory" };

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr(BelfrySqliteStore) store = belfry_sqlite_store_new (paths[i]);
      g_autoptr(GError) error = NULL;

      g_assert_false (belfry_sqlite_store_open (store, NULL, &error));
      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED);
    }
}

static void
test_refuses_second_store (void)
{
  Fixture fixture;

  fixture_set_up (&fixture);
  fixture_open (&fixture);
  append_many (fixture.store, 3, NULL);
  assert_refused (&fixture);
  append_many (fixture.store, 3, NULL);
  fixture_tear_down (&fixture);
}

static void
hold_lock (const char *path,
           int         ready)
{
  if (belfry_store_lock_take (path, NULL) != NULL && write (ready, "!", 1) == 1)
    for (;;)
      pause ();
  _exit (1);
}

static void
test_refuses_file_of_another_process (void)
{
  Fixture fixture;
  int ends[2];
  char mark;
  pid_t pid;

  g_test_summary ("While another process has the database it is refused; when that is killed it is free");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  append_many (fixture.store, 3, NULL);
  fixture_close (&fixture);

  g_assert_no_errno (pipe (ends));
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    hold_lock (fixture.path, ends[1]);
  g_assert_cmpint (read (ends[0], &mark, 1), ==, 1);

  assert_refused (&fixture);
  g_assert_no_errno (kill (pid, SIGKILL));
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  fixture_open (&fixture);
  append_many (fixture.store, 1, NULL);

  close (ends[0]);
  close (ends[1]);
  fixture_tear_down (&fixture);
}

static void
test_makes_folders (void)
{
  Fixture fixture;
  g_autofree char *deep_folder = NULL, *shallow_folder = NULL;
  struct stat status;

  g_test_summary ("The file has mode 0600, folders that are made for it 0700; what an interrupted creation left does no harm");
  fixture_set_up (&fixture);
  shallow_folder = g_build_filename (fixture.folder, "a", NULL);
  deep_folder = g_build_filename (shallow_folder, "b", NULL);
  g_free (fixture.path);
  fixture.path = g_build_filename (deep_folder, "events.db", NULL);
  fixture_open (&fixture);
  g_assert_no_errno (stat (fixture.path, &status));
  g_assert_cmpuint (status.st_mode & 07777, ==, 0600);
  g_assert_no_errno (stat (deep_folder, &status));
  g_assert_cmpuint (status.st_mode & 07777, ==, 0700);
  g_assert_no_errno (stat (shallow_folder, &status));
  g_assert_cmpuint (status.st_mode & 07777, ==, 0700);
  fixture_close (&fixture);

  g_assert_no_errno (g_unlink (fixture.path));
  {
    g_autofree char *left_over = g_strconcat (fixture.path, ".new", NULL);

    g_assert_true (g_file_set_contents (left_over, "half a database", -1, NULL));
  }
  fixture_open (&fixture);
  append_many (fixture.store, 1, NULL);
  fixture_close (&fixture);

  /* An empty file is a reserved name. */
  g_assert_true (g_file_set_contents (fixture.path, "", 0, NULL));
  fixture_open (&fixture);
  append_many (fixture.store, 1, NULL);

  fixture_tear_down (&fixture);
}

static void
test_verify_finds_damage (void)
{
  static const char *const damages[] = {
    "UPDATE event_type SET count = count + 1",
    "INSERT INTO removal VALUES (1, '{\"1\":1}')",
    "DELETE FROM event WHERE position = 50",
    "DELETE FROM chunk WHERE id = (SELECT min (id) FROM chunk)",
    "DELETE FROM chunk WHERE id = (SELECT max (id) FROM chunk)",
    "UPDATE chunk SET data = zeroblob (length (data)) WHERE id = (SELECT max (id) FROM chunk)",
    "UPDATE chunk SET data = x'' WHERE id = (SELECT min (id) FROM chunk)",
    "UPDATE chunk SET data = x'01000000' WHERE id = (SELECT min (id) FROM chunk)",
    "UPDATE chunk SET data = x'0000ffff' WHERE id = (SELECT max (id) FROM chunk)",
    "INSERT INTO chunk SELECT max (id) + 1, x'0000' FROM chunk",
    "UPDATE event SET session_id = 'another' WHERE position = 50",
    "UPDATE event SET user_id = 'somebody' WHERE position = 50",
    "UPDATE event SET user_tier = 'premium' WHERE position = 50",
    "UPDATE event SET amount = 5 WHERE position = 50",
    "UPDATE indexing SET unindexed = 1000",
    "UPDATE indexing SET block_bits = 40",
    "UPDATE event SET accepted = 1 WHERE position = 50",
    "UPDATE event SET type = 77 WHERE position = 50",
    "UPDATE state SET next_position = 50",
    "UPDATE state SET floor = 50",
    "DELETE FROM state",
    "INSERT INTO skipped VALUES (50, 60)",
    "INSERT INTO receipt VALUES (1, 1000, 1, 0, x'00', x'00', 201, x'00')",
    "INSERT INTO receipt VALUES (1, 1, 1, 9, x'00', x'00', 201, x'00'), (2, 1, 1, 8, x'01', x'00', 201, x'00')",
  };
  Fixture fixture;
  g_autofree char *contents = NULL;
  gsize length;

  fixture_set_up (&fixture);
  fixture.is_busy = TRUE;
  fixture_open (&fixture);
  for (guint i = 0; i < 10; i++)
    append_many (fixture.store, 10, "s");
  fixture_close (&fixture);
  fixture_verify (&fixture);
  g_assert_true (g_file_get_contents (fixture.path, &contents, &length, NULL));

  for (guint i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_true (g_file_set_contents (fixture.path, contents, (gssize) length, NULL));
      run_sql (fixture.path, damages[i]);
      g_assert_false (belfry_sqlite_store_verify_file (fixture.path, NULL, &error));
      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT);
      g_test_message ("%s", error->message);
    }

  fixture_tear_down (&fixture);
}

static void
test_verify_finds_broken_pages (void)
{
  Fixture fixture;
  g_autofree char *contents = NULL;
  g_autoptr(GError) error = NULL;
  gsize length;

  fixture_set_up (&fixture);
  fixture_open (&fixture);
  append_many (fixture.store, 1000, "s");
  fixture_close (&fixture);
  g_assert_true (g_file_get_contents (fixture.path, &contents, &length, NULL));
  memset (contents + 3 * BELFRY_SQLITE_PAGE_SIZE, 0x55, length - 3 * BELFRY_SQLITE_PAGE_SIZE);
  g_assert_true (g_file_set_contents (fixture.path, contents, (gssize) length, NULL));
  g_assert_false (belfry_sqlite_store_verify_file (fixture.path, NULL, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT);

  fixture_tear_down (&fixture);
}

static void
test_backup_beside_a_live_store (void)
{
  Fixture fixture, copy;
  g_autoptr(GPtrArray) events = NULL;
  g_autoptr(GError) error = NULL;
  struct stat status;
  guint64 n_before;

  g_test_summary ("A backup of a store that goes on writing is whole, is private, and never replaces a file");
  fixture_set_up (&fixture);
  fixture_set_up (&copy);
  fixture_open (&fixture);
  append_many (fixture.store, 2000, "s");
  n_before = fixture.committed->len;

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr(GPtrArray) more = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);

      g_ptr_array_add (more, make_event ("timer_tick", NULL, NULL, NULL));
      belfry_event_store_append_async (BELFRY_EVENT_STORE (fixture.store), more, NULL, NULL, NULL);
    }
  g_assert_true (belfry_sqlite_store_backup_file (fixture.path, copy.path, NULL, &error));
  g_assert_no_error (error);
  g_assert_no_errno (stat (copy.path, &status));
  g_assert_cmpuint (status.st_mode & 07777, ==, 0600);
  g_assert_false (belfry_sqlite_store_backup_file (fixture.path, copy.path, NULL, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED);

  fixture_verify (&copy);
  fixture_open (&copy);
  events = query (copy.store, NULL, G_MININT64, 0, 100000);
  g_assert_cmpuint (events->len, >=, n_before);

  fixture_tear_down (&copy);
  fixture_tear_down (&fixture);
}

/* Asks another process, because a process never sees its own locks. */
static gboolean
is_locked (const char *path)
{
  int status;
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
      int fd = open (path, O_RDWR | O_CLOEXEC);

      _exit (fd < 0 || fcntl (fd, F_GETLK, &lock) < 0 ? 2 : lock.l_type != F_UNLCK);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) <= 1);

  return WEXITSTATUS (status) == 1;
}

static void
test_tools_leave_locks (void)
{
  Fixture fixture;
  g_autoptr(BelfrySqliteStore) second = NULL;
  g_autofree char *backup_path = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("No look at the file takes the locks of an open store away: others would delete its write-ahead log");
  fixture_set_up (&fixture);
  backup_path = g_build_filename (fixture.folder, "backup.db", NULL);
  fixture_open (&fixture);
  append_many (fixture.store, 3, NULL);
  g_assert_true (is_locked (fixture.path));

  second = belfry_sqlite_store_new (fixture.path);
  g_assert_false (belfry_sqlite_store_open (second, NULL, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_true (is_locked (fixture.path));
  g_assert_true (belfry_sqlite_store_verify_file (fixture.path, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (is_locked (fixture.path));
  g_assert_true (belfry_sqlite_store_backup_file (fixture.path, backup_path, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (is_locked (fixture.path));

  fixture_close (&fixture);
  g_assert_false (is_locked (fixture.path));
  fixture_tear_down (&fixture);
}

static void
test_restore_twice (void)
{
  Fixture fixture;
  g_autofree char *backup_path = NULL;
  g_autoptr(GError) error = NULL;
  guint64 first_position;

  g_test_summary ("The same backup put in place twice never gives out a position twice");
  fixture_set_up (&fixture);
  backup_path = g_build_filename (fixture.folder, "backup.db", NULL);
  fixture_open (&fixture);
  g_assert_true (belfry_sqlite_store_backup_file (fixture.path, backup_path, NULL, &error));
  fixture_close (&fixture);

  g_assert_true (belfry_sqlite_store_restore_file (backup_path, fixture.path, TRUE, NULL, &error));
  fixture_open (&fixture);
  append_many (fixture.store, 5, NULL);
  first_position = belfry_event_store_get_last_position (BELFRY_EVENT_STORE (fixture.store));
  fixture_close (&fixture);

  g_assert_true (belfry_sqlite_store_restore_file (backup_path, fixture.path, TRUE, NULL, &error));
  g_assert_no_error (error);
  fixture_open (&fixture);
  append_many (fixture.store, 1, NULL);
  g_assert_cmpuint (belfry_event_store_get_last_position (BELFRY_EVENT_STORE (fixture.store)), >, first_position);
  fixture_verify (&fixture);
  fixture_tear_down (&fixture);
}

static void
test_restore_jumps_ahead (void)
{
  Fixture fixture;
  g_autofree char *backup_path = NULL;
  g_autoptr(BelfryLogPage) page = NULL, tail_page = NULL;
  g_autoptr(BelfryStoreStats) stats = NULL;
  g_autoptr(BelfryEvent) found = NULL;
  g_autoptr(GError) error = NULL;
  guint64 log_id, lost_position;

  g_test_summary ("A restored backup is another log: new identity, positions that were never used, the old events under their ids");
  fixture_set_up (&fixture);
  backup_path = g_build_filename (fixture.folder, "backup.db", NULL);
  fixture_open (&fixture);
  log_id = belfry_event_store_get_log_id (BELFRY_EVENT_STORE (fixture.store));
  append_many (fixture.store, 10, "s");
  g_assert_true (belfry_sqlite_store_backup_file (fixture.path, backup_path, NULL, &error));
  append_many (fixture.store, 10, "s");
  lost_position = 20;

  g_assert_false (belfry_sqlite_store_restore_file (backup_path, fixture.path, FALSE, NULL, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_false (belfry_sqlite_store_restore_file (backup_path, fixture.path, TRUE, NULL, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED);
  g_clear_error (&error);

  fixture_close (&fixture);
  g_assert_no_errno (g_chmod (backup_path, 0400));
  g_assert_true (belfry_sqlite_store_restore_file (backup_path, fixture.path, TRUE, NULL, &error));
  g_assert_no_error (error);
  fixture_verify (&fixture);

  fixture_open (&fixture);
  g_assert_cmpuint (belfry_event_store_get_log_id (BELFRY_EVENT_STORE (fixture.store)), !=, log_id);
  g_assert_cmpuint (belfry_event_store_get_last_position (BELFRY_EVENT_STORE (fixture.store)), >, lost_position);
  found = look_up (fixture.store, belfry_event_get_id (g_ptr_array_index (fixture.committed, 9)), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (belfry_event_get_position (found), ==, 10);
  append_many (fixture.store, 1, "s");
  g_assert_cmpuint (belfry_event_get_position (g_ptr_array_index (fixture.committed, 20)), >, lost_position);

  stats = get_stats (fixture.store);
  g_assert_cmpuint (stats->total_events, ==, 11);
  g_assert_cmpuint (stats->events_last_hour, ==, 11);
  page = read_page (fixture.store, NULL, 0, G_MAXUINT64, 100, G_MAXSIZE);
  g_assert_cmpuint (page->events->len, ==, 11);
  g_assert_cmpuint (page->next, ==, belfry_event_store_get_last_position (BELFRY_EVENT_STORE (fixture.store)));
  g_assert_cmpuint (delete_before (fixture.store, G_MAXINT64), ==, 11);
  tail_page = read_page (fixture.store, NULL, 0, G_MAXUINT64, 100, G_MAXSIZE);
  g_assert_cmpuint (tail_page->lost, ==, 11);
  fixture_verify (&fixture);

  fixture_tear_down (&fixture);
}

static void
test_restore_refuses_what_is_not_ours (void)
{
  Fixture fixture;
  g_autofree char *backup_path = NULL;
  g_autoptr(GError) error = NULL;

  fixture_set_up (&fixture);
  backup_path = g_build_filename (fixture.folder, "backup.db", NULL);
  g_assert_false (belfry_sqlite_store_restore_file (backup_path, fixture.path, TRUE, NULL, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (backup_path, "garbage", -1, NULL));
  g_assert_false (belfry_sqlite_store_restore_file (backup_path, fixture.path, TRUE, NULL, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED);
  g_assert_false (g_file_test (fixture.path, G_FILE_TEST_EXISTS));
  g_clear_error (&error);

  g_unlink (backup_path);
  fixture_open (&fixture);
  fixture_close (&fixture);
  g_assert_true (belfry_sqlite_store_backup_file (fixture.path, backup_path, NULL, &error));
  g_assert_true (g_file_set_contents (fixture.path, "a letter", -1, NULL));
  g_assert_false (belfry_sqlite_store_restore_file (backup_path, fixture.path, TRUE, NULL, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED);

  fixture_tear_down (&fixture);
}

static void
test_opens_version_1 (void)
{
  Fixture fixture;
  g_autofree char *sql = NULL;
  g_autoptr(GPtrArray) events = NULL;
  g_autoptr(BelfryEvent) found = NULL;
  g_autoptr(BelfryStoreStats) stats = NULL;
  g_autoptr(BelfryFilter) filter = belfry_filter_new (NULL, "session-1", NULL);
  g_autoptr(GError) error = NULL;

  g_test_summary ("A database that version 1 of the format left is read and written");
  fixture_set_up (&fixture);
  g_assert_true (g_file_get_contents (BELFRY_TEST_FOLDER "/database-v1.sql", &sql, NULL, NULL));
  run_sql (fixture.path, sql);
  fixture_verify (&fixture);

  fixture_open (&fixture);
  g_assert_cmpuint (belfry_event_store_get_floor (BELFRY_EVENT_STORE (fixture.store)), ==, 11);
  g_assert_cmpuint (belfry_event_store_get_last_position (BELFRY_EVENT_STORE (fixture.store)), ==, 60);
  found = look_up (fixture.store, "evt_eae3a74822b8", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (belfry_event_get_position (found), ==, 42);
  events = query (fixture.store, filter, G_MININT64, 0, 100);
  g_assert_cmpuint (events->len, ==, 9);
  stats = get_stats (fixture.store);
  g_assert_cmpuint (stats->total_events, ==, 50);
  append_many (fixture.store, 5, "session-1");
  fixture_close (&fixture);
  fixture_verify (&fixture);

  fixture_tear_down (&fixture);
}

static guint
count_matches (Fixture    *fixture,
               const char *json)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryFilter) filter = belfry_filter_new_from_json (json, -1, &error);
  g_autoptr(GPtrArray) events = NULL;

  g_assert_no_error (error);
  events = query (fixture->store, filter, G_MININT64, 0, 1000);

  return events->len;
}

/* What collected events have, and what is kept beside the events. */
static void
assert_collected_of_version_2 (Fixture *fixture)
{
  g_autoptr(BelfryEvent) found = NULL;
  g_autoptr(GPtrArray) letters = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  const char *expected = "{\"course_id\":\"course-2\",\"lesson_id\":\"lesson-1\",\"metadata\":{\"platform\":\"web\"}}";
  const char *learner;
  const BelfryDeadLetter *letter;
  BelfryKeptCursor cursor;
  gint64 sent_usec;
  gsize length;

  found = look_up (fixture->store, "evt_a7e3b1c736c7", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (belfry_event_get_position (found), ==, 80);
  learner = belfry_event_peek_learner (found, &length, &sent_usec);
  g_assert_cmpmem (learner, length, expected, strlen (expected));
  g_assert_cmpint (sent_usec, ==, G_GINT64_CONSTANT (1768473066123456));

  g_assert_true (belfry_cursor_keeper_find (BELFRY_CURSOR_KEEPER (fixture->store), "kafka", &cursor));
  g_assert_cmpuint (cursor.position, ==, 80);
  g_assert_cmpuint (cursor.count, ==, 77);

  belfry_dead_letter_keeper_list_async (BELFRY_DEAD_LETTER_KEEPER (fixture->store), 0, G_MAXUINT64, FALSE, NULL, 1000,
                                        G_MAXSIZE, NULL, catch_result, &result);
  letters = belfry_dead_letter_keeper_list_finish (BELFRY_DEAD_LETTER_KEEPER (fixture->store), wait_for (&result), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (letters->len, ==, 2);
  letter = g_ptr_array_index (letters, 1);
  g_assert_cmpuint (letter->number, ==, 2);
  g_assert_cmpstr (letter->reason, ==, "too_large");
  g_assert_cmpstr (letter->event_id, ==, "evt_2aee883c7c59");
}

/* The same request once more. */
static void
assert_receipt_of_version_2 (Fixture *fixture)
{
  g_autoptr(BelfryReceipt) receipt = belfry_receipt_new ();
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  memset (receipt->key, 0x5a, sizeof receipt->key);
  memset (receipt->fingerprint, 0xa5, sizeof receipt->fingerprint);
  g_ptr_array_add (events, make_event ("timer_tick", NULL, NULL, NULL));
  belfry_receipt_keeper_append_async (BELFRY_RECEIPT_KEEPER (fixture->store), events, receipt, NULL, catch_result, &result);
  belfry_event_store_append_finish (BELFRY_EVENT_STORE (fixture->store), wait_for (&result), &error);
  g_assert_no_error (error);
  g_assert_cmpint (receipt->outcome, ==, BELFRY_RECEIPT_REPEATED);
  g_assert_cmpuint (receipt->answer_status, ==, 201);
}

static void
test_opens_version_2 (void)
{
  Fixture fixture;
  g_autofree char *sql = NULL;
  g_autoptr(BelfryEvent) found = NULL;
  g_autoptr(BelfryStoreStats) stats = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("A database that version 2 of the format left is read and written: its index, and what is kept beside the events");
  fixture_set_up (&fixture);
  fixture_set_time (&fixture, G_GINT64_CONSTANT (1768473200000000));
  g_assert_true (g_file_get_contents (BELFRY_TEST_FOLDER "/database-v2.sql", &sql, NULL, NULL));
  run_sql (fixture.path, sql);
  fixture_verify (&fixture);

  fixture_open (&fixture);
  g_assert_cmpuint (belfry_event_store_get_floor (BELFRY_EVENT_STORE (fixture.store)), ==, 11);
  g_assert_cmpuint (belfry_event_store_get_last_position (BELFRY_EVENT_STORE (fixture.store)), ==, 101);
  g_assert_cmpuint (get_counter (fixture.store, "tail-events"), ==, 38);
  found = look_up (fixture.store, "evt_01dbf7973032", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (belfry_event_get_position (found), ==, 42);
  g_assert_cmpuint (count_matches (&fixture, "{\"session_id\":\"session-1\"}"), ==, 17);
  g_assert_cmpuint (count_matches (&fixture, "{\"user_id\":\"user-3\"}"), ==, 11);
  g_assert_cmpuint (count_matches (&fixture, "{\"event_types\":[\"lesson_completed\"]}"), ==, 30);
  g_assert_cmpuint (count_matches (&fixture, "{\"user_tiers\":[\"premium\"],\"min_amount\":1}"), ==, 7);
  g_assert_cmpuint (count_matches (&fixture, "{\"min_amount\":60}"), ==, 13);
  stats = get_stats (fixture.store);
  g_assert_cmpuint (stats->total_events, ==, 91);
  assert_collected_of_version_2 (&fixture);
  assert_receipt_of_version_2 (&fixture);
  append_many (fixture.store, 100, "session-1");
  g_assert_cmpuint (count_matches (&fixture, "{\"session_id\":\"session-1\"}"), ==, 117);
  fixture_close (&fixture);
  fixture_verify (&fixture);

  fixture_tear_down (&fixture);
}

/* More than a block of events, as version 1 would have left them. */
static const char many_events_v1[] =
  "WITH RECURSIVE number (i) AS (SELECT 61 UNION ALL SELECT i + 1 FROM number WHERE i < 70000)"
  " INSERT INTO event SELECT i, 1768473105123456 + i, 1 + i % 3, 'test', 'session-' || (i % 5), 'user-' || (i % 700),"
  " NULL, NULL, '{}' FROM number;"
  "INSERT INTO by_session SELECT session_id, position FROM event WHERE position > 60;"
  "INSERT INTO by_user SELECT user_id, position FROM event WHERE position > 60;"
  "INSERT INTO by_type SELECT type, position FROM event WHERE position > 60;"
  "INSERT OR IGNORE INTO by_session SELECT session_id, position FROM event WHERE session_id IS NOT NULL;"
  "INSERT OR IGNORE INTO by_user SELECT user_id, position FROM event WHERE user_id IS NOT NULL;"
  "INSERT OR IGNORE INTO by_type SELECT type, position FROM event;"
  "UPDATE event_type SET count = (SELECT count(*) FROM event WHERE type = id AND position >= 11);"
  "UPDATE state SET next_position = 70001, merged = 70000, last_usec = 1768473105193456;";

static gint64
ask_number (const char *path,
            const char *sql)
{
  g_autoptr(sqlite3) db = NULL;
  g_autoptr(GError) error = NULL;
  gint64 number;

  db = belfry_sqlite_open (path, BELFRY_SQLITE_READER, &error);
  g_assert_no_error (error);
  belfry_sqlite_read_number (db, sql, &number, &error);
  g_assert_no_error (error);

  return number;
}

static void
assert_finds_all (Fixture *fixture)
{
  g_autoptr(BelfryFilter) user = belfry_filter_new (NULL, NULL, "user-77");
  g_autoptr(BelfryFilter) nobody = belfry_filter_new (NULL, NULL, "nobody");
  g_autoptr(GPtrArray) events = query (fixture->store, user, G_MININT64, 0, 1000);
  g_autoptr(GPtrArray) none = query (fixture->store, nobody, G_MININT64, 0, 1000);

  g_assert_cmpuint (events->len, ==, 100);
  g_assert_cmpuint (belfry_event_get_position (g_ptr_array_index (events, 0)), ==, 69377);
  g_assert_cmpuint (belfry_event_get_position (g_ptr_array_index (events, 99)), ==, 77);
  g_assert_cmpuint (none->len, ==, 0);
}

static void
test_upgrades_version_1 (void)
{
  Fixture fixture;
  g_autofree char *sql = NULL;
  gint64 end_usec = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  g_test_summary ("A longer database of version 1 is read at once, and gets its new index behind the back of its readers");
  fixture_set_up (&fixture);
  g_assert_true (g_file_get_contents (BELFRY_TEST_FOLDER "/database-v1.sql", &sql, NULL, NULL));
  run_sql (fixture.path, sql);
  run_sql (fixture.path, many_events_v1);
  fixture_verify (&fixture);

  /* Closed and opened while the work is under way. */
  for (guint i = 0; i < 3; i++)
    {
      fixture_open (&fixture);
      assert_finds_all (&fixture);
      append_many (fixture.store, 5, "session-1");
      fixture_close (&fixture);
      fixture_verify (&fixture);
    }

  fixture_open (&fixture);
  while (ask_number (fixture.path, "SELECT unindexed FROM indexing") != 0 ||
         ask_number (fixture.path, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'by\\_%' ESCAPE '\\'") != 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end_usec);
      g_assert_true (check (fixture.store, NULL));
    }
  g_assert_cmpint (ask_number (fixture.path, "SELECT count(*) FROM chunk"), >, 0);
  assert_finds_all (&fixture);
  fixture_close (&fixture);
  fixture_verify (&fixture);

  fixture_tear_down (&fixture);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/sqlite-file/refuses/foreign-files", test_refuses_foreign_files);
  g_test_add_func ("/sqlite-file/refuses/newer-version", test_refuses_newer_version);
  g_test_add_func ("/sqlite-file/refuses/read-only-file", test_refuses_read_only_file);
  g_test_add_func ("/sqlite-file/refuses/names-that-are-no-files", test_refuses_names_that_are_no_files);
  g_test_add_func ("/sqlite-file/refuses/second-store", test_refuses_second_store);
  g_test_add_func ("/sqlite-file/refuses/file-of-another-process", test_refuses_file_of_another_process);
  g_test_add_func ("/sqlite-file/makes-folders", test_makes_folders);
  g_test_add_func ("/sqlite-file/verify/finds-damage", test_verify_finds_damage);
  g_test_add_func ("/sqlite-file/verify/finds-broken-pages", test_verify_finds_broken_pages);
  g_test_add_func ("/sqlite-file/backup/beside-a-live-store", test_backup_beside_a_live_store);
  g_test_add_func ("/sqlite-file/leaves-locks", test_tools_leave_locks);
  g_test_add_func ("/sqlite-file/restore/twice", test_restore_twice);
  g_test_add_func ("/sqlite-file/restore/jumps-ahead", test_restore_jumps_ahead);
  g_test_add_func ("/sqlite-file/restore/refuses-what-is-not-ours", test_restore_refuses_what_is_not_ours);
  g_test_add_func ("/sqlite-file/opens-version-1", test_opens_version_1);
  g_test_add_func ("/sqlite-file/opens-version-2", test_opens_version_2);
  g_test_add_func ("/sqlite-file/upgrades-version-1", test_upgrades_version_1);

  return g_test_run ();
}
