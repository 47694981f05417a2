/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "session-world.h"

#include <string.h>

#define MAX_MESSAGE 4096

void
world_set_up (World        *self,
              gconstpointer data)
{
  g_autoptr(BelfryEventTypeRegistry) registry = belfry_event_type_registry_new ();
  g_autoptr(BelfryEventValidator) validator = belfry_event_validator_new (registry);
  BelfrySessionLimits limits;

  belfry_session_limits_init (&limits);
  limits.max_message_bytes = MAX_MESSAGE;
  self->kind = GPOINTER_TO_UINT (data);
  self->store = memory_store_new ();
  self->router = belfry_router_new (BELFRY_EVENT_STORE (self->store));
  self->pipeline = belfry_pipeline_new (validator, BELFRY_EVENT_STORE (self->store), self->router);
  self->set = belfry_session_set_new (&limits);
  self->peer = NULL;
}

void
world_tear_down (World        *self,
                 gconstpointer data)
{
  g_clear_pointer (&self->peer, peer_free);
  peer_wait_for (world_get_n_sessions (self) == 0);
  belfry_session_set_unref (self->set);
  self->store->holds_appends = FALSE;
  while (!g_queue_is_empty (&self->store->appends))
    memory_store_finish_append (self->store);
  /* What the engine still does for a session that is gone holds no more than itself. */
  peer_wait_for (G_OBJECT (self->pipeline)->ref_count == 1);
  g_assert_finalize_object (self->pipeline);
  peer_wait_for (G_OBJECT (self->router)->ref_count == 1);
  g_assert_finalize_object (self->router);
  g_object_unref (self->store);
}

Peer *
world_open_publish (World *self)
{
  g_autoptr(GIOStream) stream = NULL;
  Peer *peer = peer_new (self->kind, &stream);

  belfry_publish_session_start (self->set, stream, "here", NULL, self->pipeline);
  return peer;
}

Peer *
world_open_subscribe (World *self)
{
  g_autoptr(GIOStream) stream = NULL;
  Peer *peer = peer_new (self->kind, &stream);

  belfry_subscribe_session_start (self->set, stream, "here", NULL, self->router);
  return peer;
}

void
world_ring (World      *self,
            const char *event_type,
            const char *session_id)
{
  memory_store_add (self->store, memory_event_new (event_type, session_id, NULL, 0));
}

char *
world_dup_cursor (guint64 position)
{
  g_autoptr(BelfryCursor) cursor = belfry_cursor_new (MEMORY_LOG_ID, position);

  return belfry_cursor_to_string (cursor);
}

void
world_sweep_later (World *self,
                   gint64 usec)
{
  belfry_session_set_sweep (self->set, g_get_monotonic_time () + usec);
}

guint
world_get_n_sessions (World *self)
{
  return belfry_session_set_get_n_sessions (self->set);
}

char *
world_dup_member (const char *json,
                  const char *name)
{
  g_autofree char *pattern = g_strdup_printf ("\"%s\":\\s*\"([^\"]*)\"", name);
  g_autoptr(GRegex) regex = g_regex_new (pattern, 0, 0, NULL);
  g_autoptr(GMatchInfo) match = NULL;

  if (!g_regex_match (regex, json, 0, &match))
    return NULL;
  return g_match_info_fetch (match, 1);
}

void
world_add_tests (const char      *prefix,
                 const WorldTest *tests,
                 gsize            n_tests)
{
  for (PeerKind kind = 0; kind < N_PEER_KINDS; kind++)
    for (gsize i = 0; i < n_tests; i++)
      {
        g_autofree char *path = g_strdup_printf ("/%s/%s/%s", prefix, peer_kind_to_string (kind), tests[i].name);

        g_test_add (path, World, GUINT_TO_POINTER (kind), world_set_up, tests[i].func, world_tear_down);
      }
}
