/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "server-world.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib/gstdio.h>

void
server_world_set_up (ServerWorld *world,
                     const char  *first_property,
                     ...)
{
  g_autoptr(BelfryEventValidator) validator = NULL;
  g_autoptr(BelfryRouter) router = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *path = NULL;
  g_auto(GStrv) uris = NULL;
  va_list args;

  world->folder = g_dir_make_tmp ("belfry-server-XXXXXX", NULL);
  path = g_build_filename (world->folder, "events.db", NULL);
  world->store = belfry_sqlite_store_new (path);
  belfry_sqlite_store_open (world->store, NULL, &error);
  g_assert_no_error (error);

  world->registry = belfry_event_type_registry_new ();
  validator = belfry_event_validator_new (world->registry);
  router = belfry_router_new (BELFRY_EVENT_STORE (world->store));
  world->pipeline = belfry_pipeline_new (validator, BELFRY_EVENT_STORE (world->store), router);
  world->server = belfry_server_new (world->pipeline);
  va_start (args, first_property);
  if (first_property != NULL)
    g_object_set_valist (G_OBJECT (world->server), first_property, args);
  va_end (args);

  belfry_server_listen (world->server, "127.0.0.1", 0, &error);
  g_assert_no_error (error);
  uris = belfry_server_list_uris (world->server);
  g_assert_cmpuint (g_strv_length (uris), ==, 1);
  world->port = g_ascii_strtoull (strrchr (uris[0], ':') + 1, NULL, 10);
  g_assert_cmpuint (world->port, !=, 0);
}

static void
remove_folder (const char *path)
{
  g_autoptr(GDir) folder = g_dir_open (path, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_unlink (file);
    }
  g_rmdir (path);
}

/* An answer of the store or of a bus that is still on its way may hold the last reference. */
static void
wait_until_gone (gpointer object)
{
  gpointer weak = object;

  g_object_add_weak_pointer (object, &weak);
  g_object_unref (object);
  server_world_wait (weak == NULL);
}

void
server_world_tear_down (ServerWorld *world)
{
  g_clear_object (&world->server);
  g_clear_object (&world->pipeline);
  g_clear_object (&world->registry);
  belfry_sqlite_store_close (world->store);
  wait_until_gone (world->store);
  remove_folder (world->folder);
  g_clear_pointer (&world->folder, g_free);
}

void
server_world_end (ServerWorld   *world,
                  gconstpointer  data)
{
  server_world_tear_down (world);
}

guint64
server_world_get_number (ServerWorld *world,
                         const char  *property)
{
  g_auto(GValue) value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_UINT64);
  g_object_get_property (G_OBJECT (world->server), property, &value);
  return g_value_get_uint64 (&value);
}

/* Sockets and timers of the server wake the context; the test's own end is looked at now and then. */
void
server_world_iterate (void)
{
  if (!g_main_context_iteration (NULL, FALSE))
    g_usleep (200);
}

int
server_world_connect (ServerWorld *world)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = g_htons (world->port),
                                 .sin_addr.s_addr = g_htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return fd;
}

void
server_world_send (int         fd,
                   const char *bytes,
                   gssize      length)
{
  gsize left = length < 0 ? strlen (bytes) : (gsize) length;

  while (left > 0)
    {
      gssize sent = send (fd, bytes, left, MSG_DONTWAIT | MSG_NOSIGNAL);

      if (sent < 0 && errno == EAGAIN)
        {
          server_world_iterate ();
          continue;
        }
      /* A server that has seen enough may end the connection while we still send. */
      if (sent < 0)
        return;
      bytes += sent;
      left -= sent;
    }
}

static char *
find_header (const char *head,
             const char *name)
{
  g_auto(GStrv) lines = g_strsplit (head, "\r\n", -1);
  gsize length = strlen (name);

  for (gsize i = 1; lines[i] != NULL; i++)
    {
      if (g_ascii_strncasecmp (lines[i], name, length) == 0 && lines[i][length] == ':')
        return g_strstrip (g_strdup (lines[i] + length + 1));
    }

  return NULL;
}

char *
response_dup_header (Response   *response,
                     const char *name)
{
  return find_header (response->head, name);
}

void
response_free (Response *response)
{
  g_free (response->head);
  g_free (response->body);
  g_free (response);
}

/* NULL while it is not whole. */
static Response *
parse_response (GString  *bytes,
                gboolean  closed)
{
  const char *end = strstr (bytes->str, "\r\n\r\n");
  g_autoptr(Response) response = g_new0 (Response, 1);
  g_autofree char *length = NULL;
  gsize head_length;

  if (end == NULL)
    {
      if (!closed)
        return NULL;
      response->closed = TRUE;
      response->head = g_strdup (bytes->str);
      response->body = g_strdup ("");
      return g_steal_pointer (&response);
    }

  head_length = end + 4 - bytes->str;
  response->head = g_strndup (bytes->str, head_length);
  response->status = g_ascii_strtoull (bytes->str + strlen ("HTTP/1.1 "), NULL, 10);
  length = response_dup_header (response, "Content-Length");
  response->length = length != NULL ? g_ascii_strtoull (length, NULL, 10) : bytes->len - head_length;
  if (!closed && (length == NULL ? response->status != 101 : bytes->len < head_length + response->length))
    return NULL;

  response->closed = closed;
  response->length = MIN (response->length, bytes->len - head_length);
  response->body = g_strndup (bytes->str + head_length, response->length);
  return g_steal_pointer (&response);
}

/* Adds what has come; what follows a whole response stays where it is. */
static Response *
receive_more (int      fd,
              GString *bytes)
{
  char buffer[65536];
  gssize received = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT | MSG_PEEK);
  gsize n_before = bytes->len, n_taken;
  Response *response;

  if (received == 0 || (received < 0 && errno != EAGAIN && errno != EINTR))
    return parse_response (bytes, TRUE);
  if (received < 0)
    {
      server_world_iterate ();
      return NULL;
    }

  g_string_append_len (bytes, buffer, received);
  response = parse_response (bytes, FALSE);
  n_taken = (response != NULL ? strlen (response->head) + response->length : bytes->len) - n_before;
  g_assert_cmpint (recv (fd, buffer, n_taken, MSG_DONTWAIT), ==, n_taken);

  return response;
}

Response *
server_world_receive (int fd)
{
  g_autoptr(GString) bytes = g_string_new (NULL);
  Response *response = NULL;
  gint64 give_up = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;

  while ((response = receive_more (fd, bytes)) == NULL)
    g_assert_cmpint (g_get_monotonic_time (), <, give_up);

  return response;
}

Response *
server_world_ask (int         fd,
                  const char *request)
{
  server_world_send (fd, request, -1);
  return server_world_receive (fd);
}

Response *
server_world_exchange (ServerWorld *world,
                       const char  *request)
{
  int fd = server_world_connect (world);
  Response *response;

  server_world_send (fd, request, -1);
  response = server_world_receive (fd);
  close (fd);
  return response;
}

Response *
server_world_request (ServerWorld *world,
                      const char  *method,
                      const char  *path,
                      const char  *headers,
                      const char  *body)
{
  g_autofree char *length = body != NULL ? g_strdup_printf ("Content-Length: %" G_GSIZE_FORMAT "\r\n",
                                                            strlen (body)) : g_strdup ("");
  g_autofree char *request = g_strdup_printf ("%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s%s\r\n%s", method,
                                              path, (guint) world->port,
                                              length, headers != NULL ? headers : "", body != NULL ? body : "");
  int fd = server_world_connect (world);
  Response *response;

  server_world_send (fd, request, -1);
  /* The answer to HEAD has a length and no body: the end of the connection tells. */
  if (strcmp (method, "HEAD") == 0)
    shutdown (fd, SHUT_WR);
  response = server_world_receive (fd);
  close (fd);
  return response;
}
