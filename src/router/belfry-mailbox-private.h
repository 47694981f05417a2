/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-private.h"

G_BEGIN_DECLS

/* Events that wait for one subscriber: references in a circular array, oldest first. Nothing is
 * allocated until the first push; an empty mailbox keeps at most a small array. Its owner asks
 * whether it is full before each push. */

/* However small they are: the array is not shared. What one send carries, and a page of the log brings. */
#define BELFRY_MAILBOX_MAX_EVENTS 1024

typedef struct
{
  BelfryEvent **items;
  guint         capacity;  /* 0 or a power of two */
  guint         head;      /* place of the oldest */
  guint         length;
  gsize         bytes;     /* sum of belfry_event_get_size() */
} BelfryMailbox;

void         belfry_mailbox_clear (BelfryMailbox *self);
void         belfry_mailbox_grow  (BelfryMailbox *self);
/* The oldest, with the mailbox's reference; there must be one. */
BelfryEvent *belfry_mailbox_pop   (BelfryMailbox *self);

static inline BelfryEvent *
belfry_mailbox_peek (const BelfryMailbox *self)
{
  return self->items[self->head];
}

/* One event fits into an empty mailbox whatever its size. */
static inline gboolean
belfry_mailbox_is_full (const BelfryMailbox *self,
                        gsize                size,
                        gsize                max_bytes)
{
  return self->length > 0
         && (self->bytes + size > max_bytes || self->length >= BELFRY_MAILBOX_MAX_EVENTS);
}

/* Too full to be worth filling up. */
static inline gboolean
belfry_mailbox_is_half_full (const BelfryMailbox *self,
                             gsize                max_bytes)
{
  return self->length > 0
         && (self->bytes >= max_bytes / 2 || self->length >= BELFRY_MAILBOX_MAX_EVENTS / 2);
}

/* Takes over the reference. size is belfry_event_get_size(), which the caller has at hand. */
static inline void
belfry_mailbox_push (BelfryMailbox *self,
                     BelfryEvent   *event,
                     gsize          size)
{
  if (G_UNLIKELY (self->length == self->capacity))
    belfry_mailbox_grow (self);

  self->items[(self->head + self->length) & (self->capacity - 1)] = event;
  self->length++;
  self->bytes += size;
}

G_END_DECLS
