/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-metrics-server-private.h"

/* What the parts that every server has count, as families. Rows of one family stand together. */

#define COUNTER(property, family, help) { property, BELFRY_METRIC_KIND_COUNTER, family, help, { NULL } }
#define GAUGE(property, family, help)   { property, BELFRY_METRIC_KIND_GAUGE, family, help, { NULL } }
#define LABELLED(property, family, help, label, value) \
  { property, BELFRY_METRIC_KIND_COUNTER, family, help, { label, value } }

static const BelfryMetricRow server_rows[] = {
  GAUGE ("connections", "belfry_connections", "Open connections of HTTP, WebSockets and streams included."),
  COUNTER ("connections-accepted", "belfry_connections_accepted", "Connections that were accepted."),
  LABELLED ("connections-refused", "belfry_connections_refused", "Connections that were closed as soon as they came, by reason.",
            "reason", "no_descriptor"),
  LABELLED ("connections-over-limit", "belfry_connections_refused", NULL, "reason", "over_limit"),
  LABELLED ("idle-closed", "belfry_connections_closed",
            "Connections that the server ended by time or to make room, by reason.", "reason", "idle"),
  LABELLED ("timeouts", "belfry_connections_closed", NULL, "reason", "timeout"),
  LABELLED ("lingering-closed", "belfry_connections_closed", NULL, "reason", "lingering"),
  GAUGE ("sessions", "belfry_sessions", "Open WebSockets and streams."),
  COUNTER ("requests", "belfry_requests_received", "Requests whose head was read."),
  COUNTER ("plain-requests", "belfry_plain_requests", "Of the requests whose head was read, those that went the short way, without the HTTP library."),
  LABELLED ("unauthorized", "belfry_requests_refused", "Requests and sockets that were turned away, by reason.",
            "reason", "unauthorized"),
  LABELLED ("forbidden", "belfry_requests_refused", NULL, "reason", "forbidden"),
  LABELLED ("rate-limited", "belfry_requests_refused", NULL, "reason", "rate_limited"),
  LABELLED ("too-large", "belfry_requests_refused", NULL, "reason", "too_large"),
  LABELLED ("headers-too-large", "belfry_requests_refused", NULL, "reason", "headers_too_large"),
  LABELLED ("bad-requests", "belfry_requests_refused", NULL, "reason", "malformed"),
  LABELLED ("answers-refused", "belfry_requests_refused", NULL, "reason", "no_room_for_answer"),
  LABELLED ("uploads-refused", "belfry_requests_refused", NULL, "reason", "no_room_for_body"),
  GAUGE ("upload-bytes", "belfry_upload_bytes", "Request bodies that are in memory."),
  GAUGE ("answer-bytes", "belfry_answers_under_way_bytes", "Answers to queries that clients have not taken yet."),
  GAUGE ("rate-limit-clients", "belfry_rate_limit_clients", "Clients whose requests are counted towards a limit now."),
  COUNTER ("rate-limit-shared", "belfry_rate_limit_shared",
           "Requests that were counted together with others because too many clients were known."),
};

static const BelfryMetricRow pipeline_rows[] = {
  LABELLED ("accepted", "belfry_published_events", "Events that came through any door, by what became of them.",
            "result", "accepted"),
  LABELLED ("rejected", "belfry_published_events", NULL, "result", "rejected"),
  LABELLED ("unavailable", "belfry_published_events", NULL, "result", "unavailable"),
  COUNTER ("conflicts", "belfry_idempotency_conflicts",
           "Requests that came while one with the same Idempotency-Key was still being processed."),
  GAUGE ("retention-usec", "belfry_retention_seconds", "How long the log keeps events; 0: for ever."),
};

static const BelfryMetricRow router_rows[] = {
  GAUGE ("active-subscribers", "belfry_subscribers", "Subscriptions that are served now."),
  GAUGE ("max-subscribers", "belfry_subscribers_limit", "How many subscriptions there may be."),
  GAUGE ("queue-size", "belfry_ring_events", "Newest events that are held in memory for subscribers."),
  GAUGE ("queue-bytes", "belfry_ring_bytes", "Memory of these events."),
  GAUGE ("catch-up-bytes", "belfry_catch_up_bytes", "What was read from the log for subscribers that are behind, and not taken yet."),
  COUNTER ("deliveries", "belfry_router_deliveries", "Events that were given to subscribers of every kind."),
  COUNTER ("fallbacks", "belfry_catch_ups", "How often a subscriber was so far behind that it went on from the log."),
  COUNTER ("gaps", "belfry_gaps", "How often a subscriber was told that the log no longer holds what it is to get."),
  COUNTER ("read-failures", "belfry_catch_up_failures", "Reads of the log for subscribers that failed."),
};

static const BelfryMetricRow store_rows[] = {
  COUNTER ("commits", "belfry_commits", "Transactions that appended events."),
  COUNTER ("events-appended", "belfry_log_appended_events", "Events that were appended to the log."),
  COUNTER ("appends-failed", "belfry_log_append_failures", "Events that could not be appended."),
  GAUGE ("events-waiting", "belfry_log_waiting_events", "Events that wait for their transaction."),
  GAUGE ("max-waiting-events", "belfry_log_waiting_events_limit", "How many events may wait; more are refused."),
  GAUGE ("largest-batch", "belfry_commit_largest_events", "Most events of one transaction since the start."),
  GAUGE ("reads-waiting", "belfry_log_waiting_reads", "Queries that wait for a reader."),
  GAUGE ("wal-bytes", "belfry_wal_bytes", "Length of the write-ahead log."),
  GAUGE ("database-bytes", "belfry_database_bytes", "Size of the database file."),
  GAUGE ("tail-events", "belfry_log_unindexed_events", "Newest events whose index is still in memory."),
  GAUGE ("chores-set-aside", "belfry_log_chores_set_aside", "Kinds of upkeep that wait for a new start because of damage."),
  COUNTER ("clock-held", "belfry_clock_held_events", "Events whose time was held because the clock had gone back."),
  COUNTER ("queries-cut", "belfry_queries_cut", "Answers to queries that were cut because of their size."),
  LABELLED ("receipts-stored", "belfry_idempotency_requests", "Requests with an Idempotency-Key, by what became of them.",
            "result", "stored"),
  LABELLED ("receipts-repeated", "belfry_idempotency_requests", NULL, "result", "repeated"),
  LABELLED ("receipts-mismatched", "belfry_idempotency_requests", NULL, "result", "mismatched"),
  COUNTER ("receipts-dropped", "belfry_idempotency_dropped_keys", "Keys that were forgotten before their time for want of room."),
  GAUGE ("receipt-bytes", "belfry_idempotency_bytes", "Keys and answers that are kept."),
  GAUGE ("dead-letters", "belfry_dead_letters_kept", "Dead letters that are kept."),
  GAUGE ("dead-letter-bytes", "belfry_dead_letters_kept_bytes", "Bytes of dead letters that are kept."),
  GAUGE ("dead-letters-ever", "belfry_dead_letters_ever", "Dead letters since the database was made."),
  COUNTER ("dead-letters-dropped", "belfry_dead_letters_dropped", "Dead letters that were removed before their time for want of room."),
};

static const BelfryMetricPart parts[] = {
  { "server", server_rows, G_N_ELEMENTS (server_rows) },
  { "pipeline", pipeline_rows, G_N_ELEMENTS (pipeline_rows) },
  { "router", router_rows, G_N_ELEMENTS (router_rows) },
  { "store", store_rows, G_N_ELEMENTS (store_rows) },
};

void
belfry_metrics_add_server_parts (BelfryMetrics *metrics,
                                 BelfryServer  *server)
{
  BelfryPipeline *pipeline = belfry_server_get_pipeline (server);

  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    belfry_metrics_add_part (metrics, &parts[i]);
  belfry_metrics_bind_part (metrics, "server", G_OBJECT (server));
  belfry_metrics_bind_part (metrics, "pipeline", G_OBJECT (pipeline));
  belfry_metrics_bind_part (metrics, "router", G_OBJECT (belfry_pipeline_get_router (pipeline)));
  belfry_metrics_bind_part (metrics, "store", G_OBJECT (belfry_pipeline_get_store (pipeline)));
}
