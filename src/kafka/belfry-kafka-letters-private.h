/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <librdkafka/rdkafka.h>

#include "belfry-dead-letter-private.h"

G_BEGIN_DECLS

/* One page of dead letters on its way to a topic of their own; the next one comes when all of it is settled. Of one thread. */
typedef struct
{
  GPtrArray *letters;   /* owned; BelfryDeadLetter; NULL: none is on its way */
  guint8    *states;    /* owned; one for each */
  guint      n_alone;   /* that are to travel alone */
  guint      n_sent;    /* that librdkafka has */
  guint      n_done;
  guint      n_failures; /* without a success between */
  gint64     resume_usec;
} BelfryKafkaLetters;

typedef enum
{
  BELFRY_KAFKA_LETTERS_FINE,
  BELFRY_KAFKA_LETTERS_STUCK,       /* and were not before */
  BELFRY_KAFKA_LETTERS_STILL_STUCK,
} BelfryKafkaLettersNews;

void     belfry_kafka_letters_clear  (BelfryKafkaLetters *self);
/* Takes over the reference. */
void     belfry_kafka_letters_take   (BelfryKafkaLetters *self, GPtrArray *letters);
/* Hands over what waits, as far as there is room: to the usual producer, or to that of those that travel alone. */
void     belfry_kafka_letters_send   (BelfryKafkaLetters *self, rd_kafka_t *handle, rd_kafka_topic_t *topic, gboolean is_alone);
/* Whether there is something for the latter. */
gboolean belfry_kafka_letters_want_to_go_alone (const BelfryKafkaLetters *self);
/* What was handed over and not settled waits again. */
void     belfry_kafka_letters_recall (BelfryKafkaLetters *self);
/* Whether the report is about a letter. */
gboolean belfry_kafka_letters_owns   (const rd_kafka_message_t *message);
BelfryKafkaLettersNews belfry_kafka_letters_settle (BelfryKafkaLetters *self, const rd_kafka_message_t *message);
/* How many there were, once for each page, when it is settled. */
guint    belfry_kafka_letters_finish (BelfryKafkaLetters *self);

G_END_DECLS
