/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-server-private.h"

#include <grpc/grpc_security.h>

#include "belfry-error.h"
#include "belfry-grpc-desk-private.h"

/**
 * BelfryGrpcServer:
 *
 * The gRPC door of the collector.
 *
 * It decodes what comes, on a thread of its own, and hands whole batches to a [iface@BelfryGrpcSink] on the context where the server
 * was constructed. Settings hold from belfry_grpc_server_start() on. A server that was started must be stopped: it keeps itself alive
 * until then.
 */

G_DEFINE_FINAL_TYPE (BelfryGrpcServer, belfry_grpc_server, G_TYPE_OBJECT)

static void
belfry_grpc_server_finalize (GObject *object)
{
  BelfryGrpcServer *self = BELFRY_GRPC_SERVER (object);

  g_assert (self->queue == NULL);
  g_clear_object (&self->sink);
  g_clear_pointer (&self->certificate, belfry_grpc_certificate_free);
  g_clear_pointer (&self->home, g_main_context_unref);
  G_OBJECT_CLASS (belfry_grpc_server_parent_class)->finalize (object);
}

static void
belfry_grpc_server_class_init (BelfryGrpcServerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = belfry_grpc_server_finalize;
  belfry_grpc_server_install_properties (object_class);
}

static void
belfry_grpc_server_init (BelfryGrpcServer *self)
{
  self->home = g_main_context_ref_thread_default ();
  self->is_serving = TRUE;
  belfry_grpc_server_set_defaults (self);
}

/**
 * belfry_grpc_server_new:
 * @sink: what stands behind the door
 *
 * Makes a server, which does not listen yet.
 *
 * Returns: (transfer full): a server
 */
BelfryGrpcServer *
belfry_grpc_server_new (BelfryGrpcSink *sink)
{
  return g_object_new (BELFRY_TYPE_GRPC_SERVER, "sink", sink, NULL);
}

/**
 * belfry_grpc_server_set_tls:
 * @self: a server
 * @certificate_pem: the certificate, and those between it and its root
 * @private_key_pem: its key
 * @error: return location for an error of GTls
 *
 * Makes the server speak TLS alone, when it is called before the start; later it replaces the certificate for connections to come.
 *
 * Returns: %FALSE if that is no certificate with its key; what was before remains
 */
gboolean
belfry_grpc_server_set_tls (BelfryGrpcServer  *self,
                            const char        *certificate_pem,
                            const char        *private_key_pem,
                            GError           **error)
{
  g_return_val_if_fail (BELFRY_IS_GRPC_SERVER (self), FALSE);
  g_return_val_if_fail (self->host == NULL || self->certificate != NULL, FALSE);

  if (self->certificate == NULL)
    {
      g_autoptr(BelfryGrpcCertificate) certificate = belfry_grpc_certificate_new ();

      if (!belfry_grpc_certificate_set (certificate, certificate_pem, private_key_pem, error))
        return FALSE;
      self->certificate = g_steal_pointer (&certificate);
      return TRUE;
    }

  return belfry_grpc_certificate_set (self->certificate, certificate_pem, private_key_pem, error);
}

static void
finish_stop (BelfryGrpcServer *self)
{
  g_autoptr(GTask) task = g_steal_pointer (&self->stopping);

  self->port = 0;
  g_clear_pointer (&self->host, g_free);
  g_task_return_boolean (task, TRUE);
  /* The reference of the start. */
  g_object_unref (self);
}

static int
listen_at (BelfryGrpcServer *self,
           guint16           port)
{
  g_autofree char *address = g_strdup_printf (strchr (self->host, ':') != NULL ? "[%s]:%u" : "%s:%u", self->host, port);
  grpc_server_credentials *credentials = self->certificate != NULL ? belfry_grpc_certificate_present (self->certificate)
                                                                   : grpc_insecure_server_credentials_create ();
  int taken = belfry_grpc_queue_listen (self->queue, address, credentials);

  grpc_server_credentials_release (credentials);
  return taken;
}

static void on_queue (gpointer user_data);

static gboolean
open_queue (BelfryGrpcServer *self,
            guint16           port)
{
  int taken;

  self->queue = belfry_grpc_queue_new (&self->limits, self->home, on_queue, self);
  taken = listen_at (self, port);
  if (taken <= 0)
    {
      g_clear_pointer (&self->queue, belfry_grpc_queue_free);
      return FALSE;
    }

  self->port = taken;
  belfry_grpc_queue_start (self->queue, self->is_serving);
  return TRUE;
}

static void
close_queue (BelfryGrpcServer *self)
{
  belfry_grpc_server_add_tally (self);
  if (self->drain_limit != NULL)
    g_source_destroy (self->drain_limit);
  g_clear_pointer (&self->drain_limit, g_source_unref);
  g_clear_pointer (&self->queue, belfry_grpc_queue_free);
}

static gboolean
on_drain_limit (gpointer user_data)
{
  BelfryGrpcServer *self = user_data;

  belfry_grpc_queue_cancel (self->queue);
  return G_SOURCE_REMOVE;
}

static void
drain (BelfryGrpcServer *self)
{
  if (self->drain_limit != NULL)
    return;

  self->drain_limit = g_timeout_source_new (self->limits.drain_msec);
  g_source_set_callback (self->drain_limit, on_drain_limit, self, NULL);
  g_source_attach (self->drain_limit, self->home);
  belfry_grpc_queue_drain (self->queue);
}

/* What was in the way may still be there. */
static gboolean
on_reopening (gpointer user_data)
{
  BelfryGrpcServer *self = user_data;

  if (!open_queue (self, self->port))
    return G_SOURCE_CONTINUE;

  self->reopened++;
  g_message ("gRPC takes connections again");
  g_clear_pointer (&self->reopening, g_source_unref);
  return G_SOURCE_REMOVE;
}

static void
reopen (BelfryGrpcServer *self)
{
  self->reopening = g_timeout_source_new (self->limits.reopen_msec);
  g_source_set_callback (self->reopening, on_reopening, self, NULL);
  g_source_attach (self->reopening, self->home);
}

static void
on_queue (gpointer user_data)
{
  BelfryGrpcServer *self = user_data;
  GQueue works;
  gboolean has_ended = belfry_grpc_queue_take (self->queue, &works);

  belfry_grpc_desk_take (self->sink, self->queue, &works);
  if (has_ended)
    {
      close_queue (self);
      if (self->stopping != NULL)
        finish_stop (self);
      else
        reopen (self);
    }
  else if (belfry_grpc_queue_is_deaf (self->queue) && self->drain_limit == NULL)
    {
      g_warning ("gRPC can take no more connections, maybe for too many open files: it listens anew");
      drain (self);
    }
}

/**
 * belfry_grpc_server_start:
 * @self: a server that does not run
 * @host: an address, or a name of this host
 * @port: a port, 0 for any free one
 * @error: return location for a [error@Belfry.Error]
 *
 * Listens, and takes calls from then on. When gRPC loses its listener, as it does for too many open files, it is told to end, which
 * takes BelfryGrpcServer:drain-msec at most, and the server listens anew.
 *
 * Returns: %FALSE with %BELFRY_ERROR_UNAVAILABLE if it cannot listen there
 */
gboolean
belfry_grpc_server_start (BelfryGrpcServer  *self,
                          const char        *host,
                          guint16            port,
                          GError           **error)
{
  g_return_val_if_fail (BELFRY_IS_GRPC_SERVER (self), FALSE);
  g_return_val_if_fail (self->host == NULL, FALSE);

  self->host = g_strdup (host);
  if (!open_queue (self, port))
    {
      g_clear_pointer (&self->host, g_free);
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "Cannot listen on '%s' port %u for gRPC", host, port);
      return FALSE;
    }

  g_object_ref (self);
  return TRUE;
}

/**
 * belfry_grpc_server_get_port:
 * @self: a server
 *
 * Gets the port on which the server listens.
 *
 * Returns: the port, 0 while it does not run
 */
guint16
belfry_grpc_server_get_port (BelfryGrpcServer *self)
{
  g_return_val_if_fail (BELFRY_IS_GRPC_SERVER (self), 0);

  return self->port;
}

/**
 * belfry_grpc_server_set_serving:
 * @self: a server
 * @is_serving: whether grpc.health.v1 tells that the server serves
 *
 * Changes what those are told who ask by the health checking protocol, and tells those who watch. Calls are taken all the same.
 */
void
belfry_grpc_server_set_serving (BelfryGrpcServer *self,
                                gboolean          is_serving)
{
  g_return_if_fail (BELFRY_IS_GRPC_SERVER (self));

  if (self->is_serving == is_serving)
    return;

  self->is_serving = is_serving;
  if (self->queue != NULL)
    belfry_grpc_queue_set_serving (self->queue, is_serving);
}

/**
 * belfry_grpc_server_stop_async:
 * @self: a server that runs and was not told to stop
 * @callback: (scope async): called when no call is left
 * @user_data: (closure): for @callback
 *
 * Takes no new calls, stores and acknowledges what was read, tells open streams to come again elsewhere, and cuts off what is left
 * after BelfryGrpcServer:drain-msec. It ends when the sink has given back all that it took.
 */
void
belfry_grpc_server_stop_async (BelfryGrpcServer    *self,
                               GAsyncReadyCallback  callback,
                               gpointer             user_data)
{
  g_return_if_fail (BELFRY_IS_GRPC_SERVER (self));
  g_return_if_fail (self->host != NULL && self->stopping == NULL);

  self->stopping = g_task_new (self, NULL, callback, user_data);
  g_task_set_source_tag (self->stopping, belfry_grpc_server_stop_async);
  if (self->queue != NULL)
    {
      drain (self);
      return;
    }

  g_source_destroy (self->reopening);
  g_clear_pointer (&self->reopening, g_source_unref);
  finish_stop (self);
}

/**
 * belfry_grpc_server_stop_finish:
 * @self: a server
 * @result: what the callback was given
 * @error: return location for an error; there is none
 *
 * Ends belfry_grpc_server_stop_async().
 *
 * Returns: %TRUE
 */
gboolean
belfry_grpc_server_stop_finish (BelfryGrpcServer  *self,
                                GAsyncResult      *result,
                                GError           **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
