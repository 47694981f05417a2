/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define BELFRY_HISTOGRAM_MAX_BOUNDS 17

/* How many values there were of which size; part of whoever counts, and used on one thread. */
typedef struct
{
  const gint64 *bounds;    /* static; ascending */
  guint         n_bounds;
  guint64       counts[BELFRY_HISTOGRAM_MAX_BOUNDS + 1];  /* values up to each bound and above the one before; the last: above all */
  gint64        sum;
} BelfryHistogram;

/* Of times in µs, from 50 µs to 10 s. */
void    belfry_histogram_init_times   (BelfryHistogram *self);
/* Of numbers of things, from 1 to 5000. */
void    belfry_histogram_init_numbers (BelfryHistogram *self);
guint64 belfry_histogram_count        (const BelfryHistogram *self);

static inline void
belfry_histogram_observe (BelfryHistogram *self,
                          gint64           value)
{
  guint i = 0;

  while (i < self->n_bounds && value > self->bounds[i])
    i++;
  self->counts[i]++;
  self->sum += value;
}

G_END_DECLS
