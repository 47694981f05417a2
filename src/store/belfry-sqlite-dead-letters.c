/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The table of letters, on the writer's connection. How many there are, what they take and which number is the next
 * stands in a row of its own, written when a transaction has changed it. */

#include "belfry-sqlite-dead-letters-private.h"

#include <string.h>

/* What a row takes beside its body and its message. */
#define ROW_BYTES 128

typedef enum
{
  INSERT,
  SELECT_REPLAYED,
  MARK,
  SELECT_OLDEST,
  SELECT_SIZE,
  DELETE,
  UPDATE_STATE,
  N_STATEMENTS,
} Statement;

#define WEIGHT "size + length (message) + " G_STRINGIFY (ROW_BYTES)

static const char *const sources[N_STATEMENTS] = {
  [INSERT] =
    "INSERT INTO dead_letter (number, received, door, reason, field, message, size, content_type, body)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
  [SELECT_REPLAYED] = "SELECT event_id FROM dead_letter WHERE number = ?1",
  [MARK] = "UPDATE dead_letter SET event_id = ?2, replayed = ?3 WHERE number = ?1",
  [SELECT_OLDEST] = "SELECT number, received, " WEIGHT " FROM dead_letter ORDER BY number LIMIT ?1",
  [SELECT_SIZE] = "SELECT " WEIGHT " FROM dead_letter WHERE number = ?1",
  [DELETE] = "DELETE FROM dead_letter WHERE number = ?1",
  [UPDATE_STATE] = "UPDATE dead_letters SET next_number = ?1, count = ?2, size = ?3",
};

typedef struct
{
  guint64 next_number;
  guint64 n_kept;
  guint64 bytes;
  gint64  oldest_usec;  /* a lower bound; G_MAXINT64 without letters */
  guint64 n_dropped;
} Extent;

/* Writer thread only. */
struct _BelfrySqliteDeadLetters
{
  BelfrySqliteDeadLetterBounds bounds;
  sqlite3_stmt                *statements[N_STATEMENTS];
  Extent                       committed;
  Extent                       open;  /* with what the open transaction does */
};

BelfrySqliteDeadLetters *
belfry_sqlite_dead_letters_new (const BelfrySqliteDeadLetterBounds *bounds)
{
  BelfrySqliteDeadLetters *self = g_new0 (BelfrySqliteDeadLetters, 1);

  self->bounds = *bounds;

  return self;
}

void
belfry_sqlite_dead_letters_free (BelfrySqliteDeadLetters *self)
{
  belfry_sqlite_dead_letters_disconnect (self);
  g_free (self);
}

void
belfry_sqlite_dead_letters_disconnect (BelfrySqliteDeadLetters *self)
{
  for (guint i = 0; i < N_STATEMENTS; i++)
    g_clear_pointer (&self->statements[i], sqlite3_finalize);
}

static gboolean
load_state (BelfrySqliteDeadLetters  *self,
            sqlite3                  *db,
            GError                  **error)
{
  g_autoptr(sqlite3_stmt) stmt = NULL;
  gboolean has_row;

  stmt = belfry_sqlite_prepare (db,
                                "SELECT next_number, count, size, (SELECT received FROM dead_letter ORDER BY number"
                                " LIMIT 1) FROM dead_letters", error);
  if (stmt == NULL || !belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  if (!has_row || sqlite3_column_int64 (stmt, 0) < 1)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT, "The state of the dead letters is damaged");
      return FALSE;
    }

  self->committed.next_number = (guint64) sqlite3_column_int64 (stmt, 0);
  self->committed.n_kept = (guint64) sqlite3_column_int64 (stmt, 1);
  self->committed.bytes = (guint64) sqlite3_column_int64 (stmt, 2);
  self->committed.oldest_usec = sqlite3_column_type (stmt, 3) != SQLITE_NULL ? sqlite3_column_int64 (stmt, 3)
                                                                             : G_MAXINT64;
  self->open = self->committed;

  return TRUE;
}

/* Prepares the statements of a new connection and looks at what is committed. */
gboolean
belfry_sqlite_dead_letters_connect (BelfrySqliteDeadLetters  *self,
                                    sqlite3                  *db,
                                    GError                  **error)
{
  for (guint i = 0; i < N_STATEMENTS; i++)
    {
      self->statements[i] = belfry_sqlite_prepare (db, sources[i], error);
      if (self->statements[i] == NULL)
        return FALSE;
    }

  return load_state (self, db, error);
}

static gboolean
insert_letter (BelfrySqliteDeadLetters  *self,
               const BelfryDeadLetter   *letter,
               gint64                    now_usec,
               GError                  **error)
{
  sqlite3_stmt *stmt = self->statements[INSERT];
  gsize length;
  gconstpointer body = g_bytes_get_data (letter->body, &length);

  sqlite3_bind_int64 (stmt, 1, (gint64) self->open.next_number);
  sqlite3_bind_int64 (stmt, 2, now_usec);
  belfry_sqlite_bind_text (stmt, 3, letter->door, -1);
  belfry_sqlite_bind_text (stmt, 4, letter->reason, -1);
  belfry_sqlite_bind_text (stmt, 5, letter->field, -1);
  belfry_sqlite_bind_text (stmt, 6, letter->message, -1);
  sqlite3_bind_int64 (stmt, 7, (gint64) length);
  belfry_sqlite_bind_text (stmt, 8, letter->content_type, -1);
  /* An empty body is not the same as none. */
  sqlite3_bind_blob64 (stmt, 9, body != NULL ? body : "", length, SQLITE_STATIC);

  self->open.next_number++;
  self->open.n_kept++;
  self->open.bytes += length + (guint64) g_utf8_strlen (letter->message, -1) + ROW_BYTES;
  self->open.oldest_usec = MIN (self->open.oldest_usec, now_usec);

  return belfry_sqlite_run (stmt, error);
}

/* Keeps letters with what is appended in the same transaction. Who brings some takes old ones away when there are too
 * many: faster than they come, and a few at a time. */
gboolean
belfry_sqlite_dead_letters_add (BelfrySqliteDeadLetters  *self,
                                GPtrArray                *letters,
                                gint64                    now_usec,
                                GError                  **error)
{
  for (guint i = 0; i < letters->len; i++)
    if (!insert_letter (self, g_ptr_array_index (letters, i), now_usec, error))
      return FALSE;

  return !belfry_sqlite_dead_letters_is_due (self, now_usec) ||
         belfry_sqlite_dead_letters_trim (self, now_usec, 2 * letters->len, error);
}

/* The replay's outcome stays open when the letter waits for it. */
gboolean
belfry_sqlite_dead_letters_look_up (BelfrySqliteDeadLetters  *self,
                                    BelfryReplay             *replay,
                                    GError                  **error)
{
  sqlite3_stmt *stmt = self->statements[SELECT_REPLAYED];
  gboolean has_row;

  belfry_replay_set (replay, BELFRY_REPLAY_UNKNOWN, NULL);
  sqlite3_bind_int64 (stmt, 1, (gint64) replay->number);
  if (!belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;
  if (!has_row)
    return TRUE;

  if (sqlite3_column_type (stmt, 0) == SQLITE_NULL)
    belfry_replay_set (replay, BELFRY_REPLAY_OPEN, NULL);
  else
    belfry_replay_set (replay, BELFRY_REPLAY_REPEATED, g_strdup ((const char *) sqlite3_column_text (stmt, 0)));
  sqlite3_reset (stmt);

  return TRUE;
}

/* The letter becomes the event that is appended at @place in the same transaction. */
gboolean
belfry_sqlite_dead_letters_mark (BelfrySqliteDeadLetters  *self,
                                 BelfryReplay             *replay,
                                 const BelfryEventPlace   *place,
                                 GError                  **error)
{
  sqlite3_stmt *stmt = self->statements[MARK];

  belfry_replay_set (replay, BELFRY_REPLAY_DONE, g_strdup (place->id));
  sqlite3_bind_int64 (stmt, 1, (gint64) replay->number);
  belfry_sqlite_bind_text (stmt, 2, replay->event_id, -1);
  sqlite3_bind_int64 (stmt, 3, place->accepted_usec);

  return belfry_sqlite_run (stmt, error);
}

static gboolean
delete_row (BelfrySqliteDeadLetters  *self,
            guint64                   number,
            guint64                   weight,
            GError                  **error)
{
  sqlite3_bind_int64 (self->statements[DELETE], 1, (gint64) number);
  self->open.n_kept--;
  self->open.bytes -= MIN (weight, self->open.bytes);

  return belfry_sqlite_run (self->statements[DELETE], error);
}

gboolean
belfry_sqlite_dead_letters_remove (BelfrySqliteDeadLetters  *self,
                                   guint64                   number,
                                   gboolean                 *was_there,
                                   GError                  **error)
{
  sqlite3_stmt *stmt = self->statements[SELECT_SIZE];
  guint64 weight;

  sqlite3_bind_int64 (stmt, 1, (gint64) number);
  if (!belfry_sqlite_next (stmt, was_there, error))
    return FALSE;
  if (!*was_there)
    return TRUE;

  weight = (guint64) sqlite3_column_int64 (stmt, 0);
  sqlite3_reset (stmt);

  return delete_row (self, number, weight, error);
}

static gboolean
has_expired (BelfrySqliteDeadLetters *self,
             gint64                   received_usec,
             gint64                   now_usec)
{
  return self->bounds.max_age_usec != 0 && received_usec <= now_usec - self->bounds.max_age_usec;
}

static gboolean
is_over (BelfrySqliteDeadLetters *self,
         guint64                  n_kept,
         guint64                  bytes)
{
  return (self->bounds.max_letters != 0 && n_kept > self->bounds.max_letters) ||
         (self->bounds.max_bytes != 0 && bytes > self->bounds.max_bytes);
}

/* Whether there is something to trim. */
gboolean
belfry_sqlite_dead_letters_is_due (BelfrySqliteDeadLetters *self,
                                   gint64                   now_usec)
{
  return self->open.n_kept > 0 &&
         (is_over (self, self->open.n_kept, self->open.bytes) || has_expired (self, self->open.oldest_usec, now_usec));
}

/* Number and weight of a row that is to go. */
typedef struct
{
  guint64 number;
  guint64 weight;
} Victim;

/* The oldest, as far as they have to go; afterwards open.oldest_usec is right. */
static gboolean
find_victims (BelfrySqliteDeadLetters  *self,
              gint64                    now_usec,
              guint                     max_rows,
              GArray                   *victims,
              GError                  **error)
{
  sqlite3_stmt *stmt = self->statements[SELECT_OLDEST];
  guint64 n_kept = self->open.n_kept, bytes = self->open.bytes;

  self->open.oldest_usec = G_MAXINT64;
  sqlite3_bind_int64 (stmt, 1, (gint64) max_rows + 1);
  for (;;)
    {
      gboolean has_row, is_old;
      Victim victim;

      if (!belfry_sqlite_next (stmt, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;

      is_old = has_expired (self, sqlite3_column_int64 (stmt, 1), now_usec);
      if (victims->len == max_rows || (!is_old && !is_over (self, n_kept, bytes)))
        {
          self->open.oldest_usec = sqlite3_column_int64 (stmt, 1);
          sqlite3_reset (stmt);
          return TRUE;
        }

      victim.number = (guint64) sqlite3_column_int64 (stmt, 0);
      victim.weight = (guint64) sqlite3_column_int64 (stmt, 2);
      g_array_append_val (victims, victim);
      n_kept--;
      bytes -= MIN (victim.weight, bytes);
      if (!is_old)
        self->open.n_dropped++;
    }
}

/* Removes letters at the old end, in the open transaction: those that are too old, and while there are too many the next
 * ones too. */
gboolean
belfry_sqlite_dead_letters_trim (BelfrySqliteDeadLetters  *self,
                                 gint64                    now_usec,
                                 guint                     max_rows,
                                 GError                  **error)
{
  g_autoptr(GArray) victims = g_array_new (FALSE, FALSE, sizeof (Victim));

  if (!find_victims (self, now_usec, max_rows, victims, error))
    return FALSE;

  for (guint i = 0; i < victims->len; i++)
    {
      const Victim *victim = &g_array_index (victims, Victim, i);

      if (!delete_row (self, victim->number, victim->weight, error))
        return FALSE;
    }

  return TRUE;
}

gboolean
belfry_sqlite_dead_letters_write (BelfrySqliteDeadLetters  *self,
                                  GError                  **error)
{
  sqlite3_stmt *stmt = self->statements[UPDATE_STATE];

  if (G_LIKELY (self->open.next_number == self->committed.next_number &&
                self->open.n_kept == self->committed.n_kept))
    return TRUE;

  sqlite3_bind_int64 (stmt, 1, (gint64) self->open.next_number);
  sqlite3_bind_int64 (stmt, 2, (gint64) self->open.n_kept);
  sqlite3_bind_int64 (stmt, 3, (gint64) self->open.bytes);

  return belfry_sqlite_run (stmt, error);
}

/* The open transaction was committed. */
void
belfry_sqlite_dead_letters_settle (BelfrySqliteDeadLetters *self)
{
  self->committed = self->open;
}

/* It was not. */
void
belfry_sqlite_dead_letters_give_up (BelfrySqliteDeadLetters *self)
{
  self->open = self->committed;
}

void
belfry_sqlite_dead_letters_get_tally (BelfrySqliteDeadLetters *self,
                                      BelfryDeadLetterTally   *tally)
{
  tally->n_kept = self->committed.n_kept;
  tally->bytes = self->committed.bytes;
  tally->n_ever = self->committed.next_number != 0 ? self->committed.next_number - 1 : 0;
  tally->n_dropped = self->committed.n_dropped;
}

/* --- reading --- */

#define COLUMNS \
  "SELECT number, received, door, reason, field, message, content_type, body, event_id, replayed FROM dead_letter" \
  " WHERE number BETWEEN ?1 AND ?2 "

static const char *
choose_source (gboolean newest_first,
               gboolean has_reason)
{
  if (has_reason)
    return newest_first ? COLUMNS "AND reason = ?4 ORDER BY number DESC LIMIT ?3"
                        : COLUMNS "AND reason = ?4 ORDER BY number LIMIT ?3";

  return newest_first ? COLUMNS "ORDER BY number DESC LIMIT ?3" : COLUMNS "ORDER BY number LIMIT ?3";
}

static BelfryDeadLetter *
read_letter (sqlite3_stmt *row)
{
  const void *bytes = sqlite3_column_blob (row, 7);
  g_autoptr(GBytes) body = g_bytes_new (bytes, (gsize) sqlite3_column_bytes (row, 7));
  BelfryDeadLetter *letter;

  letter = belfry_dead_letter_new ((const char *) sqlite3_column_text (row, 2),
                                   (const char *) sqlite3_column_text (row, 3),
                                   (const char *) sqlite3_column_text (row, 4),
                                   (const char *) sqlite3_column_text (row, 5),
                                   (const char *) sqlite3_column_text (row, 6), body);
  letter->number = (guint64) sqlite3_column_int64 (row, 0);
  letter->received_usec = sqlite3_column_int64 (row, 1);
  letter->event_id = g_strdup ((const char *) sqlite3_column_text (row, 8));
  letter->replayed_usec = sqlite3_column_int64 (row, 9);

  return letter;
}

GPtrArray *
belfry_sqlite_dead_letters_list (sqlite3     *db,
                                 guint64      low,
                                 guint64      high,
                                 gboolean     newest_first,
                                 const char  *reason,
                                 guint        limit,
                                 gsize        max_bytes,
                                 GError     **error)
{
  g_autoptr(GPtrArray) letters = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_dead_letter_unref);
  g_autoptr(sqlite3_stmt) stmt = belfry_sqlite_prepare (db, choose_source (newest_first, reason != NULL), error);
  gsize bytes = 0;

  if (stmt == NULL)
    return NULL;

  sqlite3_bind_int64 (stmt, 1, (gint64) MIN (low, G_MAXINT64));
  sqlite3_bind_int64 (stmt, 2, (gint64) MIN (high, G_MAXINT64));
  sqlite3_bind_int64 (stmt, 3, limit);
  if (reason != NULL)
    belfry_sqlite_bind_text (stmt, 4, reason, -1);
  for (;;)
    {
      BelfryDeadLetter *letter;
      gboolean has_row;

      if (!belfry_sqlite_next (stmt, &has_row, error))
        return NULL;
      if (!has_row || (letters->len > 0 && bytes >= max_bytes))
        return g_steal_pointer (&letters);

      letter = read_letter (stmt);
      bytes += letter->size;
      g_ptr_array_add (letters, letter);
    }
}
