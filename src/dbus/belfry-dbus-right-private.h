/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Who may do what; each right holds those before it. */
typedef enum
{
  BELFRY_DBUS_RIGHT_OPEN,   /* everybody */
  BELFRY_DBUS_RIGHT_READ,   /* members of the group */
  BELFRY_DBUS_RIGHT_ADMIN,  /* root, and the user that the service runs as */
} BelfryDBusRight;

/* Nobody. */
#define BELFRY_DBUS_NO_USER  ((guint32) -1)
#define BELFRY_DBUS_NO_GROUP ((guint32) -1)

/* credentials: as the bus gives them (a{sv}). user: who it is, or NO_USER. */
BelfryDBusRight belfry_dbus_right_from_credentials (GVariant *credentials, guint32 own_user, guint32 group,
                                                    guint32 *user);
/* The group of that name, or NO_GROUP. */
guint32         belfry_dbus_find_group             (const char *name);

G_END_DECLS
