/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-grpc-certificate-private.h"
#include "belfry-grpc-queue-private.h"
#include "belfry-grpc-server.h"

G_BEGIN_DECLS

struct _BelfryGrpcServer
{
  GObject parent_instance;

  BelfryGrpcSink        *sink;         /* owned */
  BelfryGrpcLimits       limits;
  BelfryGrpcTally        tally;        /* the last one, while there is no queue */
  GMainContext          *home;         /* owned */
  BelfryGrpcQueue       *queue;        /* owned; NULL while it does not run */
  BelfryGrpcCertificate *certificate;  /* owned; NULL without TLS */
  GTask                 *stopping;     /* owned */
  GSource               *drain_limit;  /* owned */
  guint16                port;
  gboolean               is_serving;
};

void belfry_grpc_server_install_properties (GObjectClass *object_class);
void belfry_grpc_server_set_defaults       (BelfryGrpcServer *self);

G_END_DECLS
