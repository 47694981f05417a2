/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "load.h"

/* Latencies, counted in buckets whose width doubles every 32: from a tenth of a microsecond on no bucket is wider than a
 * thirty-second of what it holds, and adding one costs the same however long the run is. */

#define UNIT_NSEC 100

static guint
bucket_of (gint64 nsec)
{
  guint64 units = (guint64) MAX (nsec, 0) / UNIT_NSEC;
  guint shift = 0;

  while ((units >> shift) >= 64)
    shift++;

  return MIN (shift * 32 + (guint) (units >> shift), LOAD_BUCKETS - 1);
}

/* The largest latency that the bucket holds: what is told is never better than what was measured. */
static gint64
bucket_end_nsec (guint bucket)
{
  guint shift = bucket < 64 ? 0 : bucket / 32 - 1;
  guint64 units = (guint64) (bucket - shift * 32 + 1) << shift;

  return (gint64) (units * UNIT_NSEC) - 1;
}

void
load_histogram_add (LoadHistogram *self,
                    gint64         nsec)
{
  self->counts[bucket_of (nsec)]++;
  self->total++;
  self->largest_nsec = MAX (self->largest_nsec, nsec);
}

double
load_histogram_percentile (const LoadHistogram *self,
                           double               percent)
{
  guint64 wanted = (guint64) ((double) self->total * percent / 100);
  guint64 seen = 0;

  for (guint i = 0; i < LOAD_BUCKETS; i++)
    {
      seen += self->counts[i];
      if (seen > wanted)
        return (double) MIN (bucket_end_nsec (i), self->largest_nsec) / 1000;
    }

  return (double) self->largest_nsec / 1000;
}
