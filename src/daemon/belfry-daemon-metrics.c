/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-daemon-metrics.h"

#include "belfry-metrics-private.h"
#include "belfry-sqlite-store-private.h"

/* A row for each number that a part tells. All are 0 from the start, so that somebody may wait for one to grow. */

#define COUNTER(property, family, help) { property, BELFRY_METRIC_KIND_COUNTER, family, help, { NULL } }
#define GAUGE(property, family, help)   { property, BELFRY_METRIC_KIND_GAUGE, family, help, { NULL } }
#define LABELLED(property, family, help, label, value) \
  { property, BELFRY_METRIC_KIND_COUNTER, family, help, { label, value } }

#define DOOR(property, door, result) \
  { property, BELFRY_METRIC_KIND_COUNTER, "belfry_events", NULL, { "door", door, "result", result } }

#define DEAD_LETTERS_HELP "Events that were refused and kept as dead letters, by reason."

static const BelfryMetricRow dbus_rows[] = {
  LABELLED ("delivered", "belfry_deliveries", NULL, "transport", "dbus"),
  COUNTER ("calls", "belfry_dbus_calls", "Calls on D-Bus."),
  LABELLED ("calls-denied", "belfry_dbus_calls_refused", "Calls on D-Bus that were refused, by reason.", "reason", "denied"),
  LABELLED ("calls-busy", "belfry_dbus_calls_refused", NULL, "reason", "busy"),
  GAUGE ("streams", "belfry_dbus_streams", "Open pipes of OpenStream."),
  COUNTER ("streams-opened", "belfry_dbus_streams_opened", "Pipes that OpenStream gave out."),
  COUNTER ("streams-refused", "belfry_dbus_streams_refused", "Pipes that OpenStream refused."),
};

static const BelfryMetricRow collector_rows[] = {
  LABELLED ("refused-not-an-object", "belfry_dead_letters", DEAD_LETTERS_HELP, "reason", "not_an_object"),
  LABELLED ("refused-missing-field", "belfry_dead_letters", NULL, "reason", "missing_field"),
  LABELLED ("refused-invalid-field", "belfry_dead_letters", NULL, "reason", "invalid_field"),
  LABELLED ("refused-unknown-event-type", "belfry_dead_letters", NULL, "reason", "unknown_event_type"),
  LABELLED ("refused-invalid-timestamp", "belfry_dead_letters", NULL, "reason", "invalid_timestamp"),
  LABELLED ("refused-payload-too-large", "belfry_dead_letters", NULL, "reason", "payload_too_large"),
  LABELLED ("http-batches", "belfry_collect_batches", "Batches that were collected, by door.", "door", "collect"),
  LABELLED ("grpc-batches", "belfry_collect_batches", NULL, "door", "grpc"),
  COUNTER ("unavailable", "belfry_collect_unavailable_events", "Collected events that the log could not take."),
  DOOR ("http-accepted", "collect", "accepted"),
  DOOR ("http-rejected", "collect", "rejected"),
  DOOR ("grpc-accepted", "grpc", "accepted"),
  DOOR ("grpc-rejected", "grpc", "rejected"),
};

static const BelfryMetricRow grpc_rows[] = {
  GAUGE ("open-calls", "belfry_grpc_open_calls", "gRPC calls that are under way, streams included."),
  GAUGE ("open-streams", "belfry_grpc_open_streams", "gRPC streams that are open."),
  GAUGE ("bytes-in-work", "belfry_grpc_in_work_bytes", "Messages of gRPC that were read and not answered yet."),
  GAUGE ("bytes-untold", "belfry_grpc_untold_bytes", "What became of streamed events and was not acknowledged yet."),
  COUNTER ("calls", "belfry_grpc_calls", "gRPC calls."),
  COUNTER ("messages", "belfry_grpc_messages", "Messages of gRPC clients."),
  LABELLED ("calls-refused", "belfry_grpc_calls_refused", "gRPC calls and messages that were refused, by reason.", "reason", "capacity"),
  LABELLED ("unauthenticated", "belfry_grpc_calls_refused", NULL, "reason", "unauthenticated"),
  LABELLED ("malformed", "belfry_grpc_calls_refused", NULL, "reason", "malformed"),
  LABELLED ("too-large", "belfry_grpc_calls_refused", NULL, "reason", "too_large"),
  LABELLED ("timeouts", "belfry_grpc_calls_refused", NULL, "reason", "timeout"),
  COUNTER ("cancelled", "belfry_grpc_calls_cancelled", "gRPC calls that their client gave up."),
  COUNTER ("not-taken", "belfry_grpc_calls_cut", "gRPC calls that were cut off because their client took nothing of the answer."),
  COUNTER ("reopened", "belfry_grpc_listener_restarts", "How often gRPC lost its listener and listened anew."),
  COUNTER ("acknowledgements", "belfry_grpc_acknowledgements", "Acknowledgements of StreamEvents."),
  COUNTER ("reads-held-back", "belfry_grpc_reads_held_back", "How often a client was not read from because too much was in work."),
  COUNTER ("accepted", "belfry_grpc_messages_accepted", "Events in gRPC messages that were accepted."),
  COUNTER ("refused", "belfry_grpc_messages_refused", "Events in gRPC messages that were refused."),
};

static const BelfryMetricRow forwarder_rows[] = {
  COUNTER ("acknowledged", "belfry_kafka_forwarded_events", "Events that Kafka has acknowledged."),
  GAUGE ("forwarded", "belfry_kafka_forwarded_ever", "Events that Kafka has acknowledged since the database was made."),
  COUNTER ("refused", "belfry_kafka_refused_events", "Events that Kafka has refused for good."),
  GAUGE ("in-flight", "belfry_kafka_in_flight_events", "Events that were handed to the Kafka client and not acknowledged yet."),
  COUNTER ("read-failures", "belfry_kafka_read_failures", "Reads of the log for Kafka that failed."),
  COUNTER ("resets", "belfry_kafka_resets", "How often forwarding began anew behind the last acknowledged event."),
  GAUGE ("is-full", "belfry_buffer_full", "1 while every door refuses because too much waits for Kafka."),
  GAUGE ("buffer-max-bytes", "belfry_buffer_limit_bytes", "Bytes of pending events at which every door refuses more; 0: nothing is forwarded."),
  GAUGE ("pending", "belfry_kafka_pending_events", "Events behind the cursor of Kafka."),
  GAUGE ("pending-bytes", "belfry_kafka_pending_bytes", "Bytes behind the cursor of Kafka."),
};

static const BelfryMetricRow kafka_rows[] = {
  COUNTER ("errors", "belfry_kafka_errors", "Errors that the Kafka client has told of."),
  COUNTER ("delivered", "belfry_kafka_delivered_messages", "Messages that the broker took, dead letters included."),
  COUNTER ("refused", "belfry_kafka_refused_messages", "Messages that the broker refused for good."),
  LABELLED ("refused-message-too-large", "belfry_dead_letters", NULL, "reason", "message_too_large"),
  LABELLED ("refused-invalid-record", "belfry_dead_letters", NULL, "reason", "invalid_record"),
  COUNTER ("queue-full", "belfry_kafka_queue_full", "How often the queue of the Kafka client was full."),
  COUNTER ("restarts", "belfry_kafka_client_restarts", "How often the Kafka client was made anew."),
};

static const BelfryMetricRow daemon_rows[] = {
  LABELLED ("reloads", "belfry_config_reloads", "Reloads of the configuration, by result.", "result", "success"),
  LABELLED ("reloads-failed", "belfry_config_reloads", NULL, "result", "failure"),
};

static const BelfryMetricPart parts[] = {
  { "dbus", dbus_rows, G_N_ELEMENTS (dbus_rows) },
  { "collector", collector_rows, G_N_ELEMENTS (collector_rows) },
  { "grpc", grpc_rows, G_N_ELEMENTS (grpc_rows) },
  { "forwarder", forwarder_rows, G_N_ELEMENTS (forwarder_rows) },
  { "kafka", kafka_rows, G_N_ELEMENTS (kafka_rows) },
  { "daemon", daemon_rows, G_N_ELEMENTS (daemon_rows) },
};

static void
tell_store (BelfryMetrics *metrics,
            gpointer       user_data)
{
  BelfrySqliteStore *store = user_data;

  belfry_metrics_tell_histogram (metrics, "belfry_commit_seconds", belfry_sqlite_store_get_commit_times (store), 1e-6);
  belfry_metrics_tell_histogram (metrics, "belfry_commit_events", belfry_sqlite_store_get_commit_events (store), 1);
}

void
belfry_daemon_metrics_add (BelfryServer      *server,
                           BelfrySqliteStore *store)
{
  BelfryMetrics *metrics = belfry_server_get_metrics (server);

  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    belfry_metrics_add_part (metrics, &parts[i]);
  belfry_metrics_add_family (metrics, BELFRY_METRIC_KIND_HISTOGRAM, "belfry_commit_seconds",
                             "How long transactions that append events take, to the end of their flush.");
  belfry_metrics_add_family (metrics, BELFRY_METRIC_KIND_HISTOGRAM, "belfry_commit_events",
                             "How many events a transaction appends.");
  belfry_metrics_add_source (metrics, tell_store, g_object_ref (store), g_object_unref);
}
