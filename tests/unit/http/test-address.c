/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-address-private.h"

static void
test_keys (void)
{
  static const struct { const char *address, *key; } rows[] = {
    { "192.0.2.7", "192.0.2.7" },
    { "::ffff:192.0.2.7", "192.0.2.7" },
    { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
    { "2001:db8:1:2:ffff::1", "2001:db8:1:2::/64" },
    { "2001:db8:1:3::1", "2001:db8:1:3::/64" },
    { "::1", "::/64" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(GSocketAddress) address = g_inet_socket_address_new_from_string (rows[i].address, 4711);
      g_autofree char *key = belfry_address_to_key (address);

      g_assert_cmpstr (key, ==, rows[i].key);
    }
}

static void
test_origins (void)
{
  static const char * const any[] = { "*", NULL };
  static const char * const one[] = { "https://app.example.org", NULL };
  static const char * const none[] = { NULL };

  g_assert_true (belfry_origin_is_allowed (NULL, "h:1", none));
  g_assert_true (belfry_origin_is_allowed ("https://other.example", "h:1", any));
  g_assert_true (belfry_origin_is_allowed ("https://app.example.org", "h:1", one));
  g_assert_true (belfry_origin_is_allowed ("http://h:1", "h:1", none));
  g_assert_true (belfry_origin_is_allowed ("http://H:1", "h:1", one));
  g_assert_true (belfry_origin_is_allowed ("http://[::1]:8001", "[::1]:8001", none));
  g_assert_false (belfry_origin_is_allowed ("http://h:2", "h:1", one));
  g_assert_false (belfry_origin_is_allowed ("http://h", "h:1", one));
  g_assert_false (belfry_origin_is_allowed ("http://app.example.org", "h:1", one));
  g_assert_false (belfry_origin_is_allowed ("https://app.example.org.evil.example", "h:1", one));
  g_assert_false (belfry_origin_is_allowed ("null", "null", one));
  g_assert_false (belfry_origin_is_allowed ("", "", one));
  g_assert_false (belfry_origin_is_allowed ("http://h:1", NULL, none));

  g_assert_cmpstr (belfry_origin_find_allowed ("https://x", any), ==, "*");
  g_assert_cmpstr (belfry_origin_find_allowed ("https://app.example.org", one), ==, "https://app.example.org");
  g_assert_null (belfry_origin_find_allowed ("https://x", one));
  g_assert_null (belfry_origin_find_allowed (NULL, any));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/address/key", test_keys);
  g_test_add_func ("/address/origin", test_origins);

  return g_test_run ();
}
