/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* Whose pages may use the service. */
typedef struct _BelfryCors BelfryCors;

/* origins: as in CORS_ORIGINS; NULL with an error when one is none. */
BelfryCors *belfry_cors_new            (const char * const *origins, GError **error);
BelfryCors *belfry_cors_ref            (BelfryCors *self);
void        belfry_cors_unref          (BelfryCors *self);
/* From now on the origins are those of other, for all that hold self; other loses them. */
void        belfry_cors_take_origins   (BelfryCors *self, BelfryCors *other);
/* What Access-Control-Allow-Origin names for this Origin, or NULL. */
const char *belfry_cors_find_allowed   (const BelfryCors *self, const char *origin);
/* May a page of this origin open a socket here? Without an Origin the client is no browser: yes. */
gboolean    belfry_cors_admits_socket  (const BelfryCors *self, const char *origin, const char *host);
/* Caches have to tell the origins apart. */
gboolean    belfry_cors_varies         (const BelfryCors *self);
/* Adds to the headers of an answer what the page may see of it. */
void        belfry_cors_decorate       (const BelfryCors *self, SoupMessageHeaders *request,
                                        SoupMessageHeaders *response);
/* The same as the lines of a head, for answers that are not libsoup's. origin: of the request, or NULL. */
void        belfry_cors_append_lines   (const BelfryCors *self, const char *origin, GString *head);
/* A browser asks whether it may ask. FALSE: it is another kind of OPTIONS. */
gboolean    belfry_cors_is_preflight   (SoupMessageHeaders *request);
/* Behind decorate: what the page may send. */
void        belfry_cors_decorate_preflight (const BelfryCors *self, SoupMessageHeaders *request,
                                            SoupMessageHeaders *response);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryCors, belfry_cors_unref)

G_END_DECLS
