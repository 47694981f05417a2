/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-kafka-config-private.h"
#include "belfry-kafka-trouble-private.h"
#include "belfry-sink.h"

G_BEGIN_DECLS

/* The thread that speaks with librdkafka. */
typedef struct _BelfryKafkaProducer BelfryKafkaProducer;

/* Numbers since it began. */
typedef struct
{
  guint64 delivered;   /* letters included */
  guint64 refused;
  guint64 too_large;   /* of those, as the next */
  guint64 invalid;
  guint64 errors;      /* deliveries that failed and are tried again, and what librdkafka complained of */
  guint64 queue_full;  /* how often librdkafka had no room */
  guint64 restarts;    /* of librdkafka's producer, after what it cannot recover from */
} BelfryKafkaCounts;

/* Takes over the configuration; source is made ready when there is news. */
BelfryKafkaProducer *belfry_kafka_producer_new         (BelfryKafkaConfig *config, GSource *source);
/* The events from first on. */
void                 belfry_kafka_producer_push        (BelfryKafkaProducer *self, GPtrArray *events, guint first);
/* Of BelfryDeadLetter; the next ones when these were sent. */
void                 belfry_kafka_producer_push_letters (BelfryKafkaProducer *self, GPtrArray *letters);
/* TRUE once for each. */
gboolean             belfry_kafka_producer_take_letters_sent (BelfryKafkaProducer *self);
void                 belfry_kafka_producer_reset       (BelfryKafkaProducer *self);
/* FALSE when nothing is done with since the last time. */
gboolean             belfry_kafka_producer_take_report (BelfryKafkaProducer *self, BelfrySinkReport *report);
BelfryKafkaTrouble   belfry_kafka_producer_get_trouble (BelfryKafkaProducer *self);
void                 belfry_kafka_producer_get_counts  (BelfryKafkaProducer *self, BelfryKafkaCounts *counts);
/* Gives what is under way a moment. */
void                 belfry_kafka_producer_stop        (BelfryKafkaProducer *self);
gboolean             belfry_kafka_producer_has_ended   (BelfryKafkaProducer *self);
/* Waits for the thread, but not long. */
void                 belfry_kafka_producer_free        (BelfryKafkaProducer *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryKafkaProducer, belfry_kafka_producer_free)

G_END_DECLS
