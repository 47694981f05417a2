/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-filter-index-private.h"

#define SMALLEST_CAPACITY 4

static void
list_free (gpointer data)
{
  BelfryIndexList *list = data;

  g_free (list->items);
  g_free (list->key);
  g_free (list);
}

static GHashTable *
table_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, NULL, list_free);
}

static BelfryIndexList *
ensure_list (GHashTable *table,
             const char *key)
{
  BelfryIndexList *list = g_hash_table_lookup (table, key);

  if (list != NULL)
    return list;

  list = g_new0 (BelfryIndexList, 1);
  list->table = table;
  list->key = g_strdup (key);
  g_hash_table_insert (table, list->key, list);
  return list;
}

static void
list_append (BelfryIndexList  *list,
             BelfryIndexEntry *entry)
{
  guint link = entry->n_links++;

  if (list->length == list->capacity)
    {
      list->capacity = MAX (SMALLEST_CAPACITY, list->capacity * 2);
      list->items = g_renew (BelfryIndexItem, list->items, list->capacity);
    }

  entry->links[link] = (BelfryIndexLink) { .list = list, .slot = list->length };
  list->items[list->length++] = (BelfryIndexItem) { .entry = entry, .link = link };
}

/* The last of the list moves into the free place: lists have no order. */
static void
list_remove (BelfryIndexList *list,
             guint            slot)
{
  BelfryIndexItem last = list->items[--list->length];

  if (slot < list->length)
    {
      list->items[slot] = last;
      last.entry->links[last.link].slot = slot;
    }

  if (list->length == 0 && list->table != NULL)
    g_hash_table_remove (list->table, list->key);
}

static void
list_visit (BelfryFilterIndex    *self,
            BelfryIndexList      *list,
            BelfryEvent          *event,
            BelfryIndexVisitFunc  func,
            gpointer              user_data)
{
  self->n_looked_at += list->length;

  /* From the end, so that an entry which leaves is replaced by one that was already visited. With
   * its last entry the list is gone, and then i is 0. */
  for (guint i = list->length; i-- > 0;)
    {
      BelfryIndexEntry *entry = list->items[i].entry;

      if (entry->is_exact || belfry_filter_matches (entry->filter, event))
        func (entry, user_data);
    }
}

static void
table_visit (BelfryFilterIndex    *self,
             GHashTable           *table,
             const char           *key,
             BelfryEvent          *event,
             BelfryIndexVisitFunc  func,
             gpointer              user_data)
{
  BelfryIndexList *list = NULL;

  if (key == NULL || g_hash_table_size (table) == 0)
    return;

  list = g_hash_table_lookup (table, key);
  if (list != NULL)
    list_visit (self, list, event, func, user_data);
}

static void
add_types (BelfryFilterIndex  *self,
           BelfryIndexEntry   *entry,
           const char * const *types)
{
  guint n_types = g_strv_length ((char **) types);

  if (n_types > 1)
    entry->links = g_new (BelfryIndexLink, n_types);

  for (guint i = 0; i < n_types; i++)
    {
      BelfryIndexList *list = ensure_list (self->by_type, types[i]);

      /* A type that the filter names twice; an event must not find the entry twice. */
      if (list->length > 0 && list->items[list->length - 1].entry == entry)
        continue;
      list_append (list, entry);
    }
}

void
belfry_filter_index_init (BelfryFilterIndex *self)
{
  *self = (BelfryFilterIndex) {
    .by_session = table_new (),
    .by_user = table_new (),
    .by_type = table_new (),
  };
}

void
belfry_filter_index_clear (BelfryFilterIndex *self)
{
  g_assert (self->any.length == 0);
  g_clear_pointer (&self->by_session, g_hash_table_unref);
  g_clear_pointer (&self->by_user, g_hash_table_unref);
  g_clear_pointer (&self->by_type, g_hash_table_unref);
  g_clear_pointer (&self->any.items, g_free);
  self->any.capacity = 0;
}

void
belfry_filter_index_add (BelfryFilterIndex *self,
                         BelfryIndexEntry  *entry,
                         BelfryFilter      *filter)
{
  const char *session_id = belfry_filter_get_session_id (filter);
  const char *user_id = belfry_filter_get_user_id (filter);
  const char * const *types = belfry_filter_get_event_types (filter);
  gboolean has_more = belfry_filter_get_user_tiers (filter) != NULL
                      || belfry_filter_get_min_amount (filter, NULL);

  g_assert (entry->filter == NULL);

  entry->filter = belfry_filter_ref (filter);
  entry->n_links = 0;
  entry->links = &entry->link;

  if (session_id != NULL)
    {
      entry->is_exact = user_id == NULL && types == NULL && !has_more;
      list_append (ensure_list (self->by_session, session_id), entry);
    }
  else if (user_id != NULL)
    {
      entry->is_exact = types == NULL && !has_more;
      list_append (ensure_list (self->by_user, user_id), entry);
    }
  else
    {
      entry->is_exact = !has_more;
      if (types != NULL)
        add_types (self, entry, types);
      else
        list_append (&self->any, entry);
    }
}

void
belfry_filter_index_remove (BelfryFilterIndex *self,
                            BelfryIndexEntry  *entry)
{
  if (entry->filter == NULL)
    return;

  for (guint i = 0; i < entry->n_links; i++)
    list_remove (entry->links[i].list, entry->links[i].slot);

  if (entry->links != &entry->link)
    g_free (entry->links);
  entry->links = NULL;
  entry->n_links = 0;
  g_clear_pointer (&entry->filter, belfry_filter_unref);
}

void
belfry_filter_index_visit (BelfryFilterIndex    *self,
                           BelfryEvent          *event,
                           BelfryIndexVisitFunc  func,
                           gpointer              user_data)
{
  table_visit (self, self->by_session, belfry_event_get_session_id (event), event, func, user_data);
  table_visit (self, self->by_user, belfry_event_get_user_id (event), event, func, user_data);
  table_visit (self, self->by_type, belfry_event_get_event_type (event), event, func, user_data);
  list_visit (self, &self->any, event, func, user_data);
}
