/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-daemon-private.h"

#include <signal.h>
#include <stdio.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "belfry-config-check.h"
#include "belfry-daemon-metrics.h"
#include "belfry-descriptor-limit.h"
#include "belfry-router.h"
#include "belfry-signals.h"
#include "belfry-store-path-private.h"

/* Brings the classes together: the only place that knows them all.
 *
 * Start: event types, log, router, pipeline, server; the addresses are printed when everything answers.
 * End: the server lets go of its clients, then the log is closed, which checkpoints it. */

BelfryDaemon *
belfry_daemon_new (void)
{
  BelfryDaemon *self = g_new0 (BelfryDaemon, 1);

  self->loop = g_main_loop_new (NULL, FALSE);
  return self;
}

void
belfry_daemon_free (BelfryDaemon *self)
{
  if (self->signals != NULL)
    g_source_destroy (self->signals);
  g_clear_pointer (&self->signals, g_source_unref);
  g_clear_pointer (&self->bus, belfry_daemon_bus_free);
  g_clear_object (&self->server);
  g_clear_pointer (&self->collect, belfry_daemon_collect_free);
  g_clear_pointer (&self->forward, belfry_daemon_forward_free);
  g_clear_object (&self->pipeline);
  if (self->store != NULL)
    belfry_sqlite_store_close (self->store);
  g_clear_object (&self->store);
  g_clear_pointer (&self->type_file, belfry_type_file_unref);
  g_clear_pointer (&self->started, belfry_settings_free);
  g_clear_object (&self->counts);
  g_free (self->database_path);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_free (self);
}

void
belfry_daemon_notify_manager (const char *state)
{
#ifdef HAVE_SYSTEMD
  sd_notify (0, state);
#endif
}

static gboolean
open_store (BelfryDaemon          *self,
            const BelfrySettings  *settings,
            GError               **error)
{
  self->store = belfry_sqlite_store_new (self->database_path);
  g_object_set (self->store, "max-waiting-events", (guint) MIN (settings->max_waiting_events, G_MAXUINT),
                "max-waiting-bytes", settings->max_waiting_bytes,
                "receipt-window-usec", settings->idempotency_window_usec,
                "receipt-max-bytes", settings->idempotency_max_bytes,
                "dead-letters-max", settings->dead_letters_max,
                "dead-letters-max-bytes", settings->dead_letters_max_bytes,
                "dead-letters-max-age-usec", settings->dead_letter_retention_usec, NULL);
  if (!belfry_sqlite_store_open (self->store, NULL, error))
    {
      g_clear_object (&self->store);
      return FALSE;
    }

  return TRUE;
}

static BelfryEventValidator *
make_validator (BelfryDaemon          *self,
                const BelfrySettings  *settings,
                GError               **error)
{
  g_autofree char *type_path = g_strconcat (self->database_path, ".event-types.conf", NULL);
  g_autoptr(BelfryEventTypeRegistry) registry = belfry_event_type_registry_new ();

  self->type_file = belfry_type_file_new (type_path);
  if (!belfry_event_type_registry_load_directory (registry, settings->event_types_dir, error))
    {
      g_prefix_error (error, "BELFRY_EVENT_TYPES_DIR '%s': ", settings->event_types_dir);
      return NULL;
    }
  if (!belfry_type_file_load (self->type_file, registry, error))
    {
      belfry_config_check_explain_database (settings, error);
      return NULL;
    }

  return g_object_new (BELFRY_TYPE_EVENT_VALIDATOR, "registry", registry,
                       "max-payload-keys", (guint) settings->max_payload_keys,
                       "max-payload-bytes", (guint) settings->max_payload_bytes, NULL);
}

static void
make_engine (BelfryDaemon         *self,
             const BelfrySettings *settings,
             BelfryEventValidator *validator)
{
  g_autoptr(BelfryRouter) router = NULL;

  router = g_object_new (BELFRY_TYPE_ROUTER, "store", self->store,
                         "max-queue-size", (guint) settings->max_queue_size,
                         "ring-max-bytes", settings->ring_max_bytes,
                         "max-subscribers", (guint) settings->max_subscribers,
                         "mailbox-max-bytes", settings->mailbox_max_bytes,
                         "catch-up-max-bytes", settings->catch_up_max_bytes, NULL);
  self->pipeline = belfry_pipeline_new (validator, BELFRY_EVENT_STORE (self->store), router);
  g_object_set (self->pipeline, "retention-usec", settings->event_retention_usec, NULL);
}

/* What a reload changes too is set by belfry_daemon_apply_live(). */
static gboolean
make_server (BelfryDaemon          *self,
             const BelfrySettings  *settings,
             GError               **error)
{
  self->server = belfry_server_new (self->pipeline);
  belfry_daemon_metrics_add (self->server, self->store);
  g_object_set (self->server,
                "max-ws-message-bytes", settings->max_ws_message_bytes,
                NULL);
  self->counts = belfry_reload_counts_new ();
  belfry_server_add_counters (self->server, "daemon", G_OBJECT (self->counts));
  belfry_server_set_type_file (self->server, self->type_file);
  self->collect = belfry_daemon_collect_new (self->server, settings);
  return belfry_daemon_apply_live (self, settings, error);
}

static gboolean
listen_everywhere (BelfryDaemon          *self,
                   const BelfrySettings  *settings,
                   GError               **error)
{
  for (guint i = 0; i < settings->ports->len; i++)
    {
      guint16 port = g_array_index (settings->ports, guint16, i);

      if (!belfry_server_listen (self->server, settings->host, port, error))
        {
          g_prefix_error (error, "HOST '%s', PORT '%u': ", settings->host, (guint) port);
          return FALSE;
        }
    }

  return belfry_daemon_collect_listen (self->collect, settings, error);
}

static void
print_addresses (BelfryDaemon *self)
{
  g_auto(GStrv) uris = belfry_server_list_uris (self->server);
  g_autofree char *grpc_uri = belfry_daemon_collect_dup_uri (self->collect);

  for (gsize i = 0; uris[i] != NULL; i++)
    printf ("Listening on %s\n", uris[i]);
  if (grpc_uri != NULL)
    printf ("Listening on %s\n", grpc_uri);
  fflush (stdout);
}

/* The server, the gRPC door, the bus or the forwarder. */
static void
on_part_stopped (gpointer user_data)
{
  BelfryDaemon *self = user_data;

  if (--self->n_parts_to_stop == 0)
    g_main_loop_quit (self->loop);
}

static void
stopped_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  BelfryDaemon *self = user_data;
  g_autoptr(GError) error = NULL;

  if (!belfry_server_stop_finish (BELFRY_SERVER (source), result, &error))
    g_warning ("Could not stop in good order: %s", error->message);
  on_part_stopped (self);
}

/* The second signal is of somebody who does not want to wait for clients. */
static void
stop (BelfryDaemon *self)
{
  if (self->is_stopping)
    {
      g_message ("Stopping at once");
      belfry_server_hurry_stop (self->server);
      return;
    }

  self->is_stopping = TRUE;
  g_message ("Stopping");
  belfry_daemon_notify_manager ("STOPPING=1");
  self->n_parts_to_stop = 4;
  belfry_daemon_forward_stop (self->forward, on_part_stopped, self);
  belfry_daemon_collect_stop (self->collect, on_part_stopped, self);
  belfry_daemon_bus_stop (self->bus, on_part_stopped, self);
  belfry_server_stop_async (self->server, NULL, stopped_cb, self);
}

static void
on_signal (int      number,
           gpointer user_data)
{
  if (number == SIGHUP)
    belfry_daemon_reload (user_data);
  else
    stop (user_data);
}

void
belfry_daemon_set_load_settings (BelfryDaemon           *self,
                                 BelfryLoadSettingsFunc  func,
                                 gpointer                user_data)
{
  self->load_settings = func;
  self->load_data = user_data;
}

gboolean
belfry_daemon_start (BelfryDaemon    *self,
                     BelfrySettings  *settings,
                     GError         **error)
{
  g_autoptr(BelfryEventValidator) validator = NULL;

  self->started = settings;
  /* What belongs to the log lies beside the file, not beside a link to it. */
  self->database_path = belfry_store_path_resolve (settings->database_path);
  belfry_descriptor_limit_raise (settings);
  if (!belfry_config_check_database (settings, error)
      || (validator = make_validator (self, settings, error)) == NULL)
    return FALSE;
  if (!belfry_daemon_import (self, self->database_path, belfry_event_validator_get_registry (validator), error)
      || !open_store (self, settings, error))
    {
      belfry_config_check_explain_database (settings, error);
      return FALSE;
    }

  make_engine (self, settings, validator);
  if (!make_server (self, settings, error)
      || (self->forward = belfry_daemon_forward_new (self->server, settings, error)) == NULL
      || !listen_everywhere (self, settings, error))
    return FALSE;

  self->bus = belfry_daemon_bus_new (self->server, belfry_daemon_collect_get_collector (self->collect), settings);
  /* Whoever is told that we listen may tell us to stop. */
  self->signals = belfry_signals_watch (on_signal, self);
  g_message ("belfryd " BELFRY_VERSION " serves the log in '%s'", self->database_path);
  print_addresses (self);
  belfry_daemon_notify_manager ("READY=1");
  return TRUE;
}

void
belfry_daemon_run (BelfryDaemon *self)
{
  g_main_loop_run (self->loop);
}
