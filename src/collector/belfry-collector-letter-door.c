/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-collector-private.h"
#include "belfry-error.h"
#include "belfry-rest-private.h"
#include "belfry-server-private.h"

/* /dead-letters: what was refused, why, and the way back. */

#define DEFAULT_LIMIT 100
#define MAX_LIMIT     1000

/* A page ends early when its letters are long. */
#define MAX_PAGE_BYTES (4 * 1024 * 1024)

static BelfryEventStore *
get_store (BelfryServer *server)
{
  return belfry_pipeline_get_store (belfry_server_get_pipeline (server));
}

static void
respond_not_found (BelfryRequest *request)
{
  belfry_request_respond_detail (request, 404, "Dead letter not found");
}

/* FALSE with the request answered. */
static gboolean
parse_id (BelfryRequest *request,
          guint64       *number)
{
  if (BELFRY_IS_DEAD_LETTER_KEEPER (get_store (belfry_request_get_server (request)))
      && belfry_dead_letter_parse_id (belfry_request_get_path_param (request), number))
    return TRUE;

  respond_not_found (request);
  return FALSE;
}

/* --- list --- */

typedef struct
{
  BelfryRequest *request;  /* owned */
  char          *reason;   /* owned, or NULL */
  guint          limit;
} Page;

static void
page_free (Page *page)
{
  g_clear_object (&page->request);
  g_free (page->reason);
  g_free (page);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Page, page_free)

static void
set_next_link (Page                   *page,
               const BelfryDeadLetter *last)
{
  SoupServerMessage *message = belfry_request_get_message (page->request);
  g_autofree char *cursor = belfry_dead_letter_format_id (last->number);
  g_autoptr(GString) link = g_string_new ("<");

  if (message == NULL)
    return;

  g_string_append_printf (link, "%s?limit=%u&", g_uri_get_path (soup_server_message_get_uri (message)), page->limit);
  if (page->reason != NULL)
    {
      g_string_append (link, "reason=");
      g_string_append_uri_escaped (link, page->reason, NULL, FALSE);
      g_string_append_c (link, '&');
    }
  g_string_append_printf (link, "cursor=%s>; rel=\"next\"", cursor);
  belfry_request_set_response_header (page->request, "Link", link->str);
}

static void
listed_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr(Page) page = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) letters = NULL;
  g_autoptr(GString) json = NULL;
  g_autoptr(GBytes) body = NULL;
  guint n_shown;

  letters = belfry_dead_letter_keeper_list_finish (BELFRY_DEAD_LETTER_KEEPER (source), result, &error);
  if (letters == NULL)
    {
      belfry_request_respond_error (page->request, error);
      return;
    }

  json = g_string_new ("[");
  n_shown = MIN (letters->len, page->limit);
  for (guint i = 0; i < n_shown; i++)
    {
      if (i > 0)
        g_string_append_c (json, ',');
      belfry_collector_letter_print (g_ptr_array_index (letters, i), json);
    }
  g_string_append_c (json, ']');

  /* One that came in only to tell, or a page that its length has ended, which may have been the last. */
  if (letters->len > page->limit || json->len >= MAX_PAGE_BYTES)
    set_next_link (page, g_ptr_array_index (letters, n_shown - 1));
  body = g_string_free_to_bytes (g_steal_pointer (&json));
  belfry_request_respond (page->request, 200, "application/json", body);
}

static void
list_letters (BelfryServer  *server,
              BelfryRequest *request,
              gpointer       user_data)
{
  const char *cursor = belfry_request_get_query (request, "cursor");
  const char *reason = belfry_request_get_query (request, "reason");
  g_autoptr(Page) page = g_new0 (Page, 1);
  guint64 before = G_MAXINT64;

  if (!belfry_rest_parse_limit (request, DEFAULT_LIMIT, MAX_LIMIT, &page->limit))
    return;
  if (cursor != NULL && cursor[0] != '\0' && (!belfry_dead_letter_parse_id (cursor, &before) || before == 0))
    {
      belfry_request_respond_detail (request, 400, "Unknown cursor");
      return;
    }
  if (!BELFRY_IS_DEAD_LETTER_KEEPER (get_store (server)))
    {
      belfry_request_respond_json (request, 200, "[]");
      return;
    }

  page->request = g_object_ref (request);
  page->reason = reason != NULL && reason[0] != '\0' ? g_strdup (reason) : NULL;
  belfry_dead_letter_keeper_list_async (BELFRY_DEAD_LETTER_KEEPER (get_store (server)), 0, before - 1, TRUE,
                                        page->reason, page->limit + 1, MAX_PAGE_BYTES, NULL, listed_cb, page);
  g_steal_pointer (&page);
}

/* --- one letter --- */

static void
found_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  g_autoptr(BelfryRequest) request = BELFRY_REQUEST (user_data);
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) letters = NULL;
  g_autoptr(GString) json = NULL;

  letters = belfry_dead_letter_keeper_list_finish (BELFRY_DEAD_LETTER_KEEPER (source), result, &error);
  if (letters == NULL)
    {
      belfry_request_respond_error (request, error);
      return;
    }
  if (letters->len == 0)
    {
      respond_not_found (request);
      return;
    }

  json = g_string_new (NULL);
  belfry_collector_letter_print (g_ptr_array_index (letters, 0), json);
  belfry_request_respond_json (request, 200, json->str);
}

static void
get_letter (BelfryServer  *server,
            BelfryRequest *request,
            gpointer       user_data)
{
  guint64 number;

  if (parse_id (request, &number))
    belfry_dead_letter_keeper_list_async (BELFRY_DEAD_LETTER_KEEPER (get_store (server)), number, number, TRUE, NULL, 1,
                                          G_MAXSIZE, NULL, found_cb, g_object_ref (request));
}

static void
deleted_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr(BelfryRequest) request = BELFRY_REQUEST (user_data);
  g_autoptr(GError) error = NULL;

  if (belfry_dead_letter_keeper_delete_finish (BELFRY_DEAD_LETTER_KEEPER (source), result, &error))
    belfry_request_respond_json (request, 200, "{\"deleted\": 1}");
  else if (g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND))
    respond_not_found (request);
  else
    belfry_request_respond_error (request, error);
}

static void
delete_letter (BelfryServer  *server,
               BelfryRequest *request,
               gpointer       user_data)
{
  guint64 number;

  if (parse_id (request, &number))
    belfry_dead_letter_keeper_delete_async (BELFRY_DEAD_LETTER_KEEPER (get_store (server)), number, NULL, deleted_cb,
                                            g_object_ref (request));
}

static void
replayed_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autoptr(BelfryRequest) request = BELFRY_REQUEST (user_data);
  g_autoptr(GError) error = NULL;
  g_autofree char *id = belfry_collector_replay_finish (BELFRY_COLLECTOR (source), result, &error);
  g_autofree char *json = NULL;

  if (id == NULL)
    {
      belfry_request_respond_error (request, error);
      return;
    }

  json = g_strdup_printf ("{\"id\": \"%s\", \"event_id\": \"%s\", \"dead_letter_id\": \"%s\"}", id, id,
                          belfry_request_get_path_param (request));
  belfry_request_respond_json (request, 200, json);
}

static void
replay_letter (BelfryServer  *server,
               BelfryRequest *request,
               gpointer       user_data)
{
  GBytes *body = belfry_request_get_body (request);
  guint64 number;

  if (parse_id (request, &number))
    belfry_collector_replay_async (BELFRY_COLLECTOR (user_data), number, g_bytes_get_size (body) > 0 ? body : NULL,
                                   replayed_cb, g_object_ref (request));
}

static void
add_route (BelfryCollector *self,
           BelfryServer    *server,
           const char      *method,
           const char      *pattern,
           BelfryRouteFunc  func)
{
  belfry_server_add_route_full (server, method, pattern, BELFRY_ROUTE_DEFAULT, BELFRY_SCOPE_ADMIN,
                                BELFRY_RATE_CLASS_ADMIN, func, g_object_ref (self), g_object_unref);
}

void
belfry_collector_letter_door_add_routes (BelfryCollector *self,
                                         BelfryServer    *server)
{
  add_route (self, server, "GET", "/dead-letters", list_letters);
  add_route (self, server, "GET", "/dead-letters/{id}", get_letter);
  add_route (self, server, "DELETE", "/dead-letters/{id}", delete_letter);
  add_route (self, server, "POST", "/dead-letters/{id}/replay", replay_letter);
}
