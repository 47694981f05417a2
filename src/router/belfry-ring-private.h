/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-private.h"

G_BEGIN_DECLS

/* The newest events of the log, as references, without a hole: everything behind base up to the
 * newest. Bounded in events and bytes, but the newest one is always there. Places in it are
 * sequence numbers that only grow (positions of the log may have holes); first is the oldest held,
 * next the one that the next push gets. */

/* Whoever holds references to events of the ring stands at one of them, the oldest that it holds or
 * an older one, and is told when that one leaves. sequence is 0 while it stands nowhere. */
typedef struct _BelfryRingWaiter BelfryRingWaiter;
struct _BelfryRingWaiter
{
  BelfryRingWaiter *previous;
  BelfryRingWaiter *next;
  guint64           sequence;
};

/* waiter stands nowhere anymore; it may take a new stand at a later event from in here. */
typedef void (*BelfryRingEvictFunc) (BelfryRingWaiter *waiter, BelfryEvent *event,
                                     gpointer user_data);

typedef struct
{
  BelfryEvent      *event;
  guint64           position;
  gsize             size;      /* as pushed */
  gsize             encoded;   /* bytes of encodings that were made since */
  BelfryRingWaiter *waiters;
} BelfryRingSlot;

typedef struct
{
  BelfryRingSlot *slots;
  guint           capacity;   /* 0 or a power of two; grows to what is used */
  guint64         first;
  guint64         next;
  guint64         base;       /* position behind which the ring holds everything */
  gsize           bytes;      /* encodings included */

  guint           max_events;
  gsize           max_bytes;

  BelfryRingEvictFunc evict;
  gpointer            evict_data;
} BelfryRing;

void belfry_ring_init (BelfryRing *self, guint64 base, BelfryRingEvictFunc evict,
                       gpointer evict_data);
void    belfry_ring_clear      (BelfryRing *self);
void    belfry_ring_set_bounds (BelfryRing *self, guint max_events, gsize max_bytes);
/* Takes its own reference. */
void    belfry_ring_push       (BelfryRing *self, BelfryEvent *event, gsize size);
/* The event has grown by an encoding; nothing when it is not in here. May let others go. */
void    belfry_ring_count_encoding (BelfryRing *self, BelfryEvent *event, gsize bytes);
/* The first event behind position; next when there is none. */
guint64 belfry_ring_find       (const BelfryRing *self, guint64 position);
void    belfry_ring_wait       (BelfryRing *self, BelfryRingWaiter *waiter, guint64 sequence);
void    belfry_ring_leave      (BelfryRing *self, BelfryRingWaiter *waiter);

static inline guint
belfry_ring_get_length (const BelfryRing *self)
{
  return self->next - self->first;
}

static inline const BelfryRingSlot *
belfry_ring_peek (const BelfryRing *self,
                  guint64           sequence)
{
  return &self->slots[sequence & (self->capacity - 1)];
}

G_END_DECLS
