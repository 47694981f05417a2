/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* More parameters than any of our requests has use for. */
#define BELFRY_QUERY_STRING_MAX_PARAMETERS 1000

typedef struct _BelfryQueryString BelfryQueryString;

/* text may be NULL (no parameters). BELFRY_ERROR_INVALID_ARGUMENT for a broken escape, for what is no
 * UTF-8 or holds U+0000 once decoded, and for too many parameters. */
BelfryQueryString *belfry_query_string_parse      (const char *text, gssize length, GError **error);
void               belfry_query_string_free       (BelfryQueryString *self);
const char        *belfry_query_string_get        (BelfryQueryString *self,
                                                   const char *name);  /* the last of that name, or NULL */
guint              belfry_query_string_get_size   (BelfryQueryString *self);
const char        *belfry_query_string_peek_name  (BelfryQueryString *self, guint index);
const char        *belfry_query_string_peek_value (BelfryQueryString *self, guint index);

/* %XX of a path or a query, '+' as a space when plus_is_space. NULL where parse() would give an error. */
char              *belfry_query_string_decode     (const char *text, gsize length, gboolean plus_is_space);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryQueryString, belfry_query_string_free)

G_END_DECLS
