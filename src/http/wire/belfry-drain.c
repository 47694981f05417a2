/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-drain-private.h"

struct _BelfryDrain
{
  GMainContext    *context;   /* owned */
  BelfryGate      *gate;      /* borrowed; outlives the drain */
  BelfryDrainFunc  func;
  gpointer         user_data;
  GSource         *limit;     /* owned */
  GSource         *done;      /* owned; NULL until all is done */
  gboolean         sessions_ended;
};

static gboolean
on_end (gpointer user_data)
{
  BelfryDrain *self = user_data;

  self->func (self->user_data);
  return G_SOURCE_REMOVE;
}

/* A request that was read since the last answer is waited for as well. */
static gboolean
on_calm (gpointer user_data)
{
  BelfryDrain *self = user_data;

  if (belfry_gate_get_n_in_work (self->gate) == 0)
    return on_end (self);

  g_clear_pointer (&self->done, g_source_unref);
  return G_SOURCE_REMOVE;
}

static GSource *
attach (BelfryDrain *self,
        GSource     *source,
        GSourceFunc  func)
{
  g_source_set_callback (source, func, self, NULL);
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_attach (source, self->context);
  return source;
}

/* What called us is still on the stack, inside libsoup or a session: the end comes in a turn of its own. */
static void
look_again (BelfryDrain *self)
{
  if (self->done != NULL || !self->sessions_ended || belfry_gate_get_n_in_work (self->gate) > 0)
    return;

  self->done = attach (self, g_idle_source_new (), on_calm);
}

static void
on_sessions_ended (gpointer sessions,
                   gpointer user_data)
{
  BelfryDrain *self = user_data;

  self->sessions_ended = TRUE;
  look_again (self);
}

BelfryDrain *
belfry_drain_new (GMainContext     *context,
                  BelfrySessionSet *sessions,
                  BelfryGate       *gate,
                  guint             limit_msec,
                  BelfryDrainFunc   func,
                  gpointer          user_data)
{
  BelfryDrain *self = g_new0 (BelfryDrain, 1);

  self->context = g_main_context_ref (context);
  self->gate = gate;
  self->func = func;
  self->user_data = user_data;
  self->limit = attach (self, g_timeout_source_new (limit_msec), on_end);
  belfry_session_set_shut_down (sessions, on_sessions_ended, self);
  return self;
}

static void
detach (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* Whoever is still at it is cut off. */
void
belfry_drain_hurry (BelfryDrain *self)
{
  detach (&self->done);
  self->done = attach (self, g_idle_source_new (), on_end);
}

void
belfry_drain_free (BelfryDrain *self)
{
  detach (&self->limit);
  detach (&self->done);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_free (self);
}

void
belfry_drain_request_done (BelfryDrain *self)
{
  look_again (self);
}
