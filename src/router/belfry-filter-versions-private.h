/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-filter.h"

G_BEGIN_DECLS

/* The filters of one subscriber along the log: the one in force where it stands, and changes
 * further on, each behind its starting position. A change is kept until the subscriber has taken
 * everything before it, so that a stretch of the log may be read twice and gives the same both
 * times. */

/* Different starting positions that are kept. A change beyond that begins where the last one kept
 * begins. */
#define BELFRY_MAX_PENDING_STARTS 64

typedef struct
{
  guint64         start;     /* holds for positions behind this one */
  BelfryFilter   *filter;    /* owned */
  gboolean        has_tag;
  gpointer        tag;       /* owned when has_tag */
  GDestroyNotify  tag_free;
} BelfryFilterChange;

typedef struct
{
  BelfryFilter *filter;    /* in force before the first change; owned */
  GQueue        changes;   /* owned BelfryFilterChange, start never falls */
  guint         n_starts;  /* different starts among them */
} BelfryFilterVersions;

void          belfry_filter_versions_init       (BelfryFilterVersions *self, BelfryFilter *filter);
void          belfry_filter_versions_clear      (BelfryFilterVersions *self);
void belfry_filter_versions_add (BelfryFilterVersions *self, guint64 start, BelfryFilter *filter);
/* The tag is handed back by take(), or freed by tag_free (which may be NULL). */
void belfry_filter_versions_add_tagged (BelfryFilterVersions *self, guint64 start,
                                        BelfryFilter *filter, gpointer tag,
                                        GDestroyNotify tag_free);
/* The filter for what lies behind position, and up to which position (inclusive) it holds. */
BelfryFilter *belfry_filter_versions_get_at (BelfryFilterVersions *self, guint64 position,
                                             guint64 *until);
BelfryFilter *belfry_filter_versions_get_newest (BelfryFilterVersions *self);
/* The first change with a tag that starts at or before position, NULL when there is none; those
 * without a tag on the way there come into force silently. */
BelfryFilterChange *belfry_filter_versions_peek_due (BelfryFilterVersions *self, guint64 position);
/* Puts the first change into force and gives its tag (transfer full). */
gpointer      belfry_filter_versions_take       (BelfryFilterVersions *self);
/* Forgets the changes but remembers the newest filter. */
void          belfry_filter_versions_settle     (BelfryFilterVersions *self);

G_END_DECLS
