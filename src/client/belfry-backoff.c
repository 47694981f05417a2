/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-backoff-private.h"

guint
belfry_backoff_next (BelfryBackoff *self,
                     double         chance)
{
  guint64 msec = self->initial_msec;

  for (guint i = 0; i < self->attempts && msec < self->maximum_msec; i++)
    msec *= 2;

  msec = MIN (msec, self->maximum_msec);
  self->attempts++;

  return (guint) (msec / 2 + (guint64) (chance * (double) (msec - msec / 2)));
}

void
belfry_backoff_reset (BelfryBackoff *self)
{
  self->attempts = 0;
}
