/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-server.h"

#include <string.h>

#include "belfry-server-fields-private.h"

/**
 * BelfryServer:
 *
 * REST, WebSocket and Server-Sent Events in front of a [class@Pipeline].
 *
 * Construct it, set what shall differ from the defaults, add routes of your own if you like, and call
 * [method@Server.listen] once or more; it serves from then on as the thread-default context of its
 * construction runs. End with [method@Server.stop_async].
 *
 * Since: 0.1
 */

#define STOP_LIMIT_MSEC  4000
#define MAX_ANSWER_BYTES (256 * 1024 * 1024)
#define MAX_UPLOAD_BYTES (128 * 1024 * 1024)

G_DEFINE_FINAL_TYPE (BelfryServer, belfry_server, G_TYPE_OBJECT)

BelfrySessionSet *
belfry_server_get_sessions (BelfryServer *self)
{
  BelfrySessionLimits limits;

  if (self->sessions == NULL)
    {
      belfry_session_limits_init (&limits);
      limits.max_message_bytes = self->max_ws_message_bytes;
      self->sessions = belfry_session_set_new (&limits);
    }

  return self->sessions;
}

GCancellable *
belfry_server_get_stopping (BelfryServer *self)
{
  return self->stopping;
}

BelfryHttpClock *
belfry_server_get_clock (BelfryServer *self)
{
  return belfry_gate_get_clock (self->gate);
}

gboolean
belfry_server_is_stopping (BelfryServer *self)
{
  return g_cancellable_is_cancelled (self->stopping);
}

gboolean
belfry_server_is_over_tls (BelfryServer *self)
{
  return self->tls_certificate != NULL;
}

gint64
belfry_server_get_started_usec (BelfryServer *self)
{
  return self->started_usec;
}

const char *
belfry_server_get_service_name (BelfryServer *self)
{
  return self->service_name;
}

BelfryAdmission *
belfry_server_get_admission (BelfryServer *self)
{
  return self->admission;
}

BelfryCors *
belfry_server_get_cors (BelfryServer *self)
{
  return self->cors;
}

void
belfry_server_close_revoked (BelfryServer *self)
{
  if (self->sessions != NULL)
    belfry_session_set_close_revoked (self->sessions);
}

guint
belfry_server_get_max_connections_per_address (BelfryServer *self)
{
  return self->max_ws_connections_per_ip;
}

BelfryAnswerQuota *
belfry_server_get_answers (BelfryServer *self)
{
  return self->answers;
}

BelfryUploadQuota *
belfry_server_get_uploads (BelfryServer *self)
{
  return &self->uploads;
}

void
belfry_server_set_type_file (BelfryServer   *self,
                             BelfryTypeFile *file)
{
  self->type_file = belfry_type_file_ref (file);
}

BelfryTypeFile *
belfry_server_get_type_file (BelfryServer *self)
{
  return self->type_file;
}

void
belfry_server_forget_request (BelfryServer  *self,
                              BelfryRequest *request)
{
  if (self->gate != NULL)
    belfry_gate_forget_request (self->gate, request);
}

guint64
belfry_server_get_max_body_bytes (BelfryServer      *self,
                                  const BelfryRoute *route)
{
  return route != NULL && (route->flags & BELFRY_ROUTE_BATCH) != 0 ? self->max_batch_bytes : self->max_body_bytes;
}

void
belfry_server_request_done (BelfryServer *self)
{
  if (self->drain != NULL)
    belfry_drain_request_done (self->drain);
}

void
belfry_server_count_answer (BelfryServer *self,
                            BelfryRoute  *route,
                            guint         status)
{
  guint64 *answers = route != NULL ? route->answers : self->answer_tally.unmatched;

  answers[MIN (status / 100, BELFRY_N_STATUS_CLASSES) - 1]++;
}

void
belfry_server_observe_answer (BelfryServer *self,
                              gint64        started_usec)
{
  belfry_histogram_observe (&self->answer_tally.request_times, g_get_monotonic_time () - started_usec);
}

static void
on_connection (GIOStream      *stream,
               GSocketAddress *local,
               GSocketAddress *remote,
               gpointer        user_data)
{
  belfry_gate_take_connection (BELFRY_SERVER (user_data)->gate, stream, local, remote);
}

static void
belfry_server_constructed (GObject *object)
{
  BelfryServer *self = BELFRY_SERVER (object);

  G_OBJECT_CLASS (belfry_server_parent_class)->constructed (object);

  belfry_rest_add_event_routes (self);
  belfry_rest_add_type_routes (self);
  belfry_rest_add_state_routes (self);
  belfry_rest_add_buffer_routes (self);
  belfry_upgrade_add_routes (self);
  belfry_event_stream_add_routes (self);
  belfry_pages_add_routes (self);
  belfry_metrics_add_routes (self);
}

static void
close_everything (BelfryServer *self)
{
  g_clear_pointer (&self->listener, belfry_listener_free);
  if (self->sessions != NULL)
    belfry_session_set_abort (self->sessions);
  belfry_gate_close (self->gate);
}

static void
belfry_server_dispose (GObject *object)
{
  BelfryServer *self = BELFRY_SERVER (object);

  if (self->gate != NULL)
    {
      g_cancellable_cancel (self->stopping);
      close_everything (self);
    }
  g_clear_pointer (&self->gate, belfry_gate_free);
  g_clear_pointer (&self->sessions, belfry_session_set_unref);
  g_clear_object (&self->pipeline);

  G_OBJECT_CLASS (belfry_server_parent_class)->dispose (object);
}

static void
belfry_server_finalize (GObject *object)
{
  BelfryServer *self = BELFRY_SERVER (object);

  g_clear_pointer (&self->type_file, belfry_type_file_unref);
  g_clear_object (&self->metrics);
  g_clear_pointer (&self->answers, belfry_answer_quota_unref);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_clear_pointer (&self->admission, belfry_admission_free);
  g_clear_pointer (&self->cors, belfry_cors_unref);
  g_clear_pointer (&self->cors_origins, g_strfreev);
  g_clear_pointer (&self->trusted_proxies, g_strfreev);
  g_clear_object (&self->tls_certificate);
  g_clear_object (&self->stopping);
  g_free (self->service_name);
  g_free (self->api_key);

  G_OBJECT_CLASS (belfry_server_parent_class)->finalize (object);
}

static void
belfry_server_class_init (BelfryServerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->constructed = belfry_server_constructed;
  object_class->dispose = belfry_server_dispose;
  object_class->finalize = belfry_server_finalize;
  belfry_server_install_properties (object_class);
}

static void
belfry_server_init (BelfryServer *self)
{
  static const char * const any_origin[] = { "*", NULL };

  self->context = g_main_context_ref_thread_default ();
  self->gate = belfry_gate_new (self);
  self->stopping = g_cancellable_new ();
  self->started_usec = g_get_monotonic_time ();
  self->service_name = g_strdup ("event-pipeline");
  self->cors_origins = g_strdupv ((char **) any_origin);
  self->cors = belfry_cors_new (any_origin, NULL);
  self->admission = belfry_admission_new ();
  self->answers = belfry_answer_quota_new (MAX_ANSWER_BYTES);
  self->uploads.max_bytes = MAX_UPLOAD_BYTES;
  belfry_histogram_init_times (&self->answer_tally.request_times);
  self->max_body_bytes = 8 * 65536 + 16384;
  self->max_batch_bytes = 1048576;
  self->max_ws_message_bytes = 1048576;
  self->max_ws_connections_per_ip = 20;
}

/**
 * belfry_server_new:
 * @pipeline: what to publish into and subscribe at
 *
 * Makes a server. It serves nothing before [method@Server.listen].
 *
 * Returns: (transfer full): a server
 *
 * Since: 0.1
 */
BelfryServer *
belfry_server_new (BelfryPipeline *pipeline)
{
  g_return_val_if_fail (BELFRY_IS_PIPELINE (pipeline), NULL);

  return g_object_new (BELFRY_TYPE_SERVER, "pipeline", pipeline, NULL);
}

/**
 * belfry_server_get_pipeline:
 * @self: a server
 *
 * Gets what the doors publish into.
 *
 * Returns: (transfer none): the pipeline
 *
 * Since: 0.1
 */
BelfryPipeline *
belfry_server_get_pipeline (BelfryServer *self)
{
  g_return_val_if_fail (BELFRY_IS_SERVER (self), NULL);

  return self->pipeline;
}

/**
 * belfry_server_get_metrics:
 * @self: a server
 *
 * Gets what the server tells at `/metrics`, for programs that have families of their own to add.
 *
 * Returns: (transfer none): the metrics
 *
 * Since: 0.1
 */
BelfryMetrics *
belfry_server_get_metrics (BelfryServer *self)
{
  g_return_val_if_fail (BELFRY_IS_SERVER (self), NULL);

  return self->metrics;
}

/**
 * belfry_server_add_route:
 * @self: a server
 * @method: an HTTP method; `GET` answers `HEAD` too
 * @pattern: a path such as `/events/{id}`, with at most one name in braces, which stands for one segment
 * @func: (scope notified) (closure user_data) (destroy destroy): answers the requests
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data
 *
 * Answers requests for a path with a function, with and without the prefix `/api/v1`. It takes the place of an
 * older function for the same method and pattern.
 *
 * `GET` needs the scope query and counts against the limit of queries, all other methods need the scope admin and
 * count against the limit of administration; [method@Server.add_route_full] leaves the choice to you.
 *
 * Since: 0.1
 */
void
belfry_server_add_route (BelfryServer    *self,
                         const char      *method,
                         const char      *pattern,
                         BelfryRouteFunc  func,
                         gpointer         user_data,
                         GDestroyNotify   destroy)
{
  gboolean is_query;

  g_return_if_fail (BELFRY_IS_SERVER (self));
  g_return_if_fail (method != NULL && pattern != NULL && func != NULL);

  is_query = strcmp (method, "GET") == 0;
  belfry_server_add_route_full (self, method, pattern, BELFRY_ROUTE_DEFAULT,
                                is_query ? BELFRY_SCOPE_QUERY : BELFRY_SCOPE_ADMIN,
                                is_query ? BELFRY_RATE_CLASS_QUERY : BELFRY_RATE_CLASS_ADMIN, func, user_data,
                                destroy);
}

/**
 * belfry_server_add_route_full:
 * @self: a server
 * @method: an HTTP method; `GET` answers `HEAD` too
 * @pattern: a path, as for [method@Server.add_route]
 * @flags: how the route is served
 * @scopes: what a key needs, with [property@Server:require-auth], any one of these; admin is always enough
 * @rate_class: what the requests count against
 * @func: (scope notified) (closure user_data) (destroy destroy): answers the requests
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data
 *
 * Answers requests for a path with a function, as [method@Server.add_route], and says who may ask, and how often.
 *
 * Since: 0.1
 */
void
belfry_server_add_route_full (BelfryServer     *self,
                              const char       *method,
                              const char       *pattern,
                              BelfryRouteFlags  flags,
                              BelfryScope       scopes,
                              BelfryRateClass   rate_class,
                              BelfryRouteFunc   func,
                              gpointer          user_data,
                              GDestroyNotify    destroy)
{
  g_return_if_fail (BELFRY_IS_SERVER (self));
  g_return_if_fail (method != NULL && pattern != NULL && func != NULL);

  belfry_route_table_add (belfry_gate_get_routes (self->gate), method, pattern, flags, scopes, rate_class, func,
                          user_data, destroy);
}

/**
 * belfry_server_listen:
 * @self: a server
 * @host: an IPv4 or IPv6 address, or a name whose addresses all are meant
 * @port: a port, or 0 for any that is free
 * @error: return location for an error of GIO
 *
 * Begins to accept connections. May be called for several places. A name is looked up, which blocks.
 *
 * Returns: %TRUE when the server listens, %FALSE with @error set
 *
 * Since: 0.1
 */
gboolean
belfry_server_listen (BelfryServer  *self,
                      const char    *host,
                      guint16        port,
                      GError       **error)
{
  g_return_val_if_fail (BELFRY_IS_SERVER (self), FALSE);
  g_return_val_if_fail (host != NULL, FALSE);
  g_return_val_if_fail (!belfry_server_is_stopping (self), FALSE);

  if (self->listener == NULL)
    self->listener = belfry_listener_new (self->tls_certificate, belfry_gate_get_clock (self->gate), on_connection,
                                          self);
  belfry_server_apply_max_connections (self);

  return belfry_listener_listen (self->listener, host, port, error);
}

/**
 * belfry_server_list_uris:
 * @self: a server
 *
 * Lists the addresses on which the server listens, such as `http://127.0.0.1:8001`.
 *
 * Returns: (transfer full): the addresses, empty before [method@Server.listen]
 *
 * Since: 0.1
 */
char **
belfry_server_list_uris (BelfryServer *self)
{
  g_return_val_if_fail (BELFRY_IS_SERVER (self), NULL);

  return self->listener != NULL ? belfry_listener_list_uris (self->listener) : g_new0 (char *, 1);
}

static void
on_drained (gpointer user_data)
{
  BelfryServer *self = BELFRY_SERVER (user_data);
  g_autoptr(GTask) task = g_steal_pointer (&self->stop_task);

  /* The sessions that are cut off now have nobody left to tell. */
  close_everything (self);
  g_clear_pointer (&self->drain, belfry_drain_free);
  g_task_return_boolean (task, TRUE);
}

/**
 * belfry_server_stop_async:
 * @self: a server
 * @cancellable: (nullable): a cancellable; stopping itself goes on when it is cancelled
 * @callback: (scope async) (closure user_data): called when all is closed
 * @user_data: data for @callback
 *
 * Ends the service: nothing new is accepted, requests that were read are answered, WebSocket clients
 * are told 1001 and streams end. What has not come to its end within four seconds is cut off. May be
 * called once.
 *
 * Since: 0.1
 */
void
belfry_server_stop_async (BelfryServer        *self,
                          GCancellable        *cancellable,
                          GAsyncReadyCallback  callback,
                          gpointer             user_data)
{
  g_return_if_fail (BELFRY_IS_SERVER (self));
  g_return_if_fail (self->stop_task == NULL);

  self->stop_task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (self->stop_task, belfry_server_stop_async);
  g_cancellable_cancel (self->stopping);
  if (self->listener != NULL)
    belfry_listener_stop (self->listener);
  self->drain = belfry_drain_new (self->context, belfry_server_get_sessions (self), self->gate, STOP_LIMIT_MSEC,
                                  on_drained, self);
}

void
belfry_server_hurry_stop (BelfryServer *self)
{
  if (self->drain != NULL)
    belfry_drain_hurry (self->drain);
}

/**
 * belfry_server_stop_finish:
 * @self: a server
 * @result: what the callback got
 * @error: return location for an error
 *
 * Finishes [method@Server.stop_async].
 *
 * Returns: %TRUE when all is closed
 *
 * Since: 0.1
 */
gboolean
belfry_server_stop_finish (BelfryServer  *self,
                           GAsyncResult  *result,
                           GError       **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
