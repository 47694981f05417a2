/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* Publishing of what belongs together, in one transaction of the log. With a receipt it happens once: the log tells
 * repeats from new requests, but not before it has the first one; so the keys that are on their way stand in a set here. */

#include "belfry-pipeline-fields-private.h"

typedef struct
{
  BelfryPipeline    *pipeline;  /* owned, and so are the members of the delivery */
  BelfryConsignment     delivery;
  BelfryDeliverFunc  func;
  gpointer           user_data;
} Shipment;

static void
shipment_free (Shipment *shipment)
{
  g_ptr_array_unref (shipment->delivery.events);
  g_clear_pointer (&shipment->delivery.letters, g_ptr_array_unref);
  g_clear_pointer (&shipment->delivery.receipt, belfry_receipt_unref);
  g_clear_pointer (&shipment->delivery.replay, belfry_replay_unref);
  g_object_unref (shipment->pipeline);
  g_free (shipment);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Shipment, shipment_free)

static Shipment *
shipment_new (BelfryPipeline       *self,
              const BelfryConsignment *delivery,
              BelfryDeliverFunc     func,
              gpointer              user_data)
{
  Shipment *shipment = g_new0 (Shipment, 1);

  shipment->pipeline = g_object_ref (self);
  shipment->delivery.events = g_ptr_array_ref (delivery->events);
  if (delivery->letters != NULL)
    shipment->delivery.letters = g_ptr_array_ref (delivery->letters);
  if (delivery->receipt != NULL)
    shipment->delivery.receipt = belfry_receipt_ref (delivery->receipt);
  if (delivery->replay != NULL)
    shipment->delivery.replay = belfry_replay_ref (delivery->replay);
  shipment->func = func;
  shipment->user_data = user_data;

  return shipment;
}

static gboolean
was_appended (const BelfryConsignment *delivery)
{
  if (delivery->receipt != NULL)
    return delivery->receipt->outcome == BELFRY_RECEIPT_STORED;

  return delivery->replay == NULL || delivery->replay->outcome == BELFRY_REPLAY_DONE;
}

static void
appended_cb (GObject      *object,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autoptr(Shipment) shipment = user_data;
  BelfryPipeline *self = shipment->pipeline;
  const BelfryConsignment *delivery = &shipment->delivery;
  g_autoptr(GError) error = NULL;

  if (!belfry_event_store_append_finish (BELFRY_EVENT_STORE (object), result, &error))
    self->unavailable += delivery->events->len;
  else if (was_appended (delivery))
    self->accepted += delivery->events->len;

  /* Before the answer: who has it may ask again at once. */
  if (delivery->receipt != NULL)
    g_hash_table_remove (self->receipts, delivery->receipt);
  shipment->func (delivery, error, shipment->user_data);
}

/* FALSE when the key is on its way already. */
static gboolean
enter_receipt (BelfryPipeline *self,
               BelfryReceipt  *receipt)
{
  if (self->receipts == NULL)
    self->receipts = g_hash_table_new (belfry_receipt_hash, belfry_receipt_equal);
  if (g_hash_table_add (self->receipts, receipt))
    return TRUE;

  self->conflicts++;
  return FALSE;
}

gboolean
belfry_pipeline_deliver (BelfryPipeline       *self,
                         const BelfryConsignment *delivery,
                         BelfryDeliverFunc     func,
                         gpointer              user_data)
{
  g_autoptr(Shipment) shipment = NULL;

  if (delivery->receipt != NULL && !enter_receipt (self, delivery->receipt))
    return FALSE;

  shipment = shipment_new (self, delivery, func, user_data);
  if (delivery->letters != NULL)
    self->rejected += delivery->letters->len;

  /* What was published before comes before it. */
  belfry_pipeline_flush (self);
  if (BELFRY_IS_DEAD_LETTER_KEEPER (self->store))
    belfry_dead_letter_keeper_deliver_async (BELFRY_DEAD_LETTER_KEEPER (self->store), &shipment->delivery, NULL,
                                             appended_cb, shipment);
  else if (delivery->receipt != NULL)
    belfry_receipt_keeper_append_async (BELFRY_RECEIPT_KEEPER (self->store), delivery->events, delivery->receipt, NULL,
                                        appended_cb, shipment);
  else
    /* A log that keeps no letters. */
    belfry_event_store_append_async (self->store, delivery->events, NULL, appended_cb, shipment);
  g_steal_pointer (&shipment);

  return TRUE;
}

/* --- events alone --- */

typedef struct
{
  BelfryPublishOnceFunc func;
  gpointer              user_data;
} Once;

static void
published_once_cb (const BelfryConsignment *delivery,
                   const GError         *error,
                   gpointer              user_data)
{
  g_autofree Once *once = user_data;

  once->func (delivery->events, delivery->receipt, error, once->user_data);
}

gboolean
belfry_pipeline_publish_once (BelfryPipeline        *self,
                              GPtrArray             *events,
                              BelfryReceipt         *receipt,
                              BelfryPublishOnceFunc  func,
                              gpointer               user_data)
{
  const BelfryConsignment delivery = { .events = events, .receipt = receipt };
  g_autofree Once *once = g_new (Once, 1);

  g_assert (BELFRY_IS_RECEIPT_KEEPER (self->store));

  *once = (Once) { func, user_data };
  if (!belfry_pipeline_deliver (self, &delivery, published_once_cb, once))
    return FALSE;

  g_steal_pointer (&once);
  return TRUE;
}
