/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-server-private.h"

/* What a person sees who opens the service in a browser: without script and style, so the strictest policy holds. */

static const char root_page[] =
  "<!DOCTYPE html>\n"
  "<html lang=\"en\">\n"
  "<head><meta charset=\"utf-8\"><title>Belfry</title></head>\n"
  "<body>\n"
  "<h1>Belfry</h1>\n"
  "<p>An event log with live subscriptions.</p>\n"
  "<ul>\n"
  "<li><a href=\"/api/v1/events?limit=20\">Newest events</a></li>\n"
  "<li><a href=\"/api/v1/stats\">Statistics</a></li>\n"
  "<li><a href=\"/api/v1/event-types\">Event types</a></li>\n"
  "<li><a href=\"/health\">Health</a></li>\n"
  "<li><a href=\"/readiness\">Readiness</a></li>\n"
  "</ul>\n"
  "<p>Publish with <code>POST /api/v1/events</code> or over WebSocket at <code>/ws/publish</code>; subscribe at "
  "<code>/ws/subscribe</code> or, as Server-Sent Events, at <code>GET /api/v1/events/stream</code>.</p>\n"
  "</body>\n"
  "</html>\n";

static void
get_root (BelfryServer  *server,
          BelfryRequest *request,
          gpointer       user_data)
{
  g_autoptr(GBytes) page = g_bytes_new_static (root_page, sizeof root_page - 1);

  belfry_request_respond (request, 200, "text/html; charset=utf-8", page);
}

void
belfry_pages_add_routes (BelfryServer *self)
{
  belfry_server_add_route_full (self, "GET", "/", BELFRY_ROUTE_OPEN, get_root);
}
