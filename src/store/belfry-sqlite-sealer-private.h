/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-sqlite-log-private.h"

G_BEGIN_DECLS

/* Makes the index of one block at a time. Writer thread only. */
typedef struct _BelfrySqliteSealer BelfrySqliteSealer;

BelfrySqliteSealer *belfry_sqlite_sealer_new          (BelfrySqliteLog     *log);
void                belfry_sqlite_sealer_free         (BelfrySqliteSealer  *self);
void                belfry_sqlite_sealer_disconnect   (BelfrySqliteSealer  *self);
void                belfry_sqlite_sealer_cancel       (BelfrySqliteSealer  *self);

/* What is begun runs through these, in any number of steps of each. */
gboolean            belfry_sqlite_sealer_is_idle      (BelfrySqliteSealer  *self);
void                belfry_sqlite_sealer_begin_tail   (BelfrySqliteSealer  *self,
                                                       guint64              position);
void                belfry_sqlite_sealer_begin_dropped (BelfrySqliteSealer *self,
                                                       guint64              position);
gboolean            belfry_sqlite_sealer_is_of_old    (BelfrySqliteSealer  *self);
void                belfry_sqlite_sealer_begin_rows   (BelfrySqliteSealer  *self,
                                                       guint64              position);
gboolean            belfry_sqlite_sealer_is_preparing (BelfrySqliteSealer  *self);
gboolean            belfry_sqlite_sealer_is_reading   (BelfrySqliteSealer  *self);
gboolean            belfry_sqlite_sealer_prepare      (BelfrySqliteSealer  *self,
                                                       sqlite3             *db,
                                                       GError             **error);
gboolean            belfry_sqlite_sealer_is_inserting (BelfrySqliteSealer  *self);
gboolean            belfry_sqlite_sealer_insert       (BelfrySqliteSealer  *self,
                                                       sqlite3             *db,
                                                       guint                max_chunks,
                                                       gint64               max_usec,
                                                       BelfrySqliteState   *state,
                                                       GError             **error);
void                belfry_sqlite_sealer_forget_below (BelfrySqliteSealer  *self,
                                                       guint64              floor);

/* After the transaction of an insertion. */
void                belfry_sqlite_sealer_settle       (BelfrySqliteSealer  *self);
void                belfry_sqlite_sealer_take_back    (BelfrySqliteSealer  *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteSealer, belfry_sqlite_sealer_free)

G_END_DECLS
