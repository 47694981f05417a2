/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-daemon-collect.h"

#include <string.h>

#include "belfry-server-private.h"

#ifdef HAVE_GRPC
#include "belfry-collector-sink.h"
#include "belfry-grpc-server.h"
#endif

#define DEFAULT_PORT "50051"

struct _BelfryDaemonCollect
{
  BelfryCollector  *collector;  /* owned */
  BelfryServer     *server;     /* owned */
#ifdef HAVE_GRPC
  BelfryGrpcServer *door;       /* owned; NULL while it is shut */
  char             *host;       /* owned */
  gboolean          over_tls;
#endif
  void            (*stopped) (gpointer user_data);
  gpointer          stopped_data;
};

BelfryDaemonCollect *
belfry_daemon_collect_new (BelfryServer         *server,
                           const BelfrySettings *settings)
{
  BelfryDaemonCollect *self = g_new0 (BelfryDaemonCollect, 1);

  self->server = g_object_ref (server);
  self->collector = belfry_collector_new (belfry_server_get_pipeline (server));
  g_object_set (self->collector, "max-batch-events", (guint) settings->max_batch_size, NULL);
  g_object_set (server, "max-batch-bytes", settings->max_batch_size_bytes, NULL);
  belfry_collector_add_routes (self->collector, server);
  belfry_server_add_counters (server, "collector", G_OBJECT (self->collector));
  return self;
}

BelfryCollector *
belfry_daemon_collect_get_collector (BelfryDaemonCollect *self)
{
  return self->collector;
}

#ifdef HAVE_GRPC

static gboolean
set_tls (BelfryDaemonCollect   *self,
         const BelfrySettings  *settings,
         GError               **error)
{
  g_autofree char *certificate = NULL;
  g_autofree char *key = NULL;

  return g_file_get_contents (settings->tls_certificate, &certificate, NULL, error)
         && g_file_get_contents (settings->tls_private_key, &key, NULL, error)
         && belfry_grpc_server_set_tls (self->door, certificate, key, error);
}

static void
make_door (BelfryDaemonCollect  *self,
           const BelfrySettings *settings)
{
  g_autoptr(BelfryGrpcSink) sink = belfry_collector_sink_new (self->collector, self->server);

  self->door = belfry_grpc_server_new (sink);
  self->host = g_strdup (settings->grpc_host);
  self->over_tls = settings->tls_certificate != NULL;
  g_object_set (self->door,
                "max-message-bytes", (guint) settings->max_batch_size_bytes,
                "max-batch-events", (guint) settings->max_batch_size,
                "stream-batch-events", (guint) settings->stream_batch_size, NULL);
}

/* Another program may well sit at the port that nobody chose: then it stays shut. */
static gboolean
open_door (BelfryDaemonCollect   *self,
           const BelfrySettings  *settings,
           GError               **error)
{
  guint16 port = (guint16) g_ascii_strtoull (settings->grpc_port, NULL, 10);
  g_autoptr(GError) local_error = NULL;

  make_door (self, settings);
  if ((!self->over_tls || set_tls (self, settings, &local_error))
      && belfry_grpc_server_start (self->door, settings->grpc_host, port, &local_error))
    {
      belfry_server_add_counters (self->server, "grpc", G_OBJECT (self->door));
      return TRUE;
    }

  g_clear_object (&self->door);
  if (strcmp (settings->grpc_port, DEFAULT_PORT) == 0)
    {
      g_warning ("There is no gRPC: %s; GRPC_PORT chooses another port, or off", local_error->message);
      return TRUE;
    }

  g_propagate_prefixed_error (error, g_steal_pointer (&local_error), "GRPC_HOST '%s', GRPC_PORT '%s': ",
                              settings->grpc_host, settings->grpc_port);
  return FALSE;
}

gboolean
belfry_daemon_collect_listen (BelfryDaemonCollect   *self,
                              const BelfrySettings  *settings,
                              GError               **error)
{
  return strcmp (settings->grpc_port, "off") == 0 || open_door (self, settings, error);
}

char *
belfry_daemon_collect_dup_uri (BelfryDaemonCollect *self)
{
  if (self->door == NULL)
    return NULL;

  return g_strdup_printf (strchr (self->host, ':') != NULL && self->host[0] != '[' ? "%s://[%s]:%u" : "%s://%s:%u",
                          self->over_tls ? "grpcs" : "grpc", self->host, belfry_grpc_server_get_port (self->door));
}

void
belfry_daemon_collect_reload (BelfryDaemonCollect  *self,
                              const BelfrySettings *settings)
{
  g_autoptr(GError) error = NULL;

  if (self->door != NULL && self->over_tls && settings->tls_certificate != NULL && !set_tls (self, settings, &error))
    g_warning ("gRPC keeps its old certificate: %s", error->message);
}

static void
stopped_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  BelfryDaemonCollect *self = user_data;

  self->stopped (self->stopped_data);
}

void
belfry_daemon_collect_stop (BelfryDaemonCollect  *self,
                            void                (*func) (gpointer user_data),
                            gpointer              user_data)
{
  self->stopped = func;
  self->stopped_data = user_data;
  if (self->door != NULL)
    belfry_grpc_server_stop_async (self->door, stopped_cb, self);
  else
    func (user_data);
}

void
belfry_daemon_collect_free (BelfryDaemonCollect *self)
{
  g_clear_object (&self->door);
  g_clear_object (&self->collector);
  g_clear_object (&self->server);
  g_free (self->host);
  g_free (self);
}

#else

gboolean
belfry_daemon_collect_listen (BelfryDaemonCollect   *self,
                              const BelfrySettings  *settings,
                              GError               **error)
{
  if (strcmp (settings->grpc_port, "off") == 0 || strcmp (settings->grpc_port, DEFAULT_PORT) == 0)
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "GRPC_PORT '%s': this belfryd was built without gRPC",
               settings->grpc_port);
  return FALSE;
}

char *
belfry_daemon_collect_dup_uri (BelfryDaemonCollect *self)
{
  return NULL;
}

void
belfry_daemon_collect_reload (BelfryDaemonCollect  *self,
                              const BelfrySettings *settings)
{
}

void
belfry_daemon_collect_stop (BelfryDaemonCollect  *self,
                            void                (*func) (gpointer user_data),
                            gpointer              user_data)
{
  func (user_data);
}

void
belfry_daemon_collect_free (BelfryDaemonCollect *self)
{
  g_clear_object (&self->collector);
  g_clear_object (&self->server);
  g_free (self);
}

#endif
