/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-gunzip-private.h"
#include "fuzz-target.h"

#define MAXIMUM 65536

/* Either it is unpacked within the bound, or it is told why not. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr(GBytes) packed = g_bytes_new_static (data, size);
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) unpacked = belfry_gunzip (packed, MAXIMUM, &error);

  if (unpacked != NULL)
    g_assert_cmpuint (g_bytes_get_size (unpacked), <=, MAXIMUM);
  else
    g_assert_true (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA)
                   || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE));
  return 0;
}
