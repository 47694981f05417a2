/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-kafka-flight-private.h"

static void
free_batch (gpointer data)
{
  BelfryKafkaBatch *batch = data;

  g_ptr_array_unref (batch->events);
  g_free (batch);
}

void
belfry_kafka_flight_init (BelfryKafkaFlight *self)
{
  *self = (BelfryKafkaFlight) { 0 };
  g_queue_init (&self->batches);
}

void
belfry_kafka_flight_clear (BelfryKafkaFlight *self)
{
  g_queue_clear_full (&self->batches, free_batch);
  belfry_kafka_flight_init (self);
}

void
belfry_kafka_flight_push (BelfryKafkaFlight *self,
                          GPtrArray         *events,
                          guint              first)
{
  guint n_slots = events->len - first;
  BelfryKafkaBatch *batch = g_malloc (sizeof *batch + n_slots * sizeof batch->slots[0]);

  batch->events = g_ptr_array_ref (events);
  batch->n_slots = n_slots;
  batch->n_done = 0;
  for (guint i = 0; i < n_slots; i++)
    batch->slots[i] = (BelfryKafkaSlot) { batch, g_ptr_array_index (events, first + i), BELFRY_KAFKA_WAITING, FALSE };

  g_queue_push_tail (&self->batches, batch);
  if (self->at == NULL)
    {
      self->at = self->batches.tail;
      self->at_slot = 0;
    }
}

BelfryKafkaSlot *
belfry_kafka_flight_peek (BelfryKafkaFlight *self)
{
  while (self->at != NULL)
    {
      BelfryKafkaBatch *batch = self->at->data;

      for (; self->at_slot < batch->n_slots; self->at_slot++)
        if (batch->slots[self->at_slot].state == BELFRY_KAFKA_WAITING)
          return &batch->slots[self->at_slot];
      self->at = self->at->next;
      self->at_slot = 0;
    }

  return NULL;
}

void
belfry_kafka_flight_pass (BelfryKafkaFlight *self)
{
  BelfryKafkaSlot *slot = belfry_kafka_flight_peek (self);

  slot->state = BELFRY_KAFKA_SENT;
  self->at_slot++;
  self->n_sent++;
}

static void
drop_head (BelfryKafkaFlight *self)
{
  GList *head = self->batches.head;

  if (self->at == head)
    {
      self->at = head->next;
      self->at_slot = 0;
    }
  free_batch (g_queue_pop_head (&self->batches));
}

/* Acknowledgements come in the order of a partition; what counts is what nothing older is missing from. */
static void
advance (BelfryKafkaFlight *self)
{
  BelfryKafkaBatch *batch;

  while ((batch = g_queue_peek_head (&self->batches)) != NULL)
    {
      while (batch->n_done < batch->n_slots && batch->slots[batch->n_done].state == BELFRY_KAFKA_DONE)
        {
          self->through = belfry_event_get_position (batch->slots[batch->n_done].event);
          batch->n_done++;
          self->n_done++;
        }
      if (batch->n_done < batch->n_slots)
        return;
      drop_head (self);
    }
}

void
belfry_kafka_flight_settle (BelfryKafkaFlight *self,
                            BelfryKafkaSlot   *slot,
                            BelfryKafkaState   state)
{
  if (slot->state == BELFRY_KAFKA_SENT)
    self->n_sent--;
  slot->state = state;
  if (state == BELFRY_KAFKA_DONE)
    advance (self);
}

void
belfry_kafka_flight_rewind (BelfryKafkaFlight *self)
{
  g_assert (self->n_sent == 0);

  self->at = self->batches.head;
  self->at_slot = 0;
}

void
belfry_kafka_flight_recall (BelfryKafkaFlight *self)
{
  for (GList *link = self->batches.head; link != NULL; link = link->next)
    {
      BelfryKafkaBatch *batch = link->data;

      for (guint i = 0; i < batch->n_slots; i++)
        if (batch->slots[i].state == BELFRY_KAFKA_SENT)
          batch->slots[i].state = BELFRY_KAFKA_WAITING;
    }
  self->n_sent = 0;
  belfry_kafka_flight_rewind (self);
}
