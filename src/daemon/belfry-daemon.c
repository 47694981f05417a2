/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-daemon.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include <glib-unix.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "belfry-pipeline.h"
#include "belfry-router.h"
#include "belfry-server-private.h"
#include "belfry-server.h"
#include "belfry-sqlite-store.h"

/* Brings the classes together: the only place that knows them all.
 *
 * Start: event types, log, router, pipeline, server; the addresses are printed when everything answers.
 * End: the server lets go of its clients, then the log is closed, which checkpoints it. */

struct _BelfryDaemon
{
  GMainLoop         *loop;      /* owned */
  BelfrySqliteStore *store;     /* owned */
  BelfryPipeline    *pipeline;  /* owned */
  BelfryServer      *server;    /* owned */
  GPtrArray         *signals;   /* owned; GSource */
  gboolean           is_stopping;
};

BelfryDaemon *
belfry_daemon_new (void)
{
  BelfryDaemon *self = g_new0 (BelfryDaemon, 1);

  self->loop = g_main_loop_new (NULL, FALSE);
  self->signals = g_ptr_array_new_with_free_func ((GDestroyNotify) g_source_unref);
  return self;
}

void
belfry_daemon_free (BelfryDaemon *self)
{
  for (guint i = 0; i < self->signals->len; i++)
    g_source_destroy (g_ptr_array_index (self->signals, i));
  g_clear_pointer (&self->signals, g_ptr_array_unref);
  g_clear_object (&self->server);
  g_clear_object (&self->pipeline);
  if (self->store != NULL)
    belfry_sqlite_store_close (self->store);
  g_clear_object (&self->store);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_free (self);
}

static void
notify_manager (const char *state)
{
#ifdef HAVE_SYSTEMD
  sd_notify (0, state);
#endif
}

/* A connection is a descriptor: take as many as we are given. */
static void
raise_descriptor_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max)
    return;

  limit.rlim_cur = limit.rlim_max;
  if (setrlimit (RLIMIT_NOFILE, &limit) != 0)
    g_message ("The limit on open files could not be raised");
}

static gboolean
open_store (BelfryDaemon          *self,
            const BelfrySettings  *settings,
            GError               **error)
{
  self->store = belfry_sqlite_store_new (settings->database_path);
  g_object_set (self->store, "max-waiting-events", (guint) MIN (settings->max_waiting_events, G_MAXUINT),
                "max-waiting-bytes", settings->max_waiting_bytes, NULL);
  if (!belfry_sqlite_store_open (self->store, NULL, error))
    {
      g_clear_object (&self->store);
      return FALSE;
    }

  return TRUE;
}

static BelfryEventValidator *
make_validator (const BelfrySettings  *settings,
                BelfryTypeFile        *type_file,
                GError               **error)
{
  g_autoptr(BelfryEventTypeRegistry) registry = belfry_event_type_registry_new ();

  if (!belfry_event_type_registry_load_directory (registry, settings->event_types_dir, error)
      || !belfry_type_file_load (type_file, registry, error))
    return NULL;

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

static gboolean
make_server (BelfryDaemon          *self,
             const BelfrySettings  *settings,
             BelfryTypeFile        *type_file,
             GError               **error)
{
  g_autoptr(GTlsCertificate) certificate = NULL;

  if (settings->tls_certificate != NULL)
    {
      certificate = g_tls_certificate_new_from_files (settings->tls_certificate, settings->tls_private_key, error);
      if (certificate == NULL)
        {
          g_prefix_error (error, "TLS_CERTIFICATE '%s', TLS_PRIVATE_KEY '%s': ", settings->tls_certificate,
                          settings->tls_private_key);
          return FALSE;
        }
    }

  self->server = belfry_server_new (self->pipeline);
  g_object_set (self->server,
                "service-name", settings->service_name,
                "require-auth", settings->require_auth,
                "api-key", settings->api_key,
                "cors-origins", settings->cors_origins,
                "max-body-bytes", settings->max_body_bytes,
                "max-answer-bytes", settings->max_answer_bytes,
                "max-ws-message-bytes", settings->max_ws_message_bytes,
                "max-ws-connections-per-ip", (guint) settings->max_ws_connections_per_ip,
                "tls-certificate", certificate, NULL);
  belfry_server_set_type_file (self->server, type_file);
  return TRUE;
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

  return TRUE;
}

static void
print_addresses (BelfryDaemon *self)
{
  g_auto(GStrv) uris = belfry_server_list_uris (self->server);

  for (gsize i = 0; uris[i] != NULL; i++)
    printf ("Listening on %s\n", uris[i]);
  fflush (stdout);
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
  g_main_loop_quit (self->loop);
}

static gboolean
on_signal (gpointer user_data)
{
  BelfryDaemon *self = user_data;

  if (self->is_stopping)
    return G_SOURCE_CONTINUE;

  self->is_stopping = TRUE;
  g_message ("Stopping");
  notify_manager ("STOPPING=1");
  belfry_server_stop_async (self->server, NULL, stopped_cb, self);
  return G_SOURCE_CONTINUE;
}

static void
watch_signal (BelfryDaemon *self,
              int           number)
{
  GSource *source = g_unix_signal_source_new (number);

  g_source_set_callback (source, on_signal, self, NULL);
  g_source_attach (source, NULL);
  g_ptr_array_add (self->signals, source);
}

gboolean
belfry_daemon_start (BelfryDaemon          *self,
                     const BelfrySettings  *settings,
                     GError               **error)
{
  g_autofree char *type_path = g_strconcat (settings->database_path, ".event-types.conf", NULL);
  g_autoptr(BelfryTypeFile) type_file = belfry_type_file_new (type_path);
  g_autoptr(BelfryEventValidator) validator = NULL;

  raise_descriptor_limit ();
  validator = make_validator (settings, type_file, error);
  if (validator == NULL || !open_store (self, settings, error))
    return FALSE;

  make_engine (self, settings, validator);
  if (!make_server (self, settings, type_file, error) || !listen_everywhere (self, settings, error))
    return FALSE;

  /* Whoever is told that we listen may tell us to stop. */
  watch_signal (self, SIGTERM);
  watch_signal (self, SIGINT);
  g_message ("belfryd " BELFRY_VERSION " serves the log in '%s'", settings->database_path);
  print_addresses (self);
  notify_manager ("READY=1");
  return TRUE;
}

void
belfry_daemon_run (BelfryDaemon *self)
{
  g_main_loop_run (self->loop);
}
