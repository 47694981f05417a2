/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-error.h"
#include "belfry-event-private.h"
#include "belfry-event-validator.h"

typedef struct
{
  BelfryEventTypeRegistry *registry;
  BelfryEventValidator    *validator;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->registry = belfry_event_type_registry_new ();
  fixture->validator = belfry_event_validator_new (fixture->registry);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_object (&fixture->validator);
  g_clear_object (&fixture->registry);
}

/* From memory of the text's exact size. */
static BelfryEvent *
parse_bytes (Fixture *fixture, const char *text, gsize length, GError **error)
{
  g_autofree char *exact = g_memdup2 (text, length);

  return belfry_event_validator_parse (fixture->validator, exact != NULL ? exact : "",
                                       (gssize) length, error);
}

static BelfryEvent *
parse (Fixture *fixture, const char *text, GError **error)
{
  return parse_bytes (fixture, text, strlen (text), error);
}

#define HEAD "{\"event_type\":\"quiz_started\",\"source\":\"s\""

static BelfryEvent *
parse_payload (Fixture *fixture, const char *payload)
{
  g_autofree char *text = g_strconcat (HEAD ",\"payload\":", payload, "}", NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryEvent) event = parse (fixture, text, &error);

  g_assert_no_error (error);
  return g_steal_pointer (&event);
}

static void
test_takes_all_fields (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryEvent) event =
    parse (fixture, " {\"id\":\"mine\",\"event_type\":\"answer_submitted\",\"source\":\"quiz_engine-1.x\",\"session_id\":\"session-123\","
           "\"user_id\":null,\"payload\":{\"answer\":\"B\"},\"timestamp\":5} ", &error);

  g_assert_no_error (error);
  g_assert_cmpstr (belfry_event_get_event_type (event), ==, "answer_submitted");
  g_assert_cmpstr (belfry_event_get_source (event), ==, "quiz_engine-1.x");
  g_assert_cmpstr (belfry_event_get_session_id (event), ==, "session-123");
  g_assert_null (belfry_event_get_user_id (event));
  g_assert_cmpstr (belfry_event_get_payload (event), ==, "{\"answer\":\"B\"}");
  g_assert_null (belfry_event_get_id (event));
  g_assert_null (belfry_event_get_json (event));
  g_assert_cmpuint (belfry_event_get_position (event), ==, 0);
}

static void
test_payload_defaults_to_empty (Fixture *fixture, gconstpointer data)
{
  g_autoptr(BelfryEvent) event = parse (fixture, HEAD "}", NULL);

  g_assert_cmpstr (belfry_event_get_payload (event), ==, "{}");
}

static void
test_decodes_names_and_strings (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryEvent) event =
    parse (fixture, "{\"event\\u005ftype\":\"quiz_st\\u0061rted\",\"s\\u006furce\":\"\\u0061b\",\"session_id\":\"\\ud83d\\ude00\\n\","
           "\"user_id\":\"\"}", &error);

  g_assert_no_error (error);
  g_assert_cmpstr (belfry_event_get_event_type (event), ==, "quiz_started");
  g_assert_cmpstr (belfry_event_get_source (event), ==, "ab");
  g_assert_cmpstr (belfry_event_get_session_id (event), ==, "\xf0\x9f\x98\x80\n");
  g_assert_cmpstr (belfry_event_get_user_id (event), ==, "");
}

static void
test_compacts_payload (Fixture *fixture, gconstpointer data)
{
  static const struct { const char *sent, *kept; } cases[] = {
    { "{}", "{}" },
    { "{ }", "{}" },
    { "{\"a\":[1,2]}", "{\"a\":[1,2]}" },
    { "{\n  \"a b\": [1, 2],\n  \"c\": \" x \"\n}", "{\"a b\":[1,2],\"c\":\" x \"}" },
    { "{\"a\":1,\"a\":2}", "{\"a\":2}" },
    { "{ \"a\" : {\"b\":1, \"\\u0062\":2} }", "{\"a\":{\"b\":2}}" },
    { "{\"n\":12345678901234567890123.45000,\"i\":9007199254740993,\"e\":1E5}",
      "{\"n\":12345678901234567890123.45000,\"i\":9007199254740993,\"e\":1E5}" },
    { "{\"nul\":\"a\\u0000b\",\"\\u0000\":1}", "{\"nul\":\"a\\u0000b\",\"\\u0000\":1}" },
    { "{\"e\":\"\\u00e9\\/\"}", "{\"e\":\"\\u00e9\\/\"}" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(BelfryEvent) event = parse_payload (fixture, cases[i].sent);

      g_assert_cmpstr (belfry_event_get_payload (event), ==, cases[i].kept);
    }
}

static void
test_takes_tier_and_amount (Fixture *fixture, gconstpointer data)
{
  static const struct { const char *payload,
  *tier; gboolean has_amount; double amount; } cases[] = {
    { "{}", NULL, FALSE, 0 },
    { "{\"user_tier\":\"premium\",\"amount\":150}", "premium", TRUE, 150 },
    { "{\"user_tier\":\"pr\\u0065mium\",\"amount\":-1.5e3}", "premium", TRUE, -1500 },
    { "{ \"user_tier\": \"x\", \"amount\": 99.99 }", "x", TRUE, 99.99 },
    { "{\"user_tier\":1,\"amount\":\"150\"}", NULL, FALSE, 0 },
    { "{\"user_tier\":null,\"amount\":true}", NULL, FALSE, 0 },
    { "{\"x\":{\"user_tier\":\"premium\",\"amount\":150}}", NULL, FALSE, 0 },
    { "{\"amount\":1,\"amount\":2,\"user_tier\":\"a\",\"user_tier\":\"b\"}", "b", TRUE, 2 },
    { "{\"amount\":1,\"amount\":null,\"user_tier\":\"a\",\"user_tier\":[]}", NULL, FALSE, 0 },
    { "{\"\\u0061mount\":7,\"user\\u005Ftier\":\"t\"}", "t", TRUE, 7 },
    { "{\"user_tier\":\"a\\u0000\"}", NULL, FALSE, 0 },
    { "{\"user_tier\":\"\"}", "", FALSE, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(BelfryEvent) event = parse_payload (fixture, cases[i].payload);
      double amount = 0;

      g_assert_cmpstr (belfry_event_peek_user_tier (event), ==, cases[i].tier);
      g_assert_cmpint (belfry_event_peek_amount (event, &amount), ==, cases[i].has_amount);
      g_assert_cmpfloat (amount, ==, cases[i].amount);
    }
}

static void
test_compacts_payload_of_any_size (Fixture *fixture, gconstpointer data)
{
  for (gsize length = 1; length < 9000; length += length < 4000 || length > 4100 ? 499 : 1)
    {
      g_autofree char *text = g_strnfill (length, 'x');
      g_autofree char *sent = g_strconcat ("{ \"a\" : \"", text, " \\\\\" , \"b\":1}", NULL);
      g_autofree char *kept = g_strconcat ("{\"a\":\"", text, " \\\\\",\"b\":1}", NULL);
      g_autoptr(BelfryEvent) event = parse_payload (fixture, sent);

      g_assert_cmpstr (belfry_event_get_payload (event), ==, kept);
    }
}

static void
test_last_payload_wins (Fixture *fixture, gconstpointer data)
{
  g_autoptr(BelfryEvent) event = parse (fixture,
                                        HEAD ",\"payload\":{\"amount\":1},\"payload\":{\"b\":1}}", NULL);
  double amount;

  g_assert_cmpstr (belfry_event_get_payload (event), ==, "{\"b\":1}");
  g_assert_false (belfry_event_peek_amount (event, &amount));
}

static void
test_refuses_invalid_json (Fixture *fixture, gconstpointer data)
{
  static const char * const texts[] = {
    "", "{", "nope", HEAD ",\"payload\":{\"a\":NaN}}", HEAD ",\"payload\":{\"a\":\"\\ud800\"}}", HEAD "}x", HEAD "}\n{}",
    HEAD ",\"payload\":{\"a\":\"\xff\"}}", "\xef\xbb\xbf" HEAD "}", HEAD ",}", "{'event_type':'quiz_started'}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (parse (fixture, texts[i], &error));
      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_JSON);
      g_assert_cmpstr (error->message, ==, "Invalid JSON");
      g_assert_nonnull (belfry_error_get_problems (error));
    }
}

static void
test_empty_bytes_are_invalid (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GBytes) empty = g_bytes_new (NULL, 0);
  g_autoptr(GError) error = NULL;

  g_assert_null (belfry_event_validator_parse (fixture->validator, g_bytes_get_data (empty, NULL),
                                               0, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_JSON);
}

static void
assert_problem (GError *error, guint index, const char *field, const char *rule)
{
  GPtrArray *problems = belfry_error_get_problems (error);
  const BelfryProblem *problem;

  g_assert_nonnull (problems);
  g_assert_cmpuint (index, <, problems->len);
  problem = g_ptr_array_index (problems, index);
  g_assert_cmpstr (problem->field, ==, field);
  g_assert_cmpstr (problem->rule, ==, rule);
}

static void
test_names_each_rule (Fixture *fixture, gconstpointer data)
{
  g_autofree char *hundred = g_strnfill (100, 'a');
  g_autofree char *two_hundred = g_strnfill (200, 'a');
  g_autofree char *long_source = g_strconcat ("{\"event_type\":\"quiz_started\",\"source\":\"",
                                              hundred, "a\"}", NULL);
  g_autofree char *long_session = g_strconcat (HEAD ",\"session_id\":\"", two_hundred, "\\u00e9\"}",
                                               NULL);
  g_autofree char *long_user = g_strconcat (HEAD ",\"user_id\":\"", two_hundred, "\xc3\xa9\"}",
                                            NULL);
  const struct { const char *text, *field, *rule, *message; } cases[] = {
    { "[]", "", "model_attributes_type", "Input should be a valid dictionary or object" },
    { "null", "", "model_attributes_type", "Input should be a valid dictionary or object" },
    { "{\"source\":\"s\"}", "event_type", "missing", "event_type: Field required" },
    { "{\"event_type\":\"quiz_started\"}", "source", "missing", "source: Field required" },
    { "{\"event_type\":null,\"source\":\"s\"}", "event_type", "string_type",
      "event_type: Input should be a valid string" },
    { "{\"event_type\":\"quiz_started\",\"source\":5}", "source", "string_type",
      "source: Input should be a valid string" },
    { "{\"event_type\":\"quiz_started\",\"source\":\"\"}", "source", "string_too_short",
      "source: String should have at least 1 character" },
    { long_source, "source", "string_too_long",
      "source: String should have at most 100 characters" },
    { "{\"event_type\":\"quiz_started\",\"source\":\"a b\"}", "source", "string_pattern_mismatch",
      "source: String should match pattern '^[A-Za-z0-9_.-]+$'" },
    { "{\"event_type\":\"quiz_started\",\"source\":\"\\u00e9\"}", "source",
      "string_pattern_mismatch", NULL },
    { "{\"event_type\":\"quiz_started\",\"source\":\"a\\u0000\"}", "source",
      "string_pattern_mismatch", NULL },
    { HEAD ",\"session_id\":1}", "session_id", "string_type", NULL },
    { HEAD ",\"user_id\":[]}", "user_id", "string_type", NULL },
    { long_session, "session_id", "string_too_long",
      "session_id: String should have at most 200 characters" },
    { long_user, "user_id", "string_too_long", NULL },
    { HEAD ",\"user_id\":\"a\\u0000b\"}", "user_id", "value_error",
      "user_id: String should not contain U+0000" },
    { HEAD ",\"payload\":null}", "payload", "dict_type",
      "payload: Input should be a valid dictionary" },
    { HEAD ",\"payload\":[]}", "payload", "dict_type", NULL },
    { HEAD ",\"payload\":\"{}\"}", "payload", "dict_type", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (parse (fixture, cases[i].text, &error));
      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_EVENT);
      assert_problem (error, 0, cases[i].field, cases[i].rule);
      g_assert_cmpuint (belfry_error_get_problems (error)->len, ==, 1);
      if (cases[i].message != NULL)
        g_assert_cmpstr (error->message, ==, cases[i].message);
    }
}

static void
test_names_all_rules (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) all = NULL;
  g_autoptr(GError) copy = NULL;

  g_assert_null (parse (fixture, "{}", &error));
  assert_problem (error, 0, "event_type", "missing");
  assert_problem (error, 1, "source", "missing");
  g_assert_cmpuint (belfry_error_get_problems (error)->len, ==, 2);

  g_assert_null (parse (fixture,
                        "{\"event_type\":1,\"source\":2,\"session_id\":3,\"user_id\":4,\"payload\":5}", &all));
  copy = g_error_copy (all);
  g_clear_error (&all);
  g_assert_cmpuint (belfry_error_get_problems (copy)->len, ==, 5);
  assert_problem (copy, 4, "payload", "dict_type");
  g_assert_null (parse (fixture, "{}", NULL));
}

static void
test_counts_characters (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GString) text = g_string_new (HEAD ",\"session_id\":\"");
  g_autoptr(BelfryEvent) event = NULL;
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 200; i++)
    g_string_append (text, "\\ud83d\\ude00");
  g_string_append (text, "\",\"user_id\":\"");
  for (guint i = 0; i < 200; i++)
    g_string_append (text, "\xf0\x9f\x98\x80");
  g_string_append (text, "\"}");
  event = parse (fixture, text->str, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_utf8_strlen (belfry_event_get_session_id (event), -1), ==, 200);
  g_assert_cmpstr (belfry_event_get_session_id (event), ==, belfry_event_get_user_id (event));
}

static void
test_names_unknown_type (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (parse (fixture, "{\"event_type\":\"no\\u0007pe\",\"source\":\"s\"}", &error));
  assert_problem (error, 0, "event_type", "value_error");
  g_assert_true (g_str_has_prefix (error->message,
                                   "event_type: Unknown event type 'no\xef\xbf\xbdpe'; known types: answer_changed, answer_submitted, "));
  g_assert_true (g_str_has_suffix (error->message, "timer_tick, timer_warning"));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_clear_error (&error);

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *name = g_strdup_printf ("a%02u", i);

      g_assert_true (belfry_event_type_registry_register (fixture->registry, name, "d", NULL));
    }
  g_assert_null (parse (fixture, "{\"event_type\":\"\",\"source\":\"s\"}", &error));
  g_assert_true (g_str_has_prefix (error->message,
                                   "event_type: Unknown event type ''; known types: a00, a01, "));
  g_assert_true (g_str_has_suffix (error->message, ", a48, a49 … and 73 more"));
}

static void
test_cuts_unknown_type (Fixture *fixture, gconstpointer data)
{
  static const char * const units[] = { "x", "\xc3\xa9", "\\u00e9", "\\ud83d\\ude00", "\\n",
  "\xf0\x9f\x98\x80" };

  for (guint i = 0; i < G_N_ELEMENTS (units); i++)
    {
      g_autoptr(GString) text = g_string_new ("{\"source\":\"s\",\"event_type\":\"");
      g_autoptr(GError) error = NULL;

      for (guint n = 0; n < 5000; n++)
        g_string_append (text, units[i]);
      g_string_append (text, "\"}");
      g_assert_null (parse (fixture, text->str, &error));
      assert_problem (error, 0, "event_type", "value_error");
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      g_assert_nonnull (strstr (error->message, "…'; known types"));
      g_assert_cmpuint (strlen (error->message), <, 2000);
    }
}

static void
test_bounds_payload_keys (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GString) text = g_string_new (HEAD ",\"payload\":{\"k\":0");
  g_autoptr(BelfryEvent) event = NULL;
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 300; i++)
    g_string_append (text, ",\"k\":{\"x\":0}");
  for (guint i = 0; i < 49; i++)
    g_string_append_printf (text, ",\"k%u\":0", i);
  event = parse (fixture, text->str, &error);
  g_assert_null (event);
  g_clear_error (&error);

  g_string_append (text, "}}");
  event = parse (fixture, text->str, &error);
  g_assert_no_error (error);
  g_string_truncate (text, text->len - 2);
  g_string_append (text, ",\"one\":0}}");
  g_assert_null (parse (fixture, text->str, &error));
  assert_problem (error, 0, "payload", "value_error");
  g_assert_cmpstr (error->message, ==, "payload: Payload should have at most 50 keys, not 51");
  g_clear_error (&error);

  g_object_set (fixture->validator, "max-payload-keys", 51, NULL);
  belfry_event_unref (event);
  event = parse (fixture, text->str, &error);
  g_assert_no_error (error);
}

static void
test_bounds_payload_bytes (Fixture *fixture, gconstpointer data)
{
  g_autofree char *most = g_strnfill (65536 - strlen ("{\"a\":\"\"}"), 'x');
  g_autofree char *fits = g_strconcat (HEAD ",\"payload\":  { \"a\" : 0, \"a\" :\"", most, "\" }}",
                                       NULL);
  g_autofree char *over = g_strconcat (HEAD ",\"payload\":{\"a\":\"x", most, "\"}}", NULL);
  g_autoptr(BelfryEvent) event = NULL;
  g_autoptr(GError) error = NULL;

  event = parse (fixture, fits, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (belfry_event_get_payload (event)), ==, 65536);
  g_assert_null (parse (fixture, over, &error));
  g_assert_cmpstr (error->message, ==,
                   "payload: Payload should take at most 65536 bytes, not 65537");
}

static void
test_bounds_depth (Fixture *fixture, gconstpointer data)
{
  for (guint depth = 64; depth <= 65; depth++)
    {
      g_autofree char *open = g_strnfill (depth - 2, '[');
      g_autofree char *close = g_strnfill (depth - 2, ']');
      g_autofree char *text = g_strconcat (HEAD ",\"payload\":{\"a\":", open, close, "}}", NULL);
      g_autoptr(GError) error = NULL;
      g_autoptr(BelfryEvent) event = parse (fixture, text, &error);

      g_assert_cmpint (event != NULL, ==, depth == 64);
      if (depth == 64)
        g_assert_no_error (error);
      else
        g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_JSON);
    }
}

static void
test_bounds_time (Fixture *fixture, gconstpointer data)
{
  g_autofree char *digits = g_strnfill (10 * 1024 * 1024, '9');
  g_autofree char *number = g_strconcat (HEAD ",\"payload\":{\"amount\":", digits, "}}", NULL);
  g_autofree char *unknown = g_strconcat ("{\"event_type\":\"", digits, "\",\"source\":\"", digits,
                                          "\"}", NULL);
  g_autoptr(GError) error = NULL;

  g_assert_null (parse (fixture, number, &error));
  assert_problem (error, 0, "payload", "value_error");
  g_clear_error (&error);
  g_assert_null (parse (fixture, unknown, &error));
  g_assert_cmpuint (strlen (error->message), <, 2000);
}

static void
test_reads_properties (Fixture *fixture, gconstpointer data)
{
  g_autoptr(BelfryEventTypeRegistry) registry = NULL;
  guint keys, bytes;

  g_object_get (fixture->validator, "registry", &registry, "max-payload-keys", &keys,
                "max-payload-bytes", &bytes, NULL);
  g_assert_true (registry == fixture->registry);
  g_assert_true (belfry_event_validator_get_registry (fixture->validator) == registry);
  g_assert_cmpuint (keys, ==, 50);
  g_assert_cmpuint (bytes, ==, 65536);
}

static void
test_counts_refused (Fixture *fixture, gconstpointer data)
{
  g_autoptr(BelfryEvent) event = parse (fixture, HEAD "}", NULL);
  guint64 n_refused;

  g_assert_nonnull (event);
  g_assert_null (parse (fixture, "{}", NULL));
  g_assert_null (parse (fixture, "[]", NULL));
  g_assert_null (parse (fixture, "x", NULL));
  g_object_get (fixture->validator, "n-refused", &n_refused, NULL);
  g_assert_cmpuint (n_refused, ==, 3);
}

static void
test_speed (Fixture *fixture, gconstpointer data)
{
  static const char text[] =
    "{\"event_type\":\"answer_submitted\",\"source\":\"quiz_engine\",\"session_id\":\"session-1234567\",\"user_id\":\"user-7654321\","
    "\"payload\":{\"question_id\":\"q-000123\",\"answer\":\"B\",\"is_correct\":true,\"time_spent_ms\":18234,\"attempt\":2,"
    "\"comment\":\"I was not sure about this one, so I went back to it\",\"score\":0.75}}";
  guint n_rounds = g_test_perf () ? 1000000 : 1000;
  double elapsed;

  g_test_timer_start ();
  for (guint i = 0; i < n_rounds; i++)
    {
      g_autoptr(BelfryEvent) event = belfry_event_validator_parse (fixture->validator, text,
                                                                   sizeof text - 1, NULL);

      g_assert_nonnull (event);
    }
  elapsed = g_test_timer_elapsed ();
  if (g_test_perf ())
    g_test_minimized_result (elapsed * 1e9 / n_rounds,
                             "event of %zu bytes, made and freed: %.0f ns",
                             sizeof text - 1, elapsed * 1e9 / n_rounds);
}

int
main (int argc, char *argv[])
{
  static const struct { const char *path; void (*test) (Fixture *, gconstpointer); } tests[] = {
    { "/validator/parse/takes-all-fields", test_takes_all_fields },
    { "/validator/parse/payload-defaults-to-empty", test_payload_defaults_to_empty },
    { "/validator/parse/decodes-names-and-strings", test_decodes_names_and_strings },
    { "/validator/parse/compacts-payload", test_compacts_payload },
    { "/validator/parse/compacts-payload-of-any-size", test_compacts_payload_of_any_size },
    { "/validator/parse/takes-tier-and-amount", test_takes_tier_and_amount },
    { "/validator/parse/last-payload-wins", test_last_payload_wins },
    { "/validator/parse/refuses-invalid-json", test_refuses_invalid_json },
    { "/validator/parse/empty-bytes-are-invalid", test_empty_bytes_are_invalid },
    { "/validator/parse/names-each-rule", test_names_each_rule },
    { "/validator/parse/names-all-broken-rules", test_names_all_rules },
    { "/validator/parse/counts-characters-not-bytes", test_counts_characters },
    { "/validator/parse/names-unknown-type-and-lists-known", test_names_unknown_type },
    { "/validator/parse/cuts-unknown-type", test_cuts_unknown_type },
    { "/validator/parse/bounds-payload-keys", test_bounds_payload_keys },
    { "/validator/parse/bounds-payload-bytes", test_bounds_payload_bytes },
    { "/validator/parse/bounds-depth", test_bounds_depth },
    { "/validator/parse/bounds-time", test_bounds_time },
    { "/validator/properties/have-defaults", test_reads_properties },
    { "/validator/properties/count-refused", test_counts_refused },
    { "/validator/parse/speed", test_speed },
  };

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);

  return g_test_run ();
}
