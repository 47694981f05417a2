/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include <string.h>

#include "belfry-event-id-private.h"

static const guint8 secret[BELFRY_EVENT_ID_SECRET_SIZE] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static void
test_round_trip (void)
{
  BelfryEventIdKey key;

  g_test_summary ("Origin and position come back out of the id");
  belfry_event_id_key_init (&key, secret);
  for (guint i = 0; i < 10000; i++)
    {
      guint64 position = ((guint64) g_test_rand_int () << 32 | (guint32) g_test_rand_int ()) & BELFRY_EVENT_ID_MAX_POSITION;
      guint8 origin = (guint8) g_test_rand_int (), found_origin;
      char text[BELFRY_EVENT_ID_LENGTH + 1];
      guint64 found;

      belfry_event_id_write (&key, origin, position, text);
      g_assert_cmpuint (strlen (text), ==, BELFRY_EVENT_ID_LENGTH);
      g_assert_true (belfry_event_id_parse (&key, text, &found_origin, &found));
      g_assert_cmpuint (found, ==, position);
      g_assert_cmpuint (found_origin, ==, origin);
    }
}

static void
test_is_unique (void)
{
  g_autoptr(GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  BelfryEventIdKey key;

  belfry_event_id_key_init (&key, secret);
  for (guint64 position = 0; position < 20000; position++)
    {
      char text[BELFRY_EVENT_ID_LENGTH + 1];

      belfry_event_id_write (&key, 0, position, text);
      g_assert_true (g_hash_table_add (seen, g_strdup (text)));
    }
}

static void
test_never_changes (void)
{
  static const struct
  {
    guint8      origin;
    guint64     position;
    const char *text;
  } known[] = {
    { 0, 1, "evt_83e845dc3692" },
    { 0, 2, "evt_e960f80b10d8" },
    { 255, BELFRY_EVENT_ID_MAX_POSITION, "evt_d19af7bd1981" },
  };
  BelfryEventIdKey key;

  g_test_summary ("The ids of a database that exists stay what they are");
  belfry_event_id_key_init (&key, secret);
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    {
      char text[BELFRY_EVENT_ID_LENGTH + 1];

      belfry_event_id_write (&key, known[i].origin, known[i].position, text);
      g_assert_cmpstr (text, ==, known[i].text);
    }
}

static void
test_refuses_other_texts (void)
{
  static const char *const texts[] = {
    "", "evt_", "evt_00000000000", "evt_0000000000000", "evt_00000000000G", "evt_00000000000A", "evt-000000000000",
    "Evt_000000000000", " evt_000000000000",
  };
  BelfryEventIdKey key;
  guint64 position;
  guint8 origin;

  belfry_event_id_key_init (&key, secret);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_assert_false (belfry_event_id_parse (&key, texts[i], &origin, &position));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/event-id/round-trip", test_round_trip);
  g_test_add_func ("/event-id/is-unique", test_is_unique);
  g_test_add_func ("/event-id/never-changes", test_never_changes);
  g_test_add_func ("/event-id/refuses-other-texts", test_refuses_other_texts);

  return g_test_run ();
}
