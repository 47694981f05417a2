/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-turn-source-private.h"

/* A flag that the source's own loop looks at: a ready time would do the same and write to the context's wake-up each
 * time. */
typedef struct
{
  GSource  source;
  gboolean is_armed;
} TurnSource;

static gboolean
turn_source_prepare (GSource *source,
                     int     *timeout_msec)
{
  *timeout_msec = -1;
  return ((TurnSource *) source)->is_armed;
}

static gboolean
turn_source_check (GSource *source)
{
  return ((TurnSource *) source)->is_armed;
}

static gboolean
turn_source_dispatch (GSource     *source,
                      GSourceFunc  func,
                      gpointer     user_data)
{
  ((TurnSource *) source)->is_armed = FALSE;
  return func (user_data);
}

static GSourceFuncs turn_source_funcs = {
  .prepare = turn_source_prepare,
  .check = turn_source_check,
  .dispatch = turn_source_dispatch,
};

GSource *
belfry_turn_source_new (GMainContext *context,
                        const char   *name,
                        GSourceFunc   func,
                        gpointer      user_data)
{
  GSource *source = g_source_new (&turn_source_funcs, sizeof (TurnSource));

  g_source_set_static_name (source, name);
  g_source_set_callback (source, func, user_data, NULL);
  g_source_attach (source, context);
  return source;
}

void
belfry_turn_source_arm (GSource *source)
{
  ((TurnSource *) source)->is_armed = TRUE;
}

void
belfry_turn_source_clear (GSource **source)
{
  if (*source == NULL)
    return;

  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}
