/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-ctl-format.h"
#include "belfry-ctl-options.h"
#include "belfry-error.h"

#define EVENT \
  "{\"id\":\"evt_1\",\"event_type\":\"purchase\",\"source\":\"shop\",\"session_id\":\"s 1\",\"user_id\":null," \
  "\"payload\":{\"amount\":1.10},\"timestamp\":\"2026-01-15T10:30:45.123456Z\"}"

static void
test_event (void)
{
  g_autofree char *plain = belfry_ctl_format_event (EVENT, NULL, BELFRY_CTL_PLAIN);
  g_autofree char *with_cursor = belfry_ctl_format_event (EVENT, "AbC", BELFRY_CTL_PLAIN);
  g_autofree char *coloured = belfry_ctl_format_event (EVENT, NULL, BELFRY_CTL_COLOURED);
  g_autofree char *empty = belfry_ctl_format_event ("{}", NULL, BELFRY_CTL_PLAIN);

  g_assert_cmpstr (plain, ==, "2026-01-15T10:30:45.123456Z purchase shop session=s 1 {\"amount\":1.10}");
  g_assert_true (g_str_has_prefix (with_cursor, "AbC 2026"));
  g_assert_nonnull (strstr (coloured, "\033[1;34mpurchase\033[0m"));
  g_assert_cmpstr (empty, ==, "- - -");
}

static void
test_json (void)
{
  g_autofree char *same = belfry_ctl_format_json (EVENT, NULL);
  g_autofree char *with_cursor = belfry_ctl_format_json ("{\"a\":1}", "AbC");
  g_autofree char *broken = belfry_ctl_format_json ("{\"a\":\n1}", NULL);

  g_assert_cmpstr (same, ==, EVENT);
  g_assert_cmpstr (with_cursor, ==, "{\"a\":1,\"cursor\":\"AbC\"}");
  g_assert_cmpstr (broken, ==, "{\"a\": 1}");
}

static void
test_safe (void)
{
  const struct
  {
    const char *text;
    const char *expected;
  } cases[] = {
    { "plain é", "plain é" },
    { "\033[31m", "\\u001b[31m" },
    { "a\nb", "a\\u000ab" },
    { "\302\233x", "\\u009bx" },
    { "\342\200\256x", "\\u202ex" },
    { "\177", "\\u007f" },
    { "a\377b", "a\357\277\275b" },
    { "\303", "\357\277\275" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *safe = belfry_ctl_format_safe (cases[i].text, strlen (cases[i].text));

      g_assert_cmpstr (safe, ==, cases[i].expected);
    }
}

static void
test_count (void)
{
  const struct
  {
    guint64     count;
    const char *expected;
  } cases[] = {
    { 0, "0" },
    { 999, "999" },
    { 1000, "1,000" },
    { 1234567, "1,234,567" },
    { G_MAXUINT64, "18,446,744,073,709,551,615" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = belfry_ctl_format_count (cases[i].count);

      g_assert_cmpstr (text, ==, cases[i].expected);
    }
}

static void
test_gap (void)
{
  g_autofree char *plain = belfry_ctl_format_gap ("a", "b", 1234, FALSE, BELFRY_CTL_PLAIN);
  g_autofree char *json = belfry_ctl_format_gap ("a", "b", 1234, TRUE, BELFRY_CTL_COLOURED);

  g_assert_nonnull (strstr (plain, "1,234"));
  g_assert_cmpstr (json, ==, "{\"type\":\"gap\",\"from\":\"a\",\"to\":\"b\",\"lost\":1234}");
}

static void
test_stats (void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL;

  text = belfry_ctl_format_stats ("{\"total_events\":12345,\"by_type\":[3,{\"event_type\":\"purchase\",\"count\":7,"
                                  "\"last_seen\":\"2026\"},{\"event_type\":\"logout\",\"count\":70}],"
                                  "\"router\":{\"max_queue_size\":10000,\"queue_size\":2,\"gaps\":0,\"deliveries\":1234,"
                                  "\"inner\":{\"x\":3}},\"sessions\":{\"open\":0,\"wait_msec\":5,\"wait_usec\":5,\"letters_max\":9,"
                                  "\"lookahead_bytes\":7}}",
                                  BELFRY_CTL_PLAIN, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (text, ==,
                   "total_events                           12,345\n"
                   "\n"
                   "Type                                   Events  Last seen\n"
                   "logout                                     70  -\n"
                   "purchase                                    7  2026\n"
                   "\n"
                   "router\n"
                   "  queue_size      2    inner.x         3\n"
                   "  deliveries  1,234\n"
                   "\n"
                   "What is 0 and what was set is left out; --verbose shows it.\n");

  g_assert_null (belfry_ctl_format_stats ("[]", BELFRY_CTL_PLAIN, FALSE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
}

static void
test_verbose_stats (void)
{
  g_autofree char *text = belfry_ctl_format_stats ("{\"total_events\":0,\"by_type\":[],"
                                                   "\"router\":{\"max_queue_size\":10000,\"gaps\":0},"
                                                   "\"with\\u001b\":{\"\\u001b\":\"\\u001b\"}}",
                                                   BELFRY_CTL_PLAIN, TRUE, NULL);

  g_assert_cmpstr (text, ==,
                   "total_events                                0\n"
                   "\n"
                   "router\n"
                   "  max_queue_size  10,000    gaps                 0\n"
                   "\n"
                   "with\\u001b\n"
                   "  \\u001b  \"\\u001b\"\n");
}

static void
test_types (void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *text = belfry_ctl_format_types ("{\"b\":\"Second\",\"a\":\"First\"}", BELFRY_CTL_PLAIN, &error);

  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (text, "a  "));
  g_assert_nonnull (strstr (text, "\nb  "));
}

static void
test_exit (void)
{
  const struct
  {
    GQuark        domain;
    int           code;
    BelfryCtlExit status;
  } cases[] = {
    { G_OPTION_ERROR, G_OPTION_ERROR_FAILED, BELFRY_CTL_EXIT_USAGE },
    { G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED, BELFRY_CTL_EXIT_UNREACHABLE },
    { G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, BELFRY_CTL_EXIT_UNREACHABLE },
    { G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE, BELFRY_CTL_EXIT_UNREACHABLE },
    { G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, BELFRY_CTL_EXIT_DENIED },
    { BELFRY_ERROR, BELFRY_ERROR_INVALID_EVENT, BELFRY_CTL_EXIT_INVALID },
    { BELFRY_ERROR, BELFRY_ERROR_UNKNOWN_CURSOR, BELFRY_CTL_EXIT_INVALID },
    { BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND, BELFRY_CTL_EXIT_NOT_FOUND },
    { BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, BELFRY_CTL_EXIT_LATER },
    { BELFRY_ERROR, BELFRY_ERROR_CAPACITY, BELFRY_CTL_EXIT_LATER },
    { BELFRY_ERROR, BELFRY_ERROR_REFUSED, BELFRY_CTL_EXIT_DATABASE },
    { BELFRY_ERROR, BELFRY_ERROR_CORRUPT, BELFRY_CTL_EXIT_DATABASE },
    { G_IO_ERROR, G_IO_ERROR_FAILED, BELFRY_CTL_EXIT_FAILURE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = g_error_new_literal (cases[i].domain, cases[i].code, "x");

      g_assert_cmpint (belfry_ctl_exit_from_error (error), ==, cases[i].status);
    }
}

static void
test_hide_keys (void)
{
  char a[] = "belfryctl";
  char b[] = "--api-key";
  char c[] = "first secret";
  char d[] = "--api-key=second";
  char e[] = "--api-key";
  char *argv[] = { a, b, c, d, e, NULL };
  g_auto(GStrv) copy = belfry_ctl_options_hide_keys (5, argv);

  g_assert_cmpstr (copy[2], ==, "first secret");
  g_assert_cmpstr (copy[3], ==, "--api-key=second");
  g_assert_cmpuint (g_strv_length (copy), ==, 5);
  for (guint i = 0; i < 5; i++)
    {
      g_assert_null (strstr (argv[i], "secret"));
      g_assert_null (strstr (argv[i], "second"));
    }
  g_assert_null (memmem (c, sizeof c, "secret", 6));
}

static void
test_rules (void)
{
  char session_id[] = "s";
  char tier[] = "premium";
  char min_amount[] = "1.5";
  char *tiers[] = { tier, NULL };
  BelfryCtlRules rules = { .session_id = session_id, .user_tiers = tiers, .min_amount = min_amount };
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryFilter) filter = belfry_ctl_rules_to_filter (&rules, &error);
  const char *wrong[] = { "", "x", "1x", "inf", "nan" };
  double amount;

  g_assert_no_error (error);
  g_assert_cmpstr (belfry_filter_get_session_id (filter), ==, "s");
  g_assert_true (belfry_filter_get_min_amount (filter, &amount));
  g_assert_cmpfloat (amount, ==, 1.5);

  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr(GError) own = NULL;

      rules.min_amount = (char *) wrong[i];
      g_assert_null (belfry_ctl_rules_to_filter (&rules, &own));
      g_assert_error (own, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/ctl/format/event-is-one-line", test_event);
  g_test_add_func ("/ctl/format/json-is-one-line", test_json);
  g_test_add_func ("/ctl/format/no-control-character-is-left", test_safe);
  g_test_add_func ("/ctl/format/counts-are-grouped", test_count);
  g_test_add_func ("/ctl/format/gap-tells-its-size", test_gap);
  g_test_add_func ("/ctl/format/stats-are-a-table", test_stats);
  g_test_add_func ("/ctl/format/verbose-stats-leave-nothing-out", test_verbose_stats);
  g_test_add_func ("/ctl/format/types-are-sorted", test_types);
  g_test_add_func ("/ctl/exit/has-one-table", test_exit);
  g_test_add_func ("/ctl/options/keys-are-hidden", test_hide_keys);
  g_test_add_func ("/ctl/options/rules-become-a-filter", test_rules);

  return g_test_run ();
}
