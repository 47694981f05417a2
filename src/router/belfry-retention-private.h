/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-store.h"

G_BEGIN_DECLS

/* Removes from a log what has become too old: soon after the age was set, then once a minute, one
 * removal at a time. */
typedef struct _BelfryRetention BelfryRetention;

/* The wall clock, in µs since 1970 UTC. */
typedef gint64 (*BelfryRetentionClockFunc) (gpointer user_data);

BelfryRetention *belfry_retention_new       (BelfryEventStore *store, GMainContext *context);
/* Cancels the removal under way, and releases. */
void             belfry_retention_stop      (BelfryRetention *self);
gint64           belfry_retention_get_usec  (BelfryRetention *self);
/* 0 keeps everything. Whether that is new. */
gboolean         belfry_retention_set_usec  (BelfryRetention *self, gint64 usec);
/* Tests bring their own clock. */
void belfry_retention_set_clock (BelfryRetention *self, BelfryRetentionClockFunc clock,
                                 gpointer user_data);
/* What was accepted then or later stays, whatever its age; G_MAXINT64 holds nothing. */
typedef gint64 (*BelfryRetentionHoldFunc) (gpointer user_data);
void belfry_retention_set_hold  (BelfryRetention *self, BelfryRetentionHoldFunc hold,
                                 gpointer user_data);
/* What happens once a minute. */
void             belfry_retention_run       (BelfryRetention *self);

G_END_DECLS
