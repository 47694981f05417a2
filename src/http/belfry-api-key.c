/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-api-key-private.h"

#include <string.h>

/* Takes as long for a wrong key as for the right one; only the length of what was sent shows. */
static gboolean
equals_in_constant_time (const char *sent,
                         const char *key)
{
  gsize sent_length = strlen (sent);
  gsize key_length = strlen (key);
  guint difference = sent_length != key_length;

  for (gsize i = 0; i < sent_length; i++)
    difference |= (guchar) sent[i] ^ (guchar) key[i % key_length];

  return difference == 0;
}

static gboolean
is_key (const char *key,
        const char *sent)
{
  return sent != NULL && equals_in_constant_time (sent, key);
}

gboolean
belfry_api_key_comes_with (const char    *key,
                           BelfryRequest *request,
                           gboolean       query_too)
{
  static const char bearer[] = "bearer ";
  const char *authorization;

  /* No key is not the empty key. */
  if (key == NULL || key[0] == '\0')
    return FALSE;

  authorization = belfry_request_get_header (request, "Authorization");
  if (authorization != NULL && g_ascii_strncasecmp (authorization, bearer, strlen (bearer)) == 0
      && is_key (key, authorization + strlen (bearer)))
    return TRUE;
  if (is_key (key, belfry_request_get_header (request, "X-API-Key")))
    return TRUE;

  return query_too && (is_key (key, belfry_request_get_query (request, "api_key"))
                       || is_key (key, belfry_request_get_query (request, "token")));
}
