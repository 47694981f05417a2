/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-grpc-work-private.h"

G_BEGIN_DECLS

/* What became of the events of a stream, until the other end was told: little, however large the events were, so that who takes no
 * acknowledgements holds on to nothing that others need. All zeros is none. */
typedef struct
{
  GQueue  spans;     /* owned; events that were read together, the oldest first */
  GQueue  refusals;  /* owned; of those of them that were refused */
  guint64 first;     /* position in the stream of the first that nobody was told of */
  guint   n_events;  /* of which nobody was told */
  gsize   size;      /* bytes of the refusals */
} BelfryGrpcVerdicts;

/* The next events of the stream, which have come back from the sink. */
void              belfry_grpc_verdicts_add       (BelfryGrpcVerdicts *self, const BelfryGrpcWork *work);
/* When the first of them was read; there must be one. */
gint64            belfry_grpc_verdicts_get_since (const BelfryGrpcVerdicts *self);
/* An acknowledgement of the first so many, which are then forgotten. */
grpc_byte_buffer *belfry_grpc_verdicts_tell      (BelfryGrpcVerdicts *self, guint n_events);
void              belfry_grpc_verdicts_clear     (BelfryGrpcVerdicts *self);

G_END_DECLS
