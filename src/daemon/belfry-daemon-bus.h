/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-collector.h"
#include "belfry-server-private.h"
#include "belfry-settings.h"

G_BEGIN_DECLS

/* The daemon's place on the bus. */
typedef struct _BelfryDaemonBus BelfryDaemonBus;

typedef void (*BelfryDaemonBusStopped) (gpointer user_data);

/* NULL when the settings want none. Waits a little until callers find the service, or it is clear that there is no bus. */
BelfryDaemonBus *belfry_daemon_bus_new  (BelfryServer *server, BelfryCollector *collector,
                                         const BelfrySettings *settings);
/* func is called once; self may be NULL. */
void             belfry_daemon_bus_stop (BelfryDaemonBus *self, BelfryDaemonBusStopped func, gpointer user_data);
/* What lies outside of the settings is looked up anew; self may be NULL. */
void             belfry_daemon_bus_reload (BelfryDaemonBus *self);
void             belfry_daemon_bus_free (BelfryDaemonBus *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryDaemonBus, belfry_daemon_bus_free)

G_END_DECLS
