/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

#include "belfry-event-id-private.h"
#include "belfry-sqlite-connection-private.h"
#include "belfry-sqlite-dead-letters-private.h"
#include "belfry-sqlite-cursors-private.h"
#include "belfry-sqlite-tail-private.h"

G_BEGIN_DECLS

#define BELFRY_SQLITE_APPLICATION_ID 0x42656c66 /* "Belf" */
#define BELFRY_SQLITE_USER_VERSION   2

/* Of a file that is made now; each file keeps what it was made with. A search reads one page for each row that lies by
 * itself, and what it costs is the size of that page; appends do not feel the difference to larger ones. */
#define BELFRY_SQLITE_PAGE_SIZE      8192

/* Ids that another system gave to the events at the beginning of the log: a number for one of our form, otherwise
 * text. */
#define BELFRY_SQLITE_IMPORTED_INDEX "CREATE UNIQUE INDEX imported_id ON imported (id);"
#define BELFRY_SQLITE_IMPORTED_SCHEMA \
  "CREATE TABLE imported (position INTEGER PRIMARY KEY, id NOT NULL);" BELFRY_SQLITE_IMPORTED_INDEX

/* Bytes of an imported id, which are letters, digits and some marks that need no escapes anywhere. */
#define BELFRY_SQLITE_IMPORTED_ID_MAX 200

/* Positions from first to last were never, and will never be, given to an event. */
typedef struct
{
  guint64 first;
  guint64 last;
} BelfrySqliteRange;

/* The row of the table "state". */
typedef struct
{
  guint64 log_id;
  guint8  secret[BELFRY_EVENT_ID_SECRET_SIZE];
  guint8  origin;
  guint64 next_position;
  guint64 floor;
  guint64 merged;
  gint64  last_usec;
  guint64 unindexed;  /* of the table "indexing", like the next: events below this have no index yet; 0: all have */
  guint   block_bits;
} BelfrySqliteState;

/* Figures that tests make small. */
typedef struct
{
  gint64  idle_usec;         /* after so long without anything to be done memory is given back */
  guint   seal_chunks;       /* pieces of an index in one transaction, at least */
  guint   reclaim_rows;      /* rows behind the floor that one transaction removes */
  guint   type_rows;         /* counts of types that one transaction writes for a deletion */
  guint64 checkpoint_bytes;  /* the write-ahead log is carried over when it is longer */
  guint   tail_rows;         /* rows in memory, at most, when blocks cannot get their index */
} BelfrySqliteTuning;

/* What the threads of one open log share: constant while they run, but for the tail, which locks
 * itself. */
typedef struct
{
  char               *path;
  BelfrySqliteTuning  tuning;
  gint64              receipt_window_usec;
  guint64             receipt_max_bytes;
  BelfrySqliteDeadLetterBounds letter_bounds;
  guint64             log_id;
  guint8              origin;
  guint               page_size;  /* bytes */
  BelfryEventIdKey    id_key;
  BelfrySqliteBlocks  blocks;
  gboolean            had_unindexed;  /* when it was opened */
  GArray             *skipped;  /* BelfrySqliteRange in order */
  guint64             last_imported;  /* the last position with an imported id; 0: none */
  BelfrySqliteTail   *tail;
  BelfrySqliteCursors *cursors;  /* locks itself too */
} BelfrySqliteLog;

BelfrySqliteLog *belfry_sqlite_log_new           (const char            *path);
void             belfry_sqlite_log_free          (BelfrySqliteLog       *self);
guint64          belfry_sqlite_log_count_used    (const BelfrySqliteLog *self,
                                                  guint64                first,
                                                  guint64                last);
guint64          belfry_sqlite_log_find_free     (const BelfrySqliteLog *self,
                                                  guint64                position,
                                                  guint64               *barrier);
gboolean         belfry_sqlite_log_find_skipped  (const BelfrySqliteLog *self,
                                                  guint64                position,
                                                  BelfrySqliteRange     *range);
void             belfry_sqlite_log_read_entry    (const BelfrySqliteLog *self,
                                                  sqlite3_stmt          *row,
                                                  BelfrySqliteTailEntry *entry);

/* All of these leave a file that they refuse as it is. */
gboolean         belfry_sqlite_schema_prepare    (const char            *path,
                                                  GError               **error);
gboolean         belfry_sqlite_schema_make_file  (const char            *path,
                                                  GError               **error);
gboolean         belfry_sqlite_schema_check_file (const char            *path,
                                                  gboolean               for_writing,
                                                  GError               **error);
gboolean         belfry_sqlite_schema_load_state (sqlite3               *db,
                                                  BelfrySqliteState     *state,
                                                  GError               **error);
gboolean         belfry_sqlite_schema_load_indexing (sqlite3            *db,
                                                  BelfrySqliteState     *state,
                                                  GError               **error);
gboolean         belfry_sqlite_schema_upgrade    (sqlite3               *db,
                                                  GError               **error);
gboolean         belfry_sqlite_schema_load_skipped (sqlite3             *db,
                                                  GArray                *skipped,
                                                  GError               **error);
gboolean         belfry_sqlite_schema_make_secret (gpointer              bytes,
                                                  gsize                  size,
                                                  GError               **error);
gboolean         belfry_sqlite_flush_directory_of (const char           *path,
                                                  GError               **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteLog, belfry_sqlite_log_free)

G_END_DECLS
