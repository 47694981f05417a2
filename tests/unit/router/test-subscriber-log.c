/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-error.h"
#include "subscriber-fixture.h"

static void
test_bounds_pages (Fixture       *f,
                   gconstpointer  data)
{
  g_test_summary ("Pages of the log keep to the bound of the mailbox, and one read is in flight at most");

  g_object_set (f->router, "max-queue-size", 1, "mailbox-max-bytes", (guint64) 20000, NULL);
  add (f, NULL, 500);
  subscribe (f, 0);
  turn ();
  g_assert_cmpuint (f->store->last_max_bytes, ==, 5000);
  g_assert_cmpuint (get_counter (f->subscriber, "waiting-bytes"), <=, 20000);
  g_assert_cmpuint (get_counter (f->subscriber, "waiting-bytes"), >=, 10000);

  f->store->holds_reads = TRUE;
  for (guint64 position = 1; position <= 10; position++)
    expect_event (f, position);
  g_assert_cmpuint (f->store->reads.length, <=, 1);
  f->store->holds_reads = FALSE;
  while (!g_queue_is_empty (&f->store->reads))
    memory_store_finish_read (f->store);
  expect_events (f, 11, 500);
  expect_none (f);
  g_assert_true (is_live (f));
}

#define N_READERS 40

static void
test_bounds_all_pages (Fixture       *f,
                       gconstpointer  data)
{
  BelfrySubscriber *readers[N_READERS];
  const BelfryCursor beginning = { .log_id = 0 };
  const guint64 bound = 200000;
  const gsize largest_page = 25000;
  const gsize small_page = 16384;

  g_test_summary ("The pages of all readers together keep to their bound but for a small one each, and "
                  "every reader still gets everything");

  g_object_set (f->router, "max-queue-size", 1, "mailbox-max-bytes", (guint64) (4 * largest_page),
                "catch-up-max-bytes", bound, NULL);
  add (f, NULL, 500);
  for (guint i = 0; i < N_READERS; i++)
    readers[i] = belfry_router_subscribe (f->router, f->any, &beginning, NULL);
  turn ();
  g_assert_cmpuint (get_counter (f->router, "catch-up-bytes"), >, bound / 2);
  g_assert_cmpuint (get_counter (f->router, "catch-up-bytes"), <=, bound + largest_page + N_READERS * small_page);

  for (guint i = 0; i < N_READERS; i++)
    {
      g_autoptr(BelfrySubscriber) mine = g_steal_pointer (&f->subscriber);

      f->subscriber = readers[i];
      expect_events (f, 1, 500);
      belfry_subscriber_cancel (f->subscriber);
      g_object_unref (f->subscriber);
      f->subscriber = g_steal_pointer (&mine);
    }
  turn ();
  g_assert_cmpuint (get_counter (f->router, "catch-up-bytes"), ==, 0);
}

static void
test_tells_gap_of_log (Fixture       *f,
                       gconstpointer  data)
{
  g_test_summary ("Resuming behind the floor tells what is missing, before what is left");

  g_object_set (f->router, "max-queue-size", 1, NULL);
  add (f, NULL, 10);
  memory_store_set_floor (f->store, 6);
  subscribe (f, 2);
  turn ();
  g_assert_cmpuint (f->n_ready, ==, 1);
  g_assert_cmpuint (get_cursor (f), ==, 2);
  expect_gap (f, 2, 5, 3);
  g_assert_cmpuint (get_cursor (f), ==, 5);
  expect_events (f, 6, 10);
  expect_none (f);
  g_assert_cmpuint (get_counter (f->router, "gaps"), ==, 1);
}

static void
test_tells_gap_of_ring (Fixture       *f,
                        gconstpointer  data)
{
  g_test_summary ("What was deleted is not given from the ring either");

  add (f, NULL, 10);
  memory_store_set_floor (f->store, 6);
  subscribe (f, 2);
  turn ();
  expect_gap (f, 2, 5, 3);
  expect_events (f, 6, 10);
  expect_none (f);
  g_assert_cmpuint (f->store->n_reads, ==, 0);
}

static void
test_tells_gap_at_the_end (Fixture       *f,
                           gconstpointer  data)
{
  g_test_summary ("When everything was deleted the gap comes alone, and then new events");

  g_object_set (f->router, "max-queue-size", 1, NULL);
  add (f, NULL, 10);
  memory_store_set_floor (f->store, 11);
  subscribe (f, 2);
  turn ();
  expect_gap (f, 2, 10, 8);
  expect_none (f);
  turn ();
  add (f, NULL, 1);
  expect_events (f, 11, 11);
  expect_none (f);
}

static void
test_tells_gap_of_an_empty_log (Fixture       *f,
                                gconstpointer  data)
{
  const BelfryCursor cursor = { .log_id = MEMORY_LOG_ID };

  g_test_summary ("The cursor of a log that was still empty is no wish for the beginning: what was lost since is told");

  add (f, NULL, 10);
  memory_store_set_floor (f->store, 6);
  f->subscriber = belfry_router_subscribe (f->router, f->any, &cursor, NULL);
  turn ();
  expect_gap (f, 0, 5, 5);
  expect_events (f, 6, 10);
  expect_none (f);
}

static void
test_begins_without_gap (Fixture       *f,
                         gconstpointer  data)
{
  g_test_summary ("From the beginning: no gap for what was deleted before, but for what a delete overtakes later");

  g_object_set (f->router, "max-queue-size", 1, "mailbox-max-bytes", (guint64) 4000, NULL);
  add (f, NULL, 100);
  memory_store_set_floor (f->store, 6);
  subscribe (f, 0);
  turn ();
  expect_events (f, 6, 6);
  memory_store_set_floor (f->store, 91);

  for (guint64 position = 7;; position++)
    {
      BelfryDelivery delivery;

      if (pop_soon (f, &delivery) == BELFRY_DELIVERY_GAP)
        {
          g_assert_cmpuint (delivery.gap.from.position, ==, position - 1);
          g_assert_cmpuint (delivery.gap.to.position, ==, 90);
          g_assert_cmpuint (delivery.gap.lost, ==, 90 - (position - 1));
          break;
        }
      g_assert_cmpuint (belfry_event_get_position (delivery.event), ==, position);
      belfry_event_unref (delivery.event);
    }
  expect_events (f, 91, 100);
  expect_none (f);
}

static void
test_begins_empty (Fixture       *f,
                   gconstpointer  data)
{
  g_test_summary ("The beginning of an empty log is its end");

  subscribe (f, 0);
  g_assert_true (is_live (f));
  add (f, NULL, 1);
  expect_event (f, 1);
}

static void
test_resumes_from_cursor (Fixture       *f,
                          gconstpointer  data)
{
  guint64 cursor;

  g_test_summary ("The cursor of a cancelled subscriber goes on where it stopped");

  subscribe (f, -1);
  add (f, NULL, 10);
  for (guint64 position = 1; position <= 4; position++)
    expect_event (f, position);
  belfry_subscriber_cancel (f->subscriber);
  expect_none (f);
  cursor = get_cursor (f);
  g_assert_cmpuint (cursor, ==, 4);
  g_clear_object (&f->subscriber);

  subscribe (f, (gint64) cursor);
  expect_events (f, 5, 10);
  expect_none (f);
}

static void
test_refuses_unknown_cursor (Fixture       *f,
                             gconstpointer  data)
{
  BelfryCursor other = { .log_id = MEMORY_LOG_ID + 1, .position = 1 };
  BelfryCursor beyond = { .log_id = MEMORY_LOG_ID, .position = 4 };
  g_autoptr(GError) error = NULL;

  g_test_summary ("A cursor of another log or beyond the end is refused");

  add (f, NULL, 3);
  g_assert_null (belfry_router_subscribe (f->router, f->any, &other, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNKNOWN_CURSOR);
  g_assert_cmpstr (error->message, ==, "Unknown cursor");
  g_clear_error (&error);
  g_assert_null (belfry_router_subscribe (f->router, f->any, &beyond, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNKNOWN_CURSOR);
  subscribe (f, 3);
  g_assert_true (is_live (f));
}

static void
test_cancels_while_reading (Fixture       *f,
                            gconstpointer  data)
{
  g_test_summary ("A page that arrives after the end is dropped");

  g_object_set (f->router, "max-queue-size", 1, NULL);
  add (f, NULL, 10);
  f->store->holds_reads = TRUE;
  subscribe (f, 0);
  turn ();
  g_assert_cmpuint (f->store->reads.length, ==, 1);
  belfry_subscriber_cancel (f->subscriber);
  g_object_add_weak_pointer (G_OBJECT (f->subscriber), (gpointer *) &f->subscriber);
  g_object_unref (f->subscriber);
  g_assert_nonnull (f->subscriber);
  memory_store_finish_read (f->store);
  turn ();
  g_assert_null (f->subscriber);
  g_assert_cmpuint (f->n_ready, ==, 0);
}

static void
test_retries (Fixture       *f,
              gconstpointer  data)
{
  g_test_summary ("A read that fails is tried again, and then nothing is missing");

  g_object_set (f->router, "max-queue-size", 1, NULL);
  add (f, NULL, 10);
  f->store->n_reads_to_fail = 2;
  subscribe (f, 0);
  while (get_counter (f->router, "read-failures") < 1)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (belfry_subscriber_peek_feed (f->subscriber)->retry_msec, ==, 100);
  expect_none (f);
  g_assert_cmpuint (f->store->n_reads, ==, 1);
  while (get_counter (f->router, "read-failures") < 2)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (belfry_subscriber_peek_feed (f->subscriber)->retry_msec, ==, 200);
  while (f->n_ready == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (f->store->n_reads, ==, 3);
  g_assert_cmpuint (get_counter (f->router, "read-failures"), ==, 2);
  g_assert_cmpuint (belfry_subscriber_peek_feed (f->subscriber)->retry_msec, ==, 0);
  expect_events (f, 1, 10);
}

static void
test_cancels_while_retrying (Fixture       *f,
                             gconstpointer  data)
{
  g_test_summary ("Nothing is tried again after the end");

  g_object_set (f->router, "max-queue-size", 1, NULL);
  add (f, NULL, 10);
  f->store->n_reads_to_fail = 1;
  subscribe (f, 0);
  while (get_counter (f->router, "read-failures") == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_nonnull (belfry_subscriber_peek_feed (f->subscriber)->retry);
  belfry_subscriber_cancel (f->subscriber);
  g_assert_null (belfry_subscriber_peek_feed (f->subscriber)->retry);
  turn ();
  g_assert_cmpuint (f->store->n_reads, ==, 1);
}

static void
test_copies_gap (void)
{
  BelfryGap gap = { .from = { 1, 2 }, .to = { 1, 5 }, .lost = 3 };
  g_autoptr(BelfryGap) copy = belfry_gap_copy (&gap);

  g_assert_cmpmem (copy, sizeof *copy, &gap, sizeof gap);
  g_assert_true (g_type_is_a (BELFRY_TYPE_GAP, G_TYPE_BOXED));
}

#define ADD(path, func) g_test_add ("/subscriber/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("mailbox/bounds-pages", test_bounds_pages);
  ADD ("mailbox/bounds-all-pages", test_bounds_all_pages);
  ADD ("gap/of-log", test_tells_gap_of_log);
  ADD ("gap/of-ring", test_tells_gap_of_ring);
  ADD ("gap/at-the-end", test_tells_gap_at_the_end);
  ADD ("gap/of-an-empty-log", test_tells_gap_of_an_empty_log);
  ADD ("resume/begins-without-gap", test_begins_without_gap);
  ADD ("resume/begins-empty", test_begins_empty);
  ADD ("resume/goes-on-from-cursor", test_resumes_from_cursor);
  ADD ("resume/refuses-unknown-cursor", test_refuses_unknown_cursor);
  ADD ("read/cancels", test_cancels_while_reading);
  ADD ("read/retries", test_retries);
  ADD ("read/cancels-retry", test_cancels_while_retrying);
  g_test_add_func ("/subscriber/gap/copies", test_copies_gap);

  return g_test_run ();
}
