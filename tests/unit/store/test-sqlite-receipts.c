/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include <sqlite3.h>

#include "belfry-receipt-private.h"
#include "fault-vfs.h"
#include "store-fixture.h"

#define START_USEC (G_GINT64_CONSTANT (1768473105) * G_USEC_PER_SEC)

static BelfryReceipt *
make_receipt (const char *key,
              const char *body)
{
  BelfryReceipt *receipt = belfry_receipt_new ();

  g_strlcpy ((char *) receipt->key, key, sizeof receipt->key);
  g_strlcpy ((char *) receipt->fingerprint, body, sizeof receipt->fingerprint);
  receipt->status = 201;

  return receipt;
}

/* One append of an event of session @key, under way or answered. */
typedef struct
{
  BelfryReceipt *receipt;
  GPtrArray     *events;
  GAsyncResult  *result;
} Attempt;

static void
attempt_begin (Attempt           *attempt,
               BelfrySqliteStore *store,
               const char        *key,
               const char        *body)
{
  *attempt = (Attempt) { make_receipt (key, body), NULL, NULL };
  attempt->events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_ptr_array_add (attempt->events, make_event ("timer_tick", key, NULL, NULL));
  belfry_receipt_keeper_append_async (BELFRY_RECEIPT_KEEPER (store), attempt->events, attempt->receipt, NULL,
                                      catch_result, &attempt->result);
}

static gboolean
attempt_wait (Attempt            *attempt,
              BelfrySqliteStore  *store,
              GError            **error)
{
  return belfry_event_store_append_finish (BELFRY_EVENT_STORE (store), wait_for (&attempt->result), error);
}

static void
attempt_clear (Attempt *attempt)
{
  g_clear_object (&attempt->result);
  g_clear_pointer (&attempt->events, g_ptr_array_unref);
  g_clear_pointer (&attempt->receipt, belfry_receipt_unref);
}

/* What becomes of one append; its answer, for whoever wants it. */
static BelfryReceiptOutcome
keep (BelfrySqliteStore  *store,
      const char         *key,
      const char         *body,
      char              **answer)
{
  BelfryReceiptOutcome outcome;
  g_autoptr(GError) error = NULL;
  Attempt attempt;

  attempt_begin (&attempt, store, key, body);
  attempt_wait (&attempt, store, &error);
  g_assert_no_error (error);
  outcome = attempt.receipt->outcome;
  if (outcome == BELFRY_RECEIPT_STORED || outcome == BELFRY_RECEIPT_REPEATED)
    g_assert_cmpuint (attempt.receipt->answer_status, ==, 201);
  if (answer != NULL)
    {
      gsize length;
      const char *text = g_bytes_get_data (attempt.receipt->answer, &length);

      *answer = g_strndup (text, length);
    }
  attempt_clear (&attempt);

  return outcome;
}

static void
test_repeats (void)
{
  g_autofree char *first = NULL;
  g_autofree char *again = NULL;
  g_autofree char *later = NULL;
  Fixture fixture;

  g_test_summary ("The same key gets the first answer, before and after a restart, and stores nothing");
  fixture_set_up (&fixture);
  fixture_open (&fixture);

  g_assert_cmpint (keep (fixture.store, "a", "body", &first), ==, BELFRY_RECEIPT_STORED);
  g_assert_cmpstr (first, ==, belfry_event_get_json (g_ptr_array_index (fixture.committed, 0)));
  g_assert_cmpint (keep (fixture.store, "a", "body", &again), ==, BELFRY_RECEIPT_REPEATED);
  g_assert_cmpstr (again, ==, first);
  g_assert_cmpint (keep (fixture.store, "a", "other", NULL), ==, BELFRY_RECEIPT_MISMATCHED);
  g_assert_cmpint (keep (fixture.store, "b", "body", NULL), ==, BELFRY_RECEIPT_STORED);
  g_assert_cmpuint (get_counter (fixture.store, "receipts-stored"), ==, 2);
  g_assert_cmpuint (get_counter (fixture.store, "receipts-repeated"), ==, 1);
  g_assert_cmpuint (get_counter (fixture.store, "receipts-mismatched"), ==, 1);
  g_assert_cmpuint (get_counter (fixture.store, "events-waiting"), ==, 0);

  fixture_close (&fixture);
  fixture_verify (&fixture);
  fixture_open (&fixture);
  g_assert_cmpint (keep (fixture.store, "a", "body", &later), ==, BELFRY_RECEIPT_REPEATED);
  g_assert_cmpstr (later, ==, first);
  g_assert_cmpuint (fixture.committed->len, ==, 2);
  g_assert_cmpuint (belfry_event_store_get_last_position (BELFRY_EVENT_STORE (fixture.store)), ==, 2);

  fixture_tear_down (&fixture);
}

static void
test_two_at_once (void)
{
  Fixture fixture;

  g_test_summary ("Of appends of one key that wait together one is made, and all get its answer");
  fixture_set_up (&fixture);
  fixture_open (&fixture);

  for (guint round = 0; round < 50; round++)
    {
      g_autofree char *key = g_strdup_printf ("%u", round);
      guint n_stored = 0;
      Attempt attempts[7];

      for (guint i = 0; i < G_N_ELEMENTS (attempts); i++)
        attempt_begin (&attempts[i], fixture.store, key, "body");
      for (guint i = 0; i < G_N_ELEMENTS (attempts); i++)
        {
          g_autoptr(GError) error = NULL;

          attempt_wait (&attempts[i], fixture.store, &error);
          g_assert_no_error (error);
          g_assert_true (g_bytes_equal (attempts[i].receipt->answer, attempts[0].receipt->answer));
          n_stored += attempts[i].receipt->outcome == BELFRY_RECEIPT_STORED;
        }
      for (guint i = 0; i < G_N_ELEMENTS (attempts); i++)
        attempt_clear (&attempts[i]);
      g_assert_cmpuint (n_stored, ==, 1);
      g_assert_cmpuint (fixture.committed->len, ==, round + 1);
    }

  fixture_close (&fixture);
  fixture_verify (&fixture);
  fixture_tear_down (&fixture);
}

static GBytes *
list_ids (GPtrArray              *events,
          const BelfryEventPlace *places,
          gpointer                user_data)
{
  g_autoptr(GString) text = g_string_new (user_data);

  for (guint i = 0; i < events->len; i++)
    g_string_append_printf (text, " %s", places[i].id);

  return g_string_free_to_bytes (g_steal_pointer (&text));
}

static void
test_several_events (void)
{
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(BelfryReceipt) receipt = make_receipt ("batch", "body");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GString) expected = g_string_new ("batch 1:");
  g_autoptr(GError) error = NULL;
  Fixture fixture;

  g_test_summary ("An append of several events has one receipt, with whatever answer the door makes of their places");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  append_many (fixture.store, 3, "before");

  for (guint i = 0; i < 5; i++)
    g_ptr_array_add (events, make_event ("timer_tick", "s", NULL, NULL));
  receipt->answer_func = list_ids;
  receipt->answer_data = (gpointer) "batch 1:";
  belfry_receipt_keeper_append_async (BELFRY_RECEIPT_KEEPER (fixture.store), events, receipt, NULL,
                                      catch_result, &result);
  belfry_event_store_append_finish (BELFRY_EVENT_STORE (fixture.store), wait_for (&result), &error);
  g_assert_no_error (error);
  g_assert_cmpint (receipt->outcome, ==, BELFRY_RECEIPT_STORED);
  for (guint i = 0; i < 5; i++)
    g_string_append_printf (expected, " %s", belfry_event_get_id (g_ptr_array_index (events, i)));
  g_assert_cmpmem (g_bytes_get_data (receipt->answer, NULL), g_bytes_get_size (receipt->answer),
                   expected->str, expected->len);

  fixture_close (&fixture);
  fixture_verify (&fixture);
  fixture_tear_down (&fixture);
}

static void
test_looks_only (void)
{
  g_autoptr(GPtrArray) none = g_ptr_array_new ();
  Fixture fixture;

  g_test_summary ("An append of nothing finds the receipt of its key, or none");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  keep (fixture.store, "a", "body", NULL);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr(BelfryReceipt) receipt = make_receipt (i == 0 ? "a" : "b", "body");
      g_autoptr(GAsyncResult) result = NULL;
      g_autoptr(GError) error = NULL;

      belfry_receipt_keeper_append_async (BELFRY_RECEIPT_KEEPER (fixture.store), none, receipt, NULL,
                                          catch_result, &result);
      belfry_event_store_append_finish (BELFRY_EVENT_STORE (fixture.store), wait_for (&result), &error);
      g_assert_no_error (error);
      g_assert_cmpint (receipt->outcome, ==, i == 0 ? BELFRY_RECEIPT_REPEATED : BELFRY_RECEIPT_UNKNOWN);
    }
  g_assert_cmpuint (fixture.committed->len, ==, 1);
  g_assert_cmpuint (get_counter (fixture.store, "events-waiting"), ==, 0);

  fixture_tear_down (&fixture);
}

static void
test_outlives_the_event (void)
{
  g_autofree char *first = NULL;
  g_autofree char *again = NULL;
  Fixture fixture;

  g_test_summary ("The first answer comes back when its event was deleted meanwhile");
  fixture_set_up (&fixture);
  fixture.is_busy = TRUE;
  fixture_open (&fixture);

  keep (fixture.store, "a", "body", &first);
  append_many (fixture.store, 20, "s");
  g_assert_cmpuint (delete_before (fixture.store, G_MAXINT64), ==, 21);
  g_assert_cmpint (keep (fixture.store, "a", "body", &again), ==, BELFRY_RECEIPT_REPEATED);
  g_assert_cmpstr (again, ==, first);
  fixture_close (&fixture);
  fixture_verify (&fixture);

  fixture_tear_down (&fixture);
}

static void
test_expires (void)
{
  Fixture fixture;

  g_test_summary ("A key is known for a day, to the microsecond, and then counts as new");
  fixture_set_up (&fixture);
  fixture_set_time (&fixture, START_USEC);
  fixture_open (&fixture);

  g_assert_cmpint (keep (fixture.store, "a", "body", NULL), ==, BELFRY_RECEIPT_STORED);
  fixture_set_time (&fixture, START_USEC + G_TIME_SPAN_DAY - 1);
  g_assert_cmpint (keep (fixture.store, "a", "body", NULL), ==, BELFRY_RECEIPT_REPEATED);
  g_assert_cmpint (keep (fixture.store, "a", "other", NULL), ==, BELFRY_RECEIPT_MISMATCHED);
  fixture_set_time (&fixture, START_USEC + G_TIME_SPAN_DAY);
  g_assert_cmpint (keep (fixture.store, "a", "other", NULL), ==, BELFRY_RECEIPT_STORED);
  g_assert_cmpint (keep (fixture.store, "a", "other", NULL), ==, BELFRY_RECEIPT_REPEATED);
  g_assert_cmpuint (fixture.committed->len, ==, 2);
  g_assert_cmpuint (get_counter (fixture.store, "receipts-dropped"), ==, 0);

  fixture_close (&fixture);
  fixture_verify (&fixture);
  fixture_tear_down (&fixture);
}

static void
keep_many (Fixture *fixture,
           guint    first,
           guint    n_keys)
{
  for (guint i = first; i < first + n_keys; i++)
    {
      g_autofree char *key = g_strdup_printf ("%u", i);

      g_assert_cmpint (keep (fixture->store, key, "body", NULL), ==, BELFRY_RECEIPT_STORED);
    }
}

static void
test_expired_go (void)
{
  Fixture fixture;
  guint64 bytes;

  g_test_summary ("What has expired is removed, whether keys go on coming or only the check");
  fixture_set_up (&fixture);
  fixture.is_busy = TRUE;
  fixture_set_time (&fixture, START_USEC);
  fixture_open (&fixture);

  keep_many (&fixture, 0, 40);
  bytes = get_counter (fixture.store, "receipt-bytes");
  g_assert_cmpuint (bytes, >, 40 * 100);
  fixture_set_time (&fixture, fixture.now_usec + G_TIME_SPAN_DAY + 1);
  keep_many (&fixture, 1000, 40);
  g_assert_cmpuint (get_counter (fixture.store, "receipt-bytes"), <=, bytes + 100);

  fixture_set_time (&fixture, fixture.now_usec + G_TIME_SPAN_DAY + 1);
  while (get_counter (fixture.store, "receipt-bytes") > 0)
    {
      check (fixture.store, NULL);
      append_many (fixture.store, 1, "s");
    }
  fixture_close (&fixture);
  fixture_verify (&fixture);
  fixture_open (&fixture);
  g_assert_cmpuint (get_counter (fixture.store, "receipts-dropped"), ==, 0);

  fixture_tear_down (&fixture);
}

static void
test_bound (void)
{
  Fixture fixture;
  guint64 kept;

  g_test_summary ("Over the bound the oldest keys go first, and are counted; a restart knows how much there is");
  fixture_set_up (&fixture);
  fixture.receipt_max_bytes = 10000;
  fixture_open (&fixture);

  keep_many (&fixture, 0, 100);
  kept = get_counter (fixture.store, "receipt-bytes");
  g_assert_cmpuint (kept, >, 5000);
  g_assert_cmpuint (kept, <=, 10000);
  g_assert_cmpuint (get_counter (fixture.store, "receipts-dropped"), >, 50);
  g_assert_cmpint (keep (fixture.store, "99", "body", NULL), ==, BELFRY_RECEIPT_REPEATED);
  fixture_close (&fixture);
  fixture_verify (&fixture);

  fixture_open (&fixture);
  keep_many (&fixture, 100, 1);
  g_assert_cmpuint (get_counter (fixture.store, "receipt-bytes"), <=, 10000);
  g_assert_cmpuint (get_counter (fixture.store, "receipt-bytes"), >, kept - 500);
  g_assert_cmpint (keep (fixture.store, "99", "body", NULL), ==, BELFRY_RECEIPT_REPEATED);
  g_assert_cmpint (keep (fixture.store, "0", "body", NULL), ==, BELFRY_RECEIPT_STORED);

  fixture_tear_down (&fixture);
}

static void
test_backup (void)
{
  g_autofree char *copy = NULL;
  g_autofree char *first = NULL;
  g_autofree char *again = NULL;
  g_autoptr(GError) error = NULL;
  Fixture fixture;

  g_test_summary ("A restored database knows the keys of the backup");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  copy = g_build_filename (fixture.folder, "copy.db", NULL);
  keep (fixture.store, "a", "body", &first);
  belfry_sqlite_store_backup_file (fixture.path, copy, NULL, &error);
  g_assert_no_error (error);
  keep (fixture.store, "b", "body", NULL);
  fixture_close (&fixture);

  belfry_sqlite_store_restore_file (copy, fixture.path, TRUE, NULL, &error);
  g_assert_no_error (error);
  fixture_verify (&fixture);
  fixture_open (&fixture);
  g_assert_cmpint (keep (fixture.store, "a", "body", &again), ==, BELFRY_RECEIPT_REPEATED);
  g_assert_cmpstr (again, ==, first);
  g_assert_cmpint (keep (fixture.store, "b", "body", NULL), ==, BELFRY_RECEIPT_STORED);
  g_assert_cmpint (keep (fixture.store, "b", "body", NULL), ==, BELFRY_RECEIPT_REPEATED);
  fixture_close (&fixture);
  fixture_verify (&fixture);

  fixture_tear_down (&fixture);
}

/* Each key lies in the log once, with the answer that everybody got. */
static void
check_keys (Fixture    *fixture,
            GHashTable *answers,
            guint       n_keys)
{
  g_autoptr(GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr(GPtrArray) events = query (fixture->store, NULL, G_MININT64, 0, 100000);

  for (guint i = 0; i < events->len; i++)
    g_assert_true (g_hash_table_add (seen, (char *) belfry_event_get_session_id (g_ptr_array_index (events, i))));
  for (guint i = 0; i < events->len; i++)
    {
      BelfryEvent *event = g_ptr_array_index (events, i);
      const char *answer = g_hash_table_lookup (answers, belfry_event_get_session_id (event));

      if (answer != NULL)
        g_assert_cmpstr (answer, ==, belfry_event_get_json (event));
    }
  g_assert_cmpuint (events->len, ==, n_keys);
}

/* Tries some keys, most of them at once, without regard to what becomes of it; notes every answer. */
static void
try_keys (Fixture    *fixture,
          GHashTable *answers,
          guint       first,
          guint       n_keys)
{
  g_autofree Attempt *attempts = g_new (Attempt, n_keys);

  for (guint i = 0; i < n_keys; i++)
    {
      g_autofree char *key = g_strdup_printf ("%u", first + i);

      attempt_begin (&attempts[i], fixture->store, key, "body");
    }

  for (guint i = 0; i < n_keys; i++)
    {
      char *key = g_strdup_printf ("%u", first + i);

      if (attempt_wait (&attempts[i], fixture->store, NULL))
        {
          gsize length;
          const char *text = g_bytes_get_data (attempts[i].receipt->answer, &length);
          g_autofree char *answer = g_strndup (text, length);
          const char *known = g_hash_table_lookup (answers, key);

          if (known != NULL)
            g_assert_cmpstr (answer, ==, known);
          else
            g_hash_table_insert (answers, g_steal_pointer (&key), g_steal_pointer (&answer));
        }
      g_free (key);
      attempt_clear (&attempts[i]);
    }
}

#define KEYS_A_ROUND 12

static void
test_power_loss (void)
{
  g_autoptr(GHashTable) answers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  Fixture fixture;

  g_test_summary ("Who tries again after a loss of power gets the first answer, or the first event, and never a second");
  fixture_set_up (&fixture);
  fixture.is_busy = TRUE;
  fixture_open (&fixture);

  for (guint round = 0; round < 60; round++)
    {
      fault_vfs_cut_power ((guint) g_test_rand_int_range (0, 60));
      try_keys (&fixture, answers, round * KEYS_A_ROUND, 5);
      try_keys (&fixture, answers, round * KEYS_A_ROUND, KEYS_A_ROUND);
      fixture_close (&fixture);
      fault_vfs_restore_power ();
      fixture_verify (&fixture);
      fixture_open (&fixture);
      try_keys (&fixture, answers, round * KEYS_A_ROUND, KEYS_A_ROUND);
      g_assert_cmpuint (g_hash_table_size (answers), ==, (round + 1) * KEYS_A_ROUND);
      check_keys (&fixture, answers, (round + 1) * KEYS_A_ROUND);
    }

  fixture_tear_down (&fixture);
}

static void
test_failing_operation (void)
{
  g_autoptr(GHashTable) answers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  static const guint kinds[] = { FAULT_WRITE, FAULT_SYNC, FAULT_WRITE | FAULT_SYNC, FAULT_READ };
  guint n_keys = 0;
  Fixture fixture;

  g_test_summary ("Whichever write, flush or read fails, a key that is tried again gives one event");
  fixture_set_up (&fixture);
  fixture.is_busy = TRUE;
  fixture_open (&fixture);

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    for (guint n_before = 0; n_before < 30; n_before++)
      {
        fault_vfs_fail (kinds[i], n_before % 5 == 4 ? SQLITE_FULL : SQLITE_IOERR, n_before, 1 + n_before % 7);
        try_keys (&fixture, answers, n_keys, 3);
        try_keys (&fixture, answers, n_keys, KEYS_A_ROUND);
        fault_vfs_heal ();
        try_keys (&fixture, answers, n_keys, KEYS_A_ROUND);
        n_keys += KEYS_A_ROUND;
        g_assert_cmpuint (g_hash_table_size (answers), ==, n_keys);
      }
  check_keys (&fixture, answers, n_keys);
  g_assert_cmpuint (fixture.committed->len, ==, n_keys);
  fixture_close (&fixture);
  fixture_verify (&fixture);

  fixture_tear_down (&fixture);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  silence_log ();
  fault_vfs_register ();

  g_test_add_func ("/sqlite-receipts/repeat/gets-the-first-answer", test_repeats);
  g_test_add_func ("/sqlite-receipts/repeat/at-once-stores-one", test_two_at_once);
  g_test_add_func ("/sqlite-receipts/repeat/when-the-event-is-gone", test_outlives_the_event);
  g_test_add_func ("/sqlite-receipts/append/of-several-events", test_several_events);
  g_test_add_func ("/sqlite-receipts/append/of-nothing-looks", test_looks_only);
  g_test_add_func ("/sqlite-receipts/expiry/to-the-microsecond", test_expires);
  g_test_add_func ("/sqlite-receipts/expiry/makes-room", test_expired_go);
  g_test_add_func ("/sqlite-receipts/bound/oldest-go-first", test_bound);
  g_test_add_func ("/sqlite-receipts/restore/keeps-keys", test_backup);
  g_test_add_func ("/sqlite-receipts/faults/power-loss", test_power_loss);
  g_test_add_func ("/sqlite-receipts/faults/failing-operation", test_failing_operation);

  return g_test_run ();
}
