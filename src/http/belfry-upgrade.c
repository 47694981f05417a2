/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-address-private.h"
#include "belfry-http-stream-private.h"
#include "belfry-refusal-private.h"
#include "belfry-server-private.h"

/* The way of a WebSocket client in: origin, handshake, key, number of connections. libsoup answers the
 * handshake; when it is on the wire the connection is taken and a session speaks on it. A client without
 * the right key gets its handshake too and is then told in a close frame, because a browser shows a page
 * nothing of a handshake that failed. */

#define CLOSE_UNAUTHORIZED         4001
#define CLOSE_TOO_MANY_CONNECTIONS 4002

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
  gboolean      authorized;
} Upgrade;

static void
free_upgrade (gpointer  data,
              GClosure *closure)
{
  Upgrade *upgrade = data;

  g_clear_object (&upgrade->server);
  g_free (upgrade->address);
  g_free (upgrade);
}

static void
start_session (Upgrade   *upgrade,
               GIOStream *stream)
{
  BelfrySessionSet *sessions = belfry_server_get_sessions (upgrade->server);
  BelfryPipeline *pipeline = belfry_server_get_pipeline (upgrade->server);

  if (!upgrade->authorized)
    belfry_refused_session_start (sessions, stream, CLOSE_UNAUTHORIZED, "Unauthorized");
  else if (belfry_session_set_count_address (sessions,
                                             upgrade->address) >= belfry_server_get_max_connections_per_address (upgrade->server))
    belfry_refused_session_start (sessions, stream, CLOSE_TOO_MANY_CONNECTIONS, "Too many connections");
  else if (upgrade->door == DOOR_PUBLISH)
    belfry_publish_session_start (sessions, stream, upgrade->address, pipeline);
  else
    belfry_subscribe_session_start (sessions, stream, upgrade->address, belfry_pipeline_get_router (pipeline));
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
      belfry_refuse_and_close (request, belfry_server_get_stopping (server), 400,
                               "A WebSocket handshake has no body");
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

static void
open_door (BelfryServer  *server,
           BelfryRequest *request,
           Door           door)
{
  SoupServerMessage *message = belfry_request_get_message (request);
  Upgrade *upgrade;

  if (!belfry_origin_is_allowed (belfry_request_get_header (request, "Origin"),
                                 belfry_request_get_header (request, "Host"),
                                 belfry_server_get_cors_origins (server)))
    {
      if (!belfry_request_has_body (request))
        belfry_request_set_response_header (request, "Connection", "close");
      belfry_refuse (request, belfry_server_get_stopping (server), 403, "Origin not allowed");
      return;
    }
  if (!check_handshake (server, request))
    return;

  upgrade = g_new0 (Upgrade, 1);
  upgrade->server = g_object_ref (server);
  upgrade->address = belfry_request_dup_address_key (request);
  upgrade->door = door;
  upgrade->authorized = belfry_server_accepts_key (server, request, TRUE);
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
  belfry_server_add_route_full (self, "GET", "/ws/publish", BELFRY_ROUTE_EARLY, open_publish);
  belfry_server_add_route_full (self, "GET", "/ws/subscribe", BELFRY_ROUTE_EARLY, open_subscribe);
}
