/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-learner-event-private.h"

#define NOW_USEC (G_GINT64_CONSTANT (1768473105) * G_USEC_PER_SEC) /* 2026-01-15T10:31:45Z */
#define BATCH_ID "9d7f2a4e-0000-4000-8000-000000000001"

#define LEAST \
  "\"learner_id\":\"l\",\"course_id\":\"c\",\"lesson_id\":\"n\",\"event_type\":\"lesson_started\",\"event_data\":{}," \
  "\"timestamp\":\"2026-01-15T10:30:45Z\""

typedef struct
{
  BelfryEventTypeRegistry *registry;
  BelfryLearnerRules       rules;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->registry = belfry_event_type_registry_new ();
  fixture->rules = (BelfryLearnerRules) {
    fixture->registry, 50, 65536, NOW_USEC, BATCH_ID, g_string_new (NULL),
  };
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  g_object_unref (fixture->registry);
  g_string_free (fixture->rules.scratch, TRUE);
}

/* Of a text that is one event and nothing else. */
static BelfryEvent *
parse (Fixture              *fixture,
       const char           *text,
       BelfryLearnerRefusal *refusal)
{
  /* Not one byte behind it may be read. */
  g_autofree char *copy = g_memdup2 (text, strlen (text));
  BelfryJsonValue item;
  const char *end;
  BelfryEvent *event;

  *refusal = (BelfryLearnerRefusal) { 0 };
  event = belfry_learner_event_parse (&fixture->rules, copy, strlen (text), &end, &item, refusal);
  g_assert_true (end == copy + strlen (text));
  g_assert_true ((event == NULL) == (refusal->reason != BELFRY_LEARNER_REASON_NONE));

  return event;
}

static void
seal (BelfryEvent *event)
{
  const BelfryEventPlace place = { 7, NOW_USEC, "evt_0123456789ab" };

  belfry_event_seal_run (&event, &place, 1);
}

static void
assert_view (Fixture    *fixture,
             const char *sent,
             const char *seen)
{
  BelfryLearnerRefusal refusal;
  g_autoptr(BelfryEvent) event = parse (fixture, sent, &refusal);
  g_autoptr(GString) text = g_string_new ("x");

  g_assert_nonnull (event);
  seal (event);
  g_assert_true (belfry_learner_event_print (event, text));
  g_assert_cmpstr (text->str + 1, ==, seen);
}

static void
test_becomes_an_event (Fixture       *fixture,
                       gconstpointer  data)
{
  BelfryLearnerRefusal refusal;
  g_autoptr(BelfryEvent) event = NULL;
  gint64 sent_usec;
  double amount;
  gsize length;

  event = parse (fixture,
                 " { " LEAST ", \"event_data\": {\"amount\": 2.5, \"user_tier\": \"gold\"}, \"session_id\":\"s\","
                 " \"metadata\": {\"a\": 1}, \"other\": [] }", &refusal);
  g_assert_cmpstr (belfry_event_get_user_id (event), ==, "l");
  g_assert_cmpstr (belfry_event_get_session_id (event), ==, "s");
  g_assert_cmpstr (belfry_event_get_source (event), ==, "collector");
  g_assert_cmpstr (belfry_event_get_event_type (event), ==, "lesson_started");
  g_assert_cmpstr (belfry_event_get_payload (event), ==, "{\"amount\":2.5,\"user_tier\":\"gold\"}");
  g_assert_cmpstr (belfry_event_peek_user_tier (event), ==, "gold");
  g_assert_true (belfry_event_peek_amount (event, &amount));
  g_assert_cmpfloat (amount, ==, 2.5);
  g_assert_cmpstr (belfry_event_peek_learner (event, &length, &sent_usec), ==,
                   "{\"course_id\":\"c\",\"lesson_id\":\"n\",\"metadata\":{\"a\":1},\"batch_id\":\"" BATCH_ID "\"}");
  g_assert_cmpint (sent_usec, ==, NOW_USEC - G_TIME_SPAN_MINUTE);

  seal (event);
  g_assert_cmpint (belfry_event_get_timestamp_usec (event), ==, NOW_USEC);
  g_assert_cmpint (belfry_event_get_shown_usec (event), ==, sent_usec);
  g_assert_cmpstr (belfry_event_get_json (event), ==,
                   "{\"id\":\"evt_0123456789ab\",\"event_type\":\"lesson_started\",\"source\":\"collector\","
                   "\"session_id\":\"s\",\"user_id\":\"l\",\"payload\":{\"amount\":2.5,\"user_tier\":\"gold\"},"
                   "\"timestamp\":\"2026-01-15T10:30:45.000000Z\"}");
}

static void
test_is_shown_as_it_was_sent (Fixture       *fixture,
                              gconstpointer  data)
{
  assert_view (fixture, "{" LEAST "}",
               "{\"id\":\"evt_0123456789ab\",\"learner_id\":\"l\",\"course_id\":\"c\",\"lesson_id\":\"n\","
               "\"event_type\":\"lesson_started\",\"event_data\":{},\"timestamp\":\"2026-01-15T10:30:45.000000Z\","
               "\"session_id\":null,\"metadata\":null,\"batch_id\":\"" BATCH_ID "\","
               "\"received_at\":\"2026-01-15T10:31:45.000000Z\"}");
  assert_view (fixture,
               "{" LEAST ",\"learner_id\":\"\\u00e4\\\"\",\"course_id\":\"a\\/\\n\",\"metadata\":{ \"b\" : 1, \"b\" : 2 },"
               "\"event_data\":{\"n\":1.10},\"session_id\":null}",
               "{\"id\":\"evt_0123456789ab\",\"learner_id\":\"ä\\\"\",\"course_id\":\"a/\\n\",\"lesson_id\":\"n\","
               "\"event_type\":\"lesson_started\",\"event_data\":{\"n\":1.10},\"timestamp\":\"2026-01-15T10:30:45.000000Z\","
               "\"session_id\":null,\"metadata\":{\"b\":2},\"batch_id\":\"" BATCH_ID "\","
               "\"received_at\":\"2026-01-15T10:31:45.000000Z\"}");
}

static void
test_others_have_no_such_view (Fixture       *fixture,
                               gconstpointer  data)
{
  const BelfryEventFields fields = {
    "timer_tick", -1, "s", -1, NULL, 0, NULL, 0, "{}", -1, NULL, 0, FALSE, 0, NULL, NULL, 0, 0,
  };
  g_autoptr(BelfryEvent) event = belfry_event_new_trusted (&fields);
  g_autoptr(GString) text = g_string_new (NULL);

  seal (event);
  g_assert_false (belfry_learner_event_print (event, text));
  g_assert_cmpuint (text->len, ==, 0);
  g_assert_cmpint (belfry_event_get_shown_usec (event), ==, NOW_USEC);
}

static void
test_first_broken_rule (Fixture       *fixture,
                        gconstpointer  data)
{
  static const struct
  {
    const char          *text;
    const char          *field;
    BelfryLearnerReason  reason;
  } cases[] = {
    { "5", "", BELFRY_LEARNER_REASON_NOT_AN_OBJECT },
    { "[{}]", "", BELFRY_LEARNER_REASON_NOT_AN_OBJECT },
    { "{}", "learner_id", BELFRY_LEARNER_REASON_MISSING_FIELD },
    { "{\"learner_id\":\"l\",\"lesson_id\":5}", "course_id", BELFRY_LEARNER_REASON_MISSING_FIELD },
    { "{" LEAST ",\"learner_id\":\"\"}", "learner_id", BELFRY_LEARNER_REASON_INVALID_FIELD },
    { "{" LEAST ",\"lesson_id\":null}", "lesson_id", BELFRY_LEARNER_REASON_INVALID_FIELD },
    { "{" LEAST ",\"course_id\":\"\\u0000\"}", "course_id", BELFRY_LEARNER_REASON_INVALID_FIELD },
    { "{" LEAST ",\"event_type\":\"lesson\"}", "event_type", BELFRY_LEARNER_REASON_UNKNOWN_EVENT_TYPE },
    { "{" LEAST ",\"event_data\":[]}", "event_data", BELFRY_LEARNER_REASON_INVALID_FIELD },
    { "{" LEAST ",\"timestamp\":\"2026-01-15T10:36:45.000001Z\"}", "timestamp", BELFRY_LEARNER_REASON_INVALID_TIMESTAMP },
    { "{" LEAST ",\"timestamp\":\"soon\"}", "timestamp", BELFRY_LEARNER_REASON_INVALID_TIMESTAMP },
    { "{" LEAST ",\"session_id\":7}", "session_id", BELFRY_LEARNER_REASON_INVALID_FIELD },
    { "{" LEAST ",\"metadata\":\"\"}", "metadata", BELFRY_LEARNER_REASON_INVALID_FIELD },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      BelfryLearnerRefusal refusal;

      g_assert_null (parse (fixture, cases[i].text, &refusal));
      g_assert_cmpstr (refusal.field, ==, cases[i].field);
      g_assert_cmpint (refusal.reason, ==, cases[i].reason);
      g_assert_cmpuint (strlen (refusal.message), >, 5);
      belfry_learner_refusal_clear (&refusal);
    }
}

static void
test_five_minutes_ahead (Fixture       *fixture,
                         gconstpointer  data)
{
  BelfryLearnerRefusal refusal;
  g_autoptr(BelfryEvent) event = parse (fixture, "{" LEAST ",\"timestamp\":\"2026-01-15T10:36:45Z\"}", &refusal);

  g_assert_nonnull (event);
}

static void
test_limits (Fixture       *fixture,
             gconstpointer  data)
{
  BelfryLearnerRefusal refusal;
  g_autoptr(BelfryEvent) event = NULL;

  fixture->rules.max_payload_keys = 2;
  fixture->rules.max_payload_bytes = 15;
  event = parse (fixture, "{" LEAST ",\"event_data\":{ \"a\":1, \"bb\":22 }}", &refusal);
  g_assert_nonnull (event);
  g_assert_null (parse (fixture, "{" LEAST ",\"event_data\":{\"a\":1,\"bb\":222}}", &refusal));
  g_assert_cmpint (refusal.reason, ==, BELFRY_LEARNER_REASON_PAYLOAD_TOO_LARGE);
  belfry_learner_refusal_clear (&refusal);
  g_assert_null (parse (fixture, "{" LEAST ",\"metadata\":{\"a\":1,\"b\":2,\"c\":3}}", &refusal));
  g_assert_cmpstr (refusal.field, ==, "metadata");
  belfry_learner_refusal_clear (&refusal);
}

/* Whatever does not fit into the room on the stack. */
static void
test_large_objects (Fixture       *fixture,
                    gconstpointer  data)
{
  g_autofree char *filler = g_strnfill (60000, 'x');
  g_autofree char *text = g_strdup_printf ("{" LEAST ",\"event_data\":{ \"k\" : \"%s\" },\"metadata\":{\"k\":1, \"k\":\"%s\"}}",
                                           filler, filler);
  g_autofree char *expected = g_strdup_printf ("{\"k\":\"%s\"}", filler);
  BelfryLearnerRefusal refusal;
  g_autoptr(BelfryEvent) event = parse (fixture, text, &refusal);

  g_assert_nonnull (event);
  g_assert_cmpstr (belfry_event_get_payload (event), ==, expected);
}

static void
test_reads_one_of_many (Fixture       *fixture,
                        gconstpointer  data)
{
  static const char text[] = "{" LEAST "} , {" LEAST "}, x";
  BelfryLearnerRefusal refusal = { 0 };
  g_autoptr(BelfryEvent) event = NULL;
  BelfryJsonValue item;
  const char *end;

  event = belfry_learner_event_parse (&fixture->rules, text, strlen (text), &end, &item, &refusal);
  g_assert_nonnull (event);
  g_assert_cmpint (*end, ==, ',');
  g_assert_true (item.text == text);
  g_assert_cmpint (item.text[item.length - 1], ==, '}');

  g_assert_null (belfry_learner_event_parse (&fixture->rules, "x", 1, &end, &item, &refusal));
  g_assert_null (end);
  g_assert_null (belfry_learner_event_parse (&fixture->rules, NULL, 0, &end, &item, &refusal));
  g_assert_null (end);
}

static void
test_reasons_are_words (Fixture       *fixture,
                        gconstpointer  data)
{
  for (guint i = 0; i < BELFRY_LEARNER_N_REASONS; i++)
    {
      const char *name = belfry_learner_reason_to_string ((BelfryLearnerReason) i);

      g_assert_cmpuint (strspn (name, "abcdefghijklmnopqrstuvwxyz_"), ==, strlen (name));
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

#define TEST(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)
  TEST ("/learner-event/becomes-an-event", test_becomes_an_event);
  TEST ("/learner-event/is-shown-as-it-was-sent", test_is_shown_as_it_was_sent);
  TEST ("/learner-event/others-have-no-such-view", test_others_have_no_such_view);
  TEST ("/learner-event/tells-the-first-broken-rule", test_first_broken_rule);
  TEST ("/learner-event/may-be-five-minutes-ahead", test_five_minutes_ahead);
  TEST ("/learner-event/keeps-to-the-limits", test_limits);
  TEST ("/learner-event/takes-large-objects", test_large_objects);
  TEST ("/learner-event/reads-one-of-many", test_reads_one_of_many);
  TEST ("/learner-event/reasons-are-words", test_reasons_are_words);

  return g_test_run ();
}
