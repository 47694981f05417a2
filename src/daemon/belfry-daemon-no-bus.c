/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-daemon-bus.h"

#include <string.h>

/* In place of belfry-daemon-bus.c in a build without D-Bus. */

BelfryDaemonBus *
belfry_daemon_bus_new (BelfryServer         *server,
                       BelfryCollector      *collector,
                       const BelfrySettings *settings)
{
  if (strcmp (settings->d_bus, "system") == 0)
    g_warning ("Built without D-Bus: the system bus is not used");
  return NULL;
}

void
belfry_daemon_bus_stop (BelfryDaemonBus         *self,
                        BelfryDaemonBusStopped   func,
                        gpointer                 user_data)
{
  func (user_data);
}

void
belfry_daemon_bus_reload (BelfryDaemonBus *self)
{
}

void
belfry_daemon_bus_free (BelfryDaemonBus *self)
{
  g_assert_not_reached ();
}
