/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-event-listing-private.h"

#include "belfry-event-private.h"

G_DEFINE_INTERFACE (BelfryEventLister, belfry_event_lister, BELFRY_TYPE_EVENT_STORE)

static void
belfry_event_lister_default_init (BelfryEventListerInterface *iface)
{
}

BelfryEventListing *
belfry_event_listing_new (void)
{
  BelfryEventListing *self = g_new0 (BelfryEventListing, 1);

  self->json = g_string_new (NULL);

  return self;
}

void
belfry_event_listing_free (BelfryEventListing *self)
{
  if (self->json != NULL)
    g_string_free (self->json, TRUE);
  g_free (self);
}

/* Of a log that only makes events: the last of more than @limit only tells that there is more. */
static BelfryEventListing *
print_events (GPtrArray *events,
              guint      limit,
              gboolean   was_cut)
{
  g_autoptr(BelfryEventListing) listing = belfry_event_listing_new ();

  listing->n_events = MIN (events->len, limit);
  listing->has_more = events->len > limit || (was_cut && events->len > 0);

  g_string_append_c (listing->json, '[');
  for (guint i = 0; i < listing->n_events; i++)
    {
      BelfryEvent *event = g_ptr_array_index (events, i);
      gsize length;
      const char *json = belfry_event_peek_json (event, &length);

      if (i > 0)
        g_string_append_c (listing->json, ',');
      g_string_append_len (listing->json, json, (gssize) length);
      listing->last_position = belfry_event_get_position (event);
    }
  g_string_append_c (listing->json, ']');

  return g_steal_pointer (&listing);
}

static void
queried (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  BelfryEventStore *self = BELFRY_EVENT_STORE (source);
  g_autoptr(GTask) task = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) events = belfry_event_store_query_finish (self, result, &error);
  BelfryEventListing *listing;

  if (events == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  listing = print_events (events, GPOINTER_TO_UINT (g_task_get_task_data (task)),
                          belfry_event_store_query_was_cut (self, result));
  g_task_return_pointer (task, listing, (GDestroyNotify) belfry_event_listing_free);
}

void
belfry_event_store_list_async (BelfryEventStore    *self,
                               BelfryFilter        *filter,
                               gint64               since_usec,
                               guint64              before_position,
                               guint                limit,
                               GCancellable        *cancellable,
                               GAsyncReadyCallback  callback,
                               gpointer             user_data)
{
  GTask *task;

  if (BELFRY_IS_EVENT_LISTER (self))
    {
      BELFRY_EVENT_LISTER_GET_IFACE (self)->list_async (BELFRY_EVENT_LISTER (self), filter, since_usec,
                                                        before_position, limit, cancellable, callback, user_data);
      return;
    }

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_task_data (task, GUINT_TO_POINTER (limit), NULL);
  belfry_event_store_query_async (self, filter, since_usec, before_position, limit + 1, cancellable, queried, task);
}

BelfryEventListing *
belfry_event_store_list_finish (BelfryEventStore  *self,
                                GAsyncResult      *result,
                                GError           **error)
{
  if (BELFRY_IS_EVENT_LISTER (self))
    return BELFRY_EVENT_LISTER_GET_IFACE (self)->list_finish (BELFRY_EVENT_LISTER (self), result, error);

  return g_task_propagate_pointer (G_TASK (result), error);
}
