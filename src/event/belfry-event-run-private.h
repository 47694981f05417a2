/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <string.h>

#include "belfry-event-private.h"

G_BEGIN_DECLS

/* Frames and JSON texts of neighbours in the log, in one piece of memory that lives as long as
 * any of the events. */
typedef struct
{
  gatomicrefcount ref_count;
  gsize           size;       /* of bytes */
  guint8          bytes[];
} BelfryEventRun;

/* Never changed after it was sealed, but for two caches: terminated_json (set once, atomically)
 * and encodings (home context only). All strings lie behind the struct in the same allocation,
 * each with a NUL. */
struct _BelfryEvent
{
  gatomicrefcount ref_count;
  guint32         has_amount : 1;
  guint32         event_type_length;
  guint32         source_length;
  guint32         session_id_length;
  guint32         user_id_length;
  guint32         payload_length;
  guint32         learner_length;
  const char     *event_type;
  const char     *source;
  const char     *session_id; /* or NULL */
  const char     *user_id;    /* or NULL */
  const char     *payload;
  const char     *user_tier;  /* or NULL */
  const char     *imported_id; /* or NULL */
  const char     *learner;    /* or NULL */
  gint64          sent_usec;  /* with learner: shown in place of accepted_usec */
  double          amount;
  gsize           own_size;   /* bytes of this allocation */

  /* From the log; position is 0 until then. */
  guint64         position;
  gint64          accepted_usec;
  char            id[17];
  guint8          header_length;
  BelfryEventRun *run;          /* owned */
  const guint8   *frame;        /* in run */
  gsize           json_length;

  char           *terminated_json; /* owned; made at the first call of the public getter */
  GBytes         *encodings[BELFRY_N_EVENT_ENCODINGS]; /* owned; home context only */
};

/* Of a text in BelfryEventFields, which may be missing or end with a NUL. */
static inline gsize
belfry_event_text_length (const char *text, gssize length)
{
  if (text == NULL)
    return 0;
  return length >= 0 ? (gsize) length : strlen (text);
}

void belfry_event_run_unref (BelfryEventRun *run);

G_END_DECLS
