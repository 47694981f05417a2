/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-collector.h"
#include "belfry-grpc-sink.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_COLLECTOR_SINK (belfry_collector_sink_get_type ())

/* What stands behind the gRPC door: events go to the collector; keys, rates and state are those of the server. Home
 * context only. */
G_DECLARE_FINAL_TYPE (BelfryCollectorSink, belfry_collector_sink, BELFRY, COLLECTOR_SINK, GObject)

BelfryGrpcSink *belfry_collector_sink_new (BelfryCollector *collector, BelfryServer *server);

G_END_DECLS
