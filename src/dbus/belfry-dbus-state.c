/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The first change after a quiet second is looked at in the next turn of the loop, those behind it when the second is over; until then
 * nobody listens for changes, so that a busy log pays for one look a second and for nothing else. Events also leave the last hour
 * without any change: while there are some, a look a minute. */

#include "belfry-dbus-state-private.h"

#define REST_USEC       (1 * G_USEC_PER_SEC)
#define AGEING_LOOK_SEC 60

struct _BelfryDBusState
{
  BelfryDBusBelfry1 *skeleton;  /* owned */
  BelfryEventStore  *store;     /* owned */
  BelfryRouter      *router;    /* owned */
  GMainContext      *context;   /* owned */
  gulong             committed_id;
  gulong             removed_id;
  gulong             subscribers_id;
  GSource           *timer;     /* the next look, or NULL */
  gint64             looked_usec;
  gboolean           is_listening;
  gboolean           is_looking;
  gboolean           is_stale;    /* a look came due while one was under way */
  gboolean           is_closed;
  BelfryDBusStateFunc ready;      /* called once, after the first look */
  gpointer            ready_data;
};

static void on_change (BelfryDBusState *self);

static void
listen (BelfryDBusState *self,
        gboolean         is_listening)
{
  if (self->is_listening == is_listening)
    return;

  self->is_listening = is_listening;
  if (is_listening)
    {
      g_signal_handler_unblock (self->store, self->committed_id);
      g_signal_handler_unblock (self->store, self->removed_id);
      g_signal_handler_unblock (self->router, self->subscribers_id);
    }
  else
    {
      g_signal_handler_block (self->store, self->committed_id);
      g_signal_handler_block (self->store, self->removed_id);
      g_signal_handler_block (self->router, self->subscribers_id);
    }
}

static void
drop_timer (BelfryDBusState *self)
{
  if (self->timer == NULL)
    return;

  g_source_destroy (self->timer);
  g_clear_pointer (&self->timer, g_source_unref);
}

static void
set_timer (BelfryDBusState *self,
           GSource         *source,
           GSourceFunc      func)
{
  drop_timer (self);
  self->timer = source;
  g_source_set_static_name (source, "belfry dbus properties");
  g_source_set_callback (source, func, self, NULL);
  g_source_attach (source, self->context);
}

static gboolean
on_ageing (gpointer user_data)
{
  BelfryDBusState *self = user_data;

  drop_timer (self);
  on_change (self);
  return G_SOURCE_REMOVE;
}

static void
show_router (BelfryDBusState *self)
{
  guint active_subscribers, queue_size;

  g_object_get (self->router, "active-subscribers", &active_subscribers, "queue-size", &queue_size, NULL);
  belfry_dbus_belfry1_set_active_subscribers (self->skeleton, active_subscribers);
  belfry_dbus_belfry1_set_queue_size (self->skeleton, queue_size);
}

static void
show_stats (BelfryDBusState  *self,
            BelfryStoreStats *stats)
{
  belfry_dbus_belfry1_set_total_events (self->skeleton, stats->total_events);
  belfry_dbus_belfry1_set_events_last_hour (self->skeleton, stats->events_last_hour);
  if (stats->events_last_hour > 0 && self->timer == NULL)
    set_timer (self, g_timeout_source_new_seconds (AGEING_LOOK_SEC), on_ageing);
}

static void
release_state (gpointer data)
{
  BelfryDBusState *self = data;

  g_clear_object (&self->skeleton);
  g_clear_object (&self->store);
  g_clear_object (&self->router);
  g_clear_pointer (&self->context, g_main_context_unref);
}

static void
looked_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  BelfryDBusState *self = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryStoreStats) stats = belfry_event_store_stats_finish (BELFRY_EVENT_STORE (source), result, &error);
  BelfryDBusStateFunc ready = g_steal_pointer (&self->ready);

  self->is_looking = FALSE;
  if (!self->is_closed)
    {
      show_router (self);
      if (stats != NULL)
        show_stats (self, stats);
      else
        /* The old figures stand until the next change; who publishes hears of the trouble. */
        g_debug ("The figures could not be read: %s", error->message);
      if (self->is_stale)
        on_change (self);
      self->is_stale = FALSE;
      if (ready != NULL)
        ready (self->ready_data);
    }
  g_rc_box_release_full (self, release_state);
}

static gboolean
on_look (gpointer user_data)
{
  BelfryDBusState *self = user_data;

  drop_timer (self);
  listen (self, TRUE);
  self->looked_usec = g_get_monotonic_time ();
  if (self->is_looking)
    {
      self->is_stale = TRUE;
      return G_SOURCE_REMOVE;
    }

  self->is_looking = TRUE;
  belfry_event_store_stats_async (self->store, NULL, looked_cb, g_rc_box_acquire (self));
  return G_SOURCE_REMOVE;
}

static void
on_change (BelfryDBusState *self)
{
  gint64 wait_usec = self->looked_usec + REST_USEC - g_get_monotonic_time ();

  listen (self, FALSE);
  set_timer (self, g_timeout_source_new (wait_usec > 0 ? (wait_usec + 999) / 1000 : 0), on_look);
}

/* Callers are on this machine, where the address that stands for all of them is reached so. */
static char *
name_reachable (const char *uri)
{
  g_autoptr(GString) text = g_string_new (uri);

  g_string_replace (text, "//0.0.0.0:", "//127.0.0.1:", 1);
  g_string_replace (text, "//[::]:", "//[::1]:", 1);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
dup_url (BelfryServer *server)
{
  g_auto(GStrv) uris = belfry_server_list_uris (server);

  return uris[0] != NULL ? name_reachable (uris[0]) : g_strdup ("");
}

BelfryDBusState *
belfry_dbus_state_new (BelfryServer        *server,
                       BelfryDBusBelfry1   *skeleton,
                       BelfryDBusStateFunc  ready,
                       gpointer             user_data)
{
  BelfryPipeline *pipeline = belfry_server_get_pipeline (server);
  BelfryDBusState *self = g_rc_box_new0 (BelfryDBusState);
  g_autofree char *url = dup_url (server);

  self->skeleton = g_object_ref (skeleton);
  self->store = g_object_ref (belfry_pipeline_get_store (pipeline));
  self->router = g_object_ref (belfry_pipeline_get_router (pipeline));
  self->context = g_main_context_ref_thread_default ();
  self->ready = ready;
  self->ready_data = user_data;
  self->is_listening = TRUE;
  self->committed_id = g_signal_connect_swapped (self->store, "committed", G_CALLBACK (on_change), self);
  self->removed_id = g_signal_connect_swapped (self->store, "removed", G_CALLBACK (on_change), self);
  self->subscribers_id = g_signal_connect_swapped (self->router, "notify::active-subscribers", G_CALLBACK (on_change),
                                                   self);
  belfry_dbus_belfry1_set_version (skeleton, BELFRY_VERSION);
  belfry_dbus_belfry1_set_url (skeleton, url);
  show_router (self);
  on_change (self);
  return self;
}

void
belfry_dbus_state_free (BelfryDBusState *self)
{
  self->is_closed = TRUE;
  drop_timer (self);
  g_clear_signal_handler (&self->committed_id, self->store);
  g_clear_signal_handler (&self->removed_id, self->store);
  g_clear_signal_handler (&self->subscribers_id, self->router);
  g_rc_box_release_full (self, release_state);
}
