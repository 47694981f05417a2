/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <string.h>

#include "belfry-json-scanner-private.h"

G_BEGIN_DECLS

/* The strings of an event as the scanner found them. */

static inline gsize
belfry_event_count_characters (const char *text, gsize length)
{
  gsize n = 0;

  for (gsize i = 0; i < length; i++)
    n += ((guchar) text[i] & 0xc0) != 0x80;
  return n;
}

/* Decodes a string of at most @max characters; @room holds that many with escapes. FALSE when it
 * is longer. */
static inline gboolean
belfry_event_take_text (const BelfryJsonValue *value, gsize max, char *room, const char **text, gssize *length)
{
  gsize n_bytes = value->length - 2;

  *text = value->text + 1;
  if (G_UNLIKELY (value->has_escapes))
    {
      if (n_bytes > max * BELFRY_JSON_CHARACTER_MAX)
        return FALSE;
      n_bytes = belfry_json_decode (*text, n_bytes, room);
      *text = room;
    }
  *length = (gssize) n_bytes;
  return n_bytes <= max || ((value->has_wide || value->has_escapes)
                            && belfry_event_count_characters (*text, n_bytes) <= max);
}

G_END_DECLS
