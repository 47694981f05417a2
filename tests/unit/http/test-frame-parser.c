/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-frame-parser-private.h"

#include <string.h>

#define MAX_MESSAGE 1000

/* What came out of a parser, as text: "T(hello) P() C1000(bye) E1002 L". */
typedef struct
{
  BelfryFrameParser parser;
  GString *seen;
} Reader;

static void
reader_init (Reader *self)
{
  belfry_frame_parser_init (&self->parser, MAX_MESSAGE);
  self->seen = g_string_new (NULL);
}

static void
reader_clear (Reader *self)
{
  belfry_frame_parser_clear (&self->parser);
  g_string_free (self->seen, TRUE);
}

static void
note (GString           *seen,
      BelfryFrameKind    kind,
      const BelfryFrame *frame)
{
  static const char letters[] = { 0, 'T', 'B', 'L', 'P', 'O', 'C', 'E' };

  g_string_append_printf (seen, "%s%c", seen->len > 0 ? " " : "", letters[kind]);
  if (kind == BELFRY_FRAME_CLOSE || kind == BELFRY_FRAME_ERROR)
    g_string_append_printf (seen, "%u", frame->code);
  if (kind != BELFRY_FRAME_ERROR && kind != BELFRY_FRAME_TOO_LARGE)
    {
      g_string_append_c (seen, '(');
      g_string_append_len (seen, (const char *) frame->data, frame->length);
      g_string_append_c (seen, ')');
    }
}

/* A copy of its own for each piece, so that a read or write beyond it shows under a sanitizer. */
static void
reader_feed (Reader       *self,
             const guint8 *data,
             gsize         length)
{
  g_autofree guint8 *copy = g_memdup2 (data, length);
  guint8 *rest = copy;
  gsize left = length;
  BelfryFrame frame;
  BelfryFrameKind kind;

  while ((kind = belfry_frame_parser_next (&self->parser, &rest, &left, &frame)) != BELFRY_FRAME_NONE)
    note (self->seen, kind, &frame);
  g_assert_cmpuint (left, ==, 0);
}

/* A masked frame as a client sends it. flags: the first byte without the opcode. */
static void
append_frame (GByteArray *out,
              guint8      first,
              const void *payload,
              gsize       length)
{
  static const guint8 mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
  guint8 header[BELFRY_FRAME_HEADER_MAX];
  gsize n_header = belfry_frame_write_header (header, 0, length);
  guint start;

  header[0] = first;
  header[1] |= 0x80;
  g_byte_array_append (out, header, n_header);
  g_byte_array_append (out, mask, 4);
  start = out->len;
  if (length > 0)
    g_byte_array_append (out, payload, length);
  for (gsize i = 0; i < length; i++)
    out->data[start + i] ^= mask[i & 3];
}

static void
append_text (GByteArray *out,
             guint8      first,
             const char *text)
{
  append_frame (out, first, text, strlen (text));
}

/* Each line is a stream of frames: hex of the first byte, then the payload in backquotes, C escapes undone. */
typedef struct
{
  const char *name;
  const char *frames[6][2];
  const char *expected;
} Row;

static const Row rows[] = {
  { "text", { { "\x81", "hello" } }, "T(hello)" },
  { "empty-text", { { "\x81", "" } }, "T()" },
  { "binary", { { "\x82", "\xff\xfe" } }, "B(\xff\xfe)" },
  { "ping-and-pong", { { "\x89", "a" }, { "\x8a", "" } }, "P(a) O()" },
  { "fragments", { { "\x01", "he" }, { "\x00", "l" }, { "\x80", "lo" } }, "T(hello)" },
  { "empty-fragments", { { "\x01", "" }, { "\x00", "" }, { "\x80", "" } }, "T()" },
  { "ping-between-fragments", { { "\x01", "he" }, { "\x89", "now" }, { "\x80", "llo" } }, "P(now) T(hello)" },
  { "character-over-fragments", { { "\x01", "\xf0\x9f" }, { "\x00", "\x94" }, { "\x80", "\x94" } }, "T(\xf0\x9f\x94\x94)" },
  { "two-messages", { { "\x81", "one" }, { "\x81", "two" } }, "T(one) T(two)" },
  { "continuation-of-nothing", { { "\x80", "x" } }, "E1002" },
  { "new-message-inside", { { "\x01", "x" }, { "\x81", "y" } }, "E1002" },
  { "binary-inside-text", { { "\x01", "x" }, { "\x82", "y" } }, "E1002" },
  { "reserved-bit-1", { { "\xc1", "x" } }, "E1002" },
  { "reserved-bit-2", { { "\xa1", "x" } }, "E1002" },
  { "reserved-bit-3", { { "\x91", "x" } }, "E1002" },
  { "reserved-data-opcode", { { "\x83", "x" } }, "E1002" },
  { "reserved-control-opcode", { { "\x8b", "x" } }, "E1002" },
  { "fragmented-ping", { { "\x09", "x" } }, "E1002" },
  { "fragmented-close", { { "\x08", "" } }, "E1002" },
  { "not-utf8", { { "\x81", "ok\xff" } }, "E1007" },
  { "surrogate", { { "\x81", "\xed\xa0\x80" } }, "E1007" },
  { "overlong-2", { { "\x81", "\xc0\xaf" } }, "E1007" },
  { "overlong-3", { { "\x81", "\xe0\x80\xaf" } }, "E1007" },
  { "overlong-4", { { "\x81", "\xf0\x80\x80\xaf" } }, "E1007" },
  { "beyond-unicode", { { "\x81", "\xf4\x90\x80\x80" } }, "E1007" },
  { "last-of-unicode", { { "\x81", "\xf4\x8f\xbf\xbf" } }, "T(\xf4\x8f\xbf\xbf)" },
  { "cut-character", { { "\x81", "\xe2\x82" } }, "E1007" },
  { "fails-at-first-bad-byte", { { "\x01", "\xce\xba\xff" } }, "E1007" },
  { "close-without-code", { { "\x88", "" } }, "C1005()" },
  { "close-with-code", { { "\x88", "\x03\xe8" } }, "C1000()" },
  { "close-with-reason", { { "\x88", "\x03\xe8" "bye" } }, "C1000(bye)" },
  { "close-of-one-byte", { { "\x88", "\x03" } }, "E1002" },
  { "close-with-bad-code", { { "\x88", "\x03\xed" } }, "E1002" },
  { "close-with-bad-reason", { { "\x88", "\x03\xe8\xff" } }, "E1007" },
  { "nothing-after-close", { { "\x88", "" }, { "\x81", "late" } }, "C1005()" },
  { "nothing-after-error", { { "\xc1", "x" }, { "\x81", "late" } }, "E1002" },
  { "close-inside-message", { { "\x01", "x" }, { "\x88", "" } }, "C1005()" },
};

static GByteArray *
row_to_bytes (const Row *row)
{
  GByteArray *bytes = g_byte_array_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (row->frames) && row->frames[i][0] != NULL; i++)
    append_text (bytes, (guint8) row->frames[i][0][0], row->frames[i][1]);
  return bytes;
}

static void
test_row (gconstpointer data)
{
  const Row *row = data;
  g_autoptr(GByteArray) bytes = row_to_bytes (row);

  g_test_summary ("The same comes out however the bytes are cut into three.");
  for (guint i = 0; i <= bytes->len; i++)
    for (guint j = i; j <= bytes->len; j++)
      {
        Reader reader;

        reader_init (&reader);
        reader_feed (&reader, bytes->data, i);
        reader_feed (&reader, bytes->data + i, j - i);
        reader_feed (&reader, bytes->data + j, bytes->len - j);
        g_assert_cmpstr (reader.seen->str, ==, row->expected);
        reader_clear (&reader);
      }
}

static void
test_byte_by_byte (gconstpointer data)
{
  const Row *row = data;
  g_autoptr(GByteArray) bytes = row_to_bytes (row);
  Reader reader;

  reader_init (&reader);
  for (guint i = 0; i < bytes->len; i++)
    reader_feed (&reader, bytes->data + i, 1);
  g_assert_cmpstr (reader.seen->str, ==, row->expected);
  reader_clear (&reader);
}

static void
test_refuses_unmasked (void)
{
  static const guint8 frame[] = { 0x81, 0x01, 'x' };
  Reader reader;

  reader_init (&reader);
  reader_feed (&reader, frame, sizeof frame);
  g_assert_cmpstr (reader.seen->str, ==, "E1002");
  reader_clear (&reader);
}

static void
test_refuses_long_control (void)
{
  static const guint8 header[] = { 0x89, 0x80 | 126, 0x00 };
  Reader reader;

  reader_init (&reader);
  reader_feed (&reader, header, sizeof header);
  g_assert_cmpstr (reader.seen->str, ==, "E1002");
  reader_clear (&reader);
}

static void
test_refuses_negative_length (void)
{
  static const guint8 header[] = { 0x82, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4 };
  Reader reader;

  reader_init (&reader);
  reader_feed (&reader, header, sizeof header);
  g_assert_cmpstr (reader.seen->str, ==, "E1002");
  reader_clear (&reader);
}

/* At each length the header changes its form; unmasking must fit at every offset. */
static void
test_lengths (void)
{
  static const gsize lengths[] = { 1, 7, 8, 9, 124, 125, 126, 127, 128, 999, 1000 };

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    for (gsize cut = 0; cut < 24; cut++)
      {
        g_autoptr(GByteArray) bytes = g_byte_array_new ();
        g_autofree char *text = g_malloc (lengths[i] + 1);
        g_autofree char *expected = NULL;
        Reader reader;

        for (gsize n = 0; n < lengths[i]; n++)
          text[n] = 'a' + n % 26;
        text[lengths[i]] = '\0';
        append_text (bytes, 0x81, text);
        expected = g_strdup_printf ("T(%s)", text);

        reader_init (&reader);
        reader_feed (&reader, bytes->data, MIN (cut, bytes->len));
        reader_feed (&reader, bytes->data + MIN (cut, bytes->len), bytes->len - MIN (cut, bytes->len));
        g_assert_cmpstr (reader.seen->str, ==, expected);
        reader_clear (&reader);
      }
}

static void
test_close_codes (void)
{
  for (guint code = 0; code <= G_MAXUINT16; code++)
    {
      gboolean is_valid = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014)
                          || (code >= 3000 && code <= 4999);

      g_assert_cmpint (belfry_close_code_is_valid (code), ==, is_valid);
    }
}

static void
feed_zeros (Reader *reader,
            guint8  first,
            gsize   length)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  g_autofree char *payload = g_malloc (length + 1);

  memset (payload, 'x', length);
  append_frame (bytes, first, payload, length);
  reader_feed (reader, bytes->data, bytes->len);
}

static void
test_too_large (void)
{
  Reader reader;

  g_test_summary ("A message over the limit is dropped and told of, and the next one comes through.");
  reader_init (&reader);
  feed_zeros (&reader, 0x82, MAX_MESSAGE + 1);
  feed_zeros (&reader, 0x01, MAX_MESSAGE);
  feed_zeros (&reader, 0x89, 1);
  feed_zeros (&reader, 0x80, 1);
  feed_zeros (&reader, 0x81, 3);
  g_assert_cmpstr (reader.seen->str, ==, "L P(x) L T(xxx)");
  reader_clear (&reader);
}

static void
test_at_the_limit (void)
{
  Reader reader;

  reader_init (&reader);
  feed_zeros (&reader, 0x02, MAX_MESSAGE - 1);
  feed_zeros (&reader, 0x80, 1);
  g_assert_true (g_str_has_prefix (reader.seen->str, "B("));
  g_assert_cmpuint (reader.seen->len, ==, MAX_MESSAGE + 3);
  reader_clear (&reader);
}

static void
test_fatal_when_announced (void)
{
  guint8 header[] = { 0x82, 0x80 | 126, 0, 0, 1, 2, 3, 4 };
  Reader reader;

  g_test_summary ("Ten times the limit ends it when it is announced, before it comes.");
  header[2] = (10 * MAX_MESSAGE + 1) >> 8;
  header[3] = (10 * MAX_MESSAGE + 1) & 0xff;
  reader_init (&reader);
  reader_feed (&reader, header, sizeof header);
  g_assert_cmpstr (reader.seen->str, ==, "E1009");
  reader_clear (&reader);
}

static void
test_fatal_when_gathered (void)
{
  Reader reader;

  reader_init (&reader);
  feed_zeros (&reader, 0x02, MAX_MESSAGE);
  for (guint i = 0; i < 9; i++)
    feed_zeros (&reader, 0x00, MAX_MESSAGE);
  g_assert_cmpstr (reader.seen->str, ==, "");
  feed_zeros (&reader, 0x00, 1);
  g_assert_cmpstr (reader.seen->str, ==, "E1009");
  reader_clear (&reader);
}

static void
test_fatal_limit_figures (void)
{
  static const struct { gsize limit, fatal; } figures[] = {
    { 1000, 10000 },
    { 1024 * 1024, 10 * 1024 * 1024 },
    { 2 * 1024 * 1024, 16 * 1024 * 1024 },
    { 16 * 1024 * 1024, 16 * 1024 * 1024 },
    { 64 * 1024 * 1024, 64 * 1024 * 1024 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (figures); i++)
    {
      BelfryFrameParser parser;

      belfry_frame_parser_init (&parser, figures[i].limit);
      g_assert_cmpuint (parser.fatal_message_bytes, ==, figures[i].fatal);
    }
}

static void
test_memory_follows_what_comes (void)
{
  static const guint8 header[] = { 0x82, 0x80 | 126, 0x03, 0xe8, 1, 2, 3, 4 };
  Reader reader;

  g_test_summary ("An announced length takes no memory, a finished or too large message holds none.");
  reader_init (&reader);
  reader_feed (&reader, header, sizeof header);
  g_assert_null (reader.parser.message);
  reader_clear (&reader);

  reader_init (&reader);
  feed_zeros (&reader, 0x02, MAX_MESSAGE);
  g_assert_nonnull (reader.parser.message);
  g_assert_cmpuint (reader.parser.message_allocated, <=, MAX_MESSAGE);
  feed_zeros (&reader, 0x00, 1);
  g_assert_null (reader.parser.message);
  reader_clear (&reader);

  reader_init (&reader);
  feed_zeros (&reader, 0x02, 10);
  feed_zeros (&reader, 0x80, 10);
  g_assert_null (reader.parser.message);
  reader_clear (&reader);
}

static void
test_stops_where_asked (void)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  BelfryFrameParser parser;
  BelfryFrame frame;
  guint8 *rest;
  gsize left;

  g_test_summary ("One call takes one message; what is behind it is left alone.");
  append_text (bytes, 0x81, "one");
  append_text (bytes, 0x81, "two");
  rest = bytes->data;
  left = bytes->len;
  belfry_frame_parser_init (&parser, MAX_MESSAGE);
  g_assert_cmpint (belfry_frame_parser_next (&parser, &rest, &left, &frame), ==, BELFRY_FRAME_TEXT);
  g_assert_cmpuint (left, ==, bytes->len / 2);
  g_assert_cmpmem (frame.data, frame.length, "one", 3);
  belfry_frame_parser_clear (&parser);
}

/* One code point after another against GLib's own opinion, and every pair of bytes in front of a character. */
static void
test_utf8_agrees (void)
{
  for (guint lead = 0; lead < 0x10000; lead++)
    {
      const guint8 bytes[] = { lead >> 8, lead & 0xff, 0x80, 'a' };

      for (gsize length = 0; length <= sizeof bytes; length++)
        {
          BelfryUtf8State state = { 0 };
          gboolean is_valid = belfry_utf8_state_feed (&state, bytes, length) && state.n_missing == 0;
          gboolean expected = TRUE;

          /* GLib takes NUL for an end. */
          if (memchr (bytes, '\0', length) != NULL)
            continue;
          expected = g_utf8_validate_len ((const char *) bytes, length, NULL);
          g_assert_cmpint (is_valid, ==, expected);
        }
    }
  for (gunichar c = 1; c <= 0x10ffff; c++)
    {
      BelfryUtf8State state = { 0 };
      char text[6];
      int length = g_unichar_to_utf8 (c, text);
      gboolean is_valid = belfry_utf8_state_feed (&state, (const guint8 *) text, length) && state.n_missing == 0;

      g_assert_cmpint (is_valid, ==, c < 0xd800 || c > 0xdfff);
    }
}

static void
test_random_streams (void)
{
  g_test_summary ("Whatever bytes come, the parser takes them all, in bounded memory, and stops at most once.");
  for (guint round = 0; round < 3000; round++)
    {
      guint8 bytes[400];
      gsize length = g_test_rand_int_range (1, sizeof bytes);
      Reader whole, cut;
      gsize at = g_test_rand_int_range (0, length);

      for (gsize i = 0; i < length; i++)
        bytes[i] = g_test_rand_bit () ? g_test_rand_int () : "\x81\x01\x80\x89\x88\x82\x85\xfe"[g_test_rand_int_range (0, 8)];
      reader_init (&whole);
      reader_init (&cut);
      reader_feed (&whole, bytes, length);
      reader_feed (&cut, bytes, at);
      reader_feed (&cut, bytes + at, length - at);
      g_assert_cmpstr (whole.seen->str, ==, cut.seen->str);
      reader_clear (&whole);
      reader_clear (&cut);
    }
}

static void
test_perf (void)
{
  enum { N = 20000 };
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  g_autofree char *text = g_strnfill (200, 'x');
  guint n_seen = 0;
  double seconds;
  BelfryFrameParser parser;
  BelfryFrame frame;
  guint8 *rest;
  gsize left;

  for (guint i = 0; i < N; i++)
    append_text (bytes, 0x81, text);
  belfry_frame_parser_init (&parser, MAX_MESSAGE);
  g_test_timer_start ();
  rest = bytes->data;
  left = bytes->len;
  while (belfry_frame_parser_next (&parser, &rest, &left, &frame) == BELFRY_FRAME_TEXT)
    n_seen++;
  seconds = g_test_timer_elapsed ();
  g_assert_cmpuint (n_seen, ==, N);
  g_test_message ("%.0f ns a message of 200 bytes", seconds / N * 1e9);
  belfry_frame_parser_clear (&parser);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *cut = g_strdup_printf ("/frame-parser/cut-anywhere/%s", rows[i].name);
      g_autofree char *bytes = g_strdup_printf ("/frame-parser/byte-by-byte/%s", rows[i].name);

      g_test_add_data_func (cut, &rows[i], test_row);
      g_test_add_data_func (bytes, &rows[i], test_byte_by_byte);
    }
  g_test_add_func ("/frame-parser/refuses-unmasked", test_refuses_unmasked);
  g_test_add_func ("/frame-parser/refuses-long-control", test_refuses_long_control);
  g_test_add_func ("/frame-parser/refuses-negative-length", test_refuses_negative_length);
  g_test_add_func ("/frame-parser/reads-every-form-of-length", test_lengths);
  g_test_add_func ("/frame-parser/knows-close-codes", test_close_codes);
  g_test_add_func ("/frame-parser/drops-too-large", test_too_large);
  g_test_add_func ("/frame-parser/takes-message-at-the-limit", test_at_the_limit);
  g_test_add_func ("/frame-parser/fails-when-too-much-is-announced", test_fatal_when_announced);
  g_test_add_func ("/frame-parser/fails-when-too-much-has-come", test_fatal_when_gathered);
  g_test_add_func ("/frame-parser/fatal-limit-is-as-documented", test_fatal_limit_figures);
  g_test_add_func ("/frame-parser/memory-follows-what-comes", test_memory_follows_what_comes);
  g_test_add_func ("/frame-parser/stops-where-asked", test_stops_where_asked);
  g_test_add_func ("/frame-parser/utf8-agrees-with-glib", test_utf8_agrees);
  g_test_add_func ("/frame-parser/survives-random-bytes", test_random_streams);
  g_test_add_func ("/frame-parser/speed", test_perf);
  return g_test_run ();
}
