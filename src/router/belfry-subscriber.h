/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-cursor.h"
#include "belfry-event.h"
#include "belfry-filter.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_GAP        (belfry_gap_get_type ())
#define BELFRY_TYPE_SUBSCRIBER (belfry_subscriber_get_type ())

/**
 * BelfryGap:
 * @from: cursor behind which events were lost
 * @to: cursor up to which they were lost
 * @lost: how many positions were removed from the log there, matching or not
 *
 * A stretch of the log that a subscriber asked for too late.
 *
 * Since: 0.1
 */
typedef struct
{
  BelfryCursor from;
  BelfryCursor to;
  guint64      lost;
} BelfryGap;

BELFRY_AVAILABLE_IN_ALL GType      belfry_gap_get_type (void) G_GNUC_CONST;
BELFRY_AVAILABLE_IN_ALL BelfryGap *belfry_gap_copy (const BelfryGap *self);
BELFRY_AVAILABLE_IN_ALL void       belfry_gap_free (BelfryGap *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryGap, belfry_gap_free)

/* Made by belfry_router_subscribe(). Properties: id ("sub_" and 8 hex digits), filter, is-live,
 * waiting-events, waiting-bytes, delivered, created-usec. Signals: "event" (BelfryEvent), "gap"
 * (BelfryGap), "cancelled" (). Pushes through the signals once belfry_subscriber_start() was
 * called, and is pulled otherwise (C sessions, private header). */
BELFRY_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (BelfrySubscriber, belfry_subscriber, BELFRY, SUBSCRIBER, GObject)

BELFRY_AVAILABLE_IN_ALL const char   *belfry_subscriber_get_id     (BelfrySubscriber *self);
BELFRY_AVAILABLE_IN_ALL BelfryFilter *belfry_subscriber_get_filter (BelfrySubscriber *self);
/* Holds from the present end of the log on; what lies before is still delivered by the filter in
 * force then. */
BELFRY_AVAILABLE_IN_ALL void belfry_subscriber_set_filter (BelfrySubscriber *self,
                                                           BelfryFilter *filter);
/* Behind everything that was taken from this subscriber (delivered, or passed over by the filter).
 * (transfer full) */
BELFRY_AVAILABLE_IN_ALL BelfryCursor *belfry_subscriber_dup_cursor (BelfrySubscriber *self);
BELFRY_AVAILABLE_IN_ALL void          belfry_subscriber_start      (BelfrySubscriber *self);
BELFRY_AVAILABLE_IN_ALL void          belfry_subscriber_pause      (BelfrySubscriber *self);
BELFRY_AVAILABLE_IN_ALL void          belfry_subscriber_cancel     (BelfrySubscriber *self);

G_END_DECLS
