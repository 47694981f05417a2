/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-receipt-private.h"
#include "belfry-request-private.h"

G_BEGIN_DECLS

/* The header Idempotency-Key: a request that carries one is carried out once, however often it comes. */

/* FALSE with the request answered (400) when the header is malformed. Otherwise *receipt is what makes the request
 * count once, answered with that status when it is carried out, or NULL when it has no such header. */
gboolean belfry_idempotency_read    (BelfryRequest *request, guint status, BelfryReceipt **receipt);

/* The key as it is meant: the content of a string in double quotes, or a bare word. NULL when it is neither, or not of 1
 * to 255 characters. */
char    *belfry_idempotency_parse   (const char *text);

/* Publishes the events for a request with a receipt, and answers it. events NULL: they were refused with that error, which is
 * the answer unless the request was carried out before, when its rules were others. */
void     belfry_idempotency_publish (BelfryRequest *request, GPtrArray *events, BelfryReceipt *receipt,
                                     const GError *refusal);

G_END_DECLS
