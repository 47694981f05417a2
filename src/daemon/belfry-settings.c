/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-settings.h"

#include "belfry-setting-values.h"

/* The one table of settings. The manual, the reference and the options of the command line are made from it. */

#define FIELD(name) G_STRUCT_OFFSET (BelfrySettings, name)
#define GIBIBYTE    (1024 * 1024 * 1024ull)

static const BelfrySettingInfo settings[] = {
  { "HOST", "host", "HTTP_HOST", BELFRY_SETTING_HOST, "0.0.0.0", 0, 0, NULL, NULL,
    "Address or name to listen on", FIELD (host), FALSE },
  { "PORT", "port", "HTTP_PORT", BELFRY_SETTING_PORTS, "8001", 0, G_MAXUINT16, NULL, NULL,
    "Ports to listen on, separated by commas; 0 is any free one", FIELD (ports), FALSE },
  { "DEBUG", "debug", NULL, BELFRY_SETTING_BOOLEAN, "false", 0, 0, NULL, NULL,
    "Log at level DEBUG", FIELD (debug), FALSE, TRUE },
  { "DATABASE_PATH", "database", NULL, BELFRY_SETTING_FILE, "data/events.db", 0, 0, NULL, NULL,
    "File that holds the log", FIELD (database_path), FALSE },
  { "CORS_ORIGINS", "cors-origins", NULL, BELFRY_SETTING_ORIGINS, "*", 0, 0, NULL, NULL,
    "Origins whose pages may use the service, separated by commas; * is all", FIELD (cors_origins), FALSE, TRUE },
  { "REQUIRE_AUTH", "require-auth", NULL, BELFRY_SETTING_BOOLEAN, "false", 0, 0, NULL, NULL,
    "Ask every client for the key", FIELD (require_auth), FALSE, TRUE },
  { "API_KEY", NULL, NULL, BELFRY_SETTING_KEY, NULL, 0, 0, NULL, NULL,
    "A key that may do everything; it is never given as an option, where others could read it", FIELD (api_key), TRUE, TRUE },
  { "API_KEYS_FILE", "api-keys-file", NULL, BELFRY_SETTING_FILE, NULL, 0, 0, NULL, NULL,
    "Key file with further keys, as hashes, and what they allow", FIELD (api_keys_file), FALSE, TRUE },
  { "TRUSTED_PROXIES", "trusted-proxies", NULL, BELFRY_SETTING_NETWORKS, "", 0, 0, NULL, NULL,
    "Proxies whose X-Forwarded-For tells the client's address", FIELD (trusted_proxies), FALSE, TRUE },
  { "RATE_LIMIT_PUBLISH", NULL, NULL, BELFRY_SETTING_RATE, "200/minute", 0, 0, NULL, NULL,
    "POST /events that one address or key may send", FIELD (rate_limit_publish), FALSE, TRUE },
  { "RATE_LIMIT_QUERY", NULL, NULL, BELFRY_SETTING_RATE, "600/minute", 0, 0, NULL, NULL,
    "GET requests that one address or key may send", FIELD (rate_limit_query), FALSE, TRUE },
  { "RATE_LIMIT_ADMIN", NULL, NULL, BELFRY_SETTING_RATE, "10/minute", 0, 0, NULL, NULL,
    "DELETE /events, POST /event-types and requests for dead letters that one address or key may send", FIELD (rate_limit_admin), FALSE, TRUE },
  { "RATE_LIMIT_FILTERS", NULL, NULL, BELFRY_SETTING_RATE, "600/minute", 0, 0, NULL, NULL,
    "Changes to stored filters that one address or key may send", FIELD (rate_limit_filters), FALSE, TRUE },
  { "RATE_LIMIT_COLLECT", NULL, NULL, BELFRY_SETTING_RATE, "unlimited", 0, 0, NULL, NULL,
    "Batches that one address or key may have collected", FIELD (rate_limit_collect), FALSE, TRUE },
  { "RATE_LIMIT_MAX_CLIENTS", NULL, NULL, BELFRY_SETTING_NUMBER, "100000", 1, 10000000, NULL, "clients",
    "Addresses that are counted on their own, in each class; further ones share what one may", FIELD (rate_limit_max_clients), FALSE, TRUE },
  { "MAX_QUEUE_SIZE", NULL, NULL, BELFRY_SETTING_NUMBER, "10000", 1, 10000000, NULL, "events",
    "Newest events kept in memory for live subscribers", FIELD (max_queue_size), FALSE },
  { "RING_MAX_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "33554432", 65536, 64 * GIBIBYTE, NULL, "bytes",
    "Memory that the newest events may take", FIELD (ring_max_bytes), FALSE },
  { "MAX_SUBSCRIBERS", NULL, NULL, BELFRY_SETTING_NUMBER, "5000", 1, 1000000, NULL, "subscribers",
    "Live subscribers at a time", FIELD (max_subscribers), FALSE },
  { "MAILBOX_MAX_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "1048576", 4096, GIBIBYTE, NULL, "bytes",
    "Events that may wait for one subscriber before it is served from the log", FIELD (mailbox_max_bytes), FALSE },
  { "CATCH_UP_MAX_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "33554432", 65536, 64 * GIBIBYTE, NULL, "bytes",
    "Events read from the log that may wait for all subscribers; above it they get smaller pages", FIELD (catch_up_max_bytes), FALSE },
  { "MAX_WAITING_EVENTS", NULL, NULL, BELFRY_SETTING_NUMBER, "50000", 1, 100000000, NULL, "events",
    "Events that may wait for the disk before publishers get 503", FIELD (max_waiting_events), FALSE },
  { "MAX_WAITING_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "67108864", 65536, 64 * GIBIBYTE, NULL, "bytes",
    "Bytes that may wait for the disk before publishers get 503", FIELD (max_waiting_bytes), FALSE },
  { "IDEMPOTENCY_WINDOW", NULL, NULL, BELFRY_SETTING_DURATION, "24h", 0, 0, NULL, NULL,
    "How long a repeat with the same Idempotency-Key gets the first answer; 0 forgets it with the answer",
    FIELD (idempotency_window_usec), FALSE },
  { "IDEMPOTENCY_MAX_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "1073741824", 65536, 1024 * GIBIBYTE, NULL, "bytes",
    "Answers kept for such repeats; above it the oldest are forgotten before their time",
    FIELD (idempotency_max_bytes), FALSE },
  { "MAX_WS_MESSAGE_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "1048576", 1024, GIBIBYTE, NULL, "bytes",
    "Longest WebSocket message", FIELD (max_ws_message_bytes), FALSE },
  { "MAX_WS_CONNECTIONS_PER_IP", NULL, NULL, BELFRY_SETTING_NUMBER, "20", 1, 1000000, NULL, "connections",
    "WebSocket connections of one address (IPv6: of one /64) at a time", FIELD (max_ws_connections_per_ip), FALSE, TRUE },
  { "MAX_CONNECTIONS", NULL, NULL, BELFRY_SETTING_NUMBER, "0", 0, 10000000, NULL, "connections",
    "Connections at a time; 0 is as many as the limit of open files leaves", FIELD (max_connections), FALSE, TRUE },
  { "HEADER_TIMEOUT", NULL, NULL, BELFRY_SETTING_DURATION, "10s", 0, 86400, NULL, NULL,
    "Time for the head of a request, and for a TLS handshake; 0 is without end", FIELD (header_timeout_usec), FALSE, TRUE },
  { "BODY_STALL_TIMEOUT", NULL, NULL, BELFRY_SETTING_DURATION, "30s", 0, 86400, NULL, NULL,
    "Time that the body of a request may stand still; 0 is without end", FIELD (body_stall_timeout_usec), FALSE, TRUE },
  { "BODY_TIMEOUT", NULL, NULL, BELFRY_SETTING_DURATION, "120s", 0, 86400, NULL, NULL,
    "Time for the body of a request; 0 is without end", FIELD (body_timeout_usec), FALSE, TRUE },
  { "IDLE_TIMEOUT", NULL, NULL, BELFRY_SETTING_DURATION, "75s", 0, 86400, NULL, NULL,
    "Time that a connection may rest without a request; 0 is without end", FIELD (idle_timeout_usec), FALSE, TRUE },
  { "WRITE_TIMEOUT", NULL, NULL, BELFRY_SETTING_DURATION, "60s", 0, 86400, NULL, NULL,
    "Time that a client may take nothing of an answer; 0 is without end", FIELD (write_timeout_usec), FALSE, TRUE },
  { "MAX_PAYLOAD_KEYS", NULL, NULL, BELFRY_SETTING_NUMBER, "50", 0, 100000, NULL, "members",
    "Members at the top level of an event's payload", FIELD (max_payload_keys), FALSE },
  { "MAX_PAYLOAD_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "65536", 2, 64 * 1024 * 1024, NULL, "bytes",
    "Length of an event's payload in its compact form", FIELD (max_payload_bytes), FALSE },
  { "MAX_BODY_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, NULL, 1024, GIBIBYTE, NULL, "bytes",
    "Longest request body; 8 times MAX_PAYLOAD_BYTES and 16384 when unset", FIELD (max_body_bytes), FALSE, TRUE },
  { "MAX_UPLOAD_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "134217728", 65536, 64 * GIBIBYTE, NULL, "bytes",
    "Request bodies in memory, half-sent ones included; each may take what is free, and gets 503 beyond", FIELD (max_upload_bytes), FALSE, TRUE },
  { "MAX_ANSWER_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "268435456", 65536, 64 * GIBIBYTE, NULL, "bytes",
    "Answers to queries that may be under way, unread ones included, before further queries get 503", FIELD (max_answer_bytes), FALSE, TRUE },
  { "D_BUS", "d-bus", NULL, BELFRY_SETTING_CHOICE, "session", 0, 0, "session|system|off", NULL,
    "Bus to be found on as org.belfry.Belfry; without that bus the service runs all the same", FIELD (d_bus), FALSE },
  { "D_BUS_GROUP", NULL, NULL, BELFRY_SETTING_STRING, "belfry", 0, 0, NULL, NULL,
    "Group whose members may query and follow over the system bus", FIELD (d_bus_group), FALSE },
  { "D_BUS_MAX_CALLS", NULL, NULL, BELFRY_SETTING_NUMBER, "64", 1, 100000, NULL, "calls",
    "D-Bus calls in work at a time", FIELD (d_bus_max_calls), FALSE },
  { "D_BUS_MAX_STREAMS", NULL, NULL, BELFRY_SETTING_NUMBER, "1000", 0, 1000000, NULL, "streams",
    "Streams that one user may hold open over D-Bus", FIELD (d_bus_max_streams), FALSE },
  { "D_BUS_MAX_ANSWER_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "16777216", 65536, 60 * 1024 * 1024, NULL, "bytes",
    "Largest answer over D-Bus; four at most are made at a time", FIELD (d_bus_max_answer_bytes), FALSE },
  { "EVENT_RETENTION", NULL, NULL, BELFRY_SETTING_DURATION, "0", 0, 0, NULL, NULL,
    "Age at which events are deleted, such as 30d, looked at once a minute; 0 keeps them", FIELD (event_retention_usec), FALSE, TRUE },
  { "LOG_LEVEL", "log-level", NULL, BELFRY_SETTING_CHOICE, "INFO", 0, 0, "DEBUG|INFO|WARNING|ERROR", NULL,
    "Least level that is logged", FIELD (log_level), FALSE, TRUE },
  { "LOG_FORMAT", "log-format", NULL, BELFRY_SETTING_CHOICE, "text", 0, 0, "text|json", NULL,
    "Form of the log on standard error; the journal gets fields in place of text", FIELD (log_format), FALSE, TRUE },
  { "SERVICE_NAME", NULL, NULL, BELFRY_SETTING_STRING, "event-pipeline", 0, 0, NULL, NULL,
    "Name that /health tells", FIELD (service_name), FALSE, TRUE },
  { "VERSION", NULL, NULL, BELFRY_SETTING_STRING, NULL, 0, 0, NULL, NULL,
    "Read, without effect", FIELD (version), FALSE },
  { "TLS_CERTIFICATE", "tls-certificate", NULL, BELFRY_SETTING_FILE, NULL, 0, 0, NULL, NULL,
    "File with the certificate chain, PEM", FIELD (tls_certificate), FALSE, TRUE },
  { "TLS_PRIVATE_KEY", "tls-private-key", NULL, BELFRY_SETTING_FILE, NULL, 0, 0, NULL, NULL,
    "File with the private key, PEM", FIELD (tls_private_key), FALSE, TRUE },
  { "BELFRY_EVENT_TYPES_DIR", "event-types-dir", NULL, BELFRY_SETTING_FOLDER,
    BELFRY_SYSCONFDIR "/belfry/event-types.d", 0, 0, NULL, NULL,
    "Folder of key files with event types", FIELD (event_types_dir), FALSE, TRUE },
  { "GRPC_HOST", NULL, NULL, BELFRY_SETTING_HOST, "0.0.0.0", 0, 0, NULL, NULL,
    "Address to serve gRPC on", FIELD (grpc_host), FALSE },
  { "GRPC_PORT", "grpc-port", NULL, BELFRY_SETTING_PORT, "50051", 0, 0, NULL, NULL,
    "Port to serve gRPC on; 0 is any free one, off is none. When it is 50051 and taken, there is a warning and no gRPC", FIELD (grpc_port), FALSE },
  { "MAX_BATCH_SIZE", NULL, NULL, BELFRY_SETTING_NUMBER, "100", 1, 100000, NULL, "events",
    "Events that one request may bring to the collector", FIELD (max_batch_size), FALSE },
  { "MAX_BATCH_SIZE_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "1048576", 1024, 256 * 1024 * 1024, NULL, "bytes",
    "Longest request to the collector, before and after it is unpacked", FIELD (max_batch_size_bytes), FALSE },
  { "STREAM_BATCH_SIZE", NULL, NULL, BELFRY_SETTING_NUMBER, "10", 1, 10000, NULL, "events",
    "Events of a gRPC stream that one acknowledgement covers at most", FIELD (stream_batch_size), FALSE },
  { "DEAD_LETTERS_MAX", NULL, NULL, BELFRY_SETTING_NUMBER, "100000", 0, 1000000000, NULL, "letters",
    "Refused events that are kept; the oldest go first. 0 is without end", FIELD (dead_letters_max), FALSE },
  { "DEAD_LETTERS_MAX_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "268435456", 0, 1024 * GIBIBYTE, NULL, "bytes",
    "Bytes of refused events that are kept; the oldest go first. 0 is without end", FIELD (dead_letters_max_bytes), FALSE },
  { "DEAD_LETTER_RETENTION", NULL, NULL, BELFRY_SETTING_DURATION, "30d", 0, 0, NULL, NULL,
    "How long refused events are kept; 0 is without end", FIELD (dead_letter_retention_usec), FALSE },
  { "KAFKA_BOOTSTRAP_SERVERS", "kafka", NULL, BELFRY_SETTING_STRING, "", 0, 0, NULL, NULL,
    "Kafka brokers that every event is forwarded to, as HOST:PORT separated by commas; empty: none", FIELD (kafka_bootstrap_servers), FALSE },
  { "KAFKA_TOPIC", NULL, NULL, BELFRY_SETTING_STRING, "learner.events", 0, 0, NULL, NULL,
    "Topic of the events", FIELD (kafka_topic), FALSE },
  { "KAFKA_DLQ_TOPIC", NULL, NULL, BELFRY_SETTING_STRING, "learner.events.dlq", 0, 0, NULL, NULL,
    "Topic of what was refused; empty: it is only kept here", FIELD (kafka_dlq_topic), FALSE },
  { "KAFKA_START", NULL, NULL, BELFRY_SETTING_CHOICE, "end", 0, 0, "end|beginning", NULL,
    "When Kafka is set for the first time: forward what comes from then on, or all that the log holds", FIELD (kafka_start), FALSE },
  { "KAFKA_CONFIG", NULL, NULL, BELFRY_SETTING_STRING, NULL, 0, 0, NULL, NULL,
    "More properties of librdkafka, as name=value separated by commas; a comma within a value is \\,. It may hold secrets and is never given as an option",
    FIELD (kafka_config), TRUE },
  { "KAFKA_PARTITIONS", NULL, NULL, BELFRY_SETTING_NUMBER, "6", 1, 10000, NULL, "partitions",
    "Partitions of topics that have to be created", FIELD (kafka_partitions), FALSE },
  { "KAFKA_MAX_IN_FLIGHT", NULL, NULL, BELFRY_SETTING_NUMBER, "5000", 1, 1000000, NULL, "events",
    "Events on their way to Kafka at a time; the others wait in the log", FIELD (kafka_max_in_flight), FALSE },
  { "BUFFER_DIR", NULL, NULL, BELFRY_SETTING_FOLDER, NULL, 0, 0, NULL, NULL,
    "Folder of the log, which is events.db in it, when DATABASE_PATH is unset", FIELD (buffer_dir), FALSE },
  { "BUFFER_RETENTION_HOURS", NULL, NULL, BELFRY_SETTING_NUMBER, "24", 1, 876000, NULL, "hours",
    "How long an event may wait for Kafka before no more are accepted", FIELD (buffer_retention_hours), FALSE },
  { "BUFFER_MAX_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "10737418240", 65536, 1024 * 1024 * GIBIBYTE, NULL, "bytes",
    "How much may wait for Kafka before no more is accepted", FIELD (buffer_max_bytes), FALSE },
};

const BelfrySettingInfo *
belfry_settings_list (gsize *n_settings)
{
  *n_settings = G_N_ELEMENTS (settings);
  return settings;
}

/* What no single value can tell. */
static gboolean
check_together (BelfrySettings  *self,
                GError         **error)
{
  if (self->require_auth && self->api_key == NULL && self->api_keys_file == NULL)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                           "REQUIRE_AUTH: 'true' is not allowed without a key; allowed: true together with API_KEY or API_KEYS_FILE");
      return FALSE;
    }
  if ((self->tls_certificate != NULL) != (self->tls_private_key != NULL))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "%s: '' is not allowed; allowed: TLS_CERTIFICATE and TLS_PRIVATE_KEY together",
                   self->tls_certificate != NULL ? "TLS_PRIVATE_KEY" : "TLS_CERTIFICATE");
      return FALSE;
    }
  if (self->max_body_bytes == 0)
    self->max_body_bytes = 8 * self->max_payload_bytes + 16384;

  return TRUE;
}

static gboolean
is_given (BelfrySettingSources *sources,
          const char           *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (settings); i++)
    if (g_str_equal (settings[i].name, name))
      return belfry_setting_sources_find (sources, &settings[i], NULL) != NULL;

  return FALSE;
}

static void
use_buffer_dir (BelfrySettings       *self,
                BelfrySettingSources *sources)
{
  if (self->buffer_dir == NULL || self->buffer_dir[0] == '\0' || is_given (sources, "DATABASE_PATH"))
    return;

  g_free (self->database_path);
  self->database_path = g_build_filename (self->buffer_dir, "events.db", NULL);
}

static void
take_problem (GPtrArray *problems,
              GError    *error)
{
  g_ptr_array_add (problems, g_strdup (error->message));
  g_error_free (error);
}

BelfrySettings *
belfry_settings_new_with_problems (BelfrySettingSources *sources,
                                   GPtrArray            *problems)
{
  g_autoptr(BelfrySettings) self = g_new0 (BelfrySettings, 1);
  guint n_before = problems->len;
  GError *error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (settings); i++)
    {
      const char *file = NULL;
      const char *text = belfry_setting_sources_find (sources, &settings[i], &file);

      if (text == NULL)
        text = settings[i].unset;
      if (text != NULL && !belfry_setting_parse (&settings[i], text, file, self, &error))
        take_problem (problems, g_steal_pointer (&error));
    }

  use_buffer_dir (self, sources);
  if (problems->len == n_before && !check_together (self, &error))
    take_problem (problems, g_steal_pointer (&error));

  return problems->len == n_before ? g_steal_pointer (&self) : NULL;
}

BelfrySettings *
belfry_settings_new (BelfrySettingSources  *sources,
                     GError               **error)
{
  g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(BelfrySettings) self = belfry_settings_new_with_problems (sources, problems);

  /* One line stops the start: the first. */
  if (self == NULL)
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, g_ptr_array_index (problems, 0));

  return g_steal_pointer (&self);
}

void
belfry_settings_free (BelfrySettings *self)
{
  for (gsize i = 0; i < G_N_ELEMENTS (settings); i++)
    belfry_setting_clear (&settings[i], self);
  g_free (self);
}
