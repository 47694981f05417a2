/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-cors-private.h"

#include <string.h>

static BelfryCors *
make_cors (const char *origin)
{
  const char * const origins[] = { origin, NULL };
  g_autoptr(GError) error = NULL;
  BelfryCors *cors = belfry_cors_new (origins, &error);

  g_assert_no_error (error);
  return cors;
}

static void
test_finds (void)
{
  g_autoptr(BelfryCors) any = make_cors ("*");
  g_autoptr(BelfryCors) one = make_cors ("https://app.example.org");
  g_autoptr(BelfryCors) other = make_cors ("HTTP://App.Example.org:80/");
  g_autoptr(BelfryCors) none = make_cors (NULL);
  g_autoptr(BelfryCors) local = make_cors ("null");

  g_assert_cmpstr (belfry_cors_find_allowed (any, "https://x"), ==, "*");
  g_assert_cmpstr (belfry_cors_find_allowed (one, "https://app.example.org"), ==, "https://app.example.org");
  g_assert_cmpstr (belfry_cors_find_allowed (one, "https://APP.example.org:443"), ==, "https://APP.example.org:443");
  g_assert_cmpstr (belfry_cors_find_allowed (other, "http://app.example.org"), ==, "http://app.example.org");
  g_assert_cmpstr (belfry_cors_find_allowed (local, "null"), ==, "null");
  g_assert_null (belfry_cors_find_allowed (any, NULL));
  g_assert_null (belfry_cors_find_allowed (one, "https://x"));
  g_assert_null (belfry_cors_find_allowed (one, "http://app.example.org"));
  g_assert_null (belfry_cors_find_allowed (one, "https://app.example.org:8443"));
  g_assert_null (belfry_cors_find_allowed (one, "https://app.example.org.evil.example"));
  g_assert_null (belfry_cors_find_allowed (one, "null"));
  g_assert_null (belfry_cors_find_allowed (one, ""));
  g_assert_null (belfry_cors_find_allowed (none, "https://app.example.org"));
}

static void
test_sockets (void)
{
  static const struct { const char *origin, *host; gboolean admitted; } rows[] = {
    { NULL, "h:1", TRUE },
    { "https://app.example.org", "h:1", TRUE },
    { "http://h:1", "h:1", TRUE },
    { "http://H:1", "h:1", TRUE },
    { "http://[::1]:8001", "[::1]:8001", TRUE },
    { "http://h", "h:80", TRUE },
    { "http://h:80", "h", TRUE },
    { "https://h", "h:443", TRUE },
    { "https://h:443", "H", TRUE },
    { "https://h", "h", TRUE },
    { "http://h", "h:443", FALSE },
    { "http://h:2", "h:1", FALSE },
    { "http://h", "h:1", FALSE },
    { "http://app.example.org", "h:1", FALSE },
    { "http://h:1/path", "h:1", FALSE },
    { "http://user@h:1", "h:1", FALSE },
    { "null", "null", FALSE },
    { "", "", FALSE },
    { "http://", "", FALSE },
    { "http://h:1", NULL, FALSE },
  };
  g_autoptr(BelfryCors) one = make_cors ("https://app.example.org");
  g_autoptr(BelfryCors) any = make_cors ("*");

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_test_message ("%s at %s", rows[i].origin, rows[i].host);
      g_assert_cmpint (belfry_cors_admits_socket (one, rows[i].origin, rows[i].host), ==, rows[i].admitted);
      g_assert_true (belfry_cors_admits_socket (any, rows[i].origin, rows[i].host));
    }
}

static void
test_refuses (void)
{
  static const char * const bad[] = {
    "", "example.org", "https://", "://x", "https://x/path", "https://x y", "https://user@x", "https://x?q",
    "*.example.org",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      const char * const origins[] = { "https://fine.example", bad[i], NULL };
      g_autoptr(GError) error = NULL;

      g_assert_null (belfry_cors_new (origins, &error));
      g_assert_nonnull (strstr (error->message, "allowed: * or origins"));
    }
}

static void
test_decorates (void)
{
  g_autoptr(BelfryCors) one = make_cors ("https://app.example.org");
  SoupMessageHeaders *request = soup_message_headers_new (SOUP_MESSAGE_HEADERS_REQUEST);
  SoupMessageHeaders *response = soup_message_headers_new (SOUP_MESSAGE_HEADERS_RESPONSE);

  belfry_cors_decorate (one, request, response);
  g_assert_null (soup_message_headers_get_one (response, "Access-Control-Allow-Origin"));
  g_assert_false (belfry_cors_is_preflight (request));

  soup_message_headers_append (request, "Origin", "https://evil.example");
  belfry_cors_decorate (one, request, response);
  belfry_cors_decorate_preflight (one, request, response);
  g_assert_null (soup_message_headers_get_one (response, "Access-Control-Allow-Origin"));
  g_assert_null (soup_message_headers_get_one (response, "Access-Control-Allow-Methods"));
  g_assert_false (belfry_cors_is_preflight (request));

  soup_message_headers_replace (request, "Origin", "https://app.example.org");
  soup_message_headers_append (request, "Access-Control-Request-Method", "PUT");
  belfry_cors_decorate (one, request, response);
  g_assert_true (belfry_cors_is_preflight (request));
  belfry_cors_decorate_preflight (one, request, response);
  g_assert_cmpstr (soup_message_headers_get_one (response, "Access-Control-Allow-Origin"), ==,
                   "https://app.example.org");
  g_assert_cmpstr (soup_message_headers_get_list (response, "Access-Control-Expose-Headers"), ==, "Link, Retry-After");
  g_assert_cmpstr (soup_message_headers_get_list (response, "Access-Control-Allow-Methods"), ==,
                   "GET, POST, PUT, DELETE");

  soup_message_headers_unref (request);
  soup_message_headers_unref (response);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_summary ("Checks whose pages may use the service, and what they are told.");

  g_test_add_func ("/cors/finds-allowed-origin", test_finds);
  g_test_add_func ("/cors/admits-socket", test_sockets);
  g_test_add_func ("/cors/refuses-what-is-no-origin", test_refuses);
  g_test_add_func ("/cors/decorates-answers", test_decorates);

  return g_test_run ();
}
