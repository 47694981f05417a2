/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-cursor.h"
#include "belfry-error.h"
#include "fuzz-target.h"

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryCursor) cursor = belfry_cursor_new_from_string (text, &error);
  g_autofree char *again = NULL;

  if (cursor == NULL)
    {
      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNKNOWN_CURSOR);
      return 0;
    }
  again = belfry_cursor_to_string (cursor);
  g_assert_cmpstr (again, ==, text);
  return 0;
}
