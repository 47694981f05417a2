/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-sqlite-connection-private.h"

G_BEGIN_DECLS

/* What was deleted and is still in the counts of the table "event_type": in each row an object, id of type → number. */
#define BELFRY_SQLITE_REMOVAL_SCHEMA "CREATE TABLE removal (id INTEGER PRIMARY KEY, counts TEXT NOT NULL);"

/* What a transaction did to the statistics of one type. */
typedef struct
{
  char    *name;  /* a GRefString */
  guint64  added;
  guint64  removed;
  gint64   last_usec;  /* time of the newest of the added */
} BelfrySqliteTypeChange;

GArray            *belfry_sqlite_type_changes_new  (void);

/* The types of the log's events, and how many it holds of each. Writer thread only. */
typedef struct _BelfrySqliteTypes BelfrySqliteTypes;

/* No transaction writes more than @max_rows rows for what is deleted. */
BelfrySqliteTypes *belfry_sqlite_types_new         (guint                 max_rows);
void               belfry_sqlite_types_free        (BelfrySqliteTypes    *self);
/* Reads what is committed, too. */
gboolean           belfry_sqlite_types_connect     (BelfrySqliteTypes    *self,
                                                    sqlite3              *db,
                                                    GError              **error);
void               belfry_sqlite_types_disconnect  (BelfrySqliteTypes    *self);
/* What the log holds, of each type. */
void               belfry_sqlite_types_tell        (BelfrySqliteTypes    *self,
                                                    GArray               *changes);
/* One more of an event that is in the log already. */
void               belfry_sqlite_types_tell_of     (BelfrySqliteTypes    *self,
                                                    const char           *name,
                                                    GArray               *changes);

/* In the open transaction: one more event of the type, whose id is given; 0 on failure. */
guint32            belfry_sqlite_types_count       (BelfrySqliteTypes    *self,
                                                    const char           *name,
                                                    GError              **error);
/* Writes what was counted. */
gboolean           belfry_sqlite_types_write       (BelfrySqliteTypes    *self,
                                                    gint64                accepted_usec,
                                                    GError              **error);
/* That is committed. */
void               belfry_sqlite_types_settle      (BelfrySqliteTypes    *self,
                                                    gint64                accepted_usec,
                                                    GArray               *changes);

/* In the open transaction: takes @counts (id of type → number) away; all there is when it is %NULL. */
gboolean           belfry_sqlite_types_remove      (BelfrySqliteTypes    *self,
                                                    GHashTable           *counts,
                                                    GArray               *changes,
                                                    GError              **error);
void               belfry_sqlite_types_settle_removal (BelfrySqliteTypes *self);

/* Whether there are rows that count what was deleted; in the open transaction, mends some of them. */
gboolean           belfry_sqlite_types_owe         (BelfrySqliteTypes    *self);
gboolean           belfry_sqlite_types_pay         (BelfrySqliteTypes    *self,
                                                    GError              **error);
void               belfry_sqlite_types_settle_payment (BelfrySqliteTypes *self);

/* The open transaction is given up. */
void               belfry_sqlite_types_give_up     (BelfrySqliteTypes    *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteTypes, belfry_sqlite_types_free)

G_END_DECLS
