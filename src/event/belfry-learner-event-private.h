/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-private.h"
#include "belfry-event-type-registry.h"
#include "belfry-json-scanner-private.h"

G_BEGIN_DECLS

/* What a learning app sends, and how it becomes an event: user_id is the learner, payload the event_data, source
 * "collector"; the rest is kept in the event's text "learner". */

#define BELFRY_LEARNER_SOURCE "collector"

/* How far ahead of ours the clock of a sender may be. */
#define BELFRY_LEARNER_MAX_AHEAD_USEC (5 * G_TIME_SPAN_MINUTE)

/* Why an event was refused, in a word that may label a figure. */
typedef enum
{
  BELFRY_LEARNER_REASON_NONE,
  BELFRY_LEARNER_REASON_NOT_AN_OBJECT,
  BELFRY_LEARNER_REASON_MISSING_FIELD,
  BELFRY_LEARNER_REASON_INVALID_FIELD,
  BELFRY_LEARNER_REASON_UNKNOWN_EVENT_TYPE,
  BELFRY_LEARNER_REASON_INVALID_TIMESTAMP,
  BELFRY_LEARNER_REASON_PAYLOAD_TOO_LARGE,
  BELFRY_LEARNER_N_REASONS,
} BelfryLearnerReason;

/* The first rule that an event breaks. */
typedef struct
{
  BelfryLearnerReason  reason;
  const char          *field;    /* static; "" for the event as a whole */
  char                *message;  /* owned */
} BelfryLearnerRefusal;

/* By what events are judged; one for many events of one batch. */
typedef struct
{
  BelfryEventTypeRegistry *registry;           /* borrowed */
  guint                    max_payload_keys;
  guint                    max_payload_bytes;
  gint64                   now_usec;
  const char              *batch_id;           /* borrowed; needs no escapes in JSON */
  GString                 *scratch;            /* borrowed; room that is used again for each event */
} BelfryLearnerRules;

const char  *belfry_learner_reason_to_string (BelfryLearnerReason reason);
void         belfry_learner_refusal_clear    (BelfryLearnerRefusal *self);

/* Reads the event that a text begins with. *end receives what follows behind it and white space, or NULL when it is no
 * JSON. NULL with the refusal filled in when there is an end but no event. The value's extent goes into *item. */
BelfryEvent *belfry_learner_event_parse      (BelfryLearnerRules *rules, const char *text, gsize length,
                                              const char **end, BelfryJsonValue *item,
                                              BelfryLearnerRefusal *refusal);

/* Appends what the sender had sent, with what was added: id, batch_id, received_at. FALSE for an event that was not
 * collected. The event is one of the log. */
gboolean     belfry_learner_event_print      (BelfryEvent *event, GString *text);

G_END_DECLS
