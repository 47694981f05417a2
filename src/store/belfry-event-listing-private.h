/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-store.h"

G_BEGIN_DECLS

/* What a query found, as text. */
typedef struct
{
  GString  *json;           /* owned: an array of the events, newest first; who has the listing may steal it */
  guint     n_events;
  guint64   last_position;  /* of the last event; 0: none */
  gboolean  has_more;       /* more match than the limit, or the store's bound of bytes, let in */
} BelfryEventListing;

BelfryEventListing *belfry_event_listing_new  (void);
void                belfry_event_listing_free (BelfryEventListing *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryEventListing, belfry_event_listing_free)

#define BELFRY_TYPE_EVENT_LISTER (belfry_event_lister_get_type ())

/* A log that prints what it finds while it reads it, and makes no events of it. */
G_DECLARE_INTERFACE (BelfryEventLister, belfry_event_lister, BELFRY, EVENT_LISTER, BelfryEventStore)

struct _BelfryEventListerInterface
{
  GTypeInterface parent_iface;

  void (*list_async) (BelfryEventLister *self, BelfryFilter *filter, gint64 since_usec, guint64 before_position,
                      guint limit, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  BelfryEventListing *(*list_finish) (BelfryEventLister *self, GAsyncResult *result, GError **error);
};

/* As belfry_event_store_query_async(), of any log. */
void                belfry_event_store_list_async  (BelfryEventStore     *self,
                                                    BelfryFilter         *filter,
                                                    gint64                since_usec,
                                                    guint64               before_position,
                                                    guint                 limit,
                                                    GCancellable         *cancellable,
                                                    GAsyncReadyCallback   callback,
                                                    gpointer              user_data);
BelfryEventListing *belfry_event_store_list_finish (BelfryEventStore     *self,
                                                    GAsyncResult         *result,
                                                    GError              **error);

G_END_DECLS
