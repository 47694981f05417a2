/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-cursor.h"
#include "belfry-event-store.h"
#include "belfry-filter.h"
#include "belfry-subscriber.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_ROUTER (belfry_router_get_type ())

/* Properties: store (construct-only), max-queue-size (events in the ring, 10000), ring-max-bytes
 * (33554432), max-subscribers (5000), mailbox-max-bytes (1048576); read-only: active-subscribers,
 * queue-size, queue-bytes, deliveries, gaps, fallbacks, read-failures. Signals "subscribed"/"unsubscribed"
 * (BelfrySubscriber). Listens to the store's "committed" and routes each run. */
BELFRY_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (BelfryRouter, belfry_router, BELFRY, ROUTER, GObject)

BELFRY_AVAILABLE_IN_ALL BelfryRouter     *belfry_router_new (BelfryEventStore *store);
BELFRY_AVAILABLE_IN_ALL BelfryEventStore *belfry_router_get_store (BelfryRouter *self);
/* resume_from NULL: live, from the next event on. Position 0 of the right log: from the beginning
 * of what is held, without a gap. BELFRY_ERROR_CAPACITY over max-subscribers,
 * BELFRY_ERROR_UNKNOWN_CURSOR for a cursor of another log or beyond its end. The subscriber stays
 * subscribed until belfry_subscriber_cancel(); the router holds a reference until then. */
BELFRY_AVAILABLE_IN_ALL BelfrySubscriber *belfry_router_subscribe (BelfryRouter *self,
                                                                   BelfryFilter *filter,
                                                                   const BelfryCursor *resume_from,
                                                                   GError **error);
BELFRY_AVAILABLE_IN_ALL BelfrySubscriber *belfry_router_lookup (BelfryRouter *self,
                                                                const char *subscriber_id);
BELFRY_AVAILABLE_IN_ALL GPtrArray        *belfry_router_list_subscribers (BelfryRouter *self);
/* Behind the newest event that was routed. (transfer full) */
BELFRY_AVAILABLE_IN_ALL BelfryCursor     *belfry_router_dup_cursor (BelfryRouter *self);

G_END_DECLS
