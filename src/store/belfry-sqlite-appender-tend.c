/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* What the writer's connection does besides appending: finding out what became of a commit that failed, beginning with
 * blocks that lack their index, removing what lies behind the floor and what only older versions of the format need. */

#include "belfry-sqlite-appender-private.h"

/* A block has a chunk for so many of its rows or more. */
#define RECLAIM_ROWS_A_CHUNK 50

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
      belfry_sqlite_types_tell_of (self->types, belfry_event_get_event_type (g_ptr_array_index (events, i)), changes);
    }
  belfry_event_seal_run ((BelfryEvent **) events->pdata, places, events->len);
  self->announced = self->state.next_position;

  return TRUE;
}

static BelfryEvent *
make_event (sqlite3_stmt     *row,
            BelfryEventPlace *place)
{
  BelfryEventFields fields = { 0 };

  place->accepted_usec = sqlite3_column_int64 (row, 0);
  fields.event_type = belfry_sqlite_column_text (row, 1, &fields.event_type_length);
  fields.source = belfry_sqlite_column_text (row, 2, &fields.source_length);
  fields.session_id = belfry_sqlite_column_text (row, 3, &fields.session_id_length);
  fields.user_id = belfry_sqlite_column_text (row, 4, &fields.user_id_length);
  fields.user_tier = belfry_sqlite_column_text (row, 5, &fields.user_tier_length);
  fields.has_amount = sqlite3_column_type (row, 6) != SQLITE_NULL;
  fields.amount = sqlite3_column_double (row, 6);
  fields.payload = belfry_sqlite_column_text (row, 7, &fields.payload_length);
  fields.sent_usec = sqlite3_column_int64 (row, 8);
  fields.learner = belfry_sqlite_column_text (row, 9, &fields.learner_length);

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
      belfry_sqlite_types_tell_of (self->types, belfry_event_get_event_type (g_ptr_array_index (events, i)), changes);
    }
  belfry_event_seal_run ((BelfryEvent **) events->pdata, places, n_events);
  self->announced = self->state.next_position;

  return TRUE;
}

/* Where a portion of the rows behind the floor ends. */
static gboolean
find_bound (BelfrySqliteAppender  *self,
            guint64               *bound,
            GError               **error)
{
  sqlite3_stmt *stmt = self->statements[BELFRY_SQLITE_SELECT_BOUND];
  gboolean has_row;

  sqlite3_bind_int64 (stmt, 1, (gint64) self->state.floor);
  sqlite3_bind_int64 (stmt, 2, self->log->tuning.reclaim_rows);
  if (!belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  *bound = self->state.floor;
  if (has_row)
    {
      *bound = (guint64) sqlite3_column_int64 (stmt, 0);
      sqlite3_reset (stmt);
    }

  return TRUE;
}

static gboolean
remove_below (BelfrySqliteAppender  *self,
              guint64                bound,
              gboolean              *was_last,
              GError               **error)
{
  sqlite3_stmt *events = self->statements[BELFRY_SQLITE_DELETE_EVENTS];
  sqlite3_stmt *imported = self->statements[BELFRY_SQLITE_DELETE_IMPORTED];
  sqlite3_stmt *chunks = self->statements[BELFRY_SQLITE_DELETE_CHUNKS];
  const BelfrySqliteBlocks *blocks = &self->log->blocks;

  sqlite3_bind_int64 (events, 1, (gint64) bound);
  sqlite3_bind_int64 (imported, 1, (gint64) bound);
  /* As many as there are for that many rows, and more. */
  sqlite3_bind_int64 (chunks, 1, belfry_sqlite_blocks_id (blocks, belfry_sqlite_blocks_get_number (blocks, bound),
                                                          0, 0, 0));
  sqlite3_bind_int64 (chunks, 2, MAX (self->log->tuning.reclaim_rows / RECLAIM_ROWS_A_CHUNK, 1));

  if (!belfry_sqlite_run (events, error) ||
      (self->log->last_imported != 0 && !belfry_sqlite_run (imported, error)) ||
      !belfry_sqlite_run (chunks, error))
    return FALSE;

  *was_last = bound == self->state.floor && sqlite3_changes (self->db) == 0;

  return TRUE;
}

/* Removes some of the rows behind the floor, and of the chunks of blocks that lie there whole, in a transaction of its own. */
gboolean
belfry_sqlite_appender_reclaim (BelfrySqliteAppender  *self,
                                GError               **error)
{
  gboolean was_last;
  guint64 bound;

  if (!find_bound (self, &bound, error) ||
      !belfry_sqlite_appender_begin (self, error) ||
      !remove_below (self, bound, &was_last, error) ||
      !belfry_sqlite_appender_commit (self, &self->state, error))
    return FALSE;

  self->may_hold_dead = !was_last;

  return TRUE;
}

/* Takes off the counts of some types what was deleted of them, in a transaction of its own. */
gboolean
belfry_sqlite_appender_settle_counts (BelfrySqliteAppender  *self,
                                      GError               **error)
{
  if (!belfry_sqlite_appender_begin (self, error) ||
      !belfry_sqlite_types_pay (self->types, error) ||
      !belfry_sqlite_appender_commit (self, &self->state, error))
    return FALSE;

  belfry_sqlite_types_settle_payment (self->types);

  return TRUE;
}

/* Empties a table that version 1 of the format had, a little at a time, and drops it when it is empty. */
static gboolean
shrink_table (BelfrySqliteAppender  *self,
              const char            *name,
              GError               **error)
{
  g_autofree char *shrink = NULL;
  g_autofree char *drop = NULL;

  shrink = g_strdup_printf ("DELETE FROM %s WHERE (key, position) IN (SELECT key, position FROM %s LIMIT %u)",
                            name, name, 2 * self->log->tuning.reclaim_rows);
  if (!belfry_sqlite_execute (self->db, shrink, error))
    return FALSE;
  if (sqlite3_changes (self->db) > 0)
    return TRUE;

  drop = g_strdup_printf ("DROP TABLE %s", name);

  return belfry_sqlite_execute (self->db, drop, error);
}

/* Removes a part of what only an older version of the format needs, in a transaction of its own. */
gboolean
belfry_sqlite_appender_drop_old (BelfrySqliteAppender  *self,
                                 GError               **error)
{
  g_autoptr(sqlite3_stmt) stmt = NULL;
  g_autofree char *name = NULL;
  gboolean has_row;

  stmt = belfry_sqlite_prepare (self->db, "SELECT name FROM sqlite_schema WHERE type = 'table'"
                                " AND name IN ('by_session', 'by_user', 'by_type')", error);
  if (stmt == NULL || !belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  self->may_hold_old = has_row;
  if (!has_row)
    return TRUE;
  name = g_strdup ((const char *) sqlite3_column_text (stmt, 0));
  g_clear_pointer (&stmt, sqlite3_finalize);

  return belfry_sqlite_appender_begin (self, error) &&
         shrink_table (self, name, error) &&
         belfry_sqlite_appender_commit (self, &self->state, error);
}

/* Begins with the newest block that lacks its index and is not in the tail; when there is none, says so in the log. */
gboolean
belfry_sqlite_appender_seek_unindexed (BelfrySqliteAppender  *self,
                                       GError               **error)
{
  sqlite3_stmt *stmt = self->statements[BELFRY_SQLITE_SELECT_UNINDEXED];
  BelfrySqliteState state = self->state;
  gboolean has_row;
  gint64 position;

  sqlite3_bind_int64 (stmt, 1, (gint64) state.floor);
  sqlite3_bind_int64 (stmt, 2, (gint64) state.unindexed - 1);
  if (!belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;
  position = has_row ? sqlite3_column_int64 (stmt, 0) : 0;
  sqlite3_reset (stmt);

  if (position != 0)
    {
      belfry_sqlite_sealer_begin_rows (self->sealer, (guint64) position);
      return TRUE;
    }

  state.unindexed = 0;

  return belfry_sqlite_appender_begin (self, error) && belfry_sqlite_appender_commit (self, &state, error);
}

/* Begins with the oldest block that the tail has dropped; when such blocks have no rows any more, forgets them. */
gboolean
belfry_sqlite_appender_seek_dropped (BelfrySqliteAppender  *self,
                                     GError               **error)
{
  sqlite3_stmt *stmt = self->statements[BELFRY_SQLITE_SELECT_DROPPED];
  gboolean has_row;
  gint64 position;

  sqlite3_bind_int64 (stmt, 1, (gint64) self->state.merged + 1);
  sqlite3_bind_int64 (stmt, 2, (gint64) belfry_sqlite_tail_get_dropped (self->log->tail));
  if (!belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;
  position = has_row ? sqlite3_column_int64 (stmt, 0) : 0;
  sqlite3_reset (stmt);

  if (position != 0)
    belfry_sqlite_sealer_begin_dropped (self->sealer, (guint64) position);
  else
    belfry_sqlite_tail_drop (self->log->tail, 0);

  return TRUE;
}

static const char *
describe_chore (BelfrySqliteChore chore)
{
  switch (chore)
    {
    case BELFRY_SQLITE_CHORE_INDEX:
      return "New events get no index";
    case BELFRY_SQLITE_CHORE_OLD_INDEX:
      return "Old events get no index";
    case BELFRY_SQLITE_CHORE_RECLAIM:
      return "The room of deleted events is not used again";
    case BELFRY_SQLITE_CHORE_OLD_TABLE:
      return "Tables of an older version are not removed";
    case BELFRY_SQLITE_CHORE_RECEIPTS:
      return "Old receipts are not removed";
    case BELFRY_SQLITE_CHORE_LETTERS:
      return "Old dead letters are not removed";
    case BELFRY_SQLITE_CHORE_CURSORS:
      return "Where forwarders stand is kept with the next events only";
    case BELFRY_SQLITE_CHORE_COUNTS:
      return "What was deleted stays in the counts of the file";
    default:
      g_assert_not_reached ();
    }
}

/* When @error says that something is damaged, @chore is not tried again before the next start. To be followed by
 * belfry_sqlite_appender_give_up(). */
gboolean
belfry_sqlite_appender_set_aside (BelfrySqliteAppender *self,
                                  BelfrySqliteChore     chore,
                                  const GError         *error)
{
  if (!belfry_sqlite_error_is_damage (error))
    return FALSE;

  if (chore == BELFRY_SQLITE_CHORE_INDEX || chore == BELFRY_SQLITE_CHORE_OLD_INDEX)
    belfry_sqlite_sealer_cancel (self->sealer);
  if ((self->set_aside & chore) == 0)
    g_warning ("The database is damaged: %s; %s before the next start", error->message, describe_chore (chore));
  self->set_aside |= chore;

  return TRUE;
}

/* The same for letters. */
gboolean
belfry_sqlite_appender_trim_letters (BelfrySqliteAppender  *self,
                                     gint64                 now_usec,
                                     guint                  max_rows,
                                     GError               **error)
{
  return belfry_sqlite_appender_begin (self, error) &&
         belfry_sqlite_dead_letters_trim (self->letters, now_usec, max_rows, error) &&
         belfry_sqlite_appender_commit (self, &self->state, error);
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
