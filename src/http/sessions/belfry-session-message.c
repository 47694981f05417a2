/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-session-message-private.h"

#include <string.h>

#include "belfry-cursor-private.h"
#include "belfry-frame-parser-private.h"

#define BEFORE_ID "{\"status\": \"ok\", \"event_id\": \""
#define AFTER_ID  "\"}"

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

/* An id needs no escaping. */
GString *
belfry_message_new_accepted (const char *event_id)
{
  GString *text = g_string_new (BEFORE_ID);

  g_string_append (text, event_id);
  g_string_append (text, AFTER_ID);
  return text;
}

/* Of each event that is published: written where it leaves from. */
void
belfry_message_append_accepted (GByteArray *out,
                                const char *event_id)
{
  guint8 header[BELFRY_FRAME_HEADER_MAX];
  gsize n_before = strlen (BEFORE_ID);
  gsize n_after = strlen (AFTER_ID);
  gsize n_id = strlen (event_id);
  gsize n_header = belfry_frame_write_header (header, BELFRY_OPCODE_TEXT, n_before + n_id + n_after);
  gsize start = out->len;
  guint8 *at = NULL;

  g_byte_array_set_size (out, start + n_header + n_before + n_id + n_after);
  at = out->data + start;
  memcpy (at, header, n_header);
  at += n_header;
  memcpy (at, BEFORE_ID, n_before);
  at += n_before;
  memcpy (at, event_id, n_id);
  memcpy (at + n_id, AFTER_ID, n_after);
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
