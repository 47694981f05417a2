/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-rate-limiter-private.h"

#include <string.h>

#define START_USEC G_GINT64_CONSTANT (1234567890123)

static BelfryRate
make_rate (const char *text)
{
  g_autoptr(GError) error = NULL;
  BelfryRate rate;

  belfry_rate_parse (text, &rate, &error);
  g_assert_no_error (error);
  return rate;
}

static BelfryClientAddress
make_address (guint number)
{
  BelfryClientAddress address = { { 0x20, 0x01 } };

  memcpy (address.bytes + 4, &number, sizeof number);
  return address;
}

static void
test_parses (void)
{
  static const struct { const char *text, *written; } rows[] = {
    { "200/minute", "200/minute" }, { " 7 / Hour ", "7/hour" }, { "1/day", "1/day" }, { "5/second", "5/second" },
    { "0", "unlimited" }, { "unlimited", "unlimited" }, { "Unlimited", "unlimited" }, { "0/minute", "unlimited" },
    { "1000000000/second", "1000000000/second" },
  };
  static const char * const bad[] = {
    "", "200", "/minute", "200/", "200/week", "200/minutes", "-1/minute", "1.5/second", "200 per minute", "x/minute",
    "1000000001/second", "200/minute/x", "\xff/minute",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      BelfryRate rate = make_rate (rows[i].text);
      g_autofree char *written = belfry_rate_to_string (&rate);

      g_assert_cmpstr (written, ==, rows[i].written);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr(GError) error = NULL;
      BelfryRate rate;

      g_assert_false (belfry_rate_parse (bad[i], &rate, &error));
      g_assert_nonnull (strstr (error->message, "allowed: COUNT/second"));
    }
}

static void
test_burst (void)
{
  BelfryRateWindow window = { 0 };
  BelfryRate rate = make_rate ("3/second");
  gint64 wait_usec;

  for (guint i = 0; i < 3; i++)
    g_assert_true (belfry_rate_window_take (&window, &rate, START_USEC + i * 100000, &wait_usec));
  g_assert_false (belfry_rate_window_take (&window, &rate, START_USEC + 300000, &wait_usec));
  g_assert_cmpint (wait_usec, >=, 700000);
  g_assert_cmpint (wait_usec, <=, 701000);
  /* A refused request does not count. */
  g_assert_true (belfry_rate_window_take (&window, &rate, START_USEC + 300000 + wait_usec, &wait_usec));
  g_assert_false (belfry_rate_window_take (&window, &rate, START_USEC + 1050000, &wait_usec));
  belfry_rate_window_clear (&window);
}

static guint
count_in_window (GArray *passed,
                 gint64  end_usec,
                 gint64  period_usec)
{
  guint count = 0;

  for (guint i = passed->len; i > 0 && g_array_index (passed, gint64, i - 1) > end_usec - period_usec; i--)
    count++;

  return count;
}

/* Against a list of all instants: what passes never breaks the limit, and what is refused would break it, or
 * would have broken it no longer than a slot ago. */
static void
check_random_times (const char *text,
                    gint64      mean_gap_usec,
                    guint       n_requests)
{
  BelfryRateWindow window = { 0 };
  BelfryRate rate = make_rate (text);
  gint64 slack_usec = 2000 + (rate.count > 256 ? rate.period_usec / 256 : 0);
  g_autoptr(GArray) passed = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 now_usec = START_USEC;
  gint64 wait_usec = 0;

  for (guint i = 0; i < n_requests; i++)
    {
      /* Bursts and pauses. */
      if (g_test_rand_int_range (0, 4) == 0)
        now_usec += g_test_rand_int_range (0, (gint32) MIN (mean_gap_usec * 8, G_MAXINT32));
      if (belfry_rate_window_take (&window, &rate, now_usec, &wait_usec))
        {
          g_array_append_val (passed, now_usec);
          g_assert_cmpuint (count_in_window (passed, now_usec, rate.period_usec), <=, rate.count);
          continue;
        }

      g_assert_cmpuint (count_in_window (passed, now_usec, rate.period_usec + slack_usec), >=, rate.count);
      g_assert_cmpint (wait_usec, >, 0);
      g_assert_cmpint (wait_usec, <=, rate.period_usec + 1000);
      if (g_test_rand_int_range (0, 3) == 0)
        {
          now_usec += wait_usec;
          g_assert_true (belfry_rate_window_take (&window, &rate, now_usec, &wait_usec));
          g_array_append_val (passed, now_usec);
          g_assert_cmpuint (count_in_window (passed, now_usec, rate.period_usec), <=, rate.count);
        }
    }

  g_assert_cmpuint (window.n_runs, <=, 260);
  g_assert_cmpuint (window.size, <=, 512);
  belfry_rate_window_clear (&window);
}

static void
test_random_times (void)
{
  check_random_times ("1/second", 200000, 2000);
  check_random_times ("7/second", 50000, 5000);
  check_random_times ("200/minute", 100000, 5000);
  check_random_times ("256/minute", 100000, 5000);
  check_random_times ("257/minute", 100000, 5000);
  check_random_times ("1000/second", 300, 10000);
  check_random_times ("600/hour", 2000000, 5000);
  check_random_times ("5/day", 3600000000 / 8, 500);
}

static void
test_exact_at_the_edge (void)
{
  BelfryRateWindow window = { 0 };
  BelfryRate rate = make_rate ("2/minute");
  gint64 wait_usec;

  g_assert_true (belfry_rate_window_take (&window, &rate, 0, &wait_usec));
  g_assert_true (belfry_rate_window_take (&window, &rate, 30 * G_USEC_PER_SEC, &wait_usec));
  g_assert_false (belfry_rate_window_take (&window, &rate, 60 * G_USEC_PER_SEC - 1, &wait_usec));
  g_assert_true (belfry_rate_window_take (&window, &rate, 60 * G_USEC_PER_SEC, &wait_usec));
  g_assert_false (belfry_rate_window_take (&window, &rate, 60 * G_USEC_PER_SEC, &wait_usec));
  g_assert_cmpint (wait_usec, ==, 30 * G_USEC_PER_SEC);
  belfry_rate_window_clear (&window);
}

static void
test_lowered_limit (void)
{
  BelfryRateWindow window = { 0 };
  BelfryRate high = make_rate ("10/minute");
  BelfryRate low = make_rate ("2/minute");
  gint64 wait_usec;

  for (guint i = 0; i < 10; i++)
    g_assert_true (belfry_rate_window_take (&window, &high, i * G_USEC_PER_SEC, &wait_usec));
  g_assert_false (belfry_rate_window_take (&window, &low, 10 * G_USEC_PER_SEC, &wait_usec));
  /* The ninth has to be a minute old. */
  g_assert_cmpint (wait_usec, ==, 58 * G_USEC_PER_SEC);
  belfry_rate_window_clear (&window);
}

static gboolean
take (BelfryRateLimiter *limiter,
      guint              client,
      gint64             now_usec)
{
  BelfryClientAddress address = make_address (client);
  gint64 wait_usec;

  return belfry_rate_limiter_take (limiter, BELFRY_RATE_CLASS_QUERY, &address, now_usec, &wait_usec);
}

static void
test_clients_apart (void)
{
  g_autoptr(BelfryRateLimiter) limiter = belfry_rate_limiter_new (10);
  BelfryRate rate = make_rate ("1/second");
  BelfryClientAddress address = make_address (1);
  gint64 wait_usec;

  belfry_rate_limiter_set_rate (limiter, BELFRY_RATE_CLASS_QUERY, &rate);
  belfry_rate_limiter_set_rate (limiter, BELFRY_RATE_CLASS_PUBLISH, &rate);
  g_assert_true (take (limiter, 1, START_USEC));
  g_assert_true (take (limiter, 2, START_USEC));
  g_assert_false (take (limiter, 1, START_USEC));
  g_assert_true (belfry_rate_limiter_take (limiter, BELFRY_RATE_CLASS_PUBLISH, &address, START_USEC, &wait_usec));
  g_assert_cmpuint (belfry_rate_limiter_get_n_clients (limiter), ==, 3);

  /* Off: nothing is kept. */
  g_assert_true (belfry_rate_limiter_take (limiter, BELFRY_RATE_CLASS_ADMIN, &address, START_USEC, &wait_usec));
  g_assert_cmpuint (belfry_rate_limiter_get_n_clients (limiter), ==, 3);
}

static void
test_full_table (void)
{
  g_autoptr(BelfryRateLimiter) limiter = belfry_rate_limiter_new (3);
  BelfryRate rate = make_rate ("2/second");
  gint64 now_usec = START_USEC;

  belfry_rate_limiter_set_rate (limiter, BELFRY_RATE_CLASS_QUERY, &rate);
  for (guint client = 1; client <= 3; client++)
    g_assert_true (take (limiter, client, now_usec));

  /* Newcomers share one window, those who are known keep theirs. */
  g_assert_true (take (limiter, 4, now_usec + 1000));
  g_assert_true (take (limiter, 5, now_usec + 1000));
  g_assert_false (take (limiter, 6, now_usec + 1000));
  g_assert_true (take (limiter, 1, now_usec + 1000));
  g_assert_cmpuint (belfry_rate_limiter_get_n_clients (limiter), ==, 3);
  g_assert_cmpuint (belfry_rate_limiter_get_n_shared (limiter), ==, 3);

  /* The windows of 2 and 3 are over. Who comes into their place has what was shared against it. */
  now_usec += G_USEC_PER_SEC;
  g_assert_false (take (limiter, 4, now_usec));
  g_assert_true (take (limiter, 4, now_usec + 2000));
  g_assert_cmpuint (belfry_rate_limiter_get_n_clients (limiter), <=, 3);

  now_usec += 10 * G_USEC_PER_SEC;
  for (guint i = 0; i < 4; i++)
    take (limiter, 9, now_usec);
  g_assert_cmpuint (belfry_rate_limiter_get_n_clients (limiter), ==, 1);
}

/* A thousand clients, room for fifty: no client ever passes more than the limit. */
static void
test_random_clients (void)
{
  g_autoptr(BelfryRateLimiter) limiter = belfry_rate_limiter_new (50);
  BelfryRate rate = make_rate ("5/second");
  g_autoptr(GPtrArray) passed = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref);
  gint64 now_usec = START_USEC;

  belfry_rate_limiter_set_rate (limiter, BELFRY_RATE_CLASS_QUERY, &rate);
  for (guint i = 0; i < 200; i++)
    g_ptr_array_add (passed, g_array_new (FALSE, FALSE, sizeof (gint64)));

  for (guint i = 0; i < 40000; i++)
    {
      guint client = (guint) (g_test_rand_double () * g_test_rand_double () * 200);
      GArray *own = g_ptr_array_index (passed, client);

      now_usec += g_test_rand_int_range (0, 20000);
      if (!take (limiter, client, now_usec))
        continue;
      g_array_append_val (own, now_usec);
      g_assert_cmpuint (count_in_window (own, now_usec, rate.period_usec), <=, rate.count);
      g_assert_cmpuint (belfry_rate_limiter_get_n_clients (limiter), <=, 50);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_summary ("Checks limits against a list of all instants, with a clock of the test's own.");

  g_test_add_func ("/rate/parse", test_parses);
  g_test_add_func ("/rate-window/lets-a-burst-through", test_burst);
  g_test_add_func ("/rate-window/exact-at-the-edge", test_exact_at_the_edge);
  g_test_add_func ("/rate-window/agrees-with-list-of-instants", test_random_times);
  g_test_add_func ("/rate-window/lowered-limit", test_lowered_limit);
  g_test_add_func ("/rate-limiter/counts-clients-apart", test_clients_apart);
  g_test_add_func ("/rate-limiter/full-table-lets-no-more-through", test_full_table);
  g_test_add_func ("/rate-limiter/random-clients", test_random_clients);

  return g_test_run ();
}
