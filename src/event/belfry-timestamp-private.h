/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* "2026-01-15T10:30:45.123456Z" */
#define BELFRY_TIMESTAMP_LENGTH 27

/* Instants are µs since 1970 UTC. write: 27 characters and a NUL; the years 0000 to 9999. */
void     belfry_timestamp_write (gint64 usec, char text[BELFRY_TIMESTAMP_LENGTH + 1]);

/* ISO 8601 as a query gives it: a date, or date and time (T, t or a space between; seconds and
 * fraction optional; fraction with . or ,, more than six digits cut) with Z, an offset (+hh:mm,
 * +hhmm, +hh), or nothing for UTC. A space in the place of the offset's + is a client that did
 * not encode it. Also the basic forms without separators that Python's fromisoformat() reads.
 * FALSE for anything else. */
gboolean belfry_timestamp_parse (const char *text, gssize length, gint64 *usec);

G_END_DECLS
