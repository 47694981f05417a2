/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "store-fixture.h"

static BelfryEventStore *
as_store (Fixture *fixture)
{
  return BELFRY_EVENT_STORE (fixture->store);
}

static BelfryEvent *
committed_at (Fixture *fixture,
              guint    index)
{
  g_assert_cmpuint (index, <, fixture->committed->len);

  return g_ptr_array_index (fixture->committed, index);
}

static void
test_append_gives_places (void)
{
  Fixture fixture;
  g_autoptr(GPtrArray) events = NULL;
  g_autoptr(BelfryEvent) found = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("An appended event has a position, an id and a time, is told of, and is found by its id");
  fixture_set_up (&fixture);
  fixture_open (&fixture);

  g_assert_cmpuint (belfry_event_store_get_log_id (as_store (&fixture)), !=, 0);
  g_assert_cmpuint (belfry_event_store_get_last_position (as_store (&fixture)), ==, 0);
  g_assert_cmpuint (belfry_event_store_get_floor (as_store (&fixture)), ==, 1);
  append_one (fixture.store, make_event ("quiz_started", "s1", "u1", "{\"a\":1}"));
  append_one (fixture.store, make_event ("quiz_completed", NULL, NULL, NULL));

  g_assert_cmpuint (fixture.committed->len, ==, 2);
  g_assert_cmpuint (belfry_event_get_position (committed_at (&fixture, 0)), ==, 1);
  g_assert_cmpuint (belfry_event_get_position (committed_at (&fixture, 1)), ==, 2);
  g_assert_cmpuint (belfry_event_store_get_last_position (as_store (&fixture)), ==, 2);

  found = look_up (fixture.store, belfry_event_get_id (committed_at (&fixture, 0)), &error);
  g_assert_no_error (error);
  g_assert_cmpstr (belfry_event_get_json (found), ==, belfry_event_get_json (committed_at (&fixture, 0)));

  events = query (fixture.store, NULL, G_MININT64, 0, 10);
  g_assert_cmpuint (events->len, ==, 2);
  g_assert_cmpstr (belfry_event_get_event_type (g_ptr_array_index (events, 0)), ==, "quiz_completed");
  g_assert_cmpstr (belfry_event_get_json (g_ptr_array_index (events, 1)), ==, belfry_event_get_json (found));

  fixture_tear_down (&fixture);
}

static void
test_append_keeps_text (void)
{
  Fixture fixture;
  g_autofree char *long_text = g_strnfill (200000, 'x');
  g_autofree char *payload = g_strdup_printf ("{\"text\":\"%s\",\"n\":12345678901234567890.000000000000000001}", long_text);
  g_autoptr(BelfryEvent) found = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("Texts come back as they were given: empty, in any script, and longer than a page of the file");
  fixture_set_up (&fixture);
  fixture_open (&fixture);

  append_one (fixture.store, make_event ("quiz_started", "", "Ω≈ç√ \"quoted\" \n", payload));
  found = look_up (fixture.store, belfry_event_get_id (committed_at (&fixture, 0)), &error);
  g_assert_no_error (error);
  g_assert_cmpstr (belfry_event_get_session_id (found), ==, "");
  g_assert_cmpstr (belfry_event_get_user_id (found), ==, "Ω≈ç√ \"quoted\" \n");
  g_assert_cmpstr (belfry_event_get_payload (found), ==, payload);
  g_assert_cmpstr (belfry_event_get_json (found), ==, belfry_event_get_json (committed_at (&fixture, 0)));

  fixture_tear_down (&fixture);
}

typedef struct
{
  Fixture *fixture;
  guint    n_answered;
  guint    n_told_before;
} Watch;

static void
on_answer (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Watch *watch = user_data;
  g_autoptr(GError) error = NULL;

  belfry_event_store_append_finish (BELFRY_EVENT_STORE (source), result, &error);
  g_assert_no_error (error);
  watch->n_answered++;
  if (watch->fixture->committed->len >= watch->n_answered)
    watch->n_told_before++;
}

static void
test_append_tells_before_answering (void)
{
  Fixture fixture;
  Watch watch = { &fixture };

  g_test_summary ("Appends that wait together share a transaction, keep their order, and are told of before they are answered");
  fixture_set_up (&fixture);
  fixture_open (&fixture);

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
      g_autofree char *session_id = g_strdup_printf ("%u", i);

      g_ptr_array_add (events, make_event ("timer_tick", session_id, NULL, NULL));
      belfry_event_store_append_async (as_store (&fixture), events, NULL, on_answer, &watch);
    }
  g_assert_cmpuint (get_counter (fixture.store, "events-waiting"), ==, 200);
  while (watch.n_answered < 200)
    g_main_context_iteration (NULL, TRUE);

  g_assert_cmpuint (watch.n_told_before, ==, 200);
  g_assert_cmpuint (get_counter (fixture.store, "events-waiting"), ==, 0);
  g_assert_cmpuint (get_counter (fixture.store, "events-appended"), ==, 200);
  g_assert_cmpuint (get_counter (fixture.store, "commits"), <, 200);
  g_assert_cmpuint (get_counter (fixture.store, "largest-batch"), >, 1);
  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *session_id = g_strdup_printf ("%u", i);

      g_assert_cmpuint (belfry_event_get_position (committed_at (&fixture, i)), ==, i + 1);
      g_assert_cmpstr (belfry_event_get_session_id (committed_at (&fixture, i)), ==, session_id);
    }

  fixture_tear_down (&fixture);
}

static void
test_append_refuses_over_the_bound (void)
{
  Fixture fixture;
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(GPtrArray) more = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(GAsyncResult) first = NULL, second = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("Over max-waiting-events or max-waiting-bytes an append fails at once, and later ones succeed");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  g_object_set (fixture.store, "max-waiting-events", 15, NULL);

  for (guint i = 0; i < 10; i++)
    {
      g_ptr_array_add (events, make_event ("timer_tick", NULL, NULL, NULL));
      g_ptr_array_add (more, make_event ("timer_tick", NULL, NULL, NULL));
    }
  belfry_event_store_append_async (as_store (&fixture), events, NULL, catch_result, &first);
  belfry_event_store_append_async (as_store (&fixture), more, NULL, catch_result, &second);
  g_assert_false (belfry_event_store_append_finish (as_store (&fixture), wait_for (&second), &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);
  g_assert_cmpstr (error->message, ==, "Too much waits");
  g_clear_error (&error);
  g_assert_true (belfry_event_store_append_finish (as_store (&fixture), wait_for (&first), &error));
  g_assert_no_error (error);
  g_assert_cmpuint (get_counter (fixture.store, "appends-failed"), ==, 1);

  append_many (fixture.store, 15, NULL);
  g_object_set (fixture.store, "max-waiting-bytes", (guint64) 10, NULL);
  g_assert_false (append (fixture.store, more, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);
  g_assert_cmpuint (fixture.committed->len, ==, 25);

  fixture_tear_down (&fixture);
}

static void
test_reads_refuse_over_the_bound (void)
{
  Fixture fixture;
  GAsyncResult *results[50] = { NULL };
  guint n_refused = 0;

  g_test_summary ("Over max-waiting-reads a read fails at once; the others are answered");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  append_many (fixture.store, 5000, NULL);
  g_object_set (fixture.store, "max-waiting-reads", 3, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    belfry_event_store_query_async (as_store (&fixture), NULL, G_MININT64, 0, 5000, NULL, catch_result, &results[i]);
  g_assert_cmpuint (get_counter (fixture.store, "reads-waiting"), <=, 3);
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr(GPtrArray) events = NULL;
      g_autoptr(GError) error = NULL;

      events = belfry_event_store_query_finish (as_store (&fixture), wait_for (&results[i]), &error);
      if (events == NULL)
        {
          g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);
          n_refused++;
        }
      g_object_unref (results[i]);
    }
  g_assert_cmpuint (n_refused, >, 0);
  g_assert_cmpuint (n_refused, <, G_N_ELEMENTS (results));

  fixture_tear_down (&fixture);
}

static void
test_append_of_nothing_succeeds (void)
{
  Fixture fixture;
  g_autoptr(GPtrArray) events = g_ptr_array_new ();
  g_autoptr(GError) error = NULL;

  fixture_set_up (&fixture);
  fixture_open (&fixture);
  g_assert_true (append (fixture.store, events, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (fixture.committed->len, ==, 0);
  fixture_tear_down (&fixture);
}

static void
test_append_cancelled (void)
{
  Fixture fixture;
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  fixture_set_up (&fixture);
  fixture_open (&fixture);
  g_cancellable_cancel (cancellable);
  g_ptr_array_add (events, make_event ("timer_tick", NULL, NULL, NULL));
  belfry_event_store_append_async (as_store (&fixture), events, cancellable, catch_result, &result);
  g_assert_false (belfry_event_store_append_finish (as_store (&fixture), wait_for (&result), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (get_counter (fixture.store, "events-waiting"), ==, 0);
  fixture_tear_down (&fixture);
}

static void
test_close_answers_what_was_begun (void)
{
  Fixture fixture;
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(GAsyncResult) appended = NULL, deleted = NULL, found = NULL, late = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("What waits when the store is closed is finished or fails, each once; later requests fail");
  fixture_set_up (&fixture);
  fixture_open (&fixture);

  g_ptr_array_add (events, make_event ("timer_tick", NULL, NULL, NULL));
  belfry_event_store_append_async (as_store (&fixture), events, NULL, catch_result, &appended);
  belfry_event_store_query_async (as_store (&fixture), NULL, G_MININT64, 0, 10, NULL, catch_result, &found);
  belfry_event_store_delete_async (as_store (&fixture), 5, NULL, catch_result, &deleted);
  belfry_sqlite_store_close (fixture.store);
  belfry_event_store_check_async (as_store (&fixture), NULL, catch_result, &late);

  g_assert_true (belfry_event_store_append_finish (as_store (&fixture), wait_for (&appended), &error));
  g_assert_no_error (error);
  g_assert_cmpuint (fixture.committed->len, ==, 1);
  wait_for (&found);
  wait_for (&deleted);
  g_assert_false (belfry_event_store_check_finish (as_store (&fixture), wait_for (&late), &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);

  fixture_tear_down (&fixture);
}

static void
close_store (BelfrySqliteStore *store)
{
  belfry_sqlite_store_close (store);
}

static void
test_close_while_being_told (void)
{
  Fixture fixture;
  GAsyncResult *results[40] = { NULL };

  g_test_summary ("Whoever hears of events may close the store; every append is still answered once");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  g_signal_connect (fixture.store, "committed", G_CALLBACK (close_store), NULL);
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);

      g_ptr_array_add (events, make_event ("timer_tick", NULL, NULL, NULL));
      belfry_event_store_append_async (as_store (&fixture), events, NULL, catch_result, &results[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_true (belfry_event_store_append_finish (as_store (&fixture), wait_for (&results[i]), &error));
      g_assert_no_error (error);
      g_assert_cmpuint (belfry_event_get_position (committed_at (&fixture, i)), ==, i + 1);
      g_object_unref (results[i]);
    }

  fixture_tear_down (&fixture);
}

static void
test_lookup_of_wrong_ids (void)
{
  static const char *const ids[] = {
    "", "evt_", "evt_000000000000", "evt_00000000000", "evt_0000000000000", "EVT_000000000000", "evt_00000000000g",
    "evt_ABCDEFABCDEF", "../../etc/passwd",
  };
  Fixture fixture;

  fixture_set_up (&fixture);
  fixture_open (&fixture);
  append_many (fixture.store, 3, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (look_up (fixture.store, ids[i], &error));
      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND);
    }

  fixture_tear_down (&fixture);
}

static void
test_restart_keeps_all (void)
{
  Fixture fixture;
  g_autoptr(BelfryEvent) found = NULL;
  g_autoptr(BelfryStoreStats) stats = NULL;
  g_autoptr(GError) error = NULL;
  guint64 log_id;

  g_test_summary ("After a restart identity, events, ids, positions and counts are the same");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  log_id = belfry_event_store_get_log_id (as_store (&fixture));
  append_many (fixture.store, 7, "s");
  fixture_close (&fixture);
  fixture_verify (&fixture);

  fixture_open (&fixture);
  g_assert_cmpuint (belfry_event_store_get_log_id (as_store (&fixture)), ==, log_id);
  g_assert_cmpuint (belfry_event_store_get_last_position (as_store (&fixture)), ==, 7);
  found = look_up (fixture.store, belfry_event_get_id (committed_at (&fixture, 3)), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (belfry_event_get_position (found), ==, 4);
  stats = get_stats (fixture.store);
  g_assert_cmpuint (stats->total_events, ==, 7);
  append_many (fixture.store, 1, NULL);
  g_assert_cmpuint (belfry_event_get_position (committed_at (&fixture, 7)), ==, 8);

  fixture_tear_down (&fixture);
}

static void
test_delete_moves_the_floor (void)
{
  Fixture fixture;
  g_autoptr(BelfryLogPage) page = NULL;
  g_autoptr(BelfryStoreStats) stats = NULL;
  g_autoptr(GPtrArray) events = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("A delete removes what is strictly older, counts it, and shows at once in every way of asking");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  for (guint i = 1; i <= 10; i++)
    {
      fixture_set_time (&fixture, i * 1000);
      append_one (fixture.store, make_event (i % 2 ? "timer_tick" : "quiz_started", "s", NULL, NULL));
    }

  g_assert_cmpuint (delete_before (fixture.store, 1), ==, 0);
  g_assert_cmpuint (delete_before (fixture.store, G_MININT64), ==, 0);
  g_assert_cmpuint (delete_before (fixture.store, 5000), ==, 4);
  g_assert_cmpuint (belfry_event_store_get_floor (as_store (&fixture)), ==, 5);
  g_assert_null (look_up (fixture.store, belfry_event_get_id (committed_at (&fixture, 3)), &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND);

  events = query (fixture.store, NULL, G_MININT64, 0, 100);
  g_assert_cmpuint (events->len, ==, 6);
  stats = get_stats (fixture.store);
  g_assert_cmpuint (stats->total_events, ==, 6);
  g_assert_cmpuint (stats->events_last_hour, ==, 6);
  g_assert_cmpuint (stats->by_type->len, ==, 2);
  g_assert_cmpstr (((BelfryTypeCount *) g_ptr_array_index (stats->by_type, 0))->event_type, ==, "quiz_started");
  g_assert_cmpuint (((BelfryTypeCount *) g_ptr_array_index (stats->by_type, 0))->count, ==, 3);
  g_assert_cmpint (((BelfryTypeCount *) g_ptr_array_index (stats->by_type, 1))->last_seen_usec, ==, 9000);

  page = read_page (fixture.store, NULL, 1, G_MAXUINT64, 100, G_MAXSIZE);
  g_assert_cmpuint (page->lost, ==, 3);
  g_assert_cmpuint (page->floor, ==, 5);
  g_assert_cmpuint (page->events->len, ==, 6);
  g_assert_cmpuint (page->next, ==, 10);

  fixture_verify (&fixture);
  fixture_tear_down (&fixture);
}

static void
test_delete_all (void)
{
  Fixture fixture;
  g_autoptr(BelfryStoreStats) stats = NULL;
  g_autoptr(BelfryLogPage) page = NULL, empty_page = NULL;
  g_autoptr(GPtrArray) events = NULL;

  g_test_summary ("After a delete of all nothing is held, and no position comes again, not after a restart either");
  fixture_set_up (&fixture);
  fixture.is_busy = TRUE;
  fixture_open (&fixture);
  append_many (fixture.store, 100, "s");
  g_assert_cmpuint (delete_before (fixture.store, G_MAXINT64), ==, 100);
  g_assert_cmpuint (delete_before (fixture.store, G_MAXINT64), ==, 0);
  g_assert_cmpuint (belfry_event_store_get_floor (as_store (&fixture)), ==, 101);
  g_assert_cmpuint (belfry_event_store_get_last_position (as_store (&fixture)), ==, 100);
  events = query (fixture.store, NULL, G_MININT64, 0, 100);
  g_assert_cmpuint (events->len, ==, 0);
  stats = get_stats (fixture.store);
  g_assert_cmpuint (stats->total_events, ==, 0);
  g_assert_cmpuint (stats->events_last_hour, ==, 0);
  g_assert_cmpuint (stats->by_type->len, ==, 0);
  empty_page = read_page (fixture.store, NULL, 100, G_MAXUINT64, 100, G_MAXSIZE);
  g_assert_cmpuint (empty_page->lost, ==, 0);
  g_assert_cmpuint (empty_page->next, ==, 100);

  fixture_close (&fixture);
  fixture_verify (&fixture);
  fixture_open (&fixture);
  append_many (fixture.store, 1, "s");
  g_assert_cmpuint (belfry_event_get_position (committed_at (&fixture, 100)), ==, 101);
  page = read_page (fixture.store, NULL, 0, G_MAXUINT64, 100, G_MAXSIZE);
  g_assert_cmpuint (page->lost, ==, 100);
  g_assert_cmpuint (page->events->len, ==, 1);
  fixture_verify (&fixture);

  fixture_tear_down (&fixture);
}

static void
test_deletes_in_a_row (void)
{
  Fixture fixture;
  GAsyncResult *results[5] = { NULL };
  guint64 sum = 0;

  g_test_summary ("Deletes that are asked for together count each event once");
  fixture_set_up (&fixture);
  fixture.is_busy = TRUE;
  fixture_open (&fixture);
  for (guint i = 1; i <= 100; i++)
    {
      fixture_set_time (&fixture, i * 1000);
      append_many (fixture.store, 1, "s");
    }

  belfry_event_store_delete_async (as_store (&fixture), 30000, NULL, catch_result, &results[0]);
  belfry_event_store_delete_async (as_store (&fixture), 20000, NULL, catch_result, &results[1]);
  belfry_event_store_delete_async (as_store (&fixture), 70000, NULL, catch_result, &results[2]);
  belfry_event_store_delete_async (as_store (&fixture), G_MAXINT64, NULL, catch_result, &results[3]);
  belfry_event_store_delete_async (as_store (&fixture), 90000, NULL, catch_result, &results[4]);
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr(GError) error = NULL;
      guint64 n_deleted;

      belfry_event_store_delete_finish (as_store (&fixture), wait_for (&results[i]), &n_deleted, &error);
      g_assert_no_error (error);
      sum += n_deleted;
      g_object_unref (results[i]);
    }
  g_assert_cmpuint (sum, ==, 100);
  fixture_verify (&fixture);

  fixture_tear_down (&fixture);
}

static void
test_clock_never_runs_backwards (void)
{
  Fixture fixture;
  g_autoptr(GPtrArray) since = NULL;

  g_test_summary ("When the clock goes back times stand still and are counted, also over a restart");
  fixture_set_up (&fixture);
  fixture_open (&fixture);

  fixture_set_time (&fixture, 1000000);
  append_many (fixture.store, 1, NULL);
  fixture_set_time (&fixture, 400000);
  append_many (fixture.store, 2, NULL);
  g_assert_cmpuint (get_counter (fixture.store, "clock-held"), ==, 2);
  fixture_close (&fixture);
  fixture_open (&fixture);
  append_many (fixture.store, 1, NULL);
  fixture_set_time (&fixture, 1000001);
  append_many (fixture.store, 1, NULL);

  for (guint i = 0; i < 4; i++)
    g_assert_cmpint (belfry_event_get_timestamp_usec (committed_at (&fixture, i)), ==, 1000000);
  g_assert_cmpint (belfry_event_get_timestamp_usec (committed_at (&fixture, 4)), ==, 1000001);
  since = query (fixture.store, NULL, 1000000, 0, 100);
  g_assert_cmpuint (since->len, ==, 1);

  fixture_tear_down (&fixture);
}

static void
test_stats_of_the_last_hour (void)
{
  Fixture fixture;
  g_autoptr(BelfryStoreStats) stats = NULL;
  gint64 now_usec = 5 * G_TIME_SPAN_HOUR;

  fixture_set_up (&fixture);
  fixture_open (&fixture);
  fixture_set_time (&fixture, now_usec - G_TIME_SPAN_HOUR - 1);
  append_many (fixture.store, 3, NULL);
  fixture_set_time (&fixture, now_usec - G_TIME_SPAN_HOUR);
  append_many (fixture.store, 4, NULL);
  fixture_set_time (&fixture, now_usec);
  append_many (fixture.store, 5, NULL);

  stats = get_stats (fixture.store);
  g_assert_cmpuint (stats->total_events, ==, 12);
  g_assert_cmpuint (stats->events_last_hour, ==, 9);

  fixture_tear_down (&fixture);
}

static void
test_read_in_pages (void)
{
  Fixture fixture;
  g_autoptr(BelfryFilter) filter = belfry_filter_new (NULL, "rare", NULL);
  guint64 after = 0;
  guint n_found = 0, n_pages = 0;

  g_test_summary ("Pages follow each other without a gap or a repeat, whatever bounds them");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  for (guint i = 0; i < 20; i++)
    append_many (fixture.store, 10, i % 5 == 0 ? "rare" : "common");

  while (after < 150)
    {
      g_autoptr(BelfryLogPage) page = read_page (fixture.store, NULL, after, 150, 7, G_MAXSIZE);

      g_assert_cmpuint (page->events->len, <=, 7);
      for (guint i = 0; i < page->events->len; i++)
        g_assert_cmpuint (belfry_event_get_position (g_ptr_array_index (page->events, i)), ==, after + i + 1);
      g_assert_cmpuint (page->next, ==, after + page->events->len);
      after = page->next;
      n_pages++;
    }
  g_assert_cmpuint (after, ==, 150);
  g_assert_cmpuint (n_pages, ==, 22);

  for (after = 0; after < 200; n_pages++)
    {
      g_autoptr(BelfryLogPage) page = read_page (fixture.store, filter, after, G_MAXUINT64, 100, 1);

      g_assert_cmpuint (page->events->len, <=, 1);
      n_found += page->events->len;
      g_assert_cmpuint (page->next, >, after);
      after = page->next;
    }
  g_assert_cmpuint (n_found, ==, 40);
  g_assert_cmpuint (after, ==, 200);

  fixture_tear_down (&fixture);
}

static void
test_read_at_the_ends (void)
{
  Fixture fixture;
  g_autoptr(BelfryLogPage) empty = NULL, beyond = NULL, none = NULL;

  fixture_set_up (&fixture);
  fixture_open (&fixture);
  empty = read_page (fixture.store, NULL, 0, G_MAXUINT64, 10, 1000);
  g_assert_cmpuint (empty->events->len, ==, 0);
  g_assert_cmpuint (empty->next, ==, 0);
  g_assert_cmpuint (empty->floor, ==, 1);

  append_many (fixture.store, 5, NULL);
  beyond = read_page (fixture.store, NULL, 77, G_MAXUINT64, 10, 1000);
  g_assert_cmpuint (beyond->events->len, ==, 0);
  g_assert_cmpuint (beyond->next, ==, 77);
  none = read_page (fixture.store, NULL, 3, 3, 10, 1000);
  g_assert_cmpuint (none->events->len, ==, 0);
  g_assert_cmpuint (none->next, ==, 3);

  fixture_tear_down (&fixture);
}

static void
test_check_writes (void)
{
  Fixture fixture;
  g_autoptr(GError) error = NULL;

  fixture_set_up (&fixture);
  fixture_open (&fixture);
  g_assert_true (check (fixture.store, &error));
  g_assert_true (check (fixture.store, &error));
  g_assert_no_error (error);
  fixture_tear_down (&fixture);
}

static void
test_gauges (void)
{
  Fixture fixture;

  g_test_summary ("The write-ahead log and the tail have numbers, and both stay bounded");
  fixture_set_up (&fixture);
  fixture.is_busy = TRUE;
  fixture_open (&fixture);
  g_assert_cmpuint (get_counter (fixture.store, "database-bytes"), >, 0);
  for (guint i = 0; i < 300; i++)
    append_many (fixture.store, 20, "s");
  g_assert_cmpuint (get_counter (fixture.store, "wal-bytes"), >, 0);
  g_assert_cmpuint (get_counter (fixture.store, "wal-bytes"), <, 400 * BELFRY_SQLITE_PAGE_SIZE);
  fixture_settle (&fixture);
  fixture_verify (&fixture);
  fixture_tear_down (&fixture);
}

static void
count_refused (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  g_autoptr(GError) error = NULL;
  guint *counts = user_data;

  if (belfry_event_store_delete_finish (BELFRY_EVENT_STORE (source), result, NULL, &error))
    counts[0]++;
  else if (g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE))
    counts[1]++;
}

static void
test_deletes_refuse_over_the_bound (void)
{
  guint counts[2] = { 0, 0 };
  Fixture fixture;

  g_test_summary ("Of many deletes at once a hundred wait, and the others are refused");
  fixture_set_up (&fixture);
  fixture_open (&fixture);

  for (guint i = 0; i < 150; i++)
    belfry_event_store_delete_async (BELFRY_EVENT_STORE (fixture.store), G_MAXINT64, NULL, count_refused, counts);
  while (counts[0] + counts[1] < 150)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (counts[0], ==, 100);
  g_assert_cmpuint (counts[1], ==, 50);

  fixture_tear_down (&fixture);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/sqlite-store/append/gives-places", test_append_gives_places);
  g_test_add_func ("/sqlite-store/append/keeps-text", test_append_keeps_text);
  g_test_add_func ("/sqlite-store/append/tells-before-answering", test_append_tells_before_answering);
  g_test_add_func ("/sqlite-store/append/refuses-over-the-bound", test_append_refuses_over_the_bound);
  g_test_add_func ("/sqlite-store/read/refuses-over-the-bound", test_reads_refuse_over_the_bound);
  g_test_add_func ("/sqlite-store/append/of-nothing-succeeds", test_append_of_nothing_succeeds);
  g_test_add_func ("/sqlite-store/append/cancelled", test_append_cancelled);
  g_test_add_func ("/sqlite-store/close/answers-what-was-begun", test_close_answers_what_was_begun);
  g_test_add_func ("/sqlite-store/close/while-being-told", test_close_while_being_told);
  g_test_add_func ("/sqlite-store/lookup/of-wrong-ids-finds-nothing", test_lookup_of_wrong_ids);
  g_test_add_func ("/sqlite-store/restart/keeps-all", test_restart_keeps_all);
  g_test_add_func ("/sqlite-store/delete/moves-the-floor", test_delete_moves_the_floor);
  g_test_add_func ("/sqlite-store/delete/of-all-reuses-no-position", test_delete_all);
  g_test_add_func ("/sqlite-store/delete/in-a-row-counts-each-once", test_deletes_in_a_row);
  g_test_add_func ("/sqlite-store/delete/refuses-over-the-bound", test_deletes_refuse_over_the_bound);
  g_test_add_func ("/sqlite-store/clock/never-runs-backwards", test_clock_never_runs_backwards);
  g_test_add_func ("/sqlite-store/stats/of-the-last-hour", test_stats_of_the_last_hour);
  g_test_add_func ("/sqlite-store/read/in-pages-without-gaps", test_read_in_pages);
  g_test_add_func ("/sqlite-store/read/at-the-ends", test_read_at_the_ends);
  g_test_add_func ("/sqlite-store/check/succeeds", test_check_writes);
  g_test_add_func ("/sqlite-store/gauges/stay-bounded", test_gauges);

  return g_test_run ();
}
