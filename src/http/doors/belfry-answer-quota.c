/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-answer-quota-private.h"

/* Bytes that libsoup holds may outlive the server, so that each answer has a reference of its own.
 *
 * An answer takes memory from when its events are read. How large it will be nobody knows before, so what an event
 * took lately is multiplied; and because that may be wrong, only a few answers are read at a time. The others
 * wait, while some are: what is read now tells whether there is room. */

#define MAX_READING 8
#define MAX_WAITING 1024

struct _BelfryAnswerQuota
{
  guint64 max_bytes;
  guint64 bytes;          /* of texts */
  guint64 refused;
  guint64 n_events;       /* that answers being read may have */
  guint64 event_bytes;    /* what one took lately */
  guint   n_reading;
  GQueue  waiting;        /* of owned Waiter, oldest first */
  gboolean is_letting_in;
};

typedef struct
{
  guint            n_events;
  BelfryAnswerFunc func;
  gpointer         user_data;
} Waiter;

typedef struct
{
  BelfryAnswerQuota *quota;  /* owned reference */
  GString           *text;   /* owned */
} Answer;

BelfryAnswerQuota *
belfry_answer_quota_new (guint64 max_bytes)
{
  BelfryAnswerQuota *self = g_rc_box_new0 (BelfryAnswerQuota);

  self->max_bytes = max_bytes;
  return self;
}

static void
call_first (BelfryAnswerQuota *self,
            gboolean           has_room)
{
  g_autofree Waiter *waiter = g_queue_pop_head (&self->waiting);

  if (has_room)
    {
      self->n_reading++;
      self->n_events += waiter->n_events;
    }
  else
    {
      self->refused++;
    }
  waiter->func (has_room, waiter->user_data);
}

static void
clear_quota (gpointer data)
{
  BelfryAnswerQuota *self = data;

  while (self->waiting.head != NULL)
    call_first (self, FALSE);
}

void
belfry_answer_quota_unref (BelfryAnswerQuota *self)
{
  g_rc_box_release_full (self, clear_quota);
}

void
belfry_answer_quota_set_maximum (BelfryAnswerQuota *self,
                                 guint64            max_bytes)
{
  self->max_bytes = max_bytes;
}

guint64
belfry_answer_quota_get_maximum (BelfryAnswerQuota *self)
{
  return self->max_bytes;
}

gboolean
belfry_answer_quota_has_room (BelfryAnswerQuota *self,
                              gsize              bytes)
{
  if (self->bytes == 0 || (self->bytes < self->max_bytes && bytes <= self->max_bytes - self->bytes))
    return TRUE;

  self->refused++;
  return FALSE;
}

/* One that nobody else is in the way of may always be read; its true size is looked at then. */
static gboolean
may_read (BelfryAnswerQuota *self,
          guint              n_events)
{
  if (self->n_reading == 0)
    return self->bytes == 0 || self->bytes < self->max_bytes;

  return self->n_reading < MAX_READING && self->bytes < self->max_bytes
         && self->bytes + (self->n_events + n_events) * self->event_bytes <= self->max_bytes;
}

/* Whoever is called may end at once, and comes here again. */
static void
let_in (BelfryAnswerQuota *self)
{
  if (self->is_letting_in)
    return;

  self->is_letting_in = TRUE;
  while (self->waiting.head != NULL)
    {
      gboolean has_room = may_read (self, ((Waiter *) self->waiting.head->data)->n_events);

      if (!has_room && self->n_reading > 0)
        break;
      call_first (self, has_room);
    }
  self->is_letting_in = FALSE;
}

void
belfry_answer_quota_begin (BelfryAnswerQuota *self,
                           guint              n_events,
                           BelfryAnswerFunc   func,
                           gpointer           user_data)
{
  Waiter *waiter;

  if (self->waiting.length >= MAX_WAITING)
    {
      self->refused++;
      func (FALSE, user_data);
      return;
    }

  waiter = g_new0 (Waiter, 1);
  waiter->n_events = n_events;
  waiter->func = func;
  waiter->user_data = user_data;
  g_queue_push_tail (&self->waiting, waiter);
  let_in (self);
}

/* Large events are believed at once, and forgotten slowly. */
void
belfry_answer_quota_end (BelfryAnswerQuota *self,
                         guint              n_events,
                         guint              n_read,
                         gsize              n_bytes)
{
  self->n_reading--;
  self->n_events -= n_events;
  if (n_read > 0)
    self->event_bytes = MAX (n_bytes / n_read, self->event_bytes - self->event_bytes / 16);
  let_in (self);
}

static void
free_answer (gpointer data)
{
  Answer *answer = data;

  answer->quota->bytes -= answer->text->len;
  belfry_answer_quota_unref (answer->quota);
  g_string_free (answer->text, TRUE);
  g_free (answer);
}

GBytes *
belfry_answer_quota_take_text (BelfryAnswerQuota *self,
                               GString           *text)
{
  Answer *answer = g_new0 (Answer, 1);

  answer->quota = g_rc_box_acquire (self);
  answer->text = text;
  self->bytes += text->len;
  return g_bytes_new_with_free_func (text->str, text->len, free_answer, answer);
}

guint64
belfry_answer_quota_get_bytes (BelfryAnswerQuota *self)
{
  return self->bytes;
}

guint64
belfry_answer_quota_get_refused (BelfryAnswerQuota *self)
{
  return self->refused;
}
