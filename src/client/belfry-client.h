/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-filter.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_CLIENT (belfry_client_get_type ())

/* A remote daemon. Properties: url (construct-only, http:// or https://), api-key, timeout, tls-
 * database, max-response-bytes. */
BELFRY_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (BelfryClient, belfry_client, BELFRY, CLIENT, GObject)

BELFRY_AVAILABLE_IN_ALL BelfryClient *belfry_client_new         (const char    *url);
BELFRY_AVAILABLE_IN_ALL const char   *belfry_client_get_url     (BelfryClient  *self);
BELFRY_AVAILABLE_IN_ALL void          belfry_client_set_api_key (BelfryClient  *self,
                                                                 const char    *api_key);

BELFRY_AVAILABLE_IN_ALL
void     belfry_client_publish_async           (BelfryClient         *self,
                                                const char           *json,
                                                GCancellable         *cancellable,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);
BELFRY_AVAILABLE_IN_ALL
char    *belfry_client_publish_finish          (BelfryClient         *self,
                                                GAsyncResult         *result,
                                                GError              **error);
BELFRY_AVAILABLE_IN_ALL
void     belfry_client_query_async             (BelfryClient         *self,
                                                BelfryFilter         *filter,
                                                const char           *since,
                                                guint                 limit,
                                                GCancellable         *cancellable,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);
BELFRY_AVAILABLE_IN_ALL
char   **belfry_client_query_finish            (BelfryClient         *self,
                                                GAsyncResult         *result,
                                                GError              **error);
BELFRY_AVAILABLE_IN_ALL
void     belfry_client_lookup_async            (BelfryClient         *self,
                                                const char           *id,
                                                GCancellable         *cancellable,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);
BELFRY_AVAILABLE_IN_ALL
char    *belfry_client_lookup_finish           (BelfryClient         *self,
                                                GAsyncResult         *result,
                                                GError              **error);
BELFRY_AVAILABLE_IN_ALL
void     belfry_client_stats_async             (BelfryClient         *self,
                                                GCancellable         *cancellable,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);
BELFRY_AVAILABLE_IN_ALL
char    *belfry_client_stats_finish            (BelfryClient         *self,
                                                GAsyncResult         *result,
                                                GError              **error);
BELFRY_AVAILABLE_IN_ALL
void     belfry_client_list_event_types_async  (BelfryClient         *self,
                                                GCancellable         *cancellable,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);
BELFRY_AVAILABLE_IN_ALL
char    *belfry_client_list_event_types_finish (BelfryClient         *self,
                                                GAsyncResult         *result,
                                                GError              **error);
BELFRY_AVAILABLE_IN_ALL
void     belfry_client_add_event_type_async    (BelfryClient         *self,
                                                const char           *name,
                                                const char           *description,
                                                GCancellable         *cancellable,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);
BELFRY_AVAILABLE_IN_ALL
gboolean belfry_client_add_event_type_finish   (BelfryClient         *self,
                                                GAsyncResult         *result,
                                                GError              **error);
BELFRY_AVAILABLE_IN_ALL
void     belfry_client_clear_async             (BelfryClient         *self,
                                                const char           *before,
                                                GCancellable         *cancellable,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);
BELFRY_AVAILABLE_IN_ALL
gboolean belfry_client_clear_finish            (BelfryClient         *self,
                                                GAsyncResult         *result,
                                                guint64              *n_deleted,
                                                GError              **error);

G_END_DECLS
