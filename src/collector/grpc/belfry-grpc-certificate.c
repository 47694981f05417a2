/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-certificate-private.h"

struct _BelfryGrpcCertificate
{
  GMutex  lock;
  char   *certificate;  /* guarded by lock */
  char   *key;          /* guarded by lock */
  guint   version;      /* guarded by lock */
  guint   presented;    /* guarded by lock; the version that gRPC has */
};

BelfryGrpcCertificate *
belfry_grpc_certificate_new (void)
{
  BelfryGrpcCertificate *self = g_new0 (BelfryGrpcCertificate, 1);

  g_mutex_init (&self->lock);
  return self;
}

void
belfry_grpc_certificate_free (BelfryGrpcCertificate *self)
{
  g_mutex_clear (&self->lock);
  g_free (self->certificate);
  g_free (self->key);
  g_free (self);
}

static grpc_ssl_server_certificate_config *
make_config (const char *certificate,
             const char *key)
{
  const grpc_ssl_pem_key_cert_pair pair = { key, certificate };

  /* Roots are for the certificates of clients, which nobody asks for; yet gRPC insists on some when it fetches them like this. */
  return grpc_ssl_server_certificate_config_create (certificate, &pair, 1);
}

gboolean
belfry_grpc_certificate_set (BelfryGrpcCertificate  *self,
                             const char             *certificate,
                             const char             *key,
                             GError                **error)
{
  g_autofree char *both = g_strconcat (certificate, "\n", key, NULL);
  g_autoptr(GTlsCertificate) checked = g_tls_certificate_new_from_pem (both, -1, error);

  if (checked == NULL)
    return FALSE;

  g_mutex_lock (&self->lock);
  g_free (self->certificate);
  g_free (self->key);
  self->certificate = g_strdup (certificate);
  self->key = g_strdup (key);
  self->version++;
  g_mutex_unlock (&self->lock);
  return TRUE;
}

static grpc_ssl_certificate_config_reload_status
on_handshake (void                                *user_data,
              grpc_ssl_server_certificate_config **config)
{
  BelfryGrpcCertificate *self = user_data;
  grpc_ssl_certificate_config_reload_status status = GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;

  g_mutex_lock (&self->lock);
  if (self->presented != self->version)
    {
      *config = make_config (self->certificate, self->key);
      self->presented = self->version;
      status = GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
    }
  g_mutex_unlock (&self->lock);
  return status;
}

grpc_server_credentials *
belfry_grpc_certificate_present (BelfryGrpcCertificate *self)
{
  self->presented = 0;
  return grpc_ssl_server_credentials_create_with_options (
    grpc_ssl_server_credentials_create_options_using_config_fetcher (GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE, on_handshake, self));
}
