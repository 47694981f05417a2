/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-kafka-flight-private.h"
#include "belfry-kafka-handle-private.h"
#include "belfry-kafka-letters-private.h"
#include "belfry-kafka-producer-private.h"

G_BEGIN_DECLS

/* Events that are handed over together. */
typedef struct
{
  GPtrArray *events;  /* owned */
  guint      first;
} BelfryKafkaParcel;

struct _BelfryKafkaProducer
{
  BelfryKafkaConfig *config;  /* owned; constant */
  GSource           *source;  /* owned; made ready from any thread */
  GThread           *thread;  /* home context only */
  int                wake_fd; /* constant */

  GMutex             lock;
  GQueue             parcels;      /* guarded by lock; BelfryKafkaParcel */
  GPtrArray         *new_letters;  /* guarded by lock, as all down to counts; or NULL */
  gboolean           were_letters_sent;
  gboolean           wants_reset;
  gboolean           is_stopping;
  gboolean           has_ended;    /* nothing is told any more */
  gboolean           is_over;      /* the thread has let go of everything */
  gboolean           is_abandoned; /* nobody waits for that; it frees this */
  GCond              over;         /* with is_over */
  guint              n_done;
  guint64            through;
  GPtrArray         *refused;      /* BelfrySinkRefusal, or NULL */
  BelfryKafkaTrouble trouble;
  BelfryKafkaCounts  counts;

  /* Of the thread. */
  BelfryKafkaHandle  handles[2];   /* the usual one, and that of those that travel alone */
  guint              current;      /* which of them messages are under way with */
  BelfryKafkaFlight  flight;
  BelfryKafkaLetters letters;
  GPtrArray         *fresh;        /* refusals that nothing older is missing from yet; BelfrySinkRefusal */
  gboolean           is_rewinding; /* when all is settled, the oldest ones go first */
  guint64            alone_through; /* up to this position one by one */
  guint              n_failures;   /* without a success between */
  gint64             failed_usec;  /* when the last failure was */
  gint64             resume_usec;  /* nothing goes out before */
  gint64             proof_usec;   /* when the broker was last heard of */
  gint64             probe_usec;   /* when it was last asked */
};

void     belfry_kafka_parcel_free  (gpointer parcel);
void     belfry_kafka_producer_dispose (BelfryKafkaProducer *self);
/* The thread. */
gpointer belfry_kafka_producer_run (gpointer producer);

G_END_DECLS
