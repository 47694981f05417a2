/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-collector-message-private.h"

#include "belfry-grpc-convert-private.h"

#define LITERAL(text, literal) g_string_append_len (text, literal, sizeof (literal) - 1)

static void
append_string (GString        *text,
               BelfryGrpcText  string)
{
  gsize begin = text->len;

  g_string_set_size (text, begin + belfry_json_measure_string (string.data, string.size));
  belfry_json_write_string (text->str + begin, string.data, string.size);
}

/* What was not sent is absent. */
static void
append_member (GString        *text,
               const char     *name,
               BelfryGrpcText  value)
{
  if (value.size == 0)
    return;

  if (text->str[text->len - 1] != '{')
    g_string_append_c (text, ',');
  g_string_append_c (text, '"');
  g_string_append (text, name);
  LITERAL (text, "\":");
  append_string (text, value);
}

static void
append_entries (GString               *text,
                const BelfryGrpcEntry *entries,
                gsize                  n_entries)
{
  for (gsize i = 0; i < n_entries; i++)
    {
      if (i > 0)
        g_string_append_c (text, ',');
      append_string (text, entries[i].key);
      g_string_append_c (text, ':');
      append_string (text, entries[i].value);
    }
}

static gboolean
refuse_json (BelfryLearnerRefusal *refusal,
             const char           *message)
{
  refusal->reason = BELFRY_LEARNER_REASON_INVALID_FIELD;
  refusal->field = "event_data_json";
  refusal->message = g_strdup (message);
  return FALSE;
}

/* Of members of one name the last counts, so that those of the JSON win by standing behind the others. */
static gboolean
append_event_data (GString               *text,
                   const BelfryGrpcEvent *event,
                   BelfryLearnerRefusal  *refusal)
{
  BelfryGrpcText json = event->event_data_json;
  BelfryJsonValue root;

  LITERAL (text, ",\"event_data\":{");
  append_entries (text, event->event_data, event->n_event_data);
  if (json.size > 0)
    {
      if (!belfry_json_scan (json.data, json.size, NULL, &root) || root.type != BELFRY_JSON_OBJECT)
        return refuse_json (refusal, "Input should be a JSON object");
      if (root.n_members > 0 && event->n_event_data > 0)
        g_string_append_c (text, ',');
      g_string_append_len (text, root.text + 1, (gssize) root.length - 2);
    }
  g_string_append_c (text, '}');
  return TRUE;
}

gboolean
belfry_collector_message_print (const BelfryGrpcEvent *event,
                                GString               *text,
                                BelfryLearnerRefusal  *refusal)
{
  BelfryJsonValue root;

  g_string_assign (text, "{");
  append_member (text, "learner_id", event->learner_id);
  append_member (text, "course_id", event->course_id);
  append_member (text, "lesson_id", event->lesson_id);
  append_member (text, "event_type", event->event_type);
  append_member (text, "timestamp", event->timestamp);
  append_member (text, "session_id", event->session_id);
  if (text->len == 1)
    LITERAL (text, "\"\":0");
  if (!append_event_data (text, event, refusal))
    return FALSE;
  if (event->n_metadata > 0)
    {
      LITERAL (text, ",\"metadata\":{");
      append_entries (text, event->metadata, event->n_metadata);
      g_string_append_c (text, '}');
    }
  g_string_append_c (text, '}');

  /* All else is written by us: only what lies too deep in there is no JSON here. */
  if (event->event_data_json.size > 0 && !belfry_json_scan (text->str, text->len, NULL, &root))
    return refuse_json (refusal, "Input should not be nested so deeply");
  return TRUE;
}

GBytes *
belfry_collector_message_decode (GBytes *message)
{
  g_autoptr(BelfryGrpcWork) work = belfry_grpc_work_new (NULL, NULL, NULL);
  g_autoptr(GString) text = g_string_new (NULL);
  BelfryLearnerRefusal refusal = { 0 };
  gsize length;
  const guint8 *bytes = g_bytes_get_data (message, &length);
  gboolean is_event;

  if (!belfry_grpc_convert_event (work, bytes, length) || work->group.n_events != 1
      || work->group.events[0].refused_field != NULL)
    return NULL;

  is_event = belfry_collector_message_print (&work->group.events[0], text, &refusal);
  belfry_learner_refusal_clear (&refusal);

  return is_event ? g_string_free_to_bytes (g_steal_pointer (&text)) : NULL;
}
