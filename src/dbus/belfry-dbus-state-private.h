/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-dbus-generated.h"
#include "belfry-server.h"

G_BEGIN_DECLS

/* Keeps the properties of the exported object true, at most once a second, and with nothing to do while nothing happens. Home
 * context only. */
typedef struct _BelfryDBusState BelfryDBusState;

typedef void (*BelfryDBusStateFunc) (gpointer user_data);

/* ready is called once, when the properties hold for the first time; not after free. */
BelfryDBusState *belfry_dbus_state_new  (BelfryServer *server, BelfryDBusBelfry1 *skeleton, BelfryDBusStateFunc ready,
                                         gpointer user_data);
void             belfry_dbus_state_free (BelfryDBusState *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryDBusState, belfry_dbus_state_free)

G_END_DECLS
