/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>
#include <sys/uio.h>

#include "belfry-event-private.h"

G_BEGIN_DECLS

/* What one send carries: pieces of memory, and who keeps them alive until they are sent. A set has one batch that all its
 * sessions fill in turn; what the kernel does not take is detached and stays with the session. */

#define BELFRY_BATCH_MAX_VECTORS 512
#define BELFRY_BATCH_MAX_OWNERS  1024
#define BELFRY_BATCH_MAX_BYTES   (256 * 1024)
/* While those that do not read hold much memory already. */
#define BELFRY_BATCH_SCARCE_BYTES (16 * 1024)

typedef struct
{
  BelfryEvent *event;  /* one of the two, owned */
  guint8      *block;
} BelfryBatchOwner;

typedef struct
{
  struct iovec    *vectors;
  BelfryBatchOwner *owners;
  guint            n_vectors;
  guint            n_owners;
  guint            first;  /* the first vector that is not wholly sent */
  gsize            bytes;  /* still to send */
  gsize            max_bytes;    /* full with so many */
  gsize            block_bytes;  /* in blocks, sent ones too */
} BelfryBatch;

/* A batch with room for the maxima. */
BelfryBatch *belfry_batch_new          (void);
void         belfry_batch_free         (BelfryBatch *self);
/* Lets go of all owners; empty again. */
void         belfry_batch_clear        (BelfryBatch *self);
/* Each takes over its owner. */
void belfry_batch_add_event (BelfryBatch *self, BelfryEvent *event, const void *data, gsize length);
void         belfry_batch_add_block    (BelfryBatch *self, guint8 *block, gsize length);
/* Marks bytes at the front as sent. */
void         belfry_batch_advance      (BelfryBatch *self, gsize n_sent);
/* Moves what is not sent yet into a batch of just that size, which keeps alive four times that at most. */
BelfryBatch *belfry_batch_detach       (BelfryBatch *self);
/* The size of all that it keeps alive. Looks at each owner. */
gsize        belfry_batch_get_held     (const BelfryBatch *self);

static inline gboolean
belfry_batch_is_full (const BelfryBatch *self)
{
  return self->bytes >= self->max_bytes
         || self->n_vectors == BELFRY_BATCH_MAX_VECTORS
         || self->n_owners == BELFRY_BATCH_MAX_OWNERS;
}

G_END_DECLS
