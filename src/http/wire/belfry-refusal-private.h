/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-http-clock-private.h"
#include "belfry-request-private.h"

G_BEGIN_DECLS

const char *belfry_status_get_phrase (guint status);

/* The text of head and body as the wire wants it, for a connection that was taken: Content-Length and "Connection:
 * close" included. The security headers are added by the cover of the connection. */
GBytes *belfry_refusal_format (SoupServerMessage *message, guint status, const char *detail);

/* Sends what is ready for the wire and ends the connection in the manner told below. */
void belfry_answer_and_close (GIOStream *stream, GBytes *answer, BelfryHttpClock *clock, GCancellable *stopping);

/* Answers before the body has been read, and ends the connection: what the client still sends is read and
 * dropped, within bounds, so that the answer is not lost to a reset. */
void belfry_refuse_and_close (BelfryRequest *request, guint status, const char *detail);

/* The same when a body is announced; without one the connection may stay. For answers before the body. */
void belfry_refuse (BelfryRequest *request, guint status, const char *detail);

G_END_DECLS
