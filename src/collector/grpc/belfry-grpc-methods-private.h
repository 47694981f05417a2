/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-grpc-call-private.h"

G_BEGIN_DECLS

extern const BelfryGrpcMethod belfry_grpc_collect_event;
extern const BelfryGrpcMethod belfry_grpc_collect_events;
extern const BelfryGrpcMethod belfry_grpc_stream_events;
extern const BelfryGrpcMethod belfry_grpc_health_check;
extern const BelfryGrpcMethod belfry_grpc_readiness_check;
extern const BelfryGrpcMethod belfry_grpc_serving_check;
extern const BelfryGrpcMethod belfry_grpc_serving_list;
extern const BelfryGrpcMethod belfry_grpc_serving_watch;
extern const BelfryGrpcMethod belfry_grpc_reflection;

/* A call that brings one message has so long to bring it. */
void belfry_grpc_unary_begin   (BelfryGrpcCall *call);
void belfry_grpc_unary_tick    (BelfryGrpcCall *call);
/* The call brought no message where there must be one. */
void belfry_grpc_unary_refuse_nothing (BelfryGrpcCall *call);
/* The message in one piece, in the arena; NULL, and then the work says why, when there is none to be had. */
const guint8 *belfry_grpc_unary_gather (BelfryGrpcCall *call, BelfryGrpcWork *work, grpc_byte_buffer *message, gsize *size);

G_END_DECLS
