/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-sqlite-appender-private.h"

static const char *const sources[BELFRY_SQLITE_N_STATEMENTS] = {
  [BELFRY_SQLITE_INSERT_EVENT] = "INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
  [BELFRY_SQLITE_UPDATE_STATE] = "UPDATE state SET next_position = ?1, floor = ?2, merged = ?3, last_usec = ?4",
  [BELFRY_SQLITE_UPDATE_INDEXING] = "UPDATE indexing SET unindexed = ?1",
  [BELFRY_SQLITE_BEGIN] = "BEGIN IMMEDIATE",
  [BELFRY_SQLITE_COMMIT] = "COMMIT",
  [BELFRY_SQLITE_SELECT_RUN] =
    ("SELECT accepted, name, source, session_id, user_id, user_tier, amount, payload, sent, learner"
     " FROM event JOIN event_type ON event_type.id = type WHERE position = ?1"),
  [BELFRY_SQLITE_SELECT_BOUND] =
    "SELECT position FROM event WHERE position < ?1 ORDER BY position LIMIT 1 OFFSET ?2",
  [BELFRY_SQLITE_SELECT_UNINDEXED] = "SELECT max(position) FROM event WHERE position BETWEEN ?1 AND ?2",
  [BELFRY_SQLITE_SELECT_DROPPED] = "SELECT min(position) FROM event WHERE position BETWEEN ?1 AND ?2",
  [BELFRY_SQLITE_DELETE_EVENTS] = "DELETE FROM event WHERE position < ?1",
  [BELFRY_SQLITE_DELETE_CHUNKS] =
    "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE id < ?1 ORDER BY id LIMIT ?2)",
  [BELFRY_SQLITE_DELETE_IMPORTED] = "DELETE FROM imported WHERE position < ?1",
  [BELFRY_SQLITE_KEEP_CURSOR] = BELFRY_SQLITE_KEEP_CURSOR_SQL,
};

BelfrySqliteAppender *
belfry_sqlite_appender_new (BelfrySqliteLog *log)
{
  BelfrySqliteAppender *self = g_new0 (BelfrySqliteAppender, 1);

  self->log = log;
  self->types = belfry_sqlite_types_new (log->tuning.type_rows);
  self->receipts = belfry_sqlite_receipts_new (log->receipt_window_usec, log->receipt_max_bytes);
  self->letters = belfry_sqlite_dead_letters_new (&log->letter_bounds);
  self->sealer = belfry_sqlite_sealer_new (log);

  return self;
}

void
belfry_sqlite_appender_free (BelfrySqliteAppender *self)
{
  belfry_sqlite_appender_close (self);
  belfry_sqlite_sealer_free (self->sealer);
  belfry_sqlite_dead_letters_free (self->letters);
  belfry_sqlite_receipts_free (self->receipts);
  belfry_sqlite_types_free (self->types);
  g_free (self);
}

void
belfry_sqlite_appender_close (BelfrySqliteAppender *self)
{
  for (guint i = 0; i < BELFRY_SQLITE_N_STATEMENTS; i++)
    g_clear_pointer (&self->statements[i], sqlite3_finalize);
  belfry_sqlite_types_disconnect (self->types);
  belfry_sqlite_receipts_disconnect (self->receipts);
  belfry_sqlite_dead_letters_disconnect (self->letters);
  belfry_sqlite_sealer_disconnect (self->sealer);
  belfry_sqlite_sealer_cancel (self->sealer);
  g_clear_pointer (&self->db, sqlite3_close);
}

/* Of more rows than there is room for, the older half is dropped, in whole blocks. */
static void
bound_tail (BelfrySqliteAppender *self,
            BelfrySqliteTail     *tail,
            guint64               end)
{
  const BelfrySqliteBlocks *blocks = &self->log->blocks;
  guint64 kept = self->log->tuning.tail_rows / 2;
  guint64 block;

  if (self->log->tuning.tail_rows == 0 || belfry_sqlite_tail_get_size (tail) <= self->log->tuning.tail_rows ||
      end <= kept)
    return;

  block = belfry_sqlite_blocks_get_number (blocks, end - kept);
  if (block << blocks->bits > MAX (self->state.merged, belfry_sqlite_tail_get_dropped (tail)) + 1)
    belfry_sqlite_tail_drop (tail, (block << blocks->bits) - 1);
}

void
belfry_sqlite_appender_bound_tail (BelfrySqliteAppender *self)
{
  bound_tail (self, self->log->tail, self->state.next_position);
}

/* The rows of the block that is not full yet, and of such as were not indexed in time. */
static gboolean
load_tail (BelfrySqliteAppender  *self,
           GError               **error)
{
  g_autoptr(BelfrySqliteTail) tail = belfry_sqlite_tail_new ();
  g_autoptr(sqlite3_stmt) stmt = NULL;
  BelfrySqliteTailEntry entry;
  gboolean has_row;

  stmt = belfry_sqlite_prepare (self->db,
                                "SELECT position, type, session_id, user_id, user_tier, amount FROM event"
                                " WHERE position > ?1 ORDER BY position", error);
  if (stmt == NULL)
    return FALSE;

  sqlite3_bind_int64 (stmt, 1, (gint64) self->state.merged);
  for (;;)
    {
      if (!belfry_sqlite_next (stmt, &has_row, error))
        return FALSE;
      if (!has_row)
        break;
      belfry_sqlite_log_read_entry (self->log, stmt, &entry);
      belfry_sqlite_tail_append (tail, &entry, 1);
      bound_tail (self, tail, entry.position + 1);
    }
  belfry_sqlite_tail_replace (self->log->tail, self->state.merged, self->state.next_position, tail);

  return TRUE;
}

static gboolean
check_positions (BelfrySqliteAppender  *self,
                 GError               **error)
{
  gint64 newest;

  if (!belfry_sqlite_read_number (self->db, "SELECT max(position) FROM event", &newest, error))
    return FALSE;

  if (newest >= (gint64) self->state.next_position)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT,
                           "The database holds events behind its end");
      return FALSE;
    }

  return TRUE;
}

static gboolean
load_page_size (BelfrySqliteAppender  *self,
                GError               **error)
{
  gint64 page_size;

  if (!belfry_sqlite_read_number (self->db, "PRAGMA page_size", &page_size, error))
    return FALSE;

  self->log->page_size = (guint) page_size;

  return TRUE;
}

static gboolean
load_last_imported (BelfrySqliteAppender  *self,
                    GError               **error)
{
  gint64 position;

  if (!belfry_sqlite_read_number (self->db, "SELECT max(position) FROM imported", &position, error))
    return FALSE;

  self->log->last_imported = (guint64) position;

  return TRUE;
}

static gboolean
load (BelfrySqliteAppender  *self,
      GError               **error)
{
  if (!belfry_sqlite_schema_upgrade (self->db, error) ||
      !belfry_sqlite_schema_load_state (self->db, &self->state, error) ||
      !belfry_sqlite_schema_load_indexing (self->db, &self->state, error) ||
      !check_positions (self, error) ||
      !belfry_sqlite_types_connect (self->types, self->db, error))
    return FALSE;

  if (!self->was_open)
    {
      /* Constant from here on: readers look at it without a lock. */
      self->log->log_id = self->state.log_id;
      self->log->origin = self->state.origin;
      self->log->had_unindexed = self->state.unindexed != 0;
      belfry_event_id_key_init (&self->log->id_key, self->state.secret);
      belfry_sqlite_blocks_init (&self->log->blocks, self->state.block_bits, self->state.secret);
      self->announced = self->state.next_position;
      if (!load_page_size (self, error) ||
          !load_last_imported (self, error) ||
          !belfry_sqlite_cursors_load (self->log->cursors, self->db, error) ||
          !belfry_sqlite_schema_load_skipped (self->db, self->log->skipped, error))
        return FALSE;
    }

  return load_tail (self, error);
}

static gboolean
prepare (BelfrySqliteAppender  *self,
         GError               **error)
{
  for (guint i = 0; i < BELFRY_SQLITE_N_STATEMENTS; i++)
    {
      self->statements[i] = belfry_sqlite_prepare (self->db, sources[i], error);
      if (self->statements[i] == NULL)
        return FALSE;
    }

  return belfry_sqlite_receipts_connect (self->receipts, self->db, error) &&
         belfry_sqlite_dead_letters_connect (self->letters, self->db, error);
}

static int
on_wal_written (void       *data,
                sqlite3    *db,
                const char *name,
                int         n_pages)
{
  ((BelfrySqliteAppender *) data)->n_wal_pages = (guint) n_pages;

  return SQLITE_OK;
}

/* Opens the connection and reads what is committed; also after a failure that made the old connection suspect. */
gboolean
belfry_sqlite_appender_open (BelfrySqliteAppender  *self,
                             GError               **error)
{
  g_assert (self->db == NULL);

  if (!belfry_sqlite_rewrite_wal (self->log->path, error))
    return FALSE;

  self->db = belfry_sqlite_open (self->log->path, BELFRY_SQLITE_WRITER, error);
  if (self->db != NULL)
    sqlite3_wal_hook (self->db, on_wal_written, self);
  if (self->db == NULL || !load (self, error) || !prepare (self, error))
    {
      belfry_sqlite_appender_close (self);
      return FALSE;
    }

  self->was_open = TRUE;
  self->may_hold_dead = TRUE;
  self->may_hold_old = TRUE;

  return TRUE;
}

gboolean
belfry_sqlite_appender_begin (BelfrySqliteAppender  *self,
                              GError               **error)
{
  return belfry_sqlite_run (self->statements[BELFRY_SQLITE_BEGIN], error);
}

/* Forgets the open transaction, on disk and in memory. */
void
belfry_sqlite_appender_give_up (BelfrySqliteAppender *self)
{
  belfry_sqlite_types_give_up (self->types);
  belfry_sqlite_tail_take_back (self->log->tail, self->state.next_position);
  belfry_sqlite_sealer_take_back (self->sealer);
  belfry_sqlite_receipts_give_up (self->receipts);
  belfry_sqlite_dead_letters_give_up (self->letters);

  /* After some failures SQLite has rolled back by itself. */
  if (!sqlite3_get_autocommit (self->db))
    sqlite3_exec (self->db, "ROLLBACK", NULL, NULL, NULL);
}

static gboolean
write_state (BelfrySqliteAppender     *self,
             const BelfrySqliteState  *state,
             GError                  **error)
{
  sqlite3_stmt *stmt = self->statements[BELFRY_SQLITE_UPDATE_STATE];
  sqlite3_stmt *indexing = self->statements[BELFRY_SQLITE_UPDATE_INDEXING];

  sqlite3_bind_int64 (stmt, 1, (gint64) state->next_position);
  sqlite3_bind_int64 (stmt, 2, (gint64) state->floor);
  sqlite3_bind_int64 (stmt, 3, (gint64) state->merged);
  sqlite3_bind_int64 (stmt, 4, state->last_usec);
  sqlite3_bind_int64 (indexing, 1, (gint64) state->unindexed);

  return belfry_sqlite_run (stmt, error) &&
         (state->unindexed == self->state.unindexed || belfry_sqlite_run (indexing, error));
}

/* Commits the open transaction with a flush; an index that is being made may add its part first. */
gboolean
belfry_sqlite_appender_commit (BelfrySqliteAppender     *self,
                               const BelfrySqliteState  *wanted_state,
                               GError                  **error)
{
  BelfrySqliteState state = *wanted_state;
  g_autoptr(GError) local_error = NULL;

  if (self->seal_chunks > 0 && belfry_sqlite_sealer_is_inserting (self->sealer) &&
      !belfry_sqlite_sealer_insert (self->sealer, self->db, self->seal_chunks, self->seal_usec, &state, &local_error))
    {
      (void) belfry_sqlite_appender_set_aside (self,
                                               belfry_sqlite_sealer_is_of_old (self->sealer)
                                               ? BELFRY_SQLITE_CHORE_OLD_INDEX : BELFRY_SQLITE_CHORE_INDEX, local_error);
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }

  if (!write_state (self, &state, error) ||
      !belfry_sqlite_dead_letters_write (self->letters, error) ||
      !belfry_sqlite_cursors_write (self->log->cursors, self->statements[BELFRY_SQLITE_KEEP_CURSOR], error) ||
      !belfry_sqlite_run (self->statements[BELFRY_SQLITE_COMMIT], error))
    return FALSE;

  belfry_sqlite_tail_set_end (self->log->tail, state.next_position);
  if (self->seal_chunks > 0)
    belfry_sqlite_sealer_settle (self->sealer);
  belfry_sqlite_receipts_settle (self->receipts);
  belfry_sqlite_dead_letters_settle (self->letters);
  belfry_sqlite_cursors_settle (self->log->cursors);
  if (state.merged != self->state.merged)
    belfry_sqlite_tail_trim (self->log->tail, state.merged);
  self->state = state;

  return TRUE;
}

/* Most events have none of it, and what was bound stays bound. */
static void
bind_learner (BelfrySqliteAppender *self,
              sqlite3_stmt         *stmt,
              BelfryEvent          *event)
{
  gint64 sent_usec;
  gsize length;
  const char *learner = belfry_event_peek_learner (event, &length, &sent_usec);

  if (learner != NULL)
    {
      sqlite3_bind_int64 (stmt, 10, sent_usec);
      belfry_sqlite_bind_text (stmt, 11, learner, (gssize) length);
    }
  else if (self->has_bound_learner)
    {
      sqlite3_bind_null (stmt, 10);
      sqlite3_bind_null (stmt, 11);
    }
  self->has_bound_learner = learner != NULL;
}

static gboolean
insert_event (BelfrySqliteAppender   *self,
              BelfryEvent            *event,
              const BelfryEventPlace *place,
              BelfrySqliteTailEntry  *entry,
              GError                **error)
{
  sqlite3_stmt *stmt = self->statements[BELFRY_SQLITE_INSERT_EVENT];
  const char *session_id = belfry_event_get_session_id (event);
  const char *user_id = belfry_event_get_user_id (event);
  const char *user_tier = belfry_event_peek_user_tier (event);
  const BelfrySqliteBlocks *blocks = &self->log->blocks;
  const char *payload;
  gboolean has_amount;
  double amount;
  gsize length;
  guint32 type;

  type = belfry_sqlite_types_count (self->types, belfry_event_get_event_type (event), error);
  if (type == 0)
    return FALSE;

  payload = belfry_event_peek_payload (event, &length);
  sqlite3_bind_int64 (stmt, 1, (gint64) place->position);
  sqlite3_bind_int64 (stmt, 2, place->accepted_usec);
  sqlite3_bind_int64 (stmt, 3, type);
  belfry_sqlite_bind_text (stmt, 4, belfry_event_get_source (event), -1);
  belfry_sqlite_bind_text (stmt, 5, session_id, -1);
  belfry_sqlite_bind_text (stmt, 6, user_id, -1);
  belfry_sqlite_bind_text (stmt, 7, user_tier, -1);
  has_amount = belfry_event_peek_amount (event, &amount);
  if (has_amount)
    sqlite3_bind_double (stmt, 8, amount);
  else
    sqlite3_bind_null (stmt, 8);
  belfry_sqlite_bind_text (stmt, 9, payload, (gssize) length);

  bind_learner (self, stmt, event);

  entry->position = place->position;
  entry->keys[BELFRY_SQLITE_COLUMN_SESSION] = belfry_sqlite_blocks_hash (blocks, session_id);
  entry->keys[BELFRY_SQLITE_COLUMN_USER] = belfry_sqlite_blocks_hash (blocks, user_id);
  entry->keys[BELFRY_SQLITE_COLUMN_TIER] = belfry_sqlite_blocks_hash (blocks, user_tier);
  entry->keys[BELFRY_SQLITE_COLUMN_TYPE] = type;
  entry->keys[BELFRY_SQLITE_COLUMN_AMOUNT] = has_amount ? belfry_sqlite_amount_key (amount) : 0;

  return belfry_sqlite_run (stmt, error);
}

static gboolean
write_run (BelfrySqliteAppender    *self,
           GPtrArray               *events,
           const BelfryEventPlace  *places,
           GError                 **error)
{
  g_autofree BelfrySqliteTailEntry *entries = g_new (BelfrySqliteTailEntry, events->len);

  for (guint i = 0; i < events->len; i++)
    if (!insert_event (self, g_ptr_array_index (events, i), &places[i], &entries[i], error))
      return FALSE;

  if (!belfry_sqlite_types_write (self->types, places[0].accepted_usec, error))
    return FALSE;

  belfry_sqlite_tail_append (self->log->tail, entries, events->len);

  return TRUE;
}

static gboolean
check_room (BelfrySqliteAppender  *self,
            guint                  n_before,
            guint                  n_events,
            GError               **error)
{
  if (self->state.next_position + n_before + n_events + self->log->skipped->len <= BELFRY_EVENT_ID_MAX_POSITION)
    return TRUE;

  g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "The log has no positions left");

  return FALSE;
}

/* The position behind the next @n_events from @position on, *@barrier being as far as nothing is skipped. */
static guint64
pass_over (const BelfrySqliteAppender *self,
           guint64                     position,
           guint64                     n_events,
           guint64                    *barrier)
{
  while (n_events > 0)
    {
      guint64 n_free;

      if (position >= *barrier)
        position = belfry_sqlite_log_find_free (self->log, position, barrier);
      n_free = MIN (n_events, *barrier - position);
      position += n_free;
      n_events -= n_free;
    }

  return position;
}

/* The places of events behind the next @n_before; gives the position behind them. */
static guint64
fill_places (BelfrySqliteAppender *self,
             guint                 n_before,
             gint64                accepted_usec,
             BelfryEventPlace     *places,
             guint                 n_events)
{
  guint64 barrier = self->barrier;
  guint64 position = pass_over (self, self->state.next_position, n_before, &barrier);

  for (guint i = 0; i < n_events; i++)
    {
      if (G_UNLIKELY (position >= barrier))
        position = belfry_sqlite_log_find_free (self->log, position, &barrier);
      places[i].position = position++;
      places[i].accepted_usec = accepted_usec;
      belfry_event_id_write (&self->log->id_key, self->state.origin, places[i].position, places[i].id);
    }

  return position;
}

/* In the open transaction, which is going to append @n_before events first: looks for the receipt's key. When it is new
 * and there are events, they are to be appended, and their receipt is kept with them. The receipt's outcome tells. */
gboolean
belfry_sqlite_appender_admit (BelfrySqliteAppender  *self,
                              BelfryReceipt         *receipt,
                              GPtrArray             *events,
                              guint                  n_before,
                              gint64                 now_usec,
                              GError               **error)
{
  g_autofree BelfryEventPlace *places = NULL;
  gint64 accepted_usec = MAX (self->state.last_usec, now_usec);

  if (!belfry_sqlite_receipts_look_up (self->receipts, receipt, accepted_usec, error))
    return FALSE;
  if (receipt->outcome != BELFRY_RECEIPT_UNKNOWN || events->len == 0)
    return TRUE;

  if (!check_room (self, n_before, events->len, error))
    return FALSE;
  places = g_new (BelfryEventPlace, events->len);
  fill_places (self, n_before, accepted_usec, places, events->len);

  return belfry_sqlite_receipts_add (self->receipts, receipt, events, places, error);
}

/* Likewise for the event that a letter becomes: when it has not become one yet, the event is to be appended, and the
 * letter says so. The replay's outcome tells; without an event it only looks. */
gboolean
belfry_sqlite_appender_admit_replay (BelfrySqliteAppender  *self,
                                     BelfryReplay          *replay,
                                     GPtrArray             *events,
                                     guint                  n_before,
                                     gint64                 now_usec,
                                     GError               **error)
{
  BelfryEventPlace place;

  if (!belfry_sqlite_dead_letters_look_up (self->letters, replay, error))
    return FALSE;
  if (replay->outcome != BELFRY_REPLAY_OPEN || events->len == 0)
    return TRUE;

  if (!check_room (self, n_before, 1, error))
    return FALSE;
  fill_places (self, n_before, MAX (self->state.last_usec, now_usec), &place, 1);

  return belfry_sqlite_dead_letters_mark (self->letters, replay, &place, error);
}

/* Appends a run in the open transaction and commits it. On failure the log, and what is known of it, is as before. */
gboolean
belfry_sqlite_appender_append (BelfrySqliteAppender  *self,
                               GPtrArray             *events,
                               gint64                 now_usec,
                               GArray                *changes,
                               GError               **error)
{
  g_autofree BelfryEventPlace *places = g_new (BelfryEventPlace, events->len);
  BelfrySqliteState state = self->state;

  if (!check_room (self, 0, events->len, error))
    return FALSE;

  state.last_usec = MAX (state.last_usec, now_usec);
  state.next_position = fill_places (self, 0, state.last_usec, places, events->len);

  if (!write_run (self, events, places, error) || !belfry_sqlite_appender_commit (self, &state, error))
    return FALSE;

  belfry_sqlite_types_settle (self->types, state.last_usec, changes);
  if (G_UNLIKELY (state.next_position >= self->barrier) &&
      belfry_sqlite_log_find_free (self->log, state.next_position, &self->barrier) != state.next_position)
    self->barrier = state.next_position;
  self->announced = self->state.next_position;
  belfry_event_seal_run ((BelfryEvent **) events->pdata, places, events->len);

  return TRUE;
}

/* Moves the floor to @cut in the open transaction and commits it. @counts (id of type → number)
 * says what lies between; %NULL when everything goes. */
gboolean
belfry_sqlite_appender_delete (BelfrySqliteAppender  *self,
                               guint64                cut,
                               GHashTable            *counts,
                               GArray                *changes,
                               GError               **error)
{
  BelfrySqliteState state = self->state;

  belfry_sqlite_sealer_forget_below (self->sealer, cut);

  if (!belfry_sqlite_types_remove (self->types, counts, changes, error))
    return FALSE;

  state.floor = cut;
  state.merged = MAX (state.merged, cut - 1);
  if (!belfry_sqlite_appender_commit (self, &state, error))
    return FALSE;

  belfry_sqlite_types_settle_removal (self->types);
  self->may_hold_dead = TRUE;

  return TRUE;
}
