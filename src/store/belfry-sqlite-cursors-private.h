/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

#include "belfry-cursor-keeper-private.h"
#include "belfry-sqlite-connection-private.h"

G_BEGIN_DECLS

#define BELFRY_SQLITE_CURSOR_SCHEMA \
  "CREATE TABLE cursor (name TEXT PRIMARY KEY, position INTEGER NOT NULL, count INTEGER NOT NULL) WITHOUT ROWID;"
#define BELFRY_SQLITE_KEEP_CURSOR_SQL "INSERT OR REPLACE INTO cursor VALUES (?1, ?2, ?3)"

/* Places in the log that readers outside of the process have reached, by the reader's name. They are moved on the home
 * context and written by the writer's thread: with the next transaction that there is, or soon with one of their own.
 * Locks itself. */
typedef struct _BelfrySqliteCursors BelfrySqliteCursors;

BelfrySqliteCursors *belfry_sqlite_cursors_new     (void);
void                 belfry_sqlite_cursors_free    (BelfrySqliteCursors    *self);
/* What the file holds; nothing when that was read before. */
gboolean             belfry_sqlite_cursors_load    (BelfrySqliteCursors    *self,
                                                    sqlite3                *db,
                                                    GError                **error);
gboolean             belfry_sqlite_cursors_find    (BelfrySqliteCursors    *self,
                                                    const char             *name,
                                                    BelfryKeptCursor       *cursor);
/* Whether all of them were written before. */
gboolean             belfry_sqlite_cursors_move    (BelfrySqliteCursors    *self,
                                                    const char             *name,
                                                    const BelfryKeptCursor *cursor);
/* When a transaction of their own is due, in monotonic µs; 0: all are written. */
gint64               belfry_sqlite_cursors_get_due (BelfrySqliteCursors    *self);
/* Into the open transaction, by a statement of BELFRY_SQLITE_KEEP_CURSOR_SQL. */
gboolean             belfry_sqlite_cursors_write   (BelfrySqliteCursors    *self,
                                                    sqlite3_stmt           *stmt,
                                                    GError                **error);
/* That transaction is committed. */
void                 belfry_sqlite_cursors_settle  (BelfrySqliteCursors    *self);

G_END_DECLS
