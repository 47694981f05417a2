/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-client-address-private.h"

#include <gio/gunixsocketaddress.h>
#include <string.h>

static char *
make_key (const char *text)
{
  BelfryClientAddress address;

  if (!belfry_client_address_parse (&address, text, strlen (text)))
    return NULL;

  belfry_client_address_cut (&address);
  return belfry_client_address_to_key (&address);
}

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
      g_autofree char *parsed = make_key (rows[i].address);
      g_autofree char *key = NULL;
      BelfryClientAddress own;

      g_assert_true (belfry_client_address_init (&own, address));
      belfry_client_address_cut (&own);
      key = belfry_client_address_to_key (&own);
      g_assert_cmpstr (key, ==, rows[i].key);
      g_assert_cmpstr (parsed, ==, rows[i].key);
    }
}

static void
test_local (void)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new ("/run/nowhere");
  BelfryClientAddress own;
  g_autofree char *key = NULL;

  g_assert_false (belfry_client_address_init (&own, address));
  g_assert_false (belfry_client_address_is_ipv4 (&own));
  key = belfry_client_address_to_key (&own);
  g_assert_cmpstr (key, ==, "local");
}

static void
test_parses (void)
{
  static const struct { const char *text, *key; } rows[] = {
    { "192.0.2.7:4711", "192.0.2.7" },
    { "[2001:db8::1]", "2001:db8::/64" },
    { "[2001:db8::1]:443", "2001:db8::/64" },
    { "", NULL },
    { "unknown", NULL },
    { "_hidden", NULL },
    { "192.0.2", NULL },
    { "192.0.2.7:", NULL },
    { "192.0.2.7:port", NULL },
    { "192.0.2.7:123456", NULL },
    { "192.0.2.7 ", NULL },
    { "[192.0.2.7]", NULL },
    { "[2001:db8::1", NULL },
    { "[2001:db8::1]x", NULL },
    { "[2001:db8::1]:", NULL },
    { "[]", NULL },
    { "2001:db8::1%eth0", NULL },
    { "999.0.2.7", NULL },
    { "2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0001", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *key = make_key (rows[i].text);

      g_test_message ("%s", rows[i].text);
      g_assert_cmpstr (key, ==, rows[i].key);
    }
}

static gboolean
contains (const char *range,
          const char *text)
{
  const char * const texts[] = { range, NULL };
  g_autoptr(GError) error = NULL;
  g_autoptr(GArray) ranges = belfry_address_ranges_new (texts, &error);
  BelfryClientAddress address;

  g_assert_no_error (error);
  g_assert_true (belfry_client_address_parse (&address, text, strlen (text)));
  return belfry_address_ranges_contain (ranges, &address);
}

static void
test_ranges (void)
{
  static const struct { const char *range, *in, *out; } rows[] = {
    { "10.0.0.0/8", "10.255.0.1", "11.0.0.1" },
    { "10.1.2.3", "10.1.2.3", "10.1.2.2" },
    { "10.1.2.3/32", "::ffff:10.1.2.3", "10.1.2.2" },
    { "192.168.128.0/17", "192.168.200.1", "192.168.127.1" },
    { "172.16.0.0/12", "172.31.255.255", "172.32.0.0" },
    { "0.0.0.0/0", "203.0.113.1", "2001:db8::1" },
    { "::/0", "2001:db8::1", "203.0.113.1" },
    { "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1" },
    { "::1", "::1", "::2" },
    { "::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.1" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_test_message ("%s", rows[i].range);
      g_assert_true (contains (rows[i].range, rows[i].in));
      g_assert_false (contains (rows[i].range, rows[i].out));
    }
}

static void
test_refuses_ranges (void)
{
  static const char * const bad[] = {
    "", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "::/129", "10.0.0", "[::1]", "*",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      const char * const texts[] = { "10.0.0.1", bad[i], NULL };
      g_autoptr(GError) error = NULL;

      g_assert_null (belfry_address_ranges_new (texts, &error));
      g_assert_nonnull (strstr (error->message, "is not allowed; allowed: addresses"));
      g_assert_null (strchr (error->message, '\n'));
    }
}

static void
test_follows_proxies (void)
{
  static const struct { const char *socket, *forwarded, *client; } rows[] = {
    { "10.0.0.1", NULL, "10.0.0.1" },
    { "10.0.0.1", "", "10.0.0.1" },
    { "10.0.0.1", "203.0.113.9", "203.0.113.9" },
    { "203.0.113.1", "198.51.100.1", "203.0.113.1" },
    { "10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9" },
    { "10.0.0.1", "198.51.100.1,203.0.113.9,10.0.0.2 , 10.0.0.3", "203.0.113.9" },
    { "10.0.0.1", "10.0.0.7, 10.0.0.8", "10.0.0.7" },
    { "10.0.0.1", "203.0.113.9, unknown", "10.0.0.1" },
    { "10.0.0.1", "203.0.113.9, unknown, 10.0.0.2", "10.0.0.2" },
    { "10.0.0.1", "203.0.113.9,", "10.0.0.1" },
    { "10.0.0.1", " ,, ", "10.0.0.1" },
    { "10.0.0.1", "203.0.113.9:5000", "203.0.113.9" },
    { "fd00::1", "[2001:db8::5]:80", "2001:db8::/64" },
  };
  const char * const texts[] = { "10.0.0.0/8", "fd00::/8", NULL };
  g_autoptr(GArray) trusted = belfry_address_ranges_new (texts, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      BelfryClientAddress address;
      g_autofree char *key = NULL;

      g_test_message ("%s", rows[i].forwarded);
      g_assert_true (belfry_client_address_parse (&address, rows[i].socket, strlen (rows[i].socket)));
      belfry_address_ranges_follow (trusted, rows[i].forwarded, &address);
      belfry_client_address_cut (&address);
      key = belfry_client_address_to_key (&address);
      g_assert_cmpstr (key, ==, rows[i].client);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_summary ("Checks what clients are counted under, and how far proxies are believed.");

  g_test_add_func ("/client-address/key", test_keys);
  g_test_add_func ("/client-address/without-internet", test_local);
  g_test_add_func ("/client-address/parse", test_parses);
  g_test_add_func ("/address-range/contains", test_ranges);
  g_test_add_func ("/address-range/refuses-what-is-none", test_refuses_ranges);
  g_test_add_func ("/address-range/follows-proxies-as-far-as-trusted", test_follows_proxies);

  return g_test_run ();
}
