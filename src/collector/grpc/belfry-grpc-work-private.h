/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <grpc/grpc.h>

#include "belfry-grpc-arena-private.h"
#include "belfry-grpc-sink.h"

G_BEGIN_DECLS

typedef struct _BelfryGrpcCall BelfryGrpcCall;

/* What a call wants of the home context. It is filled on the queue's thread, then belongs to the home context, then comes back: no
 * two threads ever look at it at once. */
typedef struct
{
  BelfryGrpcGroup   group;      /* first, so that a group is found to be a work */
  BelfryGrpcArena   arena;      /* all memory of the events */
  BelfryGrpcCall   *call;       /* lives at least as long; only looked at on the queue's thread */
  GList             link;       /* in what is handed over */
  guint             allocated;  /* events that fit into group.events */
  gsize             counted;    /* bytes of it that the queue has counted; queue's thread */
  gint64            read_usec;  /* when its first event was read, monotonic */
  gboolean          is_settled; /* came back; queue's thread */
  gboolean          needs_leave;
  gboolean          wants_health;
  grpc_status_code  status;     /* how the call is to end when not with %GRPC_STATUS_OK */
  const char       *message;    /* why, in the arena */
  BelfryGrpcHealth  health;     /* copied, when wanted */
} BelfryGrpcWork;

BelfryGrpcWork  *belfry_grpc_work_new       (BelfryGrpcCall *call, const BelfryGrpcCaller *caller, const char *batch_id);
void             belfry_grpc_work_free      (BelfryGrpcWork *self);
/* Cleared, and valid until the next one is added. */
BelfryGrpcEvent *belfry_grpc_work_add_event (BelfryGrpcWork *self);
void             belfry_grpc_work_refuse    (BelfryGrpcWork *self, grpc_status_code status, const char *message);
void             belfry_grpc_work_keep      (BelfryGrpcWork *self, const BelfryGrpcHealth *health);
/* Bytes of memory. */
gsize            belfry_grpc_work_get_size  (const BelfryGrpcWork *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryGrpcWork, belfry_grpc_work_free)

G_END_DECLS
