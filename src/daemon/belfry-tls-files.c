/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-tls-files.h"

#include <sys/socket.h>
#include <unistd.h>

/* GIO reads a certificate and a key without asking whether they belong together: the first client would be the one to
 * find out. A handshake of ours with ourselves, over a pair of sockets, finds out first. */

/* Nobody else is at the other end, so this is never reached but on a machine that stands still. */
#define HANDSHAKE_LIMIT_SEC 10

typedef struct
{
  GCancellable *giving_up;    /* not owned */
  GError       *error;        /* owned; the first one */
  guint         n_under_way;
} Handshake;

static GIOStream *
wrap_descriptor (int      fd,
                 GError **error)
{
  g_autoptr(GSocket) socket = g_socket_new_from_fd (fd, error);

  if (socket == NULL)
    {
      close (fd);
      return NULL;
    }

  return G_IO_STREAM (g_socket_connection_factory_create_connection (socket));
}

static gboolean
make_pair (GIOStream **one,
           GIOStream **other,
           GError    **error)
{
  int fds[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "no pair of sockets could be made");
      return FALSE;
    }

  *one = wrap_descriptor (fds[0], error);
  if (*one == NULL)
    {
      close (fds[1]);
      return FALSE;
    }
  *other = wrap_descriptor (fds[1], error);
  return *other != NULL;
}

/* Whom the certificate names, who signed it and since when is what clients judge. */
static gboolean
on_accept_certificate (GTlsConnection       *connection,
                       GTlsCertificate      *certificate,
                       GTlsCertificateFlags  flaws,
                       gpointer              user_data)
{
  return TRUE;
}

static void
handshake_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  Handshake *handshake = user_data;
  g_autoptr(GError) error = NULL;

  handshake->n_under_way--;
  if (g_tls_connection_handshake_finish (G_TLS_CONNECTION (source), result, &error))
    return;

  if (handshake->error == NULL)
    handshake->error = g_steal_pointer (&error);
  g_cancellable_cancel (handshake->giving_up);
}

static gboolean
on_limit (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_CONTINUE;
}

static void
run_handshake (GIOStream    *server,
               GIOStream    *client,
               GMainContext *context,
               Handshake    *handshake)
{
  g_autoptr(GSource) limit = g_timeout_source_new_seconds (HANDSHAKE_LIMIT_SEC);

  g_source_set_callback (limit, on_limit, handshake->giving_up, NULL);
  g_source_attach (limit, context);
  g_signal_connect (client, "accept-certificate", G_CALLBACK (on_accept_certificate), NULL);

  handshake->n_under_way = 2;
  g_tls_connection_handshake_async (G_TLS_CONNECTION (server), G_PRIORITY_DEFAULT, handshake->giving_up, handshake_cb,
                                    handshake);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (client), G_PRIORITY_DEFAULT, handshake->giving_up, handshake_cb,
                                    handshake);
  while (handshake->n_under_way > 0)
    g_main_context_iteration (context, TRUE);
  g_source_destroy (limit);
}

static gboolean
check_handshake (GTlsCertificate  *certificate,
                 GMainContext     *context,
                 GError          **error)
{
  g_autoptr(GCancellable) giving_up = g_cancellable_new ();
  g_autoptr(GIOStream) server_base = NULL;
  g_autoptr(GIOStream) client_base = NULL;
  g_autoptr(GIOStream) server = NULL;
  g_autoptr(GIOStream) client = NULL;
  Handshake handshake = { .giving_up = giving_up };

  if (!make_pair (&server_base, &client_base, error)
      || (server = g_tls_server_connection_new (server_base, certificate, error)) == NULL
      || (client = g_tls_client_connection_new (client_base, NULL, error)) == NULL)
    return FALSE;

  run_handshake (server, client, context, &handshake);
  if (handshake.error == NULL)
    return TRUE;

  g_propagate_error (error, handshake.error);
  return FALSE;
}

static gboolean
check_pair (GTlsCertificate  *certificate,
            GError          **error)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GError) local_error = NULL;
  gboolean is_good;

  /* A context of our own: nothing of the daemon's moves meanwhile. */
  g_main_context_push_thread_default (context);
  is_good = check_handshake (certificate, context, &local_error);
  g_main_context_pop_thread_default (context);
  if (!is_good)
    g_set_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE,
                 "the certificate and the key do not work together (%s)", local_error->message);

  return is_good;
}

GTlsCertificate *
belfry_tls_files_load (const char  *certificate_path,
                       const char  *key_path,
                       GError     **error)
{
  g_autoptr(GTlsCertificate) certificate = NULL;

  certificate = g_tls_certificate_new_from_files (certificate_path, key_path, error);
  if (certificate == NULL || !check_pair (certificate, error))
    {
      g_prefix_error (error, "TLS_CERTIFICATE '%s', TLS_PRIVATE_KEY '%s': ", certificate_path, key_path);
      return NULL;
    }

  return g_steal_pointer (&certificate);
}
