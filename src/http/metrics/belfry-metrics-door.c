/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-metrics-server-private.h"

#include <string.h>

#include "belfry-server-fields-private.h"

/* GET /metrics. What the log holds of each type is asked for first; while that cannot be had, all else is told. */

#define MAX_TYPES 100

static const char total_family[] = "belfry_log_events";
static const char hour_family[] = "belfry_log_events_last_hour";

/* Among the data of the metrics, while they are printed. */
static const char stats_key[] = "belfry-store-stats";

static void
tell_stats (BelfryMetrics *metrics,
            gpointer       user_data)
{
  const BelfryStoreStats *stats = g_object_get_data (G_OBJECT (metrics), stats_key);
  guint64 others = 0;

  if (stats == NULL)
    return;

  belfry_metrics_tell (metrics, hour_family, NULL, stats->events_last_hour);
  for (guint i = 0; i < stats->by_type->len; i++)
    {
      const BelfryTypeCount *type = g_ptr_array_index (stats->by_type, i);

      if (i < MAX_TYPES)
        belfry_metrics_tell_one (metrics, total_family, "event_type", type->event_type, type->count);
      else
        others += type->count;
    }
  /* No type has such a name. */
  belfry_metrics_tell_one (metrics, total_family, "event_type", "(other)", others);
}

static void
stats_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  g_autoptr(BelfryRequest) request = BELFRY_REQUEST (user_data);
  BelfryServer *server = belfry_request_get_server (request);
  gboolean open_metrics = belfry_metrics_accepts_open_metrics (belfry_request_get_header (request, "Accept"));
  g_autoptr(BelfryStoreStats) stats = belfry_event_store_stats_finish (BELFRY_EVENT_STORE (source), result, NULL);
  g_autoptr(GBytes) body = NULL;
  char *text;

  g_object_set_data (G_OBJECT (server->metrics), stats_key, stats);
  text = belfry_metrics_print (server->metrics, open_metrics);
  g_object_set_data (G_OBJECT (server->metrics), stats_key, NULL);

  body = g_bytes_new_take (text, strlen (text));
  belfry_request_set_response_header (request, "Cache-Control", "no-store");
  belfry_request_respond (request, 200, open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                                     : "text/plain; version=0.0.4; charset=utf-8", body);
}

static void
get_metrics (BelfryServer  *server,
             BelfryRequest *request,
             gpointer       user_data)
{
  belfry_event_store_stats_async (belfry_pipeline_get_store (server->pipeline), NULL, stats_cb, g_object_ref (request));
}

/* Its own, from the start, so that others may add to them. */
void
belfry_metrics_add_routes (BelfryServer *server)
{
  server->metrics = belfry_metrics_new ();
  belfry_metrics_add_server (server->metrics, server);
  belfry_metrics_add_family (server->metrics, BELFRY_METRIC_KIND_GAUGE, total_family,
                             "Events that the log holds, by type; the hundred most frequent types, and the rest.");
  belfry_metrics_add_family (server->metrics, BELFRY_METRIC_KIND_GAUGE, hour_family,
                             "Events that were accepted within the last hour.");
  belfry_metrics_add_source (server->metrics, tell_stats, NULL, NULL);
  belfry_server_add_route_full (server, "GET", "/metrics", BELFRY_ROUTE_DEFAULT, BELFRY_SCOPE_QUERY,
                                BELFRY_RATE_CLASS_QUERY, get_metrics, NULL, NULL);
}
