/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-http-stream-private.h"

G_BEGIN_DECLS

/* A POST that came whole and asks for nothing out of the ordinary: it is read and answered without libsoup. */
typedef struct _BelfryPlainRequest BelfryPlainRequest;

/* bytes: one request, which the guard has let through. NULL when it is a matter for libsoup. */
BelfryPlainRequest *belfry_plain_request_new         (BelfryHttpStream *stream, const guint8 *bytes, gsize length);
void                belfry_plain_request_free        (BelfryPlainRequest *self);
BelfryHttpStream   *belfry_plain_request_get_stream  (BelfryPlainRequest *self);
/* Begins with a slash; nothing in it is encoded, and it has no query. */
const char         *belfry_plain_request_get_target  (BelfryPlainRequest *self);
/* Of one that was sent more than once, the last. */
const char         *belfry_plain_request_get_header  (BelfryPlainRequest *self, const char *name);
/* May be called once. */
GBytes             *belfry_plain_request_steal_body  (BelfryPlainRequest *self);
gsize               belfry_plain_request_get_body_size (BelfryPlainRequest *self);
void                belfry_plain_request_set_response_header (BelfryPlainRequest *self, const char *name,
                                                              const char *value);
/* body: may be NULL. closes: the connection ends behind it. */
void                belfry_plain_request_answer      (BelfryPlainRequest *self, guint status,
                                                      const char *content_type, GBytes *body, gboolean closes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryPlainRequest, belfry_plain_request_free)

G_END_DECLS
