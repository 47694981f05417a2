/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-store.h"

G_BEGIN_DECLS

/* How many events of which type the log holds: kept up to date at home, so that asking costs no
 * look at the disk. */
typedef struct _BelfrySqliteStats BelfrySqliteStats;

BelfrySqliteStats *belfry_sqlite_stats_new       (void);
void               belfry_sqlite_stats_free      (BelfrySqliteStats       *self);
/* Forgets all. */
void               belfry_sqlite_stats_clear     (BelfrySqliteStats       *self);
/* How many events the changes removed. */
guint64            belfry_sqlite_stats_apply     (BelfrySqliteStats       *self,
                                                  const GArray            *changes);
BelfryStoreStats  *belfry_sqlite_stats_snapshot  (const BelfrySqliteStats *self,
                                                  guint64                  events_last_hour);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteStats, belfry_sqlite_stats_free)

G_END_DECLS
