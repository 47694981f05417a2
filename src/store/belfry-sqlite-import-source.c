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

/* Deleted rows leave gaps, over which the next row is still nearer than by a search. */
#define MAX_GAP 64

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
  gint64        row;          /* on which rows stands, when it is under way */
  gboolean      is_under_way;
  GArray       *order;        /* Place */
  GHashTable   *repeats;      /* gint64 *: rows whose id another one has; NULL where the table forbids that */
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
  g_clear_pointer (&self->repeats, g_hash_table_unref);
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

/* As the pipeline made it, a primary key. */
static gboolean
check_ids_are_unique (BelfrySqliteImportSource  *self,
                      gboolean                  *are_unique,
                      GError                   **error)
{
  g_autoptr(sqlite3_stmt) stmt = NULL;

  stmt = belfry_sqlite_prepare (self->db,
                                "SELECT 1 FROM pragma_index_list ('events', 'main') AS list WHERE list.\"unique\""
                                " AND NOT list.partial AND (SELECT group_concat (coalesce (name, '')) = 'id'"
                                " FROM pragma_index_info (list.name, 'main'))", error);

  return stmt != NULL && belfry_sqlite_next (stmt, are_unique, error);
}

/* In a table that somebody made anew without the key: the first row of each id keeps it. */
static gboolean
find_repeats (BelfrySqliteImportSource  *self,
              GError                   **error)
{
  g_autoptr(sqlite3_stmt) stmt = NULL;
  gboolean has_row;

  if (!belfry_sqlite_execute (self->db,
                              "CREATE TEMP TABLE known (id TEXT PRIMARY KEY) WITHOUT ROWID;"
                              "INSERT OR IGNORE INTO known SELECT id FROM main.events WHERE typeof (id) = 'text'", error))
    return FALSE;

  stmt = belfry_sqlite_prepare (self->db,
                                "SELECT row FROM (SELECT rowid AS row, row_number () OVER (PARTITION BY id COLLATE BINARY"
                                " ORDER BY rowid) AS n FROM main.events WHERE typeof (id) = 'text') WHERE n > 1", error);
  self->repeats = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  while (stmt != NULL && belfry_sqlite_next (stmt, &has_row, error))
    {
      gint64 row;

      if (!has_row)
        return TRUE;
      row = sqlite3_column_int64 (stmt, 0);
      g_hash_table_add (self->repeats, g_memdup2 (&row, sizeof row));
    }

  return FALSE;
}

static gboolean
prepare_ids (BelfrySqliteImportSource  *self,
             GError                   **error)
{
  gboolean are_unique;

  if (!check_ids_are_unique (self, &are_unique, error) || (!are_unique && !find_repeats (self, error)))
    return FALSE;

  self->ids = belfry_sqlite_prepare (self->db, are_unique ? "SELECT 1 FROM main.events WHERE id = ?1"
                                                          : "SELECT 1 FROM temp.known WHERE id = ?1", error);

  return self->ids != NULL;
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

  return self->rows != NULL && prepare_ids (self, error) ? g_steal_pointer (&self) : NULL;
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

  if (is_in_order (self->order))
    return TRUE;

  /* The rows will be fetched from all over the file, which the cache of SQLite would read again and again. */
  g_array_sort (self->order, compare_places);

  return belfry_sqlite_execute (self->db, "PRAGMA mmap_size = 2147418112", error);
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

static gboolean
step (BelfrySqliteImportSource  *self,
      GError                   **error)
{
  if (!belfry_sqlite_next (self->rows, &self->is_under_way, error))
    return FALSE;
  if (self->is_under_way)
    self->row = sqlite3_column_int64 (self->rows, 0);

  return TRUE;
}

/* Moves to the row of that number. The next one is most often the neighbour, which lies at hand; a step to any other
 * would be in vain. */
static gboolean
go_to_row (BelfrySqliteImportSource  *self,
           gint64                     row,
           GError                   **error)
{
  if (self->is_under_way && row > self->row && row - self->row <= MAX_GAP)
    {
      if (!step (self, error))
        return FALSE;
      if (self->is_under_way && self->row == row)
        return TRUE;
    }

  sqlite3_reset (self->rows);
  sqlite3_bind_int64 (self->rows, 1, row);
  if (!step (self, error))
    return FALSE;
  if (self->is_under_way && self->row == row)
    return TRUE;

  g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT, "The database to be imported is damaged");

  return FALSE;
}

/* Only text is an id: bytes may read like the text of another row's. */
static gboolean
has_own_id (BelfrySqliteImportSource *self)
{
  return sqlite3_column_type (self->rows, 1 + BELFRY_SQLITE_IMPORT_ID) == SQLITE_TEXT &&
         (self->repeats == NULL || !g_hash_table_contains (self->repeats, &self->row));
}

gboolean
belfry_sqlite_import_source_next (BelfrySqliteImportSource  *self,
                                  BelfrySqliteImportRow     *row,
                                  gboolean                  *has_row,
                                  GError                   **error)
{
  const Place *place;
  gboolean is_own;

  *has_row = self->n_fetched < self->order->len;
  if (!*has_row)
    return TRUE;

  place = &g_array_index (self->order, Place, self->n_fetched);
  if (!go_to_row (self, place->row, error))
    return FALSE;

  self->n_fetched++;
  row->usec = place->usec;
  /* Before it is read as text, which changes its type. */
  is_own = has_own_id (self);
  for (int i = 0; i < BELFRY_SQLITE_IMPORT_N_TEXTS; i++)
    {
      row->texts[i] = (const char *) sqlite3_column_text (self->rows, i + 1);
      row->lengths[i] = row->texts[i] != NULL ? sqlite3_column_bytes (self->rows, i + 1) : 0;
    }
  if (!is_own)
    row->texts[BELFRY_SQLITE_IMPORT_ID] = NULL;

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
