/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-retention-private.h"

#include "belfry-turn-source-private.h"

#define INTERVAL_SEC 60

struct _BelfryRetention
{
  BelfryEventStore *store;
  GMainContext     *context;
  gint64            usec;         /* 0 keeps */
  GSource          *soon;         /* the first look after usec was set */
  GSource          *interval;     /* the others */
  GCancellable     *cancellable;  /* of the removal under way; a reference to us goes with that */
  gboolean          is_running;
  gboolean          has_failed;

  BelfryRetentionClockFunc clock;
  gpointer                 clock_data;
  BelfryRetentionHoldFunc  hold;        /* or NULL */
  gpointer                 hold_data;
};

static void
release (gpointer data)
{
  BelfryRetention *self = data;

  g_clear_object (&self->store);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->context, g_main_context_unref);
}

static gint64
get_real_time (gpointer user_data)
{
  return g_get_real_time ();
}

static void
delete_cb (GObject      *object,
           GAsyncResult *result,
           gpointer      user_data)
{
  BelfryRetention *self = user_data;
  g_autoptr(GError) error = NULL;
  guint64 n_deleted = 0;

  self->is_running = FALSE;

  if (belfry_event_store_delete_finish (BELFRY_EVENT_STORE (object), result, &n_deleted, &error))
    {
      if (n_deleted > 0)
        g_debug ("Removed %" G_GUINT64_FORMAT " events that were too old", n_deleted);
      if (self->has_failed)
        g_message ("Old events can be removed again");
      self->has_failed = FALSE;
    }
  /* Trouble that stays is told once; nobody waits for a removal that was cancelled. */
  else if (!self->has_failed && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_warning ("Cannot remove old events: %s, retrying every %d s", error->message, INTERVAL_SEC);
      self->has_failed = TRUE;
    }

  g_rc_box_release_full (self, release);
}

static gboolean
run_cb (gpointer user_data)
{
  belfry_retention_run (user_data);
  return G_SOURCE_CONTINUE;
}

static void
stop_looking (BelfryRetention *self)
{
  if (self->interval != NULL)
    g_source_destroy (self->interval);
  g_clear_pointer (&self->interval, g_source_unref);
  belfry_turn_source_clear (&self->soon);
}

static void
start_looking (BelfryRetention *self)
{
  self->soon = belfry_turn_source_new (self->context, "belfry first retention", run_cb, self);
  belfry_turn_source_arm (self->soon);

  self->interval = g_timeout_source_new_seconds (INTERVAL_SEC);
  g_source_set_static_name (self->interval, "belfry retention");
  g_source_set_callback (self->interval, run_cb, self, NULL);
  g_source_attach (self->interval, self->context);
}

BelfryRetention *
belfry_retention_new (BelfryEventStore *store,
                      GMainContext     *context)
{
  BelfryRetention *self = g_rc_box_new0 (BelfryRetention);

  self->store = g_object_ref (store);
  self->context = g_main_context_ref (context);
  self->cancellable = g_cancellable_new ();
  self->clock = get_real_time;
  return self;
}

void
belfry_retention_stop (BelfryRetention *self)
{
  stop_looking (self);
  g_cancellable_cancel (self->cancellable);
  g_rc_box_release_full (self, release);
}

gint64
belfry_retention_get_usec (BelfryRetention *self)
{
  return self->usec;
}

gboolean
belfry_retention_set_usec (BelfryRetention *self,
                           gint64           usec)
{
  if (self->usec == usec)
    return FALSE;

  self->usec = usec;
  stop_looking (self);
  if (usec > 0)
    start_looking (self);
  return TRUE;
}

void
belfry_retention_set_clock (BelfryRetention          *self,
                            BelfryRetentionClockFunc  clock,
                            gpointer                  user_data)
{
  self->clock = clock;
  self->clock_data = user_data;
}

void
belfry_retention_set_hold (BelfryRetention         *self,
                           BelfryRetentionHoldFunc  hold,
                           gpointer                 user_data)
{
  self->hold = hold;
  self->hold_data = user_data;
}

void
belfry_retention_run (BelfryRetention *self)
{
  gint64 before = self->clock (self->clock_data) - self->usec;

  if (self->is_running || self->usec == 0)
    return;
  if (self->hold != NULL)
    before = MIN (before, self->hold (self->hold_data));
  if (before <= 0)
    return;

  self->is_running = TRUE;
  belfry_event_store_delete_async (self->store, before, self->cancellable, delete_cb,
                                   g_rc_box_acquire (self));
}
