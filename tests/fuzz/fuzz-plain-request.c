/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* What the guard lets through and is taken for a plain request means the same to the HTTP library. */

#include "fuzz-target.h"

#include <libsoup/soup.h>
#include <string.h>

#include "belfry-plain-request-private.h"
#include "belfry-request-guard-private.h"

/* One whole request, and nothing else. */
static gboolean
is_let_through (const guint8 *data,
                gsize         size)
{
  BelfryRequestGuard guard = { 0 };
  g_autofree guint8 *copy = g_memdup2 (data, size);
  gsize consumed;
  gsize through = belfry_request_guard_feed (&guard, copy, size, &consumed);
  gboolean is_whole = guard.status == 0 && through == size && consumed == size && guard.n_ended == 1
                      && belfry_request_guard_rests (&guard);

  belfry_request_guard_clear (&guard);
  return is_whole;
}

static void
compare_header (const char *name,
                const char *value,
                gpointer    user_data)
{
  g_assert_nonnull (belfry_plain_request_get_header (user_data, name));
}

static void
compare (BelfryPlainRequest *plain,
         const guint8       *data,
         gsize               size)
{
  static const char * const names[] = { "host", "X-API-Key", "AUTHORIZATION", "Content-Type", "Idempotency-Key", "Origin", "Expect" };
  SoupMessageHeaders *headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_REQUEST);
  const char *end = memmem (data, size, "\r\n\r\n", 4);
  g_autofree char *method = NULL;
  g_autofree char *path = NULL;
  SoupHTTPVersion version;
  gsize head;

  g_assert_nonnull (end);
  head = (gsize) (end - (const char *) data) + 4;
  /* The library wants the head without its empty line. */
  g_assert_cmpuint (soup_headers_parse_request ((const char *) data, (int) head - 2, headers, &method, &path, &version), ==,
                    SOUP_STATUS_OK);
  g_assert_cmpstr (method, ==, "POST");
  g_assert_cmpint (version, ==, SOUP_HTTP_1_1);
  g_assert_cmpstr (belfry_plain_request_get_target (plain), ==, path);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpstr (belfry_plain_request_get_header (plain, names[i]), ==, soup_message_headers_get_one (headers, names[i]));
  soup_message_headers_foreach (headers, compare_header, plain);
  g_assert_cmpuint (soup_message_headers_get_encoding (headers), !=, SOUP_ENCODING_CHUNKED);
  g_assert_cmpuint (belfry_plain_request_get_body_size (plain), ==, size - head);
  if (size > head)
    g_assert_cmpint (soup_message_headers_get_content_length (headers), ==, size - head);
  soup_message_headers_unref (headers);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  static BelfryHttpStream *nowhere;
  g_autoptr(BelfryPlainRequest) plain = NULL;

  if (nowhere == NULL)
    nowhere = g_object_new (BELFRY_TYPE_HTTP_STREAM, NULL);
  if (size > 8192 || !is_let_through (data, size))
    return 0;

  plain = belfry_plain_request_new (nowhere, data, size);
  if (plain != NULL)
    compare (plain, data, size);
  return 0;
}
