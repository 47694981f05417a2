/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-collector-private.h"
#include "belfry-timestamp-private.h"

/* What is shown of a dead letter. */

static void
append_text (GString    *json,
             const char *name,
             const char *text)
{
  g_string_append_printf (json, ",\"%s\":", name);
  if (text != NULL)
    belfry_json_append_string (json, text);
  else
    g_string_append (json, "null");
}

static void
append_time (GString    *json,
             const char *name,
             gint64      usec,
             gboolean    is_known)
{
  char timestamp[BELFRY_TIMESTAMP_LENGTH + 1];

  belfry_timestamp_write (usec, timestamp);
  append_text (json, name, is_known ? timestamp : NULL);
}

/* What was received is shown as it is when that can be done in JSON. */
static void
append_body (GString *json,
             GBytes  *body)
{
  gsize length;
  const char *text = g_bytes_get_data (body, &length);
  g_autofree char *encoded = NULL;
  BelfryJsonValue root;

  if (length > 0 && belfry_json_scan (text, length, NULL, &root))
    {
      g_string_append (json, ",\"event\":");
      g_string_append_len (json, text, (gssize) length);
      g_string_append (json, ",\"body_base64\":null");
      return;
    }

  encoded = g_base64_encode ((const guchar *) text, length);
  g_string_append (json, ",\"event\":null");
  append_text (json, "body_base64", encoded);
}

void
belfry_collector_letter_print (const BelfryDeadLetter *letter,
                               GString                *json)
{
  g_autofree char *id = belfry_dead_letter_format_id (letter->number);

  g_string_append_printf (json, "{\"id\":\"%s\"", id);
  append_time (json, "received_at", letter->received_usec, TRUE);
  append_text (json, "door", letter->door);
  append_text (json, "reason", letter->reason);
  append_text (json, "field", letter->field);
  append_text (json, "message", letter->message);
  append_text (json, "content_type", letter->content_type);
  g_string_append_printf (json, ",\"size\":%" G_GUINT64_FORMAT, letter->size);
  append_text (json, "event_id", letter->event_id);
  append_time (json, "replayed_at", letter->replayed_usec, letter->event_id != NULL);
  append_body (json, letter->body);
  g_string_append_c (json, '}');
}
