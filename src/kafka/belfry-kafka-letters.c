/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-kafka-letters-private.h"

#include <string.h>

#include "belfry-kafka-trouble-private.h"

#define MIN_DELAY_USEC (200 * 1000)
#define MAX_DELAY_USEC (10 * G_USEC_PER_SEC)

/* Brokers judge whole batches: what is refused in company goes once more by itself. */
enum
{
  WAITING,
  SENT,
  WAITING_ALONE,
  SENT_ALONE,
  DONE,
};

/* Events travel under the address of their slot, which is even. */
static gpointer
make_tag (guint index)
{
  return GSIZE_TO_POINTER ((gsize) index << 1 | 1);
}

gboolean
belfry_kafka_letters_owns (const rd_kafka_message_t *message)
{
  return (GPOINTER_TO_SIZE (message->_private) & 1) != 0;
}

void
belfry_kafka_letters_clear (BelfryKafkaLetters *self)
{
  g_clear_pointer (&self->letters, g_ptr_array_unref);
  g_clear_pointer (&self->states, g_free);
  self->n_alone = 0;
  self->n_sent = 0;
  self->n_done = 0;
}

void
belfry_kafka_letters_take (BelfryKafkaLetters *self,
                           GPtrArray          *letters)
{
  belfry_kafka_letters_clear (self);
  self->letters = letters;
  self->states = g_new0 (guint8, letters->len);
}

void
belfry_kafka_letters_recall (BelfryKafkaLetters *self)
{
  for (guint i = 0; self->letters != NULL && i < self->letters->len; i++)
    if (self->states[i] == SENT || self->states[i] == SENT_ALONE)
      self->states[i]--;
  self->n_sent = 0;
}

static void
add_header (rd_kafka_headers_t *headers,
            const char         *name,
            const char         *value)
{
  (void) rd_kafka_header_add (headers, name, -1, value, -1);
}

static rd_kafka_headers_t *
make_headers (const BelfryDeadLetter *letter)
{
  rd_kafka_headers_t *headers = rd_kafka_headers_new (5);

  add_header (headers, "belfry-reason", letter->reason);
  add_header (headers, "belfry-message", letter->message);
  add_header (headers, "belfry-field", letter->field);
  add_header (headers, "belfry-door", letter->door);
  add_header (headers, "content-type", letter->content_type);

  return headers;
}

static rd_kafka_resp_err_t
produce (rd_kafka_t             *handle,
         rd_kafka_topic_t       *topic,
         const BelfryDeadLetter *letter,
         gpointer                tag)
{
  rd_kafka_headers_t *headers = make_headers (letter);
  g_autofree char *key = belfry_dead_letter_format_id (letter->number);
  rd_kafka_resp_err_t result = RD_KAFKA_RESP_ERR_NO_ERROR;
  rd_kafka_error_t *error;
  gsize size = 0;
  gconstpointer body = letter->body != NULL ? g_bytes_get_data (letter->body, &size) : NULL;

  const rd_kafka_vu_t parts[] = {
    { .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic },
    { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
    { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { key, strlen (key) } },
    { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { (void *) body, size } },
    { .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = tag },
    { .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
  };

  error = rd_kafka_produceva (handle, parts, G_N_ELEMENTS (parts));
  if (error != NULL)
    {
      result = rd_kafka_error_code (error);
      rd_kafka_error_destroy (error);
      rd_kafka_headers_destroy (headers);
    }

  return result;
}

/* It is sent or, as is known here, can never be. */
static void
finish (BelfryKafkaLetters *self,
        guint               index)
{
  if (self->states[index] == WAITING_ALONE || self->states[index] == SENT_ALONE)
    self->n_alone--;
  self->states[index] = DONE;
  self->n_done++;
  self->n_failures = 0;
}

/* TRUE when nothing was amiss before. */
static gboolean
send_later (BelfryKafkaLetters *self)
{
  gint64 now = g_get_monotonic_time ();
  gint64 delay_usec;

  if (self->resume_usec > now)
    return FALSE;
  delay_usec = MIN ((gint64) MIN_DELAY_USEC << MIN (self->n_failures, 10), MAX_DELAY_USEC);
  self->resume_usec = now + delay_usec / 2 + (gint64) (g_random_double () * (double) (delay_usec / 2));

  return self->n_failures++ == 0;
}

BelfryKafkaLettersNews
belfry_kafka_letters_settle (BelfryKafkaLetters       *self,
                             const rd_kafka_message_t *message)
{
  gsize index = GPOINTER_TO_SIZE (message->_private) >> 1;
  rd_kafka_resp_err_t error = belfry_kafka_get_outcome (message);
  const char *reason;

  if (self->letters == NULL || index >= self->letters->len
      || (self->states[index] != SENT && self->states[index] != SENT_ALONE))
    return BELFRY_KAFKA_LETTERS_FINE;

  self->n_sent--;
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
    {
      finish (self, (guint) index);
      return BELFRY_KAFKA_LETTERS_FINE;
    }
  if (!belfry_kafka_is_refusal (error, &reason))
    {
      self->states[index]--;
      return send_later (self) ? BELFRY_KAFKA_LETTERS_STUCK : BELFRY_KAFKA_LETTERS_STILL_STUCK;
    }
  if (self->states[index] == SENT)
    {
      self->states[index] = WAITING_ALONE;
      self->n_alone++;
      return BELFRY_KAFKA_LETTERS_FINE;
    }

  /* What cannot be told there is kept here all the same. */
  finish (self, (guint) index);
  return BELFRY_KAFKA_LETTERS_FINE;
}

gboolean
belfry_kafka_letters_want_to_go_alone (const BelfryKafkaLetters *self)
{
  return self->n_alone > 0;
}

void
belfry_kafka_letters_send (BelfryKafkaLetters *self,
                           rd_kafka_t         *handle,
                           rd_kafka_topic_t   *topic,
                           gboolean            is_alone)
{
  const guint8 wanted = is_alone ? WAITING_ALONE : WAITING;

  if (self->letters == NULL || topic == NULL || g_get_monotonic_time () < self->resume_usec)
    return;

  for (guint i = 0; i < self->letters->len; i++)
    {
      rd_kafka_resp_err_t error;
      const char *reason;

      if (self->states[i] != wanted)
        continue;
      error = produce (handle, topic, g_ptr_array_index (self->letters, i), make_tag (i));
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        {
          self->states[i]++;
          self->n_sent++;
          continue;
        }
      /* librdkafka speaks of this one alone. */
      if (belfry_kafka_is_refusal (error, &reason))
        {
          finish (self, i);
          continue;
        }
      if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        (void) send_later (self);
      return;
    }
}

guint
belfry_kafka_letters_finish (BelfryKafkaLetters *self)
{
  guint n_letters = self->n_done;

  if (self->letters == NULL || n_letters < self->letters->len)
    return 0;

  belfry_kafka_letters_clear (self);
  return n_letters;
}
