/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-visibility.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_REQUEST (belfry_request_get_type ())

/* One HTTP request on its way to an answer. Whoever gets it from a route answers it once, now or later, on the home context; the
 * last reference dropped without an answer answers 500. Header names are matched without case. */
BELFRY_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (BelfryRequest, belfry_request, BELFRY, REQUEST, GObject)

BELFRY_AVAILABLE_IN_ALL const char *belfry_request_get_method    (BelfryRequest *self);
BELFRY_AVAILABLE_IN_ALL const char *belfry_request_get_path      (BelfryRequest *self);  /* decoded, without the /api/v1 prefix */
BELFRY_AVAILABLE_IN_ALL const char *belfry_request_get_path_param (BelfryRequest *self); /* what stood for the {name} of the route, decoded, or NULL */
BELFRY_AVAILABLE_IN_ALL const char *belfry_request_get_query     (BelfryRequest *self, const char *name);  /* the last one of that name, decoded, or NULL */
BELFRY_AVAILABLE_IN_ALL char      **belfry_request_list_query_names (BelfryRequest *self);
BELFRY_AVAILABLE_IN_ALL char      **belfry_request_list_query    (BelfryRequest *self, const char *name);  /* all of that name, in order */
BELFRY_AVAILABLE_IN_ALL const char *belfry_request_get_header    (BelfryRequest *self, const char *name);
BELFRY_AVAILABLE_IN_ALL GBytes     *belfry_request_get_body      (BelfryRequest *self);
BELFRY_AVAILABLE_IN_ALL void        belfry_request_set_response_header (BelfryRequest *self, const char *name, const char *value);
BELFRY_AVAILABLE_IN_ALL void        belfry_request_respond       (BelfryRequest *self, guint status, const char *content_type, GBytes *body);
BELFRY_AVAILABLE_IN_ALL void        belfry_request_respond_json  (BelfryRequest *self, guint status, const char *json);
BELFRY_AVAILABLE_IN_ALL void        belfry_request_respond_detail (BelfryRequest *self, guint status, const char *detail);  /* {"detail": …} */
/* The one table from codes to HTTP status; 422 with its array, 503 with Retry-After. Nothing internal shows. */
BELFRY_AVAILABLE_IN_ALL void        belfry_request_respond_error (BelfryRequest *self, const GError *error);

G_END_DECLS
