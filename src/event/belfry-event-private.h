/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event.h"

G_BEGIN_DECLS

/* The most bytes that stand free in front of an event's JSON text, so that a door can put a
 * WebSocket text frame header there: 1 + 1 + 8. */
#define BELFRY_EVENT_HEADROOM 10

/* Of the texts of neighbours that share a buffer: a single event keeps all of it. One that is larger has its own. */
#define BELFRY_EVENT_RUN_MAX_BYTES (256 * 1024)

typedef enum
{
  BELFRY_EVENT_ENCODING_CURSOR, /* a WebSocket text frame whose JSON has a "cursor" member */
  BELFRY_EVENT_ENCODING_SSE,    /* id: and data: lines of a Server-Sent Event */
} BelfryEventEncoding;

#define BELFRY_N_EVENT_ENCODINGS 2

typedef GBytes *(*BelfryEventEncodeFunc) (BelfryEvent *event, gpointer user_data);

/* What an event is made of; lengths in bytes, -1 for NUL-terminated. session_id, user_id and
 * user_tier may be NULL. Strings are UTF-8, decoded. payload is compact JSON text of an object. */
typedef struct
{
  const char *event_type;
  gssize      event_type_length;
  const char *source;
  gssize      source_length;
  const char *session_id;
  gssize      session_id_length;
  const char *user_id;
  gssize      user_id_length;
  const char *payload;
  gssize      payload_length;
  const char *user_tier;  /* payload's member of that name, when it is a string */
  gssize      user_tier_length;
  gboolean    has_amount;
  double      amount;     /* payload's member of that name, when it is a number */
  const char *imported_id; /* given by another system, in place of the log's own; needs no escapes in JSON; or NULL */
  const char *learner;    /* compact JSON text of an object: what else a collected event says; NULL: not collected */
  gssize      learner_length;
  gint64      sent_usec;  /* of a collected event: the time that its sender gave */
} BelfryEventFields;

/* Trusts its argument: for the validator and for rows of the store. One allocation. */
BelfryEvent *belfry_event_new_trusted (const BelfryEventFields *fields);

/* Gives each of a run its place in the log and its text: position, id and time of acceptance (µs
 * since 1970 UTC) are set, and the JSON texts of the run are laid into one shared buffer (or a few,
 * each of bounded size) in order, each right behind its WebSocket text frame header (RFC 6455,
 * unmasked, FIN): a door that sends neighbours of a run sends one piece of memory. Called once for each event, by the
 * thread that owns it alone, before anybody else sees it. */
typedef struct
{
  guint64 position;
  gint64  accepted_usec;
  char    id[17];
} BelfryEventPlace;

void          belfry_event_seal_run         (BelfryEvent **events, const BelfryEventPlace *places,
                                             gsize n_events);
/* The JSON text that the event will have when it is sealed with that place. */
GBytes       *belfry_event_format_json      (BelfryEvent *self, const BelfryEventPlace *place);
/* Appends the JSON text of an event with these fields at that place, without making the event. */
void          belfry_event_print_json       (const BelfryEventFields *fields, const BelfryEventPlace *place,
                                             GString *text);

gboolean      belfry_event_is_sealed        (BelfryEvent *self);
const char   *belfry_event_peek_json        (BelfryEvent *self, gsize *length);
const guint8 *belfry_event_peek_frame       (BelfryEvent *self,
                                             gsize *length);  /* header and JSON */
const char   *belfry_event_peek_payload     (BelfryEvent *self, gsize *length);
/* What a collected event says beyond its fields, and when its sender says it happened; NULL when it was not collected. */
const char   *belfry_event_peek_learner     (BelfryEvent *self, gsize *length, gint64 *sent_usec);
/* The time that is shown: the sender's when there is one. */
gint64        belfry_event_get_shown_usec   (BelfryEvent *self);
const char   *belfry_event_peek_user_tier   (BelfryEvent *self);                 /* or NULL */
gboolean      belfry_event_peek_amount      (BelfryEvent *self, double *amount);
gsize         belfry_event_get_size         (BelfryEvent *self);                 /* bytes held, all told, without encodings */

/* Bytes that a reference keeps alive: the event, its encodings and the buffer of its neighbours' texts; without that
 * when it is *run already. Sets *run to it. Home context only. */
gsize         belfry_event_get_held         (BelfryEvent *self, gconstpointer *run);

/* Home context only: the encoding is made at its first use and lives as long as the event.
 * (transfer none) */
GBytes       *belfry_event_ensure_encoding  (BelfryEvent *self, BelfryEventEncoding encoding,
                                             BelfryEventEncodeFunc encode, gpointer user_data);

G_END_DECLS
