/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-sqlite-connection-private.h"

G_BEGIN_DECLS

/* The keys of neighbouring events, one each, on their way into an index table. */
typedef struct _BelfrySqliteImportKeys BelfrySqliteImportKeys;

BelfrySqliteImportKeys *belfry_sqlite_import_keys_new        (sqlite3                 *db,
                                                              const char              *table,
                                                              GError                 **error);
void                    belfry_sqlite_import_keys_free       (BelfrySqliteImportKeys  *self);
void                    belfry_sqlite_import_keys_add_text   (BelfrySqliteImportKeys  *self,
                                                              const char              *text);
void                    belfry_sqlite_import_keys_add_number (BelfrySqliteImportKeys  *self,
                                                              guint32                  number);
gboolean                belfry_sqlite_import_keys_is_full    (BelfrySqliteImportKeys  *self);
gboolean                belfry_sqlite_import_keys_insert     (BelfrySqliteImportKeys  *self,
                                                              GError                 **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteImportKeys, belfry_sqlite_import_keys_free)

G_END_DECLS
