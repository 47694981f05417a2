/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-sqlite-view-private.h"

#define ROW "SELECT position, accepted, type, source, session_id, user_id, user_tier, amount, payload FROM event "

/* A count stops at 1,001: above a thousand it does not matter by how much. */
#define COUNT(table) \
  "SELECT count(*) FROM (SELECT 1 FROM " table " WHERE key = ?1 AND position BETWEEN ?2 AND ?3 LIMIT 1001)"
#define KEYS(table)  "SELECT position FROM " table " WHERE key = ?1 AND position BETWEEN ?2 AND ?3 ORDER BY position "
#define HAS(table)   "SELECT 1 FROM " table " WHERE key = ?1 AND position = ?2"

static const char *const sources[BELFRY_SQLITE_VIEW_N_STATEMENTS] = {
  [BELFRY_SQLITE_VIEW_STATE] = "SELECT next_position, floor, merged FROM state",
  [BELFRY_SQLITE_VIEW_AT] = ROW "WHERE position = ?1",
  [BELFRY_SQLITE_VIEW_FORWARDS] = ROW "WHERE position BETWEEN ?1 AND ?2 ORDER BY position",
  [BELFRY_SQLITE_VIEW_BACKWARDS] = ROW "WHERE position BETWEEN ?1 AND ?2 ORDER BY position DESC",
  [BELFRY_SQLITE_VIEW_TIME] = "SELECT position, accepted FROM event WHERE position >= ?1 ORDER BY position LIMIT 1",
  [BELFRY_SQLITE_VIEW_TYPE_ID] = "SELECT id FROM event_type WHERE name = ?1",
  [BELFRY_SQLITE_VIEW_TYPE_NAME] = "SELECT name FROM event_type WHERE id = ?1",
  [BELFRY_SQLITE_VIEW_SESSION_COUNT] = COUNT ("by_session"),
  [BELFRY_SQLITE_VIEW_SESSION_FORWARDS] = KEYS ("by_session") "LIMIT ?4",
  [BELFRY_SQLITE_VIEW_SESSION_BACKWARDS] = KEYS ("by_session") "DESC LIMIT ?4",
  [BELFRY_SQLITE_VIEW_USER_COUNT] = COUNT ("by_user"),
  [BELFRY_SQLITE_VIEW_USER_FORWARDS] = KEYS ("by_user") "LIMIT ?4",
  [BELFRY_SQLITE_VIEW_USER_BACKWARDS] = KEYS ("by_user") "DESC LIMIT ?4",
  [BELFRY_SQLITE_VIEW_TYPE_COUNT] = COUNT ("by_type"),
  [BELFRY_SQLITE_VIEW_TYPE_FORWARDS] = KEYS ("by_type") "LIMIT ?4",
  [BELFRY_SQLITE_VIEW_TYPE_BACKWARDS] = KEYS ("by_type") "DESC LIMIT ?4",
  [BELFRY_SQLITE_VIEW_SESSION_HAS] = HAS ("by_session"),
  [BELFRY_SQLITE_VIEW_USER_HAS] = HAS ("by_user"),
  [BELFRY_SQLITE_VIEW_TYPE_HAS] = HAS ("by_type"),
  [BELFRY_SQLITE_VIEW_TYPE_COUNT_ALL] =
    "SELECT id, (SELECT count(*) FROM by_type WHERE key = id AND position BETWEEN ?1 AND ?2) FROM event_type",
  [BELFRY_SQLITE_VIEW_IMPORTED_ID] = "SELECT id FROM imported WHERE position = ?1",
  [BELFRY_SQLITE_VIEW_IMPORTED_POSITION] = "SELECT position FROM imported WHERE id = ?1",
};

void
belfry_sqlite_view_init (BelfrySqliteView *self,
                         BelfrySqliteLog  *log)
{
  *self = (BelfrySqliteView) { .log = log };
  self->type_names = g_hash_table_new_full (NULL, NULL, NULL, g_free);
}

void
belfry_sqlite_view_clear (BelfrySqliteView *self)
{
  belfry_sqlite_view_close (self);
  g_hash_table_unref (self->type_names);
}

void
belfry_sqlite_view_close (BelfrySqliteView *self)
{
  for (guint i = 0; i < BELFRY_SQLITE_VIEW_N_STATEMENTS; i++)
    g_clear_pointer (&self->statements[i], sqlite3_finalize);
  g_clear_pointer (&self->db, sqlite3_close);
}

sqlite3_stmt *
belfry_sqlite_view_ensure (BelfrySqliteView           *self,
                           BelfrySqliteViewStatement   statement,
                           GError                    **error)
{
  if (self->statements[statement] == NULL)
    self->statements[statement] = belfry_sqlite_prepare (self->db, sources[statement], error);

  return self->statements[statement];
}

static gboolean
load_state (BelfrySqliteView  *self,
            GError           **error)
{
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (self, BELFRY_SQLITE_VIEW_STATE, error);
  gboolean has_row;

  if (stmt == NULL || !belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  if (!has_row)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT, "The database lacks its state");
      return FALSE;
    }

  self->next_position = MIN ((guint64) sqlite3_column_int64 (stmt, 0), belfry_sqlite_tail_get_end (self->log->tail));
  self->floor = (guint64) sqlite3_column_int64 (stmt, 1);
  self->merged = (guint64) sqlite3_column_int64 (stmt, 2);
  sqlite3_reset (stmt);

  return TRUE;
}

/* Opens a snapshot, which belfry_sqlite_view_end() closes, also after a failure. */
gboolean
belfry_sqlite_view_begin (BelfrySqliteView  *self,
                          GError           **error)
{
  if (self->db == NULL)
    self->db = belfry_sqlite_open (self->log->path, BELFRY_SQLITE_READER, error);

  return self->db != NULL &&
         belfry_sqlite_execute (self->db, "BEGIN", error) &&
         load_state (self, error);
}

void
belfry_sqlite_view_end (BelfrySqliteView *self)
{
  if (self->db != NULL && !sqlite3_get_autocommit (self->db))
    sqlite3_exec (self->db, "COMMIT", NULL, NULL, NULL);
}

static gboolean
read_time (BelfrySqliteView  *self,
           guint64            from,
           guint64           *position,
           gint64            *accepted_usec,
           GError           **error)
{
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (self, BELFRY_SQLITE_VIEW_TIME, error);
  gboolean has_row;

  if (stmt == NULL)
    return FALSE;

  sqlite3_bind_int64 (stmt, 1, (gint64) from);
  if (!belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  *position = self->next_position;
  *accepted_usec = G_MAXINT64;
  if (has_row)
    {
      *position = (guint64) sqlite3_column_int64 (stmt, 0);
      *accepted_usec = sqlite3_column_int64 (stmt, 1);
      sqlite3_reset (stmt);
    }

  return TRUE;
}

/* Finds the first position, from the floor on, whose event was accepted at @accepted_usec or later; the end of the
 * log when there is none. Times never run backwards along the log, so halving finds it; positions may lack rows. */
gboolean
belfry_sqlite_view_find_time (BelfrySqliteView  *self,
                              gint64             accepted_usec,
                              guint64           *position,
                              GError           **error)
{
  guint64 low = self->floor, high = self->next_position;

  while (low < high)
    {
      guint64 middle = low + (high - low) / 2, found;
      gint64 found_usec;

      if (!read_time (self, middle, &found, &found_usec, error))
        return FALSE;

      if (found_usec < accepted_usec)
        low = found + 1;
      else
        high = middle;
    }

  *position = low;

  return TRUE;
}

/* Sets @id to 0 when the log never held an event of that type. */
gboolean
belfry_sqlite_view_find_type (BelfrySqliteView  *self,
                              const char        *name,
                              guint32           *id,
                              GError           **error)
{
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (self, BELFRY_SQLITE_VIEW_TYPE_ID, error);
  gboolean has_row;

  if (stmt == NULL)
    return FALSE;

  belfry_sqlite_bind_text (stmt, 1, name, -1);
  if (!belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  *id = has_row ? (guint32) sqlite3_column_int64 (stmt, 0) : 0;
  sqlite3_reset (stmt);

  return TRUE;
}

static const char *
ensure_type_name (BelfrySqliteView  *self,
                  guint32            id,
                  GError           **error)
{
  const char *name = g_hash_table_lookup (self->type_names, GUINT_TO_POINTER (id));
  sqlite3_stmt *stmt;
  gboolean has_row;
  char *copy;

  if (name != NULL)
    return name;

  stmt = belfry_sqlite_view_ensure (self, BELFRY_SQLITE_VIEW_TYPE_NAME, error);
  if (stmt == NULL)
    return NULL;

  sqlite3_bind_int64 (stmt, 1, id);
  if (!belfry_sqlite_next (stmt, &has_row, error))
    return NULL;

  if (!has_row)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT, "The database lacks event type %u", id);
      return NULL;
    }

  copy = g_strdup ((const char *) sqlite3_column_text (stmt, 0));
  sqlite3_reset (stmt);
  g_hash_table_insert (self->type_names, GUINT_TO_POINTER (id), copy);

  return copy;
}

static const char *
get_text (sqlite3_stmt *row,
          int           column,
          gssize       *length)
{
  const char *text = (const char *) sqlite3_column_text (row, column);

  *length = text != NULL ? sqlite3_column_bytes (row, column) : 0;

  return text;
}

/* Sets @id to "" when the position has none that was imported. */
static gboolean
read_imported_id (BelfrySqliteView  *self,
                  guint64            position,
                  char               id[BELFRY_SQLITE_IMPORTED_ID_MAX + 1],
                  GError           **error)
{
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (self, BELFRY_SQLITE_VIEW_IMPORTED_ID, error);
  gboolean has_row;

  if (stmt == NULL)
    return FALSE;

  sqlite3_bind_int64 (stmt, 1, (gint64) position);
  if (!belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  id[0] = '\0';
  if (has_row && sqlite3_column_type (stmt, 0) == SQLITE_INTEGER)
    belfry_event_id_write_number ((guint64) sqlite3_column_int64 (stmt, 0), id);
  else if (has_row)
    g_strlcpy (id, (const char *) sqlite3_column_text (stmt, 0), BELFRY_SQLITE_IMPORTED_ID_MAX + 1);
  sqlite3_reset (stmt);

  return TRUE;
}

/* Sets @position to 0 when no event was imported under that id. */
static gboolean
find_imported (BelfrySqliteView  *self,
               const char        *id,
               guint64           *position,
               GError           **error)
{
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (self, BELFRY_SQLITE_VIEW_IMPORTED_POSITION, error);
  guint64 number;
  gboolean has_row;

  if (stmt == NULL)
    return FALSE;

  if (belfry_event_id_parse_number (id, &number))
    sqlite3_bind_int64 (stmt, 1, (gint64) number);
  else
    belfry_sqlite_bind_text (stmt, 1, id, -1);
  if (!belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  *position = has_row ? (guint64) sqlite3_column_int64 (stmt, 0) : 0;
  sqlite3_reset (stmt);

  return TRUE;
}

/* Finds where an event of that id must lie; sets @position to 0 when there can be none. */
gboolean
belfry_sqlite_view_find_id (BelfrySqliteView  *self,
                            const char        *id,
                            guint64           *position,
                            GError           **error)
{
  guint8 origin;

  *position = 0;
  if (self->log->last_imported != 0 && !find_imported (self, id, position, error))
    return FALSE;
  if (*position != 0)
    return TRUE;

  /* Imported events do not have the ids that their positions stand for. */
  if (!belfry_event_id_parse (&self->log->id_key, id, &origin, position) ||
      origin != self->log->origin || *position <= self->log->last_imported)
    *position = 0;

  return TRUE;
}

/* Makes an event of the row, to be sealed at @place. */
BelfryEvent *
belfry_sqlite_view_make_event (BelfrySqliteView  *self,
                               sqlite3_stmt      *row,
                               BelfryEventPlace  *place,
                               GError           **error)
{
  char imported_id[BELFRY_SQLITE_IMPORTED_ID_MAX + 1];
  BelfryEventFields fields = { 0 };

  fields.event_type = ensure_type_name (self, (guint32) sqlite3_column_int64 (row, BELFRY_SQLITE_ROW_TYPE), error);
  if (fields.event_type == NULL)
    return NULL;

  fields.event_type_length = -1;
  fields.source = get_text (row, BELFRY_SQLITE_ROW_SOURCE, &fields.source_length);
  fields.session_id = get_text (row, BELFRY_SQLITE_ROW_SESSION, &fields.session_id_length);
  fields.user_id = get_text (row, BELFRY_SQLITE_ROW_USER, &fields.user_id_length);
  fields.user_tier = get_text (row, BELFRY_SQLITE_ROW_TIER, &fields.user_tier_length);
  fields.payload = get_text (row, BELFRY_SQLITE_ROW_PAYLOAD, &fields.payload_length);
  fields.has_amount = sqlite3_column_type (row, BELFRY_SQLITE_ROW_AMOUNT) != SQLITE_NULL;
  fields.amount = sqlite3_column_double (row, BELFRY_SQLITE_ROW_AMOUNT);

  if (fields.source == NULL || fields.payload == NULL)
    {
      belfry_sqlite_set_error (self->db, error);
      return NULL;
    }

  place->position = (guint64) sqlite3_column_int64 (row, BELFRY_SQLITE_ROW_POSITION);
  place->accepted_usec = sqlite3_column_int64 (row, BELFRY_SQLITE_ROW_ACCEPTED);
  belfry_event_id_write (&self->log->id_key, self->log->origin, place->position, place->id);
  if (place->position <= self->log->last_imported)
    {
      if (!read_imported_id (self, place->position, imported_id, error))
        return NULL;
      fields.imported_id = imported_id[0] != '\0' ? imported_id : NULL;
    }

  return belfry_event_new_trusted (&fields);
}
