/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* How far an import has come. */
typedef struct
{
  guint64 n_rows;   /* in the old database; 0 until they are counted */
  guint64 n_done;
  guint   percent;  /* of all the work, which does not end with the last row */
} BelfrySqliteImportProgress;

/* What became of the rows of the old database. */
typedef struct
{
  guint64    n_rows;
  guint64    n_imported;
  guint64    n_left;       /* can be no event: they stay in the backup */
  guint64    n_new_ids;    /* of the imported: had no id that can be kept */
  guint64    n_new_times;  /* of the imported: had no time that can be read, and got that of the row before */
  gint64     newest_usec;
  GPtrArray *left;         /* char *: id and reason of the first that were left */
  GPtrArray *types;        /* char *: names of all types, sorted */
  char      *backup_path;
} BelfrySqliteImportReport;

/* Called on the thread of the import; either may be NULL. keep_types() is called before anything is
 * replaced. */
typedef struct
{
  void     (*on_progress) (const BelfrySqliteImportProgress *progress,
                           gpointer                          user_data);
  gboolean (*keep_types)  (GPtrArray                        *names,
                           gpointer                          user_data,
                           GError                          **error);
  gpointer   user_data;
} BelfrySqliteImportHooks;

void                      belfry_sqlite_import_report_free (BelfrySqliteImportReport      *report);
gboolean                  belfry_sqlite_import_is_wanted   (const char                    *path);
BelfrySqliteImportReport *belfry_sqlite_import_run         (const char                    *path,
                                                            const BelfrySqliteImportHooks *hooks,
                                                            GCancellable                  *cancellable,
                                                            GError                       **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteImportReport, belfry_sqlite_import_report_free)

G_END_DECLS
