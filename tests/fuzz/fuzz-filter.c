/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-error.h"
#include "belfry-filter-private.h"
#include "fuzz-target.h"

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryFilter) filter = belfry_filter_new_from_json ((const char *) data, (gssize) size,
                                                                &error);
  g_autoptr(BelfryFilter) again = NULL;
  g_autofree char *json = NULL;

  if (filter == NULL)
    {
      g_assert_true (error->domain == BELFRY_ERROR);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return 0;
    }
  json = belfry_filter_to_json (filter);
  again = belfry_filter_new_from_json (json, -1, &error);
  g_assert_no_error (error);
  g_assert_true (belfry_filter_equal (filter, again));
  g_assert_cmpuint (belfry_filter_hash (filter), ==, belfry_filter_hash (again));
  return 0;
}
