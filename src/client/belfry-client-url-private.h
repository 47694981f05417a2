/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Checks that the text is an http:// or https:// address that nothing secret or surprising hides in, and gives it back without a
 * slash, or /api/v1, at its end. */
char     *belfry_client_url_normalise   (const char          *url,
                                         GError             **error);
/* parameters: names and values in turn, ending in NULL, or NULL for none. */
char     *belfry_client_url_build       (const char          *base,
                                         const char          *path,
                                         const char * const  *parameters);
/* The target of rel="next" among the values of Link headers, made absolute; NULL when there is none or when it leads to another
 * server than request_url, where our key has no business. */
char     *belfry_client_url_find_next   (const char          *request_url,
                                         const char          *link_header);

G_END_DECLS
