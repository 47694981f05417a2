/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-collector-batch-private.h"

#include <string.h>

#include "belfry-timestamp-private.h"

#define DOOR "collect"
#define ID_ROOM 21  /* bytes of an id with quotation marks and a comma */

BelfryCollectorBatch *
belfry_collector_batch_new (gint64 received_usec)
{
  BelfryCollectorBatch *self = g_new0 (BelfryCollectorBatch, 1);
  g_autofree char *uuid = g_uuid_string_random ();

  g_strlcpy (self->batch_id, uuid, sizeof self->batch_id);
  self->received_usec = received_usec;
  self->events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  self->letters = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_dead_letter_unref);
  self->letter_items = g_array_new (FALSE, FALSE, sizeof (guint));
  return self;
}

void
belfry_collector_batch_free (BelfryCollectorBatch *self)
{
  g_ptr_array_unref (self->events);
  g_ptr_array_unref (self->letters);
  g_array_unref (self->letter_items);
  g_free (self);
}

void
belfry_collector_batch_accept (BelfryCollectorBatch *self,
                               BelfryEvent          *event)
{
  g_ptr_array_add (self->events, event);
  self->n_items++;
}

void
belfry_collector_batch_refuse (BelfryCollectorBatch       *self,
                               const char                 *door,
                               const BelfryLearnerRefusal *refusal,
                               const char                 *content_type,
                               GBytes                     *body)
{
  guint item = self->n_items++;

  g_ptr_array_add (self->letters,
                   belfry_dead_letter_new (door, belfry_learner_reason_to_string (refusal->reason), refusal->field,
                                           refusal->message, content_type, body));
  g_array_append_val (self->letter_items, item);
  self->n_by_reason[refusal->reason]++;
}

/* --- reading --- */

/* What is left of the body. */
typedef struct
{
  GBytes     *body;
  const char *begin;
  const char *at;
  const char *end;
} Reader;

static void
forget_items (BelfryCollectorBatch *self)
{
  g_ptr_array_set_size (self->events, 0);
  g_ptr_array_set_size (self->letters, 0);
  g_array_set_size (self->letter_items, 0);
  memset (self->n_by_reason, 0, sizeof self->n_by_reason);
  self->n_items = 0;
}

static void
skip_space (Reader *reader)
{
  while (reader->at < reader->end
         && (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r'))
    reader->at++;
}

/* With the white space behind it. */
static gboolean
take (Reader *reader,
      char    c)
{
  if (reader->at == reader->end || *reader->at != c)
    return FALSE;
  reader->at++;
  skip_space (reader);
  return TRUE;
}

static gboolean
take_value (Reader          *reader,
            BelfryJsonValue *value)
{
  const char *end = belfry_json_scan_first (reader->at, (gsize) (reader->end - reader->at), NULL, value);

  if (end == NULL)
    return FALSE;
  reader->at = end;
  return TRUE;
}

static gboolean
take_item (BelfryCollectorBatch *self,
           BelfryLearnerRules   *rules,
           Reader               *reader)
{
  g_autoptr(GBytes) text = NULL;
  BelfryLearnerRefusal refusal = { 0 };
  BelfryJsonValue item;
  const char *end;
  BelfryEvent *event;

  event = belfry_learner_event_parse (rules, reader->at, (gsize) (reader->end - reader->at), &end, &item, &refusal);
  if (end == NULL)
    return FALSE;

  reader->at = end;
  if (G_LIKELY (event != NULL))
    {
      belfry_collector_batch_accept (self, event);
      return TRUE;
    }

  text = g_bytes_new_from_bytes (reader->body, (gsize) (item.text - reader->begin), item.length);
  belfry_collector_batch_refuse (self, DOOR, &refusal, "application/json", text);
  belfry_learner_refusal_clear (&refusal);
  return TRUE;
}

/* At the bracket of the list of events. */
static BelfryCollectorBody
take_items (BelfryCollectorBatch *self,
            BelfryLearnerRules   *rules,
            guint                 max_items,
            Reader               *reader)
{
  take (reader, '[');
  if (take (reader, ']'))
    return BELFRY_COLLECTOR_BODY_EMPTY;
  do
    {
      if (self->n_items == max_items)
        return BELFRY_COLLECTOR_BODY_TOO_MANY;
      if (!take_item (self, rules, reader))
        return BELFRY_COLLECTOR_BODY_NO_JSON;
    }
  while (take (reader, ','));

  return take (reader, ']') ? BELFRY_COLLECTOR_BODY_GOOD : BELFRY_COLLECTOR_BODY_NO_JSON;
}

/* Of members of one name the last counts. */
static BelfryCollectorBody
take_events (BelfryCollectorBatch *self,
             BelfryLearnerRules   *rules,
             guint                 max_items,
             Reader               *reader)
{
  BelfryJsonValue value;

  forget_items (self);
  if (reader->at < reader->end && *reader->at == '[')
    return take_items (self, rules, max_items, reader);

  return take_value (reader, &value) ? BELFRY_COLLECTOR_BODY_NO_LIST : BELFRY_COLLECTOR_BODY_NO_JSON;
}

/* Name and colon. */
static gboolean
take_name (Reader   *reader,
           gboolean *is_events)
{
  BelfryJsonValue name;

  if (!take_value (reader, &name) || name.type != BELFRY_JSON_STRING)
    return FALSE;
  *is_events = belfry_json_equals (name.text + 1, name.length - 2, "events", strlen ("events"));
  return take (reader, ':');
}

/* Behind the opening brace of the body. The events are read where they lie, so that each byte is looked at once. */
static BelfryCollectorBody
take_members (BelfryCollectorBatch *self,
              BelfryLearnerRules   *rules,
              guint                 max_items,
              Reader               *reader)
{
  BelfryCollectorBody verdict = BELFRY_COLLECTOR_BODY_NO_EVENTS;
  BelfryJsonValue value;
  gboolean is_events;

  if (take (reader, '}'))
    return verdict;
  do
    {
      if (!take_name (reader, &is_events))
        return BELFRY_COLLECTOR_BODY_NO_JSON;
      if (is_events)
        verdict = take_events (self, rules, max_items, reader);
      else if (!take_value (reader, &value))
        return BELFRY_COLLECTOR_BODY_NO_JSON;
      if (verdict == BELFRY_COLLECTOR_BODY_NO_JSON || verdict == BELFRY_COLLECTOR_BODY_TOO_MANY)
        return verdict;
    }
  while (take (reader, ','));

  return take (reader, '}') ? verdict : BELFRY_COLLECTOR_BODY_NO_JSON;
}

BelfryCollectorBody
belfry_collector_batch_read (BelfryCollectorBatch *self,
                             BelfryLearnerRules   *rules,
                             GBytes               *body,
                             guint                 max_items)
{
  BelfryCollectorBody verdict = BELFRY_COLLECTOR_BODY_NO_OBJECT;
  Reader reader = { .body = body };
  BelfryJsonValue value;
  gsize length;

  reader.begin = reader.at = g_bytes_get_data (body, &length);
  reader.end = reader.begin + length;
  skip_space (&reader);
  if (take (&reader, '{'))
    verdict = take_members (self, rules, max_items, &reader);
  else if (!take_value (&reader, &value))
    verdict = BELFRY_COLLECTOR_BODY_NO_JSON;

  if (verdict != BELFRY_COLLECTOR_BODY_TOO_MANY && reader.at != reader.end)
    verdict = BELFRY_COLLECTOR_BODY_NO_JSON;
  return verdict;
}

/* --- the answer --- */

static void
append_ids (GString                    *json,
            const BelfryCollectorBatch *self,
            const BelfryEventPlace     *places)
{
  g_string_append (json, ",\"event_ids\":[");
  for (guint i = 0; i < self->events->len; i++)
    {
      if (i > 0)
        g_string_append_c (json, ',');
      g_string_append_c (json, '"');
      g_string_append (json, places != NULL ? places[i].id
                                            : belfry_event_get_id (g_ptr_array_index (self->events, i)));
      g_string_append_c (json, '"');
    }
  g_string_append_c (json, ']');
}

static void
append_errors (GString                    *json,
               const BelfryCollectorBatch *self)
{
  g_string_append (json, ",\"errors\":[");
  for (guint i = 0; i < self->letters->len; i++)
    {
      const BelfryDeadLetter *letter = g_ptr_array_index (self->letters, i);

      if (i > 0)
        g_string_append_c (json, ',');
      g_string_append_printf (json, "{\"index\":%u,\"field\":\"%s\",\"message\":",
                              g_array_index (self->letter_items, guint, i), letter->field);
      belfry_json_append_string (json, letter->message);
      g_string_append_c (json, '}');
    }
  g_string_append_c (json, ']');
}

GBytes *
belfry_collector_batch_format (const BelfryCollectorBatch *self,
                               const BelfryEventPlace     *places)
{
  g_autoptr(GString) json = g_string_sized_new (256 + ID_ROOM * self->events->len);
  char timestamp[BELFRY_TIMESTAMP_LENGTH + 1];

  belfry_timestamp_write (self->received_usec, timestamp);
  g_string_append_printf (json, "{\"success\":%s,\"batch_id\":\"%s\",\"accepted\":%u,\"rejected\":%u,\"timestamp\":\"%s\"",
                          self->letters->len == 0 ? "true" : "false", self->batch_id, self->events->len,
                          self->letters->len, timestamp);
  append_ids (json, self, places);
  if (self->letters->len > 0)
    append_errors (json, self);
  g_string_append_c (json, '}');
  return g_string_free_to_bytes (g_steal_pointer (&json));
}
