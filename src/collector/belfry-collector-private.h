/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-collector-batch-private.h"
#include "belfry-collector.h"
#include "belfry-pipeline-private.h"

G_BEGIN_DECLS

typedef enum
{
  BELFRY_COLLECTOR_DOOR_HTTP,
  BELFRY_COLLECTOR_DOOR_GRPC,
  BELFRY_COLLECTOR_N_DOORS,
} BelfryCollectorDoor;

/* By what events are judged now; good for one batch and until the next call. */
void     belfry_collector_get_rules (BelfryCollector *self, const BelfryCollectorBatch *batch, BelfryLearnerRules *rules);
guint    belfry_collector_get_max_batch_events (BelfryCollector *self);

/* Stores the events and the letters of batches in one transaction. Exactly one call of func, later, on the home context;
 * without an error each event is sealed, unless the receipt says that nothing was stored. FALSE when the receipt's key is
 * on its way already: then func is not called. The batch stays the caller's, and must live until then. */
typedef void (*BelfryCollectFunc) (BelfryCollectorBatch *batch, const BelfryConsignment *delivery, const GError *error,
                                   gpointer user_data);
gboolean belfry_collector_deliver (BelfryCollector *self, BelfryCollectorDoor door, BelfryCollectorBatch *batch,
                                   BelfryReceipt *receipt, BelfryCollectFunc func, gpointer user_data);

/* Makes the event of a letter, as it was received or as text corrects it (NULL: as it was received), and appends it in
 * place of the letter. The callback gets the event's id, also when this was done before; BELFRY_ERROR_NOT_FOUND when
 * there is no such letter, BELFRY_ERROR_INVALID_EVENT or _INVALID_JSON when it is still wrong. */
void     belfry_collector_replay_async  (BelfryCollector *self, guint64 number, GBytes *text,
                                         GAsyncReadyCallback callback, gpointer user_data);
char    *belfry_collector_replay_finish (BelfryCollector *self, GAsyncResult *result, GError **error);

/* Turns the body of a letter of another content type than JSON into the JSON of a LearnerEvent; NULL when it cannot. */
typedef GBytes *(*BelfryCollectorDecodeFunc) (GBytes *body);
void     belfry_collector_set_decoder   (BelfryCollector *self, const char *content_type, BelfryCollectorDecodeFunc func);
GBytes  *belfry_collector_decode        (BelfryCollector *self, const BelfryDeadLetter *letter);

/* Each adds the routes of one door. */
void     belfry_collector_door_add_routes        (BelfryCollector *self, BelfryServer *server);
void     belfry_collector_letter_door_add_routes (BelfryCollector *self, BelfryServer *server);

/* --- what is shown of a letter --- */

void     belfry_collector_letter_print (const BelfryDeadLetter *letter, GString *json);

G_END_DECLS
