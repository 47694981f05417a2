/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <libsoup/soup.h>

#include "belfry-http-clock-private.h"
#include "belfry-admission-private.h"
#include "belfry-route-table-private.h"
#include "belfry-server.h"

G_BEGIN_DECLS

/* The way of requests through libsoup, from a connection to the function of a route. */
typedef struct _BelfryGate BelfryGate;

typedef struct
{
  guint64 requests;
  guint64 plain;      /* of those, the ones that were served without libsoup */
  guint64 too_large;
} BelfryGateTally;

/* server is borrowed, and owns the gate. */
BelfryGate            *belfry_gate_new             (BelfryServer *server);
void                   belfry_gate_free            (BelfryGate *self);
/* The time limits of its connections. */
BelfryHttpClock       *belfry_gate_get_clock       (BelfryGate *self);
BelfryRouteTable      *belfry_gate_get_routes      (BelfryGate *self);
void                   belfry_gate_take_connection (BelfryGate *self, GIOStream *stream, GSocketAddress *local,
                                                    GSocketAddress *remote);
/* Requests whose body was read and whose answer is not yet on the wire. */
guint                  belfry_gate_get_n_in_work   (BelfryGate *self);
/* Ends every connection; requests that somebody still has in hand find that their answer goes nowhere. */
void                   belfry_gate_close           (BelfryGate *self);
/* The request is no longer in anybody's hands. */
void                   belfry_gate_forget_request  (BelfryGate *self, BelfryRequest *request);
/* For doors that look at the key themselves. */
void                   belfry_gate_refuse_by_verdict (BelfryRequest *request, BelfryVerdict verdict);
const BelfryGateTally *belfry_gate_get_tally       (BelfryGate *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryGate, belfry_gate_free)

G_END_DECLS
