/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-http-clock-private.h"
#include "belfry-http-poller-private.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_HTTP_OUTPUT (belfry_http_output_get_type ())

/* What libsoup writes responses to. */
G_DECLARE_FINAL_TYPE (BelfryHttpOutput, belfry_http_output, BELFRY, HTTP_OUTPUT, GFilterOutputStream)

/* All of a response is on its way, or the connection has failed, which shows when it is read next. */
typedef void (*BelfryHttpSentFunc) (gpointer user_data);

/* lines: what every head has below its first line. fd: shut down when the peer takes nothing for too long. */
GOutputStream *belfry_http_output_new             (GOutputStream *base, GBytes *lines, BelfryHttpWatch *watch,
                                                   BelfryHttpClock *clock, int fd);
/* What is written next is a head, or several of which all but the last are informational. */
void           belfry_http_output_begin_response  (BelfryHttpOutput *self);
/* The last of them has a body right behind it. */
void           belfry_http_output_expect_body     (BelfryHttpOutput *self);
/* Other lines, for this response only. */
void           belfry_http_output_replace_lines   (BelfryHttpOutput *self, GBytes *lines);
/* A response that libsoup knows nothing of, with its own head. func is called once, maybe before this returns. */
void           belfry_http_output_send            (BelfryHttpOutput *self, GString *head, GBytes *body,
                                                   BelfryHttpSentFunc func, gpointer user_data);
/* Nobody is there any more to tell: what is left of such a response is dropped. */
void           belfry_http_output_disconnect      (BelfryHttpOutput *self);
/* It is on its way, or nobody cares any more. */
void           belfry_http_output_end_response    (BelfryHttpOutput *self);

G_END_DECLS
