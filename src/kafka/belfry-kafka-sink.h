/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-sink.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_KAFKA_SINK (belfry_kafka_sink_get_type ())

/* Every event becomes a message of a Kafka topic. Read-only properties: delivered, refused,
 * refused-message-too-large, refused-invalid-record, errors, queue-full, restarts. */
G_DECLARE_FINAL_TYPE (BelfryKafkaSink, belfry_kafka_sink, BELFRY, KAFKA_SINK, GObject)

/* properties: more of librdkafka's, as name=value, separated by commas; may be NULL. partitions: of topics that have to be created.
 * letter_topic may be NULL. NULL when that is malformed. Does not wait for a broker. */
BelfryKafkaSink *belfry_kafka_sink_new (const char *servers, const char *topic, const char *letter_topic, guint partitions,
                                        const char *properties, GError **error);
/* Whether that would give one that works, as far as that can be known without a broker. */
gboolean         belfry_kafka_sink_check (const char *servers, const char *topic, const char *letter_topic, const char *properties,
                                          GError **error);

G_END_DECLS
