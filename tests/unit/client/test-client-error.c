/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <gio/gio.h>
#include <string.h>

#include "belfry-client-error-private.h"
#include "belfry-error.h"

static void
test_status (void)
{
  const struct
  {
    guint       status;
    const char *body;
    GQuark      domain;
    int         code;
    const char *message;
  } cases[] = {
    { 400, "{\"detail\": \"Invalid ISO 8601 timestamp for 'since'\"}", BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT,
      "Invalid ISO 8601 timestamp for 'since'" },
    { 401, "", G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "Invalid or missing API key" },
    { 403, "{\"detail\":\"Insufficient scope\"}", G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "Insufficient scope" },
    { 404, "{\"detail\":\"Event not found\"}", BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND, "Event not found" },
    { 413, "", G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "Too large" },
    { 422, "{\"detail\":[{\"loc\":[\"body\",\"source\"],\"msg\":\"Field required\",\"type\":\"missing\"}]}",
      BELFRY_ERROR, BELFRY_ERROR_INVALID_EVENT, "source: Field required" },
    { 422, "{\"detail\":[{\"loc\":[\"body\",\"a\"],\"msg\":\"Bad\"},{\"loc\":[\"body\"],\"msg\":\"Worse\"}]}",
      BELFRY_ERROR, BELFRY_ERROR_INVALID_EVENT, "a: Bad; Worse" },
    { 422, "{\"detail\":[{\"loc\":[\"body\",3],\"msg\":\"Invalid JSON\",\"type\":\"json_invalid\"}]}",
      BELFRY_ERROR, BELFRY_ERROR_INVALID_JSON, "Invalid JSON" },
    { 422, "{\"detail\":[{\"loc\":\"x\",\"msg\":7},{}]}", BELFRY_ERROR, BELFRY_ERROR_INVALID_EVENT, "A rule is broken" },
    { 429, "[]", G_IO_ERROR, G_IO_ERROR_BUSY, "Rate limit exceeded" },
    { 503, "<html>", BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "The server is not able to answer now" },
    { 503, "{\"detail\":\"\xff\"}", BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "The server is not able to answer now" },
    { 302, "", G_IO_ERROR, G_IO_ERROR_FAILED, "The server answered with status 302" },
    { 500, "{\"detail\":\"x\"}", G_IO_ERROR, G_IO_ERROR_FAILED, "The server answered with status 500" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = belfry_client_error_new_from_status (cases[i].status, cases[i].body, strlen (cases[i].body));

      g_assert_error (error, cases[i].domain, cases[i].code);
      g_assert_cmpstr (error->message, ==, cases[i].message);
    }

  g_assert_null (belfry_client_error_new_from_status (200, "", 0));
  g_assert_null (belfry_client_error_new_from_status (201, "{\"detail\":1}", 12));
}

static void
test_long_message (void)
{
  g_autoptr(GString) body = g_string_new ("{\"detail\":\"");
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 100000; i++)
    g_string_append (body, "é");
  g_string_append (body, "\"}");
  error = belfry_client_error_new_from_status (400, body->str, body->len);

  g_assert_cmpuint (strlen (error->message), <, 1100);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

static void
test_message (void)
{
  const struct
  {
    const char *message;
    GQuark      domain;
    int         code;
  } cases[] = {
    { "Invalid JSON", BELFRY_ERROR, BELFRY_ERROR_INVALID_JSON },
    { "Storage unavailable", BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE },
    { "Message too large", G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE },
    { "Unknown cursor", BELFRY_ERROR, BELFRY_ERROR_UNKNOWN_CURSOR },
    { "Server at subscriber capacity", BELFRY_ERROR, BELFRY_ERROR_CAPACITY },
    { "source: Field required", BELFRY_ERROR, BELFRY_ERROR_INVALID_EVENT },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = belfry_client_error_new_from_message (cases[i].message);

      g_assert_error (error, cases[i].domain, cases[i].code);
      g_assert_cmpstr (error->message, ==, cases[i].message);
    }
}

static void
test_close (void)
{
  const struct
  {
    guint       code;
    const char *reason;
    GQuark      domain;
    int         error_code;
    gboolean    is_passing;
  } cases[] = {
    { 0, NULL, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, TRUE },
    { 1000, "", G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, TRUE },
    { 1001, "", G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, TRUE },
    { 1006, NULL, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, TRUE },
    { 1008, "Disconnected", G_IO_ERROR, G_IO_ERROR_CLOSED, FALSE },
    { 1009, "", G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, FALSE },
    { 1013, "", BELFRY_ERROR, BELFRY_ERROR_CAPACITY, TRUE },
    { 4001, "Unauthorized", G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, FALSE },
    { 4002, "Too many connections", BELFRY_ERROR, BELFRY_ERROR_CAPACITY, TRUE },
    { 4009, "Replaced", G_IO_ERROR, G_IO_ERROR_EXISTS, FALSE },
  };
  g_autoptr(GError) status = g_error_new_literal (BELFRY_ERROR, BELFRY_ERROR_UNKNOWN_CURSOR, "Unknown cursor");
  g_autoptr(GError) told = belfry_client_error_new_from_close (1008, "", status);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = belfry_client_error_new_from_close (cases[i].code, cases[i].reason, NULL);

      g_assert_error (error, cases[i].domain, cases[i].error_code);
      g_assert_cmpint (belfry_client_error_is_passing (error), ==, cases[i].is_passing);
      if (cases[i].reason != NULL && *cases[i].reason != '\0')
        g_assert_cmpstr (error->message, ==, cases[i].reason);
    }

  g_assert_error (told, BELFRY_ERROR, BELFRY_ERROR_UNKNOWN_CURSOR);
  g_assert_false (belfry_client_error_is_passing (told));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/client-error/status/has-one-table", test_status);
  g_test_add_func ("/client-error/status/cuts-long-messages", test_long_message);
  g_test_add_func ("/client-error/message/knows-what-passes", test_message);
  g_test_add_func ("/client-error/close/tells-lasting-from-passing", test_close);

  return g_test_run ();
}
