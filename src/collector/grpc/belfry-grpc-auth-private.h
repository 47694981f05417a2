/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <grpc/grpc.h>

#include "belfry-grpc-sink.h"

G_BEGIN_DECLS

/* Reads who calls out of what came with the call. */
void belfry_grpc_caller_read  (BelfryGrpcCaller *self, BelfryGrpcPurpose purpose, grpc_call *call, const grpc_metadata_array *metadata);
void belfry_grpc_caller_clear (BelfryGrpcCaller *self);

G_END_DECLS
