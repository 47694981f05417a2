/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-client.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_CLIENT_PUBLISHER (belfry_client_publisher_get_type ())

/* Publishes over one WebSocket with many events in flight. Properties: client (construct-only), max-in-flight (1024),
 * and read-only in-flight, published, refused. */
BELFRY_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (BelfryClientPublisher, belfry_client_publisher, BELFRY, CLIENT_PUBLISHER, GObject)

BELFRY_AVAILABLE_IN_ALL
BelfryClientPublisher *belfry_client_publisher_new            (BelfryClient           *client);
BELFRY_AVAILABLE_IN_ALL
gboolean               belfry_client_publisher_is_full        (BelfryClientPublisher  *self);
BELFRY_AVAILABLE_IN_ALL
guint                  belfry_client_publisher_get_in_flight  (BelfryClientPublisher  *self);
BELFRY_AVAILABLE_IN_ALL
void                   belfry_client_publisher_publish_async  (BelfryClientPublisher  *self,
                                                               const char             *json,
                                                               GCancellable           *cancellable,
                                                               GAsyncReadyCallback     callback,
                                                               gpointer                user_data);
BELFRY_AVAILABLE_IN_ALL
char                  *belfry_client_publisher_publish_finish (BelfryClientPublisher  *self,
                                                               GAsyncResult           *result,
                                                               GError                **error);
BELFRY_AVAILABLE_IN_ALL
void                   belfry_client_publisher_close          (BelfryClientPublisher  *self);

G_END_DECLS
