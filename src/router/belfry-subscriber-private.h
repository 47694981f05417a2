/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-subscriber.h"

G_BEGIN_DECLS

typedef enum
{
  BELFRY_DELIVERY_NONE,   /* nothing waits now */
  BELFRY_DELIVERY_EVENT,
  BELFRY_DELIVERY_GAP,
  BELFRY_DELIVERY_FILTER, /* from here on the filter that set_filter() gave with this tag holds */
} BelfryDeliveryKind;

typedef struct
{
  BelfryDeliveryKind kind;
  BelfryEvent       *event;  /* EVENT: owned by who popped it */
  gboolean           is_own; /* EVENT: read from the log; no other subscriber has this object */
  BelfryGap          gap;    /* GAP */
  gpointer           tag;    /* FILTER: as given to set_filter_tagged(); owned by who popped it */
} BelfryDelivery;

/* Called on the home context once when something begins to wait, and not again before pop() has said
 * NONE; never from inside pop(). It may come when pop() then has nothing to give yet: what waited
 * had to be dropped, and is read from the log once pop() asks. It may also come from inside
 * set_ready_func() and set_filter_tagged(). One flag's worth of work: put yourself on a list. */
typedef void (*BelfrySubscriberReadyFunc) (BelfrySubscriber *self, gpointer user_data);

void belfry_subscriber_set_ready_func (BelfrySubscriber *self, BelfrySubscriberReadyFunc func,
                                       gpointer user_data);
/* The next delivery, in log order. Events are handed over (no extra reference is taken). Reads on
 * in the log by itself when the mailbox runs low. */
BelfryDeliveryKind belfry_subscriber_pop (BelfrySubscriber *self, BelfryDelivery *delivery);
/* As set_filter(); the change shows up in the stream of deliveries as FILTER with this tag, freed
 * by tag_free if it never gets there. */
void belfry_subscriber_set_filter_tagged (BelfrySubscriber *self, BelfryFilter *filter,
                                          gpointer tag, GDestroyNotify tag_free);
/* Filter changes that were asked for and not yet popped; a session stops reading from its client
 * while there are many. */
guint              belfry_subscriber_get_n_pending_filters (BelfrySubscriber *self);
/* What the owner keeps alive of what pop() gave, because its reader does not take it, in bytes; 0
 * when it has left. It is counted with the pages of the log that wait. */
void belfry_subscriber_set_held (BelfrySubscriber *self, gsize bytes);
/* Whether all subscribers together hold so much that each should hold little. */
gboolean belfry_subscriber_is_memory_scarce (BelfrySubscriber *self);

/* An event that pop() gave, and that is not its own, has grown by an encoding of so many bytes: the ring counts it. */
void belfry_subscriber_count_encoding (BelfrySubscriber *self, BelfryEvent *event, gsize bytes);

G_END_DECLS
