/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-metrics-private.h"
#include "belfry-server.h"

G_BEGIN_DECLS

#define BELFRY_N_STATUS_CLASSES 5

/* What a server counts for its metrics alone. */
typedef struct
{
  BelfryHistogram request_times;
  guint64         unmatched[BELFRY_N_STATUS_CLASSES];  /* answers to requests without a route, by class of status */
} BelfryAnswerTally;

/* All of a server: its own, those of pipeline, router and log, and of the process. */
void belfry_metrics_add_server       (BelfryMetrics *metrics, BelfryServer *server);
/* Of these, the ones that are properties. */
void belfry_metrics_add_server_parts (BelfryMetrics *metrics, BelfryServer *server);
/* GET /metrics. */
void belfry_metrics_add_routes       (BelfryServer *server);

G_END_DECLS
