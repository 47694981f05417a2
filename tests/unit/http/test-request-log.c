/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-request-log-private.h"

static void
test_query (void)
{
  static const char * const queries[][2] = {
    { NULL, "" },
    { "", "" },
    { "limit=5&since=2026-01-01", "?limit=5&since=2026-01-01" },
    { "event_type=quiz_started&user_id=anna", "?event_type=quiz_started&user_id=…" },
    { "api_key=sesame", "?api_key=…" },
    { "token=sesame&limit=1", "?token=…&limit=1" },
    { "api%5Fkey=sesame", "?api%5Fkey=…" },
    { "%6Cimit=sesame", "?%6Cimit=…" },
    { "LIMIT=sesame", "?LIMIT=…" },
    { "a=b=sesame&&x", "?a=…&x" },
    { "=sesame", "" },
  };

  g_test_summary ("Only what is harmless shows its value");
  for (gsize i = 0; i < G_N_ELEMENTS (queries); i++)
    {
      g_autofree char *text = belfry_request_log_format_query (queries[i][0]);

      g_assert_cmpstr (text, ==, queries[i][1]);
      g_assert_null (strstr (text, "sesame"));
    }
}

static void
test_long_query (void)
{
  g_autoptr(GString) query = g_string_new (NULL);
  g_autofree char *text = NULL;

  g_test_summary ("However long a query is, its line is not");
  for (guint i = 0; i < 10000; i++)
    g_string_append (query, "limit=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa&");
  text = belfry_request_log_format_query (query->str);
  g_assert_cmpuint (strlen (text), <, 4096);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/request-log/query-hides-values", test_query);
  g_test_add_func ("/request-log/long-query", test_long_query);

  return g_test_run ();
}
