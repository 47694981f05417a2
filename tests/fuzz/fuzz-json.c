/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-json-scanner-private.h"
#include "fuzz-target.h"

/* Compact text is valid, has no white space, and stays as it is. */
static void
check_compact (const char *text, gsize length, guint n_members)
{
  GString *again = NULL;
  BelfryJsonValue root;
  guint n_again;

  g_assert_true (belfry_json_scan (text, length, NULL, &root));
  g_assert_false (root.has_space);
  if (root.type == BELFRY_JSON_OBJECT)
    g_assert_cmpuint (root.n_members, ==, n_members);
  again = belfry_json_compact (text, length, &n_again);
  g_assert_cmpmem (again->str, again->len, text, length);
  g_string_free (again, TRUE);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  const char *text = (const char *) data;
  g_autofree char *stripped = NULL;
  g_autofree char *string = NULL;
  GString *compact = NULL;
  BelfryJsonValue root;
  guint n_members;
  gsize length;

  if (!belfry_json_scan (text, size, NULL, &root))
    return 0;
  g_assert_true (g_utf8_validate (text, (gssize) size, NULL));
  compact = belfry_json_compact (text, size, &n_members);
  check_compact (compact->str, compact->len, n_members);
  stripped = g_malloc (size);
  length = belfry_json_strip (text, size, stripped);
  if (!root.may_repeat)
    g_assert_cmpmem (stripped, length, compact->str, compact->len);
  string = belfry_json_value_dup_string (&root);
  if (string != NULL)
    g_assert_true (g_utf8_validate (string, -1, NULL));
  g_string_free (compact, TRUE);
  return 0;
}
