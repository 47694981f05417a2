/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <grpc/byte_buffer.h>
#include <grpc/status.h>

#include "belfry-grpc-arena-private.h"

G_BEGIN_DECLS

/* The message in one piece and unpacked, in the arena; NULL when it is larger than maximum or cannot be unpacked, which *status then
 * tells apart. What is packed never takes more memory than maximum allows. */
const guint8     *belfry_grpc_payload_gather (BelfryGrpcArena  *arena,
                                              grpc_byte_buffer *buffer,
                                              gsize             maximum,
                                              gsize            *size,
                                              grpc_status_code *status);
grpc_byte_buffer *belfry_grpc_payload_pack   (const ProtobufCMessage *message);

G_END_DECLS
