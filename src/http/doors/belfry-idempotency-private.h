/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-receipt-private.h"
#include "belfry-request-private.h"

G_BEGIN_DECLS

/* The header Idempotency-Key: a request that carries one is carried out once, however often it comes. */

/* FALSE with the request answered (400) when the header is malformed. Otherwise *receipt is what makes the request with
 * that body count once, answered with that status when it is carried out, or NULL when it has no such header. */
gboolean belfry_idempotency_read    (BelfryRequest *request, GBytes *body, guint status, BelfryReceipt **receipt);

/* Answers the request with what its receipt says: what was said when it was carried out, or 422 because that was another
 * request. FALSE, with nothing answered, when the receipt is of no request that was carried out. */
gboolean belfry_idempotency_respond (BelfryRequest *request, const BelfryReceipt *receipt);
/* 409: the first request with this key is still on its way. */
void     belfry_idempotency_respond_conflict (BelfryRequest *request);

/* The key as it is meant: the content of a string in double quotes, or a bare word. NULL when it is neither, or not of 1
 * to 255 characters. */
char    *belfry_idempotency_parse   (const char *text);

/* Publishes the events for a request with a receipt, and answers it. events NULL: they were refused with that error, which is
 * the answer unless the request was carried out before, when its rules were others. */
void     belfry_idempotency_publish (BelfryRequest *request, GPtrArray *events, BelfryReceipt *receipt,
                                     const GError *refusal);

G_END_DECLS
