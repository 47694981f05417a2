/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-grpc-sink.h"
#include "belfry-learner-event-private.h"

G_BEGIN_DECLS

#define BELFRY_COLLECTOR_MESSAGE_TYPE "application/x-protobuf"

/* Replaces text by the JSON of the LearnerEvent that a message means, for the one judge of all doors. FALSE with the
 * refusal filled in when event_data_json is no object. */
gboolean belfry_collector_message_print (const BelfryGrpcEvent *event, GString *text, BelfryLearnerRefusal *refusal);

/* The same for the bytes of a message, as they are kept in a letter; NULL when they are none. */
GBytes  *belfry_collector_message_decode (GBytes *message);

G_END_DECLS
