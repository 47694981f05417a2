/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-client-address-private.h"
#include "belfry-rate-private.h"

G_BEGIN_DECLS

/* Counts requests by client address and class. */
typedef struct _BelfryRateLimiter BelfryRateLimiter;

BelfryRateLimiter *belfry_rate_limiter_new             (guint max_clients);
void               belfry_rate_limiter_free            (BelfryRateLimiter *self);
void               belfry_rate_limiter_set_rate        (BelfryRateLimiter *self, BelfryRateClass rate_class,
                                                        const BelfryRate *rate);
const BelfryRate  *belfry_rate_limiter_get_rate        (BelfryRateLimiter *self, BelfryRateClass rate_class);
void               belfry_rate_limiter_set_max_clients (BelfryRateLimiter *self, guint max_clients);
guint              belfry_rate_limiter_get_max_clients (BelfryRateLimiter *self);
/* Counts a request when it may pass; otherwise wait_usec says until when the next one may. address: cut. */
gboolean           belfry_rate_limiter_take            (BelfryRateLimiter *self, BelfryRateClass rate_class,
                                                        const BelfryClientAddress *address, gint64 now_usec,
                                                        gint64 *wait_usec);
/* Windows of clients that are kept now. */
guint              belfry_rate_limiter_get_n_clients   (BelfryRateLimiter *self);
/* Requests that were counted together with those of others, for want of room. */
guint64            belfry_rate_limiter_get_n_shared    (BelfryRateLimiter *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryRateLimiter, belfry_rate_limiter_free)

G_END_DECLS
