/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-histogram-private.h"
#include "belfry-metrics.h"

G_BEGIN_DECLS

/* One number among the properties of an object, as a sample. Rows of one family stand together; the first has its help. */
typedef struct
{
  const char      *property;
  BelfryMetricKind kind;
  const char      *family;
  const char      *help;   /* NULL: the family is there already */
  const char      *labels[5];  /* name, value, name, value; the first NULL ends them */
} BelfryMetricRow;

/* The rows of a part of the service, under the name that it has in GET /stats. static, both. */
typedef struct
{
  const char            *name;
  const BelfryMetricRow *rows;
  gsize                  n_rows;
} BelfryMetricPart;

/* The one call for who has a table: the numbers are 0 until an object is bound to the part, and again when it is gone. */
void     belfry_metrics_add_part    (BelfryMetrics *self, const BelfryMetricPart *part);
/* object: kept weakly. What the part has no row for, or when there is no such part, appears as belfry_NAME_PROPERTY. */
void     belfry_metrics_bind_part   (BelfryMetrics *self, const char *name, GObject *object);

/* Within a source; unit: of one step of the histogram. */
void     belfry_metrics_tell_histogram (BelfryMetrics *self, const char *family, const BelfryHistogram *histogram, double unit);
/* The same for one label. */
void     belfry_metrics_tell_one    (BelfryMetrics *self, const char *family, const char *label, const char *label_value, double value);

/* cpu, memory, descriptors and threads of this process. */
void     belfry_metrics_add_process (BelfryMetrics *self);

/* Whether the Accept header asks for OpenMetrics rather than for the older text; NULL: there is none. */
gboolean belfry_metrics_accepts_open_metrics (const char *accept);

G_END_DECLS
