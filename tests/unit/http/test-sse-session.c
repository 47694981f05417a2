/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "session-world.h"

#include <string.h>

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define SECONDS(n) ((n) * G_USEC_PER_SEC)

static Peer *
open_stream (World            *world,
             BelfrySubscriber *subscriber)
{
  g_autoptr(GIOStream) stream = NULL;
  Peer *peer = peer_new (world->kind, &stream);

  belfry_sse_session_start (world->set, stream, NULL, HEAD, subscriber);
  return peer;
}

/* A stream of everything behind @position (0: from the beginning; NULL: live), up to its first id. */
static Peer *
follow (World   *world,
        guint64 *position)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryFilter) filter = belfry_filter_new (NULL, NULL, NULL);
  g_autoptr(BelfryCursor) cursor = position != NULL ? belfry_cursor_new (MEMORY_LOG_ID, *position) : NULL;
  g_autoptr(BelfrySubscriber) subscriber = belfry_router_subscribe (world->router, filter, cursor, &error);
  guint64 begin = position != NULL ? *position : world->store->last_position;
  g_autofree char *text = world_dup_cursor (begin);
  g_autofree char *first = g_strdup_printf (HEAD "id: %s\n\n", text);
  Peer *peer;

  g_assert_no_error (error);
  peer = open_stream (world, subscriber);
  peer_expect_bytes (peer, first);
  return peer;
}

static void
expect_event (World  *world,
              Peer   *peer,
              guint64 position)
{
  BelfryEvent *event = world->store->events->pdata[position - 1];
  g_autofree char *cursor = world_dup_cursor (position);
  g_autofree char *expected = g_strdup_printf ("id: %s\ndata: %s\n\n", cursor, belfry_event_get_json (event));

  peer_expect_bytes (peer, expected);
}

static guint
count_subscribers (World *world)
{
  guint n;

  g_object_get (world->router, "active-subscribers", &n, NULL);
  return n;
}

static void
test_streams (World        *world,
              gconstpointer data)
{
  world_ring (world, "quiz_started", "before");
  world->peer = follow (world, NULL);
  for (guint i = 2; i <= 1000; i++)
    world_ring (world, "timer_tick", "s");
  for (guint i = 2; i <= 1000; i++)
    expect_event (world, world->peer, i);
  peer_expect_silence (world->peer);
  g_assert_cmpuint (belfry_session_set_get_delivered (world->set, "sse"), ==, 999);
}

static void
test_resumes (World        *world,
              gconstpointer data)
{
  guint64 position = 2;

  for (guint i = 0; i < 4; i++)
    world_ring (world, "quiz_started", "a");
  world->peer = follow (world, &position);
  world_ring (world, "quiz_started", "live");
  for (guint i = 3; i <= 5; i++)
    expect_event (world, world->peer, i);
}

static void
test_tells_gap (World        *world,
                gconstpointer data)
{
  guint64 position = 1;
  g_autofree char *from = world_dup_cursor (1);
  g_autofree char *to = world_dup_cursor (4);
  g_autofree char *expected =
    g_strdup_printf ("id: %s\nevent: gap\ndata: {\"type\": \"gap\", \"from\": \"%s\", \"to\": \"%s\", \"lost\": 3}\n\n", to, from, to);

  for (guint i = 0; i < 6; i++)
    world_ring (world, "quiz_started", "a");
  memory_store_set_floor (world->store, 5);
  world->peer = follow (world, &position);
  peer_expect_bytes (world->peer, expected);
  expect_event (world, world->peer, 5);
}

static void
test_comments (World        *world,
               gconstpointer data)
{
  world->peer = follow (world, NULL);
  world_sweep_later (world, SECONDS (14));
  peer_expect_silence (world->peer);
  world_sweep_later (world, SECONDS (16));
  peer_expect_bytes (world->peer, ": keep-alive\n\n");
  world_sweep_later (world, SECONDS (29));
  peer_expect_silence (world->peer);
  world_sweep_later (world, SECONDS (32));
  peer_expect_bytes (world->peer, ": keep-alive\n\n");
}

static void
test_capacity (World        *world,
               gconstpointer data)
{
  world->peer = open_stream (world, NULL);
  peer_expect_bytes (world->peer, HEAD "retry: 5000\n\n");
  peer_expect_end (world->peer);
}

static void
test_shuts_down (World        *world,
                 gconstpointer data)
{
  world->peer = follow (world, NULL);
  belfry_session_set_shut_down (world->set, NULL, NULL);
  peer_expect_bytes (world->peer, "retry: 5000\n\n");
  peer_expect_end (world->peer);
}

static void
test_cancelled_elsewhere (World        *world,
                          gconstpointer data)
{
  g_autoptr(GPtrArray) subscribers = NULL;

  world->peer = follow (world, NULL);
  subscribers = belfry_router_list_subscribers (world->router);
  belfry_subscriber_cancel (subscribers->pdata[0]);
  peer_expect_bytes (world->peer, "retry: 5000\n\n");
  peer_expect_end (world->peer);
}

static void
test_drops_what_client_sends (World        *world,
                              gconstpointer data)
{
  g_autofree char *noise = g_strnfill (1000000, 'x');

  world->peer = follow (world, NULL);
  peer_send (world->peer, noise, 1000000);
  world_ring (world, "quiz_started", "a");
  expect_event (world, world->peer, 1);
}

static void
test_leaves_no_subscriber (World        *world,
                           gconstpointer data)
{
  world->peer = follow (world, NULL);
  g_assert_cmpuint (count_subscribers (world), ==, 1);
  g_clear_pointer (&world->peer, peer_free);
  peer_wait_for (count_subscribers (world) == 0);
}

static void
test_refused_after_shut_down (World        *world,
                              gconstpointer data)
{
  g_autoptr(BelfryFilter) filter = belfry_filter_new (NULL, NULL, NULL);
  BelfrySubscriber *subscriber = belfry_router_subscribe (world->router, filter, NULL, NULL);

  g_test_summary ("A stream that comes too late leaves no subscriber behind.");
  belfry_session_set_shut_down (world->set, NULL, NULL);
  world->peer = open_stream (world, subscriber);
  g_object_unref (subscriber);
  peer_expect_end (world->peer);
  g_assert_cmpuint (count_subscribers (world), ==, 0);
}

static void
test_reader_that_stops (World        *world,
                        gconstpointer data)
{
  enum { N = 10000 };

  g_object_set (world->router, "max-queue-size", 500, "mailbox-max-bytes", G_GUINT64_CONSTANT (65536), NULL);
  world->peer = follow (world, NULL);
  for (guint i = 1; i <= N; i++)
    {
      world_ring (world, "timer_tick", "s");
      if (i % 100 == 0)
        peer_iterate ();
    }
  for (guint i = 1; i <= N; i++)
    expect_event (world, world->peer, i);
  peer_expect_silence (world->peer);
}

static void
test_not_counted_by_address (World        *world,
                             gconstpointer data)
{
  g_autoptr(Peer) socket G_GNUC_UNUSED = world_open_subscribe (world);

  g_test_summary ("What bounds the WebSockets of an address does not count its streams.");
  world->peer = follow (world, NULL);
  g_assert_cmpuint (world_get_n_sessions (world), ==, 2);
  g_assert_cmpuint (belfry_session_set_count_address (world->set, "here"), ==, 1);
}

static guint64
get_sent (World *world)
{
  BelfrySessionCounters counters;

  belfry_session_set_get_counters (world->set, &counters);
  return counters.bytes_sent;
}

/* Reads until the session could send more. */
static void
read_slowly (World *world)
{
  GPollableInputStream *input = G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (world->peer->stream));
  guint64 before = get_sent (world);
  guint8 buffer[65536];

  peer_wait_for ((g_pollable_input_stream_read_nonblocking (input, buffer, sizeof buffer, NULL, NULL),
                  get_sent (world) > before));
}

static void
test_last_batch_may_take_its_time (World        *world,
                                   gconstpointer data)
{
  g_autoptr(GPtrArray) subscribers = NULL;

  g_test_summary ("A stream that ends lasts as long as its reader takes something, but not forever.");
  world->peer = follow (world, NULL);
  memory_store_add (world->store, memory_event_new ("timer_tick", "s", NULL, 32 * 1024 * 1024));
  peer_wait_for (get_sent (world) > 100000);
  subscribers = belfry_router_list_subscribers (world->router);
  belfry_subscriber_cancel (subscribers->pdata[0]);
  for (guint second = 1; second < 10; second++)
    {
      read_slowly (world);
      world_sweep_later (world, SECONDS (second));
      g_assert_cmpuint (world_get_n_sessions (world), ==, 1);
    }
  read_slowly (world);
  world_sweep_later (world, SECONDS (11));
  g_assert_cmpuint (world_get_n_sessions (world), ==, 0);
}

static void
test_last_batch_that_nobody_takes (World        *world,
                                   gconstpointer data)
{
  g_autoptr(GPtrArray) subscribers = NULL;

  world->peer = follow (world, NULL);
  memory_store_add (world->store, memory_event_new ("timer_tick", "s", NULL, 32 * 1024 * 1024));
  peer_wait_for (get_sent (world) > 100000);
  for (guint i = 0; i < 50; i++)
    peer_iterate ();
  subscribers = belfry_router_list_subscribers (world->router);
  belfry_subscriber_cancel (subscribers->pdata[0]);
  world_sweep_later (world, SECONDS (1));
  g_assert_cmpuint (world_get_n_sessions (world), ==, 1);
  world_sweep_later (world, SECONDS (4));
  g_assert_cmpuint (world_get_n_sessions (world), ==, 0);
}

/* More than the kernel takes of it for a reader that does not read. */
static void
fill_log (World *world)
{
  for (guint i = 0; i < 500; i++)
    memory_store_add (world->store, memory_event_new ("timer_tick", "s", NULL, 3000));
}

static guint64
get_held (World *world)
{
  BelfrySessionCounters counters;

  belfry_session_set_get_counters (world->set, &counters);
  return counters.held_bytes;
}

/* What waits in front of all readers. */
static guint64
get_waiting (World *world)
{
  g_autoptr(GPtrArray) subscribers = belfry_router_list_subscribers (world->router);
  guint64 sum = 0;

  for (guint i = 0; i < subscribers->len; i++)
    {
      guint64 bytes;

      g_object_get (subscribers->pdata[i], "waiting-bytes", &bytes, NULL);
      sum += bytes;
    }
  return sum;
}

static guint64
get_catch_up (World *world)
{
  guint64 bytes;

  g_object_get (world->router, "catch-up-bytes", &bytes, NULL);
  return bytes;
}

static void
test_stalled_readers_hold_little (World        *world,
                                  gconstpointer data)
{
  enum { N_READERS = 120, MAX = 16 * 1024 * 1024, PAGE = 256 * 1024, SMALL = 20 * 1024 };
  g_autoptr(GPtrArray) peers = g_ptr_array_new_with_free_func ((GDestroyNotify) peer_free);
  guint64 beginning = 0;

  g_test_summary ("However many do not read a long log: what they hold together is bounded, and they lose nothing.");
  g_object_set (world->router, "catch-up-max-bytes", (guint64) MAX, NULL);
  g_object_set (world->router, "max-queue-size", 10, NULL);
  fill_log (world);
  for (guint i = 0; i < N_READERS; i++)
    g_ptr_array_add (peers, follow (world, &beginning));
  for (guint i = 0; i < 500; i++)
    peer_iterate ();

  /* All stand still: the kernel took what it takes, and more waits. */
  g_assert_cmpuint (get_held (world), >, 0);
  g_assert_cmpuint (get_held (world) + get_waiting (world), ==, get_catch_up (world));
  g_assert_cmpuint (get_catch_up (world), <=, MAX + PAGE + N_READERS * 2 * SMALL);

  for (guint i = 1; i <= 500; i++)
    {
      expect_event (world, peers->pdata[0], i);
      expect_event (world, peers->pdata[N_READERS - 1], i);
    }
  g_ptr_array_set_size (peers, 0);
  peer_wait_for (world_get_n_sessions (world) == 0);
  g_assert_cmpuint (get_held (world), ==, 0);
  g_assert_cmpuint (get_catch_up (world), ==, 0);
}

static void
test_stalled_live_readers_hold_little (World        *world,
                                       gconstpointer data)
{
  enum { N_READERS = 120, MAX = 2 * 1024 * 1024, BATCH = 768 * 1024, SMALL = 60 * 1024 };
  g_autoptr(GPtrArray) peers = g_ptr_array_new_with_free_func ((GDestroyNotify) peer_free);

  g_test_summary ("The same for those that were live when they ceased to read. An event with its texts is three times what is sent.");
  g_object_set (world->router, "catch-up-max-bytes", (guint64) MAX, NULL);
  for (guint i = 0; i < N_READERS; i++)
    g_ptr_array_add (peers, follow (world, NULL));
  fill_log (world);
  for (guint i = 0; i < 500; i++)
    peer_iterate ();
  g_assert_cmpuint (get_held (world), >, 0);
  g_assert_cmpuint (get_held (world), <=, MAX + BATCH + N_READERS * SMALL);
  for (guint i = 1; i <= 500; i++)
    expect_event (world, peers->pdata[0], i);
}

static const WorldTest tests[] = {
  { "streams", test_streams },
  { "resumes", test_resumes },
  { "tells-gap", test_tells_gap },
  { "comments", test_comments },
  { "ends-at-capacity", test_capacity },
  { "shuts-down", test_shuts_down },
  { "cancelled-elsewhere", test_cancelled_elsewhere },
  { "drops-what-client-sends", test_drops_what_client_sends },
  { "leaves-no-subscriber", test_leaves_no_subscriber },
  { "refused-after-shut-down", test_refused_after_shut_down },
  { "reader-that-stops", test_reader_that_stops },
  { "not-counted-by-address", test_not_counted_by_address },
  { "last-batch-may-take-its-time", test_last_batch_may_take_its_time },
  { "last-batch-that-nobody-takes", test_last_batch_that_nobody_takes },
};

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  world_add_tests ("sse-session", tests, G_N_ELEMENTS (tests));
  /* What the kernel takes for a connection is smallest there. */
  g_test_add ("/sse-session/socket-pair/stalled-readers-hold-little", World, GUINT_TO_POINTER (PEER_SOCKET_PAIR),
              world_set_up, test_stalled_readers_hold_little, world_tear_down);
  g_test_add ("/sse-session/socket-pair/stalled-live-readers-hold-little", World, GUINT_TO_POINTER (PEER_SOCKET_PAIR),
              world_set_up, test_stalled_live_readers_hold_little, world_tear_down);
  return g_test_run ();
}
