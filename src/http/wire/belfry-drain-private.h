/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-gate-private.h"
#include "belfry-session-private.h"

G_BEGIN_DECLS

/* The wait for the end: until the sessions have said good-bye and the requests that were read have their
 * answer, or the time is over. */
typedef struct _BelfryDrain BelfryDrain;

typedef void (*BelfryDrainFunc) (gpointer user_data);

/* Shuts the sessions down. func is called once, from a source of context, and frees the drain. */
BelfryDrain *belfry_drain_new          (GMainContext *context, BelfrySessionSet *sessions, BelfryGate *gate,
                                        guint limit_msec, BelfryDrainFunc func, gpointer user_data);
void         belfry_drain_free         (BelfryDrain *self);
/* Waits for nobody any longer; func is called soon. */
void         belfry_drain_hurry        (BelfryDrain *self);
/* A request has its answer. */
void         belfry_drain_request_done (BelfryDrain *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryDrain, belfry_drain_free)

G_END_DECLS
