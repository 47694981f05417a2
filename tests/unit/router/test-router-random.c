/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-router-private.h"
#include "memory-store.h"

/* A random scheduler: commits, readers that come and go, stall and change their filters, deletions,
 * and pages of the log that take their time, in any order. Each delivery is compared with the whole
 * log. */

#define N_READERS 8
#define N_STEPS 4000
#define MOST_PENDING 60
/* A page of the log holds one event in any case, even one that is larger than a mailbox may be. */
#define LARGEST 12000

typedef struct
{
  guint64       start;
  BelfryFilter *filter;
  gboolean      has_tag;
} Version;

typedef struct
{
  BelfrySubscriber *subscriber;
  GArray           *versions;   /* of Version: what the model says */
  guint             n_confirmed;
  guint64           seen;       /* everything up to here was delivered or did not match */
  gboolean          is_ready;
} Reader;

typedef struct
{
  MemoryStore  *store;
  BelfryRouter *router;
  Reader        readers[N_READERS];
  guint64       n_events;
  guint64       n_gaps;
  guint64       n_changes;
} World;

static void
clear_version (gpointer data)
{
  belfry_filter_unref (((Version *) data)->filter);
}

static BelfryFilter *
some_filter (void)
{
  static const char *types[] = { "a", "b", NULL };

  switch (g_test_rand_int_range (0, 5))
    {
    case 0:
      return belfry_filter_new (NULL, NULL, NULL);
    case 1:
      return belfry_filter_new (types + g_test_rand_int_range (0, 2), NULL, NULL);
    case 2:
      return belfry_filter_new (NULL, g_test_rand_bit () ? "s1" : "s2", NULL);
    case 3:
      return belfry_filter_new (types, NULL, "u1");
    default:
      return belfry_filter_new (NULL, "s1", "u1");
    }
}

static BelfryEvent *
some_event (void)
{
  static const char *types[] = { "a", "b", "c" };
  gsize size = g_test_rand_int_range (0, 50) == 0 ? 5000 : (gsize) g_test_rand_int_range (0, 200);

  return memory_event_new (types[g_test_rand_int_range (0, 3)],
                           g_test_rand_bit () ? "s1" : "s2",
                           g_test_rand_bit () ? "u1" : NULL, size);
}

static gboolean
wants (Reader      *reader,
       BelfryEvent *event)
{
  BelfryFilter *filter = NULL;

  for (guint i = 0; i < reader->versions->len; i++)
    {
      const Version *version = &g_array_index (reader->versions, Version, i);

      if (version->start < belfry_event_get_position (event))
        filter = version->filter;
    }
  return belfry_filter_matches (filter, event);
}

/* Nothing that it wants lies behind from, up to and with to. */
static void
check_unwanted (World   *world,
                Reader  *reader,
                guint64  from,
                guint64  to)
{
  for (guint i = world->store->events->len; i-- > 0;)
    {
      BelfryEvent *event = g_ptr_array_index (world->store->events, i);
      guint64 position = belfry_event_get_position (event);

      if (position <= from)
        break;
      if (position <= to)
        g_assert_false (wants (reader, event));
    }
}

static void
check_event (World       *world,
             Reader      *reader,
             BelfryEvent *event)
{
  guint64 position = belfry_event_get_position (event);

  g_assert_cmpuint (position, >, reader->seen);
  g_assert_true (wants (reader, event));
  check_unwanted (world, reader, reader->seen, position - 1);
  /* A change that holds before this event was told before it. */
  for (guint i = reader->n_confirmed; i < reader->versions->len; i++)
    {
      const Version *version = &g_array_index (reader->versions, Version, i);

      g_assert_true (!version->has_tag || version->start >= position);
    }

  reader->seen = position;
  world->n_events++;
}

static void
check_gap (World           *world,
           Reader          *reader,
           const BelfryGap *gap)
{
  guint64 lost = 0;

  g_assert_cmpuint (gap->from.log_id, ==, MEMORY_LOG_ID);
  g_assert_cmpuint (gap->from.position, >=, reader->seen);
  g_assert_cmpuint (gap->to.position, <, world->store->floor);
  check_unwanted (world, reader, reader->seen, gap->from.position);

  for (guint i = world->store->events->len; i-- > 0;)
    {
      guint64 position = belfry_event_get_position (g_ptr_array_index (world->store->events, i));

      if (position > gap->from.position && position <= gap->to.position)
        lost++;
    }
  g_assert_cmpuint (gap->lost, ==, lost);
  g_assert_cmpuint (lost, >, 0);

  reader->seen = gap->to.position;
  world->n_gaps++;
}

/* Changes without a tag are not told. */
static void
skip_untagged (Reader *reader)
{
  while (reader->n_confirmed < reader->versions->len
         && !g_array_index (reader->versions, Version, reader->n_confirmed).has_tag)
    reader->n_confirmed++;
}

static void
check_change (World  *world,
              Reader *reader,
              guint   tag)
{
  skip_untagged (reader);
  g_assert_cmpuint (tag, ==, reader->n_confirmed);
  check_unwanted (world, reader, reader->seen, g_array_index (reader->versions, Version, tag).start);
  reader->n_confirmed++;
  world->n_changes++;
}

static gboolean
pop (World  *world,
     Reader *reader)
{
  BelfryDelivery delivery;
  g_autoptr(BelfryCursor) cursor = NULL;

  switch (belfry_subscriber_pop (reader->subscriber, &delivery))
    {
    case BELFRY_DELIVERY_EVENT:
      check_event (world, reader, delivery.event);
      belfry_event_unref (delivery.event);
      break;
    case BELFRY_DELIVERY_GAP:
      check_gap (world, reader, &delivery.gap);
      break;
    case BELFRY_DELIVERY_FILTER:
      check_change (world, reader, GPOINTER_TO_UINT (delivery.tag));
      break;
    case BELFRY_DELIVERY_NONE:
    default:
      reader->is_ready = FALSE;
      return FALSE;
    }

  cursor = belfry_subscriber_dup_cursor (reader->subscriber);
  g_assert_cmpuint (cursor->position, >=, reader->seen);
  check_unwanted (world, reader, reader->seen, cursor->position);
  return TRUE;
}

static void
on_ready (BelfrySubscriber *subscriber,
          gpointer          user_data)
{
  Reader *reader = user_data;

  g_assert_false (reader->is_ready);
  reader->is_ready = TRUE;
}

static void
come (World  *world,
      Reader *reader)
{
  g_autoptr(BelfryFilter) filter = some_filter ();
  g_autoptr(BelfryCursor) newest = belfry_router_dup_cursor (world->router);
  g_autoptr(BelfryCursor) cursor = NULL;
  g_autoptr(GError) error = NULL;
  Version version = { 0 };

  reader->seen = newest->position;
  if (g_test_rand_int_range (0, 4) > 0)
    {
      reader->seen = (guint64) g_test_rand_int_range (0, (gint32) newest->position + 1);
      if (g_test_rand_int_range (0, 4) == 0)
        reader->seen = 0;
      if (reader->seen > 0 || g_test_rand_int_range (0, 2) == 0)
        cursor = belfry_cursor_new (MEMORY_LOG_ID, reader->seen);
      else
        {
          cursor = belfry_cursor_new_beginning ();
          reader->seen = world->store->floor - 1;
        }
    }

  reader->subscriber = belfry_router_subscribe (world->router, filter, cursor, &error);
  g_assert_no_error (error);
  version.filter = g_steal_pointer (&filter);
  reader->versions = g_array_new (FALSE, FALSE, sizeof (Version));
  g_array_set_clear_func (reader->versions, clear_version);
  g_array_append_val (reader->versions, version);
  reader->n_confirmed = 1;
  reader->is_ready = FALSE;
  belfry_subscriber_set_ready_func (reader->subscriber, on_ready, reader);
}

static void
leave (World  *world,
       Reader *reader)
{
  BelfryDelivery delivery;
  g_autoptr(BelfryCursor) before = belfry_subscriber_dup_cursor (reader->subscriber);
  g_autoptr(BelfryCursor) after = NULL;

  belfry_subscriber_cancel (reader->subscriber);
  after = belfry_subscriber_dup_cursor (reader->subscriber);
  g_assert_cmpuint (before->position, ==, after->position);
  g_assert_cmpint (belfry_subscriber_pop (reader->subscriber, &delivery), ==, BELFRY_DELIVERY_NONE);
  g_clear_object (&reader->subscriber);
  reader->is_ready = FALSE;
  g_clear_pointer (&reader->versions, g_array_unref);
}

static void
change_filter (World  *world,
               Reader *reader)
{
  g_autoptr(BelfryCursor) newest = belfry_router_dup_cursor (world->router);
  Version version = {
    .start = newest->position,
    .filter = some_filter (),
    .has_tag = g_test_rand_bit (),
  };

  if (belfry_subscriber_get_n_pending_filters (reader->subscriber) >= MOST_PENDING)
    {
      belfry_filter_unref (version.filter);
      return;
    }
  g_array_append_val (reader->versions, version);
  if (version.has_tag)
    belfry_subscriber_set_filter_tagged (reader->subscriber, version.filter,
                                         GUINT_TO_POINTER (reader->versions->len - 1), NULL);
  else
    belfry_subscriber_set_filter (reader->subscriber, version.filter);
}

static void
read_some (World  *world,
           Reader *reader,
           guint   most)
{
  while (reader->is_ready && most-- > 0)
    pop (world, reader);
}

static void
commit_some (World *world,
             guint  most)
{
  BelfryEvent *events[100];
  guint n_events = (guint) g_test_rand_int_range (1, (gint32) most + 1);

  if (g_test_rand_int_range (0, 10) == 0)
    world->store->last_position += (guint64) g_test_rand_int_range (1, 5);
  for (guint i = 0; i < n_events; i++)
    events[i] = some_event ();
  memory_store_add_run (world->store, events, n_events);
}

static void
delete_some (World *world)
{
  guint64 left = world->store->last_position + 1 - world->store->floor;

  memory_store_set_floor (world->store,
                          world->store->floor + (guint64) g_test_rand_int_range (0, (gint32) left + 1));
}

static void
check_memory (World *world)
{
  BelfryFeedHub *hub = NULL;

  for (guint i = 0; i < N_READERS; i++)
    {
      BelfryFeed *feed = NULL;

      if (world->readers[i].subscriber == NULL)
        continue;
      feed = belfry_subscriber_peek_feed (world->readers[i].subscriber);
      hub = feed->hub;
      if (feed->mailbox.length > 1)
        g_assert_cmpuint (feed->mailbox.bytes, <=, hub->mailbox_max_bytes + (feed->owns_events ? LARGEST : 0));
      if (feed->mailbox.length > 0 && !feed->owns_events)
        g_assert_cmpuint (belfry_event_get_position (belfry_mailbox_peek (&feed->mailbox)), >, hub->ring.base);
    }
  if (hub != NULL && belfry_ring_get_length (&hub->ring) > 1)
    {
      g_assert_cmpuint (belfry_ring_get_length (&hub->ring), <=, hub->ring.max_events);
      g_assert_cmpuint (hub->ring.bytes, <=, hub->ring.max_bytes);
    }
}

static void
turn (World *world)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
step (World *world)
{
  Reader *reader = &world->readers[g_test_rand_int_range (0, N_READERS)];

  switch (g_test_rand_int_range (0, 16))
    {
    case 0:
      if (reader->subscriber == NULL)
        come (world, reader);
      else if (g_test_rand_int_range (0, 6) == 0)
        leave (world, reader);
      break;
    case 1:
      if (reader->subscriber != NULL)
        change_filter (world, reader);
      break;
    case 2:
      if (g_test_rand_int_range (0, 12) == 0)
        delete_some (world);
      break;
    case 3:
      world->store->holds_reads = g_test_rand_bit ();
      break;
    case 4:
    case 5:
      if (!g_queue_is_empty (&world->store->reads))
        memory_store_finish_read (world->store);
      break;
    case 6:
      g_main_context_iteration (NULL, FALSE);
      break;
    case 7:
      turn (world);
      break;
    case 8:
    case 9:
    case 10:
      commit_some (world, g_test_rand_int_range (0, 10) == 0 ? 100 : 5);
      break;
    default:
      if (reader->subscriber != NULL)
        read_some (world, reader, (guint) g_test_rand_int_range (1, 60));
      break;
    }
  check_memory (world);
}

static void
let_all_catch_up (World *world)
{
  gboolean is_busy = TRUE;

  world->store->holds_reads = FALSE;
  while (is_busy)
    {
      is_busy = FALSE;
      while (!g_queue_is_empty (&world->store->reads))
        memory_store_finish_read (world->store);
      while (g_main_context_iteration (NULL, FALSE))
        is_busy = TRUE;
      for (guint i = 0; i < N_READERS; i++)
        {
          is_busy |= world->readers[i].is_ready;
          read_some (world, &world->readers[i], G_MAXUINT);
        }
    }
}

static void
finish (World *world)
{
  let_all_catch_up (world);
  for (guint i = 0; i < N_READERS; i++)
    {
      Reader *reader = &world->readers[i];
      gboolean is_live = FALSE;

      if (reader->subscriber == NULL)
        continue;
      g_object_get (reader->subscriber, "is-live", &is_live, NULL);
      g_assert_true (is_live);
      check_unwanted (world, reader, reader->seen, G_MAXUINT64);
      skip_untagged (reader);
      g_assert_cmpuint (reader->n_confirmed, ==, reader->versions->len);
      leave (world, reader);
    }
}

static void
run_world (guint   ring_events,
           guint64 ring_bytes,
           guint64 mailbox_bytes)
{
  World world = { .store = memory_store_new () };
  guint64 fallbacks = 0;

  if (g_test_rand_bit ())
    memory_store_add (world.store, some_event ());
  world.router = g_object_new (BELFRY_TYPE_ROUTER,
                               "store", world.store,
                               "max-queue-size", ring_events,
                               "ring-max-bytes", ring_bytes,
                               "mailbox-max-bytes", mailbox_bytes,
                               NULL);
  for (guint i = 0; i < N_STEPS; i++)
    step (&world);
  finish (&world);

  g_object_get (world.router, "fallbacks", &fallbacks, NULL);
  g_test_message ("%" G_GUINT64_FORMAT " events, %" G_GUINT64_FORMAT " gaps, %" G_GUINT64_FORMAT
                  " filter changes, %" G_GUINT64_FORMAT " fallbacks, %u reads",
                  world.n_events, world.n_gaps, world.n_changes, fallbacks, world.store->n_reads);
  g_assert_cmpuint (world.n_events, >, 0);

  g_assert_finalize_object (world.router);
  turn (&world);
  g_assert_finalize_object (world.store);
}

static void
test_small_ring (void)
{
  g_test_summary ("Mostly read from the log: everything once and in order");
  run_world (3, G_MAXUINT64, 4000);
}

static void
test_middle_ring (void)
{
  g_test_summary ("Ring and log in turn: everything once and in order");
  run_world (60, G_MAXUINT64, 8000);
}

static void
test_ring_of_bytes (void)
{
  g_test_summary ("A ring bounded by bytes: everything once and in order");
  run_world (10000, 20000, 6000);
}

static void
test_large_ring (void)
{
  g_test_summary ("Never read from the log once subscribed: everything once and in order");
  run_world (100000, G_MAXUINT64, 3000);
}

static void
test_tiny_mailbox (void)
{
  g_test_summary ("One event at a time fits: everything once and in order");
  run_world (20, G_MAXUINT64, 1);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/router/random/small-ring", test_small_ring);
  g_test_add_func ("/router/random/middle-ring", test_middle_ring);
  g_test_add_func ("/router/random/ring-of-bytes", test_ring_of_bytes);
  g_test_add_func ("/router/random/large-ring", test_large_ring);
  g_test_add_func ("/router/random/tiny-mailbox", test_tiny_mailbox);

  return g_test_run ();
}
