/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-dbus-error-private.h"

#include "belfry-error.h"

static const GDBusErrorEntry entries[] = {
  { BELFRY_DBUS_ERROR_INVALID_EVENT, "org.belfry.Belfry1.Error.InvalidEvent" },
  { BELFRY_DBUS_ERROR_INVALID_ARGUMENT, "org.belfry.Belfry1.Error.InvalidArgument" },
  { BELFRY_DBUS_ERROR_NOT_FOUND, "org.belfry.Belfry1.Error.NotFound" },
  { BELFRY_DBUS_ERROR_ACCESS_DENIED, "org.belfry.Belfry1.Error.AccessDenied" },
  { BELFRY_DBUS_ERROR_UNAVAILABLE, "org.belfry.Belfry1.Error.Unavailable" },
};

/* What went wrong inside and what a caller is told; the message is kept where it speaks of what the caller sent. */
static const struct
{
  BelfryError     code;
  BelfryDBusError told;
  const char     *message;
} conversions[] = {
  { BELFRY_ERROR_INVALID_JSON, BELFRY_DBUS_ERROR_INVALID_EVENT, NULL },
  { BELFRY_ERROR_INVALID_EVENT, BELFRY_DBUS_ERROR_INVALID_EVENT, NULL },
  { BELFRY_ERROR_INVALID_ARGUMENT, BELFRY_DBUS_ERROR_INVALID_ARGUMENT, NULL },
  { BELFRY_ERROR_UNKNOWN_CURSOR, BELFRY_DBUS_ERROR_INVALID_ARGUMENT, "Unknown cursor" },
  { BELFRY_ERROR_NOT_FOUND, BELFRY_DBUS_ERROR_NOT_FOUND, NULL },
  { BELFRY_ERROR_CAPACITY, BELFRY_DBUS_ERROR_UNAVAILABLE, NULL },
};

GQuark
belfry_dbus_error_quark (void)
{
  static gsize quark = 0;

  g_dbus_error_register_error_domain ("belfry-dbus-error-quark", &quark, entries, G_N_ELEMENTS (entries));
  return (GQuark) quark;
}

GError *
belfry_dbus_error_convert (const GError *error)
{
  if (error->domain == BELFRY_DBUS_ERROR)
    return g_error_copy (error);

  for (gsize i = 0; i < G_N_ELEMENTS (conversions); i++)
    {
      if (g_error_matches (error, BELFRY_ERROR, conversions[i].code))
        return g_error_new_literal (BELFRY_DBUS_ERROR, conversions[i].told,
                                    conversions[i].message != NULL ? conversions[i].message : error->message);
    }

  return g_error_new_literal (BELFRY_DBUS_ERROR, BELFRY_DBUS_ERROR_UNAVAILABLE, "Storage unavailable");
}
