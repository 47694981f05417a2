/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* A step has a snapshot and goes through a part of the range, window by window. In each the index of its block, or the tail,
 * tells the candidates, and each candidate's row is held against the whole filter. The first windows are small, because
 * often enough is found at once; while little is found they grow up to a block. Where there is no index, and when
 * any event will do, the rows themselves are gone through. */

#include "belfry-sqlite-scan-private.h"

#include <string.h>

#define MAX_LOOKS_A_STEP 20000

/* Rows that cost about as much as the look into an index that leads to them: of any number of keys, and one more for each. */
#define LOOKS_A_WINDOW   20

void
belfry_sqlite_scan_init (BelfrySqliteScan *self,
                         BelfryFilter     *filter,
                         gboolean          is_backwards,
                         guint64           low,
                         guint64           high,
                         guint             max_events,
                         gsize             max_bytes)
{
  *self = (BelfrySqliteScan) { 0 };
  if (filter != NULL && !belfry_filter_is_any (filter))
    self->filter = belfry_filter_ref (filter);
  self->is_backwards = is_backwards;
  self->low = low;
  self->high = high;
  self->max_events = max_events;
  self->max_bytes = max_bytes;
  self->events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  self->places = g_array_new (FALSE, FALSE, sizeof (BelfryEventPlace));
}

void
belfry_sqlite_scan_clear (BelfrySqliteScan *self)
{
  g_clear_pointer (&self->filter, belfry_filter_unref);
  for (guint i = 0; i < G_N_ELEMENTS (self->keys); i++)
    g_clear_pointer (&self->keys[i], g_array_unref);
  g_clear_pointer (&self->events, g_ptr_array_unref);
  g_clear_pointer (&self->places, g_array_unref);
  if (self->text != NULL)
    g_string_free (g_steal_pointer (&self->text), TRUE);
}

GPtrArray *
belfry_sqlite_scan_seal (BelfrySqliteScan *self)
{
  if (self->events->len > 0)
    belfry_event_seal_run ((BelfryEvent **) self->events->pdata,
                           (BelfryEventPlace *) (gpointer) self->places->data,
                           self->events->len);

  return g_steal_pointer (&self->events);
}

static const char *
get_session_id (const BelfrySqliteScan *self)
{
  return self->filter != NULL ? belfry_filter_get_session_id (self->filter) : NULL;
}

static const char *
get_user_id (const BelfrySqliteScan *self)
{
  return self->filter != NULL ? belfry_filter_get_user_id (self->filter) : NULL;
}

static gboolean
has_text (sqlite3_stmt *row,
          int           column,
          const char   *wanted)
{
  const char *text = (const char *) sqlite3_column_text (row, column);

  return text != NULL && strcmp (text, wanted) == 0;
}

static gboolean
has_tier (sqlite3_stmt      *row,
          const char *const *tiers)
{
  const char *tier = (const char *) sqlite3_column_text (row, BELFRY_SQLITE_ROW_TIER);

  return tier != NULL && g_strv_contains (tiers, tier);
}

static gboolean
has_amount (sqlite3_stmt *row,
            double        min_amount)
{
  return sqlite3_column_type (row, BELFRY_SQLITE_ROW_AMOUNT) != SQLITE_NULL &&
         sqlite3_column_double (row, BELFRY_SQLITE_ROW_AMOUNT) >= min_amount;
}

/* Says of a row what belfry_filter_matches() says of its event. */
static gboolean
row_matches (const BelfrySqliteScan *self,
             sqlite3_stmt           *row)
{
  const char *session_id = get_session_id (self), *user_id = get_user_id (self);
  const char *const *tiers;
  double min_amount;

  if (self->filter == NULL)
    return TRUE;

  if (self->keys[BELFRY_SQLITE_COLUMN_TYPE] != NULL &&
      !belfry_sqlite_scan_has_type (self, (guint32) sqlite3_column_int64 (row, BELFRY_SQLITE_ROW_TYPE)))
    return FALSE;
  if (session_id != NULL && !has_text (row, BELFRY_SQLITE_ROW_SESSION, session_id))
    return FALSE;
  if (user_id != NULL && !has_text (row, BELFRY_SQLITE_ROW_USER, user_id))
    return FALSE;

  tiers = belfry_filter_get_user_tiers (self->filter);
  if (tiers != NULL && tiers[0] != NULL && !has_tier (row, tiers))
    return FALSE;

  return !belfry_filter_get_min_amount (self->filter, &min_amount) || has_amount (row, min_amount);
}

static gboolean
make_event (BelfrySqliteScan  *self,
            BelfrySqliteView  *view,
            sqlite3_stmt      *row,
            GError           **error)
{
  BelfryEventPlace place;
  BelfryEvent *event = belfry_sqlite_view_make_event (view, row, &place, error);

  if (event == NULL)
    return FALSE;

  g_ptr_array_add (self->events, event);
  g_array_append_val (self->places, place);
  self->n_bytes += belfry_event_get_size (event);

  return TRUE;
}

static gboolean
print_event (BelfrySqliteScan  *self,
             BelfrySqliteView  *view,
             sqlite3_stmt      *row,
             GError           **error)
{
  /* The last one only tells that there is more. */
  if (self->n_found + 1 == self->max_events)
    return TRUE;

  g_string_append_c (self->text, ',');
  if (!belfry_sqlite_view_print_event (view, row, self->text, error))
    return FALSE;

  self->last_printed = (guint64) sqlite3_column_int64 (row, BELFRY_SQLITE_ROW_POSITION);
  self->n_bytes = self->text->len;

  return TRUE;
}

static gboolean
take_row (BelfrySqliteScan  *self,
          BelfrySqliteView  *view,
          sqlite3_stmt      *row,
          GError           **error)
{
  if (!(self->text != NULL ? print_event (self, view, row, error) : make_event (self, view, row, error)))
    return FALSE;

  self->n_found++;
  self->is_done = self->n_found >= self->max_events || self->n_bytes >= self->max_bytes;

  return TRUE;
}

/* Everything up to and with @position has been seen. */
static void
advance (BelfrySqliteScan *self,
         guint64           position)
{
  if (self->is_backwards)
    self->high = position - 1;
  else
    self->low = position + 1;
}

static gboolean
look_at_row (BelfrySqliteScan  *self,
             BelfrySqliteView  *view,
             sqlite3_stmt      *row,
             GError           **error)
{
  guint64 position = (guint64) sqlite3_column_int64 (row, BELFRY_SQLITE_ROW_POSITION);

  self->n_rows++;
  if (row_matches (self, row) && !take_row (self, view, row, error))
    return FALSE;
  advance (self, position);

  return TRUE;
}

static gboolean
is_step_over (const BelfrySqliteScan *self)
{
  return self->n_looks >= self->end_of_looks;
}

/* Goes through the rows of [low, high], the end of the range that the search is at. */
static gboolean
walk_rows (BelfrySqliteScan  *self,
           BelfrySqliteView  *view,
           guint64            low,
           guint64            high,
           GError           **error)
{
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (view,
                                                  self->is_backwards ? BELFRY_SQLITE_VIEW_BACKWARDS
                                                                     : BELFRY_SQLITE_VIEW_FORWARDS,
                                                  error);
  gboolean success = TRUE, has_row = TRUE;

  if (stmt == NULL)
    return FALSE;

  sqlite3_bind_int64 (stmt, 1, (gint64) low);
  sqlite3_bind_int64 (stmt, 2, (gint64) high);
  for (guint n = 0; success && has_row && !self->is_done && n < MAX_LOOKS_A_STEP; n++)
    {
      success = belfry_sqlite_next (stmt, &has_row, error);
      if (success && has_row)
        success = look_at_row (self, view, stmt, error);
      self->n_looks++;
    }
  sqlite3_reset (stmt);

  if (!has_row)
    advance (self, self->is_backwards ? low : high);

  return success;
}

/* At least one candidate of each window is looked at, so that every step gets on. */
static gboolean
walk_candidates (BelfrySqliteScan  *self,
                 BelfrySqliteView  *view,
                 const GArray      *positions,
                 guint             *n_seen,
                 GError           **error)
{
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (view, BELFRY_SQLITE_VIEW_AT, error);
  gboolean success = stmt != NULL;

  for (guint i = 0; success && !self->is_done && i < positions->len && (i == 0 || !is_step_over (self)); i++)
    {
      gboolean has_row;

      self->n_looks++;
      sqlite3_bind_int64 (stmt, 1, (gint64) g_array_index (positions, guint64, i));
      success = belfry_sqlite_next (stmt, &has_row, error);
      if (success && has_row)
        success = look_at_row (self, view, stmt, error);
      sqlite3_reset (stmt);
      *n_seen = i + 1;
    }

  return success;
}

/* The part of the range that is looked at next: of one block, or of one page of the tail. */
static void
choose_window (BelfrySqliteScan *self,
               BelfrySqliteView *view,
               guint64          *low,
               guint64          *high)
{
  guint64 position = self->is_backwards ? self->high : self->low;
  gboolean is_tail = position > view->merged;
  guint64 mask = (is_tail ? BELFRY_SQLITE_TAIL_PAGE : self->window) - 1;

  *low = MAX (self->low, position & ~mask);
  *high = MIN (self->high, position | mask);
  if (is_tail)
    *low = MAX (*low, MAX (view->merged, view->dropped) + 1);
  else
    *high = MIN (*high, view->merged);
  if (!is_tail)
    *low = MAX (*low, view->unindexed);
}

static gboolean
walk_window (BelfrySqliteScan  *self,
             BelfrySqliteView  *view,
             gboolean          *is_held,
             GError           **error)
{
  g_autoptr(GArray) positions = g_array_new (FALSE, FALSE, sizeof (guint64));
  guint64 low, high;
  guint n_seen = 0;

  choose_window (self, view, &low, &high);
  if (!belfry_sqlite_scan_gather (self, view, low, high, positions, is_held, error))
    return FALSE;
  if (!*is_held)
    return TRUE;

  self->n_looks += LOOKS_A_WINDOW + self->n_keys;
  if (!walk_candidates (self, view, positions, &n_seen, error))
    return FALSE;
  /* The next step finds the candidates that are left anew. */
  if (n_seen < positions->len)
    {
      advance (self, g_array_index (positions, guint64, n_seen - 1));
      return TRUE;
    }
  if (!self->is_done)
    advance (self, self->is_backwards ? low : high);
  self->window = MIN (self->window * 2, belfry_sqlite_blocks_get_size (&view->log->blocks));

  return TRUE;
}

/* Whether the search is where there are no events; then it goes on behind that. */
static gboolean
pass_over_skipped (BelfrySqliteScan *self,
                   BelfrySqliteView *view)
{
  BelfrySqliteRange range;

  if (!belfry_sqlite_log_find_skipped (view->log, self->is_backwards ? self->high : self->low, &range))
    return FALSE;

  advance (self, self->is_backwards ? MAX (range.first, 1) : range.last);

  return TRUE;
}

/* Whether @position lies between what is in an index and what is in the tail. */
static gboolean
is_dropped (const BelfrySqliteView *view,
            guint64                 position)
{
  return position > view->merged && position <= view->dropped;
}

static gboolean
walk_on (BelfrySqliteScan  *self,
         BelfrySqliteView  *view,
         gboolean          *is_held,
         GError           **error)
{
  *is_held = TRUE;
  if (!self->has_keys)
    return walk_rows (self, view, self->low, self->high, error);
  if (pass_over_skipped (self, view))
    return TRUE;
  if (self->is_backwards ? self->high < view->unindexed : self->low < view->unindexed)
    return walk_rows (self, view, self->low, MIN (self->high, view->unindexed - 1), error);
  if (is_dropped (view, self->is_backwards ? self->high : self->low))
    return walk_rows (self, view, MAX (self->low, view->merged + 1), MIN (self->high, view->dropped), error);

  return walk_window (self, view, is_held, error);
}

static gboolean
step_in_snapshot (BelfrySqliteScan  *self,
                  BelfrySqliteView  *view,
                  GError           **error)
{
  gboolean is_held = TRUE;

  self->end_of_looks = self->n_looks + MAX_LOOKS_A_STEP;
  self->floor = view->floor;
  self->last = view->next_position - 1;
  self->low = MAX (self->low, view->floor);
  self->high = MIN (self->high, self->last);
  if (self->low <= self->high && !self->is_prepared && !belfry_sqlite_scan_prepare (self, view, error))
    return FALSE;

  /* When the tail went on, a new snapshot is needed. */
  while (self->low <= self->high && !self->is_done && is_held && !is_step_over (self))
    if (!walk_on (self, view, &is_held, error))
      return FALSE;

  return TRUE;
}

/* Goes on with the search. When self->is_done is not set afterwards there is more to look at. */
gboolean
belfry_sqlite_scan_step (BelfrySqliteScan  *self,
                         BelfrySqliteView  *view,
                         GError           **error)
{
  gboolean success = belfry_sqlite_view_begin (view, error) && step_in_snapshot (self, view, error);

  belfry_sqlite_view_end (view);
  self->is_done = self->is_done || self->low > self->high;

  return success;
}
