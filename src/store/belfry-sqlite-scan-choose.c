/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* What is settled once, before the first step of a search: which types it is after, and which index leads. */

#include "belfry-sqlite-scan-private.h"

/* Above so many entries it does not matter how many there are. */
#define COUNT_BOUND 1001

static int
compare_types (gconstpointer a,
               gconstpointer b)
{
  guint32 left = *(const guint32 *) a, right = *(const guint32 *) b;

  return (left > right) - (left < right);
}

/* A type that a filter names twice must not lead to its events twice. */
static void
drop_repeats (GArray *types)
{
  guint n_kept = 0;

  for (guint i = 0; i < types->len; i++)
    {
      guint32 type = g_array_index (types, guint32, i);

      if (n_kept == 0 || g_array_index (types, guint32, n_kept - 1) != type)
        g_array_index (types, guint32, n_kept++) = type;
    }
  g_array_set_size (types, n_kept);
}

/* A type without a number was never appended: nothing has it. */
static gboolean
resolve_types (BelfrySqliteScan  *self,
               BelfrySqliteView  *view,
               GError           **error)
{
  const char *const *names = self->filter != NULL ? belfry_filter_get_event_types (self->filter) : NULL;

  if (names == NULL || names[0] == NULL)
    return TRUE;

  self->types = g_array_new (FALSE, FALSE, sizeof (guint32));
  for (guint i = 0; names[i] != NULL; i++)
    {
      guint32 id;

      if (!belfry_sqlite_view_find_type (view, names[i], &id, error))
        return FALSE;
      if (id != 0)
        g_array_append_val (self->types, id);
    }
  g_array_sort (self->types, compare_types);
  drop_repeats (self->types);

  return TRUE;
}

static gboolean
count_keys (sqlite3_stmt  *stmt,
            guint64        low,
            guint64        high,
            guint         *count,
            GError       **error)
{
  gboolean has_row;

  sqlite3_bind_int64 (stmt, 2, (gint64) low);
  sqlite3_bind_int64 (stmt, 3, (gint64) high);
  if (!belfry_sqlite_next (stmt, &has_row, error))
    return FALSE;

  *count += (guint) sqlite3_column_int (stmt, 0);
  sqlite3_reset (stmt);

  return TRUE;
}

static gboolean
count_text (BelfrySqliteScan           *self,
            BelfrySqliteView           *view,
            BelfrySqliteViewStatement   statement,
            const char                 *key,
            guint                      *count,
            GError                    **error)
{
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (view, statement, error);

  if (stmt == NULL)
    return FALSE;

  belfry_sqlite_bind_text (stmt, 1, key, -1);

  return count_keys (stmt, self->low, self->high, count, error);
}

static gboolean
count_types (BelfrySqliteScan  *self,
             BelfrySqliteView  *view,
             guint             *count,
             GError           **error)
{
  sqlite3_stmt *stmt = belfry_sqlite_view_ensure (view, BELFRY_SQLITE_VIEW_TYPE_COUNT, error);

  if (stmt == NULL)
    return FALSE;

  for (guint i = 0; i < self->types->len && *count < COUNT_BOUND; i++)
    {
      sqlite3_bind_int64 (stmt, 1, g_array_index (self->types, guint32, i));
      if (!count_keys (stmt, self->low, self->high, count, error))
        return FALSE;
    }

  return TRUE;
}

/* Finds the numbers of the wanted types, and of the indexes that can lead the one with the fewest entries. */
gboolean
belfry_sqlite_scan_choose (BelfrySqliteScan  *self,
                           BelfrySqliteView  *view,
                           GError           **error)
{
  const char *session_id = self->filter != NULL ? belfry_filter_get_session_id (self->filter) : NULL;
  const char *user_id = self->filter != NULL ? belfry_filter_get_user_id (self->filter) : NULL;
  guint fewest = G_MAXUINT, count;

  if (!resolve_types (self, view, error))
    return FALSE;

  self->drive = BELFRY_SQLITE_DRIVE_POSITION;
  if (session_id != NULL)
    {
      count = 0;
      if (!count_text (self, view, BELFRY_SQLITE_VIEW_SESSION_COUNT, session_id, &count, error))
        return FALSE;
      self->drive = BELFRY_SQLITE_DRIVE_SESSION;
      fewest = count;
    }
  if (user_id != NULL)
    {
      count = 0;
      if (!count_text (self, view, BELFRY_SQLITE_VIEW_USER_COUNT, user_id, &count, error))
        return FALSE;
      if (count < fewest)
        {
          self->drive = BELFRY_SQLITE_DRIVE_USER;
          fewest = count;
        }
    }
  if (self->types != NULL)
    {
      count = 0;
      if (!count_types (self, view, &count, error))
        return FALSE;
      if (count < fewest)
        self->drive = BELFRY_SQLITE_DRIVE_TYPE;
    }

  return TRUE;
}

/* Whether the search is after events of type @type, given that it is after some types only. */
gboolean
belfry_sqlite_scan_has_type (const BelfrySqliteScan *self,
                             guint32                 type)
{
  return g_array_binary_search (self->types, &type, compare_types, NULL);
}
