/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-private.h"
#include "belfry-subscriber-private.h"

G_BEGIN_DECLS

/* An event's text as the doors need it beside the plain frame, made once and shared by all subscribers. log_id: of the log
 * that the event is from; subscriber: who got it, through whom the ring learns that it has grown. (transfer none) */

/* A WebSocket text frame; the JSON has a "cursor" member at its end. */
GBytes *belfry_encoding_ensure_cursor (BelfryEvent *event, guint64 log_id, BelfrySubscriber *subscriber);
/* id: and data: lines and the empty one. */
GBytes *belfry_encoding_ensure_sse    (BelfryEvent *event, guint64 log_id, BelfrySubscriber *subscriber);

/* The same, not kept with the event: for events that only one subscriber sees. (transfer full) */
guint8 *belfry_encoding_new_cursor (BelfryEvent *event, guint64 log_id, gsize *length);
guint8 *belfry_encoding_new_sse    (BelfryEvent *event, guint64 log_id, gsize *length);

G_END_DECLS
