/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <librdkafka/rdkafka.h>

#include <gio/gio.h>

G_BEGIN_DECLS

/* How a producer is to be made. Constant, so that any thread may read it. */
typedef struct
{
  char  *servers;       /* owned, like all texts */
  char  *topic;
  char  *letter_topic;  /* or NULL */
  int    partitions;    /* of a topic that has to be created */
  char **names;         /* of more properties */
  char **values;
} BelfryKafkaConfig;

/* properties: name=value, separated by commas; \, is a comma within a value. */
BelfryKafkaConfig *belfry_kafka_config_new  (const char *servers, const char *topic, const char *letter_topic, guint partitions,
                                             const char *properties, GError **error);
void               belfry_kafka_config_free (BelfryKafkaConfig *self);
/* Whether it can be opened. */
gboolean           belfry_kafka_config_check (const BelfryKafkaConfig *self, GError **error);
/* A producer that speaks through its main queue. one_by_one: each message travels alone, so that a refusal means it and no other. */
rd_kafka_t        *belfry_kafka_config_open (const BelfryKafkaConfig *self, gboolean one_by_one, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryKafkaConfig, belfry_kafka_config_free)

G_END_DECLS
