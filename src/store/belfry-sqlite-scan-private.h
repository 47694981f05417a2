/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-filter.h"
#include "belfry-sqlite-view-private.h"

G_BEGIN_DECLS

/* Which part of the format leads to the candidates. */
typedef enum
{
  BELFRY_SQLITE_DRIVE_UNDECIDED,
  BELFRY_SQLITE_DRIVE_POSITION,
  BELFRY_SQLITE_DRIVE_SESSION,
  BELFRY_SQLITE_DRIVE_USER,
  BELFRY_SQLITE_DRIVE_TYPE,
} BelfrySqliteDrive;

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

  BelfrySqliteDrive  drive;
  GArray            *types;   /* guint32, sorted; NULL for any */
  gboolean           is_done;
  GPtrArray         *events;  /* BelfryEvent, found so far, not sealed */
  GArray            *places;  /* BelfryEventPlace of each */
  gsize              n_bytes;
  guint64            n_rows;  /* looked at, in all steps */
  guint64            n_keys;  /* likewise, entries of the leading index */
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
gboolean   belfry_sqlite_scan_choose   (BelfrySqliteScan        *self,
                                        BelfrySqliteView        *view,
                                        GError                 **error);
gboolean   belfry_sqlite_scan_narrow   (BelfrySqliteScan        *self,
                                        BelfrySqliteView        *view,
                                        GArray                  *positions,
                                        GError                 **error);
gboolean   belfry_sqlite_scan_has_type (const BelfrySqliteScan  *self,
                                        guint32                  type);

G_END_DECLS
