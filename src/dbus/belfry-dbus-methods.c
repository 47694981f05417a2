/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* Each method of the interface: arguments into one call of the engine, and its answer back. */

#include <string.h>
#include <unistd.h>

#include "belfry-dbus-error-private.h"
#include "belfry-dbus-format-private.h"
#include "belfry-dbus-letters-private.h"
#include "belfry-error.h"
#include "belfry-pipeline-private.h"
#include "belfry-server-private.h"
#include "belfry-timestamp-private.h"

#define MAX_LIMIT 1000

static BelfryPipeline *
get_pipeline (BelfryDBusCall *call)
{
  return belfry_server_get_pipeline (call->service->server);
}

static BelfryEventStore *
get_store (BelfryDBusCall *call)
{
  return belfry_pipeline_get_store (get_pipeline (call));
}

static BelfryEventTypeRegistry *
get_registry (BelfryDBusCall *call)
{
  return belfry_event_validator_get_registry (belfry_pipeline_get_validator (get_pipeline (call)));
}

static void
fail (BelfryDBusCall  *call,
      BelfryDBusError  code,
      const char      *message)
{
  g_autoptr(GError) error = g_error_new_literal (BELFRY_DBUS_ERROR, code, message);

  belfry_dbus_call_return_error (call, error);
}

/* A value of one child, or the error. */
static void
return_value (BelfryDBusCall *call,
              GVariant       *value,
              const GError   *error)
{
  if (value != NULL)
    belfry_dbus_call_return (call, g_variant_new_tuple (&value, 1));
  else
    belfry_dbus_call_return_error (call, error);
}

/* The same for a value that has no bound of its own. */
static void
return_bounded (BelfryDBusCall *call,
                GVariant       *value)
{
  g_autoptr(GVariant) owned = g_variant_ref_sink (value);

  if (g_variant_get_size (owned) > call->service->max_answer_bytes)
    fail (call, BELFRY_DBUS_ERROR_UNAVAILABLE, "The answer is too large");
  else
    return_value (call, owned, NULL);
}

/* --- statistics --- */

static void
stats_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  BelfryDBusCall *call = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryStoreStats) stats = belfry_event_store_stats_finish (BELFRY_EVENT_STORE (source), result, &error);

  if (stats != NULL)
    return_bounded (call, belfry_dbus_format_stats (call->service, stats));
  else
    belfry_dbus_call_return_error (call, error);
}

static void
get_stats (BelfryDBusCall *call)
{
  belfry_event_store_stats_async (get_store (call), NULL, stats_cb, call);
}

/* --- events --- */

static void
deleted_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  BelfryDBusCall *call = user_data;
  g_autoptr(GError) error = NULL;
  guint64 n_deleted;

  if (belfry_event_store_delete_finish (BELFRY_EVENT_STORE (source), result, &n_deleted, &error))
    belfry_dbus_call_return (call, g_variant_new ("(t)", n_deleted));
  else
    belfry_dbus_call_return_error (call, error);
}

static void
clear (BelfryDBusCall *call)
{
  gint64 before_usec = G_MAXINT64;
  const char *before;

  g_variant_get (call->parameters, "(&s)", &before);
  if (before[0] != '\0' && !belfry_timestamp_parse (before, -1, &before_usec))
    fail (call, BELFRY_DBUS_ERROR_INVALID_ARGUMENT, "Invalid ISO 8601 timestamp for 'before'");
  else
    belfry_event_store_delete_async (get_store (call), before_usec, NULL, deleted_cb, call);
}

static void
published_cb (BelfryEvent  *event,
              const GError *error,
              gpointer      user_data)
{
  BelfryDBusCall *call = user_data;

  if (error != NULL)
    {
      belfry_dbus_call_return_error (call, error);
      return;
    }

  belfry_pipeline_get_door (get_pipeline (call), BELFRY_DOOR_DBUS)->accepted++;
  belfry_dbus_call_return (call, g_variant_new ("(s)", belfry_event_get_id (event)));
}

static void
publish (BelfryDBusCall *call)
{
  g_autoptr(GError) error = NULL;
  const char *json;
  gsize length;

  g_variant_get (call->parameters, "(&s)", &json);
  length = strlen (json);
  if (length > belfry_server_get_max_body_bytes (call->service->server, NULL))
    fail (call, BELFRY_DBUS_ERROR_INVALID_EVENT, "The event is too large");
  else if (!belfry_pipeline_publish_json (get_pipeline (call), json, length, published_cb, call, &error))
    {
      belfry_pipeline_get_door (get_pipeline (call), BELFRY_DOOR_DBUS)->rejected++;
      belfry_dbus_call_return_error (call, error);
    }
}

/* NULL for a filter that is none. with_cursors: NULL where no cursors can be asked for. */
static BelfryFilter *
parse_filter (GVariant  *dictionary,
              gboolean  *with_cursors,
              GError   **error)
{
  static const char * const names[] = { "event_types", "session_id", "user_id", "user_tiers", "min_amount", NULL };

  for (gsize i = 0; i < g_variant_n_children (dictionary); i++)
    {
      g_autoptr(GVariant) value = NULL;
      const char *name;

      g_variant_get_child (dictionary, i, "{&sv}", &name, &value);
      if (with_cursors != NULL && strcmp (name, "cursors") == 0 && g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
        {
          *with_cursors = g_variant_get_boolean (value);
        }
      else if (!g_strv_contains (names, name))
        {
          g_set_error (error, BELFRY_DBUS_ERROR, BELFRY_DBUS_ERROR_INVALID_ARGUMENT, "Unknown filter key '%.50s'%s", name,
                       with_cursors != NULL && strcmp (name, "cursors") == 0 ? " of this type" : "");
          return NULL;
        }
    }

  return belfry_filter_new_from_variant (dictionary, error);
}

static gboolean
check_limit (guint32   limit,
             GError  **error)
{
  if (limit >= 1 && limit <= MAX_LIMIT)
    return TRUE;

  g_set_error (error, BELFRY_DBUS_ERROR, BELFRY_DBUS_ERROR_INVALID_ARGUMENT, "The limit is %u, allowed are 1 to %u",
               limit, MAX_LIMIT);
  return FALSE;
}

static void
queried_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  BelfryDBusCall *call = user_data;
  BelfryEventStore *store = BELFRY_EVENT_STORE (source);
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) events = belfry_event_store_query_finish (store, result, &error);
  GVariant *value = NULL;

  if (events != NULL && belfry_event_store_query_was_cut (store, result))
    g_set_error_literal (&error, BELFRY_DBUS_ERROR, BELFRY_DBUS_ERROR_UNAVAILABLE, "The answer is too large");
  else if (events != NULL)
    value = belfry_dbus_format_events (events, call->service->max_answer_bytes, &error);
  return_value (call, value, error);
}

static void
query (BelfryDBusCall *call)
{
  g_autoptr(GVariant) dictionary = NULL;
  g_autoptr(BelfryFilter) filter = NULL;
  g_autoptr(GError) error = NULL;
  guint32 limit;

  g_variant_get (call->parameters, "(@a{sv}u)", &dictionary, &limit);
  filter = parse_filter (dictionary, NULL, &error);
  if (filter != NULL && check_limit (limit, &error))
    belfry_event_store_query_async (get_store (call), filter, G_MININT64, 0, limit, NULL, queried_cb, call);
  else
    belfry_dbus_call_return_error (call, error);
}

/* --- subscribers --- */

static void
list_subscribers (BelfryDBusCall *call)
{
  g_autoptr(GError) error = NULL;
  GVariant *value = belfry_dbus_format_subscribers (call->service, &error);

  return_value (call, value, error);
}

static void
disconnect_subscriber (BelfryDBusCall *call)
{
  BelfrySubscriber *subscriber;
  const char *id;

  g_variant_get (call->parameters, "(&s)", &id);
  subscriber = belfry_router_lookup (belfry_pipeline_get_router (get_pipeline (call)), id);
  if (subscriber == NULL)
    {
      fail (call, BELFRY_DBUS_ERROR_NOT_FOUND, "Subscriber not found");
      return;
    }

  belfry_subscriber_cancel (subscriber);
  belfry_dbus_call_return (call, NULL);
}

/* cursor stays NULL for a stream that begins now. */
static gboolean
parse_resume_from (const char    *text,
                   BelfryCursor **cursor,
                   GError       **error)
{
  if (text[0] == '\0')
    return TRUE;

  if (strcmp (text, "beginning") == 0)
    *cursor = belfry_cursor_new_beginning ();
  else
    *cursor = belfry_cursor_new_from_string (text, error);
  return *cursor != NULL;
}

/* The reading end, or -1. */
static int
open_pipe (BelfryDBusCall  *call,
           GError         **error)
{
  BelfryDBusService *service = call->service;
  g_autoptr(GVariant) dictionary = NULL;
  g_autoptr(BelfryFilter) filter = NULL;
  g_autoptr(BelfryCursor) cursor = NULL;
  g_autoptr(BelfrySubscriber) subscriber = NULL;
  gboolean with_cursors = FALSE;
  const char *resume_from;
  int fd;

  g_variant_get (call->parameters, "(@a{sv}&s)", &dictionary, &resume_from);
  filter = parse_filter (dictionary, &with_cursors, error);
  if (filter == NULL || !parse_resume_from (resume_from, &cursor, error))
    return -1;
  if (belfry_dbus_streams_count_user (service->streams, call->user) >= service->max_streams)
    {
      service->streams_refused++;
      g_set_error_literal (error, BELFRY_DBUS_ERROR, BELFRY_DBUS_ERROR_UNAVAILABLE, "Too many streams of this user");
      return -1;
    }

  subscriber = belfry_router_subscribe (belfry_pipeline_get_router (get_pipeline (call)), filter, cursor, error);
  if (subscriber == NULL)
    return -1;
  fd = belfry_dbus_streams_open (service->streams, subscriber,
                                 g_dbus_method_invocation_get_sender (call->invocation), call->user, with_cursors,
                                 error);
  if (fd < 0)
    belfry_subscriber_cancel (subscriber);
  return fd;
}

static void
open_stream (BelfryDBusCall *call)
{
  GDBusConnection *connection = g_dbus_method_invocation_get_connection (call->invocation);
  g_autoptr(GError) error = NULL;
  int fd;

  if ((g_dbus_connection_get_capabilities (connection) & G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING) == 0)
    {
      fail (call, BELFRY_DBUS_ERROR_UNAVAILABLE, "The bus passes no descriptors");
      return;
    }

  fd = open_pipe (call, &error);
  if (fd < 0)
    belfry_dbus_call_return_error (call, error);
  else
    belfry_dbus_call_return_fd (call, fd);
}

/* --- event types --- */

static void
list_event_types (BelfryDBusCall *call)
{
  BelfryDBusService *service = call->service;

  if (service->types == NULL)
    service->types = g_variant_ref_sink (belfry_dbus_format_types (get_registry (call)));
  return_bounded (call, service->types);
}

static void
registered_cb (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  BelfryDBusCall *call = user_data;
  g_autoptr(GError) error = NULL;

  if (belfry_type_file_register_finish (result, &error))
    belfry_dbus_call_return (call, NULL);
  else
    belfry_dbus_call_return_error (call, error);
}

static void
register_event_type (BelfryDBusCall *call)
{
  const char *name, *description;

  g_variant_get (call->parameters, "(&s&s)", &name, &description);
  belfry_type_file_register_async (belfry_server_get_type_file (call->service->server), get_registry (call), name,
                                   description, registered_cb, call);
}

/* --- dead letters --- */

static void
list_dead_letters (BelfryDBusCall *call)
{
  g_autoptr(GError) error = NULL;
  guint32 limit;

  g_variant_get (call->parameters, "(u)", &limit);
  if (check_limit (limit, &error))
    belfry_dbus_letters_list (call, limit);
  else
    belfry_dbus_call_return_error (call, error);
}

static void
replay_dead_letter (BelfryDBusCall *call)
{
  const char *id;

  g_variant_get (call->parameters, "(&s)", &id);
  belfry_dbus_letters_replay (call, id);
}

static const BelfryDBusMethod methods[] = {
  { "GetStats", BELFRY_DBUS_RIGHT_OPEN, TRUE, get_stats },
  { "ListEventTypes", BELFRY_DBUS_RIGHT_OPEN, TRUE, list_event_types },
  { "Query", BELFRY_DBUS_RIGHT_READ, TRUE, query },
  { "OpenStream", BELFRY_DBUS_RIGHT_READ, FALSE, open_stream },
  { "ListSubscribers", BELFRY_DBUS_RIGHT_READ, TRUE, list_subscribers },
  { "Publish", BELFRY_DBUS_RIGHT_ADMIN, FALSE, publish },
  { "Clear", BELFRY_DBUS_RIGHT_ADMIN, FALSE, clear },
  { "DisconnectSubscriber", BELFRY_DBUS_RIGHT_ADMIN, FALSE, disconnect_subscriber },
  { "RegisterEventType", BELFRY_DBUS_RIGHT_ADMIN, FALSE, register_event_type },
  { "ListDeadLetters", BELFRY_DBUS_RIGHT_ADMIN, TRUE, list_dead_letters },
  { "ReplayDeadLetter", BELFRY_DBUS_RIGHT_ADMIN, FALSE, replay_dead_letter },
};

const BelfryDBusMethod *
belfry_dbus_method_find (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      if (strcmp (methods[i].name, name) == 0)
        return &methods[i];
    }

  return NULL;
}
