/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* Inserting each event's keys at once into three indexes in random order is what would cost most of
 * an append. So the newest rows wait in the tail, and from time to time a stretch of them goes into
 * the index tables in the order of its keys, which touches each page once.
 *
 * A merge is cut into small steps: its rows are collected, its keys sorted, its entries inserted a
 * few at a time, each portion in a transaction that has other work to do or in one of its own.
 * Readers pass over entries above the snapshot's merge point, so portions may be committed as they
 * come; the last one moves the merge point. After a crash the merge begins again and finds some
 * entries already there. */

#include "belfry-sqlite-merge-private.h"

#include <string.h>

#define COLLECT_ROWS    2000
#define MAX_ROWS        65536
#define MAX_KEY_BYTES   (8 * 1024 * 1024)
#define TEXT_BLOCK_SIZE 16384
#define LOOK_AT_CLOCK   32

typedef enum
{
  IDLE,
  COLLECTING,
  SORTING,
  INSERTING,
} Phase;

typedef enum
{
  SESSIONS,
  USERS,
  TYPES,
  N_INDEXES,
} Index;

typedef struct
{
  const char *text;    /* NULL in the index over types */
  guint64     number;  /* likewise there, the type */
  guint64     position;
} Entry;

struct _BelfrySqliteMerge
{
  Phase         phase;
  guint64       reached;             /* rows up to here are collected */
  guint64       last;                /* the new merge point */
  GStringChunk *texts;
  gsize         n_bytes;
  GArray       *entries[N_INDEXES];  /* Entry */
  guint         n_sorted;            /* indexes */
  guint         n_inserted;          /* entries over all indexes, committed */
  guint         n_pending;           /* entries over all indexes, with the open transaction */

  sqlite3_stmt *collect;
  sqlite3_stmt *inserts[N_INDEXES];
};

static const char *const insert_sources[N_INDEXES] = {
  [SESSIONS] = "INSERT OR IGNORE INTO by_session VALUES (?1, ?2)",
  [USERS] = "INSERT OR IGNORE INTO by_user VALUES (?1, ?2)",
  [TYPES] = "INSERT OR IGNORE INTO by_type VALUES (?1, ?2)",
};

BelfrySqliteMerge *
belfry_sqlite_merge_new (void)
{
  return g_new0 (BelfrySqliteMerge, 1);
}

void
belfry_sqlite_merge_free (BelfrySqliteMerge *self)
{
  belfry_sqlite_merge_disconnect (self);
  belfry_sqlite_merge_cancel (self);
  g_free (self);
}

void
belfry_sqlite_merge_disconnect (BelfrySqliteMerge *self)
{
  g_clear_pointer (&self->collect, sqlite3_finalize);
  for (guint i = 0; i < N_INDEXES; i++)
    g_clear_pointer (&self->inserts[i], sqlite3_finalize);
}

void
belfry_sqlite_merge_cancel (BelfrySqliteMerge *self)
{
  self->phase = IDLE;
  g_clear_pointer (&self->texts, g_string_chunk_free);
  for (guint i = 0; i < N_INDEXES; i++)
    g_clear_pointer (&self->entries[i], g_array_unref);
}

void
belfry_sqlite_merge_begin (BelfrySqliteMerge *self,
                           guint64            merged,
                           guint64            last)
{
  g_assert (self->phase == IDLE);

  self->phase = COLLECTING;
  self->reached = merged;
  self->last = last;
  self->n_bytes = 0;
  self->n_sorted = 0;
  self->n_inserted = 0;
  self->n_pending = 0;
  self->texts = g_string_chunk_new (TEXT_BLOCK_SIZE);
  for (guint i = 0; i < N_INDEXES; i++)
    self->entries[i] = g_array_new (FALSE, FALSE, sizeof (Entry));
}

gboolean
belfry_sqlite_merge_is_preparing (BelfrySqliteMerge *self)
{
  return self->phase == COLLECTING || self->phase == SORTING;
}

gboolean
belfry_sqlite_merge_is_inserting (BelfrySqliteMerge *self)
{
  return self->phase == INSERTING;
}

static void
add_text (BelfrySqliteMerge *self,
          Index              index,
          sqlite3_stmt      *row,
          int                column,
          guint64            position)
{
  const char *text = (const char *) sqlite3_column_text (row, column);
  Entry entry = { .position = position };

  if (text == NULL)
    return;

  entry.text = g_string_chunk_insert (self->texts, text);
  self->n_bytes += strlen (text);
  g_array_append_val (self->entries[index], entry);
}

static void
add_row (BelfrySqliteMerge *self,
         sqlite3_stmt      *row)
{
  guint64 position = (guint64) sqlite3_column_int64 (row, 0);
  Entry entry = { NULL, (guint64) sqlite3_column_int64 (row, 1), position };

  g_array_append_val (self->entries[TYPES], entry);
  add_text (self, SESSIONS, row, 2, position);
  add_text (self, USERS, row, 3, position);
  self->reached = position;
}

static gboolean
collect (BelfrySqliteMerge  *self,
         sqlite3            *db,
         GError            **error)
{
  guint n_rows = 0;

  if (self->collect == NULL)
    self->collect = belfry_sqlite_prepare (db,
                                           "SELECT position, type, session_id, user_id FROM event"
                                           " WHERE position > ?1 AND position <= ?2 ORDER BY position LIMIT ?3",
                                           error);
  if (self->collect == NULL)
    return FALSE;

  sqlite3_bind_int64 (self->collect, 1, (gint64) self->reached);
  sqlite3_bind_int64 (self->collect, 2, (gint64) self->last);
  sqlite3_bind_int64 (self->collect, 3, COLLECT_ROWS);
  for (;;)
    {
      gboolean has_row;

      if (!belfry_sqlite_next (self->collect, &has_row, error))
        return FALSE;
      if (!has_row)
        break;
      add_row (self, self->collect);
      n_rows++;
    }

  if (self->entries[TYPES]->len >= MAX_ROWS || self->n_bytes >= MAX_KEY_BYTES)
    self->last = self->reached;
  if (n_rows < COLLECT_ROWS || self->reached == self->last)
    self->phase = SORTING;

  return TRUE;
}

/* The order of SQLite's own comparison. */
static int
compare_entries (gconstpointer a,
                 gconstpointer b)
{
  const Entry *left = a, *right = b;
  int order = left->text != NULL ? strcmp (left->text, right->text)
                                 : (left->number > right->number) - (left->number < right->number);

  return order != 0 ? order : (left->position > right->position) - (left->position < right->position);
}

/* Does a step of what is to be done before the first entry is inserted; needs no transaction. */
gboolean
belfry_sqlite_merge_prepare (BelfrySqliteMerge  *self,
                             sqlite3            *db,
                             GError            **error)
{
  if (self->phase == COLLECTING)
    return collect (self, db, error);

  g_assert (self->phase == SORTING);
  g_array_sort (self->entries[self->n_sorted++], compare_entries);
  if (self->n_sorted == N_INDEXES)
    self->phase = INSERTING;

  return TRUE;
}

static gboolean
insert_entry (BelfrySqliteMerge  *self,
              sqlite3            *db,
              Index               index,
              const Entry        *entry,
              GError            **error)
{
  sqlite3_stmt *stmt = self->inserts[index];

  if (stmt == NULL)
    {
      stmt = self->inserts[index] = belfry_sqlite_prepare (db, insert_sources[index], error);
      if (stmt == NULL)
        return FALSE;
    }

  if (entry->text != NULL)
    belfry_sqlite_bind_text (stmt, 1, entry->text, -1);
  else
    sqlite3_bind_int64 (stmt, 1, (gint64) entry->number);
  sqlite3_bind_int64 (stmt, 2, (gint64) entry->position);

  return belfry_sqlite_run (stmt, error);
}

/* Whether a portion, of @n_entries so far, has taken long enough. */
static gboolean
is_portion_over (guint  n_entries,
                 gint64 end_usec)
{
  return n_entries != 0 && n_entries % LOOK_AT_CLOCK == 0 && g_get_monotonic_time () >= end_usec;
}

/* Inserts a portion in the open transaction, and moves the merge point in @state with the last. */
gboolean
belfry_sqlite_merge_insert (BelfrySqliteMerge  *self,
                            sqlite3            *db,
                            guint               max_entries,
                            gint64              max_usec,
                            BelfrySqliteState  *state,
                            GError            **error)
{
  guint first = 0, end = self->n_inserted + max_entries;
  gint64 end_usec = g_get_monotonic_time () + max_usec;

  g_assert (self->phase == INSERTING);

  self->n_pending = self->n_inserted;
  for (guint i = 0; i < N_INDEXES; i++)
    {
      const GArray *entries = self->entries[i];

      for (; self->n_pending < MIN (first + entries->len, end); self->n_pending++)
        {
          if (is_portion_over (self->n_pending - self->n_inserted, end_usec))
            return TRUE;
          if (!insert_entry (self, db, i, &g_array_index (entries, Entry, self->n_pending - first), error))
            return FALSE;
        }
      first += entries->len;
    }

  if (self->n_pending == first)
    state->merged = MAX (state->merged, self->last);

  return TRUE;
}

void
belfry_sqlite_merge_settle (BelfrySqliteMerge *self)
{
  guint n_entries = 0;

  if (self->phase != INSERTING)
    return;

  for (guint i = 0; i < N_INDEXES; i++)
    n_entries += self->entries[i]->len;

  self->n_inserted = self->n_pending;
  if (self->n_inserted == n_entries)
    belfry_sqlite_merge_cancel (self);
}

void
belfry_sqlite_merge_take_back (BelfrySqliteMerge *self)
{
  self->n_pending = self->n_inserted;
}
