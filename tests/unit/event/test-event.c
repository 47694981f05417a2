/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <json-glib/json-glib.h>
#include <string.h>

#include "belfry-event-private.h"

static BelfryEvent *
make_event (const char *session_id, const char *user_id, const char *payload)
{
  const BelfryEventFields fields = {
    .event_type = "answer_submitted", .event_type_length = -1,
    .source = "quiz_engine and more", .source_length = strlen ("quiz_engine"),
    .session_id = session_id, .session_id_length = -1,
    .user_id = user_id, .user_id_length = -1,
    .payload = payload, .payload_length = -1,
    .user_tier = "premium", .user_tier_length = -1,
    .has_amount = TRUE, .amount = 5.5,
  };

  return belfry_event_new_trusted (&fields);
}

static void
seal (BelfryEvent *event, guint64 position)
{
  BelfryEventPlace place = { position, G_GINT64_CONSTANT (1768473045123456), "" };

  g_snprintf (place.id, sizeof place.id, "evt_%012" G_GINT64_MODIFIER "x", position);
  belfry_event_seal_run (&event, &place, 1);
}

static void
test_new_has_no_place (void)
{
  g_autoptr(BelfryEvent) event = make_event (NULL, "u", "{}");
  gsize length = 99;

  g_assert_false (belfry_event_is_sealed (event));
  g_assert_cmpstr (belfry_event_get_source (event), ==, "quiz_engine");
  g_assert_cmpstr (belfry_event_peek_user_tier (event), ==, "premium");
  g_assert_null (belfry_event_get_id (event));
  g_assert_null (belfry_event_get_json (event));
  g_assert_null (belfry_event_dup_timestamp (event));
  g_assert_cmpint (belfry_event_get_timestamp_usec (event), ==, 0);
  g_assert_null (belfry_event_peek_json (event, &length));
  g_assert_cmpuint (length, ==, 0);
  g_assert_null (belfry_event_peek_frame (event, &length));
}

static void
test_sealed_has_text (void)
{
  g_autoptr(BelfryEvent) event = make_event ("session-123", NULL, "{\"answer\":\"B\"}");
  g_autofree char *timestamp = NULL;
  gsize own_size = belfry_event_get_size (event);
  gsize length;

  seal (event, 0xa1b2c3);
  g_assert_cmpstr (belfry_event_get_json (event), ==,
                   "{\"id\":\"evt_000000a1b2c3\",\"event_type\":\"answer_submitted\",\"source\":\"quiz_engine\","
                   "\"session_id\":\"session-123\",\"user_id\":null,\"payload\":{\"answer\":\"B\"},"
                   "\"timestamp\":\"2026-01-15T10:30:45.123456Z\"}");
  g_assert_true (belfry_event_get_json (event) == belfry_event_get_json (event));
  g_assert_cmpstr (belfry_event_get_id (event), ==, "evt_000000a1b2c3");
  g_assert_cmpuint (belfry_event_get_position (event), ==, 0xa1b2c3);
  timestamp = belfry_event_dup_timestamp (event);
  g_assert_cmpstr (timestamp, ==, "2026-01-15T10:30:45.123456Z");
  g_assert_cmpmem (belfry_event_get_json (event), strlen (belfry_event_get_json (event)),
                   belfry_event_peek_json (event, &length), length);
  g_assert_cmpuint (belfry_event_get_size (event), >=, own_size + length);
}

static void
test_escapes_ids (void)
{
  g_autoptr(BelfryEvent) event = make_event ("\"\\\b\f\n\r\t\x01\x1f\x7f/\xc3\xa9", "", "{}");
  g_autoptr(JsonParser) parser = json_parser_new ();
  g_autoptr(GError) error = NULL;
  JsonObject *object;

  seal (event, 1);
  g_assert_nonnull (strstr (belfry_event_get_json (event),
                            "\"session_id\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f/\xc3\xa9\",\"user_id\":\"\","));
  json_parser_load_from_data (parser, belfry_event_get_json (event), -1, &error);
  g_assert_no_error (error);
  object = json_node_get_object (json_parser_get_root (parser));
  g_assert_cmpstr (json_object_get_string_member (object, "session_id"), ==,
                   belfry_event_get_session_id (event));
}

/* Reads the header as RFC 6455 tells. */
static const guint8 *
read_frame (const guint8 *at, guint64 *length)
{
  guint n_bytes = 0;

  g_assert_cmphex (at[0], ==, 0x81);
  g_assert_cmphex (at[1] & 0x80, ==, 0);
  *length = at[1];
  if (at[1] == 126)
    n_bytes = 2;
  else if (at[1] == 127)
    n_bytes = 8;
  if (n_bytes > 0)
    *length = 0;
  for (guint i = 0; i < n_bytes; i++)
    *length = *length << 8 | at[2 + i];
  return at + 2 + n_bytes;
}

static void
test_run_is_one_piece (void)
{
  static const guint payload_lengths[] = { 2, 0, 65536, 30, 65000, 70000, 2, 120 };
  BelfryEvent *events[G_N_ELEMENTS (payload_lengths)];
  BelfryEventPlace places[G_N_ELEMENTS (payload_lengths)];
  const guint8 *expected = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (events); i++)
    {
      g_autofree char *filler = g_strnfill (payload_lengths[i], 'x');
      g_autofree char *payload = g_strdup_printf ("{\"a\":\"%s\"}", filler);

      events[i] = make_event ("s", i % 2 ? "u\n" : NULL, payload);
      places[i].position = 100 + i;
      places[i].accepted_usec = i;
      g_snprintf (places[i].id, sizeof places[i].id, "evt_%012x", i);
    }
  belfry_event_seal_run (events, places, G_N_ELEMENTS (events));
  for (guint i = 0; i < G_N_ELEMENTS (events); i++)
    {
      gsize frame_length, json_length;
      const guint8 *frame = belfry_event_peek_frame (events[i], &frame_length);
      const char *json = belfry_event_peek_json (events[i], &json_length);
      guint64 told_length;

      if (expected != NULL)
        g_assert_true (frame == expected);
      expected = frame + frame_length;
      g_assert_true (read_frame (frame, &told_length) == (const guint8 *) json);
      g_assert_cmpuint (told_length, ==, json_length);
      g_assert_true (json[0] == '{' && json[json_length - 1] == '}');
      g_assert_cmpuint ((gsize) ((const guint8 *) json - frame), <=, BELFRY_EVENT_HEADROOM);
      g_assert_cmpuint (strlen (belfry_event_get_json (events[i])), ==, json_length);
    }
  /* The memory lives as long as any of them. */
  for (guint i = 0; i < G_N_ELEMENTS (events) - 1; i++)
    belfry_event_unref (events[i]);
  g_assert_nonnull (strstr (belfry_event_get_json (events[G_N_ELEMENTS (events) - 1]),
                            "evt_000000000007"));
  belfry_event_unref (events[G_N_ELEMENTS (events) - 1]);
  belfry_event_seal_run (NULL, NULL, 0);
}

#define N_SMALL 10000

static void
test_run_is_bounded (void)
{
  g_autofree char *filler = g_strnfill (BELFRY_EVENT_RUN_MAX_BYTES, 'x');
  g_autofree char *payload = g_strdup_printf ("{\"a\":\"%s\"}", filler);
  g_autofree BelfryEvent **events = g_new (BelfryEvent *, N_SMALL);
  g_autofree BelfryEventPlace *places = g_new0 (BelfryEventPlace, N_SMALL);
  gconstpointer run = NULL;
  gconstpointer before = NULL;
  gsize held;

  g_test_summary ("An event keeps the texts of so many neighbours alive and no more, and a large one only its own");

  for (guint i = 0; i < N_SMALL; i++)
    {
      events[i] = make_event ("s", "u", i == N_SMALL / 2 ? payload : "{}");
      places[i] = (BelfryEventPlace) { .position = i + 1, .id = "evt_000000000000" };
    }
  belfry_event_seal_run (events, places, N_SMALL);
  for (guint i = 0; i < N_SMALL; i++)
    {
      before = run;
      held = belfry_event_get_held (events[i], &run);
      if (i == N_SMALL / 2)
        {
          g_assert_true (run != before);
          g_assert_cmpuint (held, ==, belfry_event_get_size (events[i]));
        }
      else
        {
          g_assert_cmpuint (held, <=, belfry_event_get_size (events[i]) + BELFRY_EVENT_RUN_MAX_BYTES);
        }
      if (run == before)
        g_assert_cmpuint (held, <, belfry_event_get_size (events[i]));
    }
  for (guint i = 0; i < N_SMALL; i++)
    belfry_event_unref (events[i]);
}

/* The shortest form of the length on both sides of each border. */
static void
test_header_is_shortest (void)
{
  static const struct { gsize json_length; gsize header_length; } borders[] = {
    { 125 + 60, 4 }, { 65535, 4 }, { 65536, 10 },
  };
  g_autoptr(BelfryEvent) smallest = make_event (NULL, NULL, "{}");
  gsize base;

  seal (smallest, 1);
  belfry_event_peek_json (smallest, &base);
  for (guint i = 0; i < G_N_ELEMENTS (borders); i++)
    {
      g_autofree char *filler = g_strnfill (borders[i].json_length - base, ' ');
      g_autofree char *payload = g_strdup_printf ("{%s}", filler);
      g_autoptr(BelfryEvent) event = make_event (NULL, NULL, payload);
      gsize frame_length, json_length;

      seal (event, 1);
      belfry_event_peek_frame (event, &frame_length);
      belfry_event_peek_json (event, &json_length);
      g_assert_cmpuint (json_length, ==, borders[i].json_length);
      g_assert_cmpuint (frame_length - json_length, ==, borders[i].header_length);
    }
}

static GBytes *
count_and_encode (BelfryEvent *event, gpointer user_data)
{
  guint *n_calls = user_data;

  (*n_calls)++;
  return g_bytes_new_static ("x", 1);
}

static void
test_encoding_is_made_once (void)
{
  g_autoptr(BelfryEvent) event = make_event (NULL, NULL, "{}");
  guint n_calls = 0;
  GBytes *first;

  seal (event, 1);
  first = belfry_event_ensure_encoding (event, BELFRY_EVENT_ENCODING_SSE, count_and_encode,
                                        &n_calls);
  g_assert_true (belfry_event_ensure_encoding (event, BELFRY_EVENT_ENCODING_SSE, count_and_encode,
                                               &n_calls) == first);
  g_assert_cmpuint (n_calls, ==, 1);
  belfry_event_ensure_encoding (event, BELFRY_EVENT_ENCODING_CURSOR, count_and_encode, &n_calls);
  g_assert_cmpuint (n_calls, ==, 2);
}

#define N_SHARED 64

static gpointer
use_events (gpointer data)
{
  BelfryEvent **events = data;

  for (guint round = 0; round < 200; round++)
    for (guint i = 0; i < N_SHARED; i++)
      {
        g_autoptr(BelfryEvent) event = belfry_event_ref (events[i]);

        g_assert_cmpuint (strlen (belfry_event_get_json (event)), >, 100);
      }
  for (guint i = 0; i < N_SHARED; i++)
    belfry_event_unref (events[i]);
  return NULL;
}

static void
test_shared_by_threads (void)
{
  BelfryEvent *events[N_SHARED];
  BelfryEventPlace places[N_SHARED];
  GThread *threads[4];

  for (guint i = 0; i < N_SHARED; i++)
    {
      events[i] = make_event ("s", NULL, "{\"a\":1}");
      places[i].position = i + 1;
      places[i].accepted_usec = i;
      g_snprintf (places[i].id, sizeof places[i].id, "evt_%012x", i);
    }
  belfry_event_seal_run (events, places, N_SHARED);
  for (guint t = 0; t < G_N_ELEMENTS (threads); t++)
    {
      for (guint i = 0; i < N_SHARED; i++)
        belfry_event_ref (events[i]);
      threads[t] = g_thread_new ("user", use_events, events);
    }
  for (guint i = 0; i < N_SHARED; i++)
    belfry_event_unref (events[i]);
  for (guint t = 0; t < G_N_ELEMENTS (threads); t++)
    g_thread_join (threads[t]);
}

static void
test_seal_speed (void)
{
  guint n_rounds = g_test_perf () ? 10000 : 10;
  double elapsed = 0;

  for (guint round = 0; round < n_rounds; round++)
    {
      BelfryEvent *events[N_SHARED];
      BelfryEventPlace places[N_SHARED];

      for (guint i = 0; i < N_SHARED; i++)
        {
          events[i] = make_event ("session-1234567", "user-7654321",
                                  "{\"question_id\":\"q-000123\",\"answer\":\"B\",\"score\":0.75}");
          places[i] = (BelfryEventPlace) { i + 1, round, "evt_0123456789ab" };
        }
      g_test_timer_start ();
      belfry_event_seal_run (events, places, N_SHARED);
      elapsed += g_test_timer_elapsed ();
      for (guint i = 0; i < N_SHARED; i++)
        belfry_event_unref (events[i]);
    }
  if (g_test_perf ())
    g_test_minimized_result (elapsed * 1e9 / n_rounds / N_SHARED,
                             "seal in runs of %d: %.0f ns an event",
                             N_SHARED, elapsed * 1e9 / n_rounds / N_SHARED);
}

static void
test_boxed_shares (void)
{
  g_autoptr(BelfryEvent) event = make_event (NULL, NULL, "{}");
  g_autoptr(BelfryEvent) copy = g_boxed_copy (BELFRY_TYPE_EVENT, event);

  g_assert_true (copy == event);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/event/new/has-no-place", test_new_has_no_place);
  g_test_add_func ("/event/seal/gives-text", test_sealed_has_text);
  g_test_add_func ("/event/seal/escapes-ids", test_escapes_ids);
  g_test_add_func ("/event/seal/lays-run-into-one-piece", test_run_is_one_piece);
  g_test_add_func ("/event/seal/bounds-what-is-shared", test_run_is_bounded);
  g_test_add_func ("/event/seal/takes-shortest-header", test_header_is_shortest);
  g_test_add_func ("/event/seal/speed", test_seal_speed);
  g_test_add_func ("/event/encoding/is-made-once", test_encoding_is_made_once);
  g_test_add_func ("/event/references/are-shared-by-threads", test_shared_by_threads);
  g_test_add_func ("/event/references/boxed-copy-shares", test_boxed_shares);

  return g_test_run ();
}
