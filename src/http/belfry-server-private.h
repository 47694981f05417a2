/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-answer-quota-private.h"
#include "belfry-request-private.h"
#include "belfry-route-table-private.h"
#include "belfry-server.h"
#include "belfry-session-private.h"
#include "belfry-type-file-private.h"

G_BEGIN_DECLS

void              belfry_server_add_route_full  (BelfryServer *self, const char *method, const char *pattern,
                                                 BelfryRouteFlags flags,
                                                 BelfryRouteFunc func);
BelfrySessionSet *belfry_server_get_sessions    (BelfryServer *self);
GCancellable     *belfry_server_get_stopping    (BelfryServer *self);
gboolean          belfry_server_is_stopping     (BelfryServer *self);
gboolean          belfry_server_is_over_tls     (BelfryServer *self);
gint64            belfry_server_get_started_usec (BelfryServer *self);  /* monotonic */
const char       *belfry_server_get_service_name (BelfryServer *self);
const char * const *belfry_server_get_cors_origins (BelfryServer *self);
guint64           belfry_server_get_max_body_bytes (BelfryServer *self);
BelfryAnswerQuota *belfry_server_get_answers    (BelfryServer *self);
guint             belfry_server_get_max_connections_per_address (BelfryServer *self);
/* Where types registered at the door are kept; NULL: nowhere. */
void              belfry_server_set_type_file   (BelfryServer *self, BelfryTypeFile *file);
BelfryTypeFile   *belfry_server_get_type_file   (BelfryServer *self);
/* The request is no longer in anybody's hands. */
void              belfry_server_forget_request  (BelfryServer *self, BelfryRequest *request);
/* A request whose body was read has its answer on the wire. */
void              belfry_server_request_done    (BelfryServer *self);

/* FALSE: the request has no right to go on. query_too: api_key and token in the query count as well. */
gboolean          belfry_server_accepts_key     (BelfryServer *self, BelfryRequest *request, gboolean query_too);

/* Each adds the routes of one door. */
void              belfry_rest_add_event_routes  (BelfryServer *self);
void              belfry_rest_add_type_routes   (BelfryServer *self);
void              belfry_rest_add_state_routes  (BelfryServer *self);
void              belfry_upgrade_add_routes     (BelfryServer *self);
void              belfry_event_stream_add_routes (BelfryServer *self);
void              belfry_pages_add_routes       (BelfryServer *self);

G_END_DECLS
