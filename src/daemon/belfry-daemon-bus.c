/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-daemon-bus.h"

#include <string.h>

#include "belfry-dbus-host.h"

/* How long the start waits for the bus, so that who is told that we listen finds us there too. */
#define START_WAIT_MSEC 3000

struct _BelfryDaemonBus
{
  BelfryDBusService *service;  /* owned */
  BelfryDBusHost    *host;     /* owned */
};

static gboolean
on_wait_over (gpointer user_data)
{
  gboolean *is_over = user_data;

  *is_over = TRUE;
  return G_SOURCE_REMOVE;
}

static void
wait_until_settled (BelfryDBusHost *host)
{
  g_autoptr(GSource) timer = g_timeout_source_new (START_WAIT_MSEC);
  gboolean is_over = FALSE;

  g_source_set_callback (timer, on_wait_over, &is_over, NULL);
  g_source_attach (timer, NULL);
  while (!is_over && !belfry_dbus_host_is_settled (host))
    g_main_context_iteration (NULL, TRUE);
  g_source_destroy (timer);
}

BelfryDaemonBus *
belfry_daemon_bus_new (BelfryServer         *server,
                       BelfryCollector      *collector,
                       const BelfrySettings *settings)
{
  BelfryDaemonBus *self;

  if (strcmp (settings->d_bus, "off") == 0)
    return NULL;

  self = g_new0 (BelfryDaemonBus, 1);
  self->service = belfry_dbus_service_new (server);
  belfry_dbus_service_set_collector (self->service, collector);
  g_object_set (self->service, "group", settings->d_bus_group,
                "max-calls", (guint) settings->d_bus_max_calls,
                "max-streams", (guint) settings->d_bus_max_streams,
                "max-answer-bytes", settings->d_bus_max_answer_bytes, NULL);
  belfry_server_add_counters (server, "dbus", G_OBJECT (self->service));
  self->host = belfry_dbus_host_new (self->service, strcmp (settings->d_bus, "system") == 0);
  belfry_dbus_host_start (self->host);
  wait_until_settled (self->host);
  return self;
}

void
belfry_daemon_bus_stop (BelfryDaemonBus         *self,
                        BelfryDaemonBusStopped   func,
                        gpointer                 user_data)
{
  if (self == NULL)
    func (user_data);
  else
    belfry_dbus_host_stop (self->host, func, user_data);
}

void
belfry_daemon_bus_reload (BelfryDaemonBus *self)
{
  if (self != NULL)
    belfry_dbus_service_look_up_group (self->service);
}

void
belfry_daemon_bus_free (BelfryDaemonBus *self)
{
  g_clear_pointer (&self->host, belfry_dbus_host_free);
  g_clear_object (&self->service);
  g_free (self);
}
