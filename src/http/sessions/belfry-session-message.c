/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-session-message-private.h"

#include "belfry-cursor-private.h"

void
belfry_message_append_escaped (GString    *out,
                               const char *text)
{
  for (; *text != '\0'; text++)
    {
      guchar c = *text;

      if (c == '"' || c == '\\')
        {
          g_string_append_c (out, '\\');
          g_string_append_c (out, c);
        }
      else if (c < 0x20 || c == 0x7f)
        g_string_append_printf (out, "\\u%04x", c);
      else
        g_string_append_c (out, c);
    }
}

GString *
belfry_message_new_error (const char *message)
{
  GString *out = g_string_new ("{\"status\": \"error\", \"message\": \"");

  belfry_message_append_escaped (out, message);
  return g_string_append (out, "\"}");
}

GString *
belfry_message_new_accepted (const char *event_id)
{
  GString *out = g_string_sized_new (64);

  /* An id needs no escaping. */
  g_string_append (out, "{\"status\": \"ok\", \"event_id\": \"");
  g_string_append (out, event_id);
  return g_string_append (out, "\"}");
}

GString *
belfry_message_new_gap (const BelfryGap *gap)
{
  GString *out = g_string_sized_new (128);
  char from[BELFRY_CURSOR_TEXT_LENGTH + 1];
  char to[BELFRY_CURSOR_TEXT_LENGTH + 1];

  belfry_cursor_write (gap->from.log_id, gap->from.position, from);
  belfry_cursor_write (gap->to.log_id, gap->to.position, to);
  g_string_append_printf (out, "{\"type\": \"gap\", \"from\": \"%s\", \"to\": \"%s\", \"lost\": %" G_GUINT64_FORMAT "}",
                          from, to, gap->lost);
  return out;
}
