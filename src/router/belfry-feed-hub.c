/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-feed-private.h"
#include "belfry-turn-source-private.h"

/* The hub routes each committed run to the feeds that are LIVE, keeps the ring, and lets the others
 * go on reading in it, a bounded stretch each turn. */

typedef struct
{
  BelfryEvent *event;
  gsize        size;
} Routing;

static void
deliver (BelfryIndexEntry *entry,
         gpointer          user_data)
{
  const Routing *routing = user_data;

  belfry_feed_take_live ((BelfryFeed *) entry, routing->event, routing->size);
}

static BelfryFeed *
feed_of_waiter (BelfryRingWaiter *waiter)
{
  return (BelfryFeed *) ((char *) waiter - G_STRUCT_OFFSET (BelfryFeed, waiter));
}

static void
on_evicted (BelfryRingWaiter *waiter,
            BelfryEvent      *event,
            gpointer          user_data)
{
  BelfryFeedHub *self = user_data;
  BelfryFeed *feed = feed_of_waiter (waiter);
  guint64 front;

  if (feed->mailbox.length == 0 || feed->owns_events)
    return;

  front = belfry_event_get_position (belfry_mailbox_peek (&feed->mailbox));
  if (front <= belfry_event_get_position (event))
    belfry_feed_fall_back (feed);
  else
    belfry_ring_wait (&self->ring, waiter, belfry_ring_find (&self->ring, front - 1));
}

/* After the whole run, because what is called here may do anything, cancel subscribers included. */
static void
tell_woken (BelfryFeedHub *self)
{
  for (guint i = 0; i < self->woken->len; i++)
    {
      BelfryFeed *feed = g_ptr_array_index (self->woken, i);

      if (feed == NULL)
        continue;
      feed->woken_slot = 0;
      feed->ready (feed);
    }
  g_ptr_array_set_size (self->woken, 0);
}

void
belfry_feed_hub_route (BelfryFeedHub *self,
                       GPtrArray     *events)
{
  g_autoptr(GObject) alive G_GNUC_UNUSED = g_object_ref (self->owner);

  for (guint i = 0; i < events->len; i++)
    {
      BelfryEvent *event = g_ptr_array_index (events, i);
      guint64 position = belfry_event_get_position (event);
      Routing routing = { .event = event, .size = belfry_event_get_size (event) };

      if (position <= self->newest)
        {
          g_critical ("Position %" G_GUINT64_FORMAT " was committed behind %" G_GUINT64_FORMAT,
                      position, self->newest);
          continue;
        }

      belfry_ring_push (&self->ring, event, routing.size);
      self->newest = position;
      belfry_filter_index_visit (&self->index, event, deliver, &routing);
    }
  tell_woken (self);
}

void
belfry_feed_hub_enqueue (BelfryFeedHub *self,
                         BelfryFeed    *feed)
{
  if (feed->queue_link.data != NULL)
    return;

  feed->queue_link.data = feed;
  g_queue_push_tail_link (&self->queue, &feed->queue_link);
  belfry_turn_source_arm (self->queue_source);
}

void
belfry_feed_hub_forget (BelfryFeedHub *self,
                        BelfryFeed    *feed)
{
  if (feed->queue_link.data == NULL)
    return;

  g_queue_unlink (&self->queue, &feed->queue_link);
  feed->queue_link.data = NULL;
}

static gboolean
queue_cb (gpointer user_data)
{
  BelfryFeedHub *self = user_data;
  g_autoptr(GObject) alive G_GNUC_UNUSED = g_object_ref (self->owner);
  guint n_waiting = self->queue.length;
  guint looked_at = 0;

  while (n_waiting-- > 0 && looked_at < BELFRY_FEED_HUB_TURN && !g_queue_is_empty (&self->queue))
    {
      BelfryFeed *feed = g_queue_peek_head (&self->queue);

      belfry_feed_hub_forget (self, feed);
      looked_at += belfry_feed_fill (feed, BELFRY_FEED_TURN);
      belfry_feed_tell (feed);
    }

  if (self->queue_source == NULL)
    return G_SOURCE_REMOVE;
  if (!g_queue_is_empty (&self->queue))
    belfry_turn_source_arm (self->queue_source);
  return G_SOURCE_CONTINUE;
}

void
belfry_feed_hub_init (BelfryFeedHub    *self,
                      GObject          *owner,
                      GMainContext     *context,
                      BelfryEventStore *store)
{
  self->owner = owner;
  self->context = g_main_context_ref (context);
  self->store = g_object_ref (store);
  self->newest = belfry_event_store_get_last_position (store);
  self->woken = g_ptr_array_new ();
  g_queue_init (&self->queue);
  self->queue_source = belfry_turn_source_new (context, "belfry ring readers", queue_cb, self);
  belfry_filter_index_init (&self->index);
  belfry_ring_init (&self->ring, self->newest, on_evicted, self);
}

void
belfry_feed_hub_clear (BelfryFeedHub *self)
{
  belfry_turn_source_clear (&self->queue_source);
  belfry_ring_clear (&self->ring);
  belfry_filter_index_clear (&self->index);
  g_clear_pointer (&self->woken, g_ptr_array_unref);
  g_clear_object (&self->store);
  g_clear_pointer (&self->context, g_main_context_unref);
}
