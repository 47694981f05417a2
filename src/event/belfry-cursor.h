/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib-object.h>

#include "belfry-visibility.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_CURSOR (belfry_cursor_get_type ())

/* A place in a log: behind the event at position. Identity 0 and position 0 is the beginning of any log. Its text is
 * base64url without padding of: one byte version 1, eight bytes identity of the log, eight bytes
 * position, big-endian. */
typedef struct
{
  guint64 log_id;
  guint64 position;
} BelfryCursor;

BELFRY_AVAILABLE_IN_ALL GType         belfry_cursor_get_type     (void) G_GNUC_CONST;
BELFRY_AVAILABLE_IN_ALL BelfryCursor *belfry_cursor_new          (guint64 log_id, guint64 position);
BELFRY_AVAILABLE_IN_ALL BelfryCursor *belfry_cursor_new_beginning (void);
BELFRY_AVAILABLE_IN_ALL BelfryCursor *belfry_cursor_new_from_string (const char *text,
                                                                     GError **error);
BELFRY_AVAILABLE_IN_ALL BelfryCursor *belfry_cursor_copy         (const BelfryCursor *self);
BELFRY_AVAILABLE_IN_ALL void          belfry_cursor_free         (BelfryCursor *self);
BELFRY_AVAILABLE_IN_ALL char         *belfry_cursor_to_string    (const BelfryCursor *self);

/**
 * BELFRY_CURSOR_TEXT_LENGTH:
 *
 * Characters of a cursor's text, without the NUL.
 *
 * Since: 0.1
 */
#define BELFRY_CURSOR_TEXT_LENGTH 23

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryCursor, belfry_cursor_free)

G_END_DECLS
