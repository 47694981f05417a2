/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* Publishing with a receipt. The log tells repeats from new requests, but not before it has the first one; so the keys that
 * are on their way stand in a set here. */

#include "belfry-pipeline-fields-private.h"

typedef struct
{
  BelfryPipeline        *pipeline;  /* owned, like the next two */
  GPtrArray             *events;
  BelfryReceipt         *receipt;
  BelfryPublishOnceFunc  func;
  gpointer               user_data;
} Once;

static void
once_free (Once *once)
{
  g_ptr_array_unref (once->events);
  belfry_receipt_unref (once->receipt);
  g_object_unref (once->pipeline);
  g_free (once);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Once, once_free)

static void
append_once_cb (GObject      *object,
                GAsyncResult *result,
                gpointer      user_data)
{
  g_autoptr(Once) once = user_data;
  BelfryPipeline *self = once->pipeline;
  g_autoptr(GError) error = NULL;

  if (!belfry_event_store_append_finish (BELFRY_EVENT_STORE (object), result, &error))
    self->unavailable += once->events->len;
  else if (once->receipt->outcome == BELFRY_RECEIPT_STORED)
    self->accepted += once->events->len;

  /* Before the answer: who has it may ask again at once. */
  g_hash_table_remove (self->receipts, once->receipt);
  once->func (once->events, once->receipt, error, once->user_data);
}

gboolean
belfry_pipeline_publish_once (BelfryPipeline        *self,
                              GPtrArray             *events,
                              BelfryReceipt         *receipt,
                              BelfryPublishOnceFunc  func,
                              gpointer               user_data)
{
  Once *once;

  g_assert (BELFRY_IS_RECEIPT_KEEPER (self->store));

  if (self->receipts == NULL)
    self->receipts = g_hash_table_new (belfry_receipt_hash, belfry_receipt_equal);
  if (g_hash_table_contains (self->receipts, receipt))
    {
      self->conflicts++;
      return FALSE;
    }

  once = g_new (Once, 1);
  *once = (Once) { g_object_ref (self), g_ptr_array_ref (events), belfry_receipt_ref (receipt), func, user_data };
  g_hash_table_add (self->receipts, once->receipt);

  /* What was published before comes before it. */
  belfry_pipeline_flush (self);
  belfry_receipt_keeper_append_async (BELFRY_RECEIPT_KEEPER (self->store), once->events, once->receipt, NULL,
                                      append_once_cb, once);
  return TRUE;
}
