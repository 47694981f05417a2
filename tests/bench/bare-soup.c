/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* A libsoup server whose handler does nothing: what a POST costs before anybody has looked at it. bare-soup [PORT]. */

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <glib-unix.h>
#include <libsoup/soup.h>

/* What belfryd answers, byte for byte as long. */
#define ANSWER "{\"status\":\"ok\",\"event_id\":\"evt_0123456789ab\"}"

static void
on_post (SoupServer        *server,
         SoupServerMessage *message,
         const char        *path,
         GHashTable        *query,
         gpointer           user_data)
{
  soup_server_message_set_status (message, SOUP_STATUS_CREATED, NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_STATIC, ANSWER, strlen (ANSWER));
}

/* libsoup would listen with a backlog of 10, in which a few hundred clients at once get stuck; that is not what we ask it. */
static GSocket *
open_socket (guint16   port,
             GError  **error)
{
  g_autoptr(GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);
  g_autoptr(GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", port);

  if (socket == NULL)
    return NULL;

  g_socket_set_listen_backlog (socket, 4096);
  if (!g_socket_bind (socket, address, TRUE, error) || !g_socket_listen (socket, error))
    return NULL;

  return g_steal_pointer (&socket);
}

static void
raise_descriptors (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    {
      limit.rlim_cur = limit.rlim_max;
      setrlimit (RLIMIT_NOFILE, &limit);
    }
}

static gboolean
on_signal (gpointer user_data)
{
  g_main_loop_quit (user_data);

  return G_SOURCE_CONTINUE;
}

static guint16
port_of (GSocket *socket)
{
  g_autoptr(GSocketAddress) address = g_socket_get_local_address (socket, NULL);

  return g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address));
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(SoupServer) server = soup_server_new (NULL, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GSocket) socket = open_socket ((guint16) (argc > 1 ? atoi (argv[1]) : 0), &error);

  raise_descriptors ();
  soup_server_add_handler (server, NULL, on_post, NULL, NULL);
  if (socket == NULL || !soup_server_listen_socket (server, socket, 0, &error))
    {
      g_printerr ("bare-soup: %s\n", error->message);
      return EXIT_FAILURE;
    }

  g_unix_signal_add (SIGTERM, on_signal, loop);
  g_unix_signal_add (SIGINT, on_signal, loop);
  g_print ("Listening on http://127.0.0.1:%u\n", port_of (socket));
  g_main_loop_run (loop);

  return EXIT_SUCCESS;
}
