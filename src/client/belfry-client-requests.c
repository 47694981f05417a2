/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-client-private.h"

#include <string.h>

#include "belfry-error.h"
#include "belfry-json-walk-private.h"

/* The calls that are one request and one answer each. */

static void
set_json_body (SoupMessage *message,
               const char  *json)
{
  g_autoptr(GBytes) body = g_bytes_new (json, strlen (json));

  soup_message_set_request_body_from_bytes (message, "application/json", body);
}

/**
 * belfry_client_publish_async:
 * @self: a client
 * @json: one event, as JSON
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called when answered
 * @user_data: (closure callback): data for @callback
 *
 * Publishes one event. It succeeds when the event is durable. After a lost connection, a timeout or a cancellation it
 * is not known whether the event was accepted.
 *
 * Since: 0.1
 */
void
belfry_client_publish_async (BelfryClient        *self,
                             const char          *json,
                             GCancellable        *cancellable,
                             GAsyncReadyCallback  callback,
                             gpointer             user_data)
{
  SoupMessage *message;
  GError *error = NULL;

  g_return_if_fail (BELFRY_IS_CLIENT (self));
  g_return_if_fail (json != NULL);

  message = belfry_client_new_message (self, SOUP_METHOD_POST, "/events", NULL, &error);
  if (message != NULL)
    set_json_body (message, json);

  belfry_client_send_async (self, message, error, belfry_client_publish_async, cancellable, callback, user_data);
}

/**
 * belfry_client_publish_finish:
 * @self: a client
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Belfry.Client.publish_async]. %BELFRY_ERROR_INVALID_EVENT or %BELFRY_ERROR_INVALID_JSON tell that the
 * event was refused.
 *
 * Returns: (transfer full): the accepted event as JSON, with its id and timestamp
 *
 * Since: 0.1
 */
char *
belfry_client_publish_finish (BelfryClient  *self,
                              GAsyncResult  *result,
                              GError       **error)
{
  return belfry_client_send_finish_text (self, result, belfry_client_publish_async, error);
}

/**
 * belfry_client_lookup_async:
 * @self: a client
 * @id: id of an event
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called when answered
 * @user_data: (closure callback): data for @callback
 *
 * Asks for one event.
 *
 * Since: 0.1
 */
void
belfry_client_lookup_async (BelfryClient        *self,
                            const char          *id,
                            GCancellable        *cancellable,
                            GAsyncReadyCallback  callback,
                            gpointer             user_data)
{
  g_autofree char *escaped = NULL;
  g_autofree char *path = NULL;
  SoupMessage *message;
  GError *error = NULL;

  g_return_if_fail (BELFRY_IS_CLIENT (self));
  g_return_if_fail (id != NULL);

  escaped = g_uri_escape_string (id, NULL, FALSE);
  path = g_strconcat ("/events/", escaped, NULL);
  message = belfry_client_new_message (self, SOUP_METHOD_GET, path, NULL, &error);

  belfry_client_send_async (self, message, error, belfry_client_lookup_async, cancellable, callback, user_data);
}

/**
 * belfry_client_lookup_finish:
 * @self: a client
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Belfry.Client.lookup_async].
 *
 * Returns: (transfer full): the event as JSON, or %NULL with %BELFRY_ERROR_NOT_FOUND when the log holds none of that id
 *
 * Since: 0.1
 */
char *
belfry_client_lookup_finish (BelfryClient  *self,
                             GAsyncResult  *result,
                             GError       **error)
{
  return belfry_client_send_finish_text (self, result, belfry_client_lookup_async, error);
}

/**
 * belfry_client_stats_async:
 * @self: a client
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called when answered
 * @user_data: (closure callback): data for @callback
 *
 * Asks for the daemon's figures.
 *
 * Since: 0.1
 */
void
belfry_client_stats_async (BelfryClient        *self,
                           GCancellable        *cancellable,
                           GAsyncReadyCallback  callback,
                           gpointer             user_data)
{
  SoupMessage *message;
  GError *error = NULL;

  g_return_if_fail (BELFRY_IS_CLIENT (self));

  message = belfry_client_new_message (self, SOUP_METHOD_GET, "/stats", NULL, &error);
  belfry_client_send_async (self, message, error, belfry_client_stats_async, cancellable, callback, user_data);
}

/**
 * belfry_client_stats_finish:
 * @self: a client
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Belfry.Client.stats_async].
 *
 * Returns: (transfer full): the figures as a JSON object
 *
 * Since: 0.1
 */
char *
belfry_client_stats_finish (BelfryClient  *self,
                            GAsyncResult  *result,
                            GError       **error)
{
  return belfry_client_send_finish_text (self, result, belfry_client_stats_async, error);
}

/**
 * belfry_client_list_event_types_async:
 * @self: a client
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called when answered
 * @user_data: (closure callback): data for @callback
 *
 * Asks for the types that an event may have.
 *
 * Since: 0.1
 */
void
belfry_client_list_event_types_async (BelfryClient        *self,
                                      GCancellable        *cancellable,
                                      GAsyncReadyCallback  callback,
                                      gpointer             user_data)
{
  SoupMessage *message;
  GError *error = NULL;

  g_return_if_fail (BELFRY_IS_CLIENT (self));

  message = belfry_client_new_message (self, SOUP_METHOD_GET, "/event-types", NULL, &error);
  belfry_client_send_async (self, message, error, belfry_client_list_event_types_async, cancellable, callback, user_data);
}

/**
 * belfry_client_list_event_types_finish:
 * @self: a client
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Belfry.Client.list_event_types_async].
 *
 * Returns: (transfer full): a JSON object of type and description
 *
 * Since: 0.1
 */
char *
belfry_client_list_event_types_finish (BelfryClient  *self,
                                       GAsyncResult  *result,
                                       GError       **error)
{
  return belfry_client_send_finish_text (self, result, belfry_client_list_event_types_async, error);
}

/**
 * belfry_client_add_event_type_async:
 * @self: a client
 * @name: name of the type
 * @description: what events of it mean
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called when answered
 * @user_data: (closure callback): data for @callback
 *
 * Registers a type of events, or describes a known one anew.
 *
 * Since: 0.1
 */
void
belfry_client_add_event_type_async (BelfryClient        *self,
                                    const char          *name,
                                    const char          *description,
                                    GCancellable        *cancellable,
                                    GAsyncReadyCallback  callback,
                                    gpointer             user_data)
{
  g_autoptr(GString) json = g_string_new ("{\"name\":");
  SoupMessage *message;
  GError *error = NULL;

  g_return_if_fail (BELFRY_IS_CLIENT (self));
  g_return_if_fail (name != NULL);
  g_return_if_fail (description != NULL);

  belfry_json_walk_append_string (json, name);
  g_string_append (json, ",\"description\":");
  belfry_json_walk_append_string (json, description);
  g_string_append_c (json, '}');

  message = belfry_client_new_message (self, SOUP_METHOD_POST, "/event-types", NULL, &error);
  if (message != NULL)
    set_json_body (message, json->str);

  belfry_client_send_async (self, message, error, belfry_client_add_event_type_async, cancellable, callback, user_data);
}

/**
 * belfry_client_add_event_type_finish:
 * @self: a client
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Belfry.Client.add_event_type_async].
 *
 * Returns: %TRUE when the type is registered
 *
 * Since: 0.1
 */
gboolean
belfry_client_add_event_type_finish (BelfryClient  *self,
                                     GAsyncResult  *result,
                                     GError       **error)
{
  g_autoptr(GBytes) body = NULL;
  g_autoptr(GError) own = NULL;

  body = belfry_client_send_finish (self, result, belfry_client_add_event_type_async, &own);
  if (body != NULL)
    return TRUE;

  belfry_client_tell_argument (&own);
  g_propagate_error (error, g_steal_pointer (&own));

  return FALSE;
}

/**
 * belfry_client_clear_async:
 * @self: a client
 * @before: (nullable): an ISO 8601 instant, or %NULL for everything
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called when answered
 * @user_data: (closure callback): data for @callback
 *
 * Removes the events that were accepted before an instant, or all.
 *
 * Since: 0.1
 */
void
belfry_client_clear_async (BelfryClient        *self,
                           const char          *before,
                           GCancellable        *cancellable,
                           GAsyncReadyCallback  callback,
                           gpointer             user_data)
{
  const char *parameters[] = { "before", before, NULL };
  SoupMessage *message;
  GError *error = NULL;

  g_return_if_fail (BELFRY_IS_CLIENT (self));

  message = belfry_client_new_message (self, SOUP_METHOD_DELETE, "/events", before != NULL ? parameters : NULL, &error);
  belfry_client_send_async (self, message, error, belfry_client_clear_async, cancellable, callback, user_data);
}

/**
 * belfry_client_clear_finish:
 * @self: a client
 * @result: what the callback was given
 * @n_deleted: (out) (optional): how many events were removed
 * @error: return location for an error
 *
 * Ends [method@Belfry.Client.clear_async].
 *
 * Returns: (skip): %TRUE when they are removed
 *
 * Since: 0.1
 */
gboolean
belfry_client_clear_finish (BelfryClient  *self,
                            GAsyncResult  *result,
                            guint64       *n_deleted,
                            GError       **error)
{
  g_autofree char *json = NULL;
  g_autofree char *digits = NULL;
  BelfryJsonSpan deleted;
  guint64 count;

  json = belfry_client_send_finish_text (self, result, belfry_client_clear_async, error);
  if (json == NULL)
    return FALSE;

  if (belfry_json_walk_find (json, strlen (json), "deleted", &deleted))
    digits = g_strndup (deleted.text, deleted.length);
  if (digits == NULL || !g_ascii_string_to_unsigned (digits, 10, 0, G_MAXUINT64, &count, NULL))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "The server does not tell how many were deleted");
      return FALSE;
    }

  if (n_deleted != NULL)
    *n_deleted = count;

  return TRUE;
}
