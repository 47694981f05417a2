/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <libsoup/soup.h>

#include "belfry-client.h"

G_BEGIN_DECLS

/* What publisher and subscription need of the client. */
SoupSession *belfry_client_get_session (BelfryClient *self);
guint        belfry_client_get_timeout (BelfryClient *self);  /* seconds, at least 1 */

/* path begins with a slash; parameters are names and values in turn, ending in NULL, or NULL. */
SoupMessage *belfry_client_new_message (BelfryClient        *self,
                                        const char          *method,
                                        const char          *path,
                                        const char * const  *parameters,
                                        GError             **error);

SoupMessage *belfry_client_new_message_for_url (BelfryClient  *self,
                                                const char    *method,
                                                const char    *url,
                                                GError       **error);

guint64      belfry_client_get_max_response_bytes (BelfryClient *self);
void         belfry_client_count                  (BelfryClient *self,
                                                   gboolean      is_failure);

/* Sends a request; the result is the body of a 2xx. message: (transfer full), or NULL with error (transfer full), which is then the
 * result. */
void         belfry_client_send_async       (BelfryClient         *self,
                                             SoupMessage          *message,
                                             GError               *error,
                                             gpointer              source_tag,
                                             GCancellable         *cancellable,
                                             GAsyncReadyCallback   callback,
                                             gpointer              user_data);
GBytes      *belfry_client_send_finish      (BelfryClient         *self,
                                             GAsyncResult         *result,
                                             gpointer              source_tag,
                                             GError              **error);
char        *belfry_client_send_finish_text (BelfryClient         *self,
                                             GAsyncResult         *result,
                                             gpointer              source_tag,
                                             GError              **error);
/* A 422 of a call that sends no event is about its arguments. */
void         belfry_client_tell_argument    (GError              **error);

G_END_DECLS
