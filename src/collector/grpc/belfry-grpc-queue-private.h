/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <grpc/grpc.h>

#include "belfry-grpc-limits-private.h"
#include "belfry-grpc-work-private.h"

G_BEGIN_DECLS

/* The thread of the completion queue, on which all calls live, and its two letter boxes: works go home through one and come back
 * through the other. Each is emptied as a whole, with one wake-up for however much it holds: a work is handed over only when gRPC has
 * nothing more to tell at once, so that what arrives together is taken together. */
typedef struct _BelfryGrpcQueue BelfryGrpcQueue;

/* Called on the home context: there are works to take, or the queue is deaf or has ended. */
typedef void (*BelfryGrpcQueueFunc) (gpointer user_data);

/* Something that happens on the queue is told to a function of its own. */
typedef struct
{
  void           (*func) (BelfryGrpcCall *call, gboolean is_ok);
  BelfryGrpcCall  *call;
} BelfryGrpcTag;

/* Any thread. */

BelfryGrpcQueue        *belfry_grpc_queue_new         (const BelfryGrpcLimits *limits, GMainContext *home, BelfryGrpcQueueFunc func,
                                                       gpointer user_data);
/* Only before it has been started, or after it has ended. */
void                    belfry_grpc_queue_free        (BelfryGrpcQueue *self);
/* The port that was taken, or 0. */
int                     belfry_grpc_queue_listen      (BelfryGrpcQueue *self, const char *address, grpc_server_credentials *credentials);
void                    belfry_grpc_queue_start       (BelfryGrpcQueue *self, gboolean is_serving);
/* Home context: the works that wait, linked by their links; whether the queue has ended. */
gboolean                belfry_grpc_queue_take        (BelfryGrpcQueue *self, GQueue *works);
/* Any thread: whether a listener is lost, so that connections are no longer taken. */
gboolean                belfry_grpc_queue_is_deaf     (BelfryGrpcQueue *self);
void                    belfry_grpc_queue_return      (BelfryGrpcQueue *self, GQueue *works);
void                    belfry_grpc_queue_set_serving (BelfryGrpcQueue *self, gboolean is_serving);
/* No new calls; those that run may end. The function is called when all have. */
void                    belfry_grpc_queue_drain       (BelfryGrpcQueue *self);
/* Cuts off those that are left. */
void                    belfry_grpc_queue_cancel      (BelfryGrpcQueue *self);
void                    belfry_grpc_queue_get_tally   (BelfryGrpcQueue *self, BelfryGrpcTally *tally);

/* The queue's own thread. */

const BelfryGrpcLimits *belfry_grpc_queue_get_limits  (BelfryGrpcQueue *self);
BelfryGrpcTally        *belfry_grpc_queue_tally       (BelfryGrpcQueue *self);
gint64                  belfry_grpc_queue_get_now     (BelfryGrpcQueue *self);
gboolean                belfry_grpc_queue_is_draining (BelfryGrpcQueue *self);
gboolean                belfry_grpc_queue_is_serving  (BelfryGrpcQueue *self);
/* Goes up when works are handed over: what was pushed in an earlier turn belongs to the home context. */
guint                   belfry_grpc_queue_get_turn    (BelfryGrpcQueue *self);
void                    belfry_grpc_queue_push        (BelfryGrpcQueue *self, BelfryGrpcWork *work);
/* Hands over what was pushed, without waiting for the end of the turn. */
void                    belfry_grpc_queue_hand_over   (BelfryGrpcQueue *self);
/* What a work holds counts as in work until it is freed here. */
void                    belfry_grpc_queue_count       (BelfryGrpcQueue *self, BelfryGrpcWork *work);
void                    belfry_grpc_queue_release     (BelfryGrpcQueue *self, BelfryGrpcWork *work);
gboolean                belfry_grpc_queue_has_room    (BelfryGrpcQueue *self);
/* What somebody has to say of verdicts grows or shrinks. When there is too much of it, who has not taken anything for longest is cut
 * off. */
void                    belfry_grpc_queue_count_untold (BelfryGrpcQueue *self, gsize before, gsize now);
/* Waits for the next call. */
void                    belfry_grpc_queue_request     (BelfryGrpcQueue *self, grpc_call **call, grpc_call_details *details,
                                                       grpc_metadata_array *metadata, BelfryGrpcTag *tag);

G_END_DECLS
