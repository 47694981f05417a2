/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* What is settled once, before the first step of a search: the keys of what the filter names. */

#include "belfry-sqlite-scan-private.h"

static int
compare_keys (gconstpointer a,
              gconstpointer b)
{
  guint32 left = *(const guint32 *) a, right = *(const guint32 *) b;

  return (left > right) - (left < right);
}

static GArray *
ensure_keys (BelfrySqliteScan   *self,
             BelfrySqliteColumn  column)
{
  if (self->keys[column] == NULL)
    self->keys[column] = g_array_new (FALSE, FALSE, sizeof (guint32));

  return self->keys[column];
}

static void
add_text (BelfrySqliteScan   *self,
          BelfrySqliteView   *view,
          BelfrySqliteColumn  column,
          const char         *text)
{
  guint32 key;

  if (text == NULL)
    return;

  key = belfry_sqlite_blocks_hash (&view->log->blocks, text);
  g_array_append_val (ensure_keys (self, column), key);
}

/* What is named twice is looked for once. */
static void
sort_keys (GArray *keys)
{
  guint n_kept = 0;

  g_array_sort (keys, compare_keys);
  for (guint i = 0; i < keys->len; i++)
    if (n_kept == 0 || g_array_index (keys, guint32, i) != g_array_index (keys, guint32, n_kept - 1))
      g_array_index (keys, guint32, n_kept++) = g_array_index (keys, guint32, i);
  g_array_set_size (keys, n_kept);
}

static void
finish_keys (BelfrySqliteScan *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->keys); i++)
    if (self->keys[i] != NULL)
      {
        sort_keys (self->keys[i]);
        self->n_keys += self->keys[i]->len;
      }
}

/* A type without a number was never appended: nothing has it. */
static gboolean
add_types (BelfrySqliteScan   *self,
           BelfrySqliteView   *view,
           const char *const  *names,
           GError            **error)
{
  GArray *types = ensure_keys (self, BELFRY_SQLITE_COLUMN_TYPE);

  for (guint i = 0; names[i] != NULL; i++)
    {
      guint32 id;

      if (!belfry_sqlite_view_find_type (view, names[i], &id, error))
        return FALSE;
      if (id != 0)
        g_array_append_val (types, id);
    }

  return TRUE;
}

gboolean
belfry_sqlite_scan_prepare (BelfrySqliteScan  *self,
                            BelfrySqliteView  *view,
                            GError           **error)
{
  const char *const *types, *const *tiers;
  double min_amount;

  self->is_prepared = TRUE;
  self->window = 1u << belfry_sqlite_blocks_get_part_bits (&view->log->blocks);
  self->has_keys = self->filter != NULL;
  if (self->filter == NULL)
    return TRUE;

  add_text (self, view, BELFRY_SQLITE_COLUMN_SESSION, belfry_filter_get_session_id (self->filter));
  add_text (self, view, BELFRY_SQLITE_COLUMN_USER, belfry_filter_get_user_id (self->filter));
  tiers = belfry_filter_get_user_tiers (self->filter);
  for (guint i = 0; tiers != NULL && tiers[i] != NULL; i++)
    add_text (self, view, BELFRY_SQLITE_COLUMN_TIER, tiers[i]);
  if (belfry_filter_get_min_amount (self->filter, &min_amount))
    self->least_amount = belfry_sqlite_amount_key (min_amount);
  types = belfry_filter_get_event_types (self->filter);
  if (types != NULL && types[0] != NULL && !add_types (self, view, types, error))
    return FALSE;
  finish_keys (self);

  return TRUE;
}

/* Whether the search is after events of type @type, given that it is after some types only. */
gboolean
belfry_sqlite_scan_has_type (const BelfrySqliteScan *self,
                             guint32                 type)
{
  return g_array_binary_search (self->keys[BELFRY_SQLITE_COLUMN_TYPE], &type, compare_keys, NULL);
}
