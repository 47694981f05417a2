/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* What a session reads from and writes to.
 *
 * libsoup hands over a wrapper around the socket connection (or around the TLS connection on it), and the wrapper may hold
 * bytes that came in one packet with the handshake. So the first reads go through the wrapper, until it is dry. From then
 * on a plain connection is read and written by recv and sendmsg on the descriptor, and TLS through the streams of its
 * GTlsConnection. In both cases the descriptor tells when to try again, except that TLS and the wrapper may hold bytes of
 * which it knows nothing: may_hold_more says so.
 *
 * A plain connection works on a duplicate of the descriptor: once the wrapper is dry it is closed and let go of, with the
 * socket objects and streams beneath it, which weigh more than the session itself.
 *
 * TLS wants a write that would block repeated with the same bytes. So up to one record is gathered and, when it would
 * block, kept here and counted as taken. */

#include "belfry-connection-private.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel doubles it. Enough for full speed over a long line, far from the 4 MB that it would hide by itself from a
 * reader that does not read. */
#define SEND_BUFFER_BYTES (128 * 1024)

#define TLS_RECORD_BYTES  (16 * 1024)

static GIOStream *
find_base (GIOStream *stream)
{
  g_autoptr(GIOStream) base = NULL;

  if (g_object_class_find_property (G_OBJECT_GET_CLASS (stream), "base-iostream") == NULL)
    return stream;
  g_object_get (stream, "base-iostream", &base, NULL);
  /* The wrapper keeps it alive. */
  return base != NULL ? base : stream;
}

static int
find_descriptor (GIOStream *stream)
{
  if (G_IS_TLS_CONNECTION (stream))
    {
      g_autoptr(GIOStream) base = NULL;

      g_object_get (stream, "base-io-stream", &base, NULL);
      return base != NULL ? find_descriptor (find_base (base)) : -1;
    }
  if (G_IS_SOCKET_CONNECTION (stream))
    return g_socket_get_fd (g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream)));
  return -1;
}

/* Closes what was taken, when the connection has a descriptor of its own and nothing is left in there. */
static void
let_go_of_stream (BelfryConnection *self)
{
  self->handshake = NULL;
  self->may_hold_more = FALSE;
  if (!self->owns_fd)
    return;
  (void) g_io_stream_close (self->stream, NULL, NULL);
  g_clear_object (&self->stream);
}

static void
begin_plain (BelfryConnection *self,
             GIOStream        *base)
{
  int fd = fcntl (self->fd, F_DUPFD_CLOEXEC, 0);

  /* Without a spare descriptor the stream just stays. */
  if (fd < 0)
    return;
  self->fd = fd;
  self->owns_fd = TRUE;
  self->seat = belfry_listener_seat_take_over (base);
  if (self->handshake == NULL)
    let_go_of_stream (self);
}

gboolean
belfry_connection_init (BelfryConnection *self,
                        GIOStream        *stream)
{
  GIOStream *base = find_base (stream);
  int fd = find_descriptor (base);
  int send_buffer = SEND_BUFFER_BYTES;
  int no_delay = 1;

  memset (self, 0, sizeof *self);
  self->fd = -1;
  if (fd < 0)
    return FALSE;

  self->fd = fd;
  self->stream = g_object_ref (stream);
  if (G_IS_TLS_CONNECTION (base))
    {
      self->tls_input = G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (base));
      self->tls_output = G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (base));
      self->may_hold_more = TRUE;
    }
  if (base != stream)
    {
      self->handshake = G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (stream));
      self->may_hold_more = TRUE;
    }
  if (self->tls_input == NULL)
    begin_plain (self, base);

  /* Socket pairs of tests know no TCP_NODELAY; a connection without either option still works. */
  (void) setsockopt (self->fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
  (void) setsockopt (self->fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
  return TRUE;
}

static gssize
read_pollable (GPollableInputStream *input,
               guint8               *buffer,
               gsize                 size)
{
  g_autoptr(GError) error = NULL;
  gssize n = g_pollable_input_stream_read_nonblocking (input, buffer, size, NULL, &error);

  if (n >= 0)
    return n;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return BELFRY_IO_WOULD_BLOCK;
  return BELFRY_IO_FAILED;
}

static gssize
read_socket (int     fd,
             guint8 *buffer,
             gsize   size)
{
  gssize n;

  do
    n = recv (fd, buffer, size, MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);

  if (n >= 0)
    return n;
  return errno == EAGAIN || errno == EWOULDBLOCK ? BELFRY_IO_WOULD_BLOCK : BELFRY_IO_FAILED;
}

gssize
belfry_connection_read (BelfryConnection *self,
                        guint8           *buffer,
                        gsize             size)
{
  gssize n;

  if (self->handshake != NULL)
    {
      n = read_pollable (self->handshake, buffer, size);
      if (n != BELFRY_IO_WOULD_BLOCK)
        return n;
      if (self->tls_input != NULL)
        {
          /* The wrapper asked TLS just now. */
          self->handshake = NULL;
          self->may_hold_more = FALSE;
        }
      else
        {
          let_go_of_stream (self);
        }
      return n;
    }
  if (self->tls_input != NULL)
    {
      n = read_pollable (self->tls_input, buffer, size);
      self->may_hold_more = n > 0;
      return n;
    }
  return read_socket (self->fd, buffer, size);
}

static gssize
write_pollable (GPollableOutputStream *output,
                const guint8          *data,
                gsize                  length)
{
  g_autoptr(GError) error = NULL;
  gssize n = g_pollable_output_stream_write_nonblocking (output, data, length, NULL, &error);

  if (n >= 0)
    return n;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return BELFRY_IO_WOULD_BLOCK;
  return BELFRY_IO_FAILED;
}

static gssize
write_tls_rest (BelfryConnection *self)
{
  while (self->tls_rest != NULL)
    {
      gssize n = write_pollable (self->tls_output, self->tls_rest->data, self->tls_rest->len);

      if (n < 0)
        return n;
      if ((guint) n == self->tls_rest->len)
        g_clear_pointer (&self->tls_rest, g_byte_array_unref);
      else
        g_byte_array_remove_range (self->tls_rest, 0, n);
    }
  return 0;
}

/* Copies up to one record's worth out of the vectors, beginning at *offset of the first. */
static gsize
gather_record (struct iovec **vectors,
               guint         *n_vectors,
               gsize         *offset,
               guint8         record[TLS_RECORD_BYTES])
{
  gsize used = 0;

  while (*n_vectors > 0 && used < TLS_RECORD_BYTES)
    {
      struct iovec *vector = *vectors;
      gsize n = MIN (vector->iov_len - *offset, TLS_RECORD_BYTES - used);

      memcpy (record + used, (const guint8 *) vector->iov_base + *offset, n);
      used += n;
      *offset += n;
      if (*offset == vector->iov_len)
        {
          (*vectors)++;
          (*n_vectors)--;
          *offset = 0;
        }
    }
  return used;
}

static gssize
writev_tls (BelfryConnection *self,
            struct iovec     *vectors,
            guint             n_vectors)
{
  guint8 record[TLS_RECORD_BYTES];
  gsize offset = 0;
  gsize taken = 0;
  gsize length;
  gssize n = write_tls_rest (self);

  if (n < 0)
    return n;
  while ((length = gather_record (&vectors, &n_vectors, &offset, record)) > 0)
    {
      n = write_pollable (self->tls_output, record, length);
      if (n == BELFRY_IO_FAILED)
        return n;
      taken += length;
      if (n == (gssize) length)
        continue;

      n = MAX (n, 0);
      self->tls_rest = g_byte_array_sized_new (length - n);
      g_byte_array_append (self->tls_rest, record + n, length - n);
      break;
    }
  return taken;
}

static gssize
writev_socket (int           fd,
               struct iovec *vectors,
               guint         n_vectors)
{
  struct msghdr message = { .msg_iov = vectors, .msg_iovlen = n_vectors };
  gssize n;

  do
    n = sendmsg (fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);

  if (n >= 0)
    return n;
  /* ENOBUFS passes like a full buffer does. */
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? BELFRY_IO_WOULD_BLOCK : BELFRY_IO_FAILED;
}

gssize
belfry_connection_writev (BelfryConnection *self,
                          struct iovec     *vectors,
                          guint             n_vectors)
{
  if (self->tls_output != NULL)
    return writev_tls (self, vectors, n_vectors);
  return n_vectors > 0 ? writev_socket (self->fd, vectors, n_vectors) : 0;
}

gboolean
belfry_connection_has_rest (BelfryConnection *self)
{
  return self->tls_rest != NULL;
}

void
belfry_connection_shut_down_output (BelfryConnection *self)
{
  if (self->tls_output != NULL)
    /* Sends TLS's own farewell from a thread; a peer that is gone needs none, so nobody waits for the answer. */
    g_output_stream_close_async (G_OUTPUT_STREAM (self->tls_output), G_PRIORITY_DEFAULT, NULL, NULL, NULL);
  else if (self->fd >= 0)
    (void) shutdown (self->fd, SHUT_WR);
}

static void
on_stream_closed (GObject      *source,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  /* The descriptor is gone either way; an error of the farewell interests nobody. */
  (void) g_io_stream_close_finish (G_IO_STREAM (source), result, NULL);
}

/* TLS would say farewell from a thread that waits for as long as the peer does not read. */
static void
end_stuck_output (BelfryConnection *self)
{
  struct pollfd output = { .fd = self->fd, .events = POLLOUT };

  if (self->tls_rest != NULL || poll (&output, 1, 0) <= 0)
    (void) shutdown (self->fd, SHUT_RDWR);
}

void
belfry_connection_close (BelfryConnection *self)
{
  if (self->fd < 0)
    return;

  if (self->tls_output != NULL)
    end_stuck_output (self);
  if (self->owns_fd)
    (void) close (self->fd);
  g_clear_pointer (&self->seat, belfry_listener_seat_free);
  self->fd = -1;
  self->owns_fd = FALSE;
  self->handshake = NULL;
  g_clear_pointer (&self->tls_rest, g_byte_array_unref);
  if (self->tls_output != NULL)
    g_io_stream_close_async (self->stream, G_PRIORITY_DEFAULT, NULL, on_stream_closed, NULL);
  else if (self->stream != NULL)
    (void) g_io_stream_close (self->stream, NULL, NULL);
  self->tls_input = NULL;
  self->tls_output = NULL;
  g_clear_object (&self->stream);
}
