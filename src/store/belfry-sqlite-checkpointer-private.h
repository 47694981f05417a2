/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-sqlite-log-private.h"

G_BEGIN_DECLS

/* Carries the write-ahead log over into the database file, on a thread of its own. */
typedef struct _BelfrySqliteCheckpointer BelfrySqliteCheckpointer;

BelfrySqliteCheckpointer *belfry_sqlite_checkpointer_new         (BelfrySqliteLog           *log);
void                      belfry_sqlite_checkpointer_stop        (BelfrySqliteCheckpointer  *self);
void                      belfry_sqlite_checkpointer_free        (BelfrySqliteCheckpointer  *self);
void                      belfry_sqlite_checkpointer_note        (BelfrySqliteCheckpointer  *self,
                                                                  guint                      n_pages);
void                      belfry_sqlite_checkpointer_request     (BelfrySqliteCheckpointer  *self);
gboolean                  belfry_sqlite_checkpointer_take_finish (BelfrySqliteCheckpointer  *self);
gboolean                  belfry_sqlite_checkpointer_take_failure (BelfrySqliteCheckpointer *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteCheckpointer, belfry_sqlite_checkpointer_free)

G_END_DECLS
