/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <json-glib/json-glib.h>
#include <string.h>

#include "belfry-json-walk-private.h"

static void
assert_split (const char *text,
              const char *expected)
{
  gsize n_items = 0;
  g_auto(GStrv) items = belfry_json_walk_split (text, strlen (text), &n_items);
  g_autofree char *joined = items != NULL ? g_strjoinv ("|", items) : NULL;

  g_assert_cmpstr (joined, ==, expected);
  if (items != NULL)
    g_assert_cmpuint (n_items, ==, g_strv_length (items));
}

static void
test_split (void)
{
  assert_split ("[]", "");
  assert_split (" [ ] ", "");
  assert_split ("[1]", "1");
  assert_split ("[1, 2 ,3]", "1|2|3");
  assert_split ("[{\"a\":[1,2,{}]},[[],[]],\"x,]\\\"y\"]", "{\"a\":[1,2,{}]}|[[],[]]|\"x,]\\\"y\"");
  assert_split ("[1.10000000000000000000000001,123456789012345678901234567890]",
                "1.10000000000000000000000001|123456789012345678901234567890");
}

static void
test_split_refuses (void)
{
  const char *cases[] = { "", "{}", "1", "[", "[1", "[1,", "[,]", "[1 2", "[\"a]", "[\"a\\", "[{]", "[1,]", "]" };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_split (cases[i], NULL);
}

static void
assert_find (const char *text,
             const char *name,
             const char *expected)
{
  BelfryJsonSpan value = { NULL, 0 };
  gboolean is_found = belfry_json_walk_find (text, strlen (text), name, &value);
  g_autofree char *found = is_found ? g_strndup (value.text, value.length) : NULL;

  g_assert_cmpstr (found, ==, expected);
}

static void
test_find (void)
{
  assert_find ("{\"a\":1,\"b\":{\"c\":2},\"d\":\"x\"}", "a", "1");
  assert_find ("{\"a\":1,\"b\":{\"c\":2},\"d\":\"x\"}", "b", "{\"c\":2}");
  assert_find ("{\"a\":1,\"b\":{\"c\":2},\"d\":\"x\"}", "c", NULL);
  assert_find ("{\"a\":1,\"b\":{\"c\":2},\"d\":\"x\"}", "d", "\"x\"");
  assert_find ("{ \"a\" : 1 , \"a\" : 2 }", "a", "2");
  assert_find ("{}", "a", NULL);
  assert_find ("[\"a\"]", "a", NULL);
  assert_find ("{\"a\":1", "a", NULL);
  assert_find ("{\"a\" 1}", "a", NULL);
  assert_find ("{\"a\":}", "a", NULL);
  assert_find ("{a:1}", "a", NULL);
}

static void
test_decode (void)
{
  const struct
  {
    const char *text;
    const char *expected;
  } cases[] = {
    { "\"\"", "" },
    { "\"abc\"", "abc" },
    { "\"a\\\"b\\u00e9\\n\"", "a\"bé\n" },
    { "1", NULL },
    { "null", NULL },
    { "\"", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      BelfryJsonSpan span = { cases[i].text, strlen (cases[i].text) };
      g_autofree char *text = belfry_json_walk_decode (&span);

      g_assert_cmpstr (text, ==, cases[i].expected);
    }
}

static void
test_append (void)
{
  g_autoptr(GString) json = g_string_new (NULL);
  const char *hard = "a\"b\\c\n\t\001é\177";
  BelfryJsonSpan span;
  g_autofree char *back = NULL;

  belfry_json_walk_append_string (json, hard);
  span = (BelfryJsonSpan) { json->str, json->len };
  back = belfry_json_walk_decode (&span);

  g_assert_cmpstr (back, ==, hard);
}

/* Bytes of any kind, cut anywhere: nothing is read behind the end, which the sanitizers see. */
static void
test_any_bytes (void)
{
  static const char alphabet[] = "[]{}\",:\\ 1a\n";
  g_autoptr(GRand) rand = g_rand_new_with_seed (7);

  for (guint i = 0; i < 20000; i++)
    {
      gsize length = (gsize) g_rand_int_range (rand, 0, 24);
      g_autofree char *text = g_malloc (length + 1);
      g_autofree char *exact = NULL;
      g_auto(GStrv) items = NULL;
      BelfryJsonSpan value;

      for (gsize j = 0; j < length; j++)
        text[j] = alphabet[g_rand_int_range (rand, 0, sizeof alphabet - 1)];
      exact = g_memdup2 (text, MAX (length, 1));
      items = belfry_json_walk_split (exact, length, NULL);
      if (belfry_json_walk_find (exact, length, "a", &value))
        g_free (belfry_json_walk_decode (&value));
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/json-walk/split/keeps-every-digit", test_split);
  g_test_add_func ("/json-walk/split/refuses-what-is-no-array", test_split_refuses);
  g_test_add_func ("/json-walk/find/looks-at-the-top-level", test_find);
  g_test_add_func ("/json-walk/decode/gives-strings-only", test_decode);
  g_test_add_func ("/json-walk/append/comes-back-the-same", test_append);
  g_test_add_func ("/json-walk/any-bytes-are-survived", test_any_bytes);

  return g_test_run ();
}
