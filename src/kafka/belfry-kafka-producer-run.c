/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-kafka-producer-fields-private.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "belfry-kafka-message-private.h"

/* One thread owns librdkafka's producers. It knows two neighbours: the home context, by a locked queue of what is to be sent and a
 * few words of news, and librdkafka's own threads, by their event queue. Both wake it through one descriptor.
 *
 * A message that fails for what happens outside is sent again, later each time. Nothing new goes out until all that is under way is
 * settled, and then the oldest one that waits goes first: so the order of a partition holds. A message that is refused for what it
 * is may have been refused for its company, because brokers judge whole batches: those go again one by one, by a second producer
 * that makes batches of one, before anything behind them goes. What is refused alone is refused for good. */

#define MIN_DELAY_USEC (100 * 1000)
#define MAX_DELAY_USEC (10 * G_USEC_PER_SEC)

/* Without an acknowledgement for so long the broker is asked whether it is there; and so often while it is not. */
#define PROBE_USEC       (5 * G_USEC_PER_SEC)
#define PROBE_AGAIN_USEC (500 * 1000)

/* A failure that did not come again for so long, with nothing to try it on, is over. */
#define FORGET_USEC (15 * G_USEC_PER_SEC)

/* What is under way at the end may take so long to be acknowledged. */
#define LEAVE_USEC G_USEC_PER_SEC

static void
tell_home (BelfryKafkaProducer *self)
{
  g_source_set_ready_time (self->source, 0);
}

/* --- what is wrong --- */

static void
set_trouble (BelfryKafkaProducer *self,
             BelfryKafkaTrouble   trouble)
{
  BelfryKafkaTrouble before;

  g_mutex_lock (&self->lock);
  before = self->trouble;
  self->trouble = trouble;
  g_mutex_unlock (&self->lock);
  if (before == trouble)
    return;

  if (trouble == BELFRY_KAFKA_FINE)
    g_message ("Kafka takes events");
  else
    g_warning ("Kafka: %s, retrying", belfry_kafka_trouble_describe (trouble));
  tell_home (self);
}

/* Trouble further out hides nothing that is known better: the connection ends after a failed login, too. */
static void
note_distant_trouble (BelfryKafkaProducer *self,
                      BelfryKafkaTrouble   trouble)
{
  if (trouble == BELFRY_KAFKA_UNREACHABLE && self->trouble > BELFRY_KAFKA_UNREACHABLE
      && self->trouble <= BELFRY_KAFKA_NOT_AUTHENTICATED)
    return;

  set_trouble (self, trouble);
}

static void
note_proof (BelfryKafkaProducer *self)
{
  self->proof_usec = g_get_monotonic_time ();
}

static void
count_error (BelfryKafkaProducer *self)
{
  g_mutex_lock (&self->lock);
  self->counts.errors++;
  g_mutex_unlock (&self->lock);
}

/* --- what became of messages --- */

static void
rewind_later (BelfryKafkaProducer *self)
{
  gint64 delay_usec = MIN_DELAY_USEC << MIN (self->n_failures, 10);

  delay_usec = MIN (delay_usec, MAX_DELAY_USEC);
  self->resume_usec = g_get_monotonic_time () + delay_usec / 2 + (gint64) (g_random_double () * (double) (delay_usec / 2));
  self->failed_usec = g_get_monotonic_time ();
  self->n_failures++;
  self->is_rewinding = TRUE;
}

static void
refuse (BelfryKafkaProducer *self,
        BelfryKafkaSlot     *slot,
        const char          *reason)
{
  g_ptr_array_add (self->fresh, belfry_sink_refusal_new (slot->event, reason));
  belfry_kafka_flight_settle (&self->flight, slot, BELFRY_KAFKA_DONE);
}

static void
on_failed (BelfryKafkaProducer *self,
           BelfryKafkaSlot     *slot,
           rd_kafka_resp_err_t  error)
{
  const char *reason;

  if (belfry_kafka_is_refusal (error, &reason))
    {
      if (slot->is_alone)
        {
          refuse (self, slot, reason);
          return;
        }
      self->alone_through = MAX (self->alone_through, belfry_event_get_position (slot->event));
      belfry_kafka_flight_settle (&self->flight, slot, BELFRY_KAFKA_WAITING);
      self->is_rewinding = TRUE;
      return;
    }

  count_error (self);
  g_debug ("A message failed and is sent again: %s", rd_kafka_err2name (error));
  /* The end of a producer has a reason of its own. */
  if (error != RD_KAFKA_RESP_ERR__FATAL && error != RD_KAFKA_RESP_ERR__PURGE_QUEUE)
    note_distant_trouble (self, belfry_kafka_trouble_from_error (error));
  if (belfry_kafka_trouble_from_error (error) == BELFRY_KAFKA_TOPIC_MISSING)
    belfry_kafka_handle_forget_topics (&self->handles[0]);
  belfry_kafka_flight_settle (&self->flight, slot, BELFRY_KAFKA_WAITING);
  if (!self->is_rewinding || self->resume_usec == 0)
    rewind_later (self);
}

/* Events do not wait for letters: these have a topic of their own. */
static void
on_letter (BelfryKafkaProducer      *self,
           const rd_kafka_message_t *message)
{
  BelfryKafkaLettersNews news = belfry_kafka_letters_settle (&self->letters, message);
  BelfryKafkaTrouble trouble = belfry_kafka_trouble_from_error (belfry_kafka_get_outcome (message));

  if (news == BELFRY_KAFKA_LETTERS_FINE)
    return;

  count_error (self);
  if (trouble == BELFRY_KAFKA_TOPIC_MISSING)
    belfry_kafka_handle_ask_for_topics (&self->handles[0], self->config);
  if (news == BELFRY_KAFKA_LETTERS_STUCK && !belfry_kafka_trouble_is_distant (trouble))
    g_warning ("Kafka does not take dead letters: %s, retrying", belfry_kafka_trouble_describe (trouble));
}

static void
on_reports (BelfryKafkaProducer *self,
            rd_kafka_event_t    *event)
{
  const rd_kafka_message_t *message;
  gboolean has_arrived = FALSE;

  while ((message = rd_kafka_event_message_next (event)) != NULL)
    {
      BelfryKafkaSlot *slot = message->_private;
      rd_kafka_resp_err_t error;

      if (belfry_kafka_letters_owns (message))
        {
          on_letter (self, message);
          continue;
        }
      error = belfry_kafka_get_outcome (message);
      if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        {
          on_failed (self, slot, error);
          continue;
        }
      has_arrived = TRUE;
      belfry_kafka_flight_settle (&self->flight, slot, BELFRY_KAFKA_DONE);
    }

  if (!has_arrived)
    return;
  note_proof (self);
  if (!self->is_rewinding)
    {
      self->n_failures = 0;
      set_trouble (self, BELFRY_KAFKA_FINE);
    }
}

/* A producer that ended itself is replaced; what it had goes again. */
static void
restart (BelfryKafkaProducer *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->handles); i++)
    belfry_kafka_handle_close (&self->handles[i]);
  belfry_kafka_letters_recall (&self->letters);
  belfry_kafka_flight_recall (&self->flight);
  g_mutex_lock (&self->lock);
  self->counts.restarts++;
  g_mutex_unlock (&self->lock);
  rewind_later (self);
}

/* What librdkafka cannot recover from; FINE when it goes on. */
static BelfryKafkaTrouble
find_fatal (BelfryKafkaProducer *self)
{
  char reason[256];

  for (guint i = 0; i < G_N_ELEMENTS (self->handles); i++)
    {
      rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

      if (self->handles[i].rk != NULL)
        error = rd_kafka_fatal_error (self->handles[i].rk, reason, sizeof reason);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        continue;
      g_debug ("librdkafka gave up and is started anew: %s", reason);
      return belfry_kafka_trouble_from_error (error);
    }

  return BELFRY_KAFKA_FINE;
}

static void
on_error (BelfryKafkaProducer *self,
          rd_kafka_event_t    *event)
{
  rd_kafka_resp_err_t error = rd_kafka_event_error (event);
  BelfryKafkaTrouble trouble = belfry_kafka_trouble_from_error (error);

  g_debug ("librdkafka: %s", rd_kafka_event_error_string (event));
  count_error (self);
  /* One broker of several may go away without anybody noticing; all of them may not. */
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN
      || (belfry_kafka_trouble_is_distant (trouble) && trouble != BELFRY_KAFKA_UNREACHABLE))
    note_distant_trouble (self, trouble);
  else if (belfry_kafka_trouble_is_distant (trouble))
    self->proof_usec = MIN (self->proof_usec, g_get_monotonic_time () - PROBE_USEC);
}

static void
on_event (BelfryKafkaProducer *self,
          BelfryKafkaHandle   *handle,
          rd_kafka_event_t    *event)
{
  switch (rd_kafka_event_type (event))
    {
    case RD_KAFKA_EVENT_DR:
      on_reports (self, event);
      break;
    case RD_KAFKA_EVENT_ERROR:
      on_error (self, event);
      break;
    case RD_KAFKA_EVENT_LOG:
      belfry_kafka_handle_log (event);
      break;
    case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
      if (!belfry_kafka_handle_take_topics (handle, event))
        note_distant_trouble (self, BELFRY_KAFKA_UNREACHABLE);
      /* Whether it is well is asked at once. */
      self->probe_usec = 0;
      self->proof_usec = 0;
      break;
    default:
      break;
    }
}

static void
drain (BelfryKafkaProducer *self)
{
  BelfryKafkaTrouble fatal;

  for (guint i = 0; i < G_N_ELEMENTS (self->handles); i++)
    {
      rd_kafka_event_t *event;

      while (self->handles[i].queue != NULL && (event = rd_kafka_queue_poll (self->handles[i].queue, 0)) != NULL)
        {
          on_event (self, &self->handles[i], event);
          rd_kafka_event_destroy (event);
        }
    }

  fatal = find_fatal (self);
  if (fatal != BELFRY_KAFKA_FINE)
    {
      set_trouble (self, fatal);
      restart (self);
    }
  if (self->is_rewinding && self->flight.n_sent == 0)
    {
      belfry_kafka_flight_rewind (&self->flight);
      self->is_rewinding = FALSE;
    }
}

/* --- sending --- */

/* FALSE: not now. */
static gboolean
ensure_handle (BelfryKafkaProducer *self,
               guint                which)
{
  g_autoptr(GError) error = NULL;

  if (self->handles[which].rk != NULL || belfry_kafka_handle_open (&self->handles[which], self->config, which == 1, self->wake_fd, &error))
    return TRUE;

  g_warning ("Cannot start librdkafka: %s, retrying", error->message);
  rewind_later (self);
  return FALSE;
}

static gboolean
send_one (BelfryKafkaProducer *self,
          BelfryKafkaSlot     *slot,
          guint                which)
{
  rd_kafka_resp_err_t error = belfry_kafka_message_produce (self->handles[which].rk, self->handles[which].topic, slot->event, slot);
  const char *reason;

  if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
    {
      slot->is_alone = which == 1;
      self->current = which;
      belfry_kafka_flight_pass (&self->flight);
      return TRUE;
    }
  if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
    {
      g_mutex_lock (&self->lock);
      self->counts.queue_full++;
      g_mutex_unlock (&self->lock);
      /* Reports make room and wake us; without any to come, time does. */
      if (self->flight.n_sent == 0)
        rewind_later (self);
      return FALSE;
    }
  /* librdkafka itself refuses what no broker would have to look at: that is about this message alone. */
  if (belfry_kafka_is_refusal (error, &reason))
    {
      refuse (self, slot, reason);
      return TRUE;
    }

  on_failed (self, slot, error);
  return FALSE;
}

static void
send_all (BelfryKafkaProducer *self)
{
  BelfryKafkaSlot *slot;

  if (self->is_rewinding || g_get_monotonic_time () < self->resume_usec || !ensure_handle (self, 0)
      || !belfry_kafka_handle_ensure_topics (&self->handles[0], self->config))
    return;

  self->resume_usec = 0;
  belfry_kafka_letters_send (&self->letters, self->handles[0].rk, self->handles[0].letter_topic, FALSE);
  if (belfry_kafka_letters_want_to_go_alone (&self->letters))
    {
      if (!ensure_handle (self, 1))
        return;
      belfry_kafka_letters_send (&self->letters, self->handles[1].rk, self->handles[1].letter_topic, TRUE);
    }
  while ((slot = belfry_kafka_flight_peek (&self->flight)) != NULL)
    {
      guint which = belfry_event_get_position (slot->event) <= self->alone_through ? 1 : 0;

      /* One producer after the other, or the order would be lost. */
      if ((which != self->current && self->flight.n_sent > 0) || !ensure_handle (self, which) || !send_one (self, slot, which))
        return;
    }
}

/* Asks for the topic when nothing was heard for a while. This waits, but for a moment only, and only while nothing comes. */
static void
probe (BelfryKafkaProducer *self)
{
  gint64 now = g_get_monotonic_time ();
  BelfryKafkaTrouble trouble;

  if (!self->handles[0].has_topics || now - self->probe_usec < PROBE_AGAIN_USEC
      || (self->trouble == BELFRY_KAFKA_FINE && now - self->proof_usec < PROBE_USEC))
    return;

  trouble = belfry_kafka_handle_probe (&self->handles[0]);
  self->probe_usec = g_get_monotonic_time ();
  if (!belfry_kafka_trouble_is_distant (trouble))
    note_proof (self);
  if (trouble == BELFRY_KAFKA_TOPIC_MISSING)
    belfry_kafka_handle_forget_topics (&self->handles[0]);

  /* That the topic is there does not say that it takes what it refused. */
  if (trouble == BELFRY_KAFKA_FINE && self->n_failures > 0 && !belfry_kafka_trouble_is_distant (self->trouble)
      && (self->flight.batches.length > 0 || now - self->failed_usec < FORGET_USEC))
    return;
  note_distant_trouble (self, trouble);
}

/* --- the thread --- */

static void
forget_flight (BelfryKafkaProducer *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->handles); i++)
    belfry_kafka_handle_close (&self->handles[i]);
  belfry_kafka_letters_recall (&self->letters);
  belfry_kafka_flight_clear (&self->flight);
  g_ptr_array_set_size (self->fresh, 0);
  self->is_rewinding = FALSE;
  self->resume_usec = 0;
  self->n_failures = 0;
}

/* Whether the thread is to go on. */
static gboolean
take_orders (BelfryKafkaProducer *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  BelfryKafkaParcel *parcel;

  /* Another one may be asked for meanwhile, and what waits then came after that. */
  while (self->wants_reset)
    {
      self->wants_reset = FALSE;
      g_mutex_unlock (&self->lock);
      forget_flight (self);
      g_mutex_lock (&self->lock);
    }
  if (self->new_letters != NULL)
    belfry_kafka_letters_take (&self->letters, g_steal_pointer (&self->new_letters));
  while ((parcel = g_queue_pop_head (&self->parcels)) != NULL)
    {
      belfry_kafka_flight_push (&self->flight, parcel->events, parcel->first);
      belfry_kafka_parcel_free (parcel);
    }

  return !self->is_stopping;
}

static gint
compare_refusals (gconstpointer a,
                  gconstpointer b)
{
  guint64 position_a = belfry_event_get_position ((*(BelfrySinkRefusal **) a)->event);
  guint64 position_b = belfry_event_get_position ((*(BelfrySinkRefusal **) b)->event);

  return position_a < position_b ? -1 : position_a > position_b;
}

/* Refusals are told when nothing older is missing. */
static void
take_fresh (BelfryKafkaProducer *self)
{
  guint n_taken = 0;

  while (n_taken < self->fresh->len
         && belfry_event_get_position (((BelfrySinkRefusal *) g_ptr_array_index (self->fresh, n_taken))->event) <= self->flight.through)
    n_taken++;
  if (n_taken == 0)
    return;

  self->counts.delivered -= n_taken;
  if (self->refused == NULL)
    self->refused = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_sink_refusal_free);
  for (guint i = 0; i < n_taken; i++)
    {
      BelfrySinkRefusal *refusal = g_ptr_array_index (self->fresh, i);

      g_ptr_array_add (self->refused, belfry_sink_refusal_new (refusal->event, refusal->reason));
      self->counts.refused++;
      if (g_str_equal (refusal->reason, BELFRY_KAFKA_TOO_LARGE))
        self->counts.too_large++;
      else
        self->counts.invalid++;
    }
  g_ptr_array_remove_range (self->fresh, 0, n_taken);
}

static void
report (BelfryKafkaProducer *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  guint n_letters;

  n_letters = belfry_kafka_letters_finish (&self->letters);
  if (n_letters > 0)
    {
      self->counts.delivered += n_letters;
      self->were_letters_sent = TRUE;
      tell_home (self);
    }
  /* Nobody wants to hear of what is about to be forgotten. */
  if (self->flight.n_done == 0 || self->wants_reset)
    return;

  g_ptr_array_sort (self->fresh, compare_refusals);
  self->n_done += self->flight.n_done;
  self->through = self->flight.through;
  self->counts.delivered += self->flight.n_done;
  self->flight.n_done = 0;
  take_fresh (self);
  tell_home (self);
}

static int
get_timeout (BelfryKafkaProducer *self)
{
  gint64 now = g_get_monotonic_time ();
  gint64 timeout_usec = self->trouble == BELFRY_KAFKA_FINE ? G_USEC_PER_SEC : PROBE_AGAIN_USEC / 2;

  if (self->resume_usec != 0)
    timeout_usec = CLAMP (self->resume_usec - now, 0, timeout_usec);

  return (int) (timeout_usec / 1000) + 1;
}

static void
wait_for_news (BelfryKafkaProducer *self,
               int                  timeout_msec)
{
  struct pollfd wanted = { .fd = self->wake_fd, .events = POLLIN };
  guint64 n_wakes;

  if (poll (&wanted, 1, timeout_msec) > 0 && read (self->wake_fd, &n_wakes, sizeof n_wakes) < 0 && errno != EAGAIN)
    g_debug ("Cannot read the wakes: %s", g_strerror (errno));
}

static void
leave (BelfryKafkaProducer *self)
{
  gint64 end_usec = g_get_monotonic_time () + LEAVE_USEC;

  while (((self->flight.n_sent > 0 && !self->is_rewinding) || self->letters.n_sent > 0) && g_get_monotonic_time () < end_usec)
    {
      wait_for_news (self, 50);
      drain (self);
    }
  report (self);

  g_mutex_lock (&self->lock);
  self->has_ended = TRUE;
  g_mutex_unlock (&self->lock);
  tell_home (self);
}

/* librdkafka waits for its threads, and these for whoever looks up the names of brokers. */
static void
let_go (BelfryKafkaProducer *self)
{
  gboolean is_abandoned;

  forget_flight (self);

  g_mutex_lock (&self->lock);
  self->is_over = TRUE;
  is_abandoned = self->is_abandoned;
  g_cond_signal (&self->over);
  g_mutex_unlock (&self->lock);
  if (is_abandoned)
    belfry_kafka_producer_dispose (self);
}

/* What was settled just now may have made room for what waits, and nobody else tells. */
static gboolean
can_go_on (BelfryKafkaProducer *self)
{
  return self->handles[0].has_topics && !self->is_rewinding && self->resume_usec == 0 && self->flight.n_sent == 0
         && belfry_kafka_flight_peek (&self->flight) != NULL;
}

gpointer
belfry_kafka_producer_run (gpointer data)
{
  BelfryKafkaProducer *self = data;

  while (take_orders (self))
    {
      send_all (self);
      drain (self);
      report (self);
      probe (self);
      if (!can_go_on (self))
        wait_for_news (self, get_timeout (self));
      drain (self);
    }
  leave (self);
  let_go (self);

  return NULL;
}
