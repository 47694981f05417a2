/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-private.h"
#include "belfry-event-store.h"

G_BEGIN_DECLS

#define BELFRY_RECEIPT_DIGEST_SIZE 32

typedef enum
{
  BELFRY_RECEIPT_OPEN,       /* the log has not said anything yet */
  BELFRY_RECEIPT_STORED,     /* the events were appended, and answer tells of them */
  BELFRY_RECEIPT_REPEATED,   /* events of this key were appended before: answer is what was said then */
  BELFRY_RECEIPT_MISMATCHED, /* they were, for a request with another fingerprint */
  BELFRY_RECEIPT_UNKNOWN,    /* nothing was to be appended, and the key is not known */
} BelfryReceiptOutcome;

/* Makes the answer that tells of the events at their places. Called on the thread that writes, before the events
 * are sealed; it may be called again when a transaction is. */
typedef GBytes *(*BelfryReceiptAnswerFunc) (GPtrArray *events, const BelfryEventPlace *places, gpointer user_data);

/* What makes a request count once: the log keeps its key with the answer to it, in the transaction that appends its
 * events. Counted; whoever asked may look at the lower half when the append was answered without an error. */
typedef struct
{
  guint8                  key[BELFRY_RECEIPT_DIGEST_SIZE];          /* of who asks what under which name */
  guint8                  fingerprint[BELFRY_RECEIPT_DIGEST_SIZE];  /* of what the request says */
  guint                   status;       /* of the answer, when the events are appended */
  BelfryReceiptAnswerFunc answer_func;  /* NULL: the JSON text of the only event */
  gpointer                answer_data;  /* lives as long as the append */

  BelfryReceiptOutcome    outcome;
  guint                   answer_status;
  GBytes                 *answer;       /* or NULL */
} BelfryReceipt;

BelfryReceipt *belfry_receipt_new   (void);
BelfryReceipt *belfry_receipt_ref   (BelfryReceipt *self);
void           belfry_receipt_unref (BelfryReceipt *self);
void           belfry_receipt_set   (BelfryReceipt *self, BelfryReceiptOutcome outcome, guint status,
                                     GBytes *answer);
guint          belfry_receipt_hash  (gconstpointer self);
gboolean       belfry_receipt_equal (gconstpointer one, gconstpointer other);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryReceipt, belfry_receipt_unref)

#define BELFRY_TYPE_RECEIPT_KEEPER (belfry_receipt_keeper_get_type ())

/* A log that keeps receipts. */
G_DECLARE_INTERFACE (BelfryReceiptKeeper, belfry_receipt_keeper, BELFRY, RECEIPT_KEEPER, BelfryEventStore)

struct _BelfryReceiptKeeperInterface
{
  GTypeInterface parent_iface;

  void (*append_async) (BelfryReceiptKeeper *self, GPtrArray *events, BelfryReceipt *receipt,
                        GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
};

/* Appends the events unless the log knows the receipt's key; the receipt then tells which. With no events at all it only
 * looks. Ended by belfry_event_store_append_finish(). */
void belfry_receipt_keeper_append_async (BelfryReceiptKeeper *self, GPtrArray *events, BelfryReceipt *receipt,
                                         GCancellable *cancellable, GAsyncReadyCallback callback,
                                         gpointer user_data);

G_END_DECLS
