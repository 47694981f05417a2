/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-dbus-service.h"

G_BEGIN_DECLS

/* Where the service meets the bus: connection, name, and coming back after the bus went away. A bus is a convenience: nothing that
 * happens to it stops anybody. Home context only. */
typedef struct _BelfryDBusHost BelfryDBusHost;

BelfryDBusHost *belfry_dbus_host_new        (BelfryDBusService *service, gboolean on_system_bus);
void            belfry_dbus_host_free       (BelfryDBusHost *self);
/* Looks for the bus and begins to serve there. */
void            belfry_dbus_host_start      (BelfryDBusHost *self);
/* Callers find the service, or it is known that there is no bus. */
gboolean        belfry_dbus_host_is_settled (BelfryDBusHost *self);
/* Lets the name go, ends the streams, and calls func once what was taken is answered and sent, or too much time has gone. */
void            belfry_dbus_host_stop       (BelfryDBusHost *self, BelfryDBusDrainFunc func, gpointer user_data);

G_END_DECLS
