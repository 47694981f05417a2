/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-sqlite-log-private.h"

G_BEGIN_DECLS

/* The sorted merge of the tail into the index tables. Writer thread only. */
typedef struct _BelfrySqliteMerge BelfrySqliteMerge;

BelfrySqliteMerge *belfry_sqlite_merge_new          (void);
void               belfry_sqlite_merge_free         (BelfrySqliteMerge  *self);

/* Each begun merge runs through these, in any number of steps of each. */
void               belfry_sqlite_merge_begin        (BelfrySqliteMerge  *self,
                                                     guint64             merged,
                                                     guint64             last);
gboolean           belfry_sqlite_merge_is_preparing (BelfrySqliteMerge  *self);
gboolean           belfry_sqlite_merge_prepare      (BelfrySqliteMerge  *self,
                                                     sqlite3            *db,
                                                     GError            **error);
gboolean           belfry_sqlite_merge_is_inserting (BelfrySqliteMerge  *self);
gboolean           belfry_sqlite_merge_insert       (BelfrySqliteMerge  *self,
                                                     sqlite3            *db,
                                                     guint               max_entries,
                                                     gint64              max_usec,
                                                     BelfrySqliteState  *state,
                                                     GError            **error);

/* After the transaction of an insertion. */
void               belfry_sqlite_merge_settle       (BelfrySqliteMerge  *self);
void               belfry_sqlite_merge_take_back    (BelfrySqliteMerge  *self);

void               belfry_sqlite_merge_cancel       (BelfrySqliteMerge  *self);
/* The statements belong to a connection; call before it is closed. */
void               belfry_sqlite_merge_disconnect   (BelfrySqliteMerge  *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteMerge, belfry_sqlite_merge_free)

G_END_DECLS
