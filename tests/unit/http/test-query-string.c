/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-error.h"
#include "belfry-query-string-private.h"

static void
test_decodes (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryQueryString) query = belfry_query_string_parse ("a=1&b=x+y%2Bz&c&=e&a=2&%C3%A4=%E2%82%AC&d==",
                                                                  -1, &error);

  g_test_summary ("Names and values are decoded, repeated names keep their order, the last one wins in a look-up");
  g_assert_no_error (error);
  g_assert_cmpuint (belfry_query_string_get_size (query), ==, 7);
  g_assert_cmpstr (belfry_query_string_get (query, "a"), ==, "2");
  g_assert_cmpstr (belfry_query_string_peek_value (query, 0), ==, "1");
  g_assert_cmpstr (belfry_query_string_get (query, "b"), ==, "x y+z");
  g_assert_cmpstr (belfry_query_string_get (query, "c"), ==, "");
  g_assert_cmpstr (belfry_query_string_get (query, ""), ==, "e");
  g_assert_cmpstr (belfry_query_string_get (query, "\303\244"), ==, "\342\202\254");
  g_assert_cmpstr (belfry_query_string_get (query, "d"), ==, "=");
  g_assert_null (belfry_query_string_get (query, "e"));
}

static void
test_empty (void)
{
  const char * const texts[] = { NULL, "", "&", "&&&" };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr(BelfryQueryString) query = belfry_query_string_parse (texts[i], -1, NULL);

      g_assert_nonnull (query);
      g_assert_cmpuint (belfry_query_string_get_size (query), ==, 0);
      g_assert_null (belfry_query_string_get (query, ""));
    }
}

static void
test_refuses_broken (void)
{
  const char * const texts[] = {
    "a=%", "a=%4", "a=%zz", "%=1", "a=%00", "a=%C3", "a=%FF", "a=%ED%A0%80", "a=%C0%80", "a=\377", "a=1&b=%g1",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr(GError) error = NULL;

      g_test_message ("%s", texts[i][2] < 0 ? "bytes" : texts[i]);
      g_assert_null (belfry_query_string_parse (texts[i], -1, &error));
      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT);
    }
}

static void
test_refuses_too_many (void)
{
  g_autoptr(GString) text = g_string_new (NULL);
  g_autoptr(BelfryQueryString) query = NULL;
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < BELFRY_QUERY_STRING_MAX_PARAMETERS; i++)
    g_string_append (text, "a&");
  query = belfry_query_string_parse (text->str, text->len, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (belfry_query_string_get_size (query), ==, BELFRY_QUERY_STRING_MAX_PARAMETERS);

  g_string_append (text, "a");
  g_assert_null (belfry_query_string_parse (text->str, text->len, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT);
}

static void
append_escaped (GString    *text,
                const char *value)
{
  for (const char *p = value; *p != '\0'; p++)
    {
      if (*p == ' ' && g_test_rand_bit ())
        g_string_append_c (text, '+');
      else if (g_ascii_isalnum (*p) && g_test_rand_bit ())
        g_string_append_c (text, *p);
      else
        g_string_append_printf (text, "%%%02x", (guint) (guchar) *p);
    }
}

static void
test_round_trip (void)
{
  static const char * const pieces[] = { "a", " ", "&", "=", "+", "%", "\303\244", "\360\237\230\200", "Z9" };

  g_test_summary ("Whatever is escaped, in one way or the other, comes back");
  for (guint round = 0; round < 300; round++)
    {
      g_autoptr(GString) name = g_string_new (NULL);
      g_autoptr(GString) value = g_string_new (NULL);
      g_autoptr(GString) text = g_string_new ("first=1&");
      g_autoptr(BelfryQueryString) query = NULL;

      for (int i = g_test_rand_int_range (0, 12); i > 0; i--)
        {
          g_string_append (name, pieces[g_test_rand_int_range (0, G_N_ELEMENTS (pieces))]);
          g_string_append (value, pieces[g_test_rand_int_range (0, G_N_ELEMENTS (pieces))]);
        }
      append_escaped (text, name->str);
      g_string_append_c (text, '=');
      append_escaped (text, value->str);

      query = belfry_query_string_parse (text->str, text->len, NULL);
      g_assert_nonnull (query);
      g_assert_cmpuint (belfry_query_string_get_size (query), ==, 2);
      g_assert_cmpstr (belfry_query_string_peek_name (query, 1), ==, name->str);
      g_assert_cmpstr (belfry_query_string_peek_value (query, 1), ==, value->str);
    }
}

static void
test_path_keeps_plus (void)
{
  g_autofree char *path = belfry_query_string_decode ("a+b%20c", strlen ("a+b%20c"), FALSE);

  g_assert_cmpstr (path, ==, "a+b c");
  g_assert_null (belfry_query_string_decode ("%", 1, FALSE));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/query-string/decodes", test_decodes);
  g_test_add_func ("/query-string/empty-is-no-parameter", test_empty);
  g_test_add_func ("/query-string/refuses-broken-escapes-and-utf8", test_refuses_broken);
  g_test_add_func ("/query-string/refuses-too-many", test_refuses_too_many);
  g_test_add_func ("/query-string/round-trip", test_round_trip);
  g_test_add_func ("/query-string/path-keeps-plus", test_path_keeps_plus);

  return g_test_run ();
}
