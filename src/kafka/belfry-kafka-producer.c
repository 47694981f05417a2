/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-kafka-producer-fields-private.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The home context's side of the thread. */

/* So long the end waits for it. */
#define FAREWELL_USEC (2 * G_USEC_PER_SEC)

void
belfry_kafka_parcel_free (gpointer data)
{
  BelfryKafkaParcel *parcel = data;

  g_ptr_array_unref (parcel->events);
  g_free (parcel);
}

static void
wake (BelfryKafkaProducer *self)
{
  const guint64 one = 1;

  /* It cannot fail but when it is about to wake anyway. */
  while (write (self->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
    ;
}

BelfryKafkaProducer *
belfry_kafka_producer_new (BelfryKafkaConfig *config,
                           GSource           *source)
{
  BelfryKafkaProducer *self = g_new0 (BelfryKafkaProducer, 1);

  self->config = config;
  self->source = g_source_ref (source);
  self->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  self->trouble = BELFRY_KAFKA_CONNECTING;
  self->fresh = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_sink_refusal_free);
  g_mutex_init (&self->lock);
  g_cond_init (&self->over);
  g_queue_init (&self->parcels);
  belfry_kafka_flight_init (&self->flight);
  self->thread = g_thread_new ("belfry-kafka", belfry_kafka_producer_run, self);

  return self;
}

void
belfry_kafka_producer_push (BelfryKafkaProducer *self,
                            GPtrArray           *events,
                            guint                first)
{
  BelfryKafkaParcel *parcel = g_new (BelfryKafkaParcel, 1);
  gboolean was_empty;

  *parcel = (BelfryKafkaParcel) { g_ptr_array_ref (events), first };
  g_mutex_lock (&self->lock);
  was_empty = g_queue_is_empty (&self->parcels);
  g_queue_push_tail (&self->parcels, parcel);
  g_mutex_unlock (&self->lock);
  if (was_empty)
    wake (self);
}

void
belfry_kafka_producer_push_letters (BelfryKafkaProducer *self,
                                    GPtrArray           *letters)
{
  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->new_letters, g_ptr_array_unref);
  self->new_letters = g_ptr_array_ref (letters);
  g_mutex_unlock (&self->lock);
  wake (self);
}

gboolean
belfry_kafka_producer_take_letters_sent (BelfryKafkaProducer *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  gboolean were_sent = self->were_letters_sent;

  self->were_letters_sent = FALSE;

  return were_sent;
}

void
belfry_kafka_producer_reset (BelfryKafkaProducer *self)
{
  g_mutex_lock (&self->lock);
  self->wants_reset = TRUE;
  g_queue_clear_full (&self->parcels, belfry_kafka_parcel_free);
  self->n_done = 0;
  g_clear_pointer (&self->refused, g_ptr_array_unref);
  g_mutex_unlock (&self->lock);
  wake (self);
}

gboolean
belfry_kafka_producer_take_report (BelfryKafkaProducer *self,
                                   BelfrySinkReport    *news)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  if (self->n_done == 0)
    return FALSE;

  *news = (BelfrySinkReport) { self->n_done, self->through, g_steal_pointer (&self->refused) };
  self->n_done = 0;

  return TRUE;
}

BelfryKafkaTrouble
belfry_kafka_producer_get_trouble (BelfryKafkaProducer *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  return self->trouble;
}

void
belfry_kafka_producer_get_counts (BelfryKafkaProducer *self,
                                  BelfryKafkaCounts   *counts)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  *counts = self->counts;
}

void
belfry_kafka_producer_stop (BelfryKafkaProducer *self)
{
  g_mutex_lock (&self->lock);
  self->is_stopping = TRUE;
  g_mutex_unlock (&self->lock);
  wake (self);
}

gboolean
belfry_kafka_producer_has_ended (BelfryKafkaProducer *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  return self->has_ended;
}

/* Whoever is the last one. */
void
belfry_kafka_producer_dispose (BelfryKafkaProducer *self)
{
  g_queue_clear_full (&self->parcels, belfry_kafka_parcel_free);
  g_clear_pointer (&self->refused, g_ptr_array_unref);
  g_ptr_array_unref (self->fresh);
  g_clear_pointer (&self->new_letters, g_ptr_array_unref);
  belfry_kafka_letters_clear (&self->letters);
  belfry_kafka_config_free (self->config);
  (void) close (self->wake_fd);
  g_cond_clear (&self->over);
  g_mutex_clear (&self->lock);
  g_source_unref (self->source);
  g_free (self);
}

void
belfry_kafka_producer_free (BelfryKafkaProducer *self)
{
  gint64 end_usec = g_get_monotonic_time () + FAREWELL_USEC;
  GThread *thread = self->thread;
  gboolean is_over;

  belfry_kafka_producer_stop (self);
  g_mutex_lock (&self->lock);
  while (!self->is_over && g_cond_wait_until (&self->over, &self->lock, end_usec))
    ;
  is_over = self->is_over;
  self->is_abandoned = !is_over;
  g_mutex_unlock (&self->lock);

  /* From here on an abandoned thread may free it at any time. */
  if (!is_over)
    {
      g_thread_unref (thread);
      return;
    }
  g_thread_join (thread);
  belfry_kafka_producer_dispose (self);
}
