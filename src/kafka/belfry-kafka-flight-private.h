/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-private.h"

G_BEGIN_DECLS

typedef enum
{
  BELFRY_KAFKA_WAITING,
  BELFRY_KAFKA_SENT,     /* librdkafka has it */
  BELFRY_KAFKA_DONE,     /* acknowledged, or refused for good */
} BelfryKafkaState;

typedef struct _BelfryKafkaBatch BelfryKafkaBatch;

/* One event on its way. */
typedef struct
{
  BelfryKafkaBatch *batch;
  BelfryEvent      *event;    /* of the batch */
  BelfryKafkaState  state;
  gboolean          is_alone; /* was sent in a request of its own */
} BelfryKafkaSlot;

struct _BelfryKafkaBatch
{
  GPtrArray *events;  /* owned; BelfryEvent */
  guint      n_slots;
  guint      n_done;  /* of the slots, from the first on */
  BelfryKafkaSlot slots[];
};

/* Events in the order of the log: what librdkafka has, and what it is to get. */
typedef struct
{
  GQueue  batches;   /* BelfryKafkaBatch, oldest first */
  GList  *at;        /* of batches; NULL: behind all of them */
  guint   at_slot;
  guint   n_sent;    /* slots that are SENT */
  guint   n_done;    /* that left at the head since this was last taken */
  guint64 through;   /* the position of the last of them */
} BelfryKafkaFlight;

void             belfry_kafka_flight_init   (BelfryKafkaFlight *self);
void             belfry_kafka_flight_clear  (BelfryKafkaFlight *self);
void             belfry_kafka_flight_push   (BelfryKafkaFlight *self, GPtrArray *events, guint first);
/* The next one to send, or NULL; it stays the next one. */
BelfryKafkaSlot *belfry_kafka_flight_peek   (BelfryKafkaFlight *self);
/* That one was sent. */
void             belfry_kafka_flight_pass   (BelfryKafkaFlight *self);
/* state: WAITING or DONE. */
void             belfry_kafka_flight_settle (BelfryKafkaFlight *self, BelfryKafkaSlot *slot, BelfryKafkaState state);
/* Begins with the oldest one that waits again; nothing may be SENT. */
void             belfry_kafka_flight_rewind (BelfryKafkaFlight *self);
/* What was SENT never arrived, or nobody knows: it waits again. */
void             belfry_kafka_flight_recall (BelfryKafkaFlight *self);

G_END_DECLS
