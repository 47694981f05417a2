/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <grpc/grpc.h>

#include "belfry-grpc-limits-private.h"

G_BEGIN_DECLS

/* The server of gRPC itself, which is held to the limits. */
grpc_server *belfry_grpc_server_core_new (const BelfryGrpcLimits *limits);

G_END_DECLS
