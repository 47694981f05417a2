/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-mailbox-private.h"

#define SMALLEST_CAPACITY 8
/* An array larger than this is given back as soon as the mailbox is empty. */
#define KEPT_CAPACITY 128

static void
release_array (BelfryMailbox *self)
{
  g_clear_pointer (&self->items, g_free);
  self->capacity = 0;
  self->head = 0;
}

void
belfry_mailbox_clear (BelfryMailbox *self)
{
  for (guint i = 0; i < self->length; i++)
    belfry_event_unref (self->items[(self->head + i) & (self->capacity - 1)]);

  self->length = 0;
  self->bytes = 0;
  release_array (self);
}

void
belfry_mailbox_grow (BelfryMailbox *self)
{
  guint capacity = self->capacity == 0 ? SMALLEST_CAPACITY : self->capacity * 2;
  BelfryEvent **items = g_new (BelfryEvent *, capacity);

  for (guint i = 0; i < self->length; i++)
    items[i] = self->items[(self->head + i) & (self->capacity - 1)];

  g_free (self->items);
  self->items = items;
  self->capacity = capacity;
  self->head = 0;
}

BelfryEvent *
belfry_mailbox_pop (BelfryMailbox *self)
{
  BelfryEvent *event = self->items[self->head];

  g_assert (self->length > 0);

  self->head = (self->head + 1) & (self->capacity - 1);
  self->length--;
  self->bytes -= belfry_event_get_size (event);

  if (self->length == 0 && self->capacity > KEPT_CAPACITY)
    release_array (self);
  return event;
}
