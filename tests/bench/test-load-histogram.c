/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "load.h"

/* What the latencies are counted with. */

static void
test_is_exact_within_a_bucket (void)
{
  for (gint64 nsec = 100; nsec < G_GINT64_CONSTANT (100000000000); nsec += nsec / 7 + 1)
    {
      LoadHistogram *histogram = g_new0 (LoadHistogram, 1);
      double usec;

      load_histogram_add (histogram, nsec);
      load_histogram_add (histogram, nsec * 4);
      usec = load_histogram_percentile (histogram, 49);

      /* Never better than what was measured, and at most a thirty-second (or the unit of 0.1 µs) worse. */
      g_assert_cmpfloat (usec * 1000, >=, (double) nsec);
      g_assert_cmpfloat (usec * 1000, <=, (double) nsec * 33 / 32 + 100);
      g_free (histogram);
    }
}

static void
test_ranks (void)
{
  g_autofree LoadHistogram *histogram = g_new0 (LoadHistogram, 1);

  for (gint64 i = 1; i <= 1000; i++)
    load_histogram_add (histogram, i * 1000000);

  g_assert_cmpint (histogram->total, ==, 1000);
  g_assert_cmpfloat_with_epsilon (load_histogram_percentile (histogram, 50) / 1000, 500, 500 / 31.0);
  g_assert_cmpfloat_with_epsilon (load_histogram_percentile (histogram, 99) / 1000, 990, 990 / 31.0);
  g_assert_cmpfloat (load_histogram_percentile (histogram, 100), ==, 1000000);
  g_assert_cmpfloat (load_histogram_percentile (histogram, 0) / 1000, >=, 1);
}

static void
test_the_largest_is_never_rounded (void)
{
  g_autofree LoadHistogram *histogram = g_new0 (LoadHistogram, 1);

  load_histogram_add (histogram, 123456789);
  g_assert_cmpint (histogram->largest_nsec, ==, 123456789);
  g_assert_cmpfloat_with_epsilon (load_histogram_percentile (histogram, 99.9), 123456.789, 0.001);
}

static void
test_takes_what_cannot_be (void)
{
  g_autofree LoadHistogram *histogram = g_new0 (LoadHistogram, 1);

  load_histogram_add (histogram, -5);
  load_histogram_add (histogram, G_MAXINT64);
  g_assert_cmpint (histogram->total, ==, 2);
  g_assert_cmpint (histogram->largest_nsec, ==, G_MAXINT64);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/load/histogram/is-exact-within-a-bucket", test_is_exact_within_a_bucket);
  g_test_add_func ("/load/histogram/ranks", test_ranks);
  g_test_add_func ("/load/histogram/the-largest-is-never-rounded", test_the_largest_is_never_rounded);
  g_test_add_func ("/load/histogram/takes-what-cannot-be", test_takes_what_cannot_be);

  return g_test_run ();
}
