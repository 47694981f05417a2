/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-admission-private.h"
#include "belfry-answer-quota-private.h"
#include "belfry-cors-private.h"
#include "belfry-http-clock-private.h"
#include "belfry-request-private.h"
#include "belfry-route-table-private.h"
#include "belfry-server.h"
#include "belfry-session-private.h"
#include "belfry-type-file-private.h"
#include "belfry-upload-quota-private.h"

G_BEGIN_DECLS

BelfrySessionSet *belfry_server_get_sessions    (BelfryServer *self);
GCancellable     *belfry_server_get_stopping    (BelfryServer *self);
BelfryHttpClock  *belfry_server_get_clock       (BelfryServer *self);
gboolean          belfry_server_is_stopping     (BelfryServer *self);
gboolean          belfry_server_is_over_tls     (BelfryServer *self);
gint64            belfry_server_get_started_usec (BelfryServer *self);  /* monotonic */
const char       *belfry_server_get_service_name (BelfryServer *self);
/* Of a request to that route; NULL: to any other. */
guint64           belfry_server_get_max_body_bytes (BelfryServer *self, const BelfryRoute *route);
BelfryAnswerQuota *belfry_server_get_answers    (BelfryServer *self);
BelfryUploadQuota *belfry_server_get_uploads    (BelfryServer *self);
guint             belfry_server_get_max_connections_per_address (BelfryServer *self);
/* Ends a stop that is under way now, whoever has not been served yet. */
void              belfry_server_hurry_stop      (BelfryServer *self);
/* Where types registered at the door are kept; NULL: nowhere. */
void              belfry_server_set_type_file   (BelfryServer *self, BelfryTypeFile *file);
BelfryTypeFile   *belfry_server_get_type_file   (BelfryServer *self);
/* The request is no longer in anybody's hands. */
void              belfry_server_forget_request  (BelfryServer *self, BelfryRequest *request);
/* A request whose body was read has its answer on the wire. */
void              belfry_server_request_done    (BelfryServer *self);

BelfryAdmission  *belfry_server_get_admission   (BelfryServer *self);
BelfryCors *belfry_server_get_cors        (BelfryServer *self);
/* The keys have changed: whoever holds one that counts no longer is sent away. */
void              belfry_server_close_revoked   (BelfryServer *self);

/* The numbers among the properties of object become a member of GET /stats, as long as the object lives. */
void              belfry_server_add_counters    (BelfryServer *self, const char *name, GObject *object);

/* For the metrics; route: NULL when the request has found none. */
void              belfry_server_count_answer    (BelfryServer *self, BelfryRoute *route, guint status);
void              belfry_server_observe_answer  (BelfryServer *self, gint64 started_usec);

/* Who adds routes describes them: a piece of the description that GET /openapi.json gives, as those in doors/openapi. */
void              belfry_server_add_description (BelfryServer *self, const char *json);

/* Each adds the routes of one door. */
void              belfry_rest_add_event_routes  (BelfryServer *self);
void              belfry_rest_add_type_routes   (BelfryServer *self);
void              belfry_rest_add_state_routes  (BelfryServer *self);
void              belfry_rest_add_buffer_routes (BelfryServer *self);
void              belfry_upgrade_add_routes     (BelfryServer *self);
void              belfry_event_stream_add_routes (BelfryServer *self);
void              belfry_pages_add_routes       (BelfryServer *self);

G_END_DECLS
