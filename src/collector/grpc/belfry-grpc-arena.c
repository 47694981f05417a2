/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-arena-private.h"

#include <string.h>

#define FIRST_CHUNK 2048
#define LAST_CHUNK 65536
#define ALIGNMENT 16

struct _BelfryGrpcChunk
{
  BelfryGrpcChunk *next;
  gsize            size;
  guint8           bytes[] __attribute__ ((aligned (ALIGNMENT)));
};

void
belfry_grpc_arena_clear (BelfryGrpcArena *self)
{
  while (self->chunks != NULL)
    {
      BelfryGrpcChunk *chunk = self->chunks;

      self->chunks = chunk->next;
      g_free (chunk);
    }
  memset (self, 0, sizeof *self);
}

/* Each chunk is as large as all before, within bounds: few chunks for many events, little memory for one. */
static void
add_chunk (BelfryGrpcArena *self,
           gsize            size)
{
  gsize wanted = CLAMP (self->reserved, FIRST_CHUNK, LAST_CHUNK);
  BelfryGrpcChunk *chunk;

  wanted = MAX (wanted, size);
  chunk = g_malloc (sizeof *chunk + wanted);
  chunk->size = wanted;
  chunk->next = self->chunks;
  self->chunks = chunk;
  self->at = chunk->bytes;
  self->end = chunk->bytes + wanted;
  self->reserved += wanted;
}

void *
belfry_grpc_arena_alloc (BelfryGrpcArena *self,
                         gsize            size)
{
  gsize rounded = (MAX (size, 1) + ALIGNMENT - 1) & ~(gsize) (ALIGNMENT - 1);
  void *memory;

  if ((gsize) (self->end - self->at) < rounded)
    add_chunk (self, rounded);
  memory = self->at;
  self->at += rounded;
  self->used += rounded;
  return memory;
}

char *
belfry_grpc_arena_dup (BelfryGrpcArena *self,
                       const char      *text)
{
  gsize size = strlen (text) + 1;

  return memcpy (belfry_grpc_arena_alloc (self, size), text, size);
}

static void *
take_from_budget (void   *arena,
                  size_t  size)
{
  BelfryGrpcArena *self = arena;

  if (size > self->budget)
    {
      self->ran_out = TRUE;
      return NULL;
    }

  self->budget -= size;
  return belfry_grpc_arena_alloc (self, size);
}

static void
keep (void *arena,
      void *memory)
{
}

ProtobufCAllocator
belfry_grpc_arena_allocator (BelfryGrpcArena *self,
                             gsize            budget)
{
  self->budget = budget;
  self->ran_out = FALSE;
  return (ProtobufCAllocator) { .alloc = take_from_budget, .free = keep, .allocator_data = self };
}

gboolean
belfry_grpc_arena_ran_out (const BelfryGrpcArena *self)
{
  return self->ran_out;
}
