/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>
#include <protobuf-c/protobuf-c.h>

G_BEGIN_DECLS

/* Memory that is given back at once. protobuf-c allocates every field by itself, and a small message can ask for many times its
 * size: the budget says how much one message may take. */
typedef struct _BelfryGrpcChunk BelfryGrpcChunk;

typedef struct
{
  BelfryGrpcChunk *chunks;   /* newest first, which is the one that is filled */
  guint8          *at;       /* where its free memory begins */
  guint8          *end;
  gsize            used;     /* bytes given out */
  gsize            reserved; /* bytes of all chunks */
  gsize            budget;   /* bytes that may still be given out by the allocator */
  gboolean         ran_out;  /* the allocator was asked for more */
} BelfryGrpcArena;

void                belfry_grpc_arena_clear     (BelfryGrpcArena *self);
/* Memory that the door itself wants; never fails. */
void               *belfry_grpc_arena_alloc     (BelfryGrpcArena *self, gsize size);
char               *belfry_grpc_arena_dup       (BelfryGrpcArena *self, const char *text);
/* For protobuf-c: out of the budget, which is set anew. */
ProtobufCAllocator  belfry_grpc_arena_allocator (BelfryGrpcArena *self, gsize budget);
/* Whether it has said no since then. */
gboolean            belfry_grpc_arena_ran_out   (const BelfryGrpcArena *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BelfryGrpcArena, belfry_grpc_arena_clear)

G_END_DECLS
