/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* A call is counted as soon as it comes, and refused when too many are in work. Its caller's rights are asked of the bus, which does not
 * block; who needs none is not asked about, and may have a share of the calls in work only. Answers that may be large are made one in
 * a turn of the loop, so that everybody else is served between them, and a few at a time: they count until the bus has them, for a bus
 * that does not read must not make us hold an answer for each call. */

#include "belfry-dbus-service-private.h"

#include <unistd.h>

#include <gio/gunixfdlist.h>

#include "belfry-dbus-error-private.h"

#define MAX_LARGE             4
#define CREDENTIALS_WAIT_MSEC (10 * 1000)

/* Of the calls that may be in work: those of everybody that need no right, and of them those of one caller. */
#define OPEN_SHARE   2
#define CALLER_SHARE 4

static void run_waiting (BelfryDBusService *service);

static const char *
get_sender (BelfryDBusCall *call)
{
  const char *sender = g_dbus_method_invocation_get_sender (call->invocation);

  return sender != NULL ? sender : "";
}

static gboolean
take_share (BelfryDBusCall *call)
{
  BelfryDBusService *service = call->service;
  guint n_own = GPOINTER_TO_UINT (g_hash_table_lookup (service->open_callers, get_sender (call)));

  if (service->n_open >= MAX (1, service->max_calls / OPEN_SHARE) || n_own >= MAX (1, service->max_calls / CALLER_SHARE))
    return FALSE;

  service->n_open++;
  g_hash_table_replace (service->open_callers, g_strdup (get_sender (call)), GUINT_TO_POINTER (n_own + 1));
  call->has_share = TRUE;
  return TRUE;
}

static void
return_share (BelfryDBusCall *call)
{
  GHashTable *callers = call->service->open_callers;
  guint n_own;

  if (!call->has_share)
    return;

  call->has_share = FALSE;
  call->service->n_open--;
  n_own = GPOINTER_TO_UINT (g_hash_table_lookup (callers, get_sender (call)));
  if (n_own == 1)
    g_hash_table_remove (callers, get_sender (call));
  else
    g_hash_table_replace (callers, g_strdup (get_sender (call)), GUINT_TO_POINTER (n_own - 1));
}

static void
finish_large (BelfryDBusService *service)
{
  service->n_large--;
  run_waiting (service);
}

static void
handed_over_cb (GObject      *source,
                GAsyncResult *result,
                gpointer      user_data)
{
  g_autoptr(BelfryDBusService) service = user_data;

  /* When the bus is gone there is nobody left to have it. */
  (void) g_dbus_connection_flush_finish (G_DBUS_CONNECTION (source), result, NULL);
  finish_large (service);
}

static void
maybe_report_drained (BelfryDBusService *service)
{
  BelfryDBusDrainFunc func = service->drain_func;

  if (service->n_in_work > 0 || func == NULL)
    return;

  service->drain_func = NULL;
  func (service->drain_data);
}

/* The invocation has been answered; connection is the one that it came from. */
static void
finish_call (BelfryDBusCall  *call,
             GDBusConnection *connection)
{
  g_autoptr(BelfryDBusService) service = g_steal_pointer (&call->service);

  service->n_in_work--;
  if (call->method->is_large)
    g_dbus_connection_flush (connection, NULL, handed_over_cb, g_object_ref (service));
  g_free (call);
  maybe_report_drained (service);
}

void
belfry_dbus_call_return (BelfryDBusCall *call,
                         GVariant       *value)
{
  g_autoptr(GDBusConnection) connection = g_object_ref (g_dbus_method_invocation_get_connection (call->invocation));

  return_share (call);
  g_dbus_method_invocation_return_value (g_steal_pointer (&call->invocation), value);
  finish_call (call, connection);
}

void
belfry_dbus_call_return_fd (BelfryDBusCall *call,
                            int             fd)
{
  g_autoptr(GDBusConnection) connection = g_object_ref (g_dbus_method_invocation_get_connection (call->invocation));
  g_autoptr(GUnixFDList) list = g_unix_fd_list_new_from_array (&fd, 1);

  g_dbus_method_invocation_return_value_with_unix_fd_list (g_steal_pointer (&call->invocation),
                                                           g_variant_new ("(h)", 0), list);
  finish_call (call, connection);
}

void
belfry_dbus_call_return_error (BelfryDBusCall *call,
                               const GError   *error)
{
  g_autoptr(GDBusConnection) connection = g_object_ref (g_dbus_method_invocation_get_connection (call->invocation));

  return_share (call);
  g_dbus_method_invocation_take_error (g_steal_pointer (&call->invocation), belfry_dbus_error_convert (error));
  finish_call (call, connection);
}

/* For calls that never came to their turn: no large answer is counted for them. */
static void
refuse (BelfryDBusCall  *call,
        BelfryDBusError  code,
        const char      *message)
{
  g_autoptr(BelfryDBusService) service = g_steal_pointer (&call->service);

  g_dbus_method_invocation_return_error_literal (g_steal_pointer (&call->invocation), BELFRY_DBUS_ERROR, code, message);
  g_free (call);
  service->n_in_work--;
  maybe_report_drained (service);
}

/* Each call that waits holds the service. */
static gboolean
on_turn (gpointer user_data)
{
  g_autoptr(BelfryDBusService) service = g_object_ref (user_data);
  BelfryDBusCall *call = g_queue_pop_head (&service->large_waiting);

  g_clear_pointer (&service->turn, g_source_unref);
  service->n_large++;
  call->method->run (call);
  run_waiting (service);

  return G_SOURCE_REMOVE;
}

static void
run_waiting (BelfryDBusService *service)
{
  if (service->turn != NULL || service->n_large >= MAX_LARGE || g_queue_is_empty (&service->large_waiting))
    return;

  /* Of the priority of everything else, so that neither waits for the other. */
  service->turn = g_idle_source_new ();
  g_source_set_priority (service->turn, G_PRIORITY_DEFAULT);
  g_source_set_callback (service->turn, on_turn, service, NULL);
  g_source_attach (service->turn, g_main_context_get_thread_default ());
}

static void
run_call (BelfryDBusCall *call)
{
  if (!call->method->is_large)
    {
      call->method->run (call);
      return;
    }

  g_queue_push_tail (&call->service->large_waiting, call);
  run_waiting (call->service);
}

static void
credentials_cb (GObject      *source,
                GAsyncResult *result,
                gpointer      user_data)
{
  BelfryDBusCall *call = user_data;
  g_autoptr(GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);
  g_autoptr(GVariant) credentials = NULL;
  BelfryDBusRight right = BELFRY_DBUS_RIGHT_OPEN;

  /* A caller that is gone, or a bus that does not say: nobody. */
  if (reply != NULL)
    {
      credentials = g_variant_get_child_value (reply, 0);
      right = belfry_dbus_right_from_credentials (credentials, geteuid (),
                                                  call->service->group_id, &call->user);
    }

  if (right >= call->method->right)
    {
      run_call (call);
      return;
    }
  call->service->calls_denied++;
  refuse (call, BELFRY_DBUS_ERROR_ACCESS_DENIED, "Not allowed");
}

static void
ask_for_right (BelfryDBusCall *call)
{
  GDBusConnection *connection = g_dbus_method_invocation_get_connection (call->invocation);

  g_dbus_connection_call (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                          "GetConnectionCredentials", g_variant_new ("(s)", get_sender (call)),
                          G_VARIANT_TYPE ("(a{sv})"), G_DBUS_CALL_FLAGS_NO_AUTO_START, CREDENTIALS_WAIT_MSEC, NULL,
                          credentials_cb, call);
}

void
belfry_dbus_call_start (BelfryDBusService     *service,
                        GDBusMethodInvocation *invocation)
{
  const char *name = g_dbus_method_invocation_get_method_name (invocation);
  BelfryDBusCall *call = g_new0 (BelfryDBusCall, 1);

  call->service = g_object_ref (service);
  call->invocation = invocation;
  call->parameters = g_dbus_method_invocation_get_parameters (invocation);
  call->method = belfry_dbus_method_find (name);
  call->user = BELFRY_DBUS_NO_USER;
  g_assert (call->method != NULL);

  service->calls++;
  service->n_in_work++;
  if (service->is_stopped)
    {
      refuse (call, BELFRY_DBUS_ERROR_UNAVAILABLE, "The service is stopping");
    }
  else if (service->n_in_work > service->max_calls
           || (call->method->right == BELFRY_DBUS_RIGHT_OPEN && !take_share (call)))
    {
      service->calls_busy++;
      refuse (call, BELFRY_DBUS_ERROR_UNAVAILABLE, "Too many calls in work");
    }
  else if (call->method->right == BELFRY_DBUS_RIGHT_OPEN)
    {
      run_call (call);
    }
  else
    {
      ask_for_right (call);
    }
}
