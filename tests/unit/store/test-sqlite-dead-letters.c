/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include <string.h>

#include <sqlite3.h>

#include "belfry-dead-letter-private.h"
#include "fault-vfs.h"
#include "store-fixture.h"

static void
open_with_bounds (Fixture *fixture,
                  guint64  max_letters,
                  guint64  max_bytes,
                  gint64   max_age_usec)
{
  fixture_open (fixture);
  fixture_close (fixture);
  fixture->store = belfry_sqlite_store_new (fixture->path);
  g_object_set (fixture->store, "dead-letters-max", max_letters, "dead-letters-max-bytes", max_bytes,
                "dead-letters-max-age-usec", max_age_usec, NULL);
  g_assert_true (belfry_sqlite_store_open (fixture->store, NULL, NULL));
}

static BelfryDeadLetter *
make_letter (const char *reason,
             const char *text)
{
  g_autoptr(GBytes) body = g_bytes_new (text, strlen (text));

  return belfry_dead_letter_new ("collect", reason, "field", "A rule", "application/json", body);
}

static gboolean
deliver (BelfrySqliteStore  *store,
         guint               n_events,
         BelfryDeadLetter   *letter,
         BelfryReceipt      *receipt,
         BelfryReplay       *replay,
         GError            **error)
{
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(GPtrArray) letters = g_ptr_array_new ();
  g_autoptr(GAsyncResult) result = NULL;
  BelfryConsignment consignment = { events, NULL, receipt, replay };

  for (guint i = 0; i < n_events; i++)
    g_ptr_array_add (events, make_event ("timer_tick", "s", NULL, NULL));
  if (letter != NULL)
    {
      g_ptr_array_add (letters, letter);
      consignment.letters = letters;
    }
  belfry_dead_letter_keeper_deliver_async (BELFRY_DEAD_LETTER_KEEPER (store), &consignment, NULL, catch_result, &result);

  return belfry_event_store_append_finish (BELFRY_EVENT_STORE (store), wait_for (&result), error);
}

static void
keep (BelfrySqliteStore *store,
      const char        *reason,
      const char        *text)
{
  g_autoptr(BelfryDeadLetter) letter = make_letter (reason, text);
  g_autoptr(GError) error = NULL;

  deliver (store, 0, letter, NULL, NULL, &error);
  g_assert_no_error (error);
}

static GPtrArray *
list (BelfrySqliteStore *store,
      const char        *reason)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  GPtrArray *letters;

  belfry_dead_letter_keeper_list_async (BELFRY_DEAD_LETTER_KEEPER (store), 0, G_MAXUINT64, FALSE, reason, 1000,
                                        G_MAXSIZE, NULL, catch_result, &result);
  letters = belfry_dead_letter_keeper_list_finish (BELFRY_DEAD_LETTER_KEEPER (store), wait_for (&result), &error);
  g_assert_no_error (error);

  return letters;
}

static BelfryReplayOutcome
replay (BelfrySqliteStore  *store,
        guint64             number,
        guint               n_events,
        char              **event_id)
{
  g_autoptr(BelfryReplay) wish = belfry_replay_new (number);
  g_autoptr(GError) error = NULL;

  deliver (store, n_events, NULL, NULL, wish, &error);
  g_assert_no_error (error);
  if (event_id != NULL)
    *event_id = g_strdup (wish->event_id);

  return wish->outcome;
}

static gboolean
delete_letter (BelfrySqliteStore  *store,
               guint64             number,
               GError            **error)
{
  g_autoptr(GAsyncResult) result = NULL;

  belfry_dead_letter_keeper_delete_async (BELFRY_DEAD_LETTER_KEEPER (store), number, NULL, catch_result, &result);

  return belfry_dead_letter_keeper_delete_finish (BELFRY_DEAD_LETTER_KEEPER (store), wait_for (&result), error);
}

static void
assert_texts (BelfrySqliteStore *store,
              const char        *expected)
{
  g_autoptr(GPtrArray) letters = list (store, NULL);
  g_autoptr(GString) texts = g_string_new (NULL);

  for (guint i = 0; i < letters->len; i++)
    {
      const BelfryDeadLetter *letter = g_ptr_array_index (letters, i);

      g_string_append_len (texts, g_bytes_get_data (letter->body, NULL), (gssize) g_bytes_get_size (letter->body));
    }
  g_assert_cmpstr (texts->str, ==, expected);
  g_assert_cmpuint (get_counter (store, "dead-letters"), ==, letters->len);
}

static void
test_keeps (void)
{
  g_autoptr(BelfryDeadLetter) letter = make_letter ("because", "x");
  g_autoptr(GPtrArray) letters = NULL;
  g_autoptr(GError) error = NULL;
  const BelfryDeadLetter *kept;
  Fixture fixture;

  fixture_set_up (&fixture);
  fixture_set_time (&fixture, G_GINT64_CONSTANT (1768473105123456));
  fixture_open (&fixture);
  deliver (fixture.store, 3, letter, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (fixture.committed->len, ==, 3);
  keep (fixture.store, "other", "");
  fixture_close (&fixture);
  fixture_verify (&fixture);

  fixture_open (&fixture);
  letters = list (fixture.store, NULL);
  g_assert_cmpuint (letters->len, ==, 2);
  kept = g_ptr_array_index (letters, 0);
  g_assert_cmpuint (kept->number, ==, 1);
  g_assert_cmpint (kept->received_usec, ==, fixture.now_usec);
  g_assert_cmpstr (kept->door, ==, "collect");
  g_assert_cmpstr (kept->reason, ==, "because");
  g_assert_cmpstr (kept->field, ==, "field");
  g_assert_cmpstr (kept->message, ==, "A rule");
  g_assert_cmpstr (kept->content_type, ==, "application/json");
  g_assert_null (kept->event_id);
  g_assert_cmpuint (kept->size, ==, 1);
  g_clear_pointer (&letters, g_ptr_array_unref);
  letters = list (fixture.store, "other");
  g_assert_cmpuint (letters->len, ==, 1);
  g_assert_cmpuint (get_counter (fixture.store, "dead-letters-ever"), ==, 2);
  fixture_tear_down (&fixture);
}

static void
test_repeat_keeps_none (void)
{
  Fixture fixture;

  fixture_set_up (&fixture);
  fixture_open (&fixture);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr(BelfryDeadLetter) letter = make_letter ("because", "x");
      g_autoptr(BelfryReceipt) receipt = belfry_receipt_new ();
      g_autoptr(GError) error = NULL;

      receipt->key[0] = 'k';
      receipt->status = 200;
      deliver (fixture.store, 1, letter, receipt, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpint (receipt->outcome, ==, i == 0 ? BELFRY_RECEIPT_STORED : BELFRY_RECEIPT_REPEATED);
    }
  assert_texts (fixture.store, "x");
  fixture_tear_down (&fixture);
}

static void
test_replays_once (void)
{
  g_autofree char *id = NULL;
  g_autofree char *again = NULL;
  Fixture fixture;

  fixture_set_up (&fixture);
  fixture_open (&fixture);
  keep (fixture.store, "because", "x");
  g_assert_cmpint (replay (fixture.store, 1, 0, NULL), ==, BELFRY_REPLAY_OPEN);
  g_assert_cmpint (replay (fixture.store, 2, 1, NULL), ==, BELFRY_REPLAY_UNKNOWN);
  g_assert_cmpuint (fixture.committed->len, ==, 0);
  g_assert_cmpint (replay (fixture.store, 1, 1, &id), ==, BELFRY_REPLAY_DONE);
  g_assert_cmpuint (fixture.committed->len, ==, 1);
  g_assert_cmpstr (id, ==, belfry_event_get_id (g_ptr_array_index (fixture.committed, 0)));
  fixture_close (&fixture);

  fixture_open (&fixture);
  g_assert_cmpint (replay (fixture.store, 1, 1, &again), ==, BELFRY_REPLAY_REPEATED);
  g_assert_cmpstr (again, ==, id);
  g_assert_cmpuint (belfry_event_store_get_last_position (BELFRY_EVENT_STORE (fixture.store)), ==, 1);
  fixture_tear_down (&fixture);
}

static void
test_deletes (void)
{
  g_autoptr(GError) error = NULL;
  Fixture fixture;

  fixture_set_up (&fixture);
  fixture_open (&fixture);
  keep (fixture.store, "because", "a");
  keep (fixture.store, "because", "b");
  g_assert_true (delete_letter (fixture.store, 2, &error));
  g_assert_false (delete_letter (fixture.store, 2, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND);
  assert_texts (fixture.store, "a");
  g_assert_true (delete_letter (fixture.store, 1, NULL));
  g_assert_cmpuint (get_counter (fixture.store, "dead-letter-bytes"), ==, 0);
  fixture_close (&fixture);

  /* No number is given twice. */
  fixture_open (&fixture);
  keep (fixture.store, "because", "c");
  g_assert_false (delete_letter (fixture.store, 1, NULL));
  g_assert_true (delete_letter (fixture.store, 3, NULL));
  fixture_tear_down (&fixture);
}

static void
test_count_is_bounded (void)
{
  Fixture fixture;

  fixture_set_up (&fixture);
  open_with_bounds (&fixture, 3, 0, 0);
  for (const char *text = "abcdefg"; *text != '\0'; text++)
    {
      const char letter[] = { *text, '\0' };

      keep (fixture.store, "because", letter);
      g_assert_cmpuint (get_counter (fixture.store, "dead-letters"), <=, 3);
    }
  assert_texts (fixture.store, "efg");
  g_assert_cmpuint (get_counter (fixture.store, "dead-letters-dropped"), ==, 4);
  fixture_tear_down (&fixture);
}

static void
test_bytes_are_bounded (void)
{
  g_autofree char *large = g_strnfill (1000, 'x');
  Fixture fixture;

  fixture_set_up (&fixture);
  open_with_bounds (&fixture, 0, 2500, 0);
  for (guint i = 0; i < 5; i++)
    {
      keep (fixture.store, "because", large);
      g_assert_cmpuint (get_counter (fixture.store, "dead-letter-bytes"), <=, 2500);
    }
  g_assert_cmpuint (get_counter (fixture.store, "dead-letters"), ==, 2);
  fixture_tear_down (&fixture);
}

static void
test_age_is_bounded (void)
{
  gint64 end_usec = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  Fixture fixture;

  fixture_set_up (&fixture);
  open_with_bounds (&fixture, 0, 0, 1);
  keep (fixture.store, "because", "x");
  while (get_counter (fixture.store, "dead-letters") != 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end_usec);
      g_assert_true (check (fixture.store, NULL));
    }
  g_assert_cmpuint (get_counter (fixture.store, "dead-letters-dropped"), ==, 0);
  fixture_tear_down (&fixture);
}

static void
test_failing_operation (void)
{
  static const guint kinds[] = { FAULT_WRITE, FAULT_SYNC, FAULT_WRITE | FAULT_SYNC };

  g_test_summary ("Whichever write or flush fails, a letter that is replayed until it works gives one event");
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    for (guint n_before = 0; n_before < 12; n_before++)
      {
        Fixture fixture;
        gboolean success = FALSE;

        fixture_set_up (&fixture);
        fixture_open (&fixture);
        keep (fixture.store, "because", "x");
        fault_vfs_fail (kinds[i], n_before % 2 == 0 ? SQLITE_FULL : SQLITE_IOERR, n_before, 3);
        for (guint try = 0; try < 10 && !success; try++)
          {
            g_autoptr(BelfryReplay) wish = belfry_replay_new (1);

            success = deliver (fixture.store, 1, NULL, NULL, wish, NULL);
          }
        fault_vfs_heal ();
        g_assert_true (success);
        g_assert_cmpint (replay (fixture.store, 1, 1, NULL), ==, BELFRY_REPLAY_REPEATED);
        g_assert_cmpuint (belfry_event_store_get_last_position (BELFRY_EVENT_STORE (fixture.store)), ==, 1);
        fixture_close (&fixture);
        fixture_verify (&fixture);
        fixture_tear_down (&fixture);
      }
}

static void
test_columns_of_collected_events (void)
{
  static const char learner[] = "{\"course_id\":\"c\",\"lesson_id\":\"n\",\"batch_id\":\"b\"}";
  const BelfryEventFields fields = {
    .event_type = "lesson_started", .event_type_length = -1, .source = "collector", .source_length = -1,
    .payload = "{}", .payload_length = -1, .learner = learner, .learner_length = -1, .sent_usec = -5,
  };
  g_autoptr(BelfryLogPage) page = NULL;
  Fixture fixture;
  gint64 sent_usec;
  gsize length;

  fixture_set_up (&fixture);
  fixture_open (&fixture);
  append_many (fixture.store, 1, "s");
  append_one (fixture.store, belfry_event_new_trusted (&fields));
  append_many (fixture.store, 1, "s");
  fixture_close (&fixture);
  fixture_verify (&fixture);

  fixture_open (&fixture);
  page = read_page (fixture.store, NULL, 0, G_MAXUINT64, 10, 100000);
  g_assert_cmpuint (page->events->len, ==, 3);
  g_assert_null (belfry_event_peek_learner (g_ptr_array_index (page->events, 0), &length, &sent_usec));
  g_assert_cmpstr (belfry_event_peek_learner (g_ptr_array_index (page->events, 1), &length, &sent_usec), ==, learner);
  g_assert_cmpint (sent_usec, ==, -5);
  g_assert_null (belfry_event_peek_learner (g_ptr_array_index (page->events, 2), &length, &sent_usec));
  g_assert_nonnull (strstr (belfry_event_get_json (g_ptr_array_index (page->events, 1)),
                            "\"timestamp\":\"1969-12-31T23:59:59.999995Z\""));
  fixture_tear_down (&fixture);
}

int
main (int    argc,
      char **argv)
{
  fault_vfs_register ();
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  silence_log ();

  g_test_add_func ("/sqlite-dead-letters/keeps-what-is-told", test_keeps);
  g_test_add_func ("/sqlite-dead-letters/repeat-keeps-none", test_repeat_keeps_none);
  g_test_add_func ("/sqlite-dead-letters/replays-once", test_replays_once);
  g_test_add_func ("/sqlite-dead-letters/deletes", test_deletes);
  g_test_add_func ("/sqlite-dead-letters/bounds/count", test_count_is_bounded);
  g_test_add_func ("/sqlite-dead-letters/bounds/bytes", test_bytes_are_bounded);
  g_test_add_func ("/sqlite-dead-letters/bounds/age", test_age_is_bounded);
  g_test_add_func ("/sqlite-dead-letters/faults/failing-operation", test_failing_operation);
  g_test_add_func ("/sqlite-dead-letters/columns-of-collected-events", test_columns_of_collected_events);

  return g_test_run ();
}
