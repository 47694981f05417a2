/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-answer-quota-private.h"

/* Bytes that libsoup holds may outlive the server, so that each answer has a reference of its own. */
struct _BelfryAnswerQuota
{
  guint64 max_bytes;
  guint64 bytes;
  guint64 refused;
};

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

void
belfry_answer_quota_unref (BelfryAnswerQuota *self)
{
  g_rc_box_release (self);
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
