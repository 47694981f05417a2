/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* Echoes every WebSocket message through the session class of the server, for protocol test suites from outside.
 * Prints its port, then serves until its standard input ends. */

#include "echo-socket.h"

#include <gio/gunixinputstream.h>
#include <libsoup/soup.h>
#include <unistd.h>

static void
on_wrote_informational (SoupServerMessage *message,
                        gpointer           user_data)
{
  g_autoptr(GIOStream) stream = soup_server_message_steal_connection (message);

  belfry_web_socket_start (echo_socket_new (), user_data, stream, "echo", NULL);
}

static void
handle_upgrade (SoupServer        *server,
                SoupServerMessage *message,
                const char        *path,
                GHashTable        *query,
                gpointer           user_data)
{
  if (!soup_websocket_server_process_handshake (message, NULL, NULL, NULL, NULL))
    return;
  g_signal_connect (message, "wrote-informational", G_CALLBACK (on_wrote_informational), user_data);
}

static gboolean
on_input (GObject *input,
          gpointer user_data)
{
  char byte;

  if (g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (input), &byte, 1, NULL, NULL) == 0)
    {
      g_main_loop_quit (user_data);
      return G_SOURCE_REMOVE;
    }
  return G_SOURCE_CONTINUE;
}

static void
quit_at_end_of_input (GMainLoop *loop)
{
  g_autoptr(GInputStream) input = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autoptr(GSource) source = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (input), NULL);

  g_source_set_callback (source, G_SOURCE_FUNC (on_input), loop, NULL);
  g_source_attach (source, NULL);
}

static gboolean
listen_on_loopback (SoupServer *server,
                    GError    **error)
{
  SoupServerListenOptions options = soup_server_is_https (server) ? SOUP_SERVER_LISTEN_HTTPS : 0;
  g_autoptr(GSList) uris = NULL;

  if (!soup_server_listen_local (server, 0, options | SOUP_SERVER_LISTEN_IPV4_ONLY, error))
    return FALSE;
  uris = soup_server_get_uris (server);
  g_print ("%d\n", g_uri_get_port (uris->data));
  g_slist_free_full (g_steal_pointer (&uris), (GDestroyNotify) g_uri_unref);
  return TRUE;
}

static void
print_counters (BelfrySessionSet *set)
{
  BelfrySessionCounters counters;

  belfry_session_set_get_counters (set, &counters);
  g_print ("sessions %" G_GUINT64_FORMAT " messages %" G_GUINT64_FORMAT " open %u\n",
           counters.sessions, counters.messages_received, belfry_session_set_get_n_sessions (set));
}

int
main (int    argc,
      char **argv)
{
  g_autofree char *certificate_file = NULL;
  g_autofree char *key_file = NULL;
  int max_message_bytes = 16 * 1024 * 1024;
  GOptionEntry entries[] = {
    { "tls-certificate", 0, 0, G_OPTION_ARG_FILENAME, &certificate_file, "Serve over TLS with this certificate", "FILE" },
    { "tls-key", 0, 0, G_OPTION_ARG_FILENAME, &key_file, "Private key of the certificate", "FILE" },
    { "max-message-bytes", 0, 0, G_OPTION_ARG_INT, &max_message_bytes, "Longer messages are dropped", "N" },
    { NULL },
  };
  g_autoptr(GOptionContext) options = g_option_context_new (NULL);
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(SoupServer) server = NULL;
  g_autoptr(GTlsCertificate) certificate = NULL;
  g_autoptr(GError) error = NULL;
  BelfrySessionLimits limits;
  BelfrySessionSet *set;

  g_option_context_add_main_entries (options, entries, NULL);
  if (g_option_context_parse (options, &argc, &argv, &error) && certificate_file != NULL)
    certificate = g_tls_certificate_new_from_files (certificate_file, key_file, &error);
  if (error != NULL)
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }

  belfry_session_limits_init (&limits);
  limits.max_message_bytes = max_message_bytes;
  set = belfry_session_set_new (&limits);
  server = soup_server_new ("tls-certificate", certificate, NULL);
  soup_server_add_early_handler (server, NULL, handle_upgrade, set, NULL);
  if (!listen_on_loopback (server, &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }

  quit_at_end_of_input (loop);
  g_main_loop_run (loop);
  print_counters (set);
  belfry_session_set_abort (set);
  belfry_session_set_unref (set);
  return 0;
}
