/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "fault-vfs.h"
#include "store-fixture.h"

#define FOREVER G_MAXUINT

/* Batches of events under way and what became of them. Each event's session is "BATCH:SIZE". */
typedef struct
{
  Fixture     fixture;
  guint       n_batches;
  guint       n_waiting;
  guint       n_failed;
  GHashTable *answered;  /* session of each batch that was answered with success */
} Trial;

typedef struct
{
  Trial *trial;
  char  *session_id;
} Batch;

static void
on_appended (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  Batch *batch = user_data;
  g_autoptr(GError) error = NULL;

  batch->trial->n_waiting--;
  if (belfry_event_store_append_finish (BELFRY_EVENT_STORE (source), result, &error))
    {
      g_hash_table_add (batch->trial->answered, g_steal_pointer (&batch->session_id));
    }
  else
    {
      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);
      g_assert_cmpstr (error->message, ==, "Storage unavailable");
      batch->trial->n_failed++;
    }
  g_free (batch->session_id);
  g_free (batch);
}

static void
begin_batch (Trial *trial,
             guint  n_events)
{
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  Batch *batch = g_new (Batch, 1);

  *batch = (Batch) { trial, g_strdup_printf ("%u:%u", trial->n_batches++, n_events) };
  for (guint i = 0; i < n_events; i++)
    g_ptr_array_add (events, make_event (i % 2 ? "timer_tick" : "quiz_started", batch->session_id, "u", NULL));
  trial->n_waiting++;
  belfry_event_store_append_async (BELFRY_EVENT_STORE (trial->fixture.store), events, NULL, on_appended, batch);
}

static void
finish_batches (Trial *trial)
{
  while (trial->n_waiting > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
trial_set_up (Trial *trial)
{
  *trial = (Trial) { 0 };
  fixture_set_up (&trial->fixture);
  trial->fixture.is_busy = TRUE;
  trial->answered = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  fixture_open (&trial->fixture);
}

static void
trial_tear_down (Trial *trial)
{
  fixture_tear_down (&trial->fixture);
  g_hash_table_unref (trial->answered);
}

static GPtrArray *
read_all (Trial *trial)
{
  GPtrArray *events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  BelfryEventStore *store = BELFRY_EVENT_STORE (trial->fixture.store);
  guint64 after = 0;

  while (after < belfry_event_store_get_last_position (store))
    {
      g_autoptr(BelfryLogPage) page = read_page (trial->fixture.store, NULL, after, G_MAXUINT64, 1000, G_MAXSIZE);

      for (guint i = 0; i < page->events->len; i++)
        g_ptr_array_add (events, belfry_event_ref (g_ptr_array_index (page->events, i)));
      after = page->next;
    }

  return events;
}

/* Every answered batch is there, no batch is there in part or twice, and positions have no gap. */
static void
check_log (Trial *trial)
{
  g_autoptr(GPtrArray) events = read_all (trial);
  g_autoptr(GHashTable) counts = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr(GHashTable) ids = g_hash_table_new (g_str_hash, g_str_equal);
  GHashTableIter iter;
  const char *session_id;
  gpointer count;

  for (guint i = 0; i < events->len; i++)
    {
      BelfryEvent *event = g_ptr_array_index (events, i);

      session_id = belfry_event_get_session_id (event);
      count = g_hash_table_lookup (counts, session_id);
      g_assert_cmpuint (belfry_event_get_position (event), ==, i + 1);
      g_assert_true (g_hash_table_add (ids, (char *) belfry_event_get_id (event)));
      g_hash_table_insert (counts, (char *) session_id, GUINT_TO_POINTER (GPOINTER_TO_UINT (count) + 1));
    }

  g_hash_table_iter_init (&iter, counts);
  while (g_hash_table_iter_next (&iter, (gpointer *) &session_id, &count))
    g_assert_cmpint (atoi (strchr (session_id, ':') + 1), ==, GPOINTER_TO_UINT (count));

  g_hash_table_iter_init (&iter, trial->answered);
  while (g_hash_table_iter_next (&iter, (gpointer *) &session_id, NULL))
    g_assert_true (g_hash_table_contains (counts, session_id));
}

/* What the signal told is what the log holds, in its order, under the same ids. */
static void
check_told (Trial *trial)
{
  g_autoptr(GPtrArray) events = read_all (trial);

  g_assert_cmpuint (events->len, ==, trial->fixture.committed->len);
  for (guint i = 0; i < events->len; i++)
    g_assert_cmpstr (belfry_event_get_json (g_ptr_array_index (events, i)), ==,
                     belfry_event_get_json (g_ptr_array_index (trial->fixture.committed, i)));
}

static void
test_power_loss (void)
{
  Trial trial;

  g_test_summary ("After a loss of power every answered event is there, no batch in part, and no id twice");
  trial_set_up (&trial);

  for (guint round = 0; round < 60; round++)
    {
      fault_vfs_cut_power ((guint) g_test_rand_int_range (0, 150));
      for (guint i = 0; i < 25; i++)
        {
          begin_batch (&trial, (guint) g_test_rand_int_range (1, 12));
          if (g_test_rand_bit ())
            finish_batches (&trial);
          if (round % 3 == 0 && i == 5)
            {
              g_autoptr(GAsyncResult) result = NULL;

              belfry_event_store_query_async (BELFRY_EVENT_STORE (trial.fixture.store), NULL, G_MININT64, 0, 10, NULL,
                                              catch_result, &result);
              wait_for (&result);
            }
        }
      finish_batches (&trial);
      fixture_close (&trial.fixture);
      fault_vfs_restore_power ();

      fixture_verify (&trial.fixture);
      fixture_open (&trial.fixture);
      check_log (&trial);
    }
  g_test_message ("%u batches, %u answered with success", trial.n_batches, g_hash_table_size (trial.answered));
  g_assert_cmpuint (g_hash_table_size (trial.answered), >, 60);
  g_assert_cmpuint (trial.n_failed, >, 60);

  trial_tear_down (&trial);
}

static void
test_disk_full (void)
{
  Trial trial;

  g_test_summary ("While the disk is full appends fail and reads go on; when it is not, appends succeed, without a restart");
  trial_set_up (&trial);

  for (guint round = 0; round < 40; round++)
    {
      guint n_failed = trial.n_failed, n_answered;

      fault_vfs_fail (FAULT_WRITE, SQLITE_FULL, round, FOREVER);
      for (guint i = 0; i < 30; i++)
        {
          begin_batch (&trial, (guint) g_test_rand_int_range (1, 12));
          finish_batches (&trial);
        }
      g_assert_cmpuint (trial.n_failed, >, n_failed);
      check_log (&trial);

      g_assert_true (fault_vfs_heal ());
      n_failed = trial.n_failed;
      n_answered = g_hash_table_size (trial.answered);
      begin_batch (&trial, 5);
      finish_batches (&trial);
      g_assert_cmpuint (trial.n_failed, ==, n_failed);
      g_assert_cmpuint (g_hash_table_size (trial.answered), ==, n_answered + 1);
    }
  check_told (&trial);
  g_assert_cmpuint (get_counter (trial.fixture.store, "appends-failed"), ==, trial.n_failed);
  fixture_close (&trial.fixture);
  fixture_verify (&trial.fixture);

  trial_tear_down (&trial);
}

static void
break_and_go_on (Trial *trial,
                 guint  kinds,
                 int    code,
                 guint  n_before,
                 guint  n_operations)
{
  guint n_failed;

  fault_vfs_fail (kinds, code, n_before, n_operations);
  for (guint i = 0; i < 6; i++)
    {
      begin_batch (trial, (guint) g_test_rand_int_range (1, 12));
      begin_batch (trial, 3);
      finish_batches (trial);
    }
  fault_vfs_heal ();

  n_failed = trial->n_failed;
  begin_batch (trial, 5);
  finish_batches (trial);
  g_assert_cmpuint (trial->n_failed, ==, n_failed);
}

static void
test_failing_operation (void)
{
  static const struct
  {
    guint kinds;
    int   code;
  } faults[] = {
    { FAULT_WRITE, SQLITE_IOERR_WRITE },
    { FAULT_SYNC, SQLITE_IOERR_FSYNC },
    { FAULT_WRITE | FAULT_SYNC, SQLITE_IOERR },
  };
  Trial trial;

  g_test_summary ("Whichever write or flush fails, what was answered is there, what is there was told, and appends go on");
  trial_set_up (&trial);

  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    for (guint n_before = 0; n_before < 40; n_before++)
      {
        break_and_go_on (&trial, faults[i].kinds, faults[i].code, n_before, 1);
        break_and_go_on (&trial, faults[i].kinds, faults[i].code, n_before, 1 + n_before % 7);
        if (n_before % 10 == 9)
          check_log (&trial);
      }
  check_log (&trial);
  check_told (&trial);
  g_assert_cmpuint (trial.n_failed, >, 0);
  fixture_close (&trial.fixture);
  fixture_verify (&trial.fixture);

  trial_tear_down (&trial);
}

static void
test_failing_then_power_loss (void)
{
  Trial trial;

  g_test_summary ("What was answered after a failed flush survives a loss of power, although the kernel dropped the pages");
  trial_set_up (&trial);

  for (guint round = 0; round < 60; round++)
    {
      fault_vfs_fail (FAULT_SYNC, SQLITE_IOERR_FSYNC, (guint) g_test_rand_int_range (0, 20),
                      (guint) g_test_rand_int_range (1, 6));
      for (guint i = 0; i < 15; i++)
        {
          begin_batch (&trial, (guint) g_test_rand_int_range (1, 12));
          finish_batches (&trial);
        }
      fault_vfs_heal ();
      fault_vfs_cut_power (0);
      fixture_close (&trial.fixture);
      fault_vfs_restore_power ();

      fixture_verify (&trial.fixture);
      fixture_open (&trial.fixture);
      check_log (&trial);
    }

  trial_tear_down (&trial);
}

static void
test_failing_delete (void)
{
  Fixture fixture;

  g_test_summary ("Whether a deletion whose flush failed took effect or not, the counts are those of the log");
  fixture_set_up (&fixture);
  fixture_open (&fixture);

  for (guint n_before = 0; n_before < 12; n_before++)
    {
      g_autoptr(GAsyncResult) result = NULL;
      g_autoptr(GPtrArray) events = NULL;
      g_autoptr(BelfryStoreStats) stats = NULL;

      append_many (fixture.store, 20, "s");
      fault_vfs_fail (FAULT_WRITE | FAULT_SYNC, SQLITE_IOERR_FSYNC, n_before, 1 + n_before % 3);
      belfry_event_store_delete_async (BELFRY_EVENT_STORE (fixture.store), G_MAXINT64, NULL, catch_result, &result);
      wait_for (&result);
      /* That it fails or not is the disk's affair. */
      (void) belfry_event_store_delete_finish (BELFRY_EVENT_STORE (fixture.store), result, NULL, NULL);
      fault_vfs_heal ();

      append_many (fixture.store, 1, "s");
      events = query (fixture.store, NULL, G_MININT64, 0, 1000);
      stats = get_stats (fixture.store);
      g_assert_cmpuint (stats->total_events, ==, events->len);
      g_assert_cmpuint (((BelfryTypeCount *) g_ptr_array_index (stats->by_type, 0))->count, ==, events->len);
    }
  fixture_close (&fixture);
  fixture_verify (&fixture);
  fixture_tear_down (&fixture);
}

static void
test_failing_read (void)
{
  Trial trial;
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GPtrArray) events = NULL;
  g_autoptr(GError) error = NULL;
  BelfryEventStore *store;

  g_test_summary ("A read that fails is answered as a failure; the next one succeeds");
  trial_set_up (&trial);
  store = BELFRY_EVENT_STORE (trial.fixture.store);
  begin_batch (&trial, 100);
  finish_batches (&trial);

  fault_vfs_fail (FAULT_READ, SQLITE_IOERR_READ, 0, FOREVER);
  belfry_event_store_query_async (store, NULL, G_MININT64, 0, 10, NULL, catch_result, &result);
  g_assert_null (belfry_event_store_query_finish (store, wait_for (&result), &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);
  g_assert_cmpstr (error->message, ==, "Storage unavailable");
  fault_vfs_heal ();
  events = query (trial.fixture.store, NULL, G_MININT64, 0, 100);
  g_assert_cmpuint (events->len, ==, 100);

  trial_tear_down (&trial);
}

static void
test_check_tells (void)
{
  Trial trial;
  g_autoptr(GError) error = NULL;

  g_test_summary ("The check fails while the log cannot be written, and succeeds when it can");
  trial_set_up (&trial);
  begin_batch (&trial, 1);
  finish_batches (&trial);
  fault_vfs_fail (FAULT_WRITE, SQLITE_FULL, 0, FOREVER);
  begin_batch (&trial, 1);
  finish_batches (&trial);
  g_assert_false (check (trial.fixture.store, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  fault_vfs_heal ();
  g_assert_true (check (trial.fixture.store, &error));
  g_assert_no_error (error);

  trial_tear_down (&trial);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  silence_log ();
  fault_vfs_register ();

  g_test_add_func ("/sqlite-faults/power-loss-keeps-what-was-answered", test_power_loss);
  g_test_add_func ("/sqlite-faults/disk-full-and-recovery", test_disk_full);
  g_test_add_func ("/sqlite-faults/failing-operation-and-recovery", test_failing_operation);
  g_test_add_func ("/sqlite-faults/failing-flush-then-power-loss", test_failing_then_power_loss);
  g_test_add_func ("/sqlite-faults/failing-delete", test_failing_delete);
  g_test_add_func ("/sqlite-faults/failing-read", test_failing_read);
  g_test_add_func ("/sqlite-faults/check-tells", test_check_tells);

  return g_test_run ();
}
