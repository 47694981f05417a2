/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-timestamp-private.h"

static void
test_writes_known_instants (void)
{
  static const struct { gint64 usec; const char *text; } cases[] = {
    { 0, "1970-01-01T00:00:00.000000Z" },
    { -1, "1969-12-31T23:59:59.999999Z" },
    { G_GINT64_CONSTANT (1768473045123456), "2026-01-15T10:30:45.123456Z" },
    { G_GINT64_CONSTANT (951782400000000), "2000-02-29T00:00:00.000000Z" },
    { G_GINT64_CONSTANT (-2203891200000000), "1900-03-01T00:00:00.000000Z" },
    { G_GINT64_CONSTANT (253402300799999999), "9999-12-31T23:59:59.999999Z" },
    { G_MAXINT64, "9999-12-31T23:59:59.999999Z" },
    { G_MININT64, "0000-01-01T00:00:00.000000Z" },
  };
  char text[BELFRY_TIMESTAMP_LENGTH + 1];

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      belfry_timestamp_write (cases[i].usec, text);
      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

static void
test_agrees_with_gdatetime (void)
{
  for (guint i = 0; i < 20000; i++)
    {
      gint64 seconds = (gint64) (g_test_rand_double () * 315537897599.0) - G_GINT64_CONSTANT (62135596800);
      gint64 fraction = g_test_rand_int_range (0, G_USEC_PER_SEC);
      g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc (seconds);
      char text[BELFRY_TIMESTAMP_LENGTH + 1];
      g_autofree char *expected = NULL;
      gint64 usec = 0;

      expected = g_strdup_printf ("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
                                  g_date_time_get_year (when),
                                  g_date_time_get_month (when), g_date_time_get_day_of_month (when),
                                  g_date_time_get_hour (when), g_date_time_get_minute (when),
                                  g_date_time_get_second (when), (int) fraction);
      belfry_timestamp_write (seconds * G_USEC_PER_SEC + fraction, text);
      g_assert_cmpstr (text, ==, expected);
      g_assert_true (belfry_timestamp_parse (text, -1, &usec));
      g_assert_cmpint (usec, ==, seconds * G_USEC_PER_SEC + fraction);
    }
}

/* Every day of 400 years and some, and none twice. */
static void
test_knows_every_day (void)
{
  char text[BELFRY_TIMESTAMP_LENGTH + 1];
  GDate date;

  g_date_clear (&date, 1);
  g_date_set_dmy (&date, 1, G_DATE_JANUARY, 1899);
  for (gint64 day = -25932; day < 125000; day++)
    {
      char expected[BELFRY_TIMESTAMP_LENGTH + 1];
      gint64 usec;

      g_snprintf (expected, sizeof expected, "%04u-%02u-%02uT00:00:00.000000Z",
                  (guint) g_date_get_year (&date), (guint) g_date_get_month (&date), (guint) g_date_get_day (&date));
      belfry_timestamp_write (day * 86400 * G_USEC_PER_SEC, text);
      g_assert_cmpstr (text, ==, expected);
      g_assert_true (belfry_timestamp_parse (text, 10, &usec));
      g_assert_cmpint (usec, ==, day * 86400 * G_USEC_PER_SEC);
      g_date_add_days (&date, 1);
    }
}

static void
test_reads (void)
{
  static const struct { const char *text; const char *instant; } cases[] = {
    { "2026-01-15", "2026-01-15T00:00:00.000000Z" },
    { "20260115", "2026-01-15T00:00:00.000000Z" },
    { "2026-01-15T10:30:45.123456Z", "2026-01-15T10:30:45.123456Z" },
    { "2026-01-15 10:30:45.123456z", "2026-01-15T10:30:45.123456Z" },
    { "2026-01-15t10:30:45", "2026-01-15T10:30:45.000000Z" },
    { "2026-01-15T10:30", "2026-01-15T10:30:00.000000Z" },
    { "2026-01-15T10", "2026-01-15T10:00:00.000000Z" },
    { "2026-01-15T10:30:45.1", "2026-01-15T10:30:45.100000Z" },
    { "2026-01-15T10:30:45,123", "2026-01-15T10:30:45.123000Z" },
    { "2026-01-15T10:30:45.123456789Z", "2026-01-15T10:30:45.123456Z" },
    { "2026-01-15T10:30:45+02:00", "2026-01-15T08:30:45.000000Z" },
    { "2026-01-15T10:30:45 02:00", "2026-01-15T08:30:45.000000Z" },
    { "2026-01-15T10:30:45-0530", "2026-01-15T16:00:45.000000Z" },
    { "2026-01-15T10:30:45+02", "2026-01-15T08:30:45.000000Z" },
    { "2026-01-15T10:30+23:59", "2026-01-14T10:31:00.000000Z" },
    { "2026-01-15T10:30:45.5-00:00", "2026-01-15T10:30:45.500000Z" },
    { "20260115T103045Z", "2026-01-15T10:30:45.000000Z" },
    { "20260115T103045.25+0100", "2026-01-15T09:30:45.250000Z" },
    { "20260115T1030", "2026-01-15T10:30:00.000000Z" },
    { "2026-W03-4", "2026-01-15T00:00:00.000000Z" },
    { "2026-W03", "2026-01-12T00:00:00.000000Z" },
    { "2026W034T10:30Z", "2026-01-15T10:30:00.000000Z" },
    { "2026W03", "2026-01-12T00:00:00.000000Z" },
    { "2026-W53-7", "2027-01-03T00:00:00.000000Z" },
    { "2020-W53-5", "2021-01-01T00:00:00.000000Z" },
    { "2024-02-29", "2024-02-29T00:00:00.000000Z" },
    { "2000-02-29", "2000-02-29T00:00:00.000000Z" },
    { "0001-01-01", "0001-01-01T00:00:00.000000Z" },
    { "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z" },
    { "2026-01-15T10:30:45+02:00:30", "2026-01-15T08:30:15.000000Z" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *exact = g_memdup2 (cases[i].text, strlen (cases[i].text));
      char text[BELFRY_TIMESTAMP_LENGTH + 1];
      gint64 usec;

      if (!belfry_timestamp_parse (exact, (gssize) strlen (cases[i].text), &usec))
        g_error ("refuses %s", cases[i].text);
      belfry_timestamp_write (usec, text);
      g_assert_cmpstr (text, ==, cases[i].instant);
    }
}

static void
test_refuses (void)
{
  static const char * const texts[] = {
    "", " ", "x", "2026", "2026-01", "202601", "2026-1-15", "2026-01-1", "2026-13-01", "2026-00-01", "2026-01-00", "2026-01-32",
    "2026-04-31", "2025-02-29", "1900-02-29", "2026-02-30", "0000-01-01", "10000-01-01", "-2026-01-15", "+2026-01-15",
    "2026-0115", "202601-15", "2026/01/15", "2026-01-15T", "2026-01-15 ", "2026-01-15Z", "2026-01-15T1", "2026-01-15T24:00",
    "2026-01-15T24:00:00", "2026-01-15T10:60", "2026-01-15T10:30:60", "2026-01-15T10:30:61", "2026-01-15T10:3", "2026-01-15T10:30:",
    "2026-01-15T10:30:4", "2026-01-15T10:30:45.", "2026-01-15T10:30:45.Z", "2026-01-15T10:30:45.x", "2026-01-15T10:3045",
    "2026-01-15T1030:45", "2026-01-15T10:30:45+", "2026-01-15T10:30:45+2", "2026-01-15T10:30:45+24:00", "2026-01-15T10:30:45+02:60",
    "2026-01-15T10:30:45ZZ", "2026-01-15T10:30:45Z ", " 2026-01-15", "2026-01-15  10:30", "2026-01-15X10:30", "2026-W00", "2026-W54",
    "2025-W53", "2026-W03-8", "2026-W03-0", "2026-W3", "2026-W03-", "2026W03-4", "2026-W034", "now", "yesterday", "1768473045", "17684730451",
    "2026-01-15T10:30:45 +02:00", "2026-01-15T10:30:45--02:00", "2026-01-15T10.5", "2026-01-15T10:30.5", "\xff", "2026-01-15\n",
    "２026-01-15", "9999-W53-7", "2026-001", "2026001",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      gint64 usec;

      if (belfry_timestamp_parse (texts[i], -1, &usec))
        g_error ("accepts '%s'", texts[i]);
    }
  g_assert_false (belfry_timestamp_parse ("2026-01-15\0", 11, &(gint64) { 0 }));
}

static void
test_bounds_time (void)
{
  g_autofree char *digits = g_strnfill (10 * 1024 * 1024, '9');
  g_autofree char *text = g_strconcat ("2026-01-15T10:30:45.", digits, "Z", NULL);
  gint64 usec;

  g_assert_true (belfry_timestamp_parse (text, -1, &usec));
  g_assert_cmpint (usec % G_USEC_PER_SEC, ==, 999999);
}

static void
test_speed (void)
{
  guint n_rounds = g_test_perf () ? 5000000 : 1000;
  char text[BELFRY_TIMESTAMP_LENGTH + 1];
  double elapsed;

  g_test_timer_start ();
  for (guint i = 0; i < n_rounds; i++)
    {
      belfry_timestamp_write (G_GINT64_CONSTANT (1768473045123456) + i, text);
      g_assert_true (text[26] == 'Z');
    }
  elapsed = g_test_timer_elapsed ();
  if (g_test_perf ())
    g_test_minimized_result (elapsed * 1e9 / n_rounds, "write: %.1f ns", elapsed * 1e9 / n_rounds);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/timestamp/write/known-instants", test_writes_known_instants);
  g_test_add_func ("/timestamp/write/agrees-with-gdatetime", test_agrees_with_gdatetime);
  g_test_add_func ("/timestamp/write/knows-every-day", test_knows_every_day);
  g_test_add_func ("/timestamp/write/speed", test_speed);
  g_test_add_func ("/timestamp/parse/reads-iso-8601", test_reads);
  g_test_add_func ("/timestamp/parse/refuses-all-else", test_refuses);
  g_test_add_func ("/timestamp/parse/bounds-time", test_bounds_time);

  return g_test_run ();
}
