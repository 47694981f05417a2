/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-metrics-private.h"

#include <string.h>

/* Which of two formats a client would rather have (RFC 9110, 12.5.1). Who wants neither gets the older one: an answer that
 * can be read is worth more than a refusal. */

/* However long a header is, no more of its ranges are looked at. */
#define MAX_RANGES 32

typedef struct
{
  char   *type;         /* owned */
  double  quality;
  char   *version;      /* owned, or NULL */
} Range;

static void
clear_range (Range *range)
{
  g_free (range->type);
  g_free (range->version);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Range, clear_range)

static void
read_parameter (Range *range,
                char  *text)
{
  char *value = strchr (text, '=');

  if (value == NULL)
    return;

  *value++ = '\0';
  g_strstrip (text);
  g_strstrip (value);
  if (value[0] == '"' && strlen (value) >= 2)
    {
      value[strlen (value) - 1] = '\0';
      value++;
    }
  if (g_ascii_strcasecmp (text, "q") == 0)
    range->quality = CLAMP (g_ascii_strtod (value, NULL), 0, 1);
  else if (g_ascii_strcasecmp (text, "version") == 0 && range->version == NULL)
    range->version = g_strdup (value);
}

static void
read_range (const char *text,
            Range      *range)
{
  g_auto(GStrv) parts = g_strsplit (text, ";", 8);

  *range = (Range) { .type = g_strdup (parts[0] != NULL ? g_strstrip (parts[0]) : ""), .quality = 1 };
  for (gsize i = 1; parts[0] != NULL && parts[i] != NULL; i++)
    read_parameter (range, parts[i]);
}

static gboolean
is_open_metrics (const Range *range)
{
  return g_ascii_strcasecmp (range->type, "application/openmetrics-text") == 0
         && (range->version == NULL || strcmp (range->version, "1.0.0") == 0);
}

/* How closely the range speaks of the older format; 0: not at all. */
static guint
rank_text (const Range *range)
{
  if (g_ascii_strcasecmp (range->type, "text/plain") == 0)
    return range->version == NULL || strcmp (range->version, "0.0.4") == 0 ? 3 : 0;
  if (g_ascii_strcasecmp (range->type, "text/*") == 0)
    return 2;

  return strcmp (range->type, "*/*") == 0 ? 1 : 0;
}

gboolean
belfry_metrics_accepts_open_metrics (const char *accept)
{
  g_auto(GStrv) texts = g_strsplit (accept != NULL ? accept : "", ",", MAX_RANGES + 1);
  double open_quality = 0, text_quality = 0;
  guint text_rank = 0;

  for (gsize i = 0; texts[i] != NULL && i < MAX_RANGES; i++)
    {
      g_auto(Range) range = { 0 };
      guint rank;

      read_range (texts[i], &range);
      rank = rank_text (&range);
      if (is_open_metrics (&range))
        open_quality = MAX (open_quality, range.quality);
      if (rank > text_rank || (rank > 0 && rank == text_rank && range.quality > text_quality))
        {
          text_rank = rank;
          text_quality = range.quality;
        }
    }

  return open_quality > 0 && open_quality >= text_quality;
}
