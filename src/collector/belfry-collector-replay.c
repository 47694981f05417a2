/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-collector-private.h"
#include "belfry-event-problems-private.h"

/* A dead letter becomes an event: as it was received, when the rules or the types have changed since, or as somebody has
 * corrected it. The log sees to it that this happens once. */

typedef struct
{
  guint64  number;
  GBytes  *text;  /* owned; the corrected event, or NULL */
} Wish;

static void
wish_free (gpointer data)
{
  Wish *wish = data;

  g_clear_pointer (&wish->text, g_bytes_unref);
  g_free (wish);
}

static void
return_unknown (GTask *task)
{
  g_task_return_new_error (task, BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND, "Dead letter not found");
}

static void
raise_refusal (BelfryLearnerRefusal *refusal,
               GError              **error)
{
  BelfryEventProblems *problems = NULL;

  belfry_event_problems_add (&problems, refusal->field,
                             refusal->reason == BELFRY_LEARNER_REASON_MISSING_FIELD ? "missing" : "value_error", "%s",
                             refusal->message);
  belfry_event_problems_raise (problems, error);
}

static BelfryEvent *
parse_learner_event (BelfryCollector  *self,
                     const char       *text,
                     gsize             length,
                     GError          **error)
{
  g_autoptr(BelfryCollectorBatch) batch = belfry_collector_batch_new (g_get_real_time ());
  BelfryLearnerRefusal refusal = { 0 };
  g_autoptr(BelfryEvent) event = NULL;
  BelfryLearnerRules rules;
  BelfryJsonValue item;
  const char *end;

  belfry_collector_get_rules (self, batch, &rules);
  event = belfry_learner_event_parse (&rules, text, length, &end, &item, &refusal);
  if (event == NULL && end != NULL)
    raise_refusal (&refusal, error);
  else if (end != text + length)
    belfry_event_problems_raise_invalid_json (error);
  belfry_learner_refusal_clear (&refusal);

  return end == text + length ? g_steal_pointer (&event) : NULL;
}

/* What was refused by Kafka is an event of the log, which not all are collected. */
static gboolean
is_learner_event (const BelfryDeadLetter *letter,
                  const char             *text,
                  gsize                   length)
{
  static const BelfryJsonName name = BELFRY_JSON_NAME ("learner_id");
  BelfryJsonValue value, root;
  const BelfryJsonWanted wanted = { .names = &name, .n_names = 1, .values = &value };

  if (strcmp (letter->door, "kafka") != 0)
    return TRUE;

  return belfry_json_scan (text, length, &wanted, &root) && root.type == BELFRY_JSON_OBJECT
         && value.type != BELFRY_JSON_ABSENT;
}

static BelfryEvent *
make_event (BelfryCollector         *self,
            const BelfryDeadLetter  *letter,
            GBytes                  *corrected,
            GError                 **error)
{
  g_autoptr(GBytes) body = corrected != NULL ? g_bytes_ref (corrected) : belfry_collector_decode (self, letter);
  const char *text;
  gsize length;

  if (body == NULL)
    {
      belfry_event_problems_raise_invalid_json (error);
      return NULL;
    }

  text = g_bytes_get_data (body, &length);
  if (text == NULL)
    text = "";
  if (is_learner_event (letter, text, length))
    return parse_learner_event (self, text, length, error);

  return belfry_pipeline_parse_json (belfry_collector_get_pipeline (self), text, (gssize) length, error);
}

static void
delivered_cb (const BelfryConsignment *delivery,
              const GError         *error,
              gpointer              user_data)
{
  g_autoptr(GTask) task = user_data;

  if (error != NULL)
    g_task_return_error (task, g_error_copy (error));
  else if (delivery->replay->event_id != NULL)
    g_task_return_pointer (task, g_strdup (delivery->replay->event_id), g_free);
  else
    return_unknown (task);
}

static void
deliver (BelfryCollector *self,
         BelfryEvent     *event,
         GTask           *task)
{
  const Wish *wish = g_task_get_task_data (task);
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(BelfryReplay) replay = belfry_replay_new (wish->number);
  const BelfryConsignment delivery = { .events = events, .replay = replay };

  g_ptr_array_add (events, event);
  belfry_pipeline_deliver (belfry_collector_get_pipeline (self), &delivery, delivered_cb, task);
}

static void
found_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  g_autoptr(GTask) task = user_data;
  BelfryCollector *self = g_task_get_source_object (task);
  const Wish *wish = g_task_get_task_data (task);
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) letters = NULL;
  const BelfryDeadLetter *letter;
  BelfryEvent *event;

  letters = belfry_dead_letter_keeper_list_finish (BELFRY_DEAD_LETTER_KEEPER (source), result, &error);
  if (letters == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  if (letters->len == 0)
    {
      return_unknown (task);
      return;
    }

  letter = g_ptr_array_index (letters, 0);
  if (letter->event_id != NULL)
    {
      g_task_return_pointer (task, g_strdup (letter->event_id), g_free);
      return;
    }

  event = make_event (self, letter, wish->text, &error);
  if (event == NULL)
    g_task_return_error (task, g_steal_pointer (&error));
  else
    deliver (self, event, g_steal_pointer (&task));
}

void
belfry_collector_replay_async (BelfryCollector     *self,
                               guint64              number,
                               GBytes              *text,
                               GAsyncReadyCallback  callback,
                               gpointer             user_data)
{
  BelfryEventStore *store = belfry_pipeline_get_store (belfry_collector_get_pipeline (self));
  g_autoptr(GTask) task = g_task_new (self, NULL, callback, user_data);
  Wish *wish = g_new0 (Wish, 1);

  g_task_set_source_tag (task, belfry_collector_replay_async);
  wish->number = number;
  wish->text = text != NULL ? g_bytes_ref (text) : NULL;
  g_task_set_task_data (task, wish, wish_free);
  if (BELFRY_IS_DEAD_LETTER_KEEPER (store))
    belfry_dead_letter_keeper_list_async (BELFRY_DEAD_LETTER_KEEPER (store), number, number, TRUE, NULL, 1, G_MAXSIZE,
                                          NULL, found_cb, g_steal_pointer (&task));
  else
    return_unknown (task);
}

char *
belfry_collector_replay_finish (BelfryCollector  *self,
                                GAsyncResult     *result,
                                GError          **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
