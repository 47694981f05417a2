/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-feed-private.h"
#include "belfry-router.h"

G_BEGIN_DECLS

/* id is "sub_" and 8 hex digits; position at most the newest. The subscriber takes no reference of
 * the router. */
BelfrySubscriber *belfry_subscriber_new (BelfryRouter *router, BelfryFeedHub *hub, const char *id,
                                         BelfryFilter *filter, guint64 position);
gint64            belfry_subscriber_get_created_usec (BelfrySubscriber *self);
/* The subscriber has closed: the router forgets it, and says so. */
void belfry_router_remove_subscriber (BelfryRouter *self, BelfrySubscriber *subscriber);
/* For tests: its inside. */
BelfryFeed       *belfry_subscriber_peek_feed      (BelfrySubscriber *self);
/* For tests and measurements: filters that routed events had to be compared with, or that they went
 * to straight away. */
guint64           belfry_router_get_n_looked_at    (BelfryRouter *self);

G_END_DECLS
