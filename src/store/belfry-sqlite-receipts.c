/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The table of receipts. A row has the position of the first event that it tells of, so rows lie in the order of their
 * times and the oldest are at one end. Each says how many bytes were added before it, ever since the table was last
 * empty: the first and the last row tell how much there is without a count over all. */

#include "belfry-sqlite-receipts-private.h"

#include <string.h>

/* What a row takes beside its answer, in the table and in the index over keys. */
#define ROW_BYTES 192

typedef enum
{
  SELECT_KEY,
  SELECT_OLDEST,
  INSERT,
  DELETE_THROUGH,
  N_STATEMENTS,
} Statement;

static const char *const sources[N_STATEMENTS] = {
  [SELECT_KEY] = "SELECT accepted, fingerprint, status, answer FROM receipt WHERE key = ?1",
  [SELECT_OLDEST] = "SELECT position, accepted, bytes_before FROM receipt ORDER BY position LIMIT ?1",
  /* Of the same key there may be one that has expired. */
  [INSERT] = "INSERT OR REPLACE INTO receipt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
  [DELETE_THROUGH] = "DELETE FROM receipt WHERE position <= ?1",
};

/* What there is. A row that was replaced counts until the rows before it are gone. */
typedef struct
{
  guint64 begin;        /* bytes_before of the oldest row */
  guint64 end;          /* of the next row */
  gint64  oldest_usec;  /* a lower bound; G_MAXINT64 without rows */
  guint64 dropped;      /* rows that went before their time, since the start */
} Extent;

/* Writer thread only. */
struct _BelfrySqliteReceipts
{
  gint64        window_usec;
  guint64       max_bytes;
  sqlite3_stmt *statements[N_STATEMENTS];
  Extent        committed;
  Extent        open;  /* with what the open transaction does */
};

BelfrySqliteReceipts *
belfry_sqlite_receipts_new (gint64  window_usec,
                            guint64 max_bytes)
{
  BelfrySqliteReceipts *self = g_new0 (BelfrySqliteReceipts, 1);

  self->window_usec = window_usec;
  self->max_bytes = max_bytes;

  return self;
}

void
belfry_sqlite_receipts_free (BelfrySqliteReceipts *self)
{
  belfry_sqlite_receipts_disconnect (self);
  g_free (self);
}

void
belfry_sqlite_receipts_disconnect (BelfrySqliteReceipts *self)
{
  for (guint i = 0; i < N_STATEMENTS; i++)
    g_clear_pointer (&self->statements[i], sqlite3_finalize);
}

static gboolean
load_oldest (BelfrySqliteReceipts  *self,
             GError               **error)
{
  sqlite3_stmt *stmt = self->statements[SELECT_OLDEST];
  gboolean has_row;

  sqlite3_bind_int64 (stmt, 1, 1);
  if (!belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;
  if (!has_row)
    return TRUE;

  self->committed.oldest_usec = sqlite3_column_int64 (stmt, 1);
  self->committed.begin = (guint64) sqlite3_column_int64 (stmt, 2);
  sqlite3_reset (stmt);

  return TRUE;
}

/* Prepares the statements of a new connection and looks at what is committed. */
gboolean
belfry_sqlite_receipts_connect (BelfrySqliteReceipts  *self,
                                sqlite3               *db,
                                GError               **error)
{
  gint64 end;

  for (guint i = 0; i < N_STATEMENTS; i++)
    {
      self->statements[i] = belfry_sqlite_prepare (db, sources[i], error);
      if (self->statements[i] == NULL)
        return FALSE;
    }

  if (!belfry_sqlite_read_number (db, "SELECT bytes_before + length (answer) + " G_STRINGIFY (ROW_BYTES)
                                  " FROM receipt ORDER BY position DESC LIMIT 1", &end, error))
    return FALSE;

  self->committed.begin = self->committed.end = (guint64) end;
  self->committed.oldest_usec = G_MAXINT64;
  if (!load_oldest (self, error))
    return FALSE;
  self->open = self->committed;

  return TRUE;
}

static gboolean
has_expired (BelfrySqliteReceipts *self,
             gint64                accepted_usec,
             gint64                now_usec)
{
  return accepted_usec <= now_usec - self->window_usec;
}

static void
read_row (sqlite3_stmt  *row,
          BelfryReceipt *receipt)
{
  const void *answer;

  if (sqlite3_column_bytes (row, 1) != BELFRY_RECEIPT_DIGEST_SIZE ||
      memcmp (sqlite3_column_blob (row, 1), receipt->fingerprint, BELFRY_RECEIPT_DIGEST_SIZE) != 0)
    {
      belfry_receipt_set (receipt, BELFRY_RECEIPT_MISMATCHED, 0, NULL);
      return;
    }

  answer = sqlite3_column_blob (row, 3);
  belfry_receipt_set (receipt, BELFRY_RECEIPT_REPEATED, (guint) sqlite3_column_int (row, 2),
                      g_bytes_new (answer, (gsize) sqlite3_column_bytes (row, 3)));
}

/* The receipt's outcome tells what was found. */
gboolean
belfry_sqlite_receipts_look_up (BelfrySqliteReceipts  *self,
                                BelfryReceipt         *receipt,
                                gint64                 now_usec,
                                GError               **error)
{
  sqlite3_stmt *stmt = self->statements[SELECT_KEY];
  gboolean has_row;

  belfry_receipt_set (receipt, BELFRY_RECEIPT_UNKNOWN, 0, NULL);
  sqlite3_bind_blob (stmt, 1, receipt->key, sizeof receipt->key, SQLITE_STATIC);
  if (!belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;
  if (!has_row)
    return TRUE;

  if (!has_expired (self, sqlite3_column_int64 (stmt, 0), now_usec))
    read_row (stmt, receipt);
  sqlite3_reset (stmt);

  return TRUE;
}

static GBytes *
make_answer (BelfryReceipt          *receipt,
             GPtrArray              *events,
             const BelfryEventPlace *places)
{
  if (receipt->answer_func != NULL)
    return receipt->answer_func (events, places, receipt->answer_data);

  g_assert (events->len == 1);

  return belfry_event_format_json (g_ptr_array_index (events, 0), &places[0]);
}

/* Keeps the receipt of events that are appended in the same transaction. */
gboolean
belfry_sqlite_receipts_add (BelfrySqliteReceipts    *self,
                            BelfryReceipt           *receipt,
                            GPtrArray               *events,
                            const BelfryEventPlace  *places,
                            GError                 **error)
{
  sqlite3_stmt *stmt = self->statements[INSERT];
  GBytes *answer = make_answer (receipt, events, places);
  const void *bytes;
  gsize length;

  belfry_receipt_set (receipt, BELFRY_RECEIPT_STORED, receipt->status, answer);
  bytes = g_bytes_get_data (answer, &length);
  sqlite3_bind_int64 (stmt, 1, (gint64) places[0].position);
  sqlite3_bind_int64 (stmt, 2, events->len);
  sqlite3_bind_int64 (stmt, 3, places[0].accepted_usec);
  sqlite3_bind_int64 (stmt, 4, (gint64) self->open.end);
  sqlite3_bind_blob (stmt, 5, receipt->key, sizeof receipt->key, SQLITE_STATIC);
  sqlite3_bind_blob (stmt, 6, receipt->fingerprint, sizeof receipt->fingerprint, SQLITE_STATIC);
  sqlite3_bind_int64 (stmt, 7, receipt->status);
  sqlite3_bind_blob64 (stmt, 8, bytes, length, SQLITE_STATIC);

  self->open.end += length + ROW_BYTES;
  self->open.oldest_usec = MIN (self->open.oldest_usec, places[0].accepted_usec);

  return belfry_sqlite_run (stmt, error);
}

/* Whether there is something to trim. */
gboolean
belfry_sqlite_receipts_is_due (BelfrySqliteReceipts *self,
                               gint64                now_usec)
{
  if (self->open.begin == self->open.end)
    return FALSE;

  return self->open.end - self->open.begin > self->max_bytes ||
         has_expired (self, self->open.oldest_usec, now_usec);
}

/* Removes rows at the old end, in the open transaction: those that have expired, and while there are too many bytes the
 * next ones too. */
gboolean
belfry_sqlite_receipts_trim (BelfrySqliteReceipts  *self,
                             gint64                 now_usec,
                             guint                  max_rows,
                             GError               **error)
{
  sqlite3_stmt *stmt = self->statements[SELECT_OLDEST];
  gint64 last = 0;
  guint n_rows = 0;

  self->open.begin = self->open.end;
  self->open.oldest_usec = G_MAXINT64;
  sqlite3_bind_int64 (stmt, 1, (gint64) max_rows + 1);
  for (;;)
    {
      gint64 accepted_usec;
      guint64 before;
      gboolean has_row, is_old;

      if (!belfry_sqlite_next (stmt, &has_row, error))
        return FALSE;
      if (!has_row)
        break;

      accepted_usec = sqlite3_column_int64 (stmt, 1);
      before = (guint64) sqlite3_column_int64 (stmt, 2);
      is_old = has_expired (self, accepted_usec, now_usec);
      if (n_rows == max_rows || (!is_old && self->open.end - before <= self->max_bytes))
        {
          self->open.begin = before;
          self->open.oldest_usec = accepted_usec;
          sqlite3_reset (stmt);
          break;
        }

      last = sqlite3_column_int64 (stmt, 0);
      n_rows++;
      if (!is_old)
        self->open.dropped++;
    }

  if (n_rows == 0)
    return TRUE;
  sqlite3_bind_int64 (self->statements[DELETE_THROUGH], 1, last);

  return belfry_sqlite_run (self->statements[DELETE_THROUGH], error);
}

/* The open transaction was committed. */
void
belfry_sqlite_receipts_settle (BelfrySqliteReceipts *self)
{
  self->committed = self->open;
}

/* It was not. */
void
belfry_sqlite_receipts_give_up (BelfrySqliteReceipts *self)
{
  self->open = self->committed;
}

guint64
belfry_sqlite_receipts_get_bytes (BelfrySqliteReceipts *self)
{
  return self->committed.end - self->committed.begin;
}

guint64
belfry_sqlite_receipts_get_dropped (BelfrySqliteReceipts *self)
{
  return self->committed.dropped;
}
