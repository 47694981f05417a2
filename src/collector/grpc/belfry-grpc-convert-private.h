/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-grpc-work-private.h"

G_BEGIN_DECLS

/* Bytes, which lie in the work's arena, become events of the work. */

/* What is no event becomes one that is refused. FALSE when not even its bytes are of a message. */
gboolean belfry_grpc_convert_event   (BelfryGrpcWork *work, const guint8 *data, gsize size);
/* An event of which no bytes are to be had: too many when unpacked, or none that can be. */
void     belfry_grpc_convert_nothing (BelfryGrpcWork *work, gboolean is_too_large);
/* FALSE when it is no batch, an empty one, or holds more than maximum events: the work then says so. */
gboolean belfry_grpc_convert_batch   (BelfryGrpcWork *work, const guint8 *data, gsize size, guint maximum);

G_END_DECLS
