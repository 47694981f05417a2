/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-mailbox-private.h"
#include "subscriber-fixture.h"

static void
test_tells_once (Fixture       *f,
                 gconstpointer  data)
{
  BelfryEvent *run[3] = { NULL };

  g_test_summary ("The ready function is called once when something begins to wait, and again only after pop() said NONE");

  subscribe (f, -1);
  g_assert_true (is_live (f));
  g_assert_cmpuint (f->n_ready, ==, 0);

  for (guint i = 0; i < 3; i++)
    run[i] = memory_event_new (NULL, NULL, NULL, 0);
  memory_store_add_run (f->store, run, 3);
  add (f, NULL, 1);
  g_assert_cmpuint (f->n_ready, ==, 1);

  expect_event (f, 1);
  g_assert_cmpuint (get_cursor (f), ==, 1);
  add (f, NULL, 1);
  for (guint64 position = 2; position <= 5; position++)
    expect_event (f, position);
  add (f, NULL, 1);
  g_assert_cmpuint (f->n_ready, ==, 1);
  expect_event (f, 6);
  expect_none (f);
  expect_none (f);

  add (f, NULL, 1);
  g_assert_cmpuint (f->n_ready, ==, 2);
  expect_event (f, 7);
  g_assert_cmpuint (get_counter (f->subscriber, "delivered"), ==, 7);
  g_assert_cmpuint (get_counter (f->router, "deliveries"), ==, 7);
}

static void
test_tells_latecomer (Fixture       *f,
                      gconstpointer  data)
{
  g_test_summary ("What waits already is told when the ready function is set");

  subscribe (f, -1);
  belfry_subscriber_set_ready_func (f->subscriber, NULL, NULL);
  add (f, NULL, 1);
  g_assert_cmpuint (f->n_ready, ==, 0);
  belfry_subscriber_set_ready_func (f->subscriber, count_ready, f);
  g_assert_cmpuint (f->n_ready, ==, 1);
  expect_event (f, 1);
}

static void
test_bounds_mailbox (Fixture       *f,
                     gconstpointer  data)
{
  g_test_summary ("A mailbox keeps to its bound; what is over it comes from the ring later, and the subscriber is live again");

  g_object_set (f->router, "mailbox-max-bytes", (guint64) 5000, NULL);
  subscribe (f, -1);
  add (f, NULL, 1000);
  g_assert_false (is_live (f));
  g_assert_cmpuint (get_counter (f->subscriber, "waiting-bytes"), <=, 5000);
  g_assert_cmpuint (get_counter (f->subscriber, "waiting-bytes"), >, 4000);

  expect_events (f, 1, 1000);
  expect_none (f);
  g_assert_true (is_live (f));
  g_assert_cmpuint (f->store->n_reads, ==, 0);
  g_assert_cmpuint (get_counter (f->router, "fallbacks"), ==, 0);
}

static void
test_bounds_number (Fixture       *f,
                    gconstpointer  data)
{
  guint n_waiting = 0;

  g_test_summary ("However small they are, a mailbox takes so many events and no more; the others come from the ring");

  subscribe (f, -1);
  add (f, NULL, BELFRY_MAILBOX_MAX_EVENTS + 500);
  g_object_get (f->subscriber, "waiting-events", &n_waiting, NULL);
  g_assert_cmpuint (n_waiting, ==, BELFRY_MAILBOX_MAX_EVENTS);
  g_assert_false (is_live (f));

  expect_events (f, 1, BELFRY_MAILBOX_MAX_EVENTS + 500);
  expect_none (f);
  g_assert_true (is_live (f));
  g_assert_cmpuint (f->store->n_reads, ==, 0);
}

static void
test_counts_encodings (Fixture       *f,
                       gconstpointer  data)
{
  BelfryDelivery delivery;
  guint64 before;
  guint n_held = 0;

  g_test_summary ("What encodings take is told as part of the ring, and makes it let go of others, of those that wait too");

  subscribe (f, -1);
  add (f, NULL, 100);
  before = get_counter (f->router, "queue-bytes");
  g_object_set (f->router, "ring-max-bytes", before + 1000, NULL);
  g_assert_cmpint (belfry_subscriber_pop (f->subscriber, &delivery), ==, BELFRY_DELIVERY_EVENT);
  belfry_subscriber_count_encoding (f->subscriber, delivery.event, 1000);
  g_assert_cmpuint (get_counter (f->router, "queue-bytes"), ==, before + 1000);
  belfry_event_unref (delivery.event);

  g_assert_cmpint (belfry_subscriber_pop (f->subscriber, &delivery), ==, BELFRY_DELIVERY_EVENT);
  belfry_subscriber_count_encoding (f->subscriber, delivery.event, before);
  g_assert_cmpuint (get_counter (f->router, "queue-bytes"), <=, before + 1000);
  g_object_get (f->router, "queue-size", &n_held, NULL);
  g_assert_cmpuint (n_held, <, 99);
  belfry_event_unref (delivery.event);

  /* Those that went are read from the log. */
  expect_events (f, 3, 100);
  expect_none (f);
}

static void
test_takes_one_large_event (Fixture       *f,
                            gconstpointer  data)
{
  g_test_summary ("An event larger than the mailbox still gets through");

  g_object_set (f->router, "mailbox-max-bytes", (guint64) 100, NULL);
  subscribe (f, -1);
  for (guint i = 0; i < 3; i++)
    memory_store_add (f->store, memory_event_new (NULL, NULL, NULL, 5000));
  expect_events (f, 1, 3);
  expect_none (f);
}

static void
test_falls_back (Fixture       *f,
                 gconstpointer  data)
{
  g_test_summary ("A mailbox does not outlive the ring; the log is read when the reader comes for more");

  g_object_set (f->router, "max-queue-size", 5, NULL);
  subscribe (f, -1);
  add (f, NULL, 5);
  g_assert_cmpuint (get_counter (f->router, "fallbacks"), ==, 0);
  expect_event (f, 1);
  add (f, NULL, 1);
  g_assert_cmpuint (get_counter (f->router, "fallbacks"), ==, 0);
  add (f, NULL, 1);
  g_assert_cmpuint (get_counter (f->router, "fallbacks"), ==, 1);
  g_assert_false (is_live (f));
  g_assert_cmpuint (get_counter (f->subscriber, "waiting-bytes"), ==, 0);
  g_assert_cmpuint (get_cursor (f), ==, 1);

  add (f, NULL, 20);
  turn ();
  g_assert_cmpuint (f->store->n_reads, ==, 0);

  expect_none (f);
  g_assert_cmpuint (f->store->n_reads, ==, 1);
  f->n_ready = 0;
  turn ();
  g_assert_cmpuint (f->n_ready, ==, 1);
  expect_events (f, 2, 27);
  expect_none (f);
  g_assert_true (is_live (f));
}

static void
test_changes_filter_live (Fixture       *f,
                          gconstpointer  data)
{
  g_test_summary ("A live subscriber is told at once; with events waiting, behind them");

  subscribe (f, -1);
  set_filter (f, "a", "first");
  g_assert_cmpuint (f->n_ready, ==, 1);
  g_assert_cmpuint (belfry_subscriber_get_n_pending_filters (f->subscriber), ==, 1);
  expect_filter (f, "first");
  g_assert_cmpuint (belfry_subscriber_get_n_pending_filters (f->subscriber), ==, 0);
  expect_none (f);

  add (f, "b", 1);
  g_assert_cmpuint (f->n_ready, ==, 1);
  add (f, "a", 2);
  set_filter (f, "b", "second");
  set_filter (f, "c", "third");
  add (f, "a", 1);
  add (f, "b", 1);
  add (f, "c", 1);
  g_assert_cmpuint (f->n_ready, ==, 2);
  expect_event (f, 2);
  expect_event (f, 3);
  expect_filter (f, "second");
  expect_filter (f, "third");
  expect_event (f, 6);
  expect_none (f);
}

static void
test_changes_filter_behind (Fixture       *f,
                            gconstpointer  data)
{
  g_test_summary ("While behind, what lies before a change is read by the filter then in force");

  g_object_set (f->router, "max-queue-size", 2, NULL);
  subscribe (f, -1);
  set_filter (f, "a", NULL);
  add (f, "a", 3);
  add (f, "b", 3);
  set_filter (f, "b", "b now");
  add (f, "a", 3);
  add (f, "b", 3);
  set_filter (f, "a", "a again");
  add (f, "a", 3);
  add (f, "b", 3);
  g_assert_cmpuint (get_counter (f->router, "fallbacks"), ==, 1);

  expect_events (f, 1, 3);
  expect_filter (f, "b now");
  expect_events (f, 10, 12);
  expect_filter (f, "a again");
  expect_events (f, 13, 15);
  expect_none (f);
  turn ();
  expect_none (f);
  g_assert_true (is_live (f));
}

static void
test_bounds_changes (Fixture       *f,
                     gconstpointer  data)
{
  BelfryDelivery delivery;
  guint n_filters = 0;

  g_test_summary ("Changes beyond 64 places of the log replace the last one; each tag is still told, and the newest filter holds");

  subscribe (f, -1);
  set_filter (f, "a", "0");
  for (guint i = 1; i < 100; i++)
    {
      add (f, "a", 1);
      set_filter (f, i % 2 == 0 ? "a" : "b", "x");
      set_filter (f, "a", NULL);
    }
  g_assert_cmpuint (belfry_subscriber_peek_feed (f->subscriber)->versions.n_starts, ==, BELFRY_MAX_PENDING_STARTS);
  for (guint i = 0; i < 1000; i++)
    {
      add (f, "a", 1);
      set_filter (f, i % 2 == 0 ? "b" : "a", NULL);
    }
  g_assert_cmpuint (belfry_subscriber_get_n_pending_filters (f->subscriber), <=, 300);

  set_filter (f, "c", "last");
  add (f, "a", 1);
  add (f, "c", 1);
  while (belfry_subscriber_pop (f->subscriber, &delivery) != BELFRY_DELIVERY_NONE)
    {
      if (delivery.kind == BELFRY_DELIVERY_FILTER)
        {
          g_free (delivery.tag);
          n_filters++;
          continue;
        }
      if (belfry_event_get_position (delivery.event) > 1099)
        g_assert_cmpstr (belfry_event_get_event_type (delivery.event), ==, "c");
      belfry_event_unref (delivery.event);
    }
  g_assert_cmpuint (n_filters, ==, 101);
  g_assert_cmpuint (belfry_subscriber_get_n_pending_filters (f->subscriber), ==, 0);
}

static void
test_frees_tags (Fixture       *f,
                 gconstpointer  data)
{
  g_test_summary ("A change that never got there is released, before and after the end");

  subscribe (f, -1);
  add (f, NULL, 1);
  set_filter (f, "a", "never told");
  belfry_subscriber_cancel (f->subscriber);
  g_assert_cmpuint (belfry_subscriber_get_n_pending_filters (f->subscriber), ==, 0);
  set_filter (f, "b", "too late");
  expect_none (f);
}

static void
on_event (BelfrySubscriber *subscriber,
          BelfryEvent      *event,
          Pushed           *pushed)
{
  g_assert_cmpuint (belfry_event_get_position (event), >, pushed->position);
  pushed->position = belfry_event_get_position (event);
  pushed->n_events++;
  if (pushed->n_events == pushed->cancel_at)
    belfry_subscriber_cancel (subscriber);
}

static void
on_gap (BelfrySubscriber *subscriber,
        BelfryGap        *gap,
        Pushed           *pushed)
{
  g_assert_cmpuint (gap->from.position, >=, pushed->position);
  pushed->position = gap->to.position;
  pushed->n_gaps++;
}

static void
on_cancelled (BelfrySubscriber *subscriber,
              Pushed           *pushed)
{
  pushed->n_cancelled++;
}

static void
start (Fixture *f)
{
  g_signal_connect (f->subscriber, "event", G_CALLBACK (on_event), &f->pushed);
  g_signal_connect (f->subscriber, "gap", G_CALLBACK (on_gap), &f->pushed);
  g_signal_connect (f->subscriber, "cancelled", G_CALLBACK (on_cancelled), &f->pushed);
  belfry_subscriber_start (f->subscriber);
}

static void
test_pushes (Fixture       *f,
             gconstpointer  data)
{
  g_test_summary ("Once started, events and gaps come as signals, a bounded number each turn");

  g_object_set (f->router, "max-queue-size", 100, NULL);
  add (f, NULL, 2000);
  memory_store_set_floor (f->store, 11);
  subscribe (f, 5);
  start (f);
  belfry_subscriber_start (f->subscriber);
  while (f->pushed.n_events < 1990)
    {
      guint before = f->pushed.n_events;

      g_main_context_iteration (NULL, TRUE);
      g_assert_cmpuint (f->pushed.n_events - before, <=, 256);
    }
  g_assert_cmpuint (f->pushed.n_gaps, ==, 1);
  turn ();

  add (f, NULL, 1);
  g_assert_cmpuint (f->pushed.n_events, ==, 1990);
  turn ();
  g_assert_cmpuint (f->pushed.position, ==, 2001);
  set_filter (f, "never", NULL);
  add (f, NULL, 1);
  turn ();
  g_assert_cmpuint (f->pushed.position, ==, 2001);
  g_assert_cmpuint (get_cursor (f), ==, 2002);
}

static void
test_cancels_inside_signal (Fixture       *f,
                            gconstpointer  data)
{
  g_test_summary ("A handler may cancel; nothing comes after that");

  f->pushed.cancel_at = 3;
  subscribe (f, -1);
  start (f);
  add (f, NULL, 10);
  turn ();
  g_assert_cmpuint (f->pushed.n_events, ==, 3);
  g_assert_cmpuint (f->pushed.n_cancelled, ==, 1);
  g_assert_cmpuint (get_cursor (f), ==, 3);
  belfry_subscriber_cancel (f->subscriber);
  belfry_subscriber_start (f->subscriber);
  g_assert_cmpuint (f->pushed.n_cancelled, ==, 1);
}

static void
on_event_pause (BelfrySubscriber *subscriber,
                BelfryEvent      *event,
                gpointer          user_data)
{
  if (belfry_event_get_position (event) == 3)
    belfry_subscriber_pause (subscriber);
}

static void
test_pauses (Fixture       *f,
             gconstpointer  data)
{
  g_test_summary ("A handler may pause; what comes meanwhile waits within the bounds and comes after the next start");

  g_object_set (f->router, "mailbox-max-bytes", (guint64) 5000, NULL);
  subscribe (f, -1);
  belfry_subscriber_pause (f->subscriber);
  start (f);
  g_signal_connect (f->subscriber, "event", G_CALLBACK (on_event_pause), NULL);
  add (f, NULL, 10);
  turn ();
  g_assert_cmpuint (f->pushed.n_events, ==, 3);
  g_assert_cmpuint (get_cursor (f), ==, 3);

  add (f, NULL, 1000);
  turn ();
  g_assert_cmpuint (f->pushed.n_events, ==, 3);
  g_assert_cmpuint (get_counter (f->subscriber, "waiting-bytes"), <=, 5000);

  belfry_subscriber_start (f->subscriber);
  turn ();
  g_assert_cmpuint (f->pushed.n_events, ==, 1010);
  g_assert_cmpuint (f->pushed.position, ==, 1010);
  g_assert_true (is_live (f));
  belfry_subscriber_pause (f->subscriber);
  belfry_subscriber_cancel (f->subscriber);
  belfry_subscriber_pause (f->subscriber);
}

#define ADD(path, func) g_test_add ("/subscriber/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("ready/tells-once", test_tells_once);
  ADD ("ready/tells-latecomer", test_tells_latecomer);
  ADD ("mailbox/bounds-bytes", test_bounds_mailbox);
  ADD ("mailbox/bounds-number", test_bounds_number);
  ADD ("ring/counts-encodings", test_counts_encodings);
  ADD ("mailbox/takes-one-large-event", test_takes_one_large_event);
  ADD ("mailbox/falls-back-with-the-ring", test_falls_back);
  ADD ("filter/changes-live", test_changes_filter_live);
  ADD ("filter/changes-behind", test_changes_filter_behind);
  ADD ("filter/bounds-changes", test_bounds_changes);
  ADD ("filter/frees-tags", test_frees_tags);
  ADD ("push/bounded-per-turn", test_pushes);
  ADD ("push/cancels-inside-signal", test_cancels_inside_signal);
  ADD ("push/pauses", test_pauses);

  return g_test_run ();
}
