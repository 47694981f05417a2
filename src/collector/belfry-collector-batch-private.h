/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-dead-letter-private.h"
#include "belfry-learner-event-private.h"

G_BEGIN_DECLS

#define BELFRY_COLLECTOR_UUID_LENGTH 36

typedef enum
{
  BELFRY_COLLECTOR_BODY_GOOD,
  BELFRY_COLLECTOR_BODY_NO_JSON,
  BELFRY_COLLECTOR_BODY_NO_OBJECT,
  BELFRY_COLLECTOR_BODY_NO_EVENTS,  /* has no such member */
  BELFRY_COLLECTOR_BODY_NO_LIST,
  BELFRY_COLLECTOR_BODY_EMPTY,
  BELFRY_COLLECTOR_BODY_TOO_MANY,
} BelfryCollectorBody;

/* Events that came together: those that are good, and letters of those that are not, in the order in which they came. */
typedef struct
{
  char       batch_id[BELFRY_COLLECTOR_UUID_LENGTH + 1];
  gint64     received_usec;
  guint      n_items;
  GPtrArray *events;        /* owned; BelfryEvent */
  GPtrArray *letters;       /* owned; BelfryDeadLetter; one for each that was refused */
  GArray    *letter_items;  /* owned; guint: which of the items it was */
  guint64    n_by_reason[BELFRY_LEARNER_N_REASONS];
} BelfryCollectorBatch;

BelfryCollectorBatch *belfry_collector_batch_new        (gint64 received_usec);
void                  belfry_collector_batch_free       (BelfryCollectorBatch *self);
/* Each item is one or the other. The event's reference is taken over. */
void                  belfry_collector_batch_accept     (BelfryCollectorBatch *self, BelfryEvent *event);
void                  belfry_collector_batch_refuse     (BelfryCollectorBatch *self, const char *door,
                                                         const BelfryLearnerRefusal *refusal, const char *content_type,
                                                         GBytes *body);
/* Fills a new batch from {"events": […]}. */
BelfryCollectorBody   belfry_collector_batch_read       (BelfryCollectorBatch *self, BelfryLearnerRules *rules,
                                                         GBytes *body, guint max_items);
/* The answer, in the words of POST /collect; places NULL: the events are sealed. */
GBytes               *belfry_collector_batch_format     (const BelfryCollectorBatch *self,
                                                         const BelfryEventPlace *places);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryCollectorBatch, belfry_collector_batch_free)

G_END_DECLS
