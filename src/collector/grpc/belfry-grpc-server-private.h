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
  BelfryGrpcTally        tally;        /* of the queues that have ended */
  GMainContext          *home;         /* owned */
  BelfryGrpcQueue       *queue;        /* owned; NULL while it does not run */
  BelfryGrpcCertificate *certificate;  /* owned; NULL without TLS */
  GTask                 *stopping;     /* owned */
  GSource               *drain_limit;  /* owned */
  GSource               *reopening;    /* owned; listens again, when there is no queue in between */
  char                  *host;         /* owned; where it listens, while it runs */
  guint16                port;
  gboolean               is_serving;
  guint64                reopened;     /* how often it was deaf and listened anew */
};

void belfry_grpc_server_install_properties (GObjectClass *object_class);
void belfry_grpc_server_set_defaults       (BelfryGrpcServer *self);
/* What the queue, which is about to go, has counted. */
void belfry_grpc_server_add_tally          (BelfryGrpcServer *self);

G_END_DECLS
