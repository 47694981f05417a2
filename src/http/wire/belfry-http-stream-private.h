/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-client-address-private.h"
#include "belfry-cors-private.h"
#include "belfry-http-clock-private.h"
#include "belfry-http-poller-private.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_HTTP_STREAM (belfry_http_stream_get_type ())

/* What libsoup reads and writes: a thin cover around a plain or TLS connection. Property base-iostream:
 * the connection below. */
G_DECLARE_FINAL_TYPE (BelfryHttpStream, belfry_http_stream, BELFRY, HTTP_STREAM, GIOStream)

/* Serves a request without libsoup; FALSE when libsoup shall. */
typedef gboolean (*BelfryHttpServeFunc)  (gpointer user_data, BelfryHttpStream *stream, const guint8 *bytes,
                                          gsize length);
/* The answer to such a request is on its way. */
typedef void     (*BelfryHttpServedFunc) (gpointer user_data);

/* lines: what every response has among its headers. stopping: may be NULL. */
GIOStream  *belfry_http_stream_new      (GIOStream *base, BelfryHttpPoller *poller, BelfryHttpClock *clock,
                                         GBytes *lines, GCancellable *stopping);
/* For what is answered without libsoup. */
void        belfry_http_stream_set_cors (BelfryHttpStream *self, BelfryCors *cors);
void        belfry_http_stream_set_serve_funcs (BelfryHttpStream *self, BelfryHttpServeFunc serve,
                                                BelfryHttpServedFunc served, gpointer user_data);
/* Between two requests the end of the connection has to be told to libsoup in a way of its own. */
void        belfry_http_stream_begin_request (BelfryHttpStream *self);
void        belfry_http_stream_end_request   (BelfryHttpStream *self);
/* The head of the response has a body right behind it. */
void        belfry_http_stream_expect_body   (BelfryHttpStream *self);
/* For the response to the request that has begun. */
void        belfry_http_stream_replace_lines (BelfryHttpStream *self, GBytes *lines);
/* To head, of an answer to such a request: its first line and what all answers have. own: what it has itself, or
 * NULL. */
void        belfry_http_stream_append_head  (BelfryHttpStream *self, guint status, SoupMessageHeaders *own,
                                             GString *head);
/* What the client does not take at once is kept for it. closes: the connection ends behind it. */
void        belfry_http_stream_answer       (BelfryHttpStream *self, GString *head, GBytes *body, gboolean closes);
/* As belfry_client_address_init. */
gboolean    belfry_http_stream_get_address  (BelfryHttpStream *self, BelfryClientAddress *address);
/* Of the connection that libsoup knows under this address, or NULL. */
void        belfry_http_stream_attach   (BelfryHttpStream *self, GSocketAddress *remote);
BelfryHttpStream *belfry_http_stream_find (GSocketAddress *remote);
/* stream: as libsoup hands it over, which may hold bytes that were read already. Gives (transfer full) a
 * stream that reads those first, with the connection below as its base-iostream. */
GIOStream  *belfry_http_stream_unwrap   (GIOStream *stream);

G_END_DECLS
