/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-sqlite-store.h"

#include "belfry-sqlite-check-private.h"

/* What must hold, as a query that gives the number of places where it does not. All see one
 * snapshot. */
typedef struct
{
  const char *claim;
  const char *sql;
} Claim;

static const Claim claims[] = {
  { "the end of the log lies behind every event",
    "SELECT count(*) FROM event WHERE position >= (SELECT next_position FROM state)" },
  { "times of acceptance never run backwards",
    "SELECT count(*) FROM (SELECT accepted < lag (accepted) OVER (ORDER BY position) AS backwards FROM event)"
    " WHERE backwards" },
  { "no event is newer than the newest time",
    "SELECT count(*) FROM event WHERE accepted > (SELECT last_usec FROM state)" },
  { "every event has a known type",
    "SELECT count(*) FROM event WHERE type NOT IN (SELECT id FROM event_type)" },
  { "every position from the floor on is held or was skipped",
    "SELECT (SELECT next_position - floor FROM state)"
    " - (SELECT count(*) FROM event WHERE position >= (SELECT floor FROM state))"
    " - (SELECT coalesce (sum (max (0, min (last, next_position - 1) - max (first, floor) + 1)), 0)"
    " FROM skipped, state)" },
  { "no event lies where positions were skipped",
    "SELECT count(*) FROM event, skipped WHERE position BETWEEN first AND last" },
  { "every receipt tells of positions that were given out",
    "SELECT count(*) FROM receipt WHERE position + events > (SELECT next_position FROM state)" },
  { "receipts count their bytes without a gap",
    "SELECT count(*) FROM (SELECT bytes_before < lag (bytes_before) OVER (ORDER BY position) AS backwards FROM receipt)"
    " WHERE backwards" },
  { "every imported id belongs to an event",
    "SELECT count(*) FROM imported LEFT JOIN event ON event.position = imported.position"
    " WHERE event.position IS NULL" },
};

/* Of the newest version of the format. */
static const Claim new_claims[] = {
  { "the statistics count what is held, and what was deleted lately",
    "SELECT count(*) FROM event_type LEFT JOIN (SELECT type, count(*) AS held FROM event"
    " WHERE position >= (SELECT floor FROM state) GROUP BY type) ON type = id"
    " LEFT JOIN (SELECT CAST (key AS INTEGER) AS owing, sum (value) AS owed FROM removal, json_each (counts) GROUP BY 1)"
    " ON owing = id WHERE count <> coalesce (held, 0) + coalesce (owed, 0)" },
};

/* Of an index as version 1 of the format has it, whose entries above the merge point count for nothing, and below the
 * floor wait for being reclaimed. */
static const Claim old_claims[] = {
  { "the statistics count what is held",
    "SELECT count(*) FROM event_type LEFT JOIN (SELECT type, count(*) AS held FROM event"
    " WHERE position >= (SELECT floor FROM state) GROUP BY type) ON type = id WHERE count <> coalesce (held, 0)" },
  { "the index over sessions holds every event",
    "SELECT count(*) FROM event WHERE session_id IS NOT NULL"
    " AND position BETWEEN (SELECT floor FROM state) AND (SELECT merged FROM state)"
    " AND NOT EXISTS (SELECT 1 FROM by_session AS i WHERE i.key = session_id AND i.position = event.position)" },
  { "the index over users holds every event",
    "SELECT count(*) FROM event WHERE user_id IS NOT NULL"
    " AND position BETWEEN (SELECT floor FROM state) AND (SELECT merged FROM state)"
    " AND NOT EXISTS (SELECT 1 FROM by_user AS i WHERE i.key = user_id AND i.position = event.position)" },
  { "the index over types holds every event",
    "SELECT count(*) FROM event WHERE position BETWEEN (SELECT floor FROM state) AND (SELECT merged FROM state)"
    " AND NOT EXISTS (SELECT 1 FROM by_type AS i WHERE i.key = type AND i.position = event.position)" },
  { "the index over sessions holds nothing else",
    "SELECT count(*) FROM by_session AS i LEFT JOIN event ON event.position = i.position"
    " WHERE session_id IS NOT i.key" },
  { "the index over users holds nothing else",
    "SELECT count(*) FROM by_user AS i LEFT JOIN event ON event.position = i.position WHERE user_id IS NOT i.key" },
  { "the index over types holds nothing else",
    "SELECT count(*) FROM by_type AS i LEFT JOIN event ON event.position = i.position WHERE type IS NOT i.key" },
};

static int
on_progress (void *data)
{
  return g_cancellable_is_cancelled (data);
}

static gboolean
check_pages (sqlite3     *db,
             const char  *path,
             GError     **error)
{
  g_autoptr(sqlite3_stmt) stmt = NULL;
  const char *finding;
  gboolean has_row;

  stmt = belfry_sqlite_prepare (db, "PRAGMA integrity_check (1)", error);
  if (stmt == NULL || !belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  finding = has_row ? (const char *) sqlite3_column_text (stmt, 0) : NULL;
  if (g_strcmp0 (finding, "ok") == 0)
    return TRUE;

  g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT, "Database '%s' is damaged: %s", path, finding);

  return FALSE;
}

static gboolean
check_claims (sqlite3      *db,
              const char   *path,
              const Claim  *claims_to_check,
              guint         n_claims,
              GError      **error)
{
  for (guint i = 0; i < n_claims; i++)
    {
      gint64 n_broken;

      if (!belfry_sqlite_read_number (db, claims_to_check[i].sql, &n_broken, error))
        return FALSE;

      if (n_broken != 0)
        {
          g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT,
                       "Database '%s' is damaged: it fails the check that %s (%" G_GINT64_FORMAT ")",
                       path, claims_to_check[i].claim, n_broken);
          return FALSE;
        }
    }

  return TRUE;
}

/* Of the ids that the log is going to give out, none may have been imported. */
static gboolean
check_imported (sqlite3                  *db,
                const BelfrySqliteState  *state,
                const char               *path,
                GError                  **error)
{
  g_autoptr(BelfrySqliteLog) log = belfry_sqlite_log_new (path);
  g_autoptr(sqlite3_stmt) stmt = NULL;
  gboolean has_row;

  belfry_event_id_key_init (&log->id_key, state->secret);
  stmt = belfry_sqlite_prepare (db, "SELECT id FROM imported WHERE typeof (id) = 'integer'", error);
  if (stmt == NULL || !belfry_sqlite_schema_load_skipped (db, log->skipped, error))
    return FALSE;

  for (;;)
    {
      guint64 position, barrier;
      guint8 origin;

      if (!belfry_sqlite_next (stmt, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;

      belfry_event_id_decode (&log->id_key, (guint64) sqlite3_column_int64 (stmt, 0), &origin, &position);
      if (origin == state->origin && position >= state->next_position &&
          belfry_sqlite_log_find_free (log, position, &barrier) == position)
        break;
    }

  g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT,
               "Database '%s' is damaged: it fails the check that imported ids are not given out again", path);

  return FALSE;
}

static gboolean
check_index (sqlite3            *db,
             BelfrySqliteState  *state,
             const char         *path,
             GError            **error)
{
  gboolean is_right;
  gint64 version;

  if (!belfry_sqlite_read_number (db, "PRAGMA user_version", &version, error))
    return FALSE;
  if (version == 1)
    return check_claims (db, path, old_claims, G_N_ELEMENTS (old_claims), error);

  if (!check_claims (db, path, new_claims, G_N_ELEMENTS (new_claims), error) ||
      !belfry_sqlite_schema_load_indexing (db, state, error) ||
      !belfry_sqlite_check_blocks (db, state, &is_right, error))
    return FALSE;

  if (!is_right)
    g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT,
                 "Database '%s' is damaged: it fails the check that the index of a block tells what its events are", path);

  return is_right;
}

static gboolean
check_all (sqlite3     *db,
           const char  *path,
           GError     **error)
{
  BelfrySqliteState state;

  return belfry_sqlite_execute (db, "BEGIN", error) &&
         belfry_sqlite_schema_load_state (db, &state, error) &&
         check_pages (db, path, error) &&
         check_claims (db, path, claims, G_N_ELEMENTS (claims), error) &&
         check_index (db, &state, path, error) &&
         check_imported (db, &state, path, error);
}

/**
 * belfry_sqlite_store_verify_file:
 * @path: path of a database file
 * @cancellable: (nullable): ends the check early
 * @error: return location for a [error@Belfry.Error]
 *
 * Checks a database through and through: its pages, its indexes, its counts and its positions.
 * Blocks for as long as it takes to read all of it; a daemon may go on using the file meanwhile.
 *
 * Returns: %TRUE when everything is in order; %FALSE with %BELFRY_ERROR_CORRUPT when it is not, with
 * %BELFRY_ERROR_REFUSED for a file that is no database of ours, with %BELFRY_ERROR_NOT_FOUND when
 * there is none
 *
 * Since: 0.1
 */
gboolean
belfry_sqlite_store_verify_file (const char    *path,
                                 GCancellable  *cancellable,
                                 GError       **error)
{
  g_autoptr(sqlite3) db = NULL;
  g_autoptr(GError) local_error = NULL;

  g_return_val_if_fail (path != NULL, FALSE);

  if (!belfry_sqlite_schema_check_file (path, FALSE, error))
    return FALSE;

  db = belfry_sqlite_open (path, BELFRY_SQLITE_READER, &local_error);
  if (db != NULL)
    {
      sqlite3_progress_handler (db, 100000, on_progress, cancellable);
      if (check_all (db, path, &local_error))
        return TRUE;
    }

  if (!g_cancellable_set_error_if_cancelled (cancellable, error))
    belfry_sqlite_explain_error (path, local_error, error);

  return FALSE;
}
