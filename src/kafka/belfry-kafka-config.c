/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-kafka-config-private.h"

#include <string.h>

typedef struct
{
  const char *name;
  const char *value;
} Property;

/* What an administrator may change. Events that are not acknowledged yet wait as long as it takes: a message that times out would
 * only be sent again. */
static const Property defaults[] = {
  { "client.id", "belfry" },
  { "linger.ms", "5" },
  { "message.timeout.ms", "0" },
  { "partitioner", "murmur2_random" },
  { "reconnect.backoff.ms", "100" },
  { "reconnect.backoff.max.ms", "2000" },
  { "topic.metadata.propagation.max.ms", "5000" },
  { "log.connection.close", "false" },
};

/* What the promises rest upon: each event at least once, in order, and known to be there.
 *
 * One request at a time: a broker that knows nothing of a producer takes its first batch whatever the sequence number, so when one
 * comes before the partition is ready there and the next one after that, the second is taken, the first is not any more, and
 * librdkafka takes it for acknowledged. */
static const Property fixed[] = {
  { "max.in.flight.requests.per.connection", "1" },
  { "enable.idempotence", "true" },
  { "acks", "all" },
  { "log.queue", "true" },
};

static const char * const reserved[] = {
  "enable.idempotence", "acks", "request.required.acks", "max.in.flight.requests.per.connection", "max.in.flight", "bootstrap.servers",
  "metadata.broker.list", "log.queue", "queuing.strategy", "transactional.id", "enable.gapless.guarantee",
  "delivery.report.only.error", "statistics.interval.ms",
};

void
belfry_kafka_config_free (BelfryKafkaConfig *self)
{
  g_strfreev (self->values);
  g_strfreev (self->names);
  g_free (self->letter_topic);
  g_free (self->topic);
  g_free (self->servers);
  g_free (self);
}

/* Up to the next comma that is not escaped; *text moves behind it. */
static char *
take_entry (const char **text)
{
  GString *entry = g_string_new (NULL);

  for (; **text != '\0' && **text != ','; (*text)++)
    {
      if (**text == '\\' && (*text)[1] == ',')
        (*text)++;
      g_string_append_c (entry, **text);
    }
  if (**text == ',')
    (*text)++;
  return g_strstrip (g_string_free (entry, FALSE));
}

/* The value may be a secret, and is not told. */
static gboolean
set_refused (GError     **error,
             const char  *name,
             const char  *reason)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "KAFKA_CONFIG: '%s' %s; allowed: properties of a librdkafka producer as "
               "name=value, separated by commas", name, reason);
  return FALSE;
}

static gboolean
parse_properties (BelfryKafkaConfig  *self,
                  const char         *text,
                  GError            **error)
{
  g_autoptr(GStrvBuilder) names = g_strv_builder_new ();
  g_autoptr(GStrvBuilder) values = g_strv_builder_new ();

  while (text != NULL && *text != '\0')
    {
      g_autofree char *entry = take_entry (&text);
      char *sign = strchr (entry, '=');

      if (entry[0] == '\0')
        continue;
      if (sign == NULL || sign == entry)
        return set_refused (error, entry, "is no name=value");
      *sign = '\0';
      g_strchomp (entry);
      if (g_strv_contains (reserved, entry))
        return set_refused (error, entry, "is not for you to choose");
      g_strv_builder_add (names, entry);
      g_strv_builder_add (values, g_strchug (sign + 1));
    }
  self->names = g_strv_builder_end (names);
  self->values = g_strv_builder_end (values);

  return TRUE;
}

static gboolean
check_topic (const char  *setting,
             const char  *name,
             GError     **error)
{
  gsize length = strspn (name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

  if (name[length] == '\0' && length >= 1 && length <= 249 && !g_str_equal (name, ".") && !g_str_equal (name, ".."))
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s: '%s' is not allowed; allowed: 1 to 249 of A-Z a-z 0-9 . _ -",
               setting, name);
  return FALSE;
}

BelfryKafkaConfig *
belfry_kafka_config_new (const char  *servers,
                         const char  *topic,
                         const char  *letter_topic,
                         guint        partitions,
                         const char  *properties,
                         GError     **error)
{
  g_autoptr(BelfryKafkaConfig) self = g_new0 (BelfryKafkaConfig, 1);

  if (!check_topic ("KAFKA_TOPIC", topic, error)
      || (letter_topic != NULL && !check_topic ("KAFKA_DLQ_TOPIC", letter_topic, error)))
    return NULL;

  self->servers = g_strdup (servers);
  self->topic = g_strdup (topic);
  self->letter_topic = g_strdup (letter_topic);
  self->partitions = (int) partitions;
  if (!parse_properties (self, properties, error))
    return NULL;

  return g_steal_pointer (&self);
}

/* Ours are known to be right. */
static void
set_own (rd_kafka_conf_t *conf,
         const char      *name,
         const char      *value)
{
  char reason[256];

  if (rd_kafka_conf_set (conf, name, value, reason, sizeof reason) != RD_KAFKA_CONF_OK)
    g_critical ("librdkafka refuses '%s': %s", name, reason);
}

static gboolean
set_properties (const BelfryKafkaConfig  *self,
                rd_kafka_conf_t          *conf,
                const char               *servers,
                gboolean                  one_by_one,
                GError                  **error)
{
  char reason[256];

  for (gsize i = 0; i < G_N_ELEMENTS (defaults); i++)
    set_own (conf, defaults[i].name, defaults[i].value);
  for (gsize i = 0; self->names[i] != NULL; i++)
    if (rd_kafka_conf_set (conf, self->names[i], self->values[i], reason, sizeof reason) != RD_KAFKA_CONF_OK)
      return set_refused (error, self->names[i], "is unknown, or its value is not allowed");
  for (gsize i = 0; i < G_N_ELEMENTS (fixed); i++)
    set_own (conf, fixed[i].name, fixed[i].value);
  if (one_by_one)
    set_own (conf, "batch.num.messages", "1");

  if (servers == NULL || rd_kafka_conf_set (conf, "bootstrap.servers", servers, reason, sizeof reason) == RD_KAFKA_CONF_OK)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "KAFKA_BOOTSTRAP_SERVERS: '%s' is not allowed; allowed: HOST:PORT, separated by commas", servers);
  return FALSE;
}

static rd_kafka_t *
make_handle (const BelfryKafkaConfig  *self,
             const char               *servers,
             gboolean                  one_by_one,
             GError                  **error)
{
  rd_kafka_conf_t *conf = rd_kafka_conf_new ();
  rd_kafka_t *handle;
  char reason[512];

  if (!set_properties (self, conf, servers, one_by_one, error))
    {
      rd_kafka_conf_destroy (conf);
      return NULL;
    }

  rd_kafka_conf_set_events (conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
  handle = rd_kafka_new (RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
  if (handle == NULL)
    {
      rd_kafka_conf_destroy (conf);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "KAFKA_CONFIG: %s", reason);
      return NULL;
    }
  rd_kafka_set_log_queue (handle, NULL);

  return handle;
}

rd_kafka_t *
belfry_kafka_config_open (const BelfryKafkaConfig  *self,
                          gboolean                  one_by_one,
                          GError                  **error)
{
  return make_handle (self, self->servers, one_by_one, error);
}

/* Only librdkafka knows what goes together, and whether the files that are named can be used. Without servers: it would look up their
 * names, and then wait for the answers. */
gboolean
belfry_kafka_config_check (const BelfryKafkaConfig  *self,
                           GError                  **error)
{
  rd_kafka_t *handle = make_handle (self, NULL, FALSE, error);

  if (handle != NULL)
    rd_kafka_destroy (handle);

  return handle != NULL;
}
