/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-sqlite-block-private.h"

G_BEGIN_DECLS

/* The newest rows of the log, which no block's index holds yet: the keys of each, to find candidates without a look at
 * the disk. Any thread may read, the writer changes it. */
typedef struct _BelfrySqliteTail BelfrySqliteTail;

/* Positions of a page. */
#define BELFRY_SQLITE_TAIL_PAGE 4096

typedef struct
{
  guint64 position;
  guint32 keys[BELFRY_SQLITE_N_COLUMNS];  /* 0: none; there is always a type */
} BelfrySqliteTailEntry;

/* Neighbours. Who holds a reference may read the places of positions that were committed when it was taken. */
typedef struct
{
  grefcount ref_count;  /* guarded by the tail's lock */
  guint64   first;      /* position of the first place */
  guint32   keys[BELFRY_SQLITE_N_COLUMNS][BELFRY_SQLITE_TAIL_PAGE];  /* 0 everywhere where there is no row */
} BelfrySqliteTailPage;

BelfrySqliteTail *belfry_sqlite_tail_new        (void);
void              belfry_sqlite_tail_free       (BelfrySqliteTail            *self);
void              belfry_sqlite_tail_replace    (BelfrySqliteTail            *self,
                                                 guint64                      merged,
                                                 guint64                      end,
                                                 BelfrySqliteTail            *filled);
void              belfry_sqlite_tail_set_end    (BelfrySqliteTail            *self,
                                                 guint64                      end);
guint64           belfry_sqlite_tail_get_end    (BelfrySqliteTail            *self);
void              belfry_sqlite_tail_append     (BelfrySqliteTail            *self,
                                                 const BelfrySqliteTailEntry *entries,
                                                 guint                        n_entries);
void              belfry_sqlite_tail_take_back  (BelfrySqliteTail            *self,
                                                 guint64                      position);
void              belfry_sqlite_tail_trim       (BelfrySqliteTail            *self,
                                                 guint64                      merged);
void              belfry_sqlite_tail_drop       (BelfrySqliteTail            *self,
                                                 guint64                      position);
guint64           belfry_sqlite_tail_get_dropped (BelfrySqliteTail           *self);
guint             belfry_sqlite_tail_get_size   (BelfrySqliteTail            *self);
guint64           belfry_sqlite_tail_get_first  (BelfrySqliteTail            *self);
gboolean          belfry_sqlite_tail_ref_page   (BelfrySqliteTail            *self,
                                                 guint64                      merged,
                                                 guint64                      position,
                                                 BelfrySqliteTailPage       **page);
void              belfry_sqlite_tail_unref_page (BelfrySqliteTail            *self,
                                                 BelfrySqliteTailPage        *page);
void              belfry_sqlite_tail_copy       (BelfrySqliteTail            *self,
                                                 guint64                      first,
                                                 guint                        n_positions,
                                                 guint32                     *const keys[BELFRY_SQLITE_N_COLUMNS]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteTail, belfry_sqlite_tail_free)

G_END_DECLS
