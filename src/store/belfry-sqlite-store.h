/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-store.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_SQLITE_STORE (belfry_sqlite_store_get_type ())

/* Properties: path (construct-only; ":memory:" is refused), n-readers (construct-only, 2), max-waiting-events (50000), max-waiting-bytes (64 MiB),
 * and read-only counters: events-waiting, commits, events-appended, appends-failed, wal-bytes, database-bytes, … */
BELFRY_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (BelfrySqliteStore, belfry_sqlite_store, BELFRY, SQLITE_STORE, GObject)

BELFRY_AVAILABLE_IN_ALL BelfrySqliteStore *belfry_sqlite_store_new (const char *path);
/* Makes the file (0600) and missing directories (0700) when there is none. Blocking; done once,
 * before anything else. */
BELFRY_AVAILABLE_IN_ALL
gboolean belfry_sqlite_store_open (BelfrySqliteStore *self, GCancellable *cancellable,
                                   GError **error);
BELFRY_AVAILABLE_IN_ALL
void     belfry_sqlite_store_open_async  (BelfrySqliteStore *self, GCancellable *cancellable,
                                          GAsyncReadyCallback callback, gpointer user_data);
BELFRY_AVAILABLE_IN_ALL
gboolean belfry_sqlite_store_open_finish (BelfrySqliteStore *self, GAsyncResult *result,
                                          GError **error);
/* Finishes what was begun, checkpoints, closes. Blocking; later calls fail with
 * BELFRY_ERROR_UNAVAILABLE. */
BELFRY_AVAILABLE_IN_ALL void     belfry_sqlite_store_close (BelfrySqliteStore *self);

/* Whole-file tools of belfryctl; blocking. verify and backup work beside a running daemon.
 * progress may be NULL. */
BELFRY_AVAILABLE_IN_ALL
gboolean belfry_sqlite_store_verify_file (const char *path, GCancellable *cancellable,
                                          GError **error);
BELFRY_AVAILABLE_IN_ALL
gboolean belfry_sqlite_store_backup_file (const char *path, const char *destination,
                                          GCancellable *cancellable, GError **error);
/* The restored database gets a new log identity and its positions jump ahead; refuses when destination exists unless overwrite,
 * and always when a daemon has it open. */
BELFRY_AVAILABLE_IN_ALL
gboolean belfry_sqlite_store_restore_file (const char *backup, const char *destination,
                                           gboolean overwrite, GCancellable *cancellable,
                                           GError **error);

G_END_DECLS
