/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-kafka-config-private.h"
#include "belfry-kafka-trouble-private.h"

G_BEGIN_DECLS

/* One producer of librdkafka with what hangs on it. Of one thread. */
typedef struct
{
  rd_kafka_t       *rk;     /* NULL while it is closed */
  rd_kafka_queue_t *queue;  /* what it has to say */
  rd_kafka_topic_t *topic;
  rd_kafka_topic_t *letter_topic;   /* or NULL */
  gboolean          has_topics;     /* as far as it is known */
  gboolean          is_asking;      /* for topics to be created */
  gint64            ask_again_usec;
} BelfryKafkaHandle;

gboolean           belfry_kafka_handle_open          (BelfryKafkaHandle *self, const BelfryKafkaConfig *config, gboolean one_by_one,
                                                      int wake_fd, GError **error);
/* What it has not sent yet is lost. */
void               belfry_kafka_handle_close         (BelfryKafkaHandle *self);
/* Has missing topics created, once; FALSE while that is not answered. */
gboolean           belfry_kafka_handle_ensure_topics (BelfryKafkaHandle *self, const BelfryKafkaConfig *config);
/* Has missing topics created, if that was not tried just now. Nobody need wait for it. */
void               belfry_kafka_handle_ask_for_topics (BelfryKafkaHandle *self, const BelfryKafkaConfig *config);
/* The answer; FALSE when it is none of a broker. */
gboolean           belfry_kafka_handle_take_topics   (BelfryKafkaHandle *self, rd_kafka_event_t *event);
void               belfry_kafka_handle_forget_topics (BelfryKafkaHandle *self);
/* Asks whether the topic is there; waits for the answer, but not long. */
BelfryKafkaTrouble belfry_kafka_handle_probe         (BelfryKafkaHandle *self);
void               belfry_kafka_handle_log           (rd_kafka_event_t *event);

G_END_DECLS
