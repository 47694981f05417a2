/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define BELFRY_EVENT_ID_LENGTH      16
#define BELFRY_EVENT_ID_SECRET_SIZE 16
#define BELFRY_EVENT_ID_N_ROUNDS    6

/* Positions take 40 bits of an id's 48; the origin has the other 8. */
#define BELFRY_EVENT_ID_MAX_POSITION ((G_GUINT64_CONSTANT (1) << 40) - 1)

typedef struct
{
  guint64 rounds[BELFRY_EVENT_ID_N_ROUNDS];
} BelfryEventIdKey;

void     belfry_event_id_key_init (BelfryEventIdKey       *self,
                                   const guint8            secret[BELFRY_EVENT_ID_SECRET_SIZE]);
void     belfry_event_id_write    (const BelfryEventIdKey *key,
                                   guint8                  origin,
                                   guint64                 position,
                                   char                    text[BELFRY_EVENT_ID_LENGTH + 1]);
gboolean belfry_event_id_parse    (const BelfryEventIdKey *key,
                                   const char             *text,
                                   guint8                 *origin,
                                   guint64                *position);

/* The form without the meaning: any 48 bits, of whatever log. */
void     belfry_event_id_write_number (guint64             number,
                                   char                    text[BELFRY_EVENT_ID_LENGTH + 1]);
gboolean belfry_event_id_parse_number (const char         *text,
                                   guint64                *number);
void     belfry_event_id_decode   (const BelfryEventIdKey *key,
                                   guint64                 number,
                                   guint8                 *origin,
                                   guint64                *position);

G_END_DECLS
