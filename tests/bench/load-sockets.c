/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "load.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sockets, and WebSocket's frames on them. */

#define READ_BYTES (256 * 1024)

/* Of RFC 6455, with its answer: we measure, nobody is protected by a secret here. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static void
reserve (LoadBuffer *self,
         gsize       more)
{
  if (self->start + self->length + more <= self->capacity)
    return;

  if (self->start > 0)
    {
      memmove (self->data, self->data + self->start, self->length);
      self->start = 0;
    }

  if (self->length + more > self->capacity)
    {
      self->capacity = MAX (self->capacity * 2, self->length + more);
      self->data = g_realloc (self->data, self->capacity);
    }
}

void
load_buffer_append (LoadBuffer *self,
                    const void *data,
                    gsize       length)
{
  reserve (self, length);
  memcpy (self->data + self->start + self->length, data, length);
  self->length += length;
}

void
load_buffer_consume (LoadBuffer *self,
                     gsize       length)
{
  g_assert (length <= self->length);

  self->start += length;
  self->length -= length;
  if (self->length == 0)
    self->start = 0;
}

gboolean
load_loop_init (LoadLoop  *self,
                GError   **error)
{
  self->epoll = epoll_create1 (EPOLL_CLOEXEC);
  self->now_nsec = load_now ();
  if (self->epoll >= 0)
    return TRUE;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "epoll: %s", g_strerror (errno));

  return FALSE;
}

void
load_loop_clear (LoadLoop *self)
{
  close (self->epoll);
}

void
load_connection_close (LoadConnection *self)
{
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
  g_clear_pointer (&self->in.data, g_free);
  g_clear_pointer (&self->out.data, g_free);
  self->in = (LoadBuffer) { NULL, 0, 0, 0 };
  self->out = (LoadBuffer) { NULL, 0, 0, 0 };
}

static void
watch (LoadConnection *self,
       int             operation)
{
  struct epoll_event event = {
    .events = EPOLLIN | (self->waits_to_write ? EPOLLOUT : 0),
    .data.ptr = self,
  };

  epoll_ctl (self->loop->epoll, operation, self->fd, &event);
}

void
load_connection_flush (LoadConnection *self)
{
  gboolean waits;

  while (self->fd >= 0 && self->out.length > 0)
    {
      gssize n = send (self->fd, self->out.data + self->out.start, self->out.length, MSG_NOSIGNAL | MSG_DONTWAIT);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        break;
      load_buffer_consume (&self->out, (gsize) n);
    }

  waits = self->out.length > 0;
  if (self->fd >= 0 && waits != self->waits_to_write)
    {
      self->waits_to_write = waits;
      watch (self, EPOLL_CTL_MOD);
    }
}

static void
receive (LoadConnection *self)
{
  gssize n;

  if (self->fd < 0)
    return;

  reserve (&self->in, READ_BYTES);
  n = recv (self->fd, self->in.data + self->in.start + self->in.length,
            self->in.capacity - self->in.start - self->in.length, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;

  if (n <= 0)
    {
      close (self->fd);
      self->fd = -1;
    }
  else
    self->in.length += (gsize) n;

  /* Not when the turn began: by the time that the last of many subscribers is read, that is long ago. */
  self->loop->now_nsec = load_now ();
  self->on_data (self);

  /* Thousands of subscribers would otherwise keep a read buffer each. */
  if (self->in.length == 0)
    {
      g_clear_pointer (&self->in.data, g_free);
      self->in.capacity = 0;
    }
}

void
load_loop_turn (LoadLoop *self,
                gint64    until_nsec)
{
  struct epoll_event events[256];
  gint64 wait_nsec = until_nsec - load_now ();
  struct timespec timeout = { 0, (long) CLAMP (wait_nsec, 0, 999999999) };
  int n = epoll_pwait2 (self->epoll, events, G_N_ELEMENTS (events), &timeout, NULL);

  self->now_nsec = load_now ();
  for (int i = 0; i < n; i++)
    {
      LoadConnection *connection = events[i].data.ptr;

      if (events[i].events & EPOLLOUT)
        load_connection_flush (connection);
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive (connection);
    }
}

static int
open_socket (const char  *host,
             guint16      port,
             GError     **error)
{
  g_autofree char *service = g_strdup_printf ("%u", port);
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
  struct addrinfo *found = NULL;
  int status = getaddrinfo (host, service, &hints, &found);
  int fd = -1;

  if (status != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_HOST_NOT_FOUND, "%s: %s", host, gai_strerror (status));
      return -1;
    }

  fd = socket (found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect (fd, found->ai_addr, found->ai_addrlen) != 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s:%u: %s", host, port, g_strerror (errno));
      if (fd >= 0)
        close (fd);
      fd = -1;
    }

  freeaddrinfo (found);

  return fd;
}

gboolean
load_connection_open (LoadConnection  *self,
                      LoadLoop        *loop,
                      const char      *host,
                      guint16          port,
                      GError         **error)
{
  int one = 1;

  self->loop = loop;
  self->waits_to_write = FALSE;
  self->fd = open_socket (host, port, error);
  if (self->fd < 0)
    return FALSE;

  setsockopt (self->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  watch (self, EPOLL_CTL_ADD);

  return TRUE;
}

void
load_web_socket_ask (LoadConnection *connection,
                     const char     *host,
                     const char     *path,
                     const char     *api_key)
{
  g_autoptr(GString) request = g_string_new (NULL);

  g_string_printf (request,
                   "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n",
                   path, host);
  if (api_key != NULL)
    g_string_append_printf (request, "X-API-Key: %s\r\n", api_key);
  g_string_append (request, "\r\n");

  load_buffer_append (&connection->out, request->str, request->len);
  load_connection_flush (connection);
}

int
load_web_socket_accept (LoadConnection *connection)
{
  const char *text = connection->in.data + connection->in.start;
  const char *end = connection->in.length > 0 ? memmem (text, connection->in.length, "\r\n\r\n", 4) : NULL;
  gsize length;

  if (end == NULL)
    return connection->fd < 0 ? -1 : 0;

  length = (gsize) (end - text) + 4;
  if (length < 12 || memcmp (text, "HTTP/1.1 101", 12) != 0 || memmem (text, length, ACCEPT, strlen (ACCEPT)) == NULL)
    return -1;

  load_buffer_consume (&connection->in, length);

  return 1;
}

void
load_web_socket_send (LoadConnection *connection,
                      guint8          opcode,
                      const char     *text,
                      gsize           length)
{
  guint8 header[14] = { (guint8) (0x80 | opcode) };
  gsize n = 2;

  /* A mask of zeros is a mask: the receiver has the same work with it, and we have none. */
  if (length < 126)
    header[1] = (guint8) (0x80 | length);
  else if (length < 65536)
    {
      header[1] = 0x80 | 126;
      header[2] = (guint8) (length >> 8);
      header[3] = (guint8) length;
      n = 4;
    }
  else
    {
      header[1] = 0x80 | 127;
      for (guint i = 0; i < 8; i++)
        header[2 + i] = (guint8) ((guint64) length >> (56 - 8 * i));
      n = 10;
    }

  load_buffer_append (&connection->out, header, n + 4);
  load_buffer_append (&connection->out, text, length);
}

/* Header and length of the frame at the front; 0: not all of it is here. */
static gsize
measure_frame (const LoadBuffer *in,
               gsize            *header)
{
  const guint8 *bytes = (const guint8 *) in->data + in->start;
  guint64 length;

  if (in->length < 2)
    return 0;

  length = bytes[1] & 0x7f;
  *header = length < 126 ? 2 : length == 126 ? 4 : 10;
  if (in->length < *header)
    return 0;

  if (*header > 2)
    {
      length = 0;
      for (gsize i = 2; i < *header; i++)
        length = length << 8 | bytes[i];
    }

  return in->length - *header >= length ? *header + (gsize) length : 0;
}

gboolean
load_web_socket_next (LoadConnection *connection,
                      LoadFrame      *frame,
                      gsize          *consumed)
{
  gsize header;
  gsize length;

  if (*consumed > 0)
    load_buffer_consume (&connection->in, *consumed);
  *consumed = 0;

  while ((length = measure_frame (&connection->in, &header)) > 0)
    {
      char *bytes = connection->in.data + connection->in.start;

      frame->opcode = (guint8) bytes[0] & 0x0f;
      frame->text = bytes + header;
      frame->length = length - header;

      if (frame->opcode == 1)
        {
          *consumed = length;
          return TRUE;
        }

      if (frame->opcode == 9)
        {
          load_web_socket_send (connection, 10, frame->text, frame->length);
          load_connection_flush (connection);
        }
      else if (frame->opcode == 8 && connection->fd >= 0)
        {
          close (connection->fd);
          connection->fd = -1;
          return FALSE;
        }

      load_buffer_consume (&connection->in, length);
    }

  return FALSE;
}
