/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How long to wait before the next attempt: doubles from initial to maximum; half of it is left to chance, so that a thousand
 * clients of a restarted server do not come back in one instant. */
typedef struct
{
  guint initial_msec;
  guint maximum_msec;
  guint attempts;  /* since the last success */
} BelfryBackoff;

guint belfry_backoff_next  (BelfryBackoff *self,
                            double         chance);  /* from 0 to below 1 */
void  belfry_backoff_reset (BelfryBackoff *self);

G_END_DECLS
