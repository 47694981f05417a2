/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-error.h"
#include "belfry-gate-private.h"
#include "belfry-refusal-private.h"
#include "belfry-request-log-private.h"
#include "belfry-rest-private.h"

/* GET /events/stream: Server-Sent Events. The request is understood here, and the subscription made; then
 * the connection is taken and a session sends head and events. A browser's EventSource gives up for good
 * on any status but 200, so a full house is a stream that ends at once. */

static void
append_line (const char *name,
             const char *value,
             gpointer    user_data)
{
  g_string_append_printf (user_data, "%s: %s\r\n", name, value);
}

/* The header wins over the parameter: it is what a browser adds when it reconnects to the same URL. */
static const char *
get_resume_from (BelfryRequest *request)
{
  const char *header = belfry_request_get_header (request, "Last-Event-ID");
  const char *parameter = belfry_request_get_query (request, "resume_from");

  if (header != NULL && header[0] != '\0')
    return header;
  if (parameter != NULL && parameter[0] != '\0')
    return parameter;

  return NULL;
}

static void
append_unless_type (const char *name,
                    const char *value,
                    gpointer    user_data)
{
  if (g_ascii_strcasecmp (name, "Content-Type") != 0)
    append_line (name, value, user_data);
}

static char *
format_head (BelfryServer  *server,
             BelfryRequest *request)
{
  SoupMessageHeaders *given = soup_server_message_get_response_headers (belfry_request_get_message (request));
  g_autoptr(GString) head = g_string_new ("HTTP/1.1 200 OK\r\n");

  append_line ("Content-Type", "text/event-stream; charset=utf-8", head);
  append_line ("Cache-Control", "no-store", head);
  append_line ("X-Accel-Buffering", "no", head);
  append_line ("Connection", "close", head);
  soup_message_headers_foreach (given, append_unless_type, head);
  belfry_security_headers_foreach (belfry_server_is_over_tls (server), append_line, head);
  g_string_append (head, "\r\n");

  return g_string_free (g_steal_pointer (&head), FALSE);
}

/* FALSE with the request answered. cursor stays NULL for a stream that begins now. */
static gboolean
parse_resume_from (BelfryRequest  *request,
                   BelfryRouter   *router,
                   BelfryCursor  **cursor)
{
  const char *text = get_resume_from (request);

  if (text == NULL)
    return TRUE;

  if (strcmp (text, "beginning") == 0)
    *cursor = belfry_cursor_new_beginning ();
  else
    *cursor = belfry_cursor_new_from_string (text, NULL);
  if (*cursor != NULL)
    return TRUE;

  belfry_request_respond_detail (request, 400, "Unknown cursor");
  return FALSE;
}

static void
start_stream (BelfryServer     *server,
              BelfryRequest    *request,
              BelfrySubscriber *subscriber)
{
  g_autofree char *head = format_head (server, request);
  g_autoptr(GIOStream) stream = NULL;

  if (BELFRY_TELLS_REQUESTS ())
    belfry_request_log_answer (request, 200, 0, 0);
  belfry_request_count_stream (request);
  stream = belfry_request_steal_connection (request);
  belfry_sse_session_start (belfry_server_get_sessions (server), stream, belfry_request_get_grant (request), head,
                            subscriber);
}

static void
respond_head_only (BelfryRequest *request)
{
  belfry_request_set_response_header (request, "Cache-Control", "no-store");
  belfry_request_respond (request, 200, "text/event-stream; charset=utf-8", NULL);
}

static void
get_stream (BelfryServer  *server,
            BelfryRequest *request,
            gpointer       user_data)
{
  BelfryRouter *router = belfry_pipeline_get_router (belfry_server_get_pipeline (server));
  g_autoptr(BelfrySubscriber) subscriber = NULL;
  g_autoptr(BelfryFilter) filter = NULL;
  g_autoptr(BelfryCursor) cursor = NULL;
  g_autoptr(GError) error = NULL;
  BelfryVerdict verdict;

  verdict = belfry_admission_judge (belfry_server_get_admission (server), request, TRUE);
  if (verdict != BELFRY_VERDICT_ADMITTED)
    {
      belfry_gate_refuse_by_verdict (request, verdict);
      return;
    }
  if (belfry_request_has_body (request))
    {
      belfry_refuse_and_close (request, 400, "No body expected");
      return;
    }

  filter = belfry_rest_parse_filter (request, TRUE);
  if (filter == NULL || !parse_resume_from (request, router, &cursor))
    return;
  if (strcmp (belfry_request_get_method (request), "HEAD") == 0)
    {
      respond_head_only (request);
      return;
    }

  subscriber = belfry_router_subscribe (router, filter, cursor, &error);
  if (subscriber == NULL && !g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_CAPACITY))
    belfry_request_respond_error (request, error);
  else
    start_stream (server, request, subscriber);
}

void
belfry_event_stream_add_routes (BelfryServer *self)
{
  belfry_server_add_route_full (self, "GET", "/events/stream", BELFRY_ROUTE_EARLY, BELFRY_SCOPE_SUBSCRIBE,
                                BELFRY_RATE_CLASS_NONE, get_stream, NULL, NULL);
}
