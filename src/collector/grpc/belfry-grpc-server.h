/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-grpc-sink.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_GRPC_SERVER (belfry_grpc_server_get_type ())

G_DECLARE_FINAL_TYPE (BelfryGrpcServer, belfry_grpc_server, BELFRY, GRPC_SERVER, GObject)

BelfryGrpcServer *belfry_grpc_server_new         (BelfryGrpcSink       *sink);
gboolean          belfry_grpc_server_set_tls     (BelfryGrpcServer     *self,
                                                  const char           *certificate_pem,
                                                  const char           *private_key_pem,
                                                  GError              **error);
gboolean          belfry_grpc_server_start       (BelfryGrpcServer     *self,
                                                  const char           *host,
                                                  guint16               port,
                                                  GError              **error);
guint16           belfry_grpc_server_get_port    (BelfryGrpcServer     *self);
void              belfry_grpc_server_set_serving (BelfryGrpcServer     *self,
                                                  gboolean              is_serving);
void              belfry_grpc_server_stop_async  (BelfryGrpcServer     *self,
                                                  GAsyncReadyCallback   callback,
                                                  gpointer              user_data);
gboolean          belfry_grpc_server_stop_finish (BelfryGrpcServer     *self,
                                                  GAsyncResult         *result,
                                                  GError              **error);

G_END_DECLS
