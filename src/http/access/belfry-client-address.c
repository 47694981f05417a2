/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-client-address-private.h"

#include <arpa/inet.h>
#include <string.h>

#define IPV4_BITS  96  /* in front of a mapped address */
#define ALL_BITS  128

/* Neither an address that anybody has, nor one that was cut. */
static const guint8 local[16] = { 0, [14] = 0xff, [15] = 0xff };
static const guint8 mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static void
init_from_bytes (BelfryClientAddress *self,
                 const guint8        *bytes,
                 gboolean             is_ipv4)
{
  if (!is_ipv4)
    {
      memcpy (self->bytes, bytes, sizeof self->bytes);
      return;
    }

  memcpy (self->bytes, mapped, sizeof mapped);
  memcpy (self->bytes + sizeof mapped, bytes, 4);
}

gboolean
belfry_client_address_init (BelfryClientAddress *self,
                            GSocketAddress      *address)
{
  GInetAddress *inet;

  if (!G_IS_INET_SOCKET_ADDRESS (address))
    {
      memcpy (self->bytes, local, sizeof local);
      return FALSE;
    }

  inet = g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address));
  init_from_bytes (self, g_inet_address_to_bytes (inet), g_inet_address_get_family (inet) == G_SOCKET_FAMILY_IPV4);
  return TRUE;
}

static gboolean
parse_plain (BelfryClientAddress *self,
             const char          *text,
             gsize                length)
{
  char copy[INET6_ADDRSTRLEN + 1];
  guint8 bytes[16];

  if (length == 0 || length >= sizeof copy)
    return FALSE;

  memcpy (copy, text, length);
  copy[length] = '\0';
  if (inet_pton (AF_INET, copy, bytes) == 1)
    init_from_bytes (self, bytes, TRUE);
  else if (inet_pton (AF_INET6, copy, bytes) == 1)
    init_from_bytes (self, bytes, FALSE);
  else
    return FALSE;

  return TRUE;
}

static gboolean
is_port (const char *text,
         gsize       length)
{
  for (gsize i = 0; i < length; i++)
    {
      if (!g_ascii_isdigit (text[i]))
        return FALSE;
    }

  return length >= 1 && length <= 5;
}

gboolean
belfry_client_address_parse (BelfryClientAddress *self,
                             const char          *text,
                             gsize                length)
{
  const char *colon = memchr (text, ':', length);
  const char *bracket = memchr (text, ']', length);
  gsize rest;

  if (length > 0 && text[0] == '[' && bracket != NULL)
    {
      rest = length - (gsize) (bracket + 1 - text);
      return (rest == 0 || (bracket[1] == ':' && is_port (bracket + 2, rest - 1)))
             && parse_plain (self, text + 1, (gsize) (bracket - text - 1))
             && memchr (text, ':', (gsize) (bracket - text)) != NULL;
    }

  /* One colon only: a port behind an IPv4 address. */
  if (colon != NULL)
    {
      rest = length - (gsize) (colon + 1 - text);
      if (memchr (colon + 1, ':', rest) == NULL)
        return is_port (colon + 1, rest) && parse_plain (self, text, (gsize) (colon - text));
    }

  return parse_plain (self, text, length);
}

gboolean
belfry_client_address_is_ipv4 (const BelfryClientAddress *self)
{
  return memcmp (self->bytes, mapped, sizeof mapped) == 0;
}

void
belfry_client_address_cut (BelfryClientAddress *self)
{
  if (!belfry_client_address_is_ipv4 (self) && memcmp (self->bytes, local, sizeof local) != 0)
    memset (self->bytes + 8, 0, 8);
}

char *
belfry_client_address_to_string (const BelfryClientAddress *self)
{
  char text[INET6_ADDRSTRLEN];

  if (belfry_client_address_is_ipv4 (self))
    return g_strdup (inet_ntop (AF_INET, self->bytes + sizeof mapped, text, sizeof text));
  if (memcmp (self->bytes, local, sizeof local) == 0)
    return g_strdup ("local");

  return g_strdup (inet_ntop (AF_INET6, self->bytes, text, sizeof text));
}

char *
belfry_client_address_to_key (const BelfryClientAddress *self)
{
  g_autofree char *text = belfry_client_address_to_string (self);

  return strchr (text, ':') != NULL ? g_strconcat (text, "/64", NULL) : g_steal_pointer (&text);
}

char *
belfry_client_address_dup_key (GSocketAddress *address)
{
  BelfryClientAddress own;

  belfry_client_address_init (&own, address);
  belfry_client_address_cut (&own);
  return belfry_client_address_to_key (&own);
}

/* --- networks --- */

static gboolean
parse_range (BelfryAddressRange *range,
             const char         *text)
{
  const char *slash = strchr (text, '/');
  gsize length = slash != NULL ? (gsize) (slash - text) : strlen (text);
  gboolean is_ipv4;
  guint64 n_bits;

  if (!parse_plain (&range->address, text, length))
    return FALSE;

  range->n_bits = ALL_BITS;
  if (slash == NULL)
    return TRUE;

  is_ipv4 = memchr (text, ':', length) == NULL;
  if (!g_ascii_string_to_unsigned (slash + 1, 10, 0, is_ipv4 ? ALL_BITS - IPV4_BITS : ALL_BITS, &n_bits, NULL))
    return FALSE;
  range->n_bits = (guint) n_bits + (is_ipv4 ? IPV4_BITS : 0);
  return TRUE;
}

GArray *
belfry_address_ranges_new (const char * const  *texts,
                           GError             **error)
{
  g_autoptr(GArray) ranges = g_array_new (FALSE, FALSE, sizeof (BelfryAddressRange));

  for (gsize i = 0; texts != NULL && texts[i] != NULL; i++)
    {
      g_autofree char *shown = g_strescape (texts[i], NULL);
      BelfryAddressRange range;

      if (!parse_range (&range, texts[i]))
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                       "'%.100s' is not allowed; allowed: addresses such as 192.0.2.1 or 2001:db8::1, and networks "
                       "such as 10.0.0.0/8, separated by commas", shown);
          return NULL;
        }
      g_array_append_val (ranges, range);
    }

  return g_steal_pointer (&ranges);
}

static gboolean
is_within (const BelfryAddressRange  *range,
           const BelfryClientAddress *address)
{
  guint n_bytes = range->n_bits / 8;
  guint n_rest = range->n_bits % 8;

  /* ::/0 is all of IPv6, and nothing of IPv4. */
  if (range->n_bits < IPV4_BITS && belfry_client_address_is_ipv4 (address))
    return FALSE;

  return memcmp (range->address.bytes, address->bytes, n_bytes) == 0
         && (n_rest == 0
             || ((range->address.bytes[n_bytes] ^ address->bytes[n_bytes]) & (0xff << (8 - n_rest)) & 0xff) == 0);
}

gboolean
belfry_address_ranges_contain (GArray                    *ranges,
                               const BelfryClientAddress *address)
{
  for (guint i = 0; i < ranges->len; i++)
    {
      if (is_within (&g_array_index (ranges, BelfryAddressRange, i), address))
        return TRUE;
    }

  return FALSE;
}

/* The last item before end, without the white space around it; NULL when there is none. */
static const char *
find_last_item (const char  *start,
                const char **end,
                gsize       *length)
{
  const char *comma = *end;
  const char *item;

  if (*end <= start)
    return NULL;

  while (comma > start && comma[-1] != ',')
    comma--;
  item = comma;
  while (item < *end && (*item == ' ' || *item == '\t'))
    item++;
  *length = (gsize) (*end - item);
  while (*length > 0 && (item[*length - 1] == ' ' || item[*length - 1] == '\t'))
    (*length)--;

  *end = comma > start ? comma - 1 : start;
  return item;
}

void
belfry_address_ranges_follow (GArray              *trusted,
                              const char          *forwarded,
                              BelfryClientAddress *address)
{
  const char *end = forwarded != NULL ? forwarded + strlen (forwarded) : NULL;
  BelfryClientAddress before;
  const char *item;
  gsize length;

  while (end != NULL && belfry_address_ranges_contain (trusted, address))
    {
      item = find_last_item (forwarded, &end, &length);
      if (item == NULL || !belfry_client_address_parse (&before, item, length))
        return;
      *address = before;
    }
}
