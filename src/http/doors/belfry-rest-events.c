/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-cursor.h"
#include "belfry-error.h"
#include "belfry-event-listing-private.h"
#include "belfry-event-private.h"
#include "belfry-idempotency-private.h"
#include "belfry-learner-event-private.h"
#include "belfry-pipeline-private.h"
#include "belfry-rest-private.h"
#include "belfry-timestamp-private.h"

/* /events: publish, query, look up, delete. */

#define DEFAULT_LIMIT 100
#define MAX_LIMIT     1000

/* What a query understands. */
static const char * const query_names[] = {
  "event_type", "event_types", "session_id", "user_id", "user_tiers", "min_amount", "since", "limit", NULL,
};

static BelfryEventStore *
get_store (BelfryServer *server)
{
  return belfry_pipeline_get_store (belfry_server_get_pipeline (server));
}

/* The text of an event as it lies in the event itself. */
static GBytes *
dup_json (BelfryEvent *event)
{
  gsize length;
  const char *json = belfry_event_peek_json (event, &length);

  return g_bytes_new_with_free_func (json, length, (GDestroyNotify) belfry_event_unref, belfry_event_ref (event));
}

static BelfryDoorTally *
get_tally (BelfryServer *server)
{
  return belfry_pipeline_get_door (belfry_server_get_pipeline (server), BELFRY_DOOR_HTTP);
}

static void
published_cb (BelfryEvent  *event,
              const GError *error,
              gpointer      user_data)
{
  g_autoptr(BelfryRequest) request = BELFRY_REQUEST (user_data);
  g_autoptr(GBytes) json = NULL;

  if (error != NULL)
    {
      belfry_request_respond_error (request, error);
      return;
    }

  get_tally (belfry_request_get_server (request))->accepted++;
  json = dup_json (event);
  belfry_request_respond (request, 201, "application/json", json);
}

/* With a key: the event counts once, however often the request comes. */
static void
post_event_once (BelfryServer  *server,
                 BelfryRequest *request,
                 BelfryReceipt *receipt)
{
  gsize length;
  const char *json = g_bytes_get_data (belfry_request_get_body (request), &length);
  g_autoptr(GPtrArray) events = NULL;
  g_autoptr(GError) error = NULL;
  BelfryEvent *event;

  event = belfry_pipeline_parse_json (belfry_server_get_pipeline (server), json != NULL ? json : "", length, &error);
  if (event != NULL)
    {
      events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
      g_ptr_array_add (events, event);
    }
  else
    {
      get_tally (server)->rejected++;
    }
  belfry_idempotency_publish (request, events, receipt, error);
}

static void
post_event (BelfryServer  *server,
            BelfryRequest *request,
            gpointer       user_data)
{
  gsize length;
  GBytes *body = belfry_request_get_body (request);
  const char *json = g_bytes_get_data (body, &length);
  g_autoptr(BelfryReceipt) receipt = NULL;
  g_autoptr(GError) error = NULL;

  if (!belfry_idempotency_read (request, body, 201, &receipt))
    return;
  if (receipt != NULL)
    {
      post_event_once (server, request, receipt);
      return;
    }

  if (belfry_pipeline_publish_json (belfry_server_get_pipeline (server), json != NULL ? json : "", length,
                                    published_cb,
                                    g_object_ref (request), &error))
    return;

  get_tally (server)->rejected++;
  belfry_request_respond_error (request, error);
  g_object_unref (request);
}

/* --- query --- */

typedef struct
{
  BelfryRequest *request;  /* owned */
  BelfryFilter  *filter;   /* owned */
  gint64         since_usec;
  guint64        before_position;
  guint          limit;
} Query;

static void
free_query (Query *query)
{
  g_clear_object (&query->request);
  g_clear_pointer (&query->filter, belfry_filter_unref);
  g_free (query);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Query, free_query)

/* The way to the older rest: the same query, as far as it means something, with a cursor in front of the last
 * event that was shown. A relative reference holds behind every proxy. */
static void
set_next_link (Query   *query,
               guint64  last_position)
{
  BelfryRequest *request = query->request;
  BelfryServer *server = belfry_request_get_server (request);
  SoupServerMessage *message = belfry_request_get_message (request);
  BelfryQueryString *parameters = belfry_request_peek_query (request);
  g_autoptr(BelfryCursor) cursor = NULL;
  g_autofree char *cursor_text = NULL;
  g_autoptr(GString) link = NULL;

  if (message == NULL)
    return;

  cursor = belfry_cursor_new (belfry_event_store_get_log_id (get_store (server)),
                              last_position - 1);
  cursor_text = belfry_cursor_to_string (cursor);
  link = g_string_new ("<");
  g_string_append_printf (link, "%s?", g_uri_get_path (soup_server_message_get_uri (message)));
  for (guint i = 0; i < belfry_query_string_get_size (parameters); i++)
    {
      const char *name = belfry_query_string_peek_name (parameters, i);

      if (!g_strv_contains (query_names, name))
        continue;
      g_string_append_uri_escaped (link, name, NULL, FALSE);
      g_string_append_c (link, '=');
      g_string_append_uri_escaped (link, belfry_query_string_peek_value (parameters, i), NULL, FALSE);
      g_string_append_c (link, '&');
    }
  g_string_append_printf (link, "cursor=%s>; rel=\"next\"", cursor_text);
  belfry_request_set_response_header (request, "Link", link->str);
}

static void
respond_no_room (BelfryRequest *request)
{
  g_autoptr(GError) error = g_error_new_literal (BELFRY_ERROR, BELFRY_ERROR_CAPACITY, "Too many answers under way");

  belfry_request_respond_error (request, error);
}

/* A client that asks and does not read holds its answer in memory. */
static void
respond_listing (Query              *query,
                 BelfryAnswerQuota  *answers,
                 BelfryEventListing *listing)
{
  g_autoptr(GBytes) body = NULL;

  if (!belfry_answer_quota_has_room (answers, listing->json->len))
    {
      respond_no_room (query->request);
      return;
    }

  if (listing->has_more)
    set_next_link (query, listing->last_position);
  body = belfry_answer_quota_take_text (answers, g_steal_pointer (&listing->json));
  belfry_request_respond (query->request, 200, "application/json", body);
}

static void
listed_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr(Query) query = user_data;
  g_autoptr(GError) error = NULL;
  BelfryAnswerQuota *answers = belfry_server_get_answers (belfry_request_get_server (query->request));
  g_autoptr(BelfryEventListing) listing = belfry_event_store_list_finish (BELFRY_EVENT_STORE (source), result, &error);
  guint n_read = listing != NULL ? listing->n_events : 0;
  gsize n_bytes = listing != NULL ? listing->json->len : 0;

  if (listing == NULL)
    belfry_request_respond_error (query->request, error);
  else
    respond_listing (query, answers, listing);

  g_clear_pointer (&listing, belfry_event_listing_free);
  belfry_answer_quota_end (answers, query->limit, n_read, n_bytes);
}

static void
start_query (gboolean has_room,
             gpointer user_data)
{
  Query *query = user_data;
  BelfryServer *server = belfry_request_get_server (query->request);

  if (has_room && belfry_request_get_message (query->request) != NULL)
    {
      belfry_event_store_list_async (get_store (server), query->filter, query->since_usec, query->before_position,
                                     query->limit, NULL, listed_cb, query);
      return;
    }

  if (has_room)
    /* Nobody waits for it any more. */
    belfry_answer_quota_end (belfry_server_get_answers (server), query->limit, 0, 0);
  else
    respond_no_room (query->request);
  free_query (query);
}

static gboolean
parse_since (BelfryRequest *request,
             gint64        *since_usec)
{
  const char *text = belfry_request_get_query (request, "since");

  *since_usec = G_MININT64;
  if (text == NULL || text[0] == '\0')
    return TRUE;
  if (belfry_timestamp_parse (text, -1, since_usec))
    return TRUE;

  belfry_request_respond_detail (request, 400, "Invalid ISO 8601 timestamp for 'since'");
  return FALSE;
}

/* before_position: what lies behind the cursor's place has been seen. */
static gboolean
parse_cursor (BelfryServer  *server,
              BelfryRequest *request,
              guint64       *before_position)
{
  const char *text = belfry_request_get_query (request, "cursor");
  g_autoptr(BelfryCursor) cursor = NULL;

  *before_position = 0;
  if (text == NULL || text[0] == '\0')
    return TRUE;

  cursor = belfry_cursor_new_from_string (text, NULL);
  if (cursor == NULL || cursor->log_id != belfry_event_store_get_log_id (get_store (server))
      || cursor->position >= G_MAXINT64)
    {
      belfry_request_respond_detail (request, 400, "Unknown cursor");
      return FALSE;
    }

  *before_position = cursor->position + 1;
  return TRUE;
}

static void
get_events (BelfryServer  *server,
            BelfryRequest *request,
            gpointer       user_data)
{
  g_autoptr(Query) query = g_new0 (Query, 1);
  guint limit;

  if (!belfry_rest_parse_limit (request, DEFAULT_LIMIT, MAX_LIMIT, &limit))
    return;
  query->filter = belfry_rest_parse_filter (request, FALSE);
  if (query->filter == NULL)
    return;
  if (!parse_since (request, &query->since_usec) || !parse_cursor (server, request, &query->before_position))
    return;

  query->request = g_object_ref (request);
  query->limit = limit;
  belfry_answer_quota_begin (belfry_server_get_answers (server), limit, start_query, g_steal_pointer (&query));
}

/* --- one event --- */

/* As its sender had sent it to the collector. */
static gboolean
is_learner_view (BelfryRequest *request)
{
  return g_strcmp0 (belfry_request_get_query (request, "view"), "learner") == 0;
}

/* NULL for an event that was not collected. */
static GBytes *
dup_learner_json (BelfryEvent *event)
{
  g_autoptr(GString) json = g_string_new (NULL);

  if (!belfry_learner_event_print (event, json))
    return NULL;

  return g_string_free_to_bytes (g_steal_pointer (&json));
}

static void
looked_up_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr(BelfryRequest) request = BELFRY_REQUEST (user_data);
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryEvent) event = belfry_event_store_lookup_finish (BELFRY_EVENT_STORE (source), result, &error);
  g_autoptr(GBytes) json = NULL;

  if (event != NULL)
    json = is_learner_view (request) ? dup_learner_json (event) : dup_json (event);

  if (json != NULL)
    {
      belfry_request_respond (request, 200, "application/json", json);
    }
  else if (event != NULL || g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND))
    {
      belfry_request_respond_detail (request, 404, "Event not found");
    }
  else
    {
      belfry_request_respond_error (request, error);
    }
}

static void
get_event (BelfryServer  *server,
           BelfryRequest *request,
           gpointer       user_data)
{
  const char *view = belfry_request_get_query (request, "view");

  if (view != NULL && view[0] != '\0' && !is_learner_view (request))
    {
      belfry_request_respond_problem (request, "query", "view", "literal_error", "Input should be 'learner'");
      return;
    }

  belfry_event_store_lookup_async (get_store (server), belfry_request_get_path_param (request), NULL, looked_up_cb,
                                   g_object_ref (request));
}

/* --- delete --- */

static void
deleted_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr(BelfryRequest) request = BELFRY_REQUEST (user_data);
  g_autoptr(GError) error = NULL;
  g_autofree char *json = NULL;
  guint64 n_deleted;

  if (!belfry_event_store_delete_finish (BELFRY_EVENT_STORE (source), result, &n_deleted, &error))
    {
      belfry_request_respond_error (request, error);
      return;
    }

  json = g_strdup_printf ("{\"deleted\": %" G_GUINT64_FORMAT "}", n_deleted);
  belfry_request_respond_json (request, 200, json);
}

/* A misspelt "before" must not delete everything: any other parameter is refused. */
static gboolean
check_delete_parameters (BelfryRequest *request)
{
  g_auto(GStrv) names = belfry_request_list_query_names (request);

  for (gsize i = 0; names[i] != NULL; i++)
    {
      g_autofree char *detail = NULL;

      if (strcmp (names[i], "before") == 0)
        continue;
      detail = g_strdup_printf ("Unknown query parameter '%.50s'", names[i]);
      if (!g_utf8_validate (detail, -1, NULL))
        belfry_request_respond_detail (request, 400, "Unknown query parameter");
      else
        belfry_request_respond_detail (request, 400, detail);
      return FALSE;
    }

  return TRUE;
}

static void
delete_events (BelfryServer  *server,
               BelfryRequest *request,
               gpointer       user_data)
{
  const char *before = belfry_request_get_query (request, "before");
  gint64 before_usec = G_MAXINT64;

  if (!check_delete_parameters (request))
    return;
  if (before != NULL && !belfry_timestamp_parse (before, -1, &before_usec))
    {
      belfry_request_respond_detail (request, 400, "Invalid ISO 8601 timestamp for 'before'");
      return;
    }

  belfry_event_store_delete_async (get_store (server), before_usec, NULL, deleted_cb, g_object_ref (request));
}

void
belfry_rest_add_event_routes (BelfryServer *self)
{
  belfry_server_add_route_full (self, "POST", "/events", BELFRY_ROUTE_PLAIN, BELFRY_SCOPE_PUBLISH,
                                BELFRY_RATE_CLASS_PUBLISH, post_event, NULL, NULL);
  belfry_server_add_route_full (self, "GET", "/events", BELFRY_ROUTE_DEFAULT, BELFRY_SCOPE_QUERY,
                                BELFRY_RATE_CLASS_QUERY, get_events, NULL, NULL);
  belfry_server_add_route_full (self, "DELETE", "/events", BELFRY_ROUTE_DEFAULT, BELFRY_SCOPE_ADMIN,
                                BELFRY_RATE_CLASS_ADMIN, delete_events, NULL, NULL);
  belfry_server_add_route_full (self, "GET", "/events/{id}", BELFRY_ROUTE_DEFAULT, BELFRY_SCOPE_QUERY,
                                BELFRY_RATE_CLASS_QUERY, get_event, NULL, NULL);
}
