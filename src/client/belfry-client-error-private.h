/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The one place where answers of the wire become errors. */

/* NULL for a 2xx. body: as the server sent it, any bytes. */
GError   *belfry_client_error_new_from_status   (guint         status,
                                                 const char   *body,
                                                 gsize         length);
/* The message of a status error on a WebSocket. */
GError   *belfry_client_error_new_from_message  (const char   *message);
/* code: the peer's close code, 0 when the connection broke; status: the last status error that
 * came, or NULL. */
GError   *belfry_client_error_new_from_close    (guint         code,
                                                 const char   *reason,
                                                 const GError *status);
/* Takes any error of libsoup or GIO; gives back one of GIO or Belfry. */
GError   *belfry_client_error_translate         (GError       *error);
/* Whether trying again later may help. */
gboolean  belfry_client_error_is_passing        (const GError *error);

G_END_DECLS
