/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-ring-private.h"

#define SMALLEST_CAPACITY 64

static BelfryRingSlot *
slot_at (BelfryRing *self,
         guint64     sequence)
{
  return &self->slots[sequence & (self->capacity - 1)];
}

static void
grow (BelfryRing *self)
{
  guint capacity = self->capacity == 0 ? SMALLEST_CAPACITY : self->capacity * 2;
  BelfryRingSlot *slots = g_new0 (BelfryRingSlot, capacity);

  for (guint64 sequence = self->first; sequence < self->next; sequence++)
    slots[sequence & (capacity - 1)] = *slot_at (self, sequence);

  g_free (self->slots);
  self->slots = slots;
  self->capacity = capacity;
}

static void
evict_oldest (BelfryRing *self)
{
  BelfryRingSlot *slot = slot_at (self, self->first);
  BelfryRingWaiter *waiter = NULL;

  while ((waiter = slot->waiters) != NULL)
    {
      belfry_ring_leave (self, waiter);
      self->evict (waiter, slot->event, self->evict_data);
    }

  self->base = slot->position;
  self->bytes -= slot->size + slot->encoded;
  self->first++;
  g_clear_pointer (&slot->event, belfry_event_unref);
}

static void
trim (BelfryRing *self)
{
  while (self->next - self->first > 1
         && (self->next - self->first > self->max_events || self->bytes > self->max_bytes))
    evict_oldest (self);
}

void
belfry_ring_init (BelfryRing          *self,
                  guint64              base,
                  BelfryRingEvictFunc  evict,
                  gpointer             evict_data)
{
  *self = (BelfryRing) {
    .first = 1,
    .next = 1,
    .base = base,
    .max_events = G_MAXUINT,
    .max_bytes = G_MAXSIZE,
    .evict = evict,
    .evict_data = evict_data,
  };
}

void
belfry_ring_clear (BelfryRing *self)
{
  while (self->first < self->next)
    evict_oldest (self);

  g_clear_pointer (&self->slots, g_free);
  self->capacity = 0;
}

void
belfry_ring_set_bounds (BelfryRing *self,
                        guint       max_events,
                        gsize       max_bytes)
{
  self->max_events = max_events;
  self->max_bytes = max_bytes;
  trim (self);
}

void
belfry_ring_push (BelfryRing  *self,
                  BelfryEvent *event,
                  gsize        size)
{
  if (self->next - self->first == self->capacity)
    grow (self);

  /* Positions below the first event that ever came were not seen here. */
  if (self->first == self->next)
    self->base = MAX (self->base, belfry_event_get_position (event) - 1);

  *slot_at (self, self->next) = (BelfryRingSlot) {
    .event = belfry_event_ref (event),
    .position = belfry_event_get_position (event),
    .size = size,
  };
  self->next++;
  self->bytes += size;
  trim (self);
}

void
belfry_ring_count_encoding (BelfryRing  *self,
                            BelfryEvent *event,
                            gsize        bytes)
{
  guint64 sequence = belfry_ring_find (self, belfry_event_get_position (event) - 1);

  if (sequence == self->next || slot_at (self, sequence)->event != event)
    return;

  slot_at (self, sequence)->encoded += bytes;
  self->bytes += bytes;
  trim (self);
}

guint64
belfry_ring_find (const BelfryRing *self,
                  guint64           position)
{
  guint64 low = self->first;
  guint64 high = self->next;

  while (low < high)
    {
      guint64 middle = low + (high - low) / 2;

      if (belfry_ring_peek (self, middle)->position > position)
        high = middle;
      else
        low = middle + 1;
    }
  return low;
}

void
belfry_ring_wait (BelfryRing       *self,
                  BelfryRingWaiter *waiter,
                  guint64           sequence)
{
  BelfryRingSlot *slot = slot_at (self, sequence);

  g_assert (waiter->sequence == 0);
  g_assert (sequence >= self->first && sequence < self->next);

  waiter->sequence = sequence;
  waiter->previous = NULL;
  waiter->next = slot->waiters;
  if (waiter->next != NULL)
    waiter->next->previous = waiter;
  slot->waiters = waiter;
}

void
belfry_ring_leave (BelfryRing       *self,
                   BelfryRingWaiter *waiter)
{
  if (waiter->sequence == 0)
    return;

  if (waiter->previous != NULL)
    waiter->previous->next = waiter->next;
  else
    slot_at (self, waiter->sequence)->waiters = waiter->next;
  if (waiter->next != NULL)
    waiter->next->previous = waiter->previous;

  *waiter = (BelfryRingWaiter) { 0 };
}
