/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The database of the Python pipeline, read in the order in which its events happened. A first pass notes the time and
 * the number of each row, 16 bytes together, which are then sorted, as rarely changes anything; a second one fetches
 * the rows in that order, and goes on from row to row as long as they lie in it. Nobody else may use the file
 * meanwhile, and it is not written but by SQLite's own recovery of what a crash left beside it. */

#include "belfry-sqlite-import-source-private.h"

#include <stdlib.h>

#include "belfry-timestamp-private.h"

/* A time so far ahead is a mistake; kept, it would be the time of everything to come. */
#define MAX_AHEAD_USEC (366 * G_TIME_SPAN_DAY)

typedef struct
{
  gint64 usec;
  gint64 row;
} Place;

struct _BelfrySqliteImportSource
{
  sqlite3      *db;
  sqlite3_stmt *rows;         /* from a row on */
  sqlite3_stmt *ids;
  gboolean      is_under_way; /* rows stands on a row */
  GArray       *order;        /* Place */
  guint         n_fetched;
  guint64       n_new_times;
};

static const char *const tables[] = {
  "SELECT rowid, id, event_type, source, session_id, user_id, payload, timestamp FROM main.events",
  "SELECT event_type, count, last_seen FROM main.event_stats",
};

/* A name in quotation marks that is no column would be taken for a string, so these are without. */
gboolean
belfry_sqlite_import_has_tables (sqlite3 *db)
{
  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    {
      g_autoptr(sqlite3_stmt) stmt = belfry_sqlite_prepare (db, tables[i], NULL);

      if (stmt == NULL)
        return FALSE;
    }

  return TRUE;
}

void
belfry_sqlite_import_source_close (BelfrySqliteImportSource *self)
{
  g_clear_pointer (&self->rows, sqlite3_finalize);
  g_clear_pointer (&self->ids, sqlite3_finalize);
  if (self->db != NULL && !sqlite3_get_autocommit (self->db))
    sqlite3_exec (self->db, "COMMIT", NULL, NULL, NULL);
  g_clear_pointer (&self->db, sqlite3_close);
  g_clear_pointer (&self->order, g_array_unref);
  g_free (self);
}

/* The exclusive lock keeps writers out and shows that there is none; it also lets SQLite do without the
 * shared memory of a write-ahead log. */
static gboolean
lock (BelfrySqliteImportSource  *self,
      const char                *path,
      GError                   **error)
{
  sqlite3_busy_timeout (self->db, 1000);
  if (sqlite3_exec (self->db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF; BEGIN EXCLUSIVE",
                    NULL, NULL, NULL) == SQLITE_OK)
    return TRUE;

  if ((sqlite3_errcode (self->db) & 0xff) == SQLITE_BUSY)
    g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED,
                 "Database '%s' is in use by another process, and cannot be imported until that has ended", path);
  else
    belfry_sqlite_set_error (self->db, error);

  return FALSE;
}

BelfrySqliteImportSource *
belfry_sqlite_import_source_open (const char  *path,
                                  GError     **error)
{
  g_autoptr(BelfrySqliteImportSource) self = g_new0 (BelfrySqliteImportSource, 1);

  self->order = g_array_new (FALSE, FALSE, sizeof (Place));
  if (sqlite3_open_v2 (path, &self->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    {
      belfry_sqlite_set_error (self->db, error);
      return NULL;
    }

  if (!lock (self, path, error))
    return NULL;

  self->rows = belfry_sqlite_prepare (self->db,
                                      "SELECT rowid, id, event_type, source, session_id, user_id, payload"
                                      " FROM main.events WHERE rowid >= ?1 ORDER BY rowid", error);
  if (self->rows != NULL)
    self->ids = belfry_sqlite_prepare (self->db, "SELECT 1 FROM main.events WHERE id = ?1", error);

  return self->ids != NULL ? g_steal_pointer (&self) : NULL;
}

sqlite3 *
belfry_sqlite_import_source_get_db (BelfrySqliteImportSource *self)
{
  return self->db;
}

static gboolean
read_time (sqlite3_stmt *row,
           gint64        last_usec,
           gint64       *usec)
{
  const char *text = (const char *) sqlite3_column_text (row, 1);

  return text != NULL && belfry_timestamp_parse (text, sqlite3_column_bytes (row, 1), usec) && *usec <= last_usec;
}

/* A row without a readable time was inserted between its neighbours: it gets the time of the one before, and when there
 * is none, of the one behind. */
static gint64
choose_time (BelfrySqliteImportSource *self,
             sqlite3_stmt             *row,
             gint64                    now_usec)
{
  guint n_before = self->order->len;
  gint64 usec;

  if (!read_time (row, now_usec + MAX_AHEAD_USEC, &usec))
    {
      self->n_new_times++;
      return n_before > 0 ? g_array_index (self->order, Place, n_before - 1).usec : now_usec;
    }

  for (guint i = 0; self->n_new_times == n_before && i < n_before; i++)
    g_array_index (self->order, Place, i).usec = usec;

  return usec;
}

static gboolean
collect_places (BelfrySqliteImportSource  *self,
                sqlite3_stmt              *stmt,
                gint64                     now_usec,
                GError                   **error)
{

  for (;;)
    {
      Place place;
      gboolean has_row;

      if (!belfry_sqlite_next (stmt, &has_row, error))
        return FALSE;
      if (!has_row)
        break;
      if (self->order->len == G_MAXUINT32 / sizeof (Place))
        {
          g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_CAPACITY,
                               "The database to be imported has too many rows");
          return FALSE;
        }

      place.row = sqlite3_column_int64 (stmt, 0);
      place.usec = choose_time (self, stmt, now_usec);
      g_array_append_val (self->order, place);
    }

  return TRUE;
}

static int
compare_places (gconstpointer a,
                gconstpointer b)
{
  const Place *left = a, *right = b;

  if (left->usec != right->usec)
    return left->usec < right->usec ? -1 : 1;

  return (left->row > right->row) - (left->row < right->row);
}

static gboolean
is_in_order (const GArray *order)
{
  for (guint i = 1; i < order->len; i++)
    if (g_array_index (order, Place, i - 1).usec > g_array_index (order, Place, i).usec)
      return FALSE;

  return TRUE;
}

/* Settles the order of the rows: by time, and those of one time as they were inserted. */
gboolean
belfry_sqlite_import_source_order (BelfrySqliteImportSource  *self,
                                   gint64                     now_usec,
                                   GError                   **error)
{
  g_autoptr(sqlite3_stmt) stmt = NULL;

  stmt = belfry_sqlite_prepare (self->db, "SELECT rowid, timestamp FROM main.events ORDER BY rowid", error);
  if (stmt == NULL || !collect_places (self, stmt, now_usec, error))
    return FALSE;

  if (!is_in_order (self->order))
    g_array_sort (self->order, compare_places);

  return TRUE;
}

guint64
belfry_sqlite_import_source_get_n_rows (BelfrySqliteImportSource *self)
{
  return self->order->len;
}

guint64
belfry_sqlite_import_source_get_n_new_times (BelfrySqliteImportSource *self)
{
  return self->n_new_times;
}

/* Moves to the row of that number: the next one mostly. */
static gboolean
go_to_row (BelfrySqliteImportSource  *self,
           gint64                     row,
           GError                   **error)
{
  gboolean has_row = FALSE;

  if (self->is_under_way)
    {
      if (!belfry_sqlite_next (self->rows, &has_row, error))
        return FALSE;
      if (has_row && sqlite3_column_int64 (self->rows, 0) == row)
        return TRUE;
    }

  sqlite3_reset (self->rows);
  sqlite3_bind_int64 (self->rows, 1, row);
  if (!belfry_sqlite_next (self->rows, &has_row, error))
    return FALSE;

  self->is_under_way = has_row && sqlite3_column_int64 (self->rows, 0) == row;
  if (!self->is_under_way)
    g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT, "The database to be imported is damaged");

  return self->is_under_way;
}

gboolean
belfry_sqlite_import_source_next (BelfrySqliteImportSource  *self,
                                  BelfrySqliteImportRow     *row,
                                  gboolean                  *has_row,
                                  GError                   **error)
{
  const Place *place;

  *has_row = self->n_fetched < self->order->len;
  if (!*has_row)
    return TRUE;

  place = &g_array_index (self->order, Place, self->n_fetched);
  if (!go_to_row (self, place->row, error))
    return FALSE;

  self->n_fetched++;
  row->usec = place->usec;
  for (int i = 0; i < BELFRY_SQLITE_IMPORT_N_TEXTS; i++)
    {
      row->texts[i] = (const char *) sqlite3_column_text (self->rows, i + 1);
      row->lengths[i] = row->texts[i] != NULL ? sqlite3_column_bytes (self->rows, i + 1) : 0;
    }

  return TRUE;
}

gboolean
belfry_sqlite_import_source_has_id (BelfrySqliteImportSource  *self,
                                    const char                *id,
                                    gboolean                  *has_id,
                                    GError                   **error)
{
  belfry_sqlite_bind_text (self->ids, 1, id, -1);
  if (!belfry_sqlite_next (self->ids, has_id, error))
    return FALSE;

  sqlite3_reset (self->ids);

  return TRUE;
}
