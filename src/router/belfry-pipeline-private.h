/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-dead-letter-private.h"
#include "belfry-pipeline.h"
#include "belfry-receipt-private.h"
#include "belfry-retention-private.h"

G_BEGIN_DECLS

/* For C doors on the hot path: no task for each event. Exactly one call of func, on the home
 * context, later, never from inside publish; event is the one that was published, and sealed when
 * error is NULL. Calls come in the order of the publishes, but for events that the log does not take at
 * all, because too much waits: those need not wait for the ones before them. */
typedef void (*BelfryPublishFunc) (BelfryEvent *event, const GError *error, gpointer user_data);

/* FALSE with error when the bytes are no valid event (func is not called then). */
gboolean belfry_pipeline_publish_json (BelfryPipeline *self, const char *json, gssize length,
                                       BelfryPublishFunc func, gpointer user_data, GError **error);

/* The same for an event that is valid already and was never published; takes over the reference. */
void belfry_pipeline_publish_event (BelfryPipeline *self, BelfryEvent *event,
                                    BelfryPublishFunc func, gpointer user_data);

/* For doors that publish otherwise: NULL with error, and counted, when the bytes are no valid event. */
BelfryEvent *belfry_pipeline_parse_json (BelfryPipeline *self, const char *json, gssize length,
                                         GError **error);

/* Events that are to be stored once, with the receipt that makes it so; none at all only looks for the receipt.
 * Exactly one call of func, as above; without an error the receipt tells what became of it. FALSE when a
 * receipt with the same key is on its way just now: then func is not called. */
typedef void (*BelfryPublishOnceFunc) (GPtrArray *events, BelfryReceipt *receipt, const GError *error,
                                       gpointer user_data);
gboolean belfry_pipeline_publish_once (BelfryPipeline *self, GPtrArray *events, BelfryReceipt *receipt,
                                       BelfryPublishOnceFunc func, gpointer user_data);

/* The same for all that one transaction is to do: events, letters of such as were refused, a receipt or a replay that
 * makes it happen once. FALSE when a receipt with the same key is on its way just now: then func is not called. */
typedef void (*BelfryDeliverFunc) (const BelfryConsignment *delivery, const GError *error, gpointer user_data);
gboolean belfry_pipeline_deliver (BelfryPipeline *self, const BelfryConsignment *delivery, BelfryDeliverFunc func,
                                  gpointer user_data);

/* What came through which door. Counted by the doors; the pipeline only keeps it. */
typedef enum
{
  BELFRY_DOOR_HTTP,
  BELFRY_DOOR_WEBSOCKET,
  BELFRY_DOOR_COLLECT,  /* these two are counted by the collector */
  BELFRY_DOOR_GRPC,
  BELFRY_DOOR_DBUS,
  BELFRY_DOOR_KAFKA,
  BELFRY_N_DOORS,
} BelfryDoor;

typedef struct
{
  guint64 accepted;  /* events that are durable */
  guint64 rejected;  /* such as broke a rule */
} BelfryDoorTally;

BelfryDoorTally *belfry_pipeline_get_door (BelfryPipeline *self, BelfryDoor door);

/* For tests: what looks after retention-usec. */
BelfryRetention *belfry_pipeline_peek_retention (BelfryPipeline *self);

G_END_DECLS
