/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* An address of the Internet as 16 bytes: IPv4 mapped into IPv6. */
typedef struct
{
  guint8 bytes[16];
} BelfryClientAddress;

/* FALSE: it has no Internet address. */
gboolean belfry_client_address_init       (BelfryClientAddress *self, GSocketAddress *address);
/* "192.0.2.1" or "2001:db8::1", also in brackets and with a port behind it, as proxies write them. */
gboolean belfry_client_address_parse      (BelfryClientAddress *self, const char *text, gsize length);
gboolean belfry_client_address_is_ipv4    (const BelfryClientAddress *self);
/* What a client is counted under: of IPv6 its /64. */
void     belfry_client_address_cut        (BelfryClientAddress *self);
/* "192.0.2.1", "2001:db8::1"; "local" for what has no Internet address. */
char    *belfry_client_address_to_string  (const BelfryClientAddress *self);
/* Of an address that was cut: "192.0.2.1", "2001:db8::/64"; "local" for what has no Internet address. */
char    *belfry_client_address_to_key     (const BelfryClientAddress *self);
/* Both in one. */
char    *belfry_client_address_dup_key    (GSocketAddress *address);

typedef struct
{
  BelfryClientAddress address;
  guint               n_bits;
} BelfryAddressRange;

/* An array of BelfryAddressRange; every text is an address, or a network such as 10.0.0.0/8. */
GArray  *belfry_address_ranges_new        (const char * const *texts, GError **error);
gboolean belfry_address_ranges_contain    (GArray *ranges, const BelfryClientAddress *address);
/* Goes back along X-Forwarded-For, from the right, as long as whoever speaks is trusted. forwarded may be NULL. */
void     belfry_address_ranges_follow     (GArray *trusted, const char *forwarded, BelfryClientAddress *address);

G_END_DECLS
