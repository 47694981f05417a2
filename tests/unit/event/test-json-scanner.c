/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <math.h>
#include <string.h>

#include "belfry-json-scanner-private.h"

/* A text of its own exact size on the heap, so that a sanitizer sees every byte read too far. */
static gboolean
scan_exact (const char *text, gsize length)
{
  g_autofree char *copy = g_malloc (MAX (length, 1));
  BelfryJsonValue root;

  memcpy (copy, text, length);
  return belfry_json_scan (copy, length, NULL, &root);
}

typedef struct
{
  const char *text;
  gsize       length;
} Text;

#define TEXT(literal) { literal, sizeof (literal) - 1 }

static const Text accepted[] = {
  TEXT ("{}"), TEXT ("[]"), TEXT ("null"), TEXT ("true"), TEXT ("false"), TEXT ("0"), TEXT ("-0"), TEXT ("\"\""),
  TEXT (" \t\r\n{ \"a\" : [ 1 , 2 ] } \n"), TEXT ("[1e5]"), TEXT ("[1E+5]"), TEXT ("[1e-5]"), TEXT ("[0.5]"),
  TEXT ("[-0.0e-0]"), TEXT ("[0e1]"), TEXT ("[123456789012345678901234567890.123456789]"), TEXT ("[1e999999]"),
  TEXT ("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"), TEXT ("[\"\\u0000\"]"), TEXT ("[\"\\u00e9\"]"), TEXT ("[\"\\uD83D\\uDE00\"]"),
  TEXT ("[\"\\uDBFF\\uDFFF\"]"), TEXT ("[\"\xc3\xa9\"]"), TEXT ("[\"\xe2\x82\xac\"]"), TEXT ("[\"\xf0\x9f\x98\x80\"]"),
  TEXT ("[\"\xed\x9f\xbf\"]"), TEXT ("[\"\xee\x80\x80\"]"), TEXT ("[\"\xf4\x8f\xbf\xbf\"]"), TEXT ("[\"\xef\xbf\xbf\"]"),
  TEXT ("[\"\x7f\"]"), TEXT ("[\"\xc2\x80\"]"), TEXT ("[\"\xe0\xa0\x80\"]"), TEXT ("[\"\xf0\x90\x80\x80\"]"),
  TEXT ("{\"\":0}"), TEXT ("{\"a\":1,\"a\":2}"), TEXT ("{\"a\\u0000b\":1}"), TEXT ("[[],[[]],{}]"),
  TEXT ("[\"0123456789abcdef0123456789abcdef\"]"), TEXT ("[\"0123456789abcde\\n\"]"),
  TEXT ("[\"\xe2\x80\xa8\xe2\x80\xa9\"]"), TEXT ("[\"\xef\xbb\xbf\"]"), TEXT ("\"x\""), TEXT ("[20E1]"),
  TEXT ("[null,true,false]"), TEXT ("[\"\\ud801\\udc37\"]"), TEXT ("[\"\\u005C\"]"), TEXT ("[\"\xf3\xa0\x80\x81\"]"),
};

static const Text refused[] = {
  TEXT (""), TEXT (" "), TEXT ("{"), TEXT ("}"), TEXT ("["), TEXT ("]"), TEXT ("[1"), TEXT ("[1,"), TEXT ("[1,]"),
  TEXT ("[,1]"), TEXT ("[1,,2]"), TEXT ("[1 2]"), TEXT ("[1}"), TEXT ("{]"), TEXT ("{\"a\"}"), TEXT ("{\"a\":}"),
  TEXT ("{\"a\":1,}"), TEXT ("{,\"a\":1}"), TEXT ("{\"a\" 1}"), TEXT ("{a:1}"), TEXT ("{1:1}"), TEXT ("{'a':1}"),
  TEXT ("{\"a\":1 \"b\":2}"), TEXT ("{\"a\"::1}"), TEXT ("{\"a\":1}}"), TEXT ("{}{}"), TEXT ("[]x"), TEXT ("{}\0"),
  TEXT ("NaN"), TEXT ("[NaN]"), TEXT ("[nan]"), TEXT ("[Infinity]"), TEXT ("[-Infinity]"), TEXT ("[inf]"), TEXT ("[+1]"),
  TEXT ("[01]"), TEXT ("[-01]"), TEXT ("[-]"), TEXT ("[.5]"), TEXT ("[1.]"), TEXT ("[1.e5]"), TEXT ("[1e]"), TEXT ("[1e+]"),
  TEXT ("[0x10]"), TEXT ("[1_000]"), TEXT ("[1.2.3]"), TEXT ("[--1]"), TEXT ("[1e5.5]"), TEXT ("-"), TEXT ("1."), TEXT ("1e"),
  TEXT ("[True]"), TEXT ("[nul]"), TEXT ("[nulll]"), TEXT ("[tru]"), TEXT ("[fals]"), TEXT ("nul"), TEXT ("TRUE"),
  TEXT ("[\""), TEXT ("[\"a]"), TEXT ("\""), TEXT ("\"\\\""), TEXT ("[\"\\x41\"]"), TEXT ("[\"\\'\"]"), TEXT ("[\"\\a\"]"),
  TEXT ("[\"\\0\"]"), TEXT ("[\"\\U0041\"]"), TEXT ("[\"\\u004\"]"), TEXT ("[\"\\u00g0\"]"), TEXT ("[\"\\u\"]"), TEXT ("\"\\"),
  TEXT ("\"\\u"), TEXT ("\"\\u12"), TEXT ("\"\\ud83d"), TEXT ("\"\\ud83d\\"), TEXT ("\"\\ud83d\\ude0"),
  TEXT ("[\"\\uD83D\"]"), TEXT ("[\"\\uDE00\"]"), TEXT ("[\"\\uDE00\\uD83D\"]"), TEXT ("[\"\\uD83D\\u0041\"]"),
  TEXT ("[\"\\uD83Dx\"]"), TEXT ("[\"\\uD83D\\n\"]"), TEXT ("[\"\\uD83D\\uD83D\\uDE00\"]"), TEXT ("{\"\\uD800\":1}"),
  TEXT ("[\"\n\"]"), TEXT ("[\"\t\"]"), TEXT ("[\"\0\"]"), TEXT ("[\"\x1f\"]"), TEXT ("[\"0123456789abcdef\n\"]"),
  TEXT ("[\"\x80\"]"), TEXT ("[\"\xff\"]"), TEXT ("[\"\xfe\"]"), TEXT ("[\"\xc3\"]"), TEXT ("[\"\xc3(\"]"), TEXT ("[\"\xc0\xaf\"]"),
  TEXT ("[\"\xc1\xbf\"]"), TEXT ("[\"\xe0\x80\xaf\"]"), TEXT ("[\"\xe0\x9f\xbf\"]"), TEXT ("[\"\xed\xa0\x80\"]"),
  TEXT ("[\"\xed\xbf\xbf\"]"), TEXT ("[\"\xf0\x80\x80\xaf\"]"), TEXT ("[\"\xf0\x8f\xbf\xbf\"]"), TEXT ("[\"\xf4\x90\x80\x80\"]"),
  TEXT ("[\"\xf5\x80\x80\x80\"]"), TEXT ("[\"\xf8\x88\x80\x80\x80\"]"), TEXT ("[\"\xe2\x82\"]"), TEXT ("\"\xe2\x82"),
  TEXT ("\"\xf0\x9f\x98"), TEXT ("\xef\xbb\xbf{}"), TEXT ("[\xc2\xa0]"), TEXT ("[1]\xc2\xa0"), TEXT ("[\f1]"), TEXT ("[\v]"),
  TEXT ("//x\n[]"), TEXT ("/**/[]"), TEXT ("[1]//x"), TEXT ("[1/**/]"), TEXT ("{\"a\":1/**/}"), TEXT ("[1;2]"), TEXT ("(1)"),
  TEXT ("{\xff}"), TEXT ("[\xff]"), TEXT ("[1\x00]"), TEXT ("{\"a\":\"b\"]"), TEXT ("\xff\xfe{\0}\0"), TEXT ("{\0}\0"),
  TEXT ("{[]:1}"), TEXT ("{null:1}"), TEXT ("[\"a\" \"b\"]"), TEXT ("[\"a\":1]"), TEXT ("*"), TEXT ("{*}"), TEXT ("\\u0000"),
};

static void
test_accepts (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (accepted); i++)
    if (!scan_exact (accepted[i].text, accepted[i].length))
      g_error ("refuses %s", accepted[i].text);
}

static void
test_refuses (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    if (scan_exact (refused[i].text, refused[i].length))
      g_error ("accepts case %u: %s", i, refused[i].text);
}

/* Every beginning of a valid object is invalid, and none makes the scanner read too far. */
static void
test_refuses_prefixes (void)
{
  static const char text[] = "{\"key\\u00e9\":[1.5e3,\"\xf0\x9f\x98\x80 and more text\",null,true,{\"a\":false}],\"b\":\"\\ud83d\\ude00\"}";

  for (gsize length = 0; length < sizeof text - 1; length++)
    g_assert_false (scan_exact (text, length));
  g_assert_true (scan_exact (text, sizeof text - 1));
}

/* A special byte is found wherever it stands relative to the blocks that are read at once. */
static void
test_finds_specials_anywhere (void)
{
  static const char specials[] = { '"', '\\', '\n', '\x1f', '\0', '\x80', '\xff' };

  for (gsize length = 1; length < 70; length++)
    for (gsize place = 0; place < length; place++)
      for (guint i = 0; i < sizeof specials; i++)
        {
          g_autofree char *text = g_strnfill (length + 2, 'x');

          text[0] = text[length + 1] = '"';
          g_assert_true (scan_exact (text, length + 2));
          text[1 + place] = specials[i];
          g_assert_false (scan_exact (text, length + 2));
        }
}

static char *
nest (guint depth, const char *open, const char *middle, const char *close)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < depth; i++)
    g_string_append (text, open);
  g_string_append (text, middle);
  for (guint i = 0; i < depth; i++)
    g_string_append (text, close);
  return g_string_free (text, FALSE);
}

static void
test_bounds_depth (void)
{
  const struct { const char *open, *middle, *close; } kinds[] = {
    { "[", "", "]" }, { "{\"a\":", "1", "}" }, { "[{\"a\":", "[]", "}]" },
  };

  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *most = nest (BELFRY_JSON_DEPTH_MAX, kinds[i].open, kinds[i].middle,
                                    kinds[i].close);
      g_autofree char *over = nest (BELFRY_JSON_DEPTH_MAX + 1, kinds[i].open, kinds[i].middle,
                                    kinds[i].close);

      g_assert_true (scan_exact (most, strlen (most)));
      g_assert_false (scan_exact (over, strlen (over)));
    }
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *far_over = nest (1000000, kinds[i].open, kinds[i].middle, kinds[i].close);

      g_assert_false (scan_exact (far_over, strlen (far_over)));
    }
}

static const BelfryJsonName names[] = { BELFRY_JSON_NAME ("kind"), BELFRY_JSON_NAME ("body") };
static const BelfryJsonName inner_names[] = { BELFRY_JSON_NAME ("amount") };

static gboolean
scan_members (const char *text, BelfryJsonValue values[2], BelfryJsonValue *inner)
{
  const BelfryJsonWanted wanted = { names, 2, values, 1, inner_names, 1, inner };
  BelfryJsonValue root;

  return belfry_json_scan (text, strlen (text), &wanted, &root) && root.type == BELFRY_JSON_OBJECT;
}

static void
assert_text (const BelfryJsonValue *value, const char *text)
{
  g_autofree char *found = g_strndup (value->text, value->length);

  g_assert_cmpstr (found, ==, text);
}

static void
test_notes_members (void)
{
  BelfryJsonValue values[2], inner;

  g_assert_true (scan_members ("{ \"body\" : {\"amount\": 5,\"x\":{\"amount\":7}} , \"kind\":\"a\" }", values, &inner));
  assert_text (&values[0], "\"a\"");
  assert_text (&values[1], "{\"amount\": 5,\"x\":{\"amount\":7}}");
  g_assert_true (values[1].has_space);
  g_assert_false (values[1].may_repeat);
  g_assert_cmpuint (values[1].n_members, ==, 2);
  assert_text (&inner, "5");

  g_assert_true (scan_members ("{\"kin\":1,\"kindx\":2}", values, &inner));
  g_assert_cmpint (values[0].type, ==, BELFRY_JSON_ABSENT);
  g_assert_cmpint (values[1].type, ==, BELFRY_JSON_ABSENT);
  g_assert_cmpint (inner.type, ==, BELFRY_JSON_ABSENT);
}

static void
test_last_member_wins (void)
{
  BelfryJsonValue values[2], inner;

  g_assert_true (scan_members ("{\"kind\":1,\"\\u006bind\":2,\"body\":{\"amount\":1},\"body\":[3]}",
                               values, &inner));
  assert_text (&values[0], "2");
  assert_text (&values[1], "[3]");
  g_assert_cmpint (inner.type, ==, BELFRY_JSON_ABSENT);
}

static void
test_marks_repeats (void)
{
  static const struct { const char *text; gboolean may_repeat; } cases[] = {
    { "{\"body\":{\"a\":1,\"b\":2}}", FALSE },
    { "{\"body\":{\"a\":1,\"a\":2}}", TRUE },
    { "{\"body\":{\"\":1,\"\":2}}", TRUE },
    { "{\"body\":{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}}", FALSE },
    { "{\"body\":[{\"a\":1},{\"a\":2}]}", FALSE },
    { "{\"body\":{\"x\":{\"long name over eight\":1,\"long name over eight\":2}}}", TRUE },
    { "{\"body\":{\"x\":{\"long name over eighT\":1,\"long name over eight\":2}}}", FALSE },
    { "{\"body\":{\"\\u0061\":1,\"b\":2}}", TRUE },
    { "{\"x\":{\"a\":1,\"a\":1},\"body\":{\"a\":1}}", FALSE },
    { "{\"body\":{\"a\":1},\"x\":{\"a\":1,\"a\":1}}", FALSE },
    { "{\"body\":{\"o\":{\"b\":1},\"b\":2,\"o\":3}}", TRUE },
  };
  BelfryJsonValue values[2], inner;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_true (scan_members (cases[i].text, values, &inner));
      g_assert_cmpint (values[1].may_repeat, ==, cases[i].may_repeat);
    }
}

static void
test_compacts (void)
{
  static const struct { const char *text, *compact; guint n_members; } cases[] = {
    { "{}", "{}", 0 },
    { " { } ", "{}", 0 },
    { "[ 1 , [ ] , \" a \" ]", "[1,[],\" a \"]", 0 },
    { "{ \"a\" : 1 , \"b\" : { \"c\" : [ true , null ] } }", "{\"a\":1,\"b\":{\"c\":[true,null]}}",
      2 },
    { "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}", 2 },
    { "{\"a\":1,\"\\u0061\":2,\"b\":{\"x\":1,\"x\":[{\"y\":1,\"y\":2}]}}",
      "{\"a\":2,\"b\":{\"x\":[{\"y\":2}]}}", 2 },
    { "{\"\\u0061\":1,\"a\":2}", "{\"\\u0061\":2}", 1 },
    { "{\"a\\u0000b\":1,\"a\":2,\"a\\u0000c\":3,\"a\\u0000b\":4}",
      "{\"a\\u0000b\":4,\"a\":2,\"a\\u0000c\":3}", 3 },
    { "{\"a\":{\"b\":1,\"b\":2},\"a\":7,\"a\":{\"c\":0.10,\"c\":1.00}}", "{\"a\":{\"c\":1.00}}",
      1 },
    { "{\"\xc3\xa9\":1,\"\\u00E9\":2,\"\\u00e9\":3}", "{\"\xc3\xa9\":3}", 1 },
    { "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", "{\"\\ud83d\\ude00\":2}", 1 },
    { "{\"q\\\"\":\"\\\\\",\"q\\\"\":\"\\\"\"}", "{\"q\\\"\":\"\\\"\"}", 1 },
    { "{\"a\":1,\"b\":2,\"c\":3,\"b\":4,\"a\":5,\"c\":6,\"d\":7}",
      "{\"a\":5,\"b\":4,\"c\":6,\"d\":7}", 4 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint n_members = 99;
      gsize length = strlen (cases[i].text);
      g_autofree char *exact = g_memdup2 (cases[i].text, length);
      GString *compact = NULL;

      g_assert_true (scan_exact (cases[i].text, length));
      compact = belfry_json_compact (exact, length, &n_members);
      g_assert_cmpstr (compact->str, ==, cases[i].compact);
      g_assert_cmpuint (n_members, ==, cases[i].n_members);
      g_string_free (compact, TRUE);
    }
}

static void
test_strips (void)
{
  static const char text[] = " { \"a \\\" b\" : [ 1 ,\t2 ] ,\r\n\"\\\\\" : \" \", \"\": \" \\\\\\\" :\" } ";
  char stripped[sizeof text];
  gsize length = belfry_json_strip (text, sizeof text - 1, stripped);

  stripped[length] = '\0';
  g_assert_cmpstr (stripped, ==, "{\"a \\\" b\":[1,2],\"\\\\\":\" \",\"\":\" \\\\\\\" :\"}");
}

static void
test_decodes (void)
{
  static const char text[] = "a\\n\\u00e9\\uD83D\\uDE00\\\\\\/\\u0000z";
  static const char decoded[] = "a\n\xc3\xa9\xf0\x9f\x98\x80\\/\0z";
  char buffer[sizeof text];
  gsize length = belfry_json_decode (text, sizeof text - 1, buffer);

  g_assert_cmpmem (buffer, length, decoded, sizeof decoded - 1);
  g_assert_true (belfry_json_equals (text, sizeof text - 1, decoded, sizeof decoded - 1));
  g_assert_false (belfry_json_equals (text, sizeof text - 1, decoded, sizeof decoded - 2));
  g_assert_false (belfry_json_equals (text, sizeof text - 2, decoded, sizeof decoded - 1));
  g_assert_false (belfry_json_equals ("\\u00e9", 6, "\xc3", 1));
}

static void
test_dups_strings (void)
{
  static const struct { const char *text, *decoded; } cases[] = {
    { "{\"kind\":\"\"}", "" }, { "{\"kind\":\"a\\u0062\"}", "ab" }, { "{\"kind\":\"\xc3\xa9\"}",
    "\xc3\xa9" },
    { "{\"kind\":\"a\\u0000\"}", NULL }, { "{\"kind\":1}", NULL }, { "{}", NULL },
  };
  BelfryJsonValue values[2], inner;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *decoded = NULL;

      g_assert_true (scan_members (cases[i].text, values, &inner));
      decoded = belfry_json_value_dup_string (&values[0]);
      g_assert_cmpstr (decoded, ==, cases[i].decoded);
    }
}

static void
test_reads_numbers (void)
{
  static const char * const numbers[] = {
    "0", "-0", "1", "-1", "10", "99.99", "0.1", "-0.3", "123456789012345", "999999999999999.9", "0.000000000000001",
    "1234567890.12345", "9007199254740993", "1e5", "1.5e-7", "1e400", "-1e400", "2.2250738585072014e-308", "4.9e-324",
    "179769313486231570000000000000000000000", "0.30000000000000004", "100.0", "1.0", "123456789012345.6",
  };
  BelfryJsonValue values[2], inner;

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autofree char *text = g_strdup_printf ("{\"kind\":%s}", numbers[i]);
      double expected = g_ascii_strtod (numbers[i], NULL);
      double found;

      g_assert_true (scan_members (text, values, &inner));
      found = belfry_json_value_to_double (&values[0]);
      g_assert_true (expected == found);
      g_assert_cmpint (signbit (expected) != 0, ==, signbit (found) != 0);
    }
}

/* What a hostile sender can make of ten megabytes costs about as much as any ten megabytes; the
 * bound is far over that and far under what quadratic work would take. */
static void
test_bounds_time (void)
{
  g_autofree char *digits = g_strnfill (10 * 1024 * 1024, '7');
  g_autoptr(GString) names_text = g_string_new ("{");
  guint n_members;
  GString *compact = NULL;

  g_assert_true (scan_exact (digits, strlen (digits)));

  for (guint i = 0; i < 100000; i++)
    g_string_append_printf (names_text, "%s\"same\":%u", i > 0 ? "," : "", i);
  g_string_append_c (names_text, '}');
  g_assert_true (scan_exact (names_text->str, names_text->len));
  compact = belfry_json_compact (names_text->str, names_text->len, &n_members);
  g_assert_cmpstr (compact->str, ==, "{\"same\":99999}");
  g_assert_cmpuint (n_members, ==, 1);
  g_string_free (compact, TRUE);

  g_string_assign (names_text, "{");
  for (guint i = 0; i < 100000; i++)
    g_string_append_printf (names_text, "%s\"%05u\":0", i > 0 ? "," : "", i);
  g_string_append_c (names_text, '}');
  compact = belfry_json_compact (names_text->str, names_text->len, &n_members);
  g_assert_cmpuint (n_members, ==, 100000);
  g_string_free (compact, TRUE);
}

/* Each level is there twice, so that each is put together anew. */
static void
test_bounds_time_of_nested_repeats (void)
{
  g_autofree char *filler = g_strnfill (500000, 'x');
  g_autoptr(GString) text = g_string_new (NULL);
  guint n_members;
  GString *compact = NULL;

  for (guint i = 1; i < BELFRY_JSON_DEPTH_MAX; i++)
    g_string_append (text, "{\"a\":0,\"a\":");
  g_string_append_printf (text, "\"%s\"", filler);
  for (guint i = 1; i < BELFRY_JSON_DEPTH_MAX; i++)
    g_string_append_c (text, '}');
  g_assert_true (scan_exact (text->str, text->len));
  compact = belfry_json_compact (text->str, text->len, &n_members);
  g_assert_cmpuint (n_members, ==, 1);
  g_assert_cmpuint (compact->len, ==, text->len - 6 * (BELFRY_JSON_DEPTH_MAX - 1));
  g_string_free (compact, TRUE);
}

static void
test_speed (void)
{
  static const char text[] =
    "{\"event_type\":\"answer_submitted\",\"source\":\"quiz_engine\",\"session_id\":\"session-1234567\",\"user_id\":\"user-7654321\","
    "\"payload\":{\"question_id\":\"q-000123\",\"answer\":\"B\",\"is_correct\":true,\"time_spent_ms\":18234,\"attempt\":2,"
    "\"comment\":\"I was not sure about this one, so I went back to it\",\"score\":0.75}}";
  guint n_rounds = g_test_perf () ? 2000000 : 1000;
  BelfryJsonValue values[2], inner;
  const BelfryJsonWanted wanted = { names, 2, values, 1, inner_names, 1, &inner };
  BelfryJsonValue root;
  double elapsed;

  g_test_timer_start ();
  for (guint i = 0; i < n_rounds; i++)
    g_assert_true (belfry_json_scan (text, sizeof text - 1, &wanted, &root));
  elapsed = g_test_timer_elapsed ();
  if (g_test_perf ())
    g_test_minimized_result (elapsed * 1e9 / n_rounds, "scan of %zu bytes: %.0f ns",
                             sizeof text - 1, elapsed * 1e9 / n_rounds);
}

/* What needs an escape gets it wherever it stands relative to the bytes that are looked at together, and what does not is
 * kept as it is. */
static void
test_writes_escapes_anywhere (void)
{
  for (gsize length = 1; length < 30; length++)
    for (gsize place = 0; place < length; place++)
      for (guint c = 0; c < 256; c++)
        {
          g_autofree char *text = g_strnfill (length, c % 2 == 0 ? '!' : '\xc3');
          g_autofree char *written = g_malloc0 (6 * length + 3);
          g_autofree char *read = g_malloc0 (length + 1);
          gsize n_escape = c == '"' || c == '\\' || (c >= '\b' && c <= '\r' && c != '\v') ? 1 : c < 0x20 ? 5 : 0;
          gsize written_length = length + 2 + n_escape;

          text[place] = (char) c;
          g_assert_cmpuint (belfry_json_measure_string (text, length), ==, written_length);
          g_assert_true (belfry_json_write_string (written, text, length) == written + written_length);
          g_assert_cmpint (written[0], ==, '"');
          g_assert_cmpint (written[written_length - 1], ==, '"');
          g_assert_cmpint (written[1 + place] == '\\', ==, n_escape > 0);
          g_assert_cmpuint (belfry_json_decode (written + 1, written_length - 2, read), ==, length);
          g_assert_cmpmem (read, length, text, length);
        }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/json/scan/accepts-what-rfc-8259-allows", test_accepts);
  g_test_add_func ("/json/scan/refuses-all-else", test_refuses);
  g_test_add_func ("/json/scan/refuses-every-prefix", test_refuses_prefixes);
  g_test_add_func ("/json/scan/finds-special-bytes-anywhere", test_finds_specials_anywhere);
  g_test_add_func ("/json/scan/bounds-depth", test_bounds_depth);
  g_test_add_func ("/json/scan/notes-members", test_notes_members);
  g_test_add_func ("/json/scan/last-member-wins", test_last_member_wins);
  g_test_add_func ("/json/scan/marks-possible-repeats", test_marks_repeats);
  g_test_add_func ("/json/scan/speed", test_speed);
  g_test_add_func ("/json/compact/resolves-repeats", test_compacts);
  g_test_add_func ("/json/compact/bounds-time", test_bounds_time);
  g_test_add_func ("/json/compact/bounds-time-of-nested-repeats",
                   test_bounds_time_of_nested_repeats);
  g_test_add_func ("/json/strip/keeps-strings", test_strips);
  g_test_add_func ("/json/decode/resolves-escapes", test_decodes);
  g_test_add_func ("/json/value/dups-strings", test_dups_strings);
  g_test_add_func ("/json/write/escapes-anywhere", test_writes_escapes_anywhere);
  g_test_add_func ("/json/value/reads-numbers", test_reads_numbers);

  return g_test_run ();
}
