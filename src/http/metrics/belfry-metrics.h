/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib-object.h>

#include "belfry-visibility.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_METRICS (belfry_metrics_get_type ())

BELFRY_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (BelfryMetrics, belfry_metrics, BELFRY, METRICS, GObject)

/**
 * BelfryMetricKind:
 * @BELFRY_METRIC_KIND_UNKNOWN: a number of which nothing more is known
 * @BELFRY_METRIC_KIND_COUNTER: a number that only grows, and begins at 0 with the process
 * @BELFRY_METRIC_KIND_GAUGE: a number of now
 * @BELFRY_METRIC_KIND_HISTOGRAM: how many values there were of which size
 * @BELFRY_METRIC_KIND_INFO: a constant 1, whose labels say something
 *
 * What the numbers of a family are.
 *
 * Since: 0.1
 */
typedef enum
{
  BELFRY_METRIC_KIND_UNKNOWN,
  BELFRY_METRIC_KIND_COUNTER,
  BELFRY_METRIC_KIND_GAUGE,
  BELFRY_METRIC_KIND_HISTOGRAM,
  BELFRY_METRIC_KIND_INFO,
} BelfryMetricKind;

/**
 * BelfryMetricsFunc:
 * @metrics: the metrics
 * @user_data: data of the source
 *
 * Tells the numbers of a source with [method@Metrics.tell].
 *
 * Since: 0.1
 */
typedef void (*BelfryMetricsFunc) (BelfryMetrics *metrics, gpointer user_data);

BELFRY_AVAILABLE_IN_ALL BelfryMetrics *belfry_metrics_new        (void);
/* Before anybody tells a number of it. name: without _total or _info; help: one sentence, static or not. */
BELFRY_AVAILABLE_IN_ALL void           belfry_metrics_add_family (BelfryMetrics *self, BelfryMetricKind kind, const char *name, const char *help);
BELFRY_AVAILABLE_IN_ALL void           belfry_metrics_add_source (BelfryMetrics *self, BelfryMetricsFunc func, gpointer user_data, GDestroyNotify destroy);
/* Within a source. labels: name, value, name, value, … or NULL. */
BELFRY_AVAILABLE_IN_ALL void           belfry_metrics_tell       (BelfryMetrics *self, const char *family, const char * const *labels, double value);
/* Asks all sources. */
BELFRY_AVAILABLE_IN_ALL char          *belfry_metrics_print      (BelfryMetrics *self, gboolean open_metrics);

G_END_DECLS
