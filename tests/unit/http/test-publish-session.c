/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "session-world.h"

#include <string.h>

#define GOOD "{\"event_type\": \"quiz_started\", \"source\": \"test\"}"

/* Gives the id. */
static char *
expect_accepted (Peer *peer)
{
  g_autofree char *answer = peer_expect_text (peer);
  g_autofree char *status = world_dup_member (answer, "status");
  char *id = world_dup_member (answer, "event_id");

  g_assert_cmpstr (status, ==, "ok");
  g_assert_true (g_str_has_prefix (id, "evt_"));
  return id;
}

static void
expect_ok (Peer *peer)
{
  g_free (expect_accepted (peer));
}

static void
expect_error (Peer       *peer,
              const char *part)
{
  g_autofree char *answer = peer_expect_text (peer);
  g_autofree char *status = world_dup_member (answer, "status");

  g_assert_cmpstr (status, ==, "error");
  g_assert_nonnull (strstr (answer, part));
}

static void
test_accepts (World        *world,
              gconstpointer data)
{
  world->peer = world_open_publish (world);
  peer_send_text (world->peer, GOOD);
  expect_ok (world->peer);
  g_assert_cmpuint (world->store->last_position, ==, 1);
}

static void
test_tells_errors (World        *world,
                   gconstpointer data)
{
  g_autofree char *large = g_strnfill (5000, ' ');

  world->peer = world_open_publish (world);
  peer_send_text (world->peer, "nonsense");
  peer_expect (world->peer, "{\"status\": \"error\", \"message\": \"Invalid JSON\"}");
  peer_send_text (world->peer, "{\"event_type\": \"no_such_type\", \"source\": \"test\"}");
  expect_error (world->peer, "no_such_type");
  peer_send_text (world->peer, "{\"event_type\": \"quiz_started\"}");
  expect_error (world->peer, "source");
  peer_send_frame (world->peer, 0x82, GOOD, strlen (GOOD));
  expect_error (world->peer, "Invalid JSON");
  peer_send_text (world->peer, large);
  peer_expect (world->peer, "{\"status\": \"error\", \"message\": \"Message too large\"}");
  peer_send_text (world->peer, "");
  expect_error (world->peer, "Invalid JSON");
  peer_send_text (world->peer, GOOD);
  expect_ok (world->peer);
}

static void
test_tells_unavailable (World        *world,
                        gconstpointer data)
{
  world->store->n_appends_to_fail = 1;
  world->peer = world_open_publish (world);
  peer_send_text (world->peer, GOOD);
  peer_expect (world->peer, "{\"status\": \"error\", \"message\": \"Storage unavailable\"}");
  peer_send_text (world->peer, GOOD);
  expect_ok (world->peer);
}

static void
test_answers_in_order (World        *world,
                       gconstpointer data)
{
  g_autoptr(GByteArray) frames = g_byte_array_new ();
  g_autofree char *large = g_strnfill (5000, ' ');

  g_test_summary ("Good, bad and too large messages mixed, all on their way at once, are answered in their order.");
  world->peer = world_open_publish (world);
  world->store->holds_appends = TRUE;
  for (guint i = 0; i < 900; i++)
    switch (i % 4)
      {
      case 0:
      case 1:
        peer_append_frame (frames, 0x81, GOOD, strlen (GOOD));
        break;
      case 2:
        peer_append_frame (frames, 0x81, "{", 1);
        break;
      default:
        if (i % 100 == 3)
          peer_append_frame (frames, 0x81, large, 5000);
        else
          peer_append_frame (frames, 0x81, "{\"event_type\": 5}", 17);
        break;
      }
  peer_send (world->peer, frames->data, frames->len);
  peer_expect_silence (world->peer);

  /* Nothing is answered before the first, whatever was wrong with those behind it. */
  world->store->holds_appends = FALSE;
  while (!g_queue_is_empty (&world->store->appends))
    memory_store_finish_append (world->store);
  for (guint i = 0; i < 900; i++)
    switch (i % 4)
      {
      case 0:
      case 1:
        expect_ok (world->peer);
        break;
      case 2:
        expect_error (world->peer, "Invalid JSON");
        break;
      default:
        expect_error (world->peer, i % 100 == 3 ? "Message too large" : "event_type");
        break;
      }
  g_assert_cmpuint (world->store->last_position, ==, 450);
}

static void
test_refusal_does_not_overtake (World        *world,
                                gconstpointer data)
{
  g_autofree char *first = NULL;
  g_autofree char *third = NULL;

  g_test_summary ("What the log refuses at once, ahead of what it works on, is told to the message that it belongs to");
  world->peer = world_open_publish (world);
  world->store->holds_appends = TRUE;
  peer_send_text (world->peer, GOOD);
  peer_wait_for (world->store->appends.length == 1);

  world->store->n_appends_to_refuse = 1;
  peer_send_text (world->peer, GOOD);
  peer_wait_for (world->store->n_appends == 2);
  peer_send_text (world->peer, "{");
  peer_send_text (world->peer, GOOD);
  peer_wait_for (world->store->appends.length == 2);
  peer_expect_silence (world->peer);

  memory_store_finish_append (world->store);
  first = expect_accepted (world->peer);
  g_assert_cmpstr (first, ==, belfry_event_get_id (g_ptr_array_index (world->store->events, 0)));
  peer_expect (world->peer, "{\"status\": \"error\", \"message\": \"Storage unavailable\"}");
  expect_error (world->peer, "Invalid JSON");
  peer_expect_silence (world->peer);
  memory_store_finish_append (world->store);
  third = expect_accepted (world->peer);
  g_assert_cmpstr (third, ==, belfry_event_get_id (g_ptr_array_index (world->store->events, 1)));
}

static void
test_answers_by_event (World        *world,
                       gconstpointer data)
{
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;

  g_test_summary ("Whatever order a log answers in, each message gets the answer that is its own");
  world->peer = world_open_publish (world);
  world->store->holds_appends = TRUE;
  peer_send_text (world->peer, GOOD);
  peer_wait_for (world->store->appends.length == 1);
  peer_send_text (world->peer, GOOD);
  peer_wait_for (world->store->appends.length == 2);
  g_queue_reverse (&world->store->appends);
  memory_store_finish_append (world->store);
  peer_expect_silence (world->peer);
  memory_store_finish_append (world->store);
  first = expect_accepted (world->peer);
  second = expect_accepted (world->peer);
  g_assert_cmpstr (first, ==, belfry_event_get_id (g_ptr_array_index (world->store->events, 1)));
  g_assert_cmpstr (second, ==, belfry_event_get_id (g_ptr_array_index (world->store->events, 0)));
}

static void
test_bounds_work (World        *world,
                  gconstpointer data)
{
  g_autoptr(GByteArray) frames = g_byte_array_new ();
  BelfrySessionCounters counters;

  g_test_summary ("While 1,024 messages are on their way no more are read; then the rest follows.");
  for (guint i = 0; i < 3000; i++)
    peer_append_frame (frames, 0x81, GOOD, strlen (GOOD));
  world->peer = world_open_publish (world);
  world->store->holds_appends = TRUE;
  peer_send_some (world->peer, frames->data, frames->len);
  for (guint i = 0; i < 100; i++)
    peer_iterate ();
  belfry_session_set_get_counters (world->set, &counters);
  g_assert_cmpuint (counters.messages_received, <=, 1024);
  g_assert_cmpuint (counters.messages_received, >, 900);

  world->store->holds_appends = FALSE;
  while (!g_queue_is_empty (&world->store->appends))
    memory_store_finish_append (world->store);
  for (guint i = 0; i < 1024; i++)
    expect_ok (world->peer);
}

static void
test_work_goes_on (World        *world,
                   gconstpointer data)
{
  g_autoptr(GByteArray) frames = g_byte_array_new ();

  for (guint i = 0; i < 5000; i++)
    peer_append_frame (frames, 0x81, GOOD, strlen (GOOD));
  world->peer = world_open_publish (world);
  peer_send (world->peer, frames->data, frames->len);
  for (guint i = 0; i < 5000; i++)
    expect_ok (world->peer);
}

static void
test_is_never_at_rest (World        *world,
                       gconstpointer data)
{
  g_test_summary ("An event is always on its way, 1,500 times, and behind each a message that is refused: answered in turn.");
  world->peer = world_open_publish (world);
  world->store->holds_appends = TRUE;
  peer_send_text (world->peer, GOOD);
  peer_wait_for (world->store->appends.length == 1);
  for (guint i = 0; i < 1500; i++)
    {
      peer_send_text (world->peer, "{");
      peer_send_text (world->peer, GOOD);
      peer_wait_for (world->store->appends.length == 2);
      memory_store_finish_append (world->store);
      expect_ok (world->peer);
      expect_error (world->peer, "Invalid JSON");
    }
  memory_store_finish_append (world->store);
  expect_ok (world->peer);
}

static void
test_close_waits_for_answers (World        *world,
                              gconstpointer data)
{
  g_test_summary ("What was sent before a close is answered before the close is.");
  world->peer = world_open_publish (world);
  world->store->holds_appends = TRUE;
  peer_send_text (world->peer, GOOD);
  peer_send_text (world->peer, GOOD);
  peer_send_close (world->peer, 1000);
  peer_expect_silence (world->peer);
  world->store->holds_appends = FALSE;
  while (!g_queue_is_empty (&world->store->appends))
    memory_store_finish_append (world->store);
  expect_ok (world->peer);
  expect_ok (world->peer);
  peer_expect_close (world->peer, 1000, "");
  peer_expect_end (world->peer);
}

static void
test_shut_down_waits_for_answers (World        *world,
                                  gconstpointer data)
{
  world->peer = world_open_publish (world);
  world->store->holds_appends = TRUE;
  peer_send_text (world->peer, GOOD);
  peer_wait_for (!g_queue_is_empty (&world->store->appends));
  belfry_session_set_shut_down (world->set, NULL, NULL);
  peer_expect_silence (world->peer);
  world->store->holds_appends = FALSE;
  memory_store_finish_append (world->store);
  expect_ok (world->peer);
  peer_expect_close (world->peer, 1001, "Server shuts down");
}

static void
test_close_does_not_wait_for_ever (World        *world,
                                   gconstpointer data)
{
  world->peer = world_open_publish (world);
  world->store->holds_appends = TRUE;
  peer_send_text (world->peer, GOOD);
  peer_wait_for (!g_queue_is_empty (&world->store->appends));
  belfry_session_set_shut_down (world->set, NULL, NULL);
  world_sweep_later (world, 6 * G_USEC_PER_SEC);
  peer_expect_close (world->peer, 1001, "Server shuts down");
  memory_store_finish_append (world->store);
}

static void
test_peer_gone_with_work (World        *world,
                          gconstpointer data)
{
  g_test_summary ("A publisher that vanishes with messages on their way: they are stored, and nothing is left of it.");
  world->peer = world_open_publish (world);
  world->store->holds_appends = TRUE;
  for (guint i = 0; i < 10; i++)
    peer_send_text (world->peer, GOOD);
  peer_wait_for (!g_queue_is_empty (&world->store->appends));
  for (guint i = 0; i < 10; i++)
    peer_iterate ();
  g_clear_pointer (&world->peer, peer_free);
  peer_wait_for (world_get_n_sessions (world) == 0);
  world->store->holds_appends = FALSE;
  while (!g_queue_is_empty (&world->store->appends))
    memory_store_finish_append (world->store);
  g_assert_cmpuint (world->store->last_position, ==, 10);
}

static const WorldTest tests[] = {
  { "accepts", test_accepts },
  { "tells-errors", test_tells_errors },
  { "tells-unavailable", test_tells_unavailable },
  { "answers-in-order", test_answers_in_order },
  { "refusal-does-not-overtake", test_refusal_does_not_overtake },
  { "answers-by-event", test_answers_by_event },
  { "bounds-work", test_bounds_work },
  { "work-goes-on", test_work_goes_on },
  { "is-never-at-rest", test_is_never_at_rest },
  { "close-waits-for-answers", test_close_waits_for_answers },
  { "shut-down-waits-for-answers", test_shut_down_waits_for_answers },
  { "close-does-not-wait-for-ever", test_close_does_not_wait_for_ever },
  { "peer-gone-with-work", test_peer_gone_with_work },
};

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  world_add_tests ("publish-session", tests, G_N_ELEMENTS (tests));
  return g_test_run ();
}
