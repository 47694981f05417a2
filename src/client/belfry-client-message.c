/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-client-message-private.h"

#include <string.h>

static gboolean
span_is (const BelfryJsonSpan *span,
         const char           *text)
{
  return span->length == strlen (text) && memcmp (span->text, text, span->length) == 0;
}

/* Digits as JSON writes them; 0 for anything else. */
static guint64
read_count (const BelfryJsonSpan *span)
{
  guint64 count = 0;

  for (gsize i = 0; i < span->length; i++)
    if (!g_ascii_isdigit (span->text[i])
        || !g_uint64_checked_mul (&count, count, 10)
        || !g_uint64_checked_add (&count, count, (guint64) (span->text[i] - '0')))
      return 0;

  return count;
}

static void
take_status (BelfryClientMessage  *self,
             const BelfryJsonSpan *value)
{
  if (span_is (value, "\"subscribed\""))
    self->kind = BELFRY_CLIENT_MESSAGE_SUBSCRIBED;
  else if (span_is (value, "\"error\""))
    self->kind = BELFRY_CLIENT_MESSAGE_ERROR;
}

static void
take_member (BelfryClientMessage  *self,
             const BelfryJsonPart *part)
{
  if (span_is (&part->name, "\"event_type\""))
    self->kind = BELFRY_CLIENT_MESSAGE_EVENT;
  else if (span_is (&part->name, "\"status\""))
    take_status (self, &part->value);
  else if (span_is (&part->name, "\"type\"") && span_is (&part->value, "\"gap\""))
    self->kind = BELFRY_CLIENT_MESSAGE_GAP;
  else if (span_is (&part->name, "\"subscriber_id\""))
    self->subscriber_id = part->value;
  else if (span_is (&part->name, "\"message\""))
    self->message = part->value;
  else if (span_is (&part->name, "\"from\""))
    self->from = part->value;
  else if (span_is (&part->name, "\"to\""))
    self->to = part->value;
  else if (span_is (&part->name, "\"lost\""))
    self->lost = read_count (&part->value);
}

void
belfry_client_message_read (BelfryClientMessage *self,
                            const char          *text,
                            gsize                length)
{
  BelfryJsonWalk walk;
  BelfryJsonPart part;
  const char *previous_end = NULL;

  memset (self, 0, sizeof *self);
  if (!belfry_json_walk_init (&walk, text, length) || walk.closing != '}')
    return;

  while (belfry_json_walk_next (&walk, &part))
    {
      const char *value_end = part.value.text + part.value.length;

      if (!span_is (&part.name, "\"cursor\""))
        take_member (self, &part);
      else if (previous_end != NULL)
        {
          self->cursor = part.value;
          self->cursor_member = (BelfryJsonSpan) { previous_end, (gsize) (value_end - previous_end) };
        }

      previous_end = value_end;
    }

  if (walk.is_broken)
    self->kind = BELFRY_CLIENT_MESSAGE_OTHER;
}

char *
belfry_client_message_dup_event (BelfryClientMessage *self,
                                 const char          *text,
                                 gsize                length)
{
  gsize before;
  gsize after;
  char *event;

  if (self->cursor_member.length == 0)
    return g_strndup (text, length);

  before = (gsize) (self->cursor_member.text - text);
  after = length - before - self->cursor_member.length;
  event = g_malloc (before + after + 1);
  memcpy (event, text, before);
  memcpy (event + before, self->cursor_member.text + self->cursor_member.length, after);
  event[before + after] = '\0';

  return event;
}

static char *
dup_rules (BelfryFilter *filter)
{
  return filter != NULL ? belfry_filter_to_json (filter) : g_strdup ("{}");
}

char *
belfry_client_message_new_subscribe (BelfryFilter *filter,
                                     const char   *resume_from)
{
  g_autofree char *rules = dup_rules (filter);
  g_autoptr(GString) json = g_string_new (rules);

  g_string_truncate (json, json->len - 1);
  if (json->len > 1)
    g_string_append_c (json, ',');
  g_string_append (json, "\"cursors\":true");

  if (resume_from != NULL)
    {
      g_string_append (json, ",\"resume_from\":");
      belfry_json_walk_append_string (json, resume_from);
    }
  g_string_append_c (json, '}');

  return g_string_free (g_steal_pointer (&json), FALSE);
}

char *
belfry_client_message_new_update (BelfryFilter *filter)
{
  g_autofree char *rules = dup_rules (filter);

  return g_strdup_printf ("{\"type\":\"update_filters\",\"filters\":%s}", rules);
}
