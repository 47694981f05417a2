/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "bus-world.h"

#include <signal.h>

#include <gio/gunixfdlist.h>

void
bus_world_set_up (BusWorld      *world,
                  gconstpointer  data)
{
  signal (SIGPIPE, SIG_IGN);
  world->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (world->bus);
  server_world_set_up (&world->server, "service-name", "bus", NULL);
  world->caller = bus_world_connect (world);
}

void
bus_world_tear_down (BusWorld      *world,
                     gconstpointer  data)
{
  g_dbus_connection_close_sync (world->caller, NULL, NULL);
  g_clear_object (&world->caller);
  server_world_tear_down (&world->server);
  if (world->bus != NULL)
    g_test_dbus_stop (world->bus);
  g_clear_object (&world->bus);
}

GDBusConnection *
bus_world_connect (BusWorld *world)
{
  g_autoptr(GError) error = NULL;
  GDBusConnection *connection;

  connection = g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (world->bus),
                                                       G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                                       | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                                       NULL, NULL, &error);
  g_assert_no_error (error);
  return connection;
}

static void
keep_result (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  GAsyncResult **kept = user_data;

  *kept = g_object_ref (result);
}

GVariant *
bus_world_call (BusWorld     *world,
                const char   *name,
                const char   *method,
                GVariant     *parameters,
                GUnixFDList **fds,
                GError      **error)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_dbus_connection_call_with_unix_fd_list (world->caller, name, BELFRY_DBUS_PATH, "org.belfry.Belfry1", method,
                                            parameters, NULL, G_DBUS_CALL_FLAGS_NONE, 20000, NULL, NULL, keep_result,
                                            &result);
  server_world_wait (result != NULL);
  return g_dbus_connection_call_with_unix_fd_list_finish (world->caller, fds, result, error);
}

void
bus_world_publish (BusWorld   *world,
                   const char *source)
{
  g_autofree char *json = g_strdup_printf ("{\"event_type\": \"quiz_started\", \"source\": \"%s\"}", source);
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(BelfryEvent) event = NULL;
  g_autoptr(GError) error = NULL;

  belfry_pipeline_publish_async (world->server.pipeline, json, -1, NULL, keep_result, &result);
  server_world_wait (result != NULL);
  event = belfry_pipeline_publish_finish (world->server.pipeline, result, &error);
  g_assert_no_error (error);
}
