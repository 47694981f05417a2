/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-filter.h"

G_BEGIN_DECLS

/* Bounds of a filter that comes from outside; lengths in characters. */
#define BELFRY_FILTER_TYPES_MAX 1000
#define BELFRY_FILTER_TYPE_LENGTH_MAX 50
#define BELFRY_FILTER_TIERS_MAX 100
#define BELFRY_FILTER_ID_LENGTH_MAX 200

/* Rules as a door collects them; everything may be NULL. Refuses what is over the bounds (an
 * event type over 50 characters, an id or tier over 200, over 1,000 types or 100 tiers,
 * min_amount that is not finite). */
BelfryFilter *belfry_filter_new_checked (const char * const *event_types, const char *session_id,
                                         const char *user_id, const char * const *user_tiers,
                                         const double *min_amount, GError **error);

/* Equal filters have equal hashes. */
guint         belfry_filter_hash (BelfryFilter *self);

G_END_DECLS
