/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-pipeline.h"
#include "belfry-server.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_COLLECTOR (belfry_collector_get_type ())

/* Takes what learning apps send, from whichever door, into a pipeline. Home context only. */
G_DECLARE_FINAL_TYPE (BelfryCollector, belfry_collector, BELFRY, COLLECTOR, GObject)

BelfryCollector *belfry_collector_new          (BelfryPipeline *pipeline);
BelfryPipeline  *belfry_collector_get_pipeline (BelfryCollector *self);
/* POST /collect, and what is to be said and done about dead letters. The server keeps a reference. */
void             belfry_collector_add_routes   (BelfryCollector *self, BelfryServer *server);

G_END_DECLS
