/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-pipeline.h"
#include "belfry-session-class-private.h"
#include "memory-store.h"
#include "session-peer.h"

G_BEGIN_DECLS

/* An engine over a log in memory, and a set of sessions in front of it. */
typedef struct
{
  PeerKind          kind;
  MemoryStore      *store;
  BelfryRouter     *router;
  BelfryPipeline   *pipeline;
  BelfrySessionSet *set;
  Peer             *peer;
} World;

/* GTest fixture functions; data is the PeerKind. */
void  world_set_up          (World *self, gconstpointer data);
void  world_tear_down       (World *self, gconstpointer data);

Peer *world_open_publish    (World *self);
Peer *world_open_subscribe  (World *self);
/* Puts an event into the log at once. */
void  world_ring            (World *self, const char *event_type, const char *session_id);
/* The cursor behind a position, as text. */
char *world_dup_cursor      (guint64 position);
/* All clocks are looked at so much later. */
void  world_sweep_later     (World *self, gint64 usec);
guint world_get_n_sessions  (World *self);
/* The value of a string member of a small JSON object without escapes. */
char *world_dup_member      (const char *json, const char *name);

typedef struct
{
  const char *name;
  void      (*func) (World *self, gconstpointer data);
} WorldTest;

/* Adds each for every kind of connection. */
void  world_add_tests       (const char *prefix, const WorldTest *tests, gsize n_tests);

G_END_DECLS
