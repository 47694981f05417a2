/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* How the sessions of one set share the turns of the loop. */

#include "session-world.h"

#define VALID "{\"event_type\":\"timer_tick\",\"source\":\"test\"}"

/* More than one turn sends to, and than two of them. */
#define N_CROWD 300

typedef struct
{
  World world;
  Peer *crowd[N_CROWD];
} Fixture;

static void
set_up (Fixture       *f,
        gconstpointer  data)
{
  world_set_up (&f->world, data);
  for (guint i = 0; i < N_CROWD; i++)
    {
      g_autofree char *confirmation = NULL;

      f->crowd[i] = world_open_subscribe (&f->world);
      peer_send_text (f->crowd[i], "{}");
      confirmation = peer_expect_text (f->crowd[i]);
    }
}

static void
tear_down (Fixture       *f,
           gconstpointer  data)
{
  for (guint i = 0; i < N_CROWD; i++)
    g_clear_pointer (&f->crowd[i], peer_free);
  world_tear_down (&f->world, data);
}

static guint
count_delivered (Fixture *f)
{
  return (guint) belfry_session_set_get_delivered (f->world.set, "websocket");
}

/* The next message of each, from the first of the crowd on, is the event at this position of the log. */
static void
expect_event (Fixture *f,
              guint    first,
              guint64  position)
{
  BelfryEvent *event = f->world.store->events->pdata[position - 1];

  for (guint i = first; i < N_CROWD; i++)
    peer_expect (f->crowd[i], belfry_event_get_json (event));
}

static void
test_reads_between (Fixture       *f,
                    gconstpointer  data)
{
  g_test_summary ("What comes in while a crowd is sent to is with the log before the last of the crowd has its event");

  f->world.peer = world_open_publish (&f->world);
  f->world.store->holds_appends = TRUE;
  peer_send_text (f->world.peer, VALID);
  world_ring (&f->world, "quiz_started", "a");
  peer_wait_for (f->world.store->n_appends == 1);
  g_assert_cmpuint (count_delivered (f), >, 0);
  g_assert_cmpuint (count_delivered (f), <, N_CROWD);

  expect_event (f, 0, 1);
  memory_store_finish_append (f->world.store);
  expect_event (f, 0, 2);
  g_assert_cmpuint (count_delivered (f), ==, 2 * N_CROWD);
}

static void
test_sends_together (Fixture       *f,
                     gconstpointer  data)
{
  guint n_first;

  g_test_summary ("Who has not been sent to yet gets what was routed meanwhile along with what it waits for");

  world_ring (&f->world, "quiz_started", "a");
  peer_wait_for (count_delivered (f) > 0);
  n_first = count_delivered (f);
  g_assert_cmpuint (n_first, <, N_CROWD);
  world_ring (&f->world, "quiz_started", "b");
  peer_wait_for (count_delivered (f) > n_first);
  g_assert_cmpuint (count_delivered (f), ==, 3 * n_first);
  expect_event (f, 0, 1);
  expect_event (f, 0, 2);
  g_assert_cmpuint (count_delivered (f), ==, 2 * N_CROWD);
}

static void
test_ends_while_waiting (Fixture       *f,
                         gconstpointer  data)
{
  const guint n_gone = N_CROWD / 2;

  g_test_summary ("Who leaves while it waits to be sent to takes no turn from the others");

  world_ring (&f->world, "quiz_started", "a");
  peer_wait_for (count_delivered (f) > 0);
  for (guint i = 0; i < n_gone; i++)
    g_clear_pointer (&f->crowd[i], peer_free);
  peer_wait_for (world_get_n_sessions (&f->world) == N_CROWD - n_gone);
  world_ring (&f->world, "quiz_started", "b");
  expect_event (f, n_gone, 1);
  expect_event (f, n_gone, 2);
}

#define ADD(path, func) \
  g_test_add ("/session-set/" path, Fixture, GUINT_TO_POINTER (PEER_SOCKET_PAIR), set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("crowd/reads-between", test_reads_between);
  ADD ("crowd/sends-together", test_sends_together);
  ADD ("crowd/ends-while-waiting", test_ends_while_waiting);

  return g_test_run ();
}
