/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* A step has a snapshot and a part of the range. Up to the snapshot's merge point the index tables lead to the
 * candidates; above it the tail does. Each candidate's row is then held against the whole filter. Of several indexes
 * the one with the fewest entries leads; without any, the rows themselves are gone through. */

#include "belfry-sqlite-scan-private.h"

#include <string.h>

#define MAX_ROWS_A_STEP    20000
#define MAX_KEYS_AT_ONCE   2000
#define MIN_KEYS_AT_ONCE   64

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
  g_clear_pointer (&self->types, g_array_unref);
  g_clear_pointer (&self->events, g_ptr_array_unref);
  g_clear_pointer (&self->places, g_array_unref);
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

static int
compare_positions (gconstpointer a,
                   gconstpointer b)
{
  guint64 left = *(const guint64 *) a, right = *(const guint64 *) b;

  return (left > right) - (left < right);
}

static int
compare_positions_backwards (gconstpointer a,
                             gconstpointer b)
{
  return compare_positions (b, a);
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

  if (self->types != NULL &&
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
take_row (BelfrySqliteScan  *self,
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
  self->is_done = self->events->len >= self->max_events || self->n_bytes >= self->max_bytes;

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
walk_rows (BelfrySqliteScan  *self,
           BelfrySqliteView  *view,
           GError           **error)
{
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (view,
                                                  self->is_backwards ? BELFRY_SQLITE_VIEW_BACKWARDS
                                                                     : BELFRY_SQLITE_VIEW_FORWARDS,
                                                  error);
  gboolean success = TRUE, has_row = TRUE;

  if (stmt == NULL)
    return FALSE;

  sqlite3_bind_int64 (stmt, 1, (gint64) self->low);
  sqlite3_bind_int64 (stmt, 2, (gint64) self->high);
  for (guint n = 0; success && has_row && !self->is_done && n < MAX_ROWS_A_STEP; n++)
    {
      success = belfry_sqlite_next (stmt, &has_row, error);
      if (success && has_row)
        success = look_at_row (self, view, stmt, error);
    }
  sqlite3_reset (stmt);

  if (!has_row)
    advance (self, self->is_backwards ? self->low : self->high);

  return success;
}

static gboolean
walk_candidates (BelfrySqliteScan  *self,
                 BelfrySqliteView  *view,
                 const GArray      *positions,
                 GError           **error)
{
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (view, BELFRY_SQLITE_VIEW_AT, error);
  gboolean success = stmt != NULL;

  for (guint i = 0; success && !self->is_done && i < positions->len; i++)
    {
      gboolean has_row;

      sqlite3_bind_int64 (stmt, 1, (gint64) g_array_index (positions, guint64, i));
      success = belfry_sqlite_next (stmt, &has_row, error);
      if (success && has_row)
        success = look_at_row (self, view, stmt, error);
      if (stmt != NULL)
        sqlite3_reset (stmt);
    }

  return success;
}

/* Adds the next positions of one key. When there may be more, *@edge comes in to the last of them. */
static gboolean
gather_key (BelfrySqliteScan  *self,
            sqlite3_stmt      *stmt,
            guint64            low,
            guint64            high,
            guint              max_keys,
            GArray            *positions,
            guint64           *edge,
            GError           **error)
{
  guint before = positions->len;

  sqlite3_bind_int64 (stmt, 2, (gint64) low);
  sqlite3_bind_int64 (stmt, 3, (gint64) high);
  sqlite3_bind_int64 (stmt, 4, max_keys);
  for (;;)
    {
      gboolean has_row;
      guint64 position;

      if (!belfry_sqlite_next (stmt, &has_row, error))
        return FALSE;
      if (!has_row)
        break;
      position = (guint64) sqlite3_column_int64 (stmt, 0);
      g_array_append_val (positions, position);
    }

  if (positions->len - before >= max_keys)
    {
      guint64 last = g_array_index (positions, guint64, positions->len - 1);

      *edge = self->is_backwards ? MAX (*edge, last) : MIN (*edge, last);
    }

  return TRUE;
}

static gboolean
gather_text (BelfrySqliteScan           *self,
             BelfrySqliteView           *view,
             BelfrySqliteViewStatement   statement,
             const char                 *key,
             guint64                     low,
             guint64                     high,
             GArray                     *positions,
             guint64                    *edge,
             GError                    **error)
{
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (view, statement, error);
  guint max_keys = CLAMP (self->max_events, MIN_KEYS_AT_ONCE, MAX_KEYS_AT_ONCE);

  if (stmt == NULL)
    return FALSE;

  belfry_sqlite_bind_text (stmt, 1, key, -1);

  return gather_key (self, stmt, low, high, max_keys, positions, edge, error);
}

static gboolean
gather_types (BelfrySqliteScan           *self,
              BelfrySqliteView           *view,
              BelfrySqliteViewStatement   statement,
              guint64                     low,
              guint64                     high,
              GArray                     *positions,
              guint64                    *edge,
              GError                    **error)
{
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (view, statement, error);
  guint max_keys;

  if (stmt == NULL || self->types->len == 0)
    return stmt != NULL;

  max_keys = CLAMP (self->max_events, MIN_KEYS_AT_ONCE, MAX (MIN_KEYS_AT_ONCE, MAX_ROWS_A_STEP / self->types->len));
  for (guint i = 0; i < self->types->len; i++)
    {
      sqlite3_bind_int64 (stmt, 1, g_array_index (self->types, guint32, i));
      if (!gather_key (self, stmt, low, high, max_keys, positions, edge, error))
        return FALSE;
    }

  return TRUE;
}

/* Gathers candidates of [low, high], which the index tables cover, in the scan's order; *@edge is how far they
 * are complete. */
static gboolean
gather_indexed (BelfrySqliteScan  *self,
                BelfrySqliteView  *view,
                guint64            low,
                guint64            high,
                GArray            *positions,
                guint64           *edge,
                GError           **error)
{
  gboolean back = self->is_backwards;

  *edge = back ? low : high;
  switch (self->drive)
    {
    case BELFRY_SQLITE_DRIVE_SESSION:
      return gather_text (self, view,
                          back ? BELFRY_SQLITE_VIEW_SESSION_BACKWARDS : BELFRY_SQLITE_VIEW_SESSION_FORWARDS,
                          get_session_id (self), low, high, positions, edge, error);
    case BELFRY_SQLITE_DRIVE_USER:
      return gather_text (self, view,
                          back ? BELFRY_SQLITE_VIEW_USER_BACKWARDS : BELFRY_SQLITE_VIEW_USER_FORWARDS,
                          get_user_id (self), low, high, positions, edge, error);
    case BELFRY_SQLITE_DRIVE_TYPE:
      if (!gather_types (self, view,
                         back ? BELFRY_SQLITE_VIEW_TYPE_BACKWARDS : BELFRY_SQLITE_VIEW_TYPE_FORWARDS,
                         low, high, positions, edge, error))
        return FALSE;
      g_array_sort (positions, back ? compare_positions_backwards : compare_positions);
      return TRUE;
    case BELFRY_SQLITE_DRIVE_UNDECIDED:
    case BELFRY_SQLITE_DRIVE_POSITION:
    default:
      g_assert_not_reached ();
    }
}

/* Candidates beyond the edge are left for the next step: one of several keys may have more before them. */
static void
cut_at_edge (BelfrySqliteScan *self,
             GArray           *positions,
             guint64           edge)
{
  while (positions->len > 0)
    {
      guint64 last = g_array_index (positions, guint64, positions->len - 1);

      if (self->is_backwards ? last >= edge : last <= edge)
        return;
      g_array_set_size (positions, positions->len - 1);
    }
}

/* Candidates of [low, high] above the merge point; %FALSE in *@is_held when the tail was trimmed meanwhile. */
static void
gather_tail (BelfrySqliteScan *self,
             BelfrySqliteView *view,
             guint64           low,
             guint64           high,
             GArray           *positions,
             gboolean         *is_held)
{
  BelfrySqliteTailRule rule = { 0 };

  rule.session = belfry_sqlite_tail_hash (get_session_id (self));
  rule.user = belfry_sqlite_tail_hash (get_user_id (self));
  if (self->types != NULL)
    {
      rule.types = (const guint32 *) (gconstpointer) self->types->data;
      rule.n_types = self->types->len;
    }

  *is_held = belfry_sqlite_tail_collect (view->log->tail, view->merged, low, high, &rule, positions);
  if (self->is_backwards)
    g_array_sort (positions, compare_positions_backwards);
}

static gboolean
walk_index (BelfrySqliteScan  *self,
            BelfrySqliteView  *view,
            GError           **error)
{
  g_autoptr(GArray) positions = g_array_new (FALSE, FALSE, sizeof (guint64));
  gboolean in_tail = self->is_backwards ? self->high > view->merged : self->low > view->merged;
  guint64 edge;

  if (in_tail)
    {
      guint64 low = MAX (self->low, view->merged + 1);
      gboolean is_held;

      edge = self->is_backwards ? low : self->high;
      gather_tail (self, view, low, self->high, positions, &is_held);
      if (!is_held)
        return TRUE;
    }
  else if (!gather_indexed (self, view, self->low, MIN (self->high, view->merged), positions, &edge, error))
    {
      return FALSE;
    }

  cut_at_edge (self, positions, edge);
  self->n_keys += positions->len;
  if (!in_tail && !belfry_sqlite_scan_narrow (self, view, positions, error))
    return FALSE;
  if (!walk_candidates (self, view, positions, error))
    return FALSE;
  if (!self->is_done)
    advance (self, edge);

  return TRUE;
}

static gboolean
step_in_snapshot (BelfrySqliteScan  *self,
                  BelfrySqliteView  *view,
                  GError           **error)
{
  guint64 end_of_keys = self->n_keys + MAX_ROWS_A_STEP;

  self->floor = view->floor;
  self->last = view->next_position - 1;
  self->low = MAX (self->low, view->floor);
  self->high = MIN (self->high, self->last);
  if (self->low <= self->high && self->drive == BELFRY_SQLITE_DRIVE_UNDECIDED &&
      !belfry_sqlite_scan_choose (self, view, error))
    return FALSE;
  if (self->types != NULL && self->types->len == 0)
    advance (self, self->is_backwards ? self->low : self->high);

  if (self->low <= self->high && self->drive == BELFRY_SQLITE_DRIVE_POSITION)
    return walk_rows (self, view, error);

  while (self->low <= self->high && !self->is_done && self->n_keys < end_of_keys)
    {
      guint64 low = self->low, high = self->high;

      if (!walk_index (self, view, error))
        return FALSE;
      if (low == self->low && high == self->high)
        break;  /* the tail went on; a new snapshot is needed */
    }

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
