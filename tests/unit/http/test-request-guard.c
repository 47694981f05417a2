/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-request-guard-private.h"

/* Every case is given whole, byte by byte, and in two parts split at every place: the guard has to say the
 * same each time, and to let the same bytes through. */

#define GET  "GET / HTTP/1.1\r\n"
#define HOST "Host: x\r\n"
#define POST "POST /events HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

typedef struct
{
  const char *name;
  const char *bytes;
  guint       status;   /* 0: let through */
  guint       n_ended;
  const char *through;  /* NULL: all of it, when let through */
} Case;

static const Case cases[] = {
  { "get", GET HOST "\r\n", 0, 1, NULL },
  { "pipelined", GET HOST "\r\n" GET HOST "\r\n", 0, 2, NULL },
  { "length", POST "Content-Length: 3\r\n\r\nabc" GET HOST "\r\n", 0, 2, NULL },
  { "length-of-nothing", POST "Content-Length: 0\r\n\r\n" GET HOST "\r\n", 0, 2, NULL },
  { "length-with-space-around", POST "Content-Length:\t 3 \r\n\r\nabc", 0, 1, NULL },
  { "half-a-body", POST "Content-Length: 5\r\n\r\nabc", 0, 0, NULL },
  { "chunks", CHUNKED "3\r\nabc\r\n0\r\n\r\n", 0, 1, CHUNKED "3\r\nabc\r\n0\r\n\n" },
  { "chunk-extensions", CHUNKED "03;a=\"b\" ;c\r\nabc\r\nA ;x\r\n0123456789\r\n000\r\n\r\n", 0, 1,
    CHUNKED "03;a=\"b\" ;c\r\nabc\r\nA ;x\r\n0123456789\r\n000\r\n\n" },
  { "trailers-are-left-out", CHUNKED "0\r\nA: b\r\nC: d\r\n\r\n" GET HOST "\r\n", 0, 2, CHUNKED "0\r\n\n" GET HOST "\r\n" },
  { "coding-in-capitals", POST "TRANSFER-ENCODING: Chunked \r\n\r\n0\r\n\r\n", 0, 1,
    POST "TRANSFER-ENCODING: Chunked \r\n\r\n0\r\n\n" },
  { "empty-line-before-is-left-out", "\r\n" GET HOST "\r\n", 0, 1, GET HOST "\r\n" },
  { "old-without-host", "GET / HTTP/1.0\r\n\r\n", 0, 1, NULL },
  { "expect", POST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\nab", 0, 1, NULL },
  { "expect-in-capitals", POST "Content-Length: 2\r\nEXPECT: 100-Continue \r\n\r\nab", 0, 1, NULL },
  { "connection-names-others", "POST / HTTP/1.0\r\nConnection: keep-alive, X-Host-Token,, hosts\r\nContent-Length: 3\r\n\r\nabc",
    0, 1, NULL },
  { "connection-names-the-length-in-new", POST "Connection: content-length\r\nContent-Length: 3\r\n\r\nabc", 0, 1, NULL },
  { "empty-value", GET HOST "A:\r\n\r\n", 0, 1, NULL },
  { "utf-8-value", GET HOST "A: \xc3\xa9\t1\r\n\r\n", 0, 1, NULL },
  { "what-follows-an-upgrade-waits", GET HOST "Upgrade: websocket\r\n\r\n\x81\x80zzzz", 0, 1,
    GET HOST "Upgrade: websocket\r\n\r\n" },

  { "length-and-chunks", POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 0, NULL },
  { "chunks-and-length", POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", 400, 0, NULL },
  { "two-lengths", POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, 0, NULL },
  { "two-equal-lengths", POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, 0, NULL },
  { "list-of-lengths", POST "Content-Length: 3, 3\r\n\r\nabc", 400, 0, NULL },
  { "length-with-sign", POST "Content-Length: +3\r\n\r\nabc", 400, 0, NULL },
  { "negative-length", POST "Content-Length: -1\r\n\r\n", 400, 0, NULL },
  { "length-in-hex", POST "Content-Length: 0x3\r\n\r\nabc", 400, 0, NULL },
  { "no-length", POST "Content-Length: \r\n\r\n", 400, 0, NULL },
  { "length-over-63-bits", POST "Content-Length: 9223372036854775808\r\n\r\n", 400, 0, NULL },
  { "length-over-64-bits", POST "Content-Length: 18446744073709551619\r\n\r\nabc", 400, 0, NULL },
  { "length-with-space-inside", POST "Content-Length: 3 4\r\n\r\nabc", 400, 0, NULL },
  { "other-coding", POST "Transfer-Encoding: gzip\r\n\r\n", 400, 0, NULL },
  { "two-codings", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, 0, NULL },
  { "chunked-twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 0, NULL },
  { "identity-then-chunked", POST "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 0, NULL },
  { "vertical-tab-before-coding", POST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 400, 0, NULL },
  { "coding-in-quotes", POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400, 0, NULL },
  { "chunks-in-old", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 0, NULL },
  { "connection-names-the-length", "POST / HTTP/1.0\r\nConnection: content-length\r\nContent-Length: 3\r\n\r\nabc", 400, 0, NULL },
  { "connection-names-the-host-last", "POST / HTTP/1.0\r\nConnection: a,\tHost \r\n\r\n", 400, 0, NULL },
  { "other-expectation", POST "Expect: foo\r\n\r\n", 417, 0, NULL },
  { "two-expectations", POST "Expect: 100-continue, foo\r\n\r\n", 417, 0, NULL },
  { "no-expectation", POST "Expect:\r\n\r\n", 417, 0, NULL },
  { "space-before-colon", POST "Content-Length : 3\r\n\r\nabc", 400, 0, NULL },
  { "tab-before-colon", POST "Content-Length\t: 3\r\n\r\nabc", 400, 0, NULL },
  { "folded-line", GET HOST "A: b\r\n c\r\n\r\n", 400, 0, NULL },
  { "folded-first-line", GET " Host: x\r\n\r\n", 400, 0, NULL },
  { "no-colon", GET HOST "A\r\n\r\n", 400, 0, NULL },
  { "no-name", GET HOST ": b\r\n\r\n", 400, 0, NULL },
  { "delete-in-value", GET HOST "A: b\x7f" "c defghijkl\r\n\r\n", 400, 0, NULL },
  { "control-in-value", GET HOST "A: 0123456789\x01\r\n\r\n", 400, 0, NULL },
  { "control-in-name", GET HOST "A\x01: b\r\n\r\n", 400, 0, NULL },
  { "carriage-return-in-value", GET HOST "A: b\rc\r\n\r\n", 400, 0, NULL },
  { "two-carriage-returns", GET HOST "A: b\r\r\n\r\n", 400, 0, NULL },
  { "bare-line-feed", GET HOST "A: b\n\r\n", 400, 0, NULL },
  { "bare-line-feed-at-the-end", GET HOST "\n", 400, 0, NULL },
  { "bare-line-feeds", "GET / HTTP/1.1\nHost: x\n\n", 400, 0, NULL },
  { "no-host", GET "\r\n", 400, 0, NULL },
  { "two-hosts", GET HOST HOST "\r\n", 400, 0, NULL },
  { "two-hosts-in-old", "GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400, 0, NULL },
  { "two-spaces", "GET  / HTTP/1.1\r\n" HOST "\r\n", 400, 0, NULL },
  { "tab-for-space", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400, 0, NULL },
  { "space-in-target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 400, 0, NULL },
  { "no-target", "GET HTTP/1.1\r\n" HOST "\r\n", 400, 0, NULL },
  { "no-version", "GET /\r\n", 400, 0, NULL },
  { "other-protocol", "GET / HTTQ/1.1\r\n", 400, 0, NULL },
  { "long-version", "GET / HTTP/1.10\r\n", 400, 0, NULL },
  { "version-2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, 0, NULL },
  { "version-1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", 505, 0, NULL },
  { "version-0.9", "GET / HTTP/0.9\r\n" HOST "\r\n", 505, 0, NULL },
  { "bad-method", "GE(T / HTTP/1.1\r\n" HOST "\r\n", 400, 0, NULL },
  { "many-empty-lines", "\r\n\r\n\r\n" GET HOST "\r\n", 400, 0, NULL },
  { "tls", "\x16\x03\x01\x02", 400, 0, NULL },
  { "chunk-size-is-no-number", CHUNKED "ZZ\r\nabc\r\n", 400, 0, NULL },
  { "no-chunk-size", CHUNKED "\r\nabc\r\n", 400, 0, NULL },
  { "chunk-size-with-sign", CHUNKED "+3\r\nabc\r\n0\r\n\r\n", 400, 0, NULL },
  { "chunk-size-with-prefix", CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", 400, 0, NULL },
  { "chunk-size-too-large", CHUNKED "FFFFFFFFFFFFFFFF3\r\nabc\r\n", 400, 0, NULL },
  { "chunk-size-with-space-behind", CHUNKED "3 \r\nabc\r\n0\r\n\r\n", 400, 0, NULL },
  { "chunk-size-with-space-before", CHUNKED " 3\r\nabc\r\n0\r\n\r\n", 400, 0, NULL },
  { "chunk-size-ends-with-line-feed", CHUNKED "3\nabc\r\n0\r\n\r\n", 400, 0, NULL },
  { "chunk-too-short", CHUNKED "4\r\nabc\r\n0\r\n\r\n", 400, 0, NULL },
  { "chunk-too-long", CHUNKED "2\r\nabc\r\n0\r\n\r\n", 400, 0, NULL },
  { "chunk-ends-with-line-feed", CHUNKED "3\r\nabc\n0\r\n\r\n", 400, 0, NULL },
  { "line-feed-in-extension", CHUNKED "3;a\nb\r\nabc\r\n0\r\n\r\n", 400, 0, NULL },
  { "trailer-that-is-a-request", CHUNKED "0\r\nA: b\r\nGET /x: HTTP/1.1\r\n\r\n", 400, 0, NULL },
  { "second-is-bad", GET HOST "\r\n" GET HOST HOST "\r\n", 400, 1, NULL },
};

/* What goes through, with the bytes given in pieces: the first of @first bytes, the others of @step. */
static GByteArray *
feed (BelfryRequestGuard *guard,
      const guint8       *bytes,
      gsize               length,
      gsize               first,
      gsize               step)
{
  GByteArray *through = g_byte_array_new ();
  gsize done = 0;
  gsize n = first;

  while (done < length)
    {
      /* Of its very size, so that a sanitizer sees a step too far. */
      g_autofree guint8 *piece = g_memdup2 (bytes + done, MIN (n, length - done));
      gsize given = MIN (n, length - done);
      gsize consumed;
      gsize passed = belfry_request_guard_feed (guard, piece, given, &consumed);

      g_assert_cmpuint (passed, <=, consumed);
      g_assert_cmpuint (consumed, <=, given);
      g_byte_array_append (through, piece, passed);
      if (consumed < given || guard->status != 0)
        break;
      done += given;
      n = step;
    }

  return through;
}

static void
check_pieces (const Case *c,
              gsize       first,
              gsize       step)
{
  BelfryRequestGuard guard = { 0 };
  const char *expected = c->through != NULL ? c->through : c->bytes;
  gsize length = strlen (c->bytes);
  g_autoptr(GByteArray) through = feed (&guard, (const guint8 *) c->bytes, length, first, step);

  g_assert_cmpuint (guard.status, ==, c->status);
  g_assert_cmpuint (guard.n_ended, ==, c->n_ended);
  if (c->status == 0)
    g_assert_cmpmem (through->data, through->len, expected, strlen (expected));
  else
    g_assert_cmpuint (through->len, <, length);
  belfry_request_guard_clear (&guard);
}

static void
test_case (gconstpointer data)
{
  const Case *c = data;
  gsize length = strlen (c->bytes);

  check_pieces (c, length, length);
  check_pieces (c, 1, 1);
  for (gsize first = 1; first < length; first++)
    check_pieces (c, first, length);
}

static guint
feed_text (BelfryRequestGuard *guard,
           GString            *text,
           gsize               step)
{
  g_autoptr(GByteArray) through = feed (guard, (const guint8 *) text->str, text->len, step, step);
  guint status = guard->status;

  g_assert_cmpuint (through->len, <=, text->len);
  belfry_request_guard_clear (guard);
  return status;
}

/* A head of exactly this many bytes, in lines of 1000. */
static GString *
head_of (gsize length)
{
  GString *head = g_string_new (GET HOST);

  while (head->len + 2 < length)
    {
      gsize n = MIN (length - 2 - head->len, 1000);

      if (length - 2 - head->len - n < 5)
        n = length - 2 - head->len;
      g_string_append (head, "A:");
      for (gsize i = 4; i < n; i++)
        g_string_append_c (head, 'a');
      g_string_append (head, "\r\n");
    }
  return g_string_append (head, "\r\n");
}

static void
test_head_size (void)
{
  for (gsize step = 1; step <= 8192; step *= 8)
    {
      BelfryRequestGuard just = { 0 };
      BelfryRequestGuard over = { 0 };
      g_autoptr(GString) fits = head_of (BELFRY_GUARD_MAX_HEAD_BYTES);
      g_autoptr(GString) too_long = head_of (BELFRY_GUARD_MAX_HEAD_BYTES + 1);

      g_assert_cmpuint (fits->len, ==, BELFRY_GUARD_MAX_HEAD_BYTES);
      g_assert_cmpuint (feed_text (&just, fits, step), ==, 0);
      g_assert_cmpuint (just.n_ended, ==, 1);
      g_assert_cmpuint (feed_text (&over, too_long, step), ==, 431);
      g_assert_cmpuint (over.n_ended, ==, 0);
    }
}

static void
test_endless_line (void)
{
  BelfryRequestGuard guard = { 0 };
  g_autoptr(GString) text = g_string_new ("GET /");

  while (text->len <= BELFRY_GUARD_MAX_HEAD_BYTES)
    g_string_append_c (text, 'a');
  g_assert_cmpuint (feed_text (&guard, text, 1000), ==, 431);
}

/* A chunked body of this many chunks of this length. */
static GString *
chunked_body (guint n_chunks,
              guint length)
{
  GString *text = g_string_new (CHUNKED);

  for (guint i = 0; i < n_chunks; i++)
    {
      g_string_append_printf (text, "%x\r\n", length);
      for (guint j = 0; j < length; j++)
        g_string_append_c (text, 'a');
      g_string_append (text, "\r\n");
    }
  return g_string_append (text, "0\r\n\r\n");
}

static guint
feed_chunks (guint n_chunks,
             guint length)
{
  BelfryRequestGuard guard = { 0 };
  g_autoptr(GString) text = chunked_body (n_chunks, length);

  return feed_text (&guard, text, 1000);
}

static void
test_chunks (void)
{
  guint most = BELFRY_GUARD_FREE_CHUNKS;

  g_assert_cmpuint (feed_chunks (most, 1), ==, 0);
  /* n <= free + n / 4 */
  g_assert_cmpuint (feed_chunks (most * 4 / 3, 1), ==, 0);
  g_assert_cmpuint (feed_chunks (most * 4 / 3 + 2, 1), ==, 400);
  g_assert_cmpuint (feed_chunks (most * 8, BELFRY_GUARD_MIN_CHUNK_BYTES), ==, 0);
}

static void
test_chunks_of_each (void)
{
  BelfryRequestGuard guard = { 0 };
  g_autoptr(GString) once = chunked_body (BELFRY_GUARD_FREE_CHUNKS, 1);
  g_autoptr(GString) text = g_string_new (NULL);

  for (guint i = 0; i < 3; i++)
    g_string_append (text, once->str);
  g_assert_cmpuint (feed_text (&guard, text, 777), ==, 0);
}

typedef struct
{
  const char *before;
  const char *behind;
  guint       status;
} LongLine;

/* With 5000 letters in between. */
static const LongLine long_lines[] = {
  { "GET /", " HTTP/1.1\r\n" HOST "\r\n", 0 },
  { "GET /", " HTTP/1.0\r\n\r\n", 0 },
  { "GET /", " HTTP/1.1\r\n\r\n", 400 },
  { "GET /", " HTTP/2.0\r\n", 505 },
  { "GET /", " b HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET /", "\tb HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET /", "\x01 HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET /", " HTTP/1.1\n", 400 },
  { "GET /", " ", 0 },
  { "GET *", " HTTP/1.1\r\n", 400 },
  { "OPTIONS *", " HTTP/1.1\r\n", 400 },
  { GET HOST "A: ", "\r\n\r\n", 0 },
  { GET HOST "A: ", "\t \r\n\r\n", 0 },
  { GET HOST "A: ", "\n", 400 },
  { GET HOST "A: ", "\rb\r\n\r\n", 400 },
  { GET HOST "A: ", "\x7f" "b\r\n\r\n", 400 },
  { GET HOST "A: b\r\n c", "\r\n\r\n", 400 },
  { GET "Host: ", "\r\n" HOST "\r\n", 400 },
  { GET "Host: ", "\r\n\r\n", 0 },
  { GET HOST "Connection: ", "\r\n\r\n", 400 },
  { GET HOST "Origin: ", "\r\n\r\n", 400 },
  { GET HOST "Expect: ", "\r\n\r\n", 400 },
  { POST "Content-Length: ", "3\r\n\r\nabc", 400 },
  { POST "Transfer-Encoding: ", "chunked\r\n\r\n", 400 },
  { GET HOST, ": b\r\n\r\n", 400 },
  { "", " / HTTP/1.1\r\n", 400 },
};

static void
test_long_lines (void)
{
  static const gsize steps[] = { 1, 2, 7, 64, 1023, 1024, 1025, 4096, 16384 };

  for (gsize i = 0; i < G_N_ELEMENTS (long_lines) * G_N_ELEMENTS (steps); i++)
    {
      const LongLine *l = &long_lines[i / G_N_ELEMENTS (steps)];
      g_autoptr(GString) text = g_string_new (l->before);
      BelfryRequestGuard guard = { 0 };

      for (guint j = 0; j < 5000; j++)
        g_string_append_c (text, 'a');
      g_string_append (text, l->behind);
      g_assert_cmpuint (feed_text (&guard, text, steps[i % G_N_ELEMENTS (steps)]), ==, l->status);
    }
}

static void
test_keeps_little (void)
{
  static const char * const begins[] = { "GET /", GET "A: ", GET "Host: " };

  for (gsize i = 0; i < G_N_ELEMENTS (begins); i++)
    {
      BelfryRequestGuard guard = { 0 };
      g_autoptr(GString) text = g_string_new (begins[i]);
      g_autoptr(GByteArray) through = NULL;

      while (text->len < 60000)
        g_string_append_c (text, 'a');
      through = feed (&guard, (const guint8 *) text->str, text->len, 1000, 1000);
      g_assert_cmpuint (guard.status, ==, 0);
      g_assert_cmpuint (through->len, ==, text->len);
      g_assert_cmpuint (guard.line->len, <, 1100);
      belfry_request_guard_clear (&guard);
    }
}

static void
assert_knows (const char *head,
              const char *origin,
              gboolean    is_head)
{
  BelfryRequestGuard guard = { 0 };
  gsize length = strlen (head);
  g_autoptr(GByteArray) through = feed (&guard, (const guint8 *) head, length, length, length);

  g_assert_cmpuint (through->len, <=, length);
  g_assert_cmpstr (belfry_request_guard_get_origin (&guard), ==, origin);
  g_assert_cmpint (belfry_request_guard_is_head_method (&guard), ==, is_head);
  belfry_request_guard_clear (&guard);
}

static void
test_knows_who_asks (void)
{
  assert_knows (GET "Origin: \thttps://a.example \r\n" HOST HOST, "https://a.example", FALSE);
  assert_knows (GET HOST HOST "Origin: https://a.example\r\n", NULL, FALSE);
  assert_knows (GET HOST "Origin: https://a.example\r\n\r\n" GET HOST HOST, NULL, FALSE);
  assert_knows ("HEAD / HTTP/1.1\r\n" HOST HOST, NULL, TRUE);
  assert_knows ("HEAD / HTTP/1.1\r\n" HOST "\r\n" GET HOST HOST, NULL, FALSE);
}

static void
test_head_lines (void)
{
  for (guint extra = 0; extra < 2; extra++)
    {
      BelfryRequestGuard guard = { 0 };
      g_autoptr(GString) text = g_string_new (GET HOST);

      for (guint i = 1; i < BELFRY_GUARD_MAX_HEAD_LINES + extra; i++)
        g_string_append (text, "A: b\r\n");
      g_string_append (text, "\r\n");
      g_assert_cmpuint (feed_text (&guard, text, 100), ==, extra == 0 ? 0 : 431);
    }
}

static void
test_chunk_line_size (void)
{
  for (guint extra = 0; extra < 2; extra++)
    {
      BelfryRequestGuard guard = { 0 };
      g_autoptr(GString) text = g_string_new (CHUNKED "1;");
      gsize begin = text->len - 2;

      while (text->len - begin < BELFRY_GUARD_MAX_CHUNK_LINE_BYTES + extra)
        g_string_append_c (text, 'x');
      g_string_append (text, "\r\na\r\n0\r\n\r\n");
      g_assert_cmpuint (feed_text (&guard, text, 7), ==, extra == 0 ? 0 : 400);
    }
}

static void
test_trailer_size (void)
{
  BelfryRequestGuard guard = { 0 };
  g_autoptr(GString) text = g_string_new (CHUNKED "0\r\n");

  for (guint i = 0; i < BELFRY_GUARD_MAX_TRAILER_BYTES / 6 + 1; i++)
    g_string_append (text, "A: b\r\n");
  g_assert_cmpuint (feed_text (&guard, text, 500), ==, 431);
}

static void
test_resume (void)
{
  static const char upgrade[] = GET HOST "Upgrade: h2c\r\n\r\n" GET HOST "\r\n";
  BelfryRequestGuard guard = { 0 };
  g_autofree guint8 *bytes = g_memdup2 (upgrade, strlen (upgrade));
  gsize consumed;
  gsize through = belfry_request_guard_feed (&guard, bytes, strlen (upgrade), &consumed);

  g_assert_cmpuint (through, ==, strlen (GET HOST "Upgrade: h2c\r\n\r\n"));
  g_assert_cmpuint (consumed, ==, through);
  g_assert_true (belfry_request_guard_rests (&guard));

  belfry_request_guard_resume (&guard);
  through = belfry_request_guard_feed (&guard, bytes + through, strlen (GET HOST "\r\n"), &consumed);
  g_assert_cmpuint (through, ==, strlen (GET HOST "\r\n"));
  g_assert_cmpuint (guard.n_ended, ==, 2);
}

static void
test_nul (void)
{
  static const guint8 bytes[] = GET HOST "A: b\0c\r\n\r\n";
  BelfryRequestGuard guard = { 0 };
  g_autoptr(GByteArray) through = feed (&guard, bytes, sizeof bytes - 1, sizeof bytes - 1, 1);

  g_assert_cmpuint (through->len, <, sizeof bytes - 1);
  g_assert_cmpuint (guard.status, ==, 400);
  belfry_request_guard_clear (&guard);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/request-guard/%s/%s", cases[i].status == 0 ? "lets-through" : "refuses",
                                               cases[i].name);

      g_test_add_data_func (path, &cases[i], test_case);
    }
  g_test_add_func ("/request-guard/refuses/nul", test_nul);
  g_test_add_func ("/request-guard/refuses/head-over-its-bytes", test_head_size);
  g_test_add_func ("/request-guard/refuses/line-without-end", test_endless_line);
  g_test_add_func ("/request-guard/refuses/head-over-its-lines", test_head_lines);
  g_test_add_func ("/request-guard/refuses/long-chunk-extension", test_chunk_line_size);
  g_test_add_func ("/request-guard/refuses/long-trailers", test_trailer_size);
  g_test_add_func ("/request-guard/refuses/more-chunks-than-content", test_chunks);
  g_test_add_func ("/request-guard/counts-the-chunks-of-each-body", test_chunks_of_each);
  g_test_add_func ("/request-guard/long-lines-are-judged-like-others", test_long_lines);
  g_test_add_func ("/request-guard/keeps-little-of-a-long-line", test_keeps_little);
  g_test_add_func ("/request-guard/knows-who-asks", test_knows_who_asks);
  g_test_add_func ("/request-guard/goes-on-after-a-declined-upgrade", test_resume);

  return g_test_run ();
}
