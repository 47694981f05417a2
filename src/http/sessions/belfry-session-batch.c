/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-session-batch-private.h"

#include <string.h>

/* What a detached batch may keep alive, as a multiple of what is still to be sent. */
#define MAX_HELD_FACTOR 4

static BelfryBatch *
batch_new_sized (guint n_vectors,
                 guint n_owners)
{
  BelfryBatch *self = g_new0 (BelfryBatch, 1);

  self->vectors = g_new (struct iovec, n_vectors);
  self->owners = g_new (BelfryBatchOwner, n_owners);
  self->max_bytes = BELFRY_BATCH_MAX_BYTES;
  return self;
}

BelfryBatch *
belfry_batch_new (void)
{
  return batch_new_sized (BELFRY_BATCH_MAX_VECTORS, BELFRY_BATCH_MAX_OWNERS);
}

void
belfry_batch_clear (BelfryBatch *self)
{
  for (guint i = 0; i < self->n_owners; i++)
    {
      if (self->owners[i].event != NULL)
        belfry_event_unref (self->owners[i].event);
      else
        g_free (self->owners[i].block);
    }
  self->n_owners = 0;
  self->n_vectors = 0;
  self->first = 0;
  self->bytes = 0;
  self->max_bytes = BELFRY_BATCH_MAX_BYTES;
  self->block_bytes = 0;
}

void
belfry_batch_free (BelfryBatch *self)
{
  belfry_batch_clear (self);
  g_free (self->vectors);
  g_free (self->owners);
  g_free (self);
}

static inline void
add_piece (BelfryBatch *self,
           const void  *data,
           gsize        length)
{
  self->bytes += length;
  if (self->n_vectors > 0)
    {
      struct iovec *last = &self->vectors[self->n_vectors - 1];

      /* Neighbours of a run touch in memory: one piece for the kernel. */
      if ((const guint8 *) last->iov_base + last->iov_len == data)
        {
          last->iov_len += length;
          return;
        }
    }
  self->vectors[self->n_vectors].iov_base = (void *) data;
  self->vectors[self->n_vectors].iov_len = length;
  self->n_vectors++;
}

void
belfry_batch_add_event (BelfryBatch *self,
                        BelfryEvent *event,
                        const void  *data,
                        gsize        length)
{
  g_assert (!belfry_batch_is_full (self));

  self->owners[self->n_owners++] = (BelfryBatchOwner) { .event = event };
  add_piece (self, data, length);
}

void
belfry_batch_add_block (BelfryBatch *self,
                        guint8      *block,
                        gsize        length)
{
  g_assert (!belfry_batch_is_full (self));

  self->owners[self->n_owners++] = (BelfryBatchOwner) { .block = block };
  self->block_bytes += length;
  add_piece (self, block, length);
}

void
belfry_batch_advance (BelfryBatch *self,
                      gsize        n_sent)
{
  g_assert (n_sent <= self->bytes);

  self->bytes -= n_sent;
  while (n_sent > 0)
    {
      struct iovec *vector = &self->vectors[self->first];
      gsize n = MIN (n_sent, vector->iov_len);

      vector->iov_base = (guint8 *) vector->iov_base + n;
      vector->iov_len -= n;
      n_sent -= n;
      if (vector->iov_len == 0)
        self->first++;
    }
}

static BelfryBatch *
detach_copy (BelfryBatch *self)
{
  BelfryBatch *rest = batch_new_sized (1, 1);
  guint8 *block = g_malloc (self->bytes);
  guint8 *at = block;

  for (guint i = self->first; i < self->n_vectors; i++)
    {
      memcpy (at, self->vectors[i].iov_base, self->vectors[i].iov_len);
      at += self->vectors[i].iov_len;
    }
  belfry_batch_add_block (rest, block, self->bytes);
  return rest;
}

static BelfryBatch *
detach_references (BelfryBatch *self)
{
  guint n_vectors = self->n_vectors - self->first;
  BelfryBatch *rest = batch_new_sized (n_vectors, self->n_owners);

  /* All owners go along: a merged piece does not tell which of them its rest belongs to, and their number is bounded. */
  memcpy (rest->vectors, self->vectors + self->first, n_vectors * sizeof *rest->vectors);
  memcpy (rest->owners, self->owners, self->n_owners * sizeof *rest->owners);
  rest->n_vectors = n_vectors;
  rest->n_owners = self->n_owners;
  rest->bytes = self->bytes;
  rest->block_bytes = self->block_bytes;

  self->n_owners = 0;
  return rest;
}

BelfryBatch *
belfry_batch_detach (BelfryBatch *self)
{
  BelfryBatch *rest = NULL;

  /* References cost nothing where others hold the same events. But one event keeps the texts of all its neighbours, of
   * which a reader with a narrow filter wants few. */
  if (belfry_batch_get_held (self) <= MAX_HELD_FACTOR * self->bytes)
    rest = detach_references (self);
  else
    rest = detach_copy (self);
  belfry_batch_clear (self);
  return rest;
}

gsize
belfry_batch_get_held (const BelfryBatch *self)
{
  gsize held = self->block_bytes;
  gconstpointer run = NULL;

  for (guint i = 0; i < self->n_owners; i++)
    if (self->owners[i].event != NULL)
      held += belfry_event_get_held (self->owners[i].event, &run);
  return held;
}
