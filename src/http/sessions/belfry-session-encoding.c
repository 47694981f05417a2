/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-session-encoding-private.h"

#include <string.h>

#include "belfry-cursor-private.h"
#include "belfry-frame-parser-private.h"

static inline guint8 *
put (guint8     *out,
     const void *data,
     gsize       length)
{
  memcpy (out, data, length);
  return out + length;
}

#define PUT_LITERAL(out, literal) put (out, literal, sizeof (literal) - 1)

guint8 *
belfry_encoding_new_cursor (BelfryEvent *event,
                            guint64      log_id,
                            gsize       *length)
{
  char cursor[BELFRY_CURSOR_TEXT_LENGTH + 1];
  gsize json_length;
  const char *json = belfry_event_peek_json (event, &json_length);
  /* What stands between the event's last member and its brace. */
  gsize text_length = json_length + sizeof (",\"cursor\":\"\"") - 1 + BELFRY_CURSOR_TEXT_LENGTH;
  guint8 *frame = g_malloc (text_length + BELFRY_FRAME_HEADER_MAX);
  guint8 *end = frame + belfry_frame_write_header (frame, BELFRY_OPCODE_TEXT, text_length);

  belfry_cursor_write (log_id, belfry_event_get_position (event), cursor);
  end = put (end, json, json_length - 1);
  end = PUT_LITERAL (end, ",\"cursor\":\"");
  end = put (end, cursor, BELFRY_CURSOR_TEXT_LENGTH);
  end = PUT_LITERAL (end, "\"}");
  *length = end - frame;
  return frame;
}

guint8 *
belfry_encoding_new_sse (BelfryEvent *event,
                         guint64      log_id,
                         gsize       *length)
{
  char cursor[BELFRY_CURSOR_TEXT_LENGTH + 1];
  gsize json_length;
  const char *json = belfry_event_peek_json (event, &json_length);
  guint8 *text = g_malloc (json_length + BELFRY_CURSOR_TEXT_LENGTH + sizeof ("id: \ndata: \n\n"));
  guint8 *end = text;

  /* The JSON is compact: there is no line break in it. */
  belfry_cursor_write (log_id, belfry_event_get_position (event), cursor);
  end = PUT_LITERAL (end, "id: ");
  end = put (end, cursor, BELFRY_CURSOR_TEXT_LENGTH);
  end = PUT_LITERAL (end, "\ndata: ");
  end = put (end, json, json_length);
  end = PUT_LITERAL (end, "\n\n");
  *length = end - text;
  return text;
}

/* Who makes an encoding that all will share. */
typedef struct
{
  BelfrySubscriber *subscriber;
  guint64           log_id;
} Maker;

static GBytes *
encode_cursor (BelfryEvent *event,
               gpointer     user_data)
{
  const Maker *maker = user_data;
  gsize length;
  guint8 *frame = belfry_encoding_new_cursor (event, maker->log_id, &length);

  belfry_subscriber_count_encoding (maker->subscriber, event, length);
  return g_bytes_new_take (frame, length);
}

static GBytes *
encode_sse (BelfryEvent *event,
            gpointer     user_data)
{
  const Maker *maker = user_data;
  gsize length;
  guint8 *text = belfry_encoding_new_sse (event, maker->log_id, &length);

  belfry_subscriber_count_encoding (maker->subscriber, event, length);
  return g_bytes_new_take (text, length);
}

GBytes *
belfry_encoding_ensure_cursor (BelfryEvent      *event,
                               guint64           log_id,
                               BelfrySubscriber *subscriber)
{
  Maker maker = { .subscriber = subscriber, .log_id = log_id };

  return belfry_event_ensure_encoding (event, BELFRY_EVENT_ENCODING_CURSOR, encode_cursor, &maker);
}

GBytes *
belfry_encoding_ensure_sse (BelfryEvent      *event,
                            guint64           log_id,
                            BelfrySubscriber *subscriber)
{
  Maker maker = { .subscriber = subscriber, .log_id = log_id };

  return belfry_event_ensure_encoding (event, BELFRY_EVENT_ENCODING_SSE, encode_sse, &maker);
}
