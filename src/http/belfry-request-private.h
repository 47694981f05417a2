/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <libsoup/soup.h>

#include "belfry-grant-private.h"
#include "belfry-json-scanner-private.h"
#include "belfry-plain-request-private.h"
#include "belfry-query-string-private.h"
#include "belfry-route-table-private.h"
#include "belfry-security-headers-private.h"
#include "belfry-server.h"

G_BEGIN_DECLS

BelfryRequest     *belfry_request_new             (BelfryServer *server, SoupServerMessage *message);
/* One that libsoup has not seen. */
BelfryRequest     *belfry_request_new_plain       (BelfryServer *server, BelfryPlainRequest *plain);
/* As belfry_client_address_init, of the other end of the connection. */
gboolean           belfry_request_get_address     (BelfryRequest *self, BelfryClientAddress *address);
/* Takes path and parameter out of match. */
void               belfry_request_take_match      (BelfryRequest *self, BelfryRouteMatch *match);
const BelfryRoute *belfry_request_get_route       (BelfryRequest *self);
gboolean           belfry_request_parse_query     (BelfryRequest *self, GError **error);
BelfryQueryString *belfry_request_peek_query      (BelfryRequest *self);
BelfryServer      *belfry_request_get_server      (BelfryRequest *self);
/* NULL once the connection is gone or taken, and for one that libsoup has not seen. */
SoupServerMessage *belfry_request_get_message     (BelfryRequest *self);
gboolean           belfry_request_is_answered     (BelfryRequest *self);
/* FALSE when other bodies leave no room for so many bytes more. */
gboolean           belfry_request_reserve_body    (BelfryRequest *self, gsize bytes);
/* FALSE when it would be too much. */
gboolean           belfry_request_append_body     (BelfryRequest *self, GBytes *piece, guint64 max_bytes);
void               belfry_request_end_body        (BelfryRequest *self);
/* Waits for its answer: the connection rests until then. */
void               belfry_request_wait            (BelfryRequest *self);
/* The connection is gone: an answer has nowhere to go. */
void               belfry_request_detach          (BelfryRequest *self);
/* From here on the request counts as answered; what goes out is the caller's affair. */
GIOStream         *belfry_request_steal_connection (BelfryRequest *self);
/* monotonic */
void               belfry_request_set_started     (BelfryRequest *self, gint64 usec);
/* The answer is a stream: 200, and the end is far away. */
void               belfry_request_count_stream    (BelfryRequest *self);
/* libsoup has the answer already. */
void               belfry_request_leave_answer    (BelfryRequest *self);
/* As belfry_refusal_format. */
GBytes            *belfry_request_format_refusal  (BelfryRequest *self, guint status, const char *detail);
/* What the client may do, as its key says; NULL: it sent none that is valid. */
void               belfry_request_set_grant       (BelfryRequest *self, BelfryGrant *grant);
BelfryGrant       *belfry_request_get_grant       (BelfryRequest *self);
gboolean           belfry_request_has_body        (BelfryRequest *self);
/* 422 for a query parameter. */
void               belfry_request_respond_problem (BelfryRequest *self, const char *place, const char *field,
                                                   const char *rule, const char *message);

G_END_DECLS
