/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "session-world.h"

#include "belfry-subscriber-private.h"

#include <string.h>

#define SECONDS(n) ((n) * G_USEC_PER_SEC)

/* Subscribes, and takes the confirmation. */
static Peer *
subscribe (World      *world,
           const char *request)
{
  Peer *peer = world_open_subscribe (world);
  g_autofree char *confirmation = NULL;
  g_autofree char *status = NULL;

  peer_send_text (peer, request);
  confirmation = peer_expect_text (peer);
  status = world_dup_member (confirmation, "status");
  g_assert_cmpstr (status, ==, "subscribed");
  return peer;
}

/* The next message is the event at this position of the log. */
static void
expect_event (World  *world,
              Peer   *peer,
              guint64 position)
{
  BelfryEvent *event = world->store->events->pdata[position - 1];

  peer_expect (peer, belfry_event_get_json (event));
}

static void
expect_error (Peer       *peer,
              const char *message)
{
  g_autofree char *expected = g_strdup_printf ("{\"status\": \"error\", \"message\": \"%s\"}", message);

  peer_expect (peer, expected);
}

static void
test_confirms (World        *world,
               gconstpointer data)
{
  g_autofree char *confirmation = NULL;
  g_autofree char *id = NULL;
  g_autofree char *expected = NULL;

  g_test_summary ("The members that were sent come back as they were sent but for white space, in their order, and no others.");
  world->peer = world_open_subscribe (world);
  peer_send_text (world->peer,
                  "{\"user_id\": null, \"x\": [1], \"min_amount\": 1.50, \"event_types\": [ \"quiz_started\" ], \"cursors\": false}");
  confirmation = peer_expect_text (world->peer);
  id = world_dup_member (confirmation, "subscriber_id");
  g_assert_cmpuint (strlen (id), ==, 12);
  g_assert_true (g_str_has_prefix (id, "sub_"));
  expected = g_strdup_printf ("{\"status\": \"subscribed\", \"subscriber_id\": \"%s\", \"filters\": "
                              "{\"user_id\": null, \"min_amount\": 1.50, \"event_types\": [\"quiz_started\"]}}", id);
  g_assert_cmpstr (confirmation, ==, expected);
}

static void
test_delivers (World        *world,
               gconstpointer data)
{
  world_ring (world, "quiz_started", "before");
  world->peer = subscribe (world, "{\"event_types\": [\"quiz_started\"]}");
  world_ring (world, "quiz_started", "a");
  expect_event (world, world->peer, 2);
  world_ring (world, "quiz_completed", "a");
  world_ring (world, "quiz_started", "b");
  expect_event (world, world->peer, 4);
  peer_expect_silence (world->peer);
  g_assert_cmpuint (belfry_session_set_get_delivered (world->set, "websocket"), ==, 2);
}

static void
test_delivers_bursts (World        *world,
                      gconstpointer data)
{
  g_test_summary ("Thousands of events in one turn come all, in order.");
  world->peer = subscribe (world, "{}");
  for (guint i = 0; i < 5000; i++)
    world_ring (world, "timer_tick", "s");
  for (guint i = 1; i <= 5000; i++)
    expect_event (world, world->peer, i);
  peer_expect_silence (world->peer);
}

static void
test_adds_cursors (World        *world,
                   gconstpointer data)
{
  g_autofree char *text = NULL;
  g_autofree char *cursor = world_dup_cursor (1);
  g_autofree char *expected = NULL;
  const char *json;

  world->peer = subscribe (world, "{\"cursors\": true}");
  world_ring (world, "quiz_started", "a");
  text = peer_expect_text (world->peer);
  json = belfry_event_get_json (world->store->events->pdata[0]);
  expected = g_strdup_printf ("%.*s,\"cursor\":\"%s\"}", (int) strlen (json) - 1, json, cursor);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_confirms_with_cursor (World        *world,
                           gconstpointer data)
{
  g_autofree char *confirmation = NULL;
  g_autofree char *given = NULL;
  g_autofree char *cursor = world_dup_cursor (1);

  g_test_summary ("Who asks for cursors can resume from before the first event.");
  world_ring (world, "quiz_started", "before");
  world->peer = world_open_subscribe (world);
  peer_send_text (world->peer, "{\"cursors\": true}");
  confirmation = peer_expect_text (world->peer);
  given = world_dup_member (confirmation, "cursor");
  g_assert_cmpstr (given, ==, cursor);
}

static void
test_resumes (World        *world,
              gconstpointer data)
{
  g_autofree char *cursor = world_dup_cursor (3);
  g_autofree char *request = g_strdup_printf ("{\"resume_from\": \"%s\"}", cursor);

  for (guint i = 0; i < 6; i++)
    world_ring (world, "quiz_started", "a");
  world->peer = subscribe (world, request);
  world_ring (world, "quiz_started", "live");
  for (guint i = 4; i <= 7; i++)
    expect_event (world, world->peer, i);
  peer_expect_silence (world->peer);
}

static void
test_resumes_from_beginning (World        *world,
                             gconstpointer data)
{
  for (guint i = 0; i < 3; i++)
    world_ring (world, "quiz_started", "a");
  world->peer = subscribe (world, "{\"resume_from\": \"beginning\"}");
  for (guint i = 1; i <= 3; i++)
    expect_event (world, world->peer, i);
}

static void
test_tells_gap (World        *world,
                gconstpointer data)
{
  g_autofree char *from = world_dup_cursor (1);
  g_autofree char *to = world_dup_cursor (4);
  g_autofree char *request = g_strdup_printf ("{\"resume_from\": \"%s\"}", from);
  g_autofree char *gap = g_strdup_printf ("{\"type\": \"gap\", \"from\": \"%s\", \"to\": \"%s\", \"lost\": 3}", from, to);

  for (guint i = 0; i < 6; i++)
    world_ring (world, "quiz_started", "a");
  memory_store_set_floor (world->store, 5);
  world->peer = subscribe (world, request);
  peer_expect (world->peer, gap);
  expect_event (world, world->peer, 5);
  expect_event (world, world->peer, 6);
}

typedef struct
{
  const char *request;
  const char *message;
  guint       code;
} Refusal;

static const Refusal refusals[] = {
  { "nonsense", "Invalid JSON", 1008 },
  { "", "Invalid JSON", 1008 },
  { "{} x", "Invalid JSON", 1008 },
  { "{\"session_id\": NaN}", "Invalid JSON", 1008 },
  { "[]", "A filter must be a JSON object", 1008 },
  { "{\"cursors\": 1}", "cursors must be true or false", 1008 },
  { "{\"resume_from\": 5}", "resume_from must be a cursor or \\\"beginning\\\"", 1008 },
  { "{\"resume_from\": \"nonsense\"}", "Unknown cursor", 1008 },
  { "{\"resume_from\": \"\"}", "Unknown cursor", 1008 },
  { "{\"resume_from\": \"AQAAAAAAAAABAAAAAAAAAAE\"}", "Unknown cursor", 1008 },
  { "{\"resume_from\": \"a\\u0000b\"}", "Unknown cursor", 1008 },
};

static void
test_refuses (World        *world,
              gconstpointer data)
{
  for (gsize i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      g_autoptr(Peer) peer = world_open_subscribe (world);
      g_autofree char *reason = g_strcompress (refusals[i].message);

      peer_send_text (peer, refusals[i].request);
      expect_error (peer, refusals[i].message);
      peer_expect_close (peer, refusals[i].code, reason);
      peer_send_close (peer, refusals[i].code);
      peer_expect_end (peer);
    }
}

static void
test_refuses_wrong_filters (World        *world,
                            gconstpointer data)
{
  static const char *const requests[] = {
    "{\"event_types\": \"quiz_started\"}", "{\"event_types\": [1]}", "{\"session_id\": 5}", "{\"user_id\": []}",
    "{\"user_tiers\": {}}", "{\"min_amount\": \"1\"}",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      g_autoptr(Peer) peer = world_open_subscribe (world);
      g_autofree char *answer = NULL;
      g_autofree char *status = NULL;
      g_autofree char *message = NULL;

      peer_send_text (peer, requests[i]);
      answer = peer_expect_text (peer);
      status = world_dup_member (answer, "status");
      message = world_dup_member (answer, "message");
      g_assert_cmpstr (status, ==, "error");
      peer_expect_close (peer, 1008, message);
    }
}

static void
test_refuses_large_and_binary (World        *world,
                               gconstpointer data)
{
  g_autofree char *large = g_strnfill (5000, ' ');
  g_autoptr(Peer) binary = world_open_subscribe (world);

  world->peer = world_open_subscribe (world);
  peer_send_text (world->peer, large);
  expect_error (world->peer, "Message too large");
  peer_expect_close (world->peer, 1008, "Message too large");
  peer_send_frame (binary, 0x82, "{}", 2);
  expect_error (binary, "Invalid JSON");
  peer_expect_close (binary, 1008, "Invalid JSON");
}

static void
test_refuses_at_capacity (World        *world,
                          gconstpointer data)
{
  g_autoptr(Peer) second = NULL;

  g_object_set (world->router, "max-subscribers", 1, NULL);
  world->peer = subscribe (world, "{}");
  second = world_open_subscribe (world);
  peer_send_text (second, "{}");
  expect_error (second, "Server at subscriber capacity");
  peer_expect_close (second, 1013, "Server at subscriber capacity");
}

static void
test_first_message_times_out (World        *world,
                              gconstpointer data)
{
  world->peer = world_open_subscribe (world);
  world_sweep_later (world, SECONDS (9));
  peer_expect_silence (world->peer);
  world_sweep_later (world, SECONDS (11));
  peer_expect_close (world->peer, 1008, "No subscription within the time limit");
}

static void
test_answers_ping (World        *world,
                   gconstpointer data)
{
  world->peer = subscribe (world, "{}");
  peer_send_text (world->peer, "{\"type\": \"ping\"}");
  peer_expect (world->peer, "{\"type\": \"pong\"}");
  peer_send_text (world->peer, "{\"t\\u0079pe\": \"p\\u0069ng\"}");
  peer_expect (world->peer, "{\"type\": \"pong\"}");
}

static void
test_ignores_the_rest (World        *world,
                       gconstpointer data)
{
  g_autofree char *large = g_strnfill (5000, ' ');

  world->peer = subscribe (world, "{}");
  peer_send_text (world->peer, "nonsense");
  peer_send_text (world->peer, "");
  peer_send_text (world->peer, "[]");
  peer_send_text (world->peer, "{}");
  peer_send_text (world->peer, "{\"type\": \"unknown\"}");
  peer_send_text (world->peer, "{\"type\": 5}");
  peer_send_frame (world->peer, 0x82, "{\"type\": \"ping\"}", 16);
  peer_expect_silence (world->peer);
  peer_send_text (world->peer, large);
  expect_error (world->peer, "Message too large");
  world_ring (world, "quiz_started", "a");
  expect_event (world, world->peer, 1);
}

static void
test_updates_filters (World        *world,
                      gconstpointer data)
{
  g_test_summary ("The confirmation stands between the last event by the old and the first by the new filter.");
  world->peer = subscribe (world, "{\"session_id\": \"old\"}");
  for (guint i = 0; i < 3; i++)
    world_ring (world, "quiz_started", "old");
  world_ring (world, "quiz_started", "new");
  peer_send_text (world->peer, "{\"type\": \"update_filters\", \"filters\": {\"session_id\" : \"new\", \"y\": 1}}");
  for (guint i = 1; i <= 3; i++)
    expect_event (world, world->peer, i);
  peer_expect (world->peer, "{\"status\": \"filters_updated\", \"filters\": {\"session_id\": \"new\"}}");
  world_ring (world, "quiz_started", "old");
  world_ring (world, "quiz_started", "new");
  expect_event (world, world->peer, 6);
}

static void
test_wrong_update_changes_nothing (World        *world,
                                   gconstpointer data)
{
  static const char *const updates[] = {
    "{\"type\": \"update_filters\"}",
    "{\"type\": \"update_filters\", \"filters\": null}",
    "{\"type\": \"update_filters\", \"filters\": []}",
    "{\"type\": \"update_filters\", \"filters\": {\"session_id\": 5}}",
    "{\"type\": \"update_filters\", \"filters\": {\"event_types\": \"quiz_started\"}}",
  };

  world->peer = subscribe (world, "{\"session_id\": \"a\"}");
  for (gsize i = 0; i < G_N_ELEMENTS (updates); i++)
    {
      g_autofree char *answer = NULL;
      g_autofree char *status = NULL;

      peer_send_text (world->peer, updates[i]);
      answer = peer_expect_text (world->peer);
      status = world_dup_member (answer, "status");
      g_assert_cmpstr (status, ==, "error");
    }
  world_ring (world, "quiz_started", "b");
  world_ring (world, "quiz_started", "a");
  expect_event (world, world->peer, 2);
}

static void
test_many_updates (World        *world,
                   gconstpointer data)
{
  g_test_summary ("A client that changes its filter all the time gets every confirmation, in order.");
  world->peer = subscribe (world, "{}");
  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *update = g_strdup_printf ("{\"type\": \"update_filters\", \"filters\": {\"session_id\": \"%u\"}}", i);

      peer_send_text (world->peer, update);
    }
  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *expected =
        g_strdup_printf ("{\"status\": \"filters_updated\", \"filters\": {\"session_id\": \"%u\"}}", i);

      peer_expect (world->peer, expected);
    }
}

/* Large events until the reader, who does not read, has one batch in flight. */
static guint
stall (World *world)
{
  BelfrySessionCounters counters = { 0 };
  guint n = 0;

  while (counters.held_bytes == 0)
    {
      g_assert_cmpuint (++n, <, 5000);
      memory_store_add (world->store, memory_event_new ("timer_tick", "s", NULL, 20000));
      peer_iterate ();
      belfry_session_set_get_counters (world->set, &counters);
    }
  return n;
}

static void
test_waiting_confirmations_hold_no_white_space (World        *world,
                                                gconstpointer data)
{
  g_autofree char *space = g_strnfill (3000, ' ');
  g_autofree char *update =
    g_strdup_printf ("{\"type\": \"update_filters\", \"filters\": {\"event_types\": [%s\"a b\"%s,\"c\" ]}}", space, space + 2900);

  world->peer = subscribe (world, "{}");
  peer_send_text (world->peer, update);
  peer_expect (world->peer, "{\"status\": \"filters_updated\", \"filters\": {\"event_types\": [\"a b\",\"c\"]}}");
}

static void
test_waiting_confirmations_are_bounded (World        *world,
                                        gconstpointer data)
{
  enum { N_UPDATES = 8, SIZE = 40000 };
  g_autofree char *zeros = g_strnfill (SIZE, '0');
  g_autofree char *update = g_strdup_printf ("{\"type\": \"update_filters\", \"filters\": {\"min_amount\": 0.%s}}", zeros);
  g_autofree char *expected = g_strdup_printf ("{\"status\": \"filters_updated\", \"filters\": {\"min_amount\": 0.%s}}", zeros);
  g_autoptr(GByteArray) updates = g_byte_array_new ();
  g_autoptr(GPtrArray) subscribers = NULL;
  gsize sent = 0;
  guint n_events;

  g_test_summary ("A client that reads no confirmations is not read once those that wait are large together.");
  ((BelfrySessionLimits *) belfry_session_set_get_limits (world->set))->max_message_bytes = 2 * SIZE;
  world->peer = subscribe (world, "{}");
  subscribers = belfry_router_list_subscribers (world->router);
  n_events = stall (world);
  for (guint i = 0; i < N_UPDATES; i++)
    peer_append_frame (updates, 0x81, update, strlen (update));
  for (guint i = 0; i < 200; i++)
    {
      sent += peer_send_some (world->peer, updates->data + sent, updates->len - sent);
      peer_iterate ();
    }
  g_assert_cmpuint (belfry_subscriber_get_n_pending_filters (subscribers->pdata[0]), ==, 2);

  for (guint i = 1; i <= n_events; i++)
    expect_event (world, world->peer, i);
  for (guint i = 0; i < N_UPDATES; i++)
    {
      sent += peer_send_some (world->peer, updates->data + sent, updates->len - sent);
      peer_expect (world->peer, expected);
    }
}

static void
test_keepalive (World        *world,
                gconstpointer data)
{
  g_autofree char *ping = NULL;

  world->peer = subscribe (world, "{}");
  world_sweep_later (world, SECONDS (29));
  peer_expect_silence (world->peer);
  world_sweep_later (world, SECONDS (31));
  peer_expect (world->peer, "{\"type\": \"keepalive\"}");
  ping = peer_expect_frame (world->peer, 0x89, NULL);
  world_sweep_later (world, SECONDS (60));
  peer_expect_silence (world->peer);
  world_sweep_later (world, SECONDS (62));
  peer_expect (world->peer, "{\"type\": \"keepalive\"}");
}

static void
test_cancelled_elsewhere (World        *world,
                          gconstpointer data)
{
  g_autoptr(GPtrArray) subscribers = NULL;

  world->peer = subscribe (world, "{}");
  subscribers = belfry_router_list_subscribers (world->router);
  belfry_subscriber_cancel (subscribers->pdata[0]);
  peer_expect_close (world->peer, 1008, "Disconnected");
}

static void
test_shuts_down (World        *world,
                 gconstpointer data)
{
  world->peer = subscribe (world, "{}");
  belfry_session_set_shut_down (world->set, NULL, NULL);
  peer_expect_close (world->peer, 1001, "Server shuts down");
}

static guint
count_subscribers (World *world)
{
  guint n;

  g_object_get (world->router, "active-subscribers", &n, NULL);
  return n;
}

static void
test_leaves_no_subscriber (World        *world,
                           gconstpointer data)
{
  world->peer = subscribe (world, "{}");
  g_assert_cmpuint (count_subscribers (world), ==, 1);
  g_clear_pointer (&world->peer, peer_free);
  peer_wait_for (count_subscribers (world) == 0);
}

static void
test_reader_that_stops (World        *world,
                        gconstpointer data)
{
  enum { N = 20000 };
  g_autoptr(Peer) other = NULL;

  g_test_summary ("A reader that stops delays nobody and gets everything in order when it reads again.");
  g_object_set (world->router, "max-queue-size", 500, "mailbox-max-bytes", G_GUINT64_CONSTANT (65536), NULL);
  world->peer = subscribe (world, "{}");
  other = subscribe (world, "{\"session_id\": \"other\"}");
  for (guint i = 1; i <= N; i++)
    {
      world_ring (world, "timer_tick", i % 1000 == 0 ? "other" : "s");
      if (i % 100 == 0)
        peer_iterate ();
      if (i % 1000 == 0)
        expect_event (world, other, i);
    }
  for (guint i = 1; i <= N; i++)
    expect_event (world, world->peer, i);
  peer_expect_silence (world->peer);
}

static const WorldTest tests[] = {
  { "confirms", test_confirms },
  { "delivers", test_delivers },
  { "delivers-bursts", test_delivers_bursts },
  { "adds-cursors", test_adds_cursors },
  { "confirms-with-cursor", test_confirms_with_cursor },
  { "resumes", test_resumes },
  { "resumes-from-beginning", test_resumes_from_beginning },
  { "tells-gap", test_tells_gap },
  { "refuses", test_refuses },
  { "refuses-wrong-filters", test_refuses_wrong_filters },
  { "refuses-large-and-binary", test_refuses_large_and_binary },
  { "refuses-at-capacity", test_refuses_at_capacity },
  { "first-message-times-out", test_first_message_times_out },
  { "answers-ping", test_answers_ping },
  { "ignores-the-rest", test_ignores_the_rest },
  { "updates-filters", test_updates_filters },
  { "wrong-update-changes-nothing", test_wrong_update_changes_nothing },
  { "many-updates", test_many_updates },
  { "waiting-confirmations-hold-no-white-space", test_waiting_confirmations_hold_no_white_space },
  { "waiting-confirmations-are-bounded", test_waiting_confirmations_are_bounded },
  { "keepalive", test_keepalive },
  { "cancelled-elsewhere", test_cancelled_elsewhere },
  { "shuts-down", test_shuts_down },
  { "leaves-no-subscriber", test_leaves_no_subscriber },
  { "reader-that-stops", test_reader_that_stops },
};

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  world_add_tests ("subscribe-session", tests, G_N_ELEMENTS (tests));
  return g_test_run ();
}
