/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-address-private.h"

#include <string.h>

static gboolean
is_mapped_ipv4 (const guint8 *bytes)
{
  static const guint8 mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

  return memcmp (bytes, mapped, sizeof mapped) == 0;
}

char *
belfry_address_to_key (GSocketAddress *address)
{
  g_autoptr(GInetAddress) network = NULL;
  g_autofree char *text = NULL;
  GInetAddress *inet;
  const guint8 *bytes;
  guint8 prefix[16] = { 0 };

  if (!G_IS_INET_SOCKET_ADDRESS (address))
    return g_strdup ("local");

  inet = g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address));
  bytes = g_inet_address_to_bytes (inet);
  if (g_inet_address_get_family (inet) != G_SOCKET_FAMILY_IPV6)
    return g_inet_address_to_string (inet);
  if (is_mapped_ipv4 (bytes))
    return g_strdup_printf ("%u.%u.%u.%u", bytes[12], bytes[13], bytes[14], bytes[15]);

  memcpy (prefix, bytes, 8);
  network = g_inet_address_new_from_bytes (prefix, G_SOCKET_FAMILY_IPV6);
  text = g_inet_address_to_string (network);
  return g_strconcat (text, "/64", NULL);
}

const char *
belfry_origin_find_allowed (const char         *origin,
                            const char * const *allowed)
{
  if (origin == NULL || allowed == NULL)
    return NULL;

  for (gsize i = 0; allowed[i] != NULL; i++)
    {
      if (strcmp (allowed[i], "*") == 0)
        return "*";
      if (g_ascii_strcasecmp (allowed[i], origin) == 0)
        return origin;
    }

  return NULL;
}

/* "https://example.org" -> "example.org", "http://[::1]:8001" -> "[::1]:8001". Browsers leave the port
 * that is the scheme's own out of Origin and Host alike. */
static const char *
peek_authority (const char *origin)
{
  const char *separator = strstr (origin, "://");

  return separator != NULL ? separator + strlen ("://") : NULL;
}

gboolean
belfry_origin_is_allowed (const char         *origin,
                          const char         *host,
                          const char * const *allowed)
{
  const char *authority;

  if (origin == NULL)
    return TRUE;
  if (belfry_origin_find_allowed (origin, allowed) != NULL)
    return TRUE;

  authority = peek_authority (origin);
  return authority != NULL && host != NULL && g_ascii_strcasecmp (authority, host) == 0;
}
