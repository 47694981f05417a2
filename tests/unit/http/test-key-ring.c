/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-key-ring-private.h"

#include <glib/gstdio.h>
#include <string.h>

#include "belfry-key-hash-private.h"

static char *
make_hash (const char *key)
{
  BelfryKeyHash hash;

  belfry_key_hash_init (&hash, key, strlen (key));
  return belfry_key_hash_to_string (&hash);
}

/* %s stands for the hash of "alpha". */
static char *
write_file (const char *text)
{
  g_autofree char *hash = make_hash ("alpha");
  g_auto(GStrv) pieces = g_strsplit (text, "%s", -1);
  g_autofree char *content = g_strjoinv (hash, pieces);
  char *path = g_build_filename (g_get_user_config_dir (), "keys.conf", NULL);
  g_autoptr(GError) error = NULL;

  g_mkdir_with_parents (g_get_user_config_dir (), 0700);
  g_file_set_contents (path, content, -1, &error);
  g_assert_no_error (error);
  return path;
}

static gboolean
load (BelfryKeyRing  *ring,
      const char     *text,
      GError        **error)
{
  g_autofree char *path = write_file (text);

  return belfry_key_ring_load (ring, path, error);
}

static void
load_good (BelfryKeyRing *ring,
           const char    *text)
{
  g_autoptr(GError) error = NULL;

  load (ring, text, &error);
  g_assert_no_error (error);
}

static void
test_hash (void)
{
  g_autofree char *text = make_hash ("alpha");
  g_autofree char *other = make_hash ("alphb");
  BelfryKeyHash hash;
  g_autofree char *again = NULL;

  g_assert_true (g_str_has_prefix (text, "sha256:"));
  g_assert_cmpuint (strlen (text), ==, 7 + 64);
  g_assert_cmpstr (text, !=, other);
  g_assert_true (belfry_key_hash_parse (&hash, text));
  again = belfry_key_hash_to_string (&hash);
  g_assert_cmpstr (again, ==, text);
  g_assert_false (belfry_key_hash_parse (&hash, "sha256:00"));
  g_assert_false (belfry_key_hash_parse (&hash, "md5:00"));
  text[20] = 'g';
  g_assert_false (belfry_key_hash_parse (&hash, text));
}

static void
test_main_key (void)
{
  g_autoptr(BelfryKeyRing) ring = belfry_key_ring_new ();
  BelfryGrant *grant;

  g_assert_true (belfry_key_ring_is_empty (ring));
  g_assert_null (belfry_key_ring_find (ring, ""));
  belfry_key_ring_set_main (ring, "");
  g_assert_true (belfry_key_ring_is_empty (ring));

  belfry_key_ring_set_main (ring, "secret");
  grant = belfry_key_ring_find (ring, "secret");
  g_assert_nonnull (grant);
  g_assert_true (belfry_grant_allows (grant, BELFRY_SCOPE_SUBSCRIBE));
  g_assert_true (belfry_grant_allows (grant, BELFRY_SCOPE_NONE));
  g_assert_null (belfry_key_ring_find (ring, "secre"));
  g_assert_null (belfry_key_ring_find (ring, "secret "));
  g_assert_null (belfry_key_ring_find (ring, "Secret"));
}

static void
test_loads (void)
{
  g_autoptr(BelfryKeyRing) ring = belfry_key_ring_new ();
  BelfryGrant *grant;

  load_good (ring, "[quiz]\nhash=%s\nscope=publish  query\nrate=5/second admin=1/day\n");
  g_assert_false (belfry_key_ring_is_empty (ring));
  grant = belfry_key_ring_find (ring, "alpha");
  g_assert_cmpstr (grant->name, ==, "quiz");
  g_assert_true (belfry_grant_allows (grant, BELFRY_SCOPE_PUBLISH));
  g_assert_true (belfry_grant_allows (grant, BELFRY_SCOPE_QUERY));
  g_assert_false (belfry_grant_allows (grant, BELFRY_SCOPE_ADMIN));
  g_assert_false (belfry_grant_allows (grant, BELFRY_SCOPE_SUBSCRIBE));
  g_assert_true (belfry_grant_allows (grant, BELFRY_SCOPE_SUBSCRIBE | BELFRY_SCOPE_QUERY));
  g_assert_cmpuint (grant->rates[BELFRY_RATE_CLASS_PUBLISH].count, ==, 5);
  g_assert_cmpuint (grant->rates[BELFRY_RATE_CLASS_ADMIN].count, ==, 1);
  g_assert_null (belfry_key_ring_find (ring, "beta"));

  load_good (ring, "# no key\n");
  g_assert_true (belfry_key_ring_is_empty (ring));
}

static void
test_refuses (void)
{
  static const struct { const char *text, *complaint; } rows[] = {
    { "[a]\nscope=query\n", "[a]: hash: '' is not allowed; allowed: what belfryctl hash-key prints" },
    { "[a]\nhash=alpha-in-the-clear\nscope=query\n", "[a]: hash: '(not shown)'" },
    { "[a]\nhash=%s\n", "[a]: scope: '' is not allowed; allowed: publish query admin" },
    { "[a]\nhash=%s\nscope=query write\n", "[a]: scope: 'write' is not allowed" },
    { "[a]\nhash=%s\nscope=\n", "[a]: scope: ''" },
    { "[a]\nhash=%s\nscope=query\nrate=fast\n", "[a]: rate: 'fast' is not allowed; allowed: COUNT/second" },
    { "[a]\nhash=%s\nscope=query\nrate=stream=1/second\n", "[a]: rate: 'stream=1/second'" },
    { "[a]\nhash=%s\nscope=query\nrate=\n", "[a]: rate: ''" },
    { "[a]\nhash=%s\nscope=query\nscopes=admin\n", "[a]: key: 'scopes' is not allowed; allowed: hash, scope and rate" },
    { "[a]\nhash=%s\nscope=query\n[b]\nhash=%s\nscope=admin\n", "[b]: hash is that of [a] too" },
    { "[API_KEY]\nhash=%s\nscope=publish\n", "[API_KEY]: name: 'API_KEY' is not allowed; allowed: any other" },
    { "no key file\n", "keys.conf" },
    { "[a\nhash", "keys.conf" },
  };
  g_autoptr(BelfryKeyRing) ring = belfry_key_ring_new ();

  load_good (ring, "[old]\nhash=%s\nscope=query\n");
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(GError) error = NULL;

      g_test_message ("%s", rows[i].text);
      g_assert_false (load (ring, rows[i].text, &error));
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, rows[i].complaint));
      g_assert_true (g_str_has_prefix (error->message, "API_KEYS_FILE: '"));
      g_assert_null (strstr (error->message, "clear"));
      g_assert_null (strchr (error->message, '\n'));
      g_assert_cmpstr (belfry_key_ring_find (ring, "alpha")->name, ==, "old");
    }
  g_assert_false (belfry_key_ring_load (ring, "/nowhere/keys.conf", NULL));
  g_assert_nonnull (belfry_key_ring_find (ring, "alpha"));
}

static void
test_reloads (void)
{
  g_autoptr(BelfryKeyRing) ring = belfry_key_ring_new ();
  g_autoptr(BelfryGrant) first = NULL;
  g_autoptr(BelfryGrant) second = NULL;

  load_good (ring, "[a]\nhash=%s\nscope=query\n");
  first = belfry_grant_ref (belfry_key_ring_find (ring, "alpha"));

  load_good (ring, "[a]\nhash=%s\nscope=query publish\nrate=1/second\n");
  g_assert_true (belfry_key_ring_find (ring, "alpha") == first);
  g_assert_false (first->is_revoked);
  g_assert_true (belfry_grant_allows (first, BELFRY_SCOPE_PUBLISH));

  load_good (ring, "[b]\nhash=%s\nscope=publish\n");
  second = belfry_grant_ref (belfry_key_ring_find (ring, "alpha"));
  g_assert_true (second != first);
  g_assert_true (first->is_revoked);

  load_good (ring, "");
  g_assert_true (second->is_revoked);
  g_assert_null (belfry_key_ring_find (ring, "alpha"));
}

/* A reload must not give a client another full window. */
static void
test_reload_keeps_counting (void)
{
  g_autoptr(BelfryKeyRing) ring = belfry_key_ring_new ();
  BelfryRate rate = { 1, G_USEC_PER_SEC };
  gint64 wait_usec;

  load_good (ring, "[a]\nhash=%s\nscope=query publish\n");
  g_assert_true (belfry_grant_take (belfry_key_ring_find (ring, "alpha"), BELFRY_RATE_CLASS_QUERY, &rate, 5000,
                                    &wait_usec));
  load_good (ring, "[a]\nhash=%s\nscope=query\n");
  g_assert_false (belfry_grant_take (belfry_key_ring_find (ring, "alpha"), BELFRY_RATE_CLASS_QUERY, &rate, 6000,
                                     &wait_usec));
}

static void
test_changed_main_key (void)
{
  g_autoptr(BelfryKeyRing) ring = belfry_key_ring_new ();
  g_autoptr(BelfryGrant) grant = NULL;

  belfry_key_ring_set_main (ring, "one");
  grant = belfry_grant_ref (belfry_key_ring_find (ring, "one"));
  belfry_key_ring_set_main (ring, "one");
  g_assert_false (grant->is_revoked);
  belfry_key_ring_set_main (ring, "two");
  g_assert_true (grant->is_revoked);
  g_assert_null (belfry_key_ring_find (ring, "one"));
  belfry_key_ring_set_main (ring, NULL);
  g_assert_true (belfry_key_ring_is_empty (ring));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_summary ("Checks which keys are accepted, what they allow, and what a reload changes.");

  g_test_add_func ("/key-hash/text", test_hash);
  g_test_add_func ("/key-ring/main-key", test_main_key);
  g_test_add_func ("/key-ring/loads-a-file", test_loads);
  g_test_add_func ("/key-ring/refuses-bad-files-and-keeps-the-old", test_refuses);
  g_test_add_func ("/key-ring/reload-revokes-what-is-gone", test_reloads);
  g_test_add_func ("/key-ring/reload-keeps-counting", test_reload_keeps_counting);
  g_test_add_func ("/key-ring/changed-main-key-revokes", test_changed_main_key);

  return g_test_run ();
}
