/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>
#include <sqlite3.h>

#include "belfry-error.h"

G_BEGIN_DECLS

G_DEFINE_AUTOPTR_CLEANUP_FUNC (sqlite3, sqlite3_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (sqlite3_stmt, sqlite3_finalize)

typedef enum
{
  BELFRY_SQLITE_WRITER,
  BELFRY_SQLITE_READER,
  BELFRY_SQLITE_CHECKPOINTER,
} BelfrySqliteRole;

/* The errors of this folder's inner functions say what SQLite says, for the log; belfry_sqlite_publish_error() makes
 * of them what a caller of the store may see. */
void          belfry_sqlite_configure      (void);
sqlite3      *belfry_sqlite_open           (const char        *path,
                                            BelfrySqliteRole   role,
                                            GError           **error);
gboolean      belfry_sqlite_rewrite_wal    (const char        *path,
                                            GError           **error);
gboolean      belfry_sqlite_flush          (sqlite3           *db,
                                            GError           **error);
void          belfry_sqlite_restart_checkpoint (sqlite3       *db);
void          belfry_sqlite_set_error      (sqlite3           *db,
                                            GError           **error);
gboolean      belfry_sqlite_execute        (sqlite3           *db,
                                            const char        *sql,
                                            GError           **error);
sqlite3_stmt *belfry_sqlite_prepare        (sqlite3           *db,
                                            const char        *sql,
                                            GError           **error);
gboolean      belfry_sqlite_run            (sqlite3_stmt      *stmt,
                                            GError           **error);
gboolean      belfry_sqlite_next           (sqlite3_stmt      *stmt,
                                            gboolean          *has_row,
                                            GError           **error);
gboolean      belfry_sqlite_read_number    (sqlite3           *db,
                                            const char        *sql,
                                            gint64            *number,
                                            GError           **error);
void          belfry_sqlite_bind_text      (sqlite3_stmt      *stmt,
                                            int                index,
                                            const char        *text,
                                            gssize             length);
const char   *belfry_sqlite_column_text    (sqlite3_stmt      *row,
                                            int                column,
                                            gssize            *length);
gboolean      belfry_sqlite_error_is_full  (const GError      *error);
gboolean      belfry_sqlite_error_is_damage (const GError      *error);
GError       *belfry_sqlite_publish_error  (const GError      *error);
void          belfry_sqlite_explain_error  (const char        *path,
                                            const GError      *inner_error,
                                            GError           **error);

G_END_DECLS
