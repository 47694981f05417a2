/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

#include "belfry-grpc-wire.pb-c.h"

G_BEGIN_DECLS

/* The files that describe what the server speaks, and which of them holds a symbol. Queue's thread, after the first call. */
const ProtobufCBinaryData *belfry_grpc_descriptors_find_file   (const char *name);
const ProtobufCBinaryData *belfry_grpc_descriptors_find_symbol (const char *symbol);
gboolean                   belfry_grpc_descriptors_is_message  (const char *symbol);
/* Their full names; the keys are borrowed. */
GPtrArray                 *belfry_grpc_descriptors_list_services (void);

G_END_DECLS
