/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* The headers of every response, in the order of the contract. */
typedef void (*BelfryHeaderFunc) (const char *name, const char *value, gpointer user_data);

void     belfry_security_headers_foreach (gboolean over_tls, BelfryHeaderFunc func, gpointer user_data);
gboolean belfry_security_headers_contain (gboolean over_tls, const char *name);
/* Them as text, without those that are among given, which may be NULL. */
GBytes  *belfry_security_lines_new       (gboolean over_tls, SoupMessageHeaders *given);

G_END_DECLS
