/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-sqlite-import-source-private.h"
#include "belfry-sqlite-log-private.h"

G_BEGIN_DECLS

/* The new log while it is being filled. */
typedef struct _BelfrySqliteImportTarget BelfrySqliteImportTarget;

typedef enum
{
  BELFRY_SQLITE_IMPORT_KEPT,
  BELFRY_SQLITE_IMPORT_NEEDS_ID,  /* the row has none that can be kept: one of the log's must be found */
  BELFRY_SQLITE_IMPORT_LEFT,      /* the row can be no event */
} BelfrySqliteImportVerdict;

BelfrySqliteImportTarget *belfry_sqlite_import_target_open     (const char                  *path,
                                                                GError                     **error);
void                      belfry_sqlite_import_target_close    (BelfrySqliteImportTarget    *self);
sqlite3                  *belfry_sqlite_import_target_get_db   (BelfrySqliteImportTarget    *self);
BelfrySqliteImportVerdict belfry_sqlite_import_target_judge    (BelfrySqliteImportTarget    *self,
                                                                const BelfrySqliteImportRow *row,
                                                                const char                 **reason);
void                      belfry_sqlite_import_target_make_id  (BelfrySqliteImportTarget    *self,
                                                                guint8                       origin,
                                                                char                        *id);
gboolean                  belfry_sqlite_import_target_add      (BelfrySqliteImportTarget    *self,
                                                                const BelfrySqliteImportRow *row,
                                                                const char                  *id,
                                                                GError                     **error);
gboolean                  belfry_sqlite_import_target_build_index (BelfrySqliteImportTarget *self,
                                                                GError                     **error);
gboolean                  belfry_sqlite_import_target_finish   (BelfrySqliteImportTarget    *self,
                                                                GError                     **error);
guint64                   belfry_sqlite_import_target_get_n_events (BelfrySqliteImportTarget *self);
gint64                    belfry_sqlite_import_target_get_newest (BelfrySqliteImportTarget  *self);
GPtrArray                *belfry_sqlite_import_target_list_types (BelfrySqliteImportTarget  *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteImportTarget, belfry_sqlite_import_target_close)

G_END_DECLS
