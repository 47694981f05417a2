/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-grpc-queue-private.h"

G_BEGIN_DECLS

/* The home side of the door: takes all works that wait, asks the sink, and sends them back together. Home context. */
void belfry_grpc_desk_take (BelfryGrpcSink *sink, BelfryGrpcQueue *queue, GQueue *works);

G_END_DECLS
