/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The candidates that one index gave are looked up in the indexes of the filter's other rules: those entries lie close
 * together, while each row costs a page of its own. Where most candidates pass, the look is in vain and ends early. */

#include "belfry-sqlite-scan-private.h"

/* After so many candidates it shows whether looking is worth while. */
#define N_TRIED 64

/* Each type is looked up by itself. */
#define MAX_TYPES 8

typedef struct
{
  sqlite3_stmt *stmt;
  const GArray *types;  /* or NULL: the key is bound */
} Probe;

static gboolean
has_entry (sqlite3_stmt  *stmt,
           guint64        position,
           gboolean      *has_row,
           GError       **error)
{
  sqlite3_bind_int64 (stmt, 2, (gint64) position);
  if (!belfry_sqlite_next (stmt, has_row, error))
    return FALSE;

  if (*has_row)
    sqlite3_reset (stmt);

  return TRUE;
}

static gboolean
probe_position (const Probe  *probe,
                guint64       position,
                gboolean     *is_there,
                GError      **error)
{
  if (probe->types == NULL)
    return has_entry (probe->stmt, position, is_there, error);

  *is_there = FALSE;
  for (guint i = 0; i < probe->types->len && !*is_there; i++)
    {
      sqlite3_bind_int64 (probe->stmt, 1, g_array_index (probe->types, guint32, i));
      if (!has_entry (probe->stmt, position, is_there, error))
        return FALSE;
    }

  return TRUE;
}

static gboolean
keep_probed (const Probe  *probe,
             GArray       *positions,
             GError      **error)
{
  guint n_kept = 0;

  for (guint i = 0; i < positions->len; i++)
    {
      guint64 position = g_array_index (positions, guint64, i);
      gboolean is_there;

      if (i == N_TRIED && n_kept > N_TRIED / 2)
        {
          g_array_remove_range (positions, n_kept, i - n_kept);
          return TRUE;
        }
      if (!probe_position (probe, position, &is_there, error))
        return FALSE;
      if (is_there)
        g_array_index (positions, guint64, n_kept++) = position;
    }
  g_array_set_size (positions, n_kept);

  return TRUE;
}

static gboolean
narrow_by_text (BelfrySqliteView           *view,
                BelfrySqliteViewStatement   statement,
                const char                 *key,
                GArray                     *positions,
                GError                    **error)
{
  Probe probe = { belfry_sqlite_view_ensure (view, statement, error), NULL };

  if (probe.stmt == NULL)
    return FALSE;

  belfry_sqlite_bind_text (probe.stmt, 1, key, -1);

  return keep_probed (&probe, positions, error);
}

static gboolean
narrow_by_types (BelfrySqliteScan  *self,
                 BelfrySqliteView  *view,
                 GArray            *positions,
                 GError           **error)
{
  Probe probe = { belfry_sqlite_view_ensure (view, BELFRY_SQLITE_VIEW_TYPE_HAS, error), self->types };

  return probe.stmt != NULL && keep_probed (&probe, positions, error);
}

/* Drops of @positions, which the leading index gave and all indexes cover, what cannot match. */
gboolean
belfry_sqlite_scan_narrow (BelfrySqliteScan  *self,
                           BelfrySqliteView  *view,
                           GArray            *positions,
                           GError           **error)
{
  const char *session_id = belfry_filter_get_session_id (self->filter);
  const char *user_id = belfry_filter_get_user_id (self->filter);

  if (session_id != NULL && self->drive != BELFRY_SQLITE_DRIVE_SESSION &&
      !narrow_by_text (view, BELFRY_SQLITE_VIEW_SESSION_HAS, session_id, positions, error))
    return FALSE;
  if (user_id != NULL && self->drive != BELFRY_SQLITE_DRIVE_USER &&
      !narrow_by_text (view, BELFRY_SQLITE_VIEW_USER_HAS, user_id, positions, error))
    return FALSE;

  return self->types == NULL || self->types->len > MAX_TYPES || self->drive == BELFRY_SQLITE_DRIVE_TYPE ||
         narrow_by_types (self, view, positions, error);
}
