/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-store.h"
#include "belfry-sink.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_FORWARDER (belfry_forwarder_get_type ())

/* Properties: store, sink (construct-only), max-flight-events (10000), max-flight-bytes (8 MiB), buffer-max-usec (a day),
 * buffer-max-bytes (10 GiB); read-only: pending, pending-bytes, in-flight, forwarded (of all times), acknowledged (the same since
 * the start), refused, read-failures, resets, is-full. */
G_DECLARE_FINAL_TYPE (BelfryForwarder, belfry_forwarder, BELFRY, FORWARDER, GObject)

/**
 * BelfryForwarderLetterFunc:
 * @self: the forwarder
 * @event: the event that the sink will never take
 * @reason: a word for why
 * @user_data: data of the function
 *
 * Keeps an event that cannot be forwarded. When that takes a while, belfry_forwarder_letter_kept() tells that it is done: until then
 * the cursor stays in front of @event, and a crash brings it back here.
 *
 * Returns: %TRUE when @event is kept, %FALSE when it will be
 */
typedef gboolean (*BelfryForwarderLetterFunc) (BelfryForwarder *self, BelfryEvent *event, const char *reason, gpointer user_data);

/* The wall clock, in µs since 1970 UTC. */
typedef gint64 (*BelfryForwarderClockFunc) (gpointer user_data);

/* store: keeps cursors. */
BelfryForwarder *belfry_forwarder_new               (BelfryEventStore *store, BelfrySink *sink);
/* Where the log has no cursor of this name yet, it begins at the end, or with the oldest event that is held. */
void             belfry_forwarder_start             (BelfryForwarder *self, const char *name, gboolean from_beginning);
/* Gives the sink nothing more, and ends it; func is called once, when it has. */
void             belfry_forwarder_stop              (BelfryForwarder *self, void (*func) (gpointer user_data), gpointer user_data);
/* Without one, an event that the sink refuses is counted and told in the log. */
void             belfry_forwarder_set_letter_func   (BelfryForwarder *self, BelfryForwarderLetterFunc func, gpointer user_data);
void             belfry_forwarder_letter_kept       (BelfryForwarder *self, guint64 position);
/* Tests bring their own clock. */
void             belfry_forwarder_set_clock         (BelfryForwarder *self, BelfryForwarderClockFunc clock, gpointer user_data);

BelfrySink      *belfry_forwarder_get_sink          (BelfryForwarder *self);
/* Events of the log that the sink has not acknowledged. */
guint64          belfry_forwarder_get_pending       (BelfryForwarder *self);
guint64          belfry_forwarder_get_pending_bytes (BelfryForwarder *self);
/* When the oldest of them was accepted; G_MAXINT64: there is none, 0: not known yet. */
gint64           belfry_forwarder_get_oldest_usec   (BelfryForwarder *self);
/* Likewise, of those too that are refused and not kept elsewhere yet. Nothing from there on may be removed from the log for its age. */
gint64           belfry_forwarder_get_hold_usec     (BelfryForwarder *self);
/* Of all times. */
guint64          belfry_forwarder_get_forwarded     (BelfryForwarder *self);

/* What the sink sends for an event: its JSON text, or, for a collected one, what the collector was sent. made: where that had to be
 * made, what to free. On any thread. */
const char      *belfry_forwarder_make_value        (BelfryEvent *event, gsize *length, char **made);

G_END_DECLS
