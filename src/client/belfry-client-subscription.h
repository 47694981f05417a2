/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-client.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_CLIENT_SUBSCRIPTION (belfry_client_subscription_get_type ())

/* Events as they come, across lost connections. Properties: client, resume-from (construct-only), filter, retry-initial-msec,
 * retry-maximum-msec, silence-msec, and read-only is-connected, cursor, received, connections.
 * Signals: connected (subscriber id), disconnected (GError, ms to the next attempt or -1), event (JSON, cursor),
 * gap (from, to, lost). */
BELFRY_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (BelfryClientSubscription, belfry_client_subscription, BELFRY, CLIENT_SUBSCRIPTION, GObject)

BELFRY_AVAILABLE_IN_ALL
BelfryClientSubscription *belfry_client_subscription_new          (BelfryClient             *client,
                                                                   BelfryFilter             *filter,
                                                                   const char               *resume_from);
BELFRY_AVAILABLE_IN_ALL
void                      belfry_client_subscription_start        (BelfryClientSubscription *self);
BELFRY_AVAILABLE_IN_ALL
void                      belfry_client_subscription_stop         (BelfryClientSubscription *self);
BELFRY_AVAILABLE_IN_ALL
void                      belfry_client_subscription_set_filter   (BelfryClientSubscription *self,
                                                                   BelfryFilter             *filter);
BELFRY_AVAILABLE_IN_ALL
gboolean                  belfry_client_subscription_is_connected (BelfryClientSubscription *self);
BELFRY_AVAILABLE_IN_ALL
const char               *belfry_client_subscription_get_cursor   (BelfryClientSubscription *self);

G_END_DECLS
