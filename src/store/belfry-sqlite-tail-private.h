/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The newest rows of the log, which the index tables do not hold yet: enough of each to find candidates without a
 * look at the disk. Any thread may read, the writer changes it. */
typedef struct _BelfrySqliteTail BelfrySqliteTail;

typedef struct
{
  guint64 position;
  guint32 type;
  guint32 session;  /* belfry_sqlite_tail_hash() */
  guint32 user;     /* likewise */
} BelfrySqliteTailEntry;

/* What a candidate must have; 0 for any. The types are sorted. */
typedef struct
{
  guint32        session;
  guint32        user;
  const guint32 *types;
  guint          n_types;
} BelfrySqliteTailRule;

BelfrySqliteTail *belfry_sqlite_tail_new      (void);
void              belfry_sqlite_tail_free     (BelfrySqliteTail            *self);
guint32           belfry_sqlite_tail_hash     (const char                  *text);
void              belfry_sqlite_tail_replace  (BelfrySqliteTail            *self,
                                               guint64                      merged,
                                               guint64                      end,
                                               GArray                      *entries);
void              belfry_sqlite_tail_set_end  (BelfrySqliteTail            *self,
                                               guint64                      end);
guint64           belfry_sqlite_tail_get_end  (BelfrySqliteTail            *self);
void              belfry_sqlite_tail_append   (BelfrySqliteTail            *self,
                                               const BelfrySqliteTailEntry *entries,
                                               guint                        n_entries);
void              belfry_sqlite_tail_take_back (BelfrySqliteTail           *self,
                                               guint64                      position);
void              belfry_sqlite_tail_trim     (BelfrySqliteTail            *self,
                                               guint64                      merged);
guint             belfry_sqlite_tail_get_size (BelfrySqliteTail            *self);
gboolean          belfry_sqlite_tail_collect  (BelfrySqliteTail            *self,
                                               guint64                      merged,
                                               guint64                      low,
                                               guint64                      high,
                                               const BelfrySqliteTailRule  *rule,
                                               GArray                      *positions);
gboolean          belfry_sqlite_tail_count    (BelfrySqliteTail            *self,
                                               guint64                      merged,
                                               guint64                      low,
                                               guint64                      high,
                                               GHashTable                  *counts);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteTail, belfry_sqlite_tail_free)

G_END_DECLS
