/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <json-glib/json-glib.h>
#include <string.h>

#include "belfry-json-scanner-private.h"

/* Random texts, compared with what json-glib reads from them. Numbers are small, names and
 * strings have no U+0000: there json-glib loses something. */

static void
add_space (GString *text)
{
  static const char spaces[] = " \n\t\r";

  while (g_test_rand_int_range (0, 4) == 0)
    g_string_append_c (text, spaces[g_test_rand_int_range (0, 4)]);
}

static void
add_string (GString *text, guint n_names)
{
  static const char * const pieces[] = {
    "a", "b", "\\u0061", "\\u00e9", "\xc3\xa9", "\\n", "\\\"", "\\\\", "\\/", "/", "\\ud83d\\ude00", "\xf0\x9f\x98\x80",
    "{", "]", ",", " ", ":", "some longer piece of text",
  };
  guint n_pieces = (guint) g_test_rand_int_range (0, n_names > 0 ? 3 : 12);

  g_string_append_c (text, '"');
  for (guint i = 0; i < n_pieces; i++)
    g_string_append (text,
                     pieces[g_test_rand_int_range (0,
                                                   n_names > 0 ? (int) n_names : (int) G_N_ELEMENTS (pieces))]);
  g_string_append_c (text, '"');
}

static void
add_value (GString *text, guint depth)
{
  static const char * const words[] = { "null", "true", "false", "0", "-1", "12345", "0.5",
  "-2.25e2", "1e3" };
  int kind = g_test_rand_int_range (0, depth < 6 ? 5 : 2);
  guint n_items = (guint) g_test_rand_int_range (0, 6);

  if (kind == 0)
    g_string_append (text, words[g_test_rand_int_range (0, G_N_ELEMENTS (words))]);
  else if (kind == 1)
    add_string (text, 0);
  else
    {
      g_string_append_c (text, kind == 2 ? '[' : '{');
      for (guint i = 0; i < n_items; i++)
        {
          if (i > 0)
            g_string_append_c (text, ',');
          add_space (text);
          if (kind > 2)
            {
              /* Few names in two spellings: repeats are common. */
              add_string (text, 6);
              add_space (text);
              g_string_append_c (text, ':');
              add_space (text);
            }
          add_value (text, depth + 1);
          add_space (text);
        }
      add_space (text);
      g_string_append_c (text, kind == 2 ? ']' : '}');
    }
}

static JsonNode *
read_with_json_glib (const char *text, gsize length)
{
  g_autoptr(JsonParser) parser = json_parser_new ();
  g_autoptr(GError) error = NULL;

  json_parser_load_from_data (parser, text, (gssize) length, &error);
  g_assert_no_error (error);
  return json_parser_steal_root (parser);
}

/* White space and repeats are all that may differ. */
static void
assert_compact (const char *text, gsize length)
{
  BelfryJsonValue root;
  guint n_members;
  GString *again = NULL;

  g_assert_true (belfry_json_scan (text, length, NULL, &root));
  g_assert_false (root.has_space);
  again = belfry_json_compact (text, length, &n_members);
  g_assert_cmpmem (again->str, again->len, text, length);
  if (root.type == BELFRY_JSON_OBJECT)
    g_assert_cmpuint (n_members, ==, root.n_members);
  g_string_free (again, TRUE);
}

static void
test_agrees_with_json_glib (void)
{
  for (guint i = 0; i < 4000; i++)
    {
      g_autoptr(GString) text = g_string_new (NULL);
      g_autoptr(JsonNode) expected = NULL;
      g_autoptr(JsonNode) found = NULL;
      g_autofree char *stripped = NULL;
      GString *compact = NULL;
      BelfryJsonValue root;
      guint n_members;
      gsize length;

      add_space (text);
      g_string_append (text, "{\"x\":");
      add_value (text, 0);
      g_string_append (text, "}");
      add_space (text);
      g_assert_true (belfry_json_scan (text->str, text->len, NULL, &root));
      compact = belfry_json_compact (text->str, text->len, &n_members);
      assert_compact (compact->str, compact->len);
      expected = read_with_json_glib (text->str, text->len);
      found = read_with_json_glib (compact->str, compact->len);
      g_assert_true (json_node_equal (expected, found));

      /* Where the scanner saw no repeat, taking the white space away is all there is to do. */
      stripped = g_malloc (text->len);
      length = belfry_json_strip (text->str, text->len, stripped);
      if (!root.may_repeat)
        g_assert_cmpmem (stripped, length, compact->str, compact->len);
      if (!root.may_repeat && !root.has_space)
        g_assert_cmpmem (root.text, root.length, compact->str, compact->len);
      g_string_free (compact, TRUE);
    }
}

/* One changed byte: whatever the scanner still accepts, the other functions and json-glib can
 * read. */
static void
test_survives_damage (void)
{
  for (guint i = 0; i < 4000; i++)
    {
      g_autoptr(GString) text = g_string_new (NULL);
      g_autofree char *exact = NULL;
      BelfryJsonValue root;
      guint n_members;

      g_string_append (text, "{\"x\":");
      add_value (text, 0);
      g_string_append (text, "}");
      text->str[g_test_rand_int_range (0, (int) text->len)] = (char) g_test_rand_int_range (0, 256);
      exact = g_memdup2 (text->str, text->len);
      if (belfry_json_scan (exact, text->len, NULL, &root))
        {
          GString *compact = belfry_json_compact (exact, text->len, &n_members);

          g_assert_true (g_utf8_validate (compact->str, (gssize) compact->len, NULL));
          assert_compact (compact->str, compact->len);
          g_string_free (compact, TRUE);
        }
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/json/random/agrees-with-json-glib", test_agrees_with_json_glib);
  g_test_add_func ("/json/random/survives-damage", test_survives_damage);

  return g_test_run ();
}
