/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-histogram-private.h"

static const gint64 times_usec[] = {
  50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
};

static const gint64 numbers[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000 };

G_STATIC_ASSERT (G_N_ELEMENTS (times_usec) <= BELFRY_HISTOGRAM_MAX_BOUNDS);
G_STATIC_ASSERT (G_N_ELEMENTS (numbers) <= BELFRY_HISTOGRAM_MAX_BOUNDS);

void
belfry_histogram_init_times (BelfryHistogram *self)
{
  *self = (BelfryHistogram) { .bounds = times_usec, .n_bounds = G_N_ELEMENTS (times_usec) };
}

void
belfry_histogram_init_numbers (BelfryHistogram *self)
{
  *self = (BelfryHistogram) { .bounds = numbers, .n_bounds = G_N_ELEMENTS (numbers) };
}

guint64
belfry_histogram_count (const BelfryHistogram *self)
{
  guint64 count = 0;

  for (guint i = 0; i <= self->n_bounds; i++)
    count += self->counts[i];

  return count;
}
