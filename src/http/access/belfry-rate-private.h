/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-access.h"

G_BEGIN_DECLS

#define BELFRY_N_RATE_CLASSES (BELFRY_RATE_CLASS_COLLECT + 1)
#define BELFRY_RATE_ALLOWED   "COUNT/second, COUNT/minute, COUNT/hour or COUNT/day, 0 or unlimited"

/* So many requests in any window of one period; count 0 is no limit. */
typedef struct
{
  guint64 count;
  gint64  period_usec;
} BelfryRate;

gboolean        belfry_rate_parse       (const char *text, BelfryRate *rate, GError **error);
char           *belfry_rate_to_string   (const BelfryRate *rate);
/* "publish" and so on; BELFRY_RATE_CLASS_NONE when there is no such class. */
BelfryRateClass belfry_rate_class_find  (const char *name, gsize length);

/* What has passed within the last period. All zero is an empty one. */
typedef struct
{
  guint64 *runs;        /* owned; a ring of runs of requests, oldest first: instant of the newest, and how many */
  guint    size;        /* of the ring, a power of two, or 0 */
  guint    head;
  guint    n_runs;
  guint64  total;
  gint64   last_first;  /* ms; when the newest run began */
} BelfryRateWindow;

/* Counts a request when it may pass. Otherwise FALSE, and wait_usec says until when the next one may. */
gboolean belfry_rate_window_take    (BelfryRateWindow *self, const BelfryRate *rate, gint64 now_usec,
                                     gint64 *wait_usec);
/* Nothing of what passed matters any more. */
gboolean belfry_rate_window_is_over (const BelfryRateWindow *self, const BelfryRate *rate, gint64 now_usec);
void     belfry_rate_window_copy    (BelfryRateWindow *self, const BelfryRateWindow *other);
void     belfry_rate_window_clear   (BelfryRateWindow *self);

G_END_DECLS
