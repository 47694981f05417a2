/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-grpc-work-private.h"

G_BEGIN_DECLS

/* What callers are told, as messages. */
grpc_byte_buffer *belfry_grpc_answer_collected    (BelfryGrpcWork *work);
grpc_byte_buffer *belfry_grpc_answer_health       (BelfryGrpcWork *work);
grpc_byte_buffer *belfry_grpc_answer_readiness    (BelfryGrpcWork *work);

G_END_DECLS
