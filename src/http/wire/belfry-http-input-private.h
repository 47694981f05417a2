/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-http-clock-private.h"
#include "belfry-http-poller-private.h"
#include "belfry-request-guard-private.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_HTTP_INPUT (belfry_http_input_get_type ())

/* What libsoup reads requests from. */
G_DECLARE_FINAL_TYPE (BelfryHttpInput, belfry_http_input, BELFRY, HTTP_INPUT, GFilterInputStream)

/* Everything before was answered, libsoup waits for more, and what comes is refused with this status. The
 * connection below is the callee's; libsoup will let go of its own. The guard knows what came of the request. */
typedef void (*BelfryHttpRefuseFunc) (gpointer user_data, guint status, const BelfryRequestGuard *guard);

/* One whole request lies in bytes, libsoup is between two, and nothing follows. TRUE when the callee serves it and
 * will say when it is answered: libsoup never sees it, and sees nothing of the connection until then. */
typedef gboolean (*BelfryHttpApartFunc) (gpointer user_data, const guint8 *bytes, gsize length);

GInputStream *belfry_http_input_new           (GInputStream *base, BelfryHttpWatch *watch, BelfryHttpClock *clock,
                                               BelfryHttpRefuseFunc func, gpointer user_data);
void          belfry_http_input_begin_request (BelfryHttpInput *self);
void          belfry_http_input_end_request   (BelfryHttpInput *self);
/* With the user_data of the refusals. */
void          belfry_http_input_set_apart_func (BelfryHttpInput *self, BelfryHttpApartFunc func);
/* The request that was served apart is answered. closes: libsoup is told the end of the connection. */
void          belfry_http_input_end_apart     (BelfryHttpInput *self, gboolean closes);
/* From here on it is not libsoup that reads, and not requests that come: everything goes through. */
void          belfry_http_input_release       (BelfryHttpInput *self);
/* Something of a request is on its way that libsoup has not been given. */
gboolean      belfry_http_input_awaits_more   (BelfryHttpInput *self);
/* Nobody is there any more to tell. */
void          belfry_http_input_disconnect    (BelfryHttpInput *self);

G_END_DECLS
