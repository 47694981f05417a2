/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-listener-private.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>

#include "belfry-lobby-private.h"
#include "belfry-tls-door-private.h"

/* An accept loop of our own. libsoup's has a backlog of 10 and, once accept() fails (no descriptor left, a
 * client that went away in the queue), never accepts again. Here a spare descriptor is kept: when there is
 * no other left it is given up for long enough to take the connection and close it, so that the client
 * learns of it and the queue does not stand still.
 *
 * Whoever was accepted waits in the lobby until there is something to read, and with TLS at the door for the
 * handshake. HTTP begins behind that. */

#define BACKLOG        4096
#define ACCEPTS_A_TURN 64
#define PAUSE_MSEC     100

/* What many connections leave behind in the heap lies between what stays, and does not go back by itself. */
#define TRIM_CONNECTIONS  1000
#define TRIM_SECONDS      2

/* Lives as long as a connection does, also when the listener is gone. A connection holds one reference, its
 * seat. */
struct _BelfryListenerSeat
{
  gatomicrefcount refs;
  guint           n_open;  /* atomic: a TLS handshake may drop the last reference on a thread of its own */
};

typedef BelfryListenerSeat Census;

struct _BelfryListener
{
  gboolean           is_tls;
  BelfryLobby       *lobby;        /* owned; NULL once stopped */
  BelfryTlsDoor     *door;         /* owned; NULL when plain, or stopped */
  BelfryListenerFunc func;
  gpointer           user_data;
  GMainContext      *context;      /* owned; home */
  GPtrArray         *sockets;      /* owned; GSocket, listening */
  GPtrArray         *watches;      /* owned; GSource */
  GSource           *pause;        /* owned; while accepting rests, else NULL */
  GSource           *trim;         /* owned; while many are open, else NULL */
  BelfryHttpClock   *clock;        /* owned reference */
  Census            *census;       /* owned reference */
  guint              most_open;    /* since the heap was last trimmed */
  guint              max_open;     /* 0: no limit */
  int                spare;        /* descriptor, or -1 */
  guint64            accepted;
  guint64            refused;
  guint64            over_limit;
};

static void watch_sockets (BelfryListener *self);

static void
census_unref (Census *census)
{
  if (g_atomic_ref_count_dec (&census->refs))
    g_free (census);
}

void
belfry_listener_seat_free (BelfryListenerSeat *seat)
{
  g_atomic_int_add (&seat->n_open, -1);
  census_unref (seat);
}

static G_DEFINE_QUARK (belfry-listener-seat, seat)

BelfryListenerSeat *
belfry_listener_seat_take_over (GIOStream *connection)
{
  return g_object_steal_qdata (G_OBJECT (connection), seat_quark ());
}

void
belfry_listener_seat_give (BelfryListenerSeat *seat,
                           GIOStream          *connection)
{
  g_object_set_qdata_full (G_OBJECT (connection), seat_quark (), seat, (GDestroyNotify) belfry_listener_seat_free);
}

static BelfryListenerSeat *
take_seat (BelfryListener *self)
{
  g_atomic_int_inc (&self->census->n_open);
  g_atomic_ref_count_inc (&self->census->refs);
  return self->census;
}

/* --- on the way in --- */

static void
on_caller (BelfryCaller *caller,
           gpointer      user_data)
{
  BelfryListener *self = user_data;
  g_autoptr(GIOStream) connection = NULL;
  g_autoptr(GSocketAddress) local = NULL;
  g_autoptr(GSocketAddress) remote = NULL;

  if (self->door != NULL)
    {
      belfry_tls_door_take (self->door, caller);
      return;
    }

  connection = belfry_caller_make_connection (caller, &local, &remote);
  belfry_caller_free (caller);
  if (connection != NULL)
    self->func (connection, local, remote, self->user_data);
}

BelfryListener *
belfry_listener_new (GTlsCertificate    *certificate,
                     BelfryHttpClock    *clock,
                     BelfryListenerFunc  func,
                     gpointer            user_data)
{
  BelfryListener *self = g_new0 (BelfryListener, 1);

  self->is_tls = certificate != NULL;
  if (self->is_tls)
    self->door = belfry_tls_door_new (certificate, clock, func, user_data);
  self->lobby = belfry_lobby_new (clock, self->is_tls, on_caller, self);
  self->clock = belfry_http_clock_ref (clock);
  self->func = func;
  self->user_data = user_data;
  self->context = g_main_context_ref_thread_default ();
  self->sockets = g_ptr_array_new_with_free_func (g_object_unref);
  self->watches = g_ptr_array_new ();
  self->census = g_new0 (Census, 1);
  g_atomic_ref_count_init (&self->census->refs);
  self->spare = -1;
  return self;
}

/* Connections that stand keep the one that they began with. */
void
belfry_listener_set_certificate (BelfryListener  *self,
                                 GTlsCertificate *certificate)
{
  g_assert (self->is_tls && certificate != NULL);

  if (self->door != NULL)
    belfry_tls_door_set_certificate (self->door, certificate);
}

static void
unwatch_sockets (BelfryListener *self)
{
  for (guint i = 0; i < self->watches->len; i++)
    {
      GSource *watch = g_ptr_array_index (self->watches, i);

      g_source_destroy (watch);
      g_source_unref (watch);
    }
  g_ptr_array_set_size (self->watches, 0);
}

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
end (BelfryListener *self)
{
  unwatch_sockets (self);
  clear_source (&self->pause);
  clear_source (&self->trim);
  for (guint i = 0; i < self->sockets->len; i++)
    g_socket_close (g_ptr_array_index (self->sockets, i), NULL);
  g_ptr_array_set_size (self->sockets, 0);
  g_clear_pointer (&self->lobby, belfry_lobby_free);
  g_clear_pointer (&self->door, belfry_tls_door_close);
  if (self->spare >= 0)
    close (self->spare);
  self->spare = -1;
}

void
belfry_listener_stop (BelfryListener *self)
{
  /* A request that is here already still gets its answer. */
  if (self->lobby != NULL && !self->is_tls)
    belfry_lobby_flush (self->lobby);
  end (self);
}

void
belfry_listener_free (BelfryListener *self)
{
  end (self);
  g_clear_pointer (&self->sockets, g_ptr_array_unref);
  g_clear_pointer (&self->watches, g_ptr_array_unref);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_clear_pointer (&self->census, census_unref);
  g_clear_pointer (&self->clock, belfry_http_clock_unref);
  g_free (self);
}

/* --- memory --- */

static gboolean
on_trim (gpointer user_data)
{
  BelfryListener *self = user_data;
  guint n_open = belfry_listener_get_n_open (self);

  self->most_open = MAX (self->most_open, n_open);
  if (self->most_open - n_open >= TRIM_CONNECTIONS)
    {
#ifdef __GLIBC__
      malloc_trim (0);
#endif
      self->most_open = n_open;
    }
  if (n_open >= TRIM_CONNECTIONS)
    return G_SOURCE_CONTINUE;

  g_clear_pointer (&self->trim, g_source_unref);
  self->most_open = 0;
  return G_SOURCE_REMOVE;
}

static void
watch_heap (BelfryListener *self,
            guint           n_open)
{
  self->most_open = MAX (self->most_open, n_open);
  if (self->trim != NULL || n_open < TRIM_CONNECTIONS)
    return;

  self->trim = g_timeout_source_new_seconds (TRIM_SECONDS);
  g_source_set_static_name (self->trim, "belfry heap");
  g_source_set_callback (self->trim, on_trim, self, NULL);
  g_source_attach (self->trim, self->context);
}

/* --- accepting --- */

/* FALSE when all places are taken by somebody who is not idle. */
static gboolean
has_room (BelfryListener *self)
{
  return self->max_open == 0 || belfry_listener_get_n_open (self) < self->max_open
         || belfry_http_clock_make_room (self->clock, BELFRY_HTTP_PHASE_LINGER)
         || belfry_http_clock_make_room (self->clock, BELFRY_HTTP_PHASE_IDLE);
}

static void
take_connection (BelfryListener          *self,
                 int                      fd,
                 struct sockaddr_storage *address,
                 socklen_t                address_length)
{
  int on = 1;

  if (!has_room (self))
    {
      self->over_limit++;
      close (fd);
      return;
    }

  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  self->accepted++;
  belfry_lobby_take (self->lobby, fd, address, address_length, take_seat (self));
  watch_heap (self, belfry_listener_get_n_open (self));
}

static gboolean
on_pause_over (gpointer user_data)
{
  BelfryListener *self = user_data;

  g_clear_pointer (&self->pause, g_source_unref);
  watch_sockets (self);
  return G_SOURCE_REMOVE;
}

/* Nothing can be accepted and nothing turned away: look again in a while instead of spinning. */
static void
rest (BelfryListener *self)
{
  unwatch_sockets (self);
  if (self->pause != NULL)
    return;

  self->pause = g_timeout_source_new (PAUSE_MSEC);
  g_source_set_callback (self->pause, on_pause_over, self, NULL);
  g_source_attach (self->pause, self->context);
}

static void
ensure_spare (BelfryListener *self)
{
  if (self->spare < 0)
    self->spare = open ("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* FALSE when even that did not work. */
static gboolean
turn_away (BelfryListener *self,
           int             listening)
{
  int fd;

  if (self->spare < 0)
    return FALSE;

  close (self->spare);
  self->spare = -1;
  fd = accept4 (listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0)
    {
      self->refused++;
      close (fd);
    }
  ensure_spare (self);
  return fd >= 0;
}

static gboolean
on_connections (int          listening,
                GIOCondition condition,
                gpointer     user_data)
{
  BelfryListener *self = user_data;

  for (guint i = 0; i < ACCEPTS_A_TURN && self->lobby != NULL; i++)
    {
      struct sockaddr_storage address;
      socklen_t length = sizeof address;
      int fd = accept4 (listening, (struct sockaddr *) &address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);

      if (fd >= 0)
        {
          take_connection (self, fd, &address, length);
        }
      else if (errno == EAGAIN || errno == EWOULDBLOCK)
        {
          break;
        }
      else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        {
          if (!turn_away (self, listening))
            {
              rest (self);
              return G_SOURCE_REMOVE;
            }
        }
      /* Anything else befell the client in the queue, not us. */
    }

  return G_SOURCE_CONTINUE;
}

static void
watch_sockets (BelfryListener *self)
{
  unwatch_sockets (self);
  for (guint i = 0; i < self->sockets->len; i++)
    {
      GSource *watch = g_unix_fd_source_new (g_socket_get_fd (g_ptr_array_index (self->sockets, i)), G_IO_IN);

      g_source_set_callback (watch, G_SOURCE_FUNC (on_connections), self, NULL);
      g_source_attach (watch, self->context);
      g_ptr_array_add (self->watches, watch);
    }
}

static GSocket *
open_socket (GInetAddress *address,
             guint16       port,
             GError      **error)
{
  g_autoptr(GSocketAddress) place = g_inet_socket_address_new (address, port);
  GSocketFamily family = g_inet_address_get_family (address);
  g_autoptr(GSocket) socket = g_socket_new (family, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);

  if (socket == NULL)
    return NULL;

  g_socket_set_blocking (socket, FALSE);
  g_socket_set_listen_backlog (socket, BACKLOG);
  /* "::" means everybody, as it does elsewhere. A kernel without mapped addresses ignores the wish. */
  if (family == G_SOCKET_FAMILY_IPV6)
    g_socket_set_option (socket, IPPROTO_IPV6, IPV6_V6ONLY, !g_inet_address_get_is_any (address), NULL);
  if (!g_socket_bind (socket, place, TRUE, error) || !g_socket_listen (socket, error))
    return NULL;

  return g_steal_pointer (&socket);
}

static GList *
resolve (const char *host,
         GError    **error)
{
  g_autoptr(GResolver) resolver = NULL;
  g_autofree char *bare = NULL;
  GInetAddress *literal;

  if (host[0] == '[' && g_str_has_suffix (host, "]"))
    bare = g_strndup (host + 1, strlen (host) - 2);
  literal = g_inet_address_new_from_string (bare != NULL ? bare : host);
  if (literal != NULL)
    return g_list_prepend (NULL, literal);

  resolver = g_resolver_get_default ();
  return g_resolver_lookup_by_name (resolver, host, NULL, error);
}

static gboolean
is_absent_here (const GError *error)
{
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_FAILED);
}

static guint16
get_port (GSocket *socket)
{
  g_autoptr(GSocketAddress) address = g_socket_get_local_address (socket, NULL);

  return address != NULL ? g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)) : 0;
}

gboolean
belfry_listener_listen (BelfryListener  *self,
                        const char      *host,
                        guint16          port,
                        GError         **error)
{
  GList *addresses = resolve (host, error);
  g_autoptr(GPtrArray) opened = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr(GError) first = NULL;

  if (addresses == NULL)
    return FALSE;

  for (GList *l = addresses; l != NULL; l = l->next)
    {
      g_autoptr(GError) local_error = NULL;
      GSocket *socket = open_socket (l->data, port, &local_error);

      if (socket != NULL)
        {
          g_ptr_array_add (opened, socket);
          if (port == 0)
            port = get_port (socket);
        }
      else if (first == NULL || !is_absent_here (local_error))
        {
          g_clear_error (&first);
          first = g_steal_pointer (&local_error);
        }
    }
  g_resolver_free_addresses (addresses);

  /* "localhost" often names an address of a family that the machine does not have: one that works is
   * enough then. */
  if (first != NULL && (opened->len == 0 || !is_absent_here (first)))
    {
      g_propagate_error (error, g_steal_pointer (&first));
      return FALSE;
    }

  g_ptr_array_extend_and_steal (self->sockets, g_steal_pointer (&opened));
  ensure_spare (self);
  watch_sockets (self);
  return TRUE;
}

char **
belfry_listener_list_uris (BelfryListener *self)
{
  g_autoptr(GStrvBuilder) uris = g_strv_builder_new ();

  for (guint i = 0; i < self->sockets->len; i++)
    {
      g_autoptr(GSocketAddress) address = g_socket_get_local_address (g_ptr_array_index (self->sockets, i), NULL);
      GInetSocketAddress *place = G_INET_SOCKET_ADDRESS (address);
      GInetAddress *inet = g_inet_socket_address_get_address (place);
      gboolean is_ipv6 = g_inet_address_get_family (inet) == G_SOCKET_FAMILY_IPV6;
      g_autofree char *text = g_inet_address_to_string (inet);
      g_autofree char *uri = g_strdup_printf ("%s://%s%s%s:%u", self->is_tls ? "https" : "http",
                                              is_ipv6 ? "[" : "", text, is_ipv6 ? "]" : "",
                                              (guint) g_inet_socket_address_get_port (place));

      g_strv_builder_add (uris, uri);
    }

  return g_strv_builder_end (uris);
}

guint64
belfry_listener_get_accepted (BelfryListener *self)
{
  return self->accepted;
}

guint64
belfry_listener_get_refused (BelfryListener *self)
{
  return self->refused;
}

guint64
belfry_listener_get_over_limit (BelfryListener *self)
{
  return self->over_limit;
}

void
belfry_listener_set_max_open (BelfryListener *self,
                              guint           max_open)
{
  self->max_open = max_open;
}

guint
belfry_listener_get_n_open (BelfryListener *self)
{
  return g_atomic_int_get (&self->census->n_open);
}
