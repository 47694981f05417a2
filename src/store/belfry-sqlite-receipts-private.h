/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-receipt-private.h"
#include "belfry-sqlite-connection-private.h"

G_BEGIN_DECLS

typedef struct _BelfrySqliteReceipts BelfrySqliteReceipts;

BelfrySqliteReceipts *belfry_sqlite_receipts_new        (gint64                 window_usec,
                                                         guint64                max_bytes);
void                  belfry_sqlite_receipts_free       (BelfrySqliteReceipts  *self);
gboolean              belfry_sqlite_receipts_connect    (BelfrySqliteReceipts  *self,
                                                         sqlite3               *db,
                                                         GError               **error);
void                  belfry_sqlite_receipts_disconnect (BelfrySqliteReceipts  *self);
gboolean              belfry_sqlite_receipts_look_up    (BelfrySqliteReceipts  *self,
                                                         BelfryReceipt         *receipt,
                                                         gint64                 now_usec,
                                                         GError               **error);
gboolean              belfry_sqlite_receipts_add        (BelfrySqliteReceipts  *self,
                                                         BelfryReceipt         *receipt,
                                                         GPtrArray             *events,
                                                         const BelfryEventPlace *places,
                                                         GError               **error);
gboolean              belfry_sqlite_receipts_is_due     (BelfrySqliteReceipts  *self,
                                                         gint64                 now_usec);
gboolean              belfry_sqlite_receipts_trim       (BelfrySqliteReceipts  *self,
                                                         gint64                 now_usec,
                                                         guint                  max_rows,
                                                         GError               **error);
void                  belfry_sqlite_receipts_settle     (BelfrySqliteReceipts  *self);
void                  belfry_sqlite_receipts_give_up    (BelfrySqliteReceipts  *self);
guint64               belfry_sqlite_receipts_get_bytes  (BelfrySqliteReceipts  *self);
guint64               belfry_sqlite_receipts_get_dropped (BelfrySqliteReceipts *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteReceipts, belfry_sqlite_receipts_free)

G_END_DECLS
