/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-client-url-private.h"
#include "belfry-error.h"

static void
test_normalise (void)
{
  const struct
  {
    const char *url;
    const char *expected;
  } cases[] = {
    { "http://127.0.0.1:8001", "http://127.0.0.1:8001" },
    { "http://127.0.0.1:8001/", "http://127.0.0.1:8001" },
    { "http://127.0.0.1:8001//", "http://127.0.0.1:8001" },
    { "http://127.0.0.1:8001/api/v1", "http://127.0.0.1:8001" },
    { "http://127.0.0.1:8001/api/v1/", "http://127.0.0.1:8001" },
    { "https://example.org/bells/", "https://example.org/bells" },
    { "http://[::1]:8001", "http://[::1]:8001" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autofree char *text = belfry_client_url_normalise (cases[i].url, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (text, ==, cases[i].expected);
    }
}

static void
test_refuses (void)
{
  const char *cases[] = {
    "",
    "127.0.0.1:8001",
    "localhost",
    "ftp://127.0.0.1",
    "ws://127.0.0.1",
    "http://",
    "http:///path",
    "http://127.0.0.1:99999",
    "http://127.0.0.1/?a=b",
    "http://127.0.0.1/#a",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autofree char *text = belfry_client_url_normalise (cases[i], &error);

      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT);
      g_assert_null (text);
    }
}

static void
test_hides_passwords (void)
{
  const char *cases[] = { "http://user:secret@example.org", "http://secret@example.org", "ftp://a:secret@b" };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (belfry_client_url_normalise (cases[i], &error));
      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT);
      g_assert_null (strstr (error->message, "secret"));
    }
}

static void
test_build (void)
{
  const char *parameters[] = { "session_id", "a&b=c d+é", "since", "2026-01-15T10:30:45+01:00", NULL };
  g_autofree char *plain = belfry_client_url_build ("http://h:1", "/events", NULL);
  g_autofree char *full = belfry_client_url_build ("http://h:1/x", "/events", parameters);

  g_assert_cmpstr (plain, ==, "http://h:1/api/v1/events");
  g_assert_cmpstr (full, ==,
                   "http://h:1/x/api/v1/events?session_id=a%26b%3Dc%20d%2B%C3%A9&since=2026-01-15T10%3A30%3A45%2B01%3A00");
}

static void
test_next (void)
{
  const struct
  {
    const char *link;
    const char *expected;
  } cases[] = {
    { NULL, NULL },
    { "", NULL },
    { "</api/v1/events?cursor=a>; rel=\"next\"", "http://h:8001/api/v1/events?cursor=a" },
    { "</b>; rel=prev, </c>; rel=next", "http://h:8001/c" },
    { "</b>; title=\"x, y\"; rel=\"prev\", </c>; REL=\"NEXT\"", "http://h:8001/c" },
    { "<http://h:8001/d?e=f>; rel=\"next\"", "http://h:8001/d?e=f" },
    { "<http://evil.example/d>; rel=\"next\"", NULL },
    { "<http://h:8002/d>; rel=\"next\"", NULL },
    { "<https://h:8001/d>; rel=\"next\"", NULL },
    { "</d>; rel=\"prev\"", NULL },
    { "</d", NULL },
    { "<><", NULL },
    { "rel=next", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *next = belfry_client_url_find_next ("http://h:8001/api/v1/events?limit=3", cases[i].link);

      g_assert_cmpstr (next, ==, cases[i].expected);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/client-url/normalise/drops-what-is-too-much", test_normalise);
  g_test_add_func ("/client-url/normalise/refuses-what-is-no-server", test_refuses);
  g_test_add_func ("/client-url/normalise/never-repeats-a-password", test_hides_passwords);
  g_test_add_func ("/client-url/build/escapes-everything", test_build);
  g_test_add_func ("/client-url/next/stays-on-the-server", test_next);

  return g_test_run ();
}
