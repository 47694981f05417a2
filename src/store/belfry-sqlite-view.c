/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-sqlite-view-private.h"

#define ROW \
  "SELECT position, accepted, type, source, session_id, user_id, user_tier, amount, payload, sent, learner FROM event "

static const char *const sources[BELFRY_SQLITE_VIEW_N_STATEMENTS] = {
  [BELFRY_SQLITE_VIEW_BEGIN] = "BEGIN",
  [BELFRY_SQLITE_VIEW_END] = "COMMIT",
  [BELFRY_SQLITE_VIEW_STATE] = "SELECT next_position, floor, merged FROM state",
  [BELFRY_SQLITE_VIEW_AT] = ROW "WHERE position = ?1",
  [BELFRY_SQLITE_VIEW_FORWARDS] = ROW "WHERE position BETWEEN ?1 AND ?2 ORDER BY position",
  [BELFRY_SQLITE_VIEW_BACKWARDS] = ROW "WHERE position BETWEEN ?1 AND ?2 ORDER BY position DESC",
  [BELFRY_SQLITE_VIEW_TIME] = "SELECT position, accepted FROM event WHERE position >= ?1 ORDER BY position LIMIT 1",
  [BELFRY_SQLITE_VIEW_TYPE_ID] = "SELECT id FROM event_type WHERE name = ?1",
  [BELFRY_SQLITE_VIEW_TYPE_NAME] = "SELECT name FROM event_type WHERE id = ?1",
  [BELFRY_SQLITE_VIEW_UNINDEXED] = "SELECT unindexed FROM indexing",
  [BELFRY_SQLITE_VIEW_CHUNKS] = "SELECT id, data FROM chunk WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC",
  [BELFRY_SQLITE_VIEW_TYPES] = "SELECT type FROM event WHERE position BETWEEN ?1 AND ?2",
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

/* Only a file that comes from an older version of the format may have such. */
static gboolean
load_unindexed (BelfrySqliteView  *self,
                GError           **error)
{
  sqlite3_stmt *stmt;
  gboolean has_row;

  self->unindexed = 0;
  if (!self->log->had_unindexed)
    return TRUE;

  stmt = belfry_sqlite_view_ensure (self, BELFRY_SQLITE_VIEW_UNINDEXED, error);
  if (stmt == NULL || !belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  self->unindexed = has_row ? (guint64) sqlite3_column_int64 (stmt, 0) : 0;
  sqlite3_reset (stmt);

  return TRUE;
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
  self->dropped = belfry_sqlite_tail_get_dropped (self->log->tail);
  sqlite3_reset (stmt);

  return load_unindexed (self, error);
}

static gboolean
run (BelfrySqliteView           *self,
     BelfrySqliteViewStatement   statement,
     GError                    **error)
{
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (self, statement, error);

  return stmt != NULL && belfry_sqlite_run (stmt, error);
}

/* Opens a snapshot, which belfry_sqlite_view_end() closes, also after a failure. */
gboolean
belfry_sqlite_view_begin (BelfrySqliteView  *self,
                          GError           **error)
{
  if (self->db == NULL)
    self->db = belfry_sqlite_open (self->log->path, BELFRY_SQLITE_READER, error);

  return self->db != NULL && run (self, BELFRY_SQLITE_VIEW_BEGIN, error) && load_state (self, error);
}

void
belfry_sqlite_view_end (BelfrySqliteView *self)
{
  /* What was read stays read, whatever the end of a snapshot says. */
  if (self->db != NULL && !sqlite3_get_autocommit (self->db))
    (void) run (self, BELFRY_SQLITE_VIEW_END, NULL);
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

/* @imported_id is room for one, and what @fields points to lives as long as the row and it. */
static gboolean
read_row (BelfrySqliteView   *self,
          sqlite3_stmt       *row,
          BelfryEventFields  *fields,
          BelfryEventPlace   *place,
          char                imported_id[BELFRY_SQLITE_IMPORTED_ID_MAX + 1],
          GError            **error)
{
  *fields = (BelfryEventFields) { .event_type_length = -1 };
  fields->event_type = ensure_type_name (self, (guint32) sqlite3_column_int64 (row, BELFRY_SQLITE_ROW_TYPE), error);
  if (fields->event_type == NULL)
    return FALSE;

  fields->source = belfry_sqlite_column_text (row, BELFRY_SQLITE_ROW_SOURCE, &fields->source_length);
  fields->session_id = belfry_sqlite_column_text (row, BELFRY_SQLITE_ROW_SESSION, &fields->session_id_length);
  fields->user_id = belfry_sqlite_column_text (row, BELFRY_SQLITE_ROW_USER, &fields->user_id_length);
  fields->payload = belfry_sqlite_column_text (row, BELFRY_SQLITE_ROW_PAYLOAD, &fields->payload_length);
  fields->learner = belfry_sqlite_column_text (row, BELFRY_SQLITE_ROW_LEARNER, &fields->learner_length);
  if (fields->learner != NULL)
    fields->sent_usec = sqlite3_column_int64 (row, BELFRY_SQLITE_ROW_SENT);
  if (fields->source == NULL || fields->payload == NULL)
    {
      belfry_sqlite_set_error (self->db, error);
      return FALSE;
    }

  place->position = (guint64) sqlite3_column_int64 (row, BELFRY_SQLITE_ROW_POSITION);
  place->accepted_usec = sqlite3_column_int64 (row, BELFRY_SQLITE_ROW_ACCEPTED);
  belfry_event_id_write (&self->log->id_key, self->log->origin, place->position, place->id);
  if (place->position <= self->log->last_imported)
    {
      if (!read_imported_id (self, place->position, imported_id, error))
        return FALSE;
      fields->imported_id = imported_id[0] != '\0' ? imported_id : NULL;
    }

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
  BelfryEventFields fields;

  if (!read_row (self, row, &fields, place, imported_id, error))
    return NULL;

  fields.user_tier = belfry_sqlite_column_text (row, BELFRY_SQLITE_ROW_TIER, &fields.user_tier_length);
  fields.has_amount = sqlite3_column_type (row, BELFRY_SQLITE_ROW_AMOUNT) != SQLITE_NULL;
  fields.amount = sqlite3_column_double (row, BELFRY_SQLITE_ROW_AMOUNT);

  return belfry_event_new_trusted (&fields);
}

/* Appends the JSON text of the row's event to @text. */
gboolean
belfry_sqlite_view_print_event (BelfrySqliteView  *self,
                                sqlite3_stmt      *row,
                                GString           *text,
                                GError           **error)
{
  char imported_id[BELFRY_SQLITE_IMPORTED_ID_MAX + 1];
  BelfryEventFields fields;
  BelfryEventPlace place;

  if (!read_row (self, row, &fields, &place, imported_id, error))
    return FALSE;

  belfry_event_print_json (&fields, &place, text);

  return TRUE;
}
