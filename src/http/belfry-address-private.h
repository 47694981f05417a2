/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What a client is counted under: an IPv4 address (also when it came mapped into IPv6), an IPv6 address by
 * its /64; "local" for what has no Internet address. */
char    *belfry_address_to_key (GSocketAddress *address);

/* May a page of this origin open a stream here? Without an Origin the client is no browser: yes. */
gboolean belfry_origin_is_allowed (const char *origin, const char *host, const char * const *allowed);
/* The same, but for what CORS_ORIGINS itself says: what may be named in Access-Control-Allow-Origin, or
 * NULL. */
const char *belfry_origin_find_allowed (const char *origin, const char * const *allowed);

G_END_DECLS
