/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-access.h"
#include "belfry-metrics.h"
#include "belfry-pipeline.h"
#include "belfry-request.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_SERVER (belfry_server_get_type ())

/* REST, WebSocket and Server-Sent Events in front of a pipeline. Properties (construct or settable before listen): pipeline (construct-only), service-name, require-auth,
 * api-key, cors-origins (as), max-body-bytes, max-ws-message-bytes (1048576), max-ws-connections-per-ip (20), tls-certificate (GTlsCertificate);
 * read-only: uris (as), connections, requests, … */
BELFRY_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (BelfryServer, belfry_server, BELFRY, SERVER, GObject)

/**
 * BelfryRouteFunc:
 * @server: the server
 * @request: the request to answer; keep a reference to answer later
 * @user_data: data of the route
 *
 * Answers a request whose body has been read.
 *
 * Since: 0.1
 */
typedef void (*BelfryRouteFunc) (BelfryServer *server, BelfryRequest *request, gpointer user_data);

BELFRY_AVAILABLE_IN_ALL BelfryServer   *belfry_server_new (BelfryPipeline *pipeline);
BELFRY_AVAILABLE_IN_ALL BelfryPipeline *belfry_server_get_pipeline (BelfryServer *self);
BELFRY_AVAILABLE_IN_ALL BelfryMetrics  *belfry_server_get_metrics  (BelfryServer *self);
/* pattern: "/events/{id}" with at most one {name}, which stands for one segment; served with and without /api/v1. */
BELFRY_AVAILABLE_IN_ALL void     belfry_server_add_route (BelfryServer *self, const char *method, const char *pattern, BelfryRouteFunc func, gpointer user_data, GDestroyNotify destroy);
BELFRY_AVAILABLE_IN_ALL void     belfry_server_add_route_full (BelfryServer *self, const char *method, const char *pattern, BelfryRouteFlags flags, BelfryScope scopes, BelfryRateClass rate_class, BelfryRouteFunc func, gpointer user_data, GDestroyNotify destroy);
BELFRY_AVAILABLE_IN_ALL gboolean belfry_server_load_api_keys (BelfryServer *self, const char *path, GError **error);
BELFRY_AVAILABLE_IN_ALL gboolean belfry_server_has_keys  (BelfryServer *self);
BELFRY_AVAILABLE_IN_ALL gboolean belfry_server_listen    (BelfryServer *self, const char *host, guint16 port, GError **error);
BELFRY_AVAILABLE_IN_ALL char   **belfry_server_list_uris (BelfryServer *self);
/* Stops accepting, answers what was read, tells sockets 1001, ends streams; answered when all are closed or at the limit. */
BELFRY_AVAILABLE_IN_ALL void     belfry_server_stop_async  (BelfryServer *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
BELFRY_AVAILABLE_IN_ALL gboolean belfry_server_stop_finish (BelfryServer *self, GAsyncResult *result, GError **error);

G_END_DECLS
