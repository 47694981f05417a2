/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-filter-versions-private.h"
#include "belfry-mailbox-private.h"
#include "belfry-ring-private.h"
#include "memory-store.h"

/* The three small containers of the router: ring, mailbox, and the versions of a filter. */

typedef struct
{
  BelfryRing *ring;
  guint       n_evicted;
  guint64     last;
  guint64     move_to;  /* a sequence to stand at next, or 0 */
} Evictions;

static void
on_evicted (BelfryRingWaiter *waiter,
            BelfryEvent      *event,
            gpointer          user_data)
{
  Evictions *evictions = user_data;

  evictions->n_evicted++;
  evictions->last = belfry_event_get_position (event);
  if (evictions->move_to != 0)
    belfry_ring_wait (evictions->ring, waiter, evictions->move_to);
  evictions->move_to = 0;
}

static BelfryEvent *
event_at (guint64 position)
{
  BelfryEvent *event = memory_event_new (NULL, NULL, NULL, 10);
  BelfryEventPlace place = { .position = position, .id = "evt_000000000000" };

  belfry_event_seal_run (&event, &place, 1);
  return event;
}

static void
push (BelfryRing *ring,
      guint64     position,
      gsize       size)
{
  g_autoptr(BelfryEvent) event = event_at (position);

  belfry_ring_push (ring, event, size);
}

static void
test_ring_finds (void)
{
  BelfryRing ring;
  guint64 position = 10;

  g_test_summary ("The place behind a position is found, also where positions are missing");

  belfry_ring_init (&ring, 10, on_evicted, NULL);
  g_assert_cmpuint (belfry_ring_find (&ring, 10), ==, ring.next);
  for (guint i = 0; i < 1000; i++)
    push (&ring, position += (guint64) g_test_rand_int_range (1, 4), 1);
  g_assert_cmpuint (ring.base, >=, 10);

  for (guint64 p = 0; p < position; p++)
    {
      guint64 sequence = belfry_ring_find (&ring, p);

      g_assert_cmpuint (belfry_ring_peek (&ring, sequence)->position, >, p);
      if (sequence > ring.first)
        g_assert_cmpuint (belfry_ring_peek (&ring, sequence - 1)->position, <=, p);
    }
  g_assert_cmpuint (belfry_ring_find (&ring, position), ==, ring.next);
  belfry_ring_clear (&ring);
}

static void
test_ring_keeps_newest (void)
{
  BelfryRing ring;

  g_test_summary ("Bounds in events and bytes hold, but the newest event stays");

  belfry_ring_init (&ring, 0, on_evicted, NULL);
  belfry_ring_set_bounds (&ring, 3, 100);
  for (guint64 position = 1; position <= 5; position++)
    push (&ring, position, 10);
  g_assert_cmpuint (belfry_ring_get_length (&ring), ==, 3);
  g_assert_cmpuint (ring.base, ==, 2);
  push (&ring, 6, 85);
  g_assert_cmpuint (belfry_ring_get_length (&ring), ==, 2);
  g_assert_cmpuint (ring.bytes, ==, 95);
  push (&ring, 7, 1000);
  g_assert_cmpuint (belfry_ring_get_length (&ring), ==, 1);
  g_assert_cmpuint (ring.base, ==, 6);
  belfry_ring_clear (&ring);
  g_assert_cmpuint (ring.bytes, ==, 0);
}

static void
test_ring_counts_encodings (void)
{
  g_autoptr(BelfryEvent) gone = event_at (99);
  BelfryRing ring;

  g_test_summary ("An encoding counts with its event, lets older ones go where there is no room, and leaves with it");

  belfry_ring_init (&ring, 0, on_evicted, NULL);
  belfry_ring_set_bounds (&ring, 10, 100);
  for (guint64 position = 1; position <= 5; position++)
    push (&ring, position, 10);

  belfry_ring_count_encoding (&ring, belfry_ring_peek (&ring, ring.first)->event, 40);
  g_assert_cmpuint (ring.bytes, ==, 90);
  belfry_ring_count_encoding (&ring, gone, 1000);
  g_assert_cmpuint (ring.bytes, ==, 90);
  belfry_ring_count_encoding (&ring, belfry_ring_peek (&ring, ring.first + 1)->event, 30);
  g_assert_cmpuint (belfry_ring_get_length (&ring), ==, 4);
  g_assert_cmpuint (ring.bytes, ==, 70);
  belfry_ring_count_encoding (&ring, belfry_ring_peek (&ring, ring.next - 1)->event, 1000);
  g_assert_cmpuint (belfry_ring_get_length (&ring), ==, 1);
  belfry_ring_clear (&ring);
  g_assert_cmpuint (ring.bytes, ==, 0);
}

static void
test_ring_tells_waiters (void)
{
  BelfryRing ring;
  BelfryRingWaiter waiters[3] = { 0 };
  Evictions evictions = { .ring = &ring };

  g_test_summary ("Waiters are told once when their event leaves, may move on, and may leave before");

  belfry_ring_init (&ring, 0, on_evicted, &evictions);
  belfry_ring_set_bounds (&ring, 3, G_MAXSIZE);
  for (guint64 position = 1; position <= 3; position++)
    push (&ring, position, 1);
  for (guint i = 0; i < 3; i++)
    belfry_ring_wait (&ring, &waiters[i], ring.first);
  belfry_ring_leave (&ring, &waiters[1]);
  belfry_ring_leave (&ring, &waiters[1]);

  evictions.move_to = ring.first + 1;
  push (&ring, 4, 1);
  g_assert_cmpuint (evictions.n_evicted, ==, 2);
  g_assert_cmpuint (evictions.last, ==, 1);
  push (&ring, 5, 1);
  g_assert_cmpuint (evictions.n_evicted, ==, 3);
  g_assert_cmpuint (evictions.last, ==, 2);
  push (&ring, 6, 1);
  g_assert_cmpuint (evictions.n_evicted, ==, 3);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpuint (waiters[i].sequence, ==, 0);
  belfry_ring_clear (&ring);
}

static void
test_mailbox_keeps_order (void)
{
  BelfryMailbox mailbox = { 0 };
  guint64 pushed = 0;
  guint64 popped = 0;

  g_test_summary ("What goes in comes out in order, sizes add up, and an idle mailbox is small");

  for (guint i = 0; i < 5000; i++)
    {
      guint n = (guint) g_test_rand_int_range (0, i < 2500 ? 6 : 4);

      for (guint j = 0; j < n; j++)
        {
          BelfryEvent *event = event_at (++pushed);

          belfry_mailbox_push (&mailbox, event, belfry_event_get_size (event));
        }
      for (guint j = 0; j < 2 && mailbox.length > 0; j++)
        {
          g_autoptr(BelfryEvent) event = belfry_mailbox_pop (&mailbox);

          g_assert_cmpuint (belfry_event_get_position (event), ==, ++popped);
        }
      g_assert_cmpuint (mailbox.length, ==, pushed - popped);
    }

  while (mailbox.length > 0)
    belfry_event_unref (belfry_mailbox_pop (&mailbox));
  g_assert_cmpuint (mailbox.bytes, ==, 0);
  g_assert_cmpuint (mailbox.capacity, <=, 128);
  for (guint64 position = 1; position <= 20; position++)
    belfry_mailbox_push (&mailbox, event_at (position), 1);
  belfry_mailbox_clear (&mailbox);
  g_assert_cmpuint (mailbox.length, ==, 0);
  g_assert_null (mailbox.items);
}

static void
test_versions_hold_behind_start (void)
{
  BelfryFilterVersions versions;
  g_autoptr(BelfryFilter) a = belfry_filter_new (NULL, "a", NULL);
  g_autoptr(BelfryFilter) b = belfry_filter_new (NULL, "b", NULL);
  g_autoptr(BelfryFilter) c = belfry_filter_new (NULL, "c", NULL);
  guint64 until = 0;

  g_test_summary ("Each version holds behind its start; one with a tag waits until it is taken");

  belfry_filter_versions_init (&versions, a);
  belfry_filter_versions_add (&versions, 10, b);
  belfry_filter_versions_add_tagged (&versions, 20, c, g_strdup ("tag"), g_free);
  g_assert_true (belfry_filter_versions_get_at (&versions, 9, &until) == a);
  g_assert_cmpuint (until, ==, 10);
  g_assert_true (belfry_filter_versions_get_at (&versions, 10, &until) == b);
  g_assert_cmpuint (until, ==, 20);
  g_assert_true (belfry_filter_versions_get_at (&versions, 25, &until) == c);
  g_assert_cmpuint (until, ==, G_MAXUINT64);
  g_assert_true (belfry_filter_versions_get_newest (&versions) == c);

  g_assert_null (belfry_filter_versions_peek_due (&versions, 19));
  g_assert_true (versions.filter == b);
  g_assert_nonnull (belfry_filter_versions_peek_due (&versions, 20));
  g_free (belfry_filter_versions_take (&versions));
  g_assert_true (versions.filter == c);
  g_assert_cmpuint (versions.n_starts, ==, 0);

  belfry_filter_versions_add_tagged (&versions, 30, a, g_strdup ("tag"), g_free);
  belfry_filter_versions_settle (&versions);
  g_assert_true (belfry_filter_versions_get_newest (&versions) == a);
  belfry_filter_versions_clear (&versions);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/ring/finds", test_ring_finds);
  g_test_add_func ("/ring/keeps-newest", test_ring_keeps_newest);
  g_test_add_func ("/ring/counts-encodings", test_ring_counts_encodings);
  g_test_add_func ("/ring/tells-waiters", test_ring_tells_waiters);
  g_test_add_func ("/mailbox/keeps-order", test_mailbox_keeps_order);
  g_test_add_func ("/filter-versions/hold-behind-start", test_versions_hold_behind_start);

  return g_test_run ();
}
