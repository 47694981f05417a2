/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-grpc-work-private.h"

G_BEGIN_DECLS

/* What callers are told, as messages. */
grpc_byte_buffer *belfry_grpc_answer_collected    (BelfryGrpcWork *work);
grpc_byte_buffer *belfry_grpc_answer_health       (BelfryGrpcWork *work);
grpc_byte_buffer *belfry_grpc_answer_readiness    (BelfryGrpcWork *work);

/* An acknowledgement is made of parts of works, one after the other. */
typedef struct
{
  guint64    first;      /* position in the stream of the first event that it covers */
  guint      n_events;
  guint      accepted;
  GPtrArray *errors;     /* of BelfryGrpcWire__RejectedEvent; owned; NULL while there are none */
} BelfryGrpcAck;

void              belfry_grpc_ack_add  (BelfryGrpcAck *self, const BelfryGrpcEvent *event);
/* The acknowledgement as a message; frees what it holds. */
grpc_byte_buffer *belfry_grpc_ack_pack (BelfryGrpcAck *self);

G_END_DECLS
