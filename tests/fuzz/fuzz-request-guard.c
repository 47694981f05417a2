/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The first byte says how the rest is cut into pieces. However it is cut, the guard says the same; and what it
 * lets through means the same to a second, simple reader, which looks for requests in the whole of it. */

#include "fuzz-target.h"

#include <string.h>

#include "belfry-request-guard-private.h"

static GByteArray *
feed (BelfryRequestGuard *guard,
      const guint8       *data,
      gsize               size,
      gsize               step)
{
  GByteArray *through = g_byte_array_new ();

  for (gsize done = 0; done < size && guard->status == 0; done += step)
    {
      gsize given = MIN (step, size - done);
      g_autofree guint8 *piece = g_memdup2 (data + done, given);
      gsize consumed;
      gsize passed = belfry_request_guard_feed (guard, piece, given, &consumed);

      g_assert (passed <= consumed && consumed <= given);
      g_byte_array_append (through, piece, passed);
      if (consumed < given)
        break;
    }

  return through;
}

/* A line without its end; moves *at behind it. NULL when there is no whole line. */
static char *
read_line (const GByteArray *bytes,
           gsize            *at)
{
  const guint8 *begin = bytes->data + *at;
  const guint8 *end = *at < bytes->len ? memchr (begin, '\n', bytes->len - *at) : NULL;
  gsize length;

  if (end == NULL)
    return NULL;
  length = end - begin;
  *at += length + 1;
  return g_strndup ((const char *) begin, length > 0 && end[-1] == '\r' ? length - 1 : length);
}

static gboolean
skip (const GByteArray *bytes,
      gsize            *at,
      guint64           length)
{
  if (length > bytes->len - *at)
    return FALSE;

  *at += length;
  return TRUE;
}

static gboolean
skip_chunks (const GByteArray *bytes,
             gsize            *at)
{
  while (TRUE)
    {
      g_autofree char *line = read_line (bytes, at);
      g_autofree char *end = NULL;
      guint64 size;

      if (line == NULL)
        return FALSE;
      g_assert (g_ascii_isxdigit (line[0]));
      size = g_ascii_strtoull (line, NULL, 16);
      if (size > 0 && !skip (bytes, at, size))
        return FALSE;
      end = read_line (bytes, at);
      if (end == NULL)
        return FALSE;
      g_assert_cmpstr (end, ==, "");
      if (size == 0)
        return TRUE;
    }
}

/* One head: FALSE when it is not whole. */
static gboolean
read_head (const GByteArray *bytes,
           gsize            *at,
           gint64           *length,
           gboolean         *has_chunks)
{
  guint n_hosts = 0;
  g_autofree char *request_line = read_line (bytes, at);

  if (request_line == NULL)
    return FALSE;
  g_assert (g_str_has_suffix (request_line, " HTTP/1.1") || g_str_has_suffix (request_line, " HTTP/1.0"));

  *length = -1;
  *has_chunks = FALSE;
  while (TRUE)
    {
      g_autofree char *line = read_line (bytes, at);

      if (line == NULL)
        return FALSE;
      if (line[0] == '\0')
        break;
      g_assert (strchr (line, ':') != NULL && !g_ascii_isspace (line[0]));
      if (g_ascii_strncasecmp (line, "host:", 5) == 0)
        n_hosts++;
      if (g_ascii_strncasecmp (line, "transfer-encoding:", 18) == 0)
        *has_chunks = TRUE;
      if (g_ascii_strncasecmp (line, "content-length:", 15) == 0)
        {
          g_assert_cmpint (*length, ==, -1);
          *length = g_ascii_strtoll (g_strstrip (line + 15), NULL, 10);
          g_assert_cmpint (*length, >=, 0);
        }
    }

  g_assert (!*has_chunks || *length == -1);
  g_assert (n_hosts == 1 || (n_hosts == 0 && g_str_has_suffix (request_line, "1.0")));
  return TRUE;
}

static guint64
count_requests (const GByteArray *bytes)
{
  guint64 n = 0;
  gsize at = 0;

  while (TRUE)
    {
      gint64 length;
      gboolean has_chunks;

      if (!read_head (bytes, &at, &length, &has_chunks) || (has_chunks && !skip_chunks (bytes, &at))
          || (length > 0 && !skip (bytes, &at, length)))
        return n;
      n++;
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  BelfryRequestGuard whole = { 0 };
  BelfryRequestGuard cut = { 0 };
  g_autoptr(GByteArray) of_whole = NULL;
  g_autoptr(GByteArray) of_cut = NULL;

  if (size < 2)
    return 0;

  of_whole = feed (&whole, data + 1, size - 1, size - 1);
  of_cut = feed (&cut, data + 1, size - 1, 1 + data[0] % 64);
  g_assert_cmpuint (whole.status, ==, cut.status);
  g_assert_cmpuint (whole.n_ended, ==, cut.n_ended);
  if (whole.status == 0)
    g_assert_cmpmem (of_whole->data, of_whole->len, of_cut->data, of_cut->len);
  g_assert_cmpuint (count_requests (of_whole), ==, whole.n_ended);

  belfry_request_guard_clear (&whole);
  belfry_request_guard_clear (&cut);
  return 0;
}
