/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-pipeline-private.h"

G_BEGIN_DECLS

/* For the files that make up the pipeline itself. */
struct _BelfryPipeline
{
  GObject parent_instance;

  BelfryEventValidator *validator;
  BelfryEventStore     *store;
  BelfryRouter         *router;
  GMainContext         *context;

  struct _Batch *batch;         /* what this turn has brought so far, or NULL */
  GSource       *batch_source;  /* armed while there is a batch */

  GHashTable *receipts;  /* set of BelfryReceipt that are on their way; the callers own them */

  guint64 accepted;
  guint64 rejected;
  guint64 unavailable;
  guint64 conflicts;

  BelfryDoorTally doors[BELFRY_N_DOORS];

  BelfryRetention *retention;
};

/* Gives the log what this turn has brought so far. */
void belfry_pipeline_flush (BelfryPipeline *self);

G_END_DECLS
