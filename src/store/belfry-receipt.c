/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-receipt-private.h"

#include <string.h>

G_DEFINE_INTERFACE (BelfryReceiptKeeper, belfry_receipt_keeper, BELFRY_TYPE_EVENT_STORE)

static void
belfry_receipt_keeper_default_init (BelfryReceiptKeeperInterface *iface)
{
}

BelfryReceipt *
belfry_receipt_new (void)
{
  return g_atomic_rc_box_new0 (BelfryReceipt);
}

BelfryReceipt *
belfry_receipt_ref (BelfryReceipt *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
clear_receipt (gpointer data)
{
  g_clear_pointer (&((BelfryReceipt *) data)->answer, g_bytes_unref);
}

void
belfry_receipt_unref (BelfryReceipt *self)
{
  g_atomic_rc_box_release_full (self, clear_receipt);
}

/* Takes over the reference to the answer. */
void
belfry_receipt_set (BelfryReceipt        *self,
                    BelfryReceiptOutcome  outcome,
                    guint                 status,
                    GBytes               *answer)
{
  g_clear_pointer (&self->answer, g_bytes_unref);
  self->outcome = outcome;
  self->answer_status = status;
  self->answer = answer;
}

guint
belfry_receipt_hash (gconstpointer self)
{
  guint hash;

  memcpy (&hash, ((const BelfryReceipt *) self)->key, sizeof hash);

  return hash;
}

gboolean
belfry_receipt_equal (gconstpointer one,
                      gconstpointer other)
{
  const BelfryReceipt *a = one, *b = other;

  return memcmp (a->key, b->key, sizeof a->key) == 0;
}

void
belfry_receipt_keeper_append_async (BelfryReceiptKeeper *self,
                                    GPtrArray           *events,
                                    BelfryReceipt       *receipt,
                                    GCancellable        *cancellable,
                                    GAsyncReadyCallback  callback,
                                    gpointer             user_data)
{
  g_assert (BELFRY_IS_RECEIPT_KEEPER (self));

  BELFRY_RECEIPT_KEEPER_GET_IFACE (self)->append_async (self, events, receipt, cancellable, callback, user_data);
}
