/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-lobby-private.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>

/* One epoll descriptor for all who wait, so that ten thousand silent ones cost the main loop nothing. The
 * kernel itself waits for a whole record: SO_RCVLOWAT says below how many bytes a socket is not readable. */

#define MAX_EVENTS_PER_TURN 64

/* The header of a record, and the type of the message in it. */
#define HELLO_HEAD_BYTES    6
#define RECORD_HEADER_BYTES 5
#define RECORD_HANDSHAKE    22
#define MESSAGE_HELLO       1
#define MAX_RECORD_BYTES    (16 * 1024)
#define MIN_RECORD_BYTES    4

struct _BelfryLobby
{
  BelfryHttpClock *clock;      /* owned reference */
  BelfryLobbyFunc  func;
  gpointer         user_data;
  GQueue           callers;    /* owned, by their own links */
  GSource         *watch;      /* owned */
  int              epoll_fd;
  gboolean         wants_tls;
};

typedef enum
{
  NEWS_NONE,
  NEWS_READY,
  NEWS_OVER,
} News;

/* --- a caller --- */

void
belfry_caller_free (BelfryCaller *self)
{
  belfry_http_clock_stop (self->clock, &self->timer);
  if (self->lobby != NULL)
    g_queue_unlink (&self->lobby->callers, &self->link);
  if (self->fd >= 0)
    close (self->fd);
  if (self->seat != NULL)
    belfry_listener_seat_free (self->seat);
  belfry_http_clock_unref (self->clock);
  g_free (self);
}

GSocketAddress *
belfry_caller_dup_remote (BelfryCaller *self)
{
  return g_socket_address_new_from_native (&self->address, self->address_length);
}

GIOStream *
belfry_caller_make_connection (BelfryCaller    *self,
                               GSocketAddress **local,
                               GSocketAddress **remote)
{
  g_autoptr(GSocket) socket = g_socket_new_from_fd (self->fd, NULL);
  GSocketConnection *connection;

  if (socket == NULL)
    return NULL;

  self->fd = -1;
  *local = g_socket_get_local_address (socket, NULL);
  *remote = belfry_caller_dup_remote (self);
  if (*local == NULL || *remote == NULL)
    return NULL;

  connection = g_socket_connection_factory_create_connection (socket);
  if (self->seat != NULL)
    belfry_listener_seat_give (g_steal_pointer (&self->seat), G_IO_STREAM (connection));
  return G_IO_STREAM (connection);
}

/* --- waiting --- */

static void
on_expired (BelfryHttpTimer *timer)
{
  belfry_caller_free ((BelfryCaller *) ((char *) timer - G_STRUCT_OFFSET (BelfryCaller, timer)));
}

static gboolean
want (BelfryCaller *caller,
      int           n_bytes)
{
  caller->n_wanted = n_bytes;
  return setsockopt (caller->fd, SOL_SOCKET, SO_RCVLOWAT, &n_bytes, sizeof n_bytes) == 0;
}

/* The size of the record that begins so, or 0 when that is no beginning of TLS. */
static int
measure_hello (const guint8 head[HELLO_HEAD_BYTES])
{
  int length = head[3] << 8 | head[4];

  if (head[0] != RECORD_HANDSHAKE || head[1] != 3 || head[5] != MESSAGE_HELLO || length < MIN_RECORD_BYTES
      || length > MAX_RECORD_BYTES)
    return 0;

  return RECORD_HEADER_BYTES + length;
}

/* Whether it went away without a word. */
static gboolean
has_left (BelfryCaller *caller,
          guint32       events)
{
  int n_there;

  return (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0
         && (ioctl (caller->fd, FIONREAD, &n_there) != 0 || n_there == 0);
}

/* It only comes here with as many bytes as were wanted; with fewer it has ended, or the kernel has no room for
 * more. */
static News
look_for_hello (BelfryCaller *caller)
{
  guint8 head[HELLO_HEAD_BYTES];
  int n_there, n_bytes;

  if (recv (caller->fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT) < (gssize) sizeof head
      || ioctl (caller->fd, FIONREAD, &n_there) != 0)
    return NEWS_OVER;

  n_bytes = measure_hello (head);
  if (n_bytes == 0)
    return NEWS_OVER;
  if (n_there >= n_bytes)
    return want (caller, 1) ? NEWS_READY : NEWS_OVER;
  if (caller->n_wanted == n_bytes)
    return NEWS_OVER;

  return want (caller, n_bytes) ? NEWS_NONE : NEWS_OVER;
}

static void
let_in (BelfryLobby  *self,
        BelfryCaller *caller)
{
  (void) epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, caller->fd, NULL);
  g_queue_unlink (&self->callers, &caller->link);
  caller->lobby = NULL;
  self->func (caller, self->user_data);
}

static void
look (BelfryLobby  *self,
      BelfryCaller *caller,
      guint32       events)
{
  News news = NEWS_READY;

  if (has_left (caller, events))
    news = NEWS_OVER;
  else if (self->wants_tls)
    news = look_for_hello (caller);

  switch (news)
    {
    case NEWS_READY:
      let_in (self, caller);
      break;
    case NEWS_OVER:
      belfry_caller_free (caller);
      break;
    case NEWS_NONE:
    default:
      break;
    }
}

void
belfry_lobby_flush (BelfryLobby *self)
{
  struct epoll_event events[MAX_EVENTS_PER_TURN];
  int n_events;

  do
    {
      n_events = epoll_wait (self->epoll_fd, events, MAX_EVENTS_PER_TURN, 0);
      for (int i = 0; i < n_events; i++)
        look (self, events[i].data.ptr, events[i].events);
    }
  while (n_events == MAX_EVENTS_PER_TURN);
}

static gboolean
on_news (int          fd,
         GIOCondition condition,
         gpointer     user_data)
{
  belfry_lobby_flush (user_data);
  return G_SOURCE_CONTINUE;
}

BelfryLobby *
belfry_lobby_new (BelfryHttpClock *clock,
                  gboolean         wants_tls,
                  BelfryLobbyFunc  func,
                  gpointer         user_data)
{
  BelfryLobby *self = g_new0 (BelfryLobby, 1);

  self->clock = belfry_http_clock_ref (clock);
  self->wants_tls = wants_tls;
  self->func = func;
  self->user_data = user_data;
  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (self->epoll_fd < 0)
    return self;

  self->watch = g_unix_fd_source_new (self->epoll_fd, G_IO_IN);
  g_source_set_static_name (self->watch, "belfry callers");
  g_source_set_callback (self->watch, G_SOURCE_FUNC (on_news), self, NULL);
  g_source_attach (self->watch, g_main_context_get_thread_default ());
  return self;
}

void
belfry_lobby_free (BelfryLobby *self)
{
  while (self->callers.head != NULL)
    belfry_caller_free (self->callers.head->data);
  if (self->watch != NULL)
    g_source_destroy (self->watch);
  g_clear_pointer (&self->watch, g_source_unref);
  if (self->epoll_fd >= 0)
    close (self->epoll_fd);
  belfry_http_clock_unref (self->clock);
  g_free (self);
}

void
belfry_lobby_take (BelfryLobby                   *self,
                   int                            fd,
                   const struct sockaddr_storage *address,
                   socklen_t                      address_length,
                   BelfryListenerSeat            *seat)
{
  BelfryCaller *caller = g_new0 (BelfryCaller, 1);
  struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = caller };

  caller->clock = belfry_http_clock_ref (self->clock);
  caller->lobby = self;
  caller->seat = seat;
  caller->fd = fd;
  caller->address_length = MIN (address_length, sizeof caller->address);
  memcpy (&caller->address, address, caller->address_length);
  caller->link.data = caller;
  g_queue_push_tail_link (&self->callers, &caller->link);
  caller->timer.expired = on_expired;
  belfry_http_clock_start (self->clock, &caller->timer,
                           self->wants_tls ? BELFRY_HTTP_PHASE_HANDSHAKE : BELFRY_HTTP_PHASE_IDLE);

  if ((self->wants_tls && !want (caller, HELLO_HEAD_BYTES))
      || epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
    belfry_caller_free (caller);
}
