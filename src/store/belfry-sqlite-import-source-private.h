/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-sqlite-connection-private.h"

G_BEGIN_DECLS

/* Columns of a row; text as SQLite gives it, valid until the next row is asked for. */
typedef enum
{
  BELFRY_SQLITE_IMPORT_ID,
  BELFRY_SQLITE_IMPORT_TYPE,
  BELFRY_SQLITE_IMPORT_SOURCE,
  BELFRY_SQLITE_IMPORT_SESSION,
  BELFRY_SQLITE_IMPORT_USER,
  BELFRY_SQLITE_IMPORT_PAYLOAD,
  BELFRY_SQLITE_IMPORT_N_TEXTS,
} BelfrySqliteImportColumn;

typedef struct
{
  const char *texts[BELFRY_SQLITE_IMPORT_N_TEXTS];    /* or NULL */
  gssize      lengths[BELFRY_SQLITE_IMPORT_N_TEXTS];  /* bytes */
  gint64      usec;
} BelfrySqliteImportRow;

typedef struct _BelfrySqliteImportSource BelfrySqliteImportSource;

BelfrySqliteImportSource *belfry_sqlite_import_source_open    (const char                *path,
                                                               GError                   **error);
sqlite3                  *belfry_sqlite_import_source_get_db  (BelfrySqliteImportSource  *self);
void                      belfry_sqlite_import_source_close   (BelfrySqliteImportSource  *self);
gboolean                  belfry_sqlite_import_source_order   (BelfrySqliteImportSource  *self,
                                                               gint64                     now_usec,
                                                               GError                   **error);
guint64                   belfry_sqlite_import_source_get_n_rows (BelfrySqliteImportSource *self);
guint64                   belfry_sqlite_import_source_get_n_new_times (BelfrySqliteImportSource *self);
gboolean                  belfry_sqlite_import_source_next    (BelfrySqliteImportSource  *self,
                                                               BelfrySqliteImportRow     *row,
                                                               gboolean                  *has_row,
                                                               GError                   **error);
gboolean                  belfry_sqlite_import_source_has_id  (BelfrySqliteImportSource  *self,
                                                               const char                *id,
                                                               gboolean                  *has_id,
                                                               GError                   **error);
gboolean                  belfry_sqlite_import_has_tables     (sqlite3                   *db);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteImportSource, belfry_sqlite_import_source_close)

G_END_DECLS
