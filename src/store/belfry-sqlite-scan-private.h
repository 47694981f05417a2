/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-filter.h"
#include "belfry-sqlite-view-private.h"

G_BEGIN_DECLS

/* The search for the events of [low, high] that a filter wants, in one direction, in steps: each
 * has a snapshot of its own, looks at a bounded number of rows, and narrows the range by what it
 * has seen. */
typedef struct
{
  BelfryFilter      *filter;  /* or NULL */
  gboolean           is_backwards;
  guint64            low;
  guint64            high;
  guint              max_events;
  gsize              max_bytes;

  gboolean           is_prepared;
  gboolean           has_keys;  /* or an amount: the index tells candidates */
  GArray            *keys[BELFRY_SQLITE_COLUMN_AMOUNT];  /* guint32, sorted: one of these; NULL for any */
  guint              n_keys;   /* in all columns together */
  guint32            least_amount;  /* key of; 0 for any */
  guint              window;  /* positions that the next look into an index covers */
  gboolean           is_done;
  GPtrArray         *events;  /* BelfryEvent, found so far, not sealed */
  GArray            *places;  /* BelfryEventPlace of each */
  GString           *text;    /* owned, or NULL; found events are printed there, each behind a comma, and not made */
  guint              n_found;
  guint64            last_printed;  /* position */
  gsize              n_bytes;
  guint64            n_rows;  /* looked at, in all steps */
  guint64            n_looks;  /* likewise: rows, and what is about as much work */
  guint64            end_of_looks;  /* of this step */
  guint64            n_lists;  /* looked up in the index of blocks, in all steps */
  guint64            n_chunks;  /* of amounts that were read, likewise */
  guint64            floor;   /* of the newest snapshot */
  guint64            last;    /* likewise, its last position */
} BelfrySqliteScan;

void       belfry_sqlite_scan_init  (BelfrySqliteScan  *self,
                                     BelfryFilter      *filter,
                                     gboolean           is_backwards,
                                     guint64            low,
                                     guint64            high,
                                     guint              max_events,
                                     gsize              max_bytes);
void       belfry_sqlite_scan_clear (BelfrySqliteScan  *self);
gboolean   belfry_sqlite_scan_step  (BelfrySqliteScan  *self,
                                     BelfrySqliteView  *view,
                                     GError           **error);
GPtrArray *belfry_sqlite_scan_seal  (BelfrySqliteScan  *self);

/* Between the parts of the search. */
gboolean   belfry_sqlite_scan_prepare  (BelfrySqliteScan        *self,
                                        BelfrySqliteView        *view,
                                        GError                 **error);
gboolean   belfry_sqlite_scan_has_type (const BelfrySqliteScan  *self,
                                        guint32                  type);
gboolean   belfry_sqlite_scan_gather   (BelfrySqliteScan        *self,
                                        BelfrySqliteView        *view,
                                        guint64                  low,
                                        guint64                  high,
                                        GArray                  *positions,
                                        gboolean                *is_held,
                                        GError                 **error);

/* How many events of each type there are in [low, *high], a step's worth; *@high becomes the last position that was counted. */
gboolean   belfry_sqlite_count_types   (BelfrySqliteView        *view,
                                        guint64                  low,
                                        guint64                 *high,
                                        GHashTable              *counts,
                                        GError                 **error);

G_END_DECLS
