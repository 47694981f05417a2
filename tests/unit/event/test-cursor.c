/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-cursor-private.h"
#include "belfry-error.h"

static void
test_text_is_documented_form (void)
{
  g_autoptr(BelfryCursor) cursor = belfry_cursor_new (G_GUINT64_CONSTANT (0x0102030405060708),
                                                      G_GUINT64_CONSTANT (0xfffefdfcfbfaf9f8));
  g_autofree char *text = belfry_cursor_to_string (cursor);
  g_autofree char *padded = g_strconcat (text, "=", NULL);
  g_autofree guchar *bytes = NULL;
  gsize length;
  static const guint8 expected[] = { 1, 1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa,
  0xf9, 0xf8 };

  g_assert_cmpuint (strlen (text), ==, BELFRY_CURSOR_TEXT_LENGTH);
  g_assert_null (strpbrk (text, "+/="));
  g_strdelimit (padded, "-", '+');
  g_strdelimit (padded, "_", '/');
  bytes = g_base64_decode (padded, &length);
  g_assert_cmpmem (bytes, length, expected, sizeof expected);
}

static void
test_round_trips (void)
{
  for (guint i = 0; i < 10000; i++)
    {
      guint64 log_id = (guint64) (guint32) g_test_rand_int () << 32 | (guint32) g_test_rand_int ();
      guint64 position = (guint64) (guint32) g_test_rand_int () << (g_test_rand_int_range (0, 33));
      char text[BELFRY_CURSOR_TEXT_LENGTH + 1];
      g_autoptr(GError) error = NULL;
      g_autoptr(BelfryCursor) cursor = NULL;
      g_autoptr(BelfryCursor) copy = NULL;

      belfry_cursor_write (log_id, position, text);
      cursor = belfry_cursor_new_from_string (text, &error);
      g_assert_no_error (error);
      copy = g_boxed_copy (BELFRY_TYPE_CURSOR, cursor);
      g_assert_cmpuint (copy->log_id, ==, log_id);
      g_assert_cmpuint (copy->position, ==, position);
    }
}

static void
test_refuses_other_texts (void)
{
  char text[BELFRY_CURSOR_TEXT_LENGTH + 1];
  static const char * const texts[] = {
    "", "A", "beginning", "AQAAAAAAAAAAAAAAAAAAAA", "AQAAAAAAAAAAAAAAAAAAAAAA", "AgAAAAAAAAAAAAAAAAAAAAA", "AQAAAAAAAAAAAAAAAAAAAAB",
    "AQAAAAAAAAAAAAAAAAAAAA=", "AQAAAAAAAAA+AAAAAAAAAAA", "AQAAAAAAAAA AAAAAAAAAAA", "AQAAAAAAAAA\377AAAAAAAAAAA",
  };

  belfry_cursor_write (0, 0, text);
  g_assert_cmpstr (text, ==, "AQAAAAAAAAAAAAAAAAAAAAA");
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (belfry_cursor_new_from_string (texts[i], &error));
      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNKNOWN_CURSOR);
      g_assert_cmpstr (error->message, ==, "Unknown cursor");
    }
}

/* A cursor has one text: changing any character gives another cursor or none. */
static void
test_text_is_unique (void)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  char text[BELFRY_CURSOR_TEXT_LENGTH + 1];

  belfry_cursor_write (12345, 67890, text);
  for (guint place = 0; place < BELFRY_CURSOR_TEXT_LENGTH; place++)
    for (guint i = 0; i < 64; i++)
      {
        g_autofree char *changed = g_strdup (text);
        g_autoptr(BelfryCursor) cursor = NULL;

        changed[place] = alphabet[i];
        cursor = belfry_cursor_new_from_string (changed, NULL);
        if (cursor != NULL)
          {
            g_autofree char *again = belfry_cursor_to_string (cursor);

            g_assert_cmpstr (again, ==, changed);
          }
      }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/cursor/text/is-documented-form", test_text_is_documented_form);
  g_test_add_func ("/cursor/text/round-trips", test_round_trips);
  g_test_add_func ("/cursor/text/is-unique", test_text_is_unique);
  g_test_add_func ("/cursor/new-from-string/refuses-other-texts", test_refuses_other_texts);

  return g_test_run ();
}
