/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-subscriber.h"

G_DEFINE_BOXED_TYPE (BelfryGap, belfry_gap, belfry_gap_copy, belfry_gap_free)

/**
 * belfry_gap_copy:
 * @self: a gap
 *
 * Copies @self.
 *
 * Returns: (transfer full): the copy
 *
 * Since: 0.1
 */
BelfryGap *
belfry_gap_copy (const BelfryGap *self)
{
  BelfryGap *copy = NULL;

  g_return_val_if_fail (self != NULL, NULL);

  copy = g_new (BelfryGap, 1);
  *copy = *self;
  return copy;
}

/**
 * belfry_gap_free:
 * @self: (transfer full): a gap
 *
 * Frees @self.
 *
 * Since: 0.1
 */
void
belfry_gap_free (BelfryGap *self)
{
  g_free (self);
}
