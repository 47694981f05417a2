/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-cors-private.h"
#include "belfry-http-clock-private.h"
#include "belfry-http-poller-private.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_HTTP_STREAM (belfry_http_stream_get_type ())

/* What libsoup reads and writes: a thin cover around a plain or TLS connection. Property base-iostream:
 * the connection below. */
G_DECLARE_FINAL_TYPE (BelfryHttpStream, belfry_http_stream, BELFRY, HTTP_STREAM, GIOStream)

/* lines: what every response has among its headers. stopping: may be NULL. */
GIOStream  *belfry_http_stream_new      (GIOStream *base, BelfryHttpPoller *poller, BelfryHttpClock *clock,
                                         GBytes *lines, GCancellable *stopping);
/* For what is refused before it is a request. */
void        belfry_http_stream_set_cors (BelfryHttpStream *self, BelfryCors *cors);
/* Between two requests the end of the connection has to be told to libsoup in a way of its own. */
void        belfry_http_stream_begin_request (BelfryHttpStream *self);
void        belfry_http_stream_end_request   (BelfryHttpStream *self);
/* The head of the response has a body right behind it. */
void        belfry_http_stream_expect_body   (BelfryHttpStream *self);
/* For the response to the request that has begun. */
void        belfry_http_stream_replace_lines (BelfryHttpStream *self, GBytes *lines);
/* Of the connection that libsoup knows under this address, or NULL. */
void        belfry_http_stream_attach   (BelfryHttpStream *self, GSocketAddress *remote);
BelfryHttpStream *belfry_http_stream_find (GSocketAddress *remote);
/* stream: as libsoup hands it over, which may hold bytes that were read already. Gives (transfer full) a
 * stream that reads those first, with the connection below as its base-iostream. */
GIOStream  *belfry_http_stream_unwrap   (GIOStream *stream);

G_END_DECLS
