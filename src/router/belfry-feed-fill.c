/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-feed-private.h"

/* How a feed that is behind gets on: from the ring, from the log, and back to LIVE. */

#define PAGE_EVENTS 1000
/* What a page brings while all pages together are over their bound. */
#define SMALL_PAGE_BYTES (16 * 1024)
#define FIRST_RETRY_MSEC 100
#define LAST_RETRY_MSEC 5000

typedef struct
{
  GObject    *owner;    /* strong: it embeds feed */
  BelfryFeed *feed;
  guint64     through;
} LogRead;

static void
log_read_free (LogRead *read)
{
  g_object_unref (read->owner);
  g_free (read);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LogRead, log_read_free)

static gboolean
retry_cb (gpointer user_data)
{
  BelfryFeed *self = user_data;

  g_clear_pointer (&self->retry, g_source_unref);
  belfry_feed_fill (self, BELFRY_FEED_TURN);
  belfry_feed_tell (self);
  return G_SOURCE_REMOVE;
}

static void
retry_later (BelfryFeed *self,
             const char *reason)
{
  self->hub->read_failures++;
  self->retry_msec = self->retry_msec == 0 ? FIRST_RETRY_MSEC
                                           : MIN (self->retry_msec * 2, LAST_RETRY_MSEC);
  g_debug ("Cannot read the log behind position %" G_GUINT64_FORMAT ": %s, retrying in %u ms",
           self->position, reason, self->retry_msec);

  self->retry = g_timeout_source_new (self->retry_msec);
  g_source_set_static_name (self->retry, "belfry log read retry");
  g_source_set_callback (self->retry, retry_cb, self, NULL);
  g_source_attach (self->retry, self->hub->context);
}

/* What the page says to be missing, and its events. FALSE when the page does not get on. */
static gboolean
take_page (BelfryFeed    *self,
           BelfryLogPage *page,
           guint64        through)
{
  guint64 position = MIN (page->next, through);

  if (page->lost > 0 && page->floor > self->position + 1)
    {
      /* What was lost behind the stretch that we asked for is told with the next one. */
      guint64 to = MIN (page->floor - 1, through);

      belfry_feed_push_gap (self, self->position, to, MIN (page->lost, to - self->position));
      position = MAX (position, to);
    }

  for (guint i = 0; i < page->events->len; i++)
    {
      BelfryEvent *event = g_ptr_array_index (page->events, i);

      gsize size = belfry_event_get_size (event);

      belfry_mailbox_push (&self->mailbox, belfry_event_ref (event), size);
      self->hub->page_bytes += size;
    }

  if (position <= self->position)
    return FALSE;

  self->position = position;
  return TRUE;
}

static void
read_cb (GObject      *object,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr(LogRead) read = user_data;
  BelfryFeed *self = read->feed;
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryLogPage) page = NULL;

  page = belfry_event_store_read_finish (BELFRY_EVENT_STORE (object), result, &error);
  if (self->state == BELFRY_FEED_CLOSED)
    return;

  g_clear_object (&self->read);
  self->hub->page_bytes -= self->read_bytes;
  self->read_bytes = 0;
  if (page == NULL)
    {
      retry_later (self, error->message);
      return;
    }
  if (!take_page (self, page, read->through))
    {
      retry_later (self, "the page is empty");
      return;
    }

  self->retry_msec = 0;
  belfry_feed_fill (self, BELFRY_FEED_TURN);
  belfry_feed_tell (self);
}

void
belfry_feed_release_pages (BelfryFeed *self)
{
  self->hub->page_bytes -= self->read_bytes;
  self->read_bytes = 0;
  if (self->owns_events)
    self->hub->page_bytes -= self->mailbox.bytes;
  self->owns_events = FALSE;
}

static gboolean
are_pages_scarce (BelfryFeedHub *hub)
{
  return hub->page_bytes + hub->mailbox_max_bytes / 4 > hub->pages_max_bytes;
}

gboolean
belfry_feed_is_memory_scarce (BelfryFeed *self)
{
  return self->hub != NULL && are_pages_scarce (self->hub);
}

void
belfry_feed_set_held (BelfryFeed *self,
                      gsize       bytes)
{
  if (self->hub == NULL)
    return;
  self->hub->page_bytes += bytes - self->held_bytes;
  self->held_bytes = bytes;
}

static void
read_log (BelfryFeed *self)
{
  BelfryFeedHub *hub = self->hub;
  guint64 until;
  BelfryFilter *filter = belfry_filter_versions_get_at (&self->versions, self->position, &until);
  LogRead *read = g_new (LogRead, 1);

  self->owns_events = TRUE;
  self->read = g_cancellable_new ();
  self->read_bytes = MAX (hub->mailbox_max_bytes / 4, 1);
  if (are_pages_scarce (hub))
    self->read_bytes = MIN (self->read_bytes, SMALL_PAGE_BYTES);
  hub->page_bytes += self->read_bytes;
  *read = (LogRead) {
    .owner = g_object_ref (self->owner),
    .feed = self,
    .through = MIN (hub->newest, until),
  };
  belfry_event_store_read_async (hub->store, filter, self->position, read->through, PAGE_EVENTS,
                                 self->read_bytes, self->read, read_cb, read);
}

/* What was deleted from the log is not given from the ring either, so that it does not matter where
 * a feed reads. */
static void
skip_deleted (BelfryFeed *self)
{
  BelfryRing *ring = &self->hub->ring;
  guint64 floor = belfry_event_store_get_floor (self->hub->store);
  guint64 to = MIN (floor - 1, self->hub->newest);
  guint64 lost = 0;

  if (floor == 0 || to <= self->position)
    return;

  lost = belfry_ring_find (ring, to) - belfry_ring_find (ring, self->position);
  if (lost > 0)
    belfry_feed_push_gap (self, self->position, to, lost);
  self->position = to;
}

/* FALSE when the mailbox is full. */
static gboolean
take_shared (BelfryFeed  *self,
             BelfryEvent *event,
             gsize        size,
             guint64      sequence)
{
  if (belfry_mailbox_is_full (&self->mailbox, size, self->hub->mailbox_max_bytes))
    return FALSE;

  belfry_mailbox_push (&self->mailbox, belfry_event_ref (event), size);
  if (self->waiter.sequence == 0)
    belfry_ring_wait (&self->hub->ring, &self->waiter, sequence);
  return TRUE;
}

static void
rejoin (BelfryFeed *self)
{
  self->position = self->hub->newest;
  self->state = BELFRY_FEED_LIVE;
  belfry_filter_index_add (&self->hub->index, &self->entry,
                           belfry_filter_versions_get_newest (&self->versions));
}

static guint
fill_from_ring (BelfryFeed *self,
                guint       budget)
{
  const BelfryRing *ring = &self->hub->ring;
  BelfryFilter *filter = NULL;
  guint64 until = 0;
  guint64 sequence;
  guint looked_at = 0;

  self->owns_events = FALSE;
  skip_deleted (self);

  for (sequence = belfry_ring_find (ring, self->position); sequence < ring->next; sequence++)
    {
      const BelfryRingSlot *slot = belfry_ring_peek (ring, sequence);

      if (looked_at == budget)
        {
          belfry_feed_hub_enqueue (self->hub, self);
          return looked_at;
        }

      if (filter == NULL || slot->position > until)
        filter = belfry_filter_versions_get_at (&self->versions, slot->position - 1, &until);
      if (belfry_filter_matches (filter, slot->event)
          && !take_shared (self, slot->event, slot->size, sequence))
        return looked_at;

      self->position = slot->position;
      looked_at++;
    }

  rejoin (self);
  return looked_at;
}

guint
belfry_feed_fill (BelfryFeed *self,
                  guint       budget)
{
  BelfryFeedHub *hub = self->hub;

  if (self->state != BELFRY_FEED_BEHIND || self->read != NULL || self->retry != NULL
      || self->queue_link.data != NULL)
    return 0;
  if (belfry_mailbox_is_half_full (&self->mailbox, hub->mailbox_max_bytes))
    return 0;

  if (self->position < hub->ring.base)
    {
      /* Many read the log at once: each empties its mailbox before it reads on. */
      if (self->mailbox.length > 0 && are_pages_scarce (hub))
        return 0;

      g_assert (self->mailbox.length == 0 || self->owns_events);
      read_log (self);
      return 0;
    }
  if (self->mailbox.length > 0 && self->owns_events)
    return 0;

  return fill_from_ring (self, budget);
}
