/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-work-private.h"

BelfryGrpcWork *
belfry_grpc_work_new (BelfryGrpcCall         *call,
                      const BelfryGrpcCaller *caller,
                      const char             *batch_id)
{
  BelfryGrpcWork *self = g_new0 (BelfryGrpcWork, 1);

  self->call = call;
  self->link.data = self;
  self->group.caller = caller;
  self->group.batch_id = batch_id;
  return self;
}

void
belfry_grpc_work_free (BelfryGrpcWork *self)
{
  belfry_grpc_arena_clear (&self->arena);
  g_free (self->group.events);
  g_free (self);
}

BelfryGrpcEvent *
belfry_grpc_work_add_event (BelfryGrpcWork *self)
{
  BelfryGrpcGroup *group = &self->group;
  BelfryGrpcEvent *event;

  if (group->n_events == self->allocated)
    {
      self->allocated = MAX (1, 4 * self->allocated);
      group->events = g_renew (BelfryGrpcEvent, group->events, self->allocated);
    }
  event = &group->events[group->n_events++];
  *event = (BelfryGrpcEvent) { 0 };
  return event;
}

void
belfry_grpc_work_refuse (BelfryGrpcWork   *self,
                         grpc_status_code  status,
                         const char       *message)
{
  self->status = status;
  self->message = belfry_grpc_arena_dup (&self->arena, message);
}

void
belfry_grpc_work_keep (BelfryGrpcWork         *self,
                       const BelfryGrpcHealth *health)
{
  BelfryGrpcArena *arena = &self->arena;
  gsize n = health->components != NULL ? g_strv_length ((char **) health->components) : 0;
  const char **components = belfry_grpc_arena_alloc (arena, (n + 1) * sizeof *components);

  for (gsize i = 0; i < n; i++)
    components[i] = belfry_grpc_arena_dup (arena, health->components[i]);
  components[n] = NULL;
  self->health = *health;
  self->health.status = belfry_grpc_arena_dup (arena, health->status);
  self->health.service = belfry_grpc_arena_dup (arena, health->service);
  self->health.version = belfry_grpc_arena_dup (arena, health->version);
  self->health.components = components;
}

gsize
belfry_grpc_work_get_size (const BelfryGrpcWork *self)
{
  return sizeof *self + self->arena.reserved + self->allocated * sizeof (BelfryGrpcEvent);
}
