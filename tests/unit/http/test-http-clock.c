/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-http-clock-private.h"

#define LIMIT_USEC 100000

typedef struct
{
  BelfryHttpTimer timer;
  guint           n_expired;
  guint           n_steps;  /* that are still seen of its peer */
} Waiter;

static void
on_expired (BelfryHttpTimer *timer)
{
  ((Waiter *) timer)->n_expired++;
}

static gboolean
on_asked (BelfryHttpTimer *timer)
{
  Waiter *waiter = (Waiter *) timer;

  if (waiter->n_steps == 0)
    return FALSE;
  waiter->n_steps--;
  return TRUE;
}

static Waiter
new_waiter (void)
{
  return (Waiter) { .timer.expired = on_expired };
}

static void
wait_for (const guint *count)
{
  gint64 give_up = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;

  while (*count == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, give_up);
      g_main_context_iteration (NULL, TRUE);
    }
}

static void
test_expires (void)
{
  BelfryHttpClock *clock = belfry_http_clock_new ();
  Waiter waiter = new_waiter ();
  gint64 began = g_get_monotonic_time ();

  belfry_http_clock_set_limit (clock, BELFRY_HTTP_PHASE_HEAD, LIMIT_USEC);
  belfry_http_clock_start (clock, &waiter.timer, BELFRY_HTTP_PHASE_HEAD);
  wait_for (&waiter.n_expired);
  g_assert_cmpint (g_get_monotonic_time () - began, >=, LIMIT_USEC);
  g_assert_cmpuint (waiter.n_expired, ==, 1);
  g_assert_cmpint (waiter.timer.phase, ==, BELFRY_HTTP_PHASE_NONE);
  g_assert_cmpuint (belfry_http_clock_get_tally (clock)->timeouts, ==, 1);
  belfry_http_clock_unref (clock);
}

static void
test_stopped (void)
{
  BelfryHttpClock *clock = belfry_http_clock_new ();
  Waiter stopped = new_waiter ();
  Waiter other = new_waiter ();

  belfry_http_clock_set_limit (clock, BELFRY_HTTP_PHASE_BODY, LIMIT_USEC);
  belfry_http_clock_start (clock, &stopped.timer, BELFRY_HTTP_PHASE_BODY);
  belfry_http_clock_start (clock, &other.timer, BELFRY_HTTP_PHASE_BODY);
  belfry_http_clock_stop (clock, &stopped.timer);
  belfry_http_clock_stop (clock, &stopped.timer);
  wait_for (&other.n_expired);
  g_assert_cmpuint (stopped.n_expired, ==, 0);
  belfry_http_clock_unref (clock);
}

static void
test_got_on (void)
{
  BelfryHttpClock *clock = belfry_http_clock_new ();
  Waiter slow = { .timer.expired = on_expired, .timer.got_on = on_asked, .n_steps = 2 };
  gint64 began = g_get_monotonic_time ();

  belfry_http_clock_set_limit (clock, BELFRY_HTTP_PHASE_WRITE, LIMIT_USEC);
  belfry_http_clock_start (clock, &slow.timer, BELFRY_HTTP_PHASE_WRITE);
  wait_for (&slow.n_expired);
  g_assert_cmpint (g_get_monotonic_time () - began, >=, 3 * LIMIT_USEC);
  g_assert_cmpuint (slow.n_steps, ==, 0);
  g_assert_cmpuint (belfry_http_clock_get_tally (clock)->timeouts, ==, 1);
  belfry_http_clock_unref (clock);
}

static void
test_no_limit (void)
{
  BelfryHttpClock *clock = belfry_http_clock_new ();
  Waiter endless = new_waiter ();
  Waiter other = new_waiter ();

  belfry_http_clock_set_limit (clock, BELFRY_HTTP_PHASE_IDLE, 0);
  belfry_http_clock_set_limit (clock, BELFRY_HTTP_PHASE_WRITE, LIMIT_USEC);
  belfry_http_clock_start (clock, &endless.timer, BELFRY_HTTP_PHASE_IDLE);
  belfry_http_clock_start (clock, &other.timer, BELFRY_HTTP_PHASE_WRITE);
  wait_for (&other.n_expired);
  g_assert_cmpuint (endless.n_expired, ==, 0);
  belfry_http_clock_stop (clock, &endless.timer);
  belfry_http_clock_unref (clock);
}

static void
test_make_room (void)
{
  BelfryHttpClock *clock = belfry_http_clock_new ();
  Waiter first = new_waiter ();
  Waiter second = new_waiter ();
  Waiter busy = new_waiter ();

  g_assert_false (belfry_http_clock_make_room (clock, BELFRY_HTTP_PHASE_IDLE));
  belfry_http_clock_start (clock, &busy.timer, BELFRY_HTTP_PHASE_HEAD);
  belfry_http_clock_start (clock, &first.timer, BELFRY_HTTP_PHASE_IDLE);
  belfry_http_clock_start (clock, &second.timer, BELFRY_HTTP_PHASE_IDLE);
  /* Whoever starts anew has not been idle for long. */
  belfry_http_clock_start (clock, &first.timer, BELFRY_HTTP_PHASE_IDLE);

  g_assert_true (belfry_http_clock_make_room (clock, BELFRY_HTTP_PHASE_IDLE));
  g_assert_cmpuint (second.n_expired, ==, 1);
  g_assert_true (belfry_http_clock_make_room (clock, BELFRY_HTTP_PHASE_IDLE));
  g_assert_cmpuint (first.n_expired, ==, 1);
  g_assert_false (belfry_http_clock_make_room (clock, BELFRY_HTTP_PHASE_IDLE));
  g_assert_cmpuint (busy.n_expired, ==, 0);
  g_assert_cmpuint (belfry_http_clock_get_tally (clock)->idle_closed, ==, 2);
  belfry_http_clock_stop (clock, &busy.timer);
  belfry_http_clock_unref (clock);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/http-clock/tells-when-time-is-over-and-not-before", test_expires);
  g_test_add_func ("/http-clock/tells-nothing-to-whom-stopped", test_stopped);
  g_test_add_func ("/http-clock/gives-time-to-whose-peer-got-on", test_got_on);
  g_test_add_func ("/http-clock/without-limit-waits-on", test_no_limit);
  g_test_add_func ("/http-clock/makes-room-by-the-longest-idle", test_make_room);

  return g_test_run ();
}
