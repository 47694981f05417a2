/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What callers over the bus are told: org.belfry.Belfry1.Error.… */
#define BELFRY_DBUS_ERROR (belfry_dbus_error_quark ())

typedef enum
{
  BELFRY_DBUS_ERROR_INVALID_EVENT,
  BELFRY_DBUS_ERROR_INVALID_ARGUMENT,
  BELFRY_DBUS_ERROR_NOT_FOUND,
  BELFRY_DBUS_ERROR_ACCESS_DENIED,
  BELFRY_DBUS_ERROR_UNAVAILABLE,
} BelfryDBusError;

GQuark  belfry_dbus_error_quark   (void);
/* error, as a caller is told of it: a BELFRY_DBUS_ERROR without anything internal. */
GError *belfry_dbus_error_convert (const GError *error);

G_END_DECLS
