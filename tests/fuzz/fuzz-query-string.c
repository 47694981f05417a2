/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-error.h"
#include "belfry-query-string-private.h"
#include "fuzz-target.h"

/* What was read is written again, every byte escaped, and read once more: the same must come back. */
static void
check_round_trip (BelfryQueryString *query)
{
  g_autoptr(GString) text = g_string_new (NULL);
  g_autoptr(BelfryQueryString) again = NULL;

  for (guint i = 0; i < belfry_query_string_get_size (query); i++)
    {
      for (const char *p = belfry_query_string_peek_name (query, i); *p != '\0'; p++)
        g_string_append_printf (text, "%%%02X", (guint) (guchar) *p);
      g_string_append_c (text, '=');
      for (const char *p = belfry_query_string_peek_value (query, i); *p != '\0'; p++)
        g_string_append_printf (text, "%%%02x", (guint) (guchar) *p);
      g_string_append_c (text, '&');
    }

  again = belfry_query_string_parse (text->str, text->len, NULL);
  g_assert_nonnull (again);
  g_assert_cmpuint (belfry_query_string_get_size (again), ==, belfry_query_string_get_size (query));
  for (guint i = 0; i < belfry_query_string_get_size (query); i++)
    {
      g_assert_cmpstr (belfry_query_string_peek_name (again, i), ==, belfry_query_string_peek_name (query, i));
      g_assert_cmpstr (belfry_query_string_peek_value (again, i), ==, belfry_query_string_peek_value (query, i));
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *copy = g_memdup2 (data, size);
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryQueryString) query = belfry_query_string_parse (copy != NULL ? copy : "", size, &error);
  g_autofree char *path = belfry_query_string_decode (copy != NULL ? copy : "", size, FALSE);

  if (path != NULL)
    g_assert_true (g_utf8_validate (path, -1, NULL) && strlen (path) <= size);
  if (query == NULL)
    {
      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT);
      return 0;
    }

  for (guint i = 0; i < belfry_query_string_get_size (query); i++)
    {
      g_assert_true (g_utf8_validate (belfry_query_string_peek_name (query, i), -1, NULL));
      g_assert_true (g_utf8_validate (belfry_query_string_peek_value (query, i), -1, NULL));
    }
  check_round_trip (query);
  return 0;
}
