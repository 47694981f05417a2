/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-frame-parser-private.h"
#include "belfry-http-stream-private.h"
#include "belfry-refusal-private.h"
#include "belfry-server-private.h"

/* The way of a WebSocket client in: origin, handshake, key, number of connections. libsoup answers the
 * handshake; when it is on the wire the connection is taken and a session speaks on it. A client without
 * the right key gets its handshake too and is then told in a close frame, because a browser shows a page
 * nothing of a handshake that failed. */

typedef enum
{
  DOOR_PUBLISH,
  DOOR_SUBSCRIBE,
} Door;

typedef struct
{
  BelfryServer *server;   /* owned */
  char         *address;  /* owned; what the client is counted under */
  Door          door;
  BelfryGrant  *grant;    /* owned; NULL: it came without a valid key */
  BelfryVerdict verdict;
} Upgrade;

static void
free_upgrade (gpointer  data,
              GClosure *closure)
{
  Upgrade *upgrade = data;

  g_clear_object (&upgrade->server);
  g_clear_pointer (&upgrade->grant, belfry_grant_unref);
  g_free (upgrade->address);
  g_free (upgrade);
}

static void
start_session (Upgrade   *upgrade,
               GIOStream *stream)
{
  BelfrySessionSet *sessions = belfry_server_get_sessions (upgrade->server);
  BelfryPipeline *pipeline = belfry_server_get_pipeline (upgrade->server);

  if (upgrade->verdict == BELFRY_VERDICT_FORBIDDEN)
    belfry_refused_session_start (sessions, stream, BELFRY_CLOSE_UNAUTHORIZED, "Insufficient scope");
  else if (upgrade->verdict != BELFRY_VERDICT_ADMITTED || (upgrade->grant != NULL && upgrade->grant->is_revoked))
    belfry_refused_session_start (sessions, stream, BELFRY_CLOSE_UNAUTHORIZED, "Unauthorized");
  else if (belfry_session_set_count_address (sessions,
                                             upgrade->address) >= belfry_server_get_max_connections_per_address (upgrade->server))
    belfry_refused_session_start (sessions, stream, BELFRY_CLOSE_TOO_MANY, "Too many connections");
  else if (upgrade->door == DOOR_PUBLISH)
    belfry_publish_session_start (sessions, stream, upgrade->address, upgrade->grant, pipeline);
  else
    belfry_subscribe_session_start (sessions, stream, upgrade->address, upgrade->grant,
                                    belfry_pipeline_get_router (pipeline));
}

static void
on_handshake_written (SoupServerMessage *message,
                      gpointer           user_data)
{
  Upgrade *upgrade = user_data;
  g_autoptr(GIOStream) taken = NULL;
  g_autoptr(GIOStream) stream = NULL;

  /* A "100 Continue" is informational too. */
  if (soup_server_message_get_status (message) != SOUP_STATUS_SWITCHING_PROTOCOLS)
    return;

  taken = soup_server_message_steal_connection (message);
  if (taken == NULL)
    return;
  stream = belfry_http_stream_unwrap (taken);
  start_session (upgrade, stream);
}

static gboolean
is_upgrade (SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);

  return soup_message_headers_header_equals (headers, "Upgrade", "websocket")
         && soup_message_headers_header_contains (headers, "Connection", "upgrade");
}

/* FALSE with the request answered. */
static gboolean
check_handshake (BelfryServer  *server,
                 BelfryRequest *request)
{
  SoupServerMessage *message = belfry_request_get_message (request);
  const char *version = belfry_request_get_header (request, "Sec-WebSocket-Version");

  if (belfry_request_has_body (request))
    {
      belfry_refuse_and_close (request, 400, "A WebSocket handshake has no body");
      return FALSE;
    }
  if (!is_upgrade (message) || g_strcmp0 (version, "13") != 0)
    {
      belfry_request_set_response_header (request, "Upgrade", "websocket");
      belfry_request_set_response_header (request, "Connection", "Upgrade");
      belfry_request_set_response_header (request, "Sec-WebSocket-Version", "13");
      belfry_request_respond_detail (request, 426, "WebSocket handshake expected");
      return FALSE;
    }
  /* libsoup would answer in its own words. */
  if (soup_server_message_get_http_version (message) != SOUP_HTTP_1_1
      || !soup_websocket_server_check_handshake (message, NULL, NULL, NULL, NULL))
    {
      belfry_request_respond_detail (request, 400, "Invalid WebSocket handshake");
      return FALSE;
    }

  return TRUE;
}

static char *
dup_address_key (BelfryServer  *server,
                 BelfryRequest *request)
{
  BelfryClientAddress address;

  belfry_admission_find_address (belfry_server_get_admission (server), request, &address);
  belfry_client_address_cut (&address);
  return belfry_client_address_to_key (&address);
}

static void
open_door (BelfryServer  *server,
           BelfryRequest *request,
           Door           door)
{
  SoupServerMessage *message = belfry_request_get_message (request);
  Upgrade *upgrade;

  if (!belfry_cors_admits_socket (belfry_server_get_cors (server), belfry_request_get_header (request, "Origin"),
                                  belfry_request_get_header (request, "Host")))
    {
      if (!belfry_request_has_body (request))
        belfry_request_set_response_header (request, "Connection", "close");
      belfry_refuse (request, 403, "Origin not allowed");
      return;
    }
  if (!check_handshake (server, request))
    return;

  upgrade = g_new0 (Upgrade, 1);
  upgrade->server = g_object_ref (server);
  upgrade->address = dup_address_key (server, request);
  upgrade->door = door;
  upgrade->verdict = belfry_admission_judge (belfry_server_get_admission (server), request, TRUE);
  if (belfry_request_get_grant (request) != NULL)
    upgrade->grant = belfry_grant_ref (belfry_request_get_grant (request));
  g_signal_connect_data (message, "wrote-informational", G_CALLBACK (on_handshake_written), upgrade, free_upgrade, 0);

  /* No subprotocols; no extensions, so permessage-deflate is declined. */
  soup_message_headers_remove (soup_server_message_get_response_headers (message), "Content-Type");
  soup_websocket_server_process_handshake (message, NULL, NULL, NULL, NULL);
  belfry_request_leave_answer (request);
}

static void
open_publish (BelfryServer  *server,
              BelfryRequest *request,
              gpointer       user_data)
{
  open_door (server, request, DOOR_PUBLISH);
}

static void
open_subscribe (BelfryServer  *server,
                BelfryRequest *request,
                gpointer       user_data)
{
  open_door (server, request, DOOR_SUBSCRIBE);
}

void
belfry_upgrade_add_routes (BelfryServer *self)
{
  belfry_server_add_route_full (self, "GET", "/ws/publish", BELFRY_ROUTE_EARLY, BELFRY_SCOPE_PUBLISH,
                                BELFRY_RATE_CLASS_NONE, open_publish, NULL, NULL);
  belfry_server_add_route_full (self, "GET", "/ws/subscribe", BELFRY_ROUTE_EARLY, BELFRY_SCOPE_SUBSCRIBE,
                                BELFRY_RATE_CLASS_NONE, open_subscribe, NULL, NULL);
}
