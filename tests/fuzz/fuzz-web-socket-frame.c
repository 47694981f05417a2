/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-frame-parser-private.h"
#include "fuzz-target.h"

#include <string.h>

#define MAX_MESSAGE 300

/* Everything that came out, so that two ways of cutting the same bytes can be compared. */
static GByteArray *
parse (const guint8 *data,
       gsize         size,
       gsize         piece)
{
  GByteArray *seen = g_byte_array_new ();
  BelfryFrameParser parser;

  belfry_frame_parser_init (&parser, MAX_MESSAGE);
  for (gsize at = 0; at < size; at += piece)
    {
      /* Memory of its own, so that a step beyond it is seen. */
      g_autofree guint8 *copy = g_memdup2 (data + at, MIN (piece, size - at));
      guint8 *rest = copy;
      gsize left = MIN (piece, size - at);
      BelfryFrame frame;
      BelfryFrameKind kind;

      while ((kind = belfry_frame_parser_next (&parser, &rest, &left, &frame)) != BELFRY_FRAME_NONE)
        {
          guint8 line[] = { kind, frame.code >> 8, frame.code & 0xff, frame.length >> 8, frame.length & 0xff };

          g_assert_cmpuint (frame.length, <=, MAX_MESSAGE);
          g_assert_true (kind != BELFRY_FRAME_TEXT || frame.length == 0
                         || memchr (frame.data, '\0', frame.length) != NULL
                         || g_utf8_validate_len ((const char *) frame.data, frame.length, NULL));
          g_byte_array_append (seen, line, sizeof line);
          if (frame.length > 0)
            g_byte_array_append (seen, frame.data, frame.length);
        }
      g_assert_cmpuint (left, ==, 0);
      g_assert_cmpuint (parser.message_allocated, <=, 2 * MAX_MESSAGE);
    }
  belfry_frame_parser_clear (&parser);
  return seen;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr(GByteArray) whole = parse (data, size, MAX (size, 1));
  g_autoptr(GByteArray) single = parse (data, size, 1);
  g_autoptr(GByteArray) pieces = parse (data, size, 7);

  g_assert_cmpmem (whole->data, whole->len, single->data, single->len);
  g_assert_cmpmem (whole->data, whole->len, pieces->data, pieces->len);
  return 0;
}
