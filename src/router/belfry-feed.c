/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-feed-private.h"

/* A feed is one reader's way along the log. It has one position that only advances towards the
 * newest event, and a mailbox with what lies between the reader and that position.
 *
 * LIVE: the position is the newest one by definition. The feed's filter stands in the hub's index,
 * and each matching event is pushed into the mailbox. When the mailbox is over its bound the feed
 * leaves the index and is
 *
 * BEHIND: it fills the mailbox by itself whenever that runs low (belfry-feed-fill.c): from the ring
 * where the ring reaches back far enough, otherwise with pages of the log. Once its position is the
 * newest one it is LIVE again. Only positions are compared, nothing is counted, so there is nothing
 * to get out of step.
 *
 * Memory. References into the ring cost nothing but themselves while the ring holds the events, and
 * their number is bounded. Each feed that has some stands as a waiter at the ring event where its
 * mailbox begins; when that event leaves the
 * ring the mailbox is dropped, the position goes back to just before it, and the log is read once
 * the reader comes for more. Pages of the log belong to the feed alone and are bounded all
 * together; what readers took but cannot pass on is counted with them. A mailbox holds either
 * references or a page, never both: a feed that reads the log turns to the ring when its mailbox is
 * empty.
 *
 * Markers. Gaps and changes of the filter lie between the events by position. A change holds behind
 * its starting position; the older filter is kept until the reader has passed that, because going
 * back may read the stretch again.
 *
 * Telling. ready is called once when something begins to wait, then not before pop() has said NONE.
 * Whoever is behind with an empty mailbox has either been told, or reads, or stands in the hub's
 * queue: nobody is forgotten. */

guint64
belfry_feed_get_position (BelfryFeed *self)
{
  return self->state == BELFRY_FEED_LIVE ? self->hub->newest : self->position;
}

/* Everything up to here comes before the mailbox's oldest event, or before what will be put into an
 * empty one. */
static guint64
get_horizon (BelfryFeed *self)
{
  if (self->mailbox.length > 0)
    return belfry_event_get_position (belfry_mailbox_peek (&self->mailbox)) - 1;

  return belfry_feed_get_position (self);
}

static BelfryDeliveryKind
find_next (BelfryFeed *self)
{
  const BelfryGap *gap = g_queue_peek_head (&self->gaps);
  const BelfryFilterChange *change = NULL;

  if (gap == NULL && g_queue_is_empty (&self->versions.changes))
    return self->mailbox.length > 0 ? BELFRY_DELIVERY_EVENT : BELFRY_DELIVERY_NONE;

  if (gap != NULL && gap->to.position > get_horizon (self))
    gap = NULL;
  change = belfry_filter_versions_peek_due (&self->versions, get_horizon (self));

  if (change != NULL && (gap == NULL || change->start <= gap->from.position))
    return BELFRY_DELIVERY_FILTER;
  if (gap != NULL)
    return BELFRY_DELIVERY_GAP;
  return self->mailbox.length > 0 ? BELFRY_DELIVERY_EVENT : BELFRY_DELIVERY_NONE;
}

guint64
belfry_feed_get_taken (BelfryFeed *self)
{
  const BelfryGap *gap = g_queue_peek_head (&self->gaps);
  guint64 horizon = get_horizon (self);

  return gap != NULL && gap->from.position < horizon ? gap->from.position : horizon;
}

gboolean
belfry_feed_has_waiting (BelfryFeed *self)
{
  return self->state != BELFRY_FEED_CLOSED && find_next (self) != BELFRY_DELIVERY_NONE;
}

void
belfry_feed_tell (BelfryFeed *self)
{
  if (self->is_told || !belfry_feed_has_waiting (self))
    return;

  self->is_told = TRUE;
  self->ready (self);
}

static BelfryEvent *
take_event (BelfryFeed *self)
{
  gsize before = self->mailbox.bytes;
  BelfryEvent *event = belfry_mailbox_pop (&self->mailbox);

  if (self->owns_events)
    self->hub->page_bytes -= before - self->mailbox.bytes;
  return event;
}

static BelfryDeliveryKind
take_next (BelfryFeed     *self,
           BelfryDelivery *delivery)
{
  delivery->kind = find_next (self);

  switch (delivery->kind)
    {
    case BELFRY_DELIVERY_EVENT:
      delivery->is_own = self->owns_events;
      delivery->event = take_event (self);
      self->delivered++;
      self->hub->deliveries++;
      break;

    case BELFRY_DELIVERY_GAP:
      {
        g_autoptr(BelfryGap) gap = g_queue_pop_head (&self->gaps);

        delivery->gap = *gap;
        break;
      }

    case BELFRY_DELIVERY_FILTER:
      delivery->tag = belfry_filter_versions_take (&self->versions);
      break;

    case BELFRY_DELIVERY_NONE:
    default:
      break;
    }
  return delivery->kind;
}

BelfryDeliveryKind
belfry_feed_pop (BelfryFeed     *self,
                 BelfryDelivery *delivery)
{
  memset (delivery, 0, sizeof *delivery);

  if (self->state == BELFRY_FEED_CLOSED)
    return BELFRY_DELIVERY_NONE;

  if (take_next (self, delivery) == BELFRY_DELIVERY_NONE && self->state == BELFRY_FEED_BEHIND)
    {
      belfry_feed_fill (self, BELFRY_FEED_TURN / 4);
      take_next (self, delivery);
    }

  if (delivery->kind == BELFRY_DELIVERY_NONE)
    self->is_told = FALSE;
  else if (self->state == BELFRY_FEED_BEHIND)
    belfry_feed_fill (self, BELFRY_FEED_TURN / 4);

  return delivery->kind;
}

static void
stand_in_index (BelfryFeed *self)
{
  belfry_filter_index_add (&self->hub->index, &self->entry,
                           belfry_filter_versions_get_newest (&self->versions));
}

static void
apply_newest_filter (BelfryFeed *self)
{
  if (self->state == BELFRY_FEED_LIVE)
    {
      belfry_filter_index_remove (&self->hub->index, &self->entry);
      stand_in_index (self);
    }
  belfry_feed_tell (self);
}

void
belfry_feed_set_filter (BelfryFeed   *self,
                        BelfryFilter *filter)
{
  if (self->state == BELFRY_FEED_CLOSED)
    return;

  belfry_filter_versions_add (&self->versions, self->hub->newest, filter);
  apply_newest_filter (self);
}

void
belfry_feed_set_filter_tagged (BelfryFeed     *self,
                               BelfryFilter   *filter,
                               gpointer        tag,
                               GDestroyNotify  tag_free)
{
  if (self->state == BELFRY_FEED_CLOSED)
    {
      if (tag_free != NULL)
        tag_free (tag);
      return;
    }

  belfry_filter_versions_add_tagged (&self->versions, self->hub->newest, filter, tag, tag_free);
  apply_newest_filter (self);
}

void
belfry_feed_push_gap (BelfryFeed *self,
                      guint64     from,
                      guint64     to,
                      guint64     lost)
{
  BelfryGap *last = g_queue_peek_tail (&self->gaps);
  BelfryGap gap = {
    .from = { .log_id = self->log_id, .position = from },
    .to = { .log_id = self->log_id, .position = to },
    .lost = lost,
  };

  /* Nothing lies between the two: the reader is told once. */
  if (last != NULL && last->to.position == from)
    {
      last->to = gap.to;
      last->lost += lost;
      return;
    }

  self->hub->gaps++;
  g_queue_push_tail (&self->gaps, belfry_gap_copy (&gap));
}

void
belfry_feed_take_live (BelfryFeed  *self,
                       BelfryEvent *event,
                       gsize        size)
{
  BelfryFeedHub *hub = self->hub;

  if (G_UNLIKELY (belfry_mailbox_is_full (&self->mailbox, size, hub->mailbox_max_bytes)))
    {
      belfry_filter_index_remove (&hub->index, &self->entry);
      self->position = belfry_event_get_position (event) - 1;
      self->state = BELFRY_FEED_BEHIND;
      return;
    }

  belfry_mailbox_push (&self->mailbox, belfry_event_ref (event), size);
  if (self->waiter.sequence == 0)
    belfry_ring_wait (&hub->ring, &self->waiter, hub->ring.next - 1);

  if (!self->is_told)
    {
      self->is_told = TRUE;
      g_ptr_array_add (hub->woken, self);
      self->woken_slot = hub->woken->len;
    }
}

void
belfry_feed_fall_back (BelfryFeed *self)
{
  BelfryFeedHub *hub = self->hub;
  guint64 before = get_horizon (self);
  const BelfryGap *gap = NULL;

  belfry_filter_index_remove (&hub->index, &self->entry);
  belfry_feed_hub_forget (hub, self);
  belfry_mailbox_clear (&self->mailbox);

  /* What was missing behind the place where it goes back to will be found missing again. */
  while ((gap = g_queue_peek_tail (&self->gaps)) != NULL && gap->to.position > before)
    belfry_gap_free (g_queue_pop_tail (&self->gaps));

  self->position = before;
  self->state = BELFRY_FEED_BEHIND;
  hub->fallbacks++;
}

void
belfry_feed_count_encoding (BelfryFeed  *self,
                            BelfryEvent *event,
                            gsize        bytes)
{
  if (self->hub != NULL)
    belfry_ring_count_encoding (&self->hub->ring, event, bytes);
}

void
belfry_feed_open (BelfryFeed          *self,
                  BelfryFeedHub       *hub,
                  GObject             *owner,
                  BelfryFeedReadyFunc  ready,
                  BelfryFilter        *filter,
                  guint64              position)
{
  self->hub = hub;
  self->owner = owner;
  self->ready = ready;
  self->log_id = belfry_event_store_get_log_id (hub->store);
  self->position = position;
  g_queue_init (&self->gaps);
  belfry_filter_versions_init (&self->versions, filter);

  if (position == hub->newest)
    {
      self->state = BELFRY_FEED_LIVE;
      stand_in_index (self);
    }
  else
    {
      self->state = BELFRY_FEED_BEHIND;
      belfry_feed_hub_enqueue (hub, self);
    }
}

static void
stop_reading (BelfryFeed *self)
{
  g_autoptr(GCancellable) read = g_steal_pointer (&self->read);

  g_cancellable_cancel (read);
  if (self->retry != NULL)
    g_source_destroy (self->retry);
  g_clear_pointer (&self->retry, g_source_unref);
}

void
belfry_feed_close (BelfryFeed *self)
{
  BelfryFeedHub *hub = self->hub;

  if (self->state == BELFRY_FEED_CLOSED)
    return;

  self->position = belfry_feed_get_taken (self);
  self->state = BELFRY_FEED_CLOSED;

  belfry_filter_index_remove (&hub->index, &self->entry);
  belfry_ring_leave (&hub->ring, &self->waiter);
  belfry_feed_hub_forget (hub, self);
  if (self->woken_slot > 0)
    hub->woken->pdata[self->woken_slot - 1] = NULL;
  self->woken_slot = 0;
  belfry_feed_release_pages (self);
  belfry_feed_set_held (self, 0);
  self->hub = NULL;

  belfry_mailbox_clear (&self->mailbox);
  g_queue_clear_full (&self->gaps, (GDestroyNotify) belfry_gap_free);
  stop_reading (self);
  belfry_filter_versions_settle (&self->versions);
}

void
belfry_feed_clear (BelfryFeed *self)
{
  g_assert (self->state == BELFRY_FEED_CLOSED);
  belfry_filter_versions_clear (&self->versions);
}
