/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-metrics-server-private.h"

#include "belfry-buffer-private.h"
#include "belfry-pipeline-private.h"
#include "belfry-rest-private.h"
#include "belfry-server-fields-private.h"

/* What a server knows of itself beside its properties. */

static const char * const status_classes[BELFRY_N_STATUS_CLASSES] = { "1xx", "2xx", "3xx", "4xx", "5xx" };

static void
tell_doors (BelfryMetrics *metrics,
            BelfryServer  *server)
{
  static const char * const names[BELFRY_N_DOORS] = {
    [BELFRY_DOOR_HTTP] = "http", [BELFRY_DOOR_WEBSOCKET] = "websocket", [BELFRY_DOOR_COLLECT] = "collect",
    [BELFRY_DOOR_GRPC] = "grpc", [BELFRY_DOOR_DBUS] = "dbus", [BELFRY_DOOR_KAFKA] = "kafka",
  };

  for (guint i = 0; i < BELFRY_N_DOORS; i++)
    {
      const BelfryDoorTally *tally = belfry_pipeline_get_door (server->pipeline, (BelfryDoor) i);
      const char *labels[] = { "door", names[i], "result", "accepted", NULL };

      belfry_metrics_tell (metrics, "belfry_events", labels, tally->accepted);
      labels[3] = "rejected";
      belfry_metrics_tell (metrics, "belfry_events", labels, tally->rejected);
    }
}

/* Every route has its answers from the start, but those of classes that are rare. */
static void
tell_answers (BelfryMetrics *metrics,
              const char    *method,
              const char    *pattern,
              const guint64 *answers)
{
  for (guint i = 0; i < BELFRY_N_STATUS_CLASSES; i++)
    {
      const char * const labels[] = { "method", method, "route", pattern, "status", status_classes[i], NULL };

      if (answers[i] > 0 || i == 1 || i >= 3)
        belfry_metrics_tell (metrics, "belfry_requests", labels, answers[i]);
    }
}

static void
tell_route (const BelfryRoute *route,
            const char        *pattern,
            gpointer           user_data)
{
  tell_answers (user_data, route->method, pattern, route->answers);
}

static void
tell_requests (BelfryMetrics *metrics,
               BelfryServer  *server)
{
  belfry_route_table_foreach (belfry_gate_get_routes (server->gate), tell_route, metrics);
  tell_answers (metrics, "other", "other", server->answer_tally.unmatched);
  belfry_metrics_tell_histogram (metrics, "belfry_request_seconds", &server->answer_tally.request_times, 1e-6);
  belfry_metrics_tell (metrics, "belfry_requests_in_flight", NULL, belfry_gate_get_n_in_work (server->gate));
}

static void
tell_phases (BelfryMetrics *metrics,
             BelfryServer  *server)
{
  static const char * const names[BELFRY_HTTP_N_PHASES] = {
    [BELFRY_HTTP_PHASE_HANDSHAKE] = "handshake", [BELFRY_HTTP_PHASE_IDLE] = "idle", [BELFRY_HTTP_PHASE_HEAD] = "head",
    [BELFRY_HTTP_PHASE_BODY] = "body", [BELFRY_HTTP_PHASE_WRITE] = "write", [BELFRY_HTTP_PHASE_LINGER] = "linger",
  };
  BelfryHttpClock *clock = belfry_gate_get_clock (server->gate);

  for (guint i = BELFRY_HTTP_PHASE_NONE + 1; i < BELFRY_HTTP_N_PHASES; i++)
    belfry_metrics_tell_one (metrics, "belfry_connections_waiting", "phase", names[i],
                             belfry_http_clock_count (clock, (BelfryHttpPhase) i));
}

static void
tell_rate_limits (BelfryMetrics *metrics,
                  BelfryServer  *server)
{
  static const char * const names[BELFRY_N_RATE_CLASSES] = {
    [BELFRY_RATE_CLASS_PUBLISH] = "publish", [BELFRY_RATE_CLASS_QUERY] = "query", [BELFRY_RATE_CLASS_ADMIN] = "admin",
    [BELFRY_RATE_CLASS_FILTERS] = "filters", [BELFRY_RATE_CLASS_COLLECT] = "collect",
  };
  const BelfryAdmissionTally *tally = belfry_admission_get_tally (server->admission);

  for (guint i = BELFRY_RATE_CLASS_PUBLISH; i < BELFRY_N_RATE_CLASSES; i++)
    belfry_metrics_tell_one (metrics, "belfry_rate_limited_requests", "class", names[i], tally->rate_limited_by[i]);
}

static void
tell_sessions (BelfryMetrics *metrics,
               BelfryServer  *server)
{
  BelfrySessionCounters counters = { 0 };

  if (server->sessions != NULL)
    belfry_session_set_get_counters (server->sessions, &counters);
  belfry_metrics_tell_one (metrics, "belfry_deliveries", "transport", "websocket", counters.delivered[0]);
  belfry_metrics_tell_one (metrics, "belfry_deliveries", "transport", "sse", counters.delivered[1]);
  belfry_metrics_tell (metrics, "belfry_sessions_started", NULL, counters.sessions);
  belfry_metrics_tell (metrics, "belfry_sessions_sent_bytes", NULL, counters.bytes_sent);
  belfry_metrics_tell (metrics, "belfry_sessions_held_bytes", NULL, counters.held_bytes);
  belfry_metrics_tell (metrics, "belfry_websocket_messages_received", NULL, counters.messages_received);
  belfry_metrics_tell (metrics, "belfry_websocket_received_bytes", NULL, counters.bytes_received);
  belfry_metrics_tell (metrics, "belfry_websocket_messages_too_large", NULL, counters.messages_too_large);
  belfry_metrics_tell_one (metrics, "belfry_sessions_dropped", "reason", "protocol_error", counters.protocol_errors);
  belfry_metrics_tell_one (metrics, "belfry_sessions_dropped", "reason", "pong_timeout", counters.pong_timeouts);
  belfry_metrics_tell_one (metrics, "belfry_sessions_dropped", "reason", "stalled", counters.stalled);
  for (guint i = 0; i < BELFRY_N_CLOSE_CODES; i++)
    belfry_metrics_tell_one (metrics, "belfry_websocket_closes", "code", belfry_close_code_names[i], counters.closes[i]);
}

static void
tell_buffer (BelfryMetrics *metrics,
             BelfryServer  *server)
{
  BelfryBufferState state;
  gint64 now_usec = g_get_real_time ();

  belfry_rest_read_buffer (server, &state);
  belfry_metrics_tell (metrics, "belfry_buffer_pending_events", NULL, state.pending_events);
  belfry_metrics_tell (metrics, "belfry_buffer_pending_bytes", NULL, state.pending_bytes);
  belfry_metrics_tell (metrics, "belfry_buffer_events", NULL, state.buffered_events);
  belfry_metrics_tell (metrics, "belfry_buffer_retention_seconds", NULL, state.retention_hours * 3600.0);
  belfry_metrics_tell (metrics, "belfry_buffer_oldest_seconds", NULL,
                       state.oldest_pending_usec != 0 ? MAX (now_usec - state.oldest_pending_usec, 0) / 1e6 : 0);
}

static void
tell_log (BelfryMetrics *metrics,
          BelfryServer  *server)
{
  BelfryEventStore *store = belfry_pipeline_get_store (server->pipeline);

  belfry_metrics_tell (metrics, "belfry_log_last_position", NULL, belfry_event_store_get_last_position (store));
  belfry_metrics_tell (metrics, "belfry_log_first_position", NULL, belfry_event_store_get_floor (store));
  belfry_metrics_tell_one (metrics, "belfry_build", "version", BELFRY_VERSION, 1);
  belfry_metrics_tell (metrics, "belfry_uptime_seconds", NULL,
                       (g_get_monotonic_time () - server->started_usec) / 1000000);
}

/* Somebody may hold the metrics when the server is gone. */
static void
tell_server (BelfryMetrics *metrics,
             gpointer       user_data)
{
  g_autoptr(BelfryServer) server = g_weak_ref_get (user_data);

  if (server == NULL || server->gate == NULL)
    return;

  tell_doors (metrics, server);
  tell_requests (metrics, server);
  tell_phases (metrics, server);
  tell_rate_limits (metrics, server);
  tell_sessions (metrics, server);
  tell_buffer (metrics, server);
  tell_log (metrics, server);
}

static void
free_server_ref (gpointer data)
{
  g_weak_ref_clear (data);
  g_free (data);
}

void
belfry_metrics_add_server (BelfryMetrics *metrics,
                           BelfryServer  *server)
{
  static const struct { BelfryMetricKind kind; const char *name; const char *help; } families[] = {
    { BELFRY_METRIC_KIND_INFO, "belfry_build", "The version that runs." },
    { BELFRY_METRIC_KIND_COUNTER, "belfry_events",
      "Events that came through a door, by what became of them. Those that the log could not take are neither accepted nor rejected." },
    { BELFRY_METRIC_KIND_COUNTER, "belfry_deliveries", "Events that were sent to subscribers." },
    { BELFRY_METRIC_KIND_COUNTER, "belfry_requests", "Answers, by method, pattern of the path and class of the status." },
    { BELFRY_METRIC_KIND_HISTOGRAM, "belfry_request_seconds",
      "From the head of a request to its answer; the time until the client has taken it is not in it." },
    { BELFRY_METRIC_KIND_GAUGE, "belfry_requests_in_flight", "Requests that were read and not answered yet." },
    { BELFRY_METRIC_KIND_GAUGE, "belfry_connections_waiting", "Connections that wait for their client, by what for." },
    { BELFRY_METRIC_KIND_COUNTER, "belfry_rate_limited_requests", "Requests over a rate limit, by its class." },
    { BELFRY_METRIC_KIND_COUNTER, "belfry_sessions_started", "WebSockets and streams that were opened." },
    { BELFRY_METRIC_KIND_COUNTER, "belfry_sessions_sent_bytes", "Bytes that were sent to WebSockets and streams." },
    { BELFRY_METRIC_KIND_GAUGE, "belfry_sessions_held_bytes", "Memory of what clients have not taken yet." },
    { BELFRY_METRIC_KIND_COUNTER, "belfry_sessions_dropped", "WebSockets and streams that the server gave up, by reason." },
    { BELFRY_METRIC_KIND_COUNTER, "belfry_websocket_messages_received", "Messages of WebSocket clients." },
    { BELFRY_METRIC_KIND_COUNTER, "belfry_websocket_received_bytes", "Bytes of WebSocket clients." },
    { BELFRY_METRIC_KIND_COUNTER, "belfry_websocket_messages_too_large", "Messages over MAX_WS_MESSAGE_BYTES." },
    { BELFRY_METRIC_KIND_COUNTER, "belfry_websocket_closes", "Close frames that the server sent, by code; answers to those of clients included." },
    { BELFRY_METRIC_KIND_GAUGE, "belfry_buffer_events", "Events that the log holds." },
    { BELFRY_METRIC_KIND_GAUGE, "belfry_buffer_pending_events", "Events that Kafka has not acknowledged yet." },
    { BELFRY_METRIC_KIND_GAUGE, "belfry_buffer_pending_bytes", "Bytes of the events that Kafka has not acknowledged yet." },
    { BELFRY_METRIC_KIND_GAUGE, "belfry_buffer_oldest_seconds", "Age of the oldest event that Kafka has not acknowledged yet; 0: there is none." },
    { BELFRY_METRIC_KIND_GAUGE, "belfry_buffer_retention_seconds", "Age of pending events at which every door refuses more." },
    { BELFRY_METRIC_KIND_GAUGE, "belfry_log_last_position", "Position of the newest event." },
    { BELFRY_METRIC_KIND_GAUGE, "belfry_log_first_position", "First position that is not deleted." },
    { BELFRY_METRIC_KIND_GAUGE, "belfry_uptime_seconds", "How long the server has run." },
  };
  GWeakRef *ref = g_new0 (GWeakRef, 1);

  for (gsize i = 0; i < G_N_ELEMENTS (families); i++)
    belfry_metrics_add_family (metrics, families[i].kind, families[i].name, families[i].help);
  g_weak_ref_init (ref, server);
  belfry_metrics_add_source (metrics, tell_server, ref, free_server_ref);
  belfry_metrics_add_server_parts (metrics, server);
  belfry_metrics_add_process (metrics);
}
