/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-backoff-private.h"

static void
test_doubles (void)
{
  BelfryBackoff backoff = { .initial_msec = 100, .maximum_msec = 1000 };
  const guint expected[] = { 50, 100, 200, 400, 500, 500 };

  g_test_summary ("Without luck each wait is half of twice the last one, up to half of the maximum");

  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    g_assert_cmpuint (belfry_backoff_next (&backoff, 0), ==, expected[i]);
}

static void
test_jitter (void)
{
  g_test_summary ("Chance moves a wait within its upper half and never over the maximum");

  for (guint attempts = 0; attempts < 100; attempts++)
    for (double chance = 0; chance < 1; chance += 0.1)
      {
        BelfryBackoff backoff = { .initial_msec = 250, .maximum_msec = 30000, .attempts = attempts };
        guint full = attempts < 7 ? 250u << attempts : 30000;
        guint msec;

        full = MIN (full, 30000);
        msec = belfry_backoff_next (&backoff, chance);
        g_assert_cmpuint (msec, >=, full / 2);
        g_assert_cmpuint (msec, <=, full);
        g_assert_cmpuint (backoff.attempts, ==, attempts + 1);
      }
}

static void
test_many_attempts (void)
{
  BelfryBackoff backoff = { .initial_msec = G_MAXUINT, .maximum_msec = G_MAXUINT, .attempts = G_MAXUINT - 1 };

  g_assert_cmpuint (belfry_backoff_next (&backoff, 0.999), <=, G_MAXUINT);
}

static void
test_reset (void)
{
  BelfryBackoff backoff = { .initial_msec = 100, .maximum_msec = 1000 };

  for (guint i = 0; i < 5; i++)
    belfry_backoff_next (&backoff, 0);
  belfry_backoff_reset (&backoff);

  g_assert_cmpuint (belfry_backoff_next (&backoff, 0), ==, 50);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/backoff/doubles-to-the-maximum", test_doubles);
  g_test_add_func ("/backoff/chance-stays-in-the-upper-half", test_jitter);
  g_test_add_func ("/backoff/survives-any-number-of-attempts", test_many_attempts);
  g_test_add_func ("/backoff/reset-begins-anew", test_reset);

  return g_test_run ();
}
