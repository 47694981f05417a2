/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-rate-private.h"

#include <string.h>

/* A window remembers what passed as runs of requests. Up to EXACT_COUNT every instant has a run of its own.
 * Above, requests within a 256th of the period share a run, which is over when its newest request is: so a
 * window stays small whatever the count, and at worst lets a request pass that much later than it might.
 * Instants are milliseconds, rounded up when they are noted and down when they are compared: too early is
 * never. */

#define MAX_COUNT    1000000000
#define EXACT_COUNT  256
#define N_SLOTS      256
#define COUNT_BITS   24
#define COUNT_MASK   ((G_GUINT64_CONSTANT (1) << COUNT_BITS) - 1)
#define FIRST_SIZE   4

static const struct { const char *name; gint64 seconds; } periods[] = {
  { "second", 1 }, { "minute", 60 }, { "hour", 3600 }, { "day", 86400 },
};

static const char * const class_names[BELFRY_N_RATE_CLASSES] = {
  NULL, "publish", "query", "admin", "filters", "collect",
};

static gboolean
parse_count (const char *text,
             BelfryRate *rate)
{
  const char *slash = strchr (text, '/');
  g_autofree char *digits = slash != NULL ? g_strndup (text, slash - text) : g_strdup (text);

  *rate = (BelfryRate) { 0, G_USEC_PER_SEC };
  if (g_ascii_strcasecmp (text, "unlimited") == 0)
    return TRUE;
  if (!g_ascii_string_to_unsigned (g_strstrip (digits), 10, 0, MAX_COUNT, &rate->count, NULL))
    return FALSE;
  if (slash == NULL)
    return rate->count == 0;

  for (gsize i = 0; i < G_N_ELEMENTS (periods); i++)
    {
      g_autofree char *period = g_strstrip (g_strdup (slash + 1));

      if (g_ascii_strcasecmp (period, periods[i].name) != 0)
        continue;
      rate->period_usec = periods[i].seconds * G_USEC_PER_SEC;
      return TRUE;
    }

  return FALSE;
}

gboolean
belfry_rate_parse (const char  *text,
                   BelfryRate  *rate,
                   GError     **error)
{
  g_autofree char *shown = NULL;

  if (parse_count (text, rate))
    return TRUE;

  shown = g_strescape (text, NULL);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "'%.100s' is not allowed; allowed: " BELFRY_RATE_ALLOWED, shown);
  return FALSE;
}

char *
belfry_rate_to_string (const BelfryRate *rate)
{
  gsize i = 0;

  if (rate->count == 0)
    return g_strdup ("unlimited");

  while (i < G_N_ELEMENTS (periods) - 1 && periods[i].seconds * G_USEC_PER_SEC != rate->period_usec)
    i++;
  return g_strdup_printf ("%" G_GUINT64_FORMAT "/%s", rate->count, periods[i].name);
}

BelfryRateClass
belfry_rate_class_find (const char *name,
                        gsize       length)
{
  for (gsize i = 1; i < G_N_ELEMENTS (class_names); i++)
    {
      if (strlen (class_names[i]) == length && strncmp (class_names[i], name, length) == 0)
        return (BelfryRateClass) i;
    }

  return BELFRY_RATE_CLASS_NONE;
}

static guint64 *
peek_run (const BelfryRateWindow *self,
          guint                   index)
{
  return &self->runs[(self->head + index) & (self->size - 1)];
}

static gint64
get_instant (guint64 run)
{
  return (gint64) (run >> COUNT_BITS);
}

/* Oldest first again, in twice the room. */
static void
grow (BelfryRateWindow *self)
{
  guint size = self->size == 0 ? FIRST_SIZE : self->size * 2;
  guint64 *runs = g_new (guint64, size);

  for (guint i = 0; i < self->n_runs; i++)
    runs[i] = *peek_run (self, i);
  g_free (self->runs);
  self->runs = runs;
  self->size = size;
  self->head = 0;
}

static void
drop_old_runs (BelfryRateWindow *self,
               gint64            oldest_msec)
{
  while (self->n_runs > 0 && get_instant (*peek_run (self, 0)) <= oldest_msec)
    {
      self->total -= *peek_run (self, 0) & COUNT_MASK;
      self->head = (self->head + 1) & (self->size - 1);
      self->n_runs--;
    }
}

static void
note (BelfryRateWindow *self,
      const BelfryRate *rate,
      gint64            instant)
{
  gint64 slot_msec = rate->count > EXACT_COUNT ? rate->period_usec / 1000 / N_SLOTS : 0;
  guint64 *last = self->n_runs > 0 ? peek_run (self, self->n_runs - 1) : NULL;

  self->total++;
  if (last != NULL && (*last & COUNT_MASK) < COUNT_MASK
      && (instant - self->last_first < slot_msec || instant <= get_instant (*last)))
    {
      instant = MAX (instant, get_instant (*last));
      *last = ((guint64) instant << COUNT_BITS) | ((*last & COUNT_MASK) + 1);
      return;
    }

  if (self->n_runs == self->size)
    grow (self);
  *peek_run (self, self->n_runs++) = ((guint64) instant << COUNT_BITS) | 1;
  self->last_first = instant;
}

/* When so many have become old that one more fits. More than one run has to go only when the limit was
 * lowered meanwhile. */
static gint64
find_free_instant (const BelfryRateWindow *self,
                   const BelfryRate       *rate)
{
  guint64 left = self->total;
  guint i = 0;

  while (left - (*peek_run (self, i) & COUNT_MASK) >= rate->count)
    left -= *peek_run (self, i++) & COUNT_MASK;

  return get_instant (*peek_run (self, i)) + rate->period_usec / 1000;
}

gboolean
belfry_rate_window_take (BelfryRateWindow *self,
                         const BelfryRate *rate,
                         gint64            now_usec,
                         gint64           *wait_usec)
{
  if (rate->count == 0)
    return TRUE;

  drop_old_runs (self, now_usec / 1000 - rate->period_usec / 1000);
  if (self->total >= rate->count)
    {
      *wait_usec = find_free_instant (self, rate) * 1000 - now_usec;
      return FALSE;
    }

  note (self, rate, (now_usec + 999) / 1000);
  return TRUE;
}

gboolean
belfry_rate_window_is_over (const BelfryRateWindow *self,
                            const BelfryRate       *rate,
                            gint64                  now_usec)
{
  return self->n_runs == 0
         || get_instant (*peek_run (self, self->n_runs - 1)) <= now_usec / 1000 - rate->period_usec / 1000;
}

void
belfry_rate_window_copy (BelfryRateWindow       *self,
                         const BelfryRateWindow *other)
{
  belfry_rate_window_clear (self);
  *self = *other;
  self->runs = g_memdup2 (other->runs, other->size * sizeof *other->runs);
}

void
belfry_rate_window_clear (BelfryRateWindow *self)
{
  g_free (self->runs);
  memset (self, 0, sizeof *self);
}
