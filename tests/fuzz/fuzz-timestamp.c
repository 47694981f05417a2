/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-timestamp-private.h"
#include "fuzz-target.h"

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  const gint64 day_usec = G_GINT64_CONSTANT (86400) * G_USEC_PER_SEC;
  char text[BELFRY_TIMESTAMP_LENGTH + 1];
  gint64 usec, again;

  if (!belfry_timestamp_parse ((const char *) data, (gssize) size, &usec))
    return 0;
  /* The years 0001 to 9999, and an offset of less than a day. */
  g_assert_cmpint (usec, >, G_GINT64_CONSTANT (-719163) * day_usec);
  g_assert_cmpint (usec, <, G_GINT64_CONSTANT (2932898) * day_usec);
  belfry_timestamp_write (usec, text);
  if (belfry_timestamp_parse (text, -1, &again) && usec < G_GINT64_CONSTANT (2932897) * day_usec)
    g_assert_cmpint (again, ==, usec);
  return 0;
}
