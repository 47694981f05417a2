/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-dbus-host.h"

#include "bus-world.h"

static void
set_address (const char *address)
{
  g_setenv ("DBUS_SESSION_BUS_ADDRESS", address, TRUE);
}

static gboolean
has_owner (BusWorld *world)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) reply = bus_world_call (world, BELFRY_DBUS_NAME, "ListEventTypes", NULL, NULL, &error);

  return reply != NULL;
}

static void
note (gpointer user_data)
{
  ++*(guint *) user_data;
}

static void
test_found_by_name (BusWorld      *world,
                    gconstpointer  data)
{
  g_autoptr(BelfryDBusService) service = belfry_dbus_service_new (world->server.server);
  BelfryDBusHost *host = belfry_dbus_host_new (service, FALSE);
  guint n_stopped = 0;

  belfry_dbus_host_start (host);
  server_world_wait (belfry_dbus_host_is_settled (host));
  g_assert_true (has_owner (world));

  belfry_dbus_host_stop (host, note, &n_stopped);
  server_world_wait (n_stopped == 1);
  g_assert_false (has_owner (world));
  belfry_dbus_host_free (host);
}

static guint n_warnings;

static GLogWriterOutput
count_warnings (GLogLevelFlags   level,
                const GLogField *fields,
                gsize            n_fields,
                gpointer         user_data)
{
  if ((level & G_LOG_LEVEL_MASK) != G_LOG_LEVEL_WARNING)
    return g_log_writer_default (level, fields, n_fields, user_data);

  n_warnings++;
  return G_LOG_WRITER_HANDLED;
}

static void
test_no_bus (BusWorld      *world,
             gconstpointer  data)
{
  g_autoptr(BelfryDBusService) service = belfry_dbus_service_new (world->server.server);
  BelfryDBusHost *host = belfry_dbus_host_new (service, FALSE);
  guint n_stopped = 0;

  n_warnings = 0;
  set_address (data);
  belfry_dbus_host_start (host);
  server_world_wait (belfry_dbus_host_is_settled (host));
  /* No bus at all is nothing to look at; one that does not answer is. */
  g_assert_cmpuint (n_warnings, ==, g_str_equal (data, "autolaunch:") ? 0 : 1);
  belfry_dbus_host_stop (host, note, &n_stopped);
  server_world_wait (n_stopped == 1);
  belfry_dbus_host_free (host);
}

static void
test_freed_at_once (BusWorld      *world,
                    gconstpointer  data)
{
  g_autoptr(BelfryDBusService) service = belfry_dbus_service_new (world->server.server);
  BelfryDBusHost *host = belfry_dbus_host_new (service, FALSE);
  g_autoptr(GDBusConnection) other = NULL;

  belfry_dbus_host_start (host);
  belfry_dbus_host_free (host);
  /* Long enough for what was under way. */
  other = bus_world_connect (world);
  g_assert_false (has_owner (world));
}

static void
test_second_waits (BusWorld      *world,
                   gconstpointer  data)
{
  g_autoptr(BelfryDBusService) first = belfry_dbus_service_new (world->server.server);
  g_autoptr(BelfryDBusService) second = belfry_dbus_service_new (world->server.server);
  BelfryDBusHost *first_host = belfry_dbus_host_new (first, FALSE);
  BelfryDBusHost *second_host = belfry_dbus_host_new (second, FALSE);
  guint64 calls;

  belfry_dbus_host_start (first_host);
  server_world_wait (belfry_dbus_host_is_settled (first_host));
  belfry_dbus_host_start (second_host);
  server_world_wait (belfry_dbus_host_is_settled (second_host));
  g_assert_true (has_owner (world));
  g_object_get (second, "calls", &calls, NULL);
  g_assert_cmpuint (calls, ==, 0);

  belfry_dbus_host_free (first_host);
  server_world_wait (has_owner (world));
  g_object_get (second, "calls", &calls, NULL);
  g_assert_cmpuint (calls, ==, 1);
  belfry_dbus_host_free (second_host);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (count_warnings, NULL, NULL);
  g_test_add ("/dbus-host/found-by-name", BusWorld, NULL, bus_world_set_up, test_found_by_name, bus_world_tear_down);
  g_test_add ("/dbus-host/no-bus-is-no-trouble", BusWorld, "unix:path=/nonexistent/bus", bus_world_set_up, test_no_bus,
              bus_world_tear_down);
  g_test_add ("/dbus-host/broken-address-is-no-trouble", BusWorld, "nonsense", bus_world_set_up, test_no_bus,
              bus_world_tear_down);
  g_test_add ("/dbus-host/starts-no-bus", BusWorld, "autolaunch:", bus_world_set_up, test_no_bus,
              bus_world_tear_down);
  g_test_add ("/dbus-host/may-be-freed-at-once", BusWorld, NULL, bus_world_set_up, test_freed_at_once,
              bus_world_tear_down);
  g_test_add ("/dbus-host/second-one-waits-for-the-name", BusWorld, NULL, bus_world_set_up, test_second_waits,
              bus_world_tear_down);
  return g_test_run ();
}
