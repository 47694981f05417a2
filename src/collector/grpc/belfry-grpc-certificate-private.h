/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>
#include <grpc/grpc_security.h>

G_BEGIN_DECLS

/* A certificate that may be replaced while connections come in: gRPC asks for it at each handshake, on threads of its own. */
typedef struct _BelfryGrpcCertificate BelfryGrpcCertificate;

/* Both checked first: gRPC would refuse each handshake and say so to nobody. */
BelfryGrpcCertificate   *belfry_grpc_certificate_new     (void);
void                     belfry_grpc_certificate_free    (BelfryGrpcCertificate *self);
gboolean                 belfry_grpc_certificate_set     (BelfryGrpcCertificate *self, const char *certificate, const char *key,
                                                          GError **error);
grpc_server_credentials *belfry_grpc_certificate_present (BelfryGrpcCertificate *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryGrpcCertificate, belfry_grpc_certificate_free)

G_END_DECLS
