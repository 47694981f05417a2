/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-private.h"
#include "belfry-sqlite-log-private.h"

G_BEGIN_DECLS

typedef enum
{
  BELFRY_SQLITE_VIEW_BEGIN,
  BELFRY_SQLITE_VIEW_END,
  BELFRY_SQLITE_VIEW_STATE,
  BELFRY_SQLITE_VIEW_UNINDEXED,
  BELFRY_SQLITE_VIEW_AT,
  BELFRY_SQLITE_VIEW_FORWARDS,
  BELFRY_SQLITE_VIEW_BACKWARDS,
  BELFRY_SQLITE_VIEW_TIME,
  BELFRY_SQLITE_VIEW_TYPE_ID,
  BELFRY_SQLITE_VIEW_TYPE_NAME,
  BELFRY_SQLITE_VIEW_CHUNKS,
  BELFRY_SQLITE_VIEW_TYPES,
  BELFRY_SQLITE_VIEW_IMPORTED_ID,
  BELFRY_SQLITE_VIEW_IMPORTED_POSITION,
  BELFRY_SQLITE_VIEW_N_STATEMENTS,
} BelfrySqliteViewStatement;

/* Columns of the statements that give rows of events. */
typedef enum
{
  BELFRY_SQLITE_ROW_POSITION,
  BELFRY_SQLITE_ROW_ACCEPTED,
  BELFRY_SQLITE_ROW_TYPE,
  BELFRY_SQLITE_ROW_SOURCE,
  BELFRY_SQLITE_ROW_SESSION,
  BELFRY_SQLITE_ROW_USER,
  BELFRY_SQLITE_ROW_TIER,
  BELFRY_SQLITE_ROW_AMOUNT,
  BELFRY_SQLITE_ROW_PAYLOAD,
  BELFRY_SQLITE_ROW_SENT,
  BELFRY_SQLITE_ROW_LEARNER,
} BelfrySqliteRow;

/* A reader's connection and the snapshot that it has open. One thread. */
typedef struct
{
  BelfrySqliteLog *log;
  sqlite3         *db;          /* NULL until it is needed, and after a failure */
  sqlite3_stmt    *statements[BELFRY_SQLITE_VIEW_N_STATEMENTS];  /* prepared at first use */
  GHashTable      *type_names;  /* id → name; an id never changes its name */

  guint64          next_position;  /* of the snapshot, like all below */
  guint64          floor;
  guint64          merged;
  guint64          unindexed;      /* events below are in no index yet */
  guint64          dropped;        /* nor are those above merged and up to here */
} BelfrySqliteView;

void          belfry_sqlite_view_init          (BelfrySqliteView           *self,
                                                BelfrySqliteLog            *log);
void          belfry_sqlite_view_clear         (BelfrySqliteView           *self);
gboolean      belfry_sqlite_view_begin         (BelfrySqliteView           *self,
                                                GError                    **error);
void          belfry_sqlite_view_end           (BelfrySqliteView           *self);
void          belfry_sqlite_view_close         (BelfrySqliteView           *self);
sqlite3_stmt *belfry_sqlite_view_ensure        (BelfrySqliteView           *self,
                                                BelfrySqliteViewStatement   statement,
                                                GError                    **error);
gboolean      belfry_sqlite_view_find_time     (BelfrySqliteView           *self,
                                                gint64                      accepted_usec,
                                                guint64                    *position,
                                                GError                    **error);
gboolean      belfry_sqlite_view_find_type     (BelfrySqliteView           *self,
                                                const char                 *name,
                                                guint32                    *id,
                                                GError                    **error);
gboolean      belfry_sqlite_view_find_id       (BelfrySqliteView           *self,
                                                const char                 *id,
                                                guint64                    *position,
                                                GError                    **error);
BelfryEvent  *belfry_sqlite_view_make_event    (BelfrySqliteView           *self,
                                                sqlite3_stmt               *row,
                                                BelfryEventPlace           *place,
                                                GError                    **error);
gboolean      belfry_sqlite_view_print_event   (BelfrySqliteView           *self,
                                                sqlite3_stmt               *row,
                                                GString                    *text,
                                                GError                    **error);

G_END_DECLS
