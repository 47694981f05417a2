/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* What the writer's connection does besides appending: finding out what became of a commit that failed, and
 * removing what lies behind the floor. */

#include "belfry-sqlite-appender-private.h"

static void
count_type (BelfrySqliteAppender *self,
            const char           *name,
            GArray               *changes)
{
  const BelfrySqliteType *type = g_hash_table_lookup (self->types, name);
  BelfrySqliteTypeChange change;

  g_assert (type != NULL);
  for (guint i = 0; i < changes->len; i++)
    {
      BelfrySqliteTypeChange *known = &g_array_index (changes, BelfrySqliteTypeChange, i);

      if (known->name == type->name)
        {
          known->added++;
          return;
        }
    }

  change = (BelfrySqliteTypeChange) { g_ref_string_acquire (type->name), 1, 0, type->last_usec };
  g_array_append_val (changes, change);
}

static guint
count_unannounced (const BelfrySqliteAppender *self)
{
  return (guint) belfry_sqlite_log_count_used (self->log, self->announced, self->state.next_position - 1);
}

/* After a commit of @events that failed, and a new connection: when they are in the log
 * nevertheless, gives them their places. %FALSE when they are not there. */
gboolean
belfry_sqlite_appender_adopt (BelfrySqliteAppender *self,
                              GPtrArray            *events,
                              GArray               *changes)
{
  g_autofree BelfryEventPlace *places = NULL;
  guint64 position = self->announced, barrier = 0;

  if (count_unannounced (self) != events->len || events->len == 0)
    return FALSE;
  places = g_new (BelfryEventPlace, events->len);
  for (guint i = 0; i < events->len; i++)
    {
      if (position >= barrier)
        position = belfry_sqlite_log_find_free (self->log, position, &barrier);
      places[i].position = position++;
      places[i].accepted_usec = self->state.last_usec;
      belfry_event_id_write (&self->log->id_key, self->state.origin, places[i].position, places[i].id);
      count_type (self, belfry_event_get_event_type (g_ptr_array_index (events, i)), changes);
    }
  belfry_event_seal_run ((BelfryEvent **) events->pdata, places, events->len);
  self->announced = self->state.next_position;

  return TRUE;
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

static BelfryEvent *
make_event (sqlite3_stmt     *row,
            BelfryEventPlace *place)
{
  BelfryEventFields fields = { 0 };

  place->accepted_usec = sqlite3_column_int64 (row, 0);
  fields.event_type = get_text (row, 1, &fields.event_type_length);
  fields.source = get_text (row, 2, &fields.source_length);
  fields.session_id = get_text (row, 3, &fields.session_id_length);
  fields.user_id = get_text (row, 4, &fields.user_id_length);
  fields.user_tier = get_text (row, 5, &fields.user_tier_length);
  fields.has_amount = sqlite3_column_type (row, 6) != SQLITE_NULL;
  fields.amount = sqlite3_column_double (row, 6);
  fields.payload = get_text (row, 7, &fields.payload_length);

  return belfry_event_new_trusted (&fields);
}

static gboolean
recall_event (BelfrySqliteAppender  *self,
              GPtrArray             *events,
              BelfryEventPlace      *place,
              GError               **error)
{
  sqlite3_stmt *stmt = self->statements[BELFRY_SQLITE_SELECT_RUN];
  gboolean has_row;

  sqlite3_bind_int64 (stmt, 1, (gint64) place->position);
  if (!belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  if (!has_row)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT,
                   "The database lacks position %" G_GUINT64_FORMAT, place->position);
      return FALSE;
    }

  g_ptr_array_add (events, make_event (stmt, place));
  sqlite3_reset (stmt);
  belfry_event_id_write (&self->log->id_key, self->state.origin, place->position, place->id);

  return TRUE;
}

/* Reads what is in the log and was never announced: a commit that was answered as failed, because nobody could look
 * then, and turns out to be there. */
gboolean
belfry_sqlite_appender_recall (BelfrySqliteAppender  *self,
                               GPtrArray             *events,
                               GArray                *changes,
                               GError               **error)
{
  guint n_events = count_unannounced (self);
  g_autofree BelfryEventPlace *places = g_new (BelfryEventPlace, n_events);
  guint64 position = self->announced, barrier = 0;

  if (n_events == 0)
    return TRUE;
  for (guint i = 0; i < n_events; i++)
    {
      if (position >= barrier)
        position = belfry_sqlite_log_find_free (self->log, position, &barrier);
      places[i].position = position++;
      if (!recall_event (self, events, &places[i], error))
        return FALSE;
      count_type (self, belfry_event_get_event_type (g_ptr_array_index (events, i)), changes);
    }
  belfry_event_seal_run ((BelfryEvent **) events->pdata, places, n_events);
  self->announced = self->state.next_position;

  return TRUE;
}

typedef struct
{
  guint64  position;
  guint32  type;
  char    *session_id;
  char    *user_id;
} DeadRow;

static void
clear_dead_row (gpointer data)
{
  DeadRow *row = data;

  g_free (row->session_id);
  g_free (row->user_id);
}

static gboolean
collect_dead (BelfrySqliteAppender  *self,
              GArray                *rows,
              GError               **error)
{
  sqlite3_stmt *stmt = self->statements[BELFRY_SQLITE_SELECT_BELOW];

  sqlite3_bind_int64 (stmt, 1, (gint64) self->state.floor);
  sqlite3_bind_int64 (stmt, 2, self->log->tuning.reclaim_rows);
  for (;;)
    {
      gboolean has_row;
      DeadRow row;

      if (!belfry_sqlite_next (stmt, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;

      row.position = (guint64) sqlite3_column_int64 (stmt, 0);
      row.type = (guint32) sqlite3_column_int64 (stmt, 1);
      row.session_id = g_strdup ((const char *) sqlite3_column_text (stmt, 2));
      row.user_id = g_strdup ((const char *) sqlite3_column_text (stmt, 3));
      g_array_append_val (rows, row);
    }
}

static gboolean
remove_text (BelfrySqliteAppender    *self,
             BelfrySqliteStatement    statement,
             const char              *key,
             guint64                  position,
             GError                 **error)
{
  sqlite3_stmt *stmt = self->statements[statement];

  if (key == NULL)
    return TRUE;

  belfry_sqlite_bind_text (stmt, 1, key, -1);
  sqlite3_bind_int64 (stmt, 2, (gint64) position);

  return belfry_sqlite_run (stmt, error);
}

static gboolean
remove_imported_id (BelfrySqliteAppender  *self,
                    guint64                position,
                    GError               **error)
{
  sqlite3_stmt *stmt = self->statements[BELFRY_SQLITE_DELETE_IMPORTED];

  if (position > self->log->last_imported)
    return TRUE;

  sqlite3_bind_int64 (stmt, 1, (gint64) position);

  return belfry_sqlite_run (stmt, error);
}

static gboolean
remove_dead (BelfrySqliteAppender  *self,
             const DeadRow         *row,
             GError               **error)
{
  sqlite3_stmt *event = self->statements[BELFRY_SQLITE_DELETE_EVENT];
  sqlite3_stmt *type = self->statements[BELFRY_SQLITE_DELETE_TYPE];

  sqlite3_bind_int64 (event, 1, (gint64) row->position);
  sqlite3_bind_int64 (type, 1, row->type);
  sqlite3_bind_int64 (type, 2, (gint64) row->position);

  return belfry_sqlite_run (event, error) &&
         belfry_sqlite_run (type, error) &&
         remove_imported_id (self, row->position, error) &&
         remove_text (self, BELFRY_SQLITE_DELETE_SESSION, row->session_id, row->position, error) &&
         remove_text (self, BELFRY_SQLITE_DELETE_USER, row->user_id, row->position, error);
}

/* Removes some of the rows behind the floor, and their entries in the indexes, in a transaction of its own. */
gboolean
belfry_sqlite_appender_reclaim (BelfrySqliteAppender  *self,
                                GError               **error)
{
  g_autoptr(GArray) rows = g_array_new (FALSE, FALSE, sizeof (DeadRow));
  gboolean was_last;

  g_array_set_clear_func (rows, clear_dead_row);
  if (!collect_dead (self, rows, error))
    return FALSE;

  was_last = rows->len < self->log->tuning.reclaim_rows;
  if (rows->len > 0 && !belfry_sqlite_appender_begin (self, error))
    return FALSE;

  for (guint i = 0; i < rows->len; i++)
    if (!remove_dead (self, &g_array_index (rows, DeadRow, i), error))
      return FALSE;

  if (rows->len > 0 && !belfry_sqlite_appender_commit (self, &self->state, error))
    return FALSE;
  self->may_hold_dead = !was_last;

  return TRUE;
}

/* Removes some of the receipts that need not be kept any more, in a transaction of its own. */
gboolean
belfry_sqlite_appender_trim_receipts (BelfrySqliteAppender  *self,
                                      gint64                 now_usec,
                                      guint                  max_rows,
                                      GError               **error)
{
  return belfry_sqlite_appender_begin (self, error) &&
         belfry_sqlite_receipts_trim (self->receipts, now_usec, max_rows, error) &&
         belfry_sqlite_appender_commit (self, &self->state, error);
}
