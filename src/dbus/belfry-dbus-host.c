/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-dbus-host.h"

#include <string.h>

/* Life: an address, a connection, the exported object, the name, in this order; then the service is found. When the connection closes all
 * of it begins anew, after a pause that grows while there is no bus.
 *
 * GLib's own g_bus_get() is not used: it would start a bus where there is none, and ends the process with the bus. Nor is
 * g_bus_own_name(): letting the name go blocks until the bus answers. */

#define FIRST_RETRY_SEC  1
#define LAST_RETRY_SEC   60
#define STOP_LIMIT_MSEC  2000
#define QUEUED_FOR_NAME  2  /* what the bus says when somebody else has it */

struct _BelfryDBusHost
{
  BelfryDBusService *service;      /* owned */
  gboolean           is_system;
  GMainContext      *context;      /* owned */
  char              *address;      /* NULL: no bus is known */
  GDBusConnection   *connection;   /* owned; NULL while there is none */
  gulong             closed_id;
  guint              acquired_id;  /* of the subscription to the bus' signal */
  GSource           *timer;        /* the next try, or the end of the patience with a stop */
  guint              retry_sec;
  gboolean           is_settled;
  gboolean           is_missed;    /* and the log says so: told once until there is a bus again */
  gboolean           is_stopped;
  gboolean           is_freed;     /* what is under way still holds a reference */

  BelfryDBusDrainFunc stopped;     /* called once */
  gpointer            stopped_data;
};

static void connect_to_bus (BelfryDBusHost *self);

static void
release_host (gpointer data)
{
  BelfryDBusHost *self = data;

  g_clear_object (&self->service);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_free (self->address);
}

static void
unref_host (BelfryDBusHost *self)
{
  g_rc_box_release_full (self, release_host);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryDBusHost, unref_host)

static const char *
get_bus_name (BelfryDBusHost *self)
{
  return self->is_system ? "system bus" : "session bus";
}

/* Of a bus that is there; one that would have to be started first is none. */
static char *
find_address (gboolean is_system)
{
  const char *variable = g_getenv (is_system ? "DBUS_SYSTEM_BUS_ADDRESS" : "DBUS_SESSION_BUS_ADDRESS");
  g_autofree char *path = NULL;
  g_autofree char *escaped = NULL;

  if (variable != NULL && variable[0] != '\0')
    return g_str_has_prefix (variable, "autolaunch:") ? NULL : g_strdup (variable);
  if (is_system)
    return g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, NULL, NULL);

  path = g_build_filename (g_get_user_runtime_dir (), "bus", NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return NULL;
  escaped = g_dbus_address_escape_value (path);
  return g_strconcat ("unix:path=", escaped, NULL);
}

static void
set_timer (BelfryDBusHost *self,
           guint           msec,
           GSourceFunc     func)
{
  if (self->timer != NULL)
    {
      g_source_destroy (self->timer);
      g_clear_pointer (&self->timer, g_source_unref);
    }
  if (func == NULL)
    return;

  self->timer = g_timeout_source_new (msec);
  g_source_set_static_name (self->timer, "belfry dbus host");
  g_source_set_callback (self->timer, func, self, NULL);
  g_source_attach (self->timer, self->context);
}

static gboolean
on_retry (gpointer user_data)
{
  BelfryDBusHost *self = user_data;

  set_timer (self, 0, NULL);
  connect_to_bus (self);
  return G_SOURCE_REMOVE;
}

static void
retry_later (BelfryDBusHost *self)
{
  self->is_settled = TRUE;
  set_timer (self, self->retry_sec * 1000, on_retry);
  self->retry_sec = MIN (2 * self->retry_sec, LAST_RETRY_SEC);
}

/* Also when the bus is only left. */
static void
let_go_of_bus (BelfryDBusHost *self)
{
  if (self->connection == NULL)
    return;

  belfry_dbus_service_unexport (self->service);
  g_clear_signal_handler (&self->closed_id, self->connection);
  if (self->acquired_id != 0)
    g_dbus_connection_signal_unsubscribe (self->connection, self->acquired_id);
  self->acquired_id = 0;
  g_clear_object (&self->connection);
}

static void
on_closed (GDBusConnection *connection,
           gboolean         remote_peer_vanished,
           GError          *error,
           gpointer         user_data)
{
  BelfryDBusHost *self = user_data;

  let_go_of_bus (self);
  if (self->is_stopped)
    return;

  g_message ("The %s is gone, retrying in %u s", get_bus_name (self), self->retry_sec);
  self->is_missed = TRUE;
  retry_later (self);
}

/* --- the name --- */

static void
on_acquired (GDBusConnection *connection,
             const char      *sender,
             const char      *path,
             const char      *interface,
             const char      *signal,
             GVariant        *parameters,
             gpointer         user_data)
{
  BelfryDBusHost *self = user_data;

  g_info ("Found on the %s as " BELFRY_DBUS_NAME, get_bus_name (self));
}

static void
name_requested_cb (GObject      *source,
                   GAsyncResult *result,
                   gpointer      user_data)
{
  g_autoptr(BelfryDBusHost) self = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  guint32 answer = 0;

  if (self->is_freed)
    return;

  self->is_settled = TRUE;
  if (reply == NULL)
    {
      if (!g_dbus_connection_is_closed (G_DBUS_CONNECTION (source)))
        g_warning ("The %s refuses the name " BELFRY_DBUS_NAME ": %s", get_bus_name (self), error->message);
      return;
    }

  g_variant_get (reply, "(u)", &answer);
  if (answer == QUEUED_FOR_NAME)
    g_message ("Another service is " BELFRY_DBUS_NAME " on the %s, waiting for its end", get_bus_name (self));
}

static void
call_bus (BelfryDBusHost      *self,
          const char          *method,
          GVariant            *parameters,
          GAsyncReadyCallback  callback)
{
  g_dbus_connection_call (self->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                          method, parameters, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, callback,
                          callback != NULL ? g_rc_box_acquire (self) : NULL);
}

/* The object is there, and its properties are true. */
static void
on_service_ready (gpointer user_data)
{
  BelfryDBusHost *self = user_data;

  if (self->is_stopped)
    return;

  self->acquired_id = g_dbus_connection_signal_subscribe (self->connection, "org.freedesktop.DBus",
                                                          "org.freedesktop.DBus", "NameAcquired",
                                                          "/org/freedesktop/DBus", BELFRY_DBUS_NAME,
                                                          G_DBUS_SIGNAL_FLAGS_NONE, on_acquired, self, NULL);
  call_bus (self, "RequestName", g_variant_new ("(su)", BELFRY_DBUS_NAME, 0u), name_requested_cb);
}

/* --- the connection --- */

/* Somebody told us of this bus, or it is the one of every system. */
static void
miss_bus (BelfryDBusHost *self,
          const GError   *error)
{
  if (self->is_missed)
    g_debug ("The %s still does not answer, retrying in %u s: %s", get_bus_name (self), self->retry_sec, error->message);
  else
    g_warning ("The %s does not answer, retrying: %s", get_bus_name (self), error->message);
  self->is_missed = TRUE;
}

static void
connected_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr(BelfryDBusHost) self = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GDBusConnection) connection = g_dbus_connection_new_for_address_finish (result, &error);

  if (self->is_freed || self->is_stopped)
    return;
  if (connection == NULL)
    {
      miss_bus (self, error);
      retry_later (self);
      return;
    }

  self->connection = g_steal_pointer (&connection);
  self->retry_sec = FIRST_RETRY_SEC;
  self->is_missed = FALSE;
  self->closed_id = g_signal_connect (self->connection, "closed", G_CALLBACK (on_closed), self);
  if (!belfry_dbus_service_export (self->service, self->connection, on_service_ready, self, &error))
    {
      g_warning ("Nothing can be exported on the %s: %s", get_bus_name (self), error->message);
      let_go_of_bus (self);
      self->is_settled = TRUE;
    }
}

static void
connect_to_bus (BelfryDBusHost *self)
{
  g_dbus_connection_new_for_address (self->address,
                                     G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                     | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                     NULL, NULL, connected_cb, g_rc_box_acquire (self));
}

BelfryDBusHost *
belfry_dbus_host_new (BelfryDBusService *service,
                      gboolean           on_system_bus)
{
  BelfryDBusHost *self = g_rc_box_new0 (BelfryDBusHost);

  self->service = g_object_ref (service);
  self->is_system = on_system_bus;
  self->context = g_main_context_ref_thread_default ();
  self->retry_sec = FIRST_RETRY_SEC;
  return self;
}

void
belfry_dbus_host_start (BelfryDBusHost *self)
{
  self->address = find_address (self->is_system);
  if (self->address == NULL)
    {
      /* Most services run without a session; who asks for the system bus counts on it. */
      if (self->is_system)
        g_warning ("There is no system bus; the service is not found there");
      else
        g_debug ("There is no session bus");
      self->is_settled = TRUE;
      return;
    }

  connect_to_bus (self);
}

gboolean
belfry_dbus_host_is_settled (BelfryDBusHost *self)
{
  return self->is_settled;
}

/* --- the end --- */

static void
report_stopped (BelfryDBusHost *self)
{
  BelfryDBusDrainFunc func = g_steal_pointer (&self->stopped);

  set_timer (self, 0, NULL);
  if (func != NULL)
    func (self->stopped_data);
}

static void
flushed_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr(BelfryDBusHost) self = user_data;

  /* The answers are sent, or nobody can have them any more. */
  (void) g_dbus_connection_flush_finish (G_DBUS_CONNECTION (source), result, NULL);
  if (!self->is_freed)
    report_stopped (self);
}

static void
on_drained (gpointer user_data)
{
  g_autoptr(BelfryDBusHost) self = user_data;

  if (self->is_freed)
    return;
  if (self->connection == NULL)
    report_stopped (self);
  else
    g_dbus_connection_flush (self->connection, NULL, flushed_cb, g_rc_box_acquire (self));
}

static gboolean
on_patience_over (gpointer user_data)
{
  report_stopped (user_data);
  return G_SOURCE_REMOVE;
}

void
belfry_dbus_host_stop (BelfryDBusHost      *self,
                       BelfryDBusDrainFunc  func,
                       gpointer             user_data)
{
  self->is_stopped = TRUE;
  self->stopped = func;
  self->stopped_data = user_data;
  set_timer (self, STOP_LIMIT_MSEC, on_patience_over);
  if (self->connection != NULL)
    call_bus (self, "ReleaseName", g_variant_new ("(s)", BELFRY_DBUS_NAME), NULL);
  belfry_dbus_service_stop (self->service, on_drained, g_rc_box_acquire (self));
}

void
belfry_dbus_host_free (BelfryDBusHost *self)
{
  self->is_freed = TRUE;
  self->is_stopped = TRUE;
  self->stopped = NULL;
  set_timer (self, 0, NULL);
  let_go_of_bus (self);
  g_clear_object (&self->service);
  unref_host (self);
}
