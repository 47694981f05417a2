/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-store.h"
#include "belfry-event-validator.h"
#include "belfry-router.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_PIPELINE (belfry_pipeline_get_type ())

/* Validator, store and router in one hand: what a door needs. Properties: validator, store, router
 * (construct-only); read-only accepted, rejected, unavailable; retention-usec (0 keeps), looked
 * after once a minute. */
BELFRY_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (BelfryPipeline, belfry_pipeline, BELFRY, PIPELINE, GObject)

BELFRY_AVAILABLE_IN_ALL BelfryPipeline *belfry_pipeline_new (BelfryEventValidator *validator,
                                                             BelfryEventStore *store,
                                                             BelfryRouter *router);
/* With a validator and a router of its own. */
BELFRY_AVAILABLE_IN_ALL BelfryPipeline *belfry_pipeline_new_for_store (BelfryEventStore *store);
BELFRY_AVAILABLE_IN_ALL BelfryEventValidator *belfry_pipeline_get_validator (BelfryPipeline *self);
BELFRY_AVAILABLE_IN_ALL BelfryEventStore     *belfry_pipeline_get_store (BelfryPipeline *self);
BELFRY_AVAILABLE_IN_ALL BelfryRouter         *belfry_pipeline_get_router (BelfryPipeline *self);
/* Validates and appends JSON; finish gives the accepted event (transfer full), sealed and durable,
 * already on its way to subscribers. */
BELFRY_AVAILABLE_IN_ALL void belfry_pipeline_publish_async (BelfryPipeline *self, const char *json,
                                                            gssize length,
                                                            GCancellable *cancellable,
                                                            GAsyncReadyCallback callback,
                                                            gpointer user_data);
BELFRY_AVAILABLE_IN_ALL BelfryEvent *belfry_pipeline_publish_finish (BelfryPipeline *self,
                                                                     GAsyncResult *result,
                                                                     GError **error);

G_END_DECLS
