/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <math.h>
#include <string.h>

#include "belfry-error.h"
#include "belfry-event-private.h"
#include "belfry-filter-private.h"

static BelfryFilter *
read_filter (const char *json)
{
  g_autoptr(GError) error = NULL;
  BelfryFilter *filter = belfry_filter_new_from_json (json, -1, &error);

  g_assert_no_error (error);
  return filter;
}

static BelfryEvent *
make_event (const char *type, const char *session_id, const char *user_id, const char *tier,
            const double *amount)
{
  const BelfryEventFields fields = {
    .event_type = type, .event_type_length = -1, .source = "s", .source_length = -1,
    .session_id = session_id, .session_id_length = -1, .user_id = user_id, .user_id_length = -1,
    .payload = "{}", .payload_length = -1, .user_tier = tier, .user_tier_length = -1,
    .has_amount = amount != NULL, .amount = amount != NULL ? *amount : 0,
  };

  return belfry_event_new_trusted (&fields);
}

static void
test_any (void)
{
  static const char * const texts[] = {
    "{}", "{\"event_types\":null,\"session_id\":null,\"user_id\":null,\"user_tiers\":null,\"min_amount\":null}",
    "{\"event_types\":[],\"session_id\":\"\",\"user_id\":\"\",\"user_tiers\":[]}", " { \"unknown\" : { \"event_types\" : 5 } } ",
  };
  g_autoptr(BelfryFilter) none = belfry_filter_new (NULL, NULL, NULL);
  g_autoptr(BelfryEvent) event = make_event ("a", NULL, NULL, NULL, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr(BelfryFilter) filter = read_filter (texts[i]);
      g_autofree char *json = belfry_filter_to_json (filter);
      double min_amount;

      g_assert_true (belfry_filter_is_any (filter));
      g_assert_true (belfry_filter_equal (filter, none));
      g_assert_true (belfry_filter_matches (filter, event));
      g_assert_cmpstr (json, ==, "{}");
      g_assert_null (belfry_filter_get_event_types (filter));
      g_assert_null (belfry_filter_get_session_id (filter));
      g_assert_null (belfry_filter_get_user_id (filter));
      g_assert_null (belfry_filter_get_user_tiers (filter));
      g_assert_false (belfry_filter_get_min_amount (filter, &min_amount));
    }
}

static void
test_matches (void)
{
  static const struct { const char *filter; gboolean matches; } cases[] = {
    { "{\"event_types\":[\"b\",\"a\"]}", TRUE }, { "{\"event_types\":[\"b\"]}",
    FALSE }, { "{\"event_types\":[\"\"]}", FALSE },
    { "{\"event_types\":[\"c\",\"a\",\"c\",\"b\",\"a\"]}", TRUE }, { "{\"event_types\":[\"A\"]}",
    FALSE },
    { "{\"session_id\":\"s\"}", TRUE }, { "{\"session_id\":\"S\"}",
    FALSE }, { "{\"user_id\":\"u\"}", TRUE },
    { "{\"user_id\":\"uu\"}", FALSE }, { "{\"user_tiers\":[\"gold\",\"premium\"]}",
    TRUE }, { "{\"user_tiers\":[\"gold\"]}", FALSE },
    { "{\"min_amount\":100}", TRUE }, { "{\"min_amount\":100.5}",
    TRUE }, { "{\"min_amount\":100.51}", FALSE },
    { "{\"min_amount\":-1e300}", TRUE }, { "{\"min_amount\":99999999999999999999}", FALSE },
    { "{\"min_amount\":-99999999999999999999}", TRUE },
    { "{\"event_types\":[\"a\"],\"session_id\":\"s\",\"user_id\":\"u\",\"user_tiers\":[\"premium\"],\"min_amount\":1}", TRUE },
    { "{\"event_types\":[\"a\"],\"session_id\":\"s\",\"user_id\":\"x\",\"user_tiers\":[\"premium\"],\"min_amount\":1}", FALSE },
  };
  double amount = 100.5;
  g_autoptr(BelfryEvent) event = make_event ("a", "s", "u", "premium", &amount);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(BelfryFilter) filter = read_filter (cases[i].filter);

      g_assert_cmpint (belfry_filter_matches (filter, event), ==, cases[i].matches);
      g_assert_false (belfry_filter_is_any (filter));
    }
}

static void
test_absent_fields_do_not_match (void)
{
  static const char * const filters[] = {
    "{\"session_id\":\"s\"}", "{\"user_id\":\"u\"}", "{\"user_tiers\":[\"\"]}", "{\"min_amount\":0}",
  };
  g_autoptr(BelfryEvent) event = make_event ("a", NULL, NULL, NULL, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (filters); i++)
    {
      g_autoptr(BelfryFilter) filter = read_filter (filters[i]);

      g_assert_false (belfry_filter_matches (filter, event));
    }
}

static void
test_many_types (void)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(BelfryFilter) filter = NULL;

  for (guint i = 0; i < BELFRY_FILTER_TYPES_MAX; i++)
    g_ptr_array_add (names, g_strdup_printf ("type%u", i * 7919 % BELFRY_FILTER_TYPES_MAX * 2));
  g_ptr_array_add (names, NULL);
  filter = belfry_filter_new ((const char * const *) names->pdata, NULL, NULL);
  for (guint i = 0; i < 2 * BELFRY_FILTER_TYPES_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("type%u", i);
      g_autoptr(BelfryEvent) event = make_event (name, NULL, NULL, NULL, NULL);

      g_assert_cmpint (belfry_filter_matches (filter, event), ==, i % 2 == 0);
    }
}

static void
assert_refused (BelfryFilter *filter, GError **error, int code, const char *name)
{
  g_assert_null (filter);
  g_assert_error (*error, BELFRY_ERROR, code);
  g_assert_nonnull (strstr ((*error)->message, name));
  g_clear_error (error);
}

static void
test_refuses_wrong_type (void)
{
  static const struct { const char *text, *name; } cases[] = {
    { "[]", "filter" }, { "null", "filter" }, { "\"x\"", "filter" },
    { "{\"event_types\":\"a\"}", "event_types" }, { "{\"event_types\":{}}",
    "event_types" }, { "{\"event_types\":[1]}", "event_types" },
    { "{\"event_types\":[\"a\",null]}", "event_types" }, { "{\"event_types\":[[\"a\"]]}",
    "event_types" },
    { "{\"session_id\":1}", "session_id" }, { "{\"session_id\":[]}",
    "session_id" }, { "{\"user_id\":true}", "user_id" },
    { "{\"user_id\":{}}", "user_id" }, { "{\"user_tiers\":\"x\"}",
    "user_tiers" }, { "{\"user_tiers\":[false]}", "user_tiers" },
    { "{\"min_amount\":\"1\"}", "min_amount" }, { "{\"min_amount\":true}",
    "min_amount" }, { "{\"min_amount\":[1]}", "min_amount" },
    { "{\"min_amount\":1e400}", "min_amount" }, { "{\"min_amount\":-1e400}", "min_amount" },
    { "{\"session_id\":\"a\\u0000b\"}", "session_id" }, { "{\"user_tiers\":[\"\\u0000\"]}",
    "user_tiers" },
    { "{\"event_types\":[\"x\\\\\\u0000\"]}", "event_types" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;
      BelfryFilter *filter = belfry_filter_new_from_json (cases[i].text, -1, &error);

      assert_refused (filter, &error, BELFRY_ERROR_INVALID_ARGUMENT, cases[i].name);
    }
}

static void
test_reads_hard_texts (void)
{
  static const char text[] = "{\"min_amount\\u0000\":1,\"event_types\":[ \"a\" ,\n\"b\\\"],\\\\\" ],"
                             "\"\\u0075ser_tiers\":[\"\\u00e9\"],\"user_tiers\\u0000\":[1]}";
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryFilter) filter = belfry_filter_new_from_json (text, -1, &error);

  g_test_summary ("Names are compared whole, strings are read whatever they hold");
  g_assert_no_error (error);
  g_assert_false (belfry_filter_get_min_amount (filter, NULL));
  g_assert_true (g_strv_equal (belfry_filter_get_event_types (filter),
                               (const char * const[]) { "a", "b\"],\\", NULL }));
  g_assert_true (g_strv_equal (belfry_filter_get_user_tiers (filter), (const char * const[]) { "\u00e9", NULL }));
}

static void
test_refuses_invalid_json (void)
{
  static const char * const texts[] = { "", "{", "{}x", "{'a':1}", "{\"min_amount\":NaN}",
  "{\"user_id\":\"\\ud800\"}", "// x\n{}" };
  g_autoptr(BelfryFilter) literal = read_filter ("{\"user_id\":\"\\\\u0000\"}");

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr(GError) error = NULL;
      BelfryFilter *filter = belfry_filter_new_from_json (texts[i], -1, &error);

      assert_refused (filter, &error, BELFRY_ERROR_INVALID_JSON, "Invalid JSON");
    }
  g_assert_cmpstr (belfry_filter_get_user_id (literal), ==, "\\u0000");
}

static void
test_bounds (void)
{
  g_autofree char *name_51 = g_strnfill (51, 'a');
  g_autofree char *id_201 = g_strnfill (201, 'a');
  g_autofree char *id_200 = g_strnfill (200, 'a');
  g_autoptr(GString) wide = g_string_new (NULL);
  g_autoptr(GString) many = g_string_new ("{\"event_types\":[\"a\"");
  const char *types[] = { name_51, NULL };
  const char *tiers[] = { id_201, NULL };
  double not_finite = NAN;
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryFilter) filter = NULL;

  assert_refused (belfry_filter_new_checked (types, NULL, NULL, NULL, NULL, &error), &error,
                  BELFRY_ERROR_INVALID_ARGUMENT, "event_types");
  assert_refused (belfry_filter_new_checked (NULL, id_201, NULL, NULL, NULL, &error), &error,
                  BELFRY_ERROR_INVALID_ARGUMENT, "session_id");
  assert_refused (belfry_filter_new_checked (NULL, NULL, "\xff", NULL, NULL, &error), &error,
                  BELFRY_ERROR_INVALID_ARGUMENT, "user_id");
  assert_refused (belfry_filter_new_checked (NULL, NULL, NULL, tiers, NULL, &error), &error,
                  BELFRY_ERROR_INVALID_ARGUMENT, "user_tiers");
  assert_refused (belfry_filter_new_checked (NULL, NULL, NULL, NULL, &not_finite, &error), &error,
                  BELFRY_ERROR_INVALID_ARGUMENT, "min_amount");

  for (guint i = 0; i < BELFRY_FILTER_TYPES_MAX - 1; i++)
    g_string_append (many, ",\"a\"");
  g_string_append (many, "]}");
  filter = read_filter (many->str);
  g_assert_cmpuint (g_strv_length ((char **) belfry_filter_get_event_types (filter)), ==,
                    BELFRY_FILTER_TYPES_MAX);
  belfry_filter_unref (g_steal_pointer (&filter));
  g_string_truncate (many, many->len - 2);
  g_string_append (many, ",\"a\"]}");
  assert_refused (belfry_filter_new_from_json (many->str, (gssize) many->len, &error), &error,
                  BELFRY_ERROR_INVALID_ARGUMENT, "event_types");

  for (guint i = 0; i < 200; i++)
    g_string_append (wide, "\xf0\x9f\x98\x80");
  filter = belfry_filter_new_checked (NULL, wide->str, id_200, NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
test_equal_ignores_order (void)
{
  g_autoptr(BelfryFilter) a = read_filter ("{\"event_types\":[\"a\",\"b\",\"a\"],\"user_tiers\":[\"x\",\"y\"],\"min_amount\":0}");
  g_autoptr(BelfryFilter) b = read_filter ("{\"min_amount\":-0.0,\"user_tiers\":[\"y\",\"x\"],\"event_types\":[\"b\",\"a\"]}");
  static const char * const others[] = {
    "{}", "{\"event_types\":[\"a\",\"b\"]}", "{\"event_types\":[\"a\",\"b\"],\"user_tiers\":[\"x\",\"y\"]}",
    "{\"event_types\":[\"a\"],\"user_tiers\":[\"x\",\"y\"],\"min_amount\":0}",
    "{\"event_types\":[\"a\",\"b\"],\"user_tiers\":[\"x\"],\"min_amount\":0}",
    "{\"event_types\":[\"a\",\"b\"],\"user_tiers\":[\"x\",\"y\"],\"min_amount\":1}",
    "{\"event_types\":[\"a\",\"b\"],\"user_tiers\":[\"x\",\"y\"],\"min_amount\":0,\"session_id\":\"s\"}",
    "{\"event_types\":[\"a\",\"b\"],\"user_tiers\":[\"x\",\"y\"],\"min_amount\":0,\"user_id\":\"s\"}",
  };

  g_assert_true (belfry_filter_equal (a, b));
  g_assert_cmpuint (belfry_filter_hash (a), ==, belfry_filter_hash (b));
  g_assert_cmpstr (belfry_filter_get_event_types (a)[2], ==, "a");
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autoptr(BelfryFilter) other = read_filter (others[i]);

      g_assert_false (belfry_filter_equal (a, other));
    }
}

static void
test_json_round_trips (void)
{
  static const char * const texts[] = {
    "{\"event_types\":[\"b\",\"a\"],\"session_id\":\"\\\"\\u00e9\\n\",\"user_id\":\"u\",\"user_tiers\":[\"t\"],\"min_amount\":0.1}",
    "{\"min_amount\":1e300}", "{\"min_amount\":100}", "{\"session_id\":\"x\"}", "{\"min_amount\":0.30000000000000004}",
    "{\"min_amount\":12345678901234567890}", "{\"min_amount\":99999999999999999999}", "{\"min_amount\":-1.5e-300}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr(BelfryFilter) filter = read_filter (texts[i]);
      g_autofree char *json = belfry_filter_to_json (filter);
      g_autoptr(BelfryFilter) again = read_filter (json);

      g_assert_true (belfry_filter_equal (filter, again));
    }
}

static void
test_json_is_short (void)
{
  g_autoptr(BelfryFilter) filter =
    read_filter ("{\"min_amount\": 100.0, \"event_types\": [\"b\", \"a\"], \"user_id\": \"\\u00e9\\\"\", \"x\": 1}");
  g_autofree char *json = belfry_filter_to_json (filter);

  g_assert_cmpstr (json, ==,
                   "{\"event_types\":[\"b\",\"a\"],\"user_id\":\"\xc3\xa9\\\"\",\"min_amount\":100}");
}

static void
test_reads_variants (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) all = g_variant_ref_sink (g_variant_new_parsed (
    "{'event_types': <['a']>, 'session_id': <'s'>, 'user_id': <''>, 'user_tiers': <['t']>, 'min_amount': <5.0>, 'x': <1>}"));
  g_autoptr(GVariant) wrong = g_variant_ref_sink (g_variant_new_parsed ("{'event_types': <'a'>}"));
  g_autoptr(GVariant) wrong_number = g_variant_ref_sink (g_variant_new_parsed ("{'min_amount': <5>}"));
  g_autoptr(GVariant) empty = g_variant_ref_sink (g_variant_new_parsed ("@a{sv} {}"));
  g_autoptr(BelfryFilter) filter = belfry_filter_new_from_variant (all, &error);
  g_autoptr(BelfryFilter) any = NULL;
  double min_amount;

  g_assert_no_error (error);
  g_assert_cmpstr (belfry_filter_get_event_types (filter)[0], ==, "a");
  g_assert_cmpstr (belfry_filter_get_session_id (filter), ==, "s");
  g_assert_null (belfry_filter_get_user_id (filter));
  g_assert_cmpstr (belfry_filter_get_user_tiers (filter)[0], ==, "t");
  g_assert_true (belfry_filter_get_min_amount (filter, &min_amount));
  g_assert_cmpfloat (min_amount, ==, 5.0);
  any = belfry_filter_new_from_variant (empty, &error);
  g_assert_true (belfry_filter_is_any (any));
  assert_refused (belfry_filter_new_from_variant (wrong, &error), &error,
                  BELFRY_ERROR_INVALID_ARGUMENT, "event_types");
  assert_refused (belfry_filter_new_from_variant (wrong_number, &error), &error,
                  BELFRY_ERROR_INVALID_ARGUMENT, "min_amount");
}

static void
test_boxed_shares (void)
{
  g_autoptr(BelfryFilter) filter = belfry_filter_new (NULL, "s", NULL);
  g_autoptr(BelfryFilter) copy = g_boxed_copy (BELFRY_TYPE_FILTER, filter);

  g_assert_true (filter == copy);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/filter/json/absent-null-and-empty-mean-any", test_any);
  g_test_add_func ("/filter/json/reads-hard-texts", test_reads_hard_texts);
  g_test_add_func ("/filter/json/refuses-wrong-type", test_refuses_wrong_type);
  g_test_add_func ("/filter/json/refuses-invalid-json", test_refuses_invalid_json);
  g_test_add_func ("/filter/json/round-trips", test_json_round_trips);
  g_test_add_func ("/filter/json/shows-rules-shortly", test_json_is_short);
  g_test_add_func ("/filter/checked/bounds-everything", test_bounds);
  g_test_add_func ("/filter/variant/reads-all-rules", test_reads_variants);
  g_test_add_func ("/filter/matches/needs-every-rule", test_matches);
  g_test_add_func ("/filter/matches/absent-fields-do-not", test_absent_fields_do_not_match);
  g_test_add_func ("/filter/matches/finds-among-many-types", test_many_types);
  g_test_add_func ("/filter/equal/ignores-order-and-repeats", test_equal_ignores_order);
  g_test_add_func ("/filter/references/boxed-copy-shares", test_boxed_shares);

  return g_test_run ();
}
