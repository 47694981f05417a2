/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* An id is a keyed bijection of (8 bits origin, 40 bits position): a Feistel network over two
 * halves of 24 bits. So an id is unique without a check, is found without an index, and does not
 * tell how many events there are. This is a disguise, no encryption: who knows many ids and
 * positions of one log may work out its key. The function is part of the format on disk: it never
 * changes for a database that exists. */

#include "belfry-event-id-private.h"

#include <string.h>

#define HALF_MASK 0xffffffu

static const char prefix[] = { 'e', 'v', 't', '_' };

static inline guint64
mix (guint64 x)
{
  x += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);

  return x ^ (x >> 31);
}

void
belfry_event_id_key_init (BelfryEventIdKey *self,
                          const guint8      secret[BELFRY_EVENT_ID_SECRET_SIZE])
{
  guint64 words[2];

  memcpy (words, secret, sizeof words);
  words[0] = GUINT64_FROM_LE (words[0]);
  words[1] = GUINT64_FROM_LE (words[1]);

  for (guint64 i = 0; i < BELFRY_EVENT_ID_N_ROUNDS; i++)
    self->rounds[i] = mix (words[i & 1] ^ mix (words[(i + 1) & 1] + i));
}

void
belfry_event_id_write_number (guint64 number,
                              char    text[BELFRY_EVENT_ID_LENGTH + 1])
{
  static const char digits[] = "0123456789abcdef";

  memcpy (text, prefix, sizeof prefix);
  for (int i = BELFRY_EVENT_ID_LENGTH - 1; i >= (int) sizeof prefix; i--)
    {
      text[i] = digits[number & 0xf];
      number >>= 4;
    }
  text[BELFRY_EVENT_ID_LENGTH] = '\0';
}

void
belfry_event_id_write (const BelfryEventIdKey *key,
                       guint8                  origin,
                       guint64                 position,
                       char                    text[BELFRY_EVENT_ID_LENGTH + 1])
{
  guint32 left = (guint32) origin << 16 | (guint32) (position >> 24);
  guint32 right = (guint32) position & HALF_MASK;

  g_assert (position <= BELFRY_EVENT_ID_MAX_POSITION);

  for (guint i = 0; i < BELFRY_EVENT_ID_N_ROUNDS; i++)
    {
      guint32 next = left ^ ((guint32) mix (right ^ key->rounds[i]) & HALF_MASK);

      left = right;
      right = next;
    }

  belfry_event_id_write_number ((guint64) left << 24 | right, text);
}

gboolean
belfry_event_id_parse_number (const char *text,
                              guint64    *number)
{
  if (strncmp (text, prefix, sizeof prefix) != 0)
    return FALSE;

  *number = 0;
  for (gsize i = sizeof prefix; i < BELFRY_EVENT_ID_LENGTH; i++)
    {
      /* Upper-case digits were never given out, so they name no event. */
      if (!g_ascii_isxdigit (text[i]) || g_ascii_isupper (text[i]))
        return FALSE;
      *number = *number << 4 | (guint64) g_ascii_xdigit_value (text[i]);
    }

  return text[BELFRY_EVENT_ID_LENGTH] == '\0';
}

void
belfry_event_id_decode (const BelfryEventIdKey *key,
                        guint64                 number,
                        guint8                 *origin,
                        guint64                *position)
{
  guint32 left = (guint32) (number >> 24) & HALF_MASK;
  guint32 right = (guint32) number & HALF_MASK;

  for (int i = BELFRY_EVENT_ID_N_ROUNDS - 1; i >= 0; i--)
    {
      guint32 previous = right ^ ((guint32) mix (left ^ key->rounds[i]) & HALF_MASK);

      right = left;
      left = previous;
    }

  *origin = (guint8) (left >> 16);
  *position = (guint64) (left & 0xffff) << 24 | right;
}

gboolean
belfry_event_id_parse (const BelfryEventIdKey *key,
                       const char             *text,
                       guint8                 *origin,
                       guint64                *position)
{
  guint64 number;

  if (!belfry_event_id_parse_number (text, &number))
    return FALSE;

  belfry_event_id_decode (key, number, origin, position);

  return TRUE;
}
