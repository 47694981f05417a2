/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-client-private.h"

#include <string.h>

#include "belfry-client-error-private.h"
#include "belfry-client-url-private.h"
#include "belfry-error.h"
#include "belfry-json-walk-private.h"

/* A query may be more than one page: the daemon names the next one in a Link header, and we follow until enough events
 * are there. */

#define PAGE_LIMIT 1000

typedef struct
{
  GPtrArray   *events;   /* owned texts */
  guint        limit;
  gsize        bytes;    /* of the texts */
  SoupMessage *message;  /* of the page that is under way */
} Query;

static void
query_free (Query *query)
{
  g_clear_pointer (&query->events, g_ptr_array_unref);
  g_clear_object (&query->message);
  g_free (query);
}

static void page_cb (GObject      *source,
                     GAsyncResult *result,
                     gpointer      user_data);

static void
send_page (GTask       *task,
           SoupMessage *message,
           GError      *error)
{
  BelfryClient *self = g_task_get_source_object (task);
  Query *query = g_task_get_task_data (task);

  g_set_object (&query->message, message);
  belfry_client_send_async (self, message, error, send_page, g_task_get_cancellable (task), page_cb,
                            g_object_ref (task));
}

static void
add_parameter (GPtrArray  *parameters,
               const char *name,
               const char *value)
{
  if (value == NULL || *value == '\0')
    return;

  g_ptr_array_add (parameters, g_strdup (name));
  g_ptr_array_add (parameters, g_strdup (value));
}

static void
add_rules (GPtrArray    *parameters,
           BelfryFilter *filter)
{
  const char * const *event_types = belfry_filter_get_event_types (filter);
  const char * const *tiers = belfry_filter_get_user_tiers (filter);
  double amount;

  add_parameter (parameters, "event_type", event_types != NULL ? event_types[0] : NULL);
  add_parameter (parameters, "session_id", belfry_filter_get_session_id (filter));
  add_parameter (parameters, "user_id", belfry_filter_get_user_id (filter));
  for (guint i = 0; tiers != NULL && tiers[i] != NULL; i++)
    add_parameter (parameters, "user_tiers", tiers[i]);

  if (belfry_filter_get_min_amount (filter, &amount))
    {
      char text[G_ASCII_DTOSTR_BUF_SIZE];

      add_parameter (parameters, "min_amount", g_ascii_dtostr (text, sizeof text, amount));
    }
}

static SoupMessage *
new_first_page (BelfryClient  *self,
                BelfryFilter  *filter,
                const char    *since,
                guint          limit,
                GError       **error)
{
  g_autoptr(GPtrArray) parameters = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *limit_text = g_strdup_printf ("%u", MIN (limit, PAGE_LIMIT));
  const char * const *event_types = filter != NULL ? belfry_filter_get_event_types (filter) : NULL;

  if (event_types != NULL && g_strv_length ((char **) event_types) > 1)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT, "A query takes one event type");
      return NULL;
    }

  if (filter != NULL)
    add_rules (parameters, filter);
  if (since != NULL)
    {
      g_ptr_array_add (parameters, g_strdup ("since"));
      g_ptr_array_add (parameters, g_strdup (since));
    }
  add_parameter (parameters, "limit", limit_text);
  g_ptr_array_add (parameters, NULL);

  return belfry_client_new_message (self, SOUP_METHOD_GET, "/events", (const char * const *) parameters->pdata, error);
}

/* Moves a page's texts into the query; FALSE when the body is no array. */
static gboolean
take_page (Query  *query,
           GBytes *body)
{
  gsize length = 0;
  const char *text = g_bytes_get_data (body, &length);
  gsize n_items = 0;
  char **items = belfry_json_walk_split (text, length, &n_items);

  if (items == NULL)
    return FALSE;

  query->bytes += length;
  for (gsize i = 0; i < n_items; i++)
    if (query->events->len < query->limit)
      g_ptr_array_add (query->events, items[i]);
    else
      g_free (items[i]);
  g_free (items);

  return TRUE;
}

static SoupMessage *
new_next_page (BelfryClient *self,
               Query        *query)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (query->message);
  g_autofree char *request_url = g_uri_to_string (soup_message_get_uri (query->message));
  g_autofree char *next = NULL;

  next = belfry_client_url_find_next (request_url, soup_message_headers_get_list (headers, "Link"));

  return next != NULL ? belfry_client_new_message_for_url (self, SOUP_METHOD_GET, next, NULL) : NULL;
}

static void
page_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr(GTask) task = user_data;
  g_autoptr(GBytes) body = NULL;
  BelfryClient *self = BELFRY_CLIENT (source);
  Query *query = g_task_get_task_data (task);
  guint n_before = query->events->len;
  SoupMessage *next = NULL;
  GError *error = NULL;

  body = belfry_client_send_finish (self, result, send_page, &error);
  if (body == NULL)
    {
      belfry_client_tell_argument (&error);
      g_task_return_error (task, error);
      return;
    }

  if (!take_page (query, body))
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "The server's answer is no array of events");
      return;
    }

  if (query->bytes > belfry_client_get_max_response_bytes (self))
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "The events are too many bytes together");
      return;
    }

  /* A page without events ends it, whatever its header says. */
  if (query->events->len < query->limit && query->events->len > n_before)
    next = new_next_page (self, query);

  if (next != NULL)
    send_page (task, next, NULL);
  else
    g_task_return_boolean (task, TRUE);
}

/**
 * belfry_client_query_async:
 * @self: a client
 * @filter: (nullable): which events, or %NULL for any; at most one event type
 * @since: (nullable): an ISO 8601 instant; only events accepted after it
 * @limit: at most so many events, from 1 on
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called when answered
 * @user_data: (closure callback): data for @callback
 *
 * Asks for events of the log, newest first. Over 1,000 events are fetched in pages.
 *
 * Since: 0.1
 */
void
belfry_client_query_async (BelfryClient        *self,
                           BelfryFilter        *filter,
                           const char          *since,
                           guint                limit,
                           GCancellable        *cancellable,
                           GAsyncReadyCallback  callback,
                           gpointer             user_data)
{
  g_autoptr(GTask) task = NULL;
  Query *query;
  SoupMessage *message;
  GError *error = NULL;

  g_return_if_fail (BELFRY_IS_CLIENT (self));
  g_return_if_fail (limit > 0);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, belfry_client_query_async);
  query = g_new0 (Query, 1);
  query->limit = limit;
  query->events = g_ptr_array_new_with_free_func (g_free);
  g_task_set_task_data (task, query, (GDestroyNotify) query_free);

  message = new_first_page (self, filter, since, limit, &error);
  send_page (task, message, error);
}

/**
 * belfry_client_query_finish:
 * @self: a client
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Belfry.Client.query_async].
 *
 * Returns: (transfer full) (array zero-terminated=1): the events as JSON texts, newest first
 *
 * Since: 0.1
 */
char **
belfry_client_query_finish (BelfryClient  *self,
                            GAsyncResult  *result,
                            GError       **error)
{
  Query *query;

  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, belfry_client_query_async), NULL);

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return NULL;

  query = g_task_get_task_data (G_TASK (result));
  g_ptr_array_add (query->events, NULL);

  return (char **) g_ptr_array_free (g_steal_pointer (&query->events), FALSE);
}
