/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "session-peer.h"

#include "belfry-frame-parser-private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* Of localhost, valid for a hundred years, of use for nothing but these tests. */
static const char certificate_pem[] =
  "-----BEGIN CERTIFICATE-----\n"
  "MIIBmzCCAUGgAwIBAgIUKIJwBiiB/hrUd7/CViHgkc/nd9owCgYIKoZIzj0EAwIw\n"
  "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTExMTc1OVoYDzIxMjYxMDI4\n"
  "MTExNzU5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
  "PQMBBwNCAARfM3rTjCvRYfljyrZRiZC4ya0O36baB67aJiML/4tdQfyVKtpMs04c\n"
  "JlTDYNB79X4A+KZhs4WgntwT21Ji5Wjqo28wbTAdBgNVHQ4EFgQUID5AOUvbNcsE\n"
  "AaydhqnsoSJyKXgwHwYDVR0jBBgwFoAUID5AOUvbNcsEAaydhqnsoSJyKXgwDwYD\n"
  "VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI\n"
  "zj0EAwIDSAAwRQIgN0ay2pnUmgBS+93080uRVUicGvtqHfLiQ/MiSHv0AYUCIQDr\n"
  "35lxxYkYpYBVbaOwmnHaZLYMj6WJXI/29+8mw2cAxg==\n"
  "-----END CERTIFICATE-----\n"
  "-----BEGIN PRIVATE KEY-----\n"
  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSICl8UfXbsU+o9h0\n"
  "3dk0hW7AQucGgwEIN9WC6HqLlKyhRANCAARfM3rTjCvRYfljyrZRiZC4ya0O36ba\n"
  "B67aJiML/4tdQfyVKtpMs04cJlTDYNB79X4A+KZhs4WgntwT21Ji5Wjq\n"
  "-----END PRIVATE KEY-----\n";

const char *
peer_kind_to_string (PeerKind kind)
{
  static const char *const names[] = { "socket-pair", "loopback", "tls" };

  return names[kind];
}

GTlsCertificate *
peer_get_certificate (void)
{
  static GTlsCertificate *certificate;

  if (certificate == NULL)
    {
      certificate = g_tls_certificate_new_from_pem (certificate_pem, -1, NULL);
      g_assert_nonnull (certificate);
    }
  return certificate;
}

static gboolean
on_tick (gpointer user_data)
{
  return G_SOURCE_REMOVE;
}

void
peer_iterate (void)
{
  guint id = g_timeout_add (1, on_tick, NULL);
  GSource *tick = g_main_context_find_source_by_id (NULL, id);

  g_source_ref (tick);
  g_main_context_iteration (NULL, TRUE);
  g_source_destroy (tick);
  g_source_unref (tick);
}

static GIOStream *
wrap (GSocket *socket)
{
  return G_IO_STREAM (g_socket_connection_factory_create_connection (socket));
}

static void
connect_pair (GIOStream **one,
              GIOStream **other)
{
  int fds[2];
  g_autoptr(GSocket) a = NULL;
  g_autoptr(GSocket) b = NULL;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  a = g_socket_new_from_fd (fds[0], NULL);
  b = g_socket_new_from_fd (fds[1], NULL);
  *one = wrap (a);
  *other = wrap (b);
}

static void
connect_loopback (GIOStream **one,
                  GIOStream **other)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr(GSocketAddress) any_port = g_inet_socket_address_new (loopback, 0);
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(GSocket) listener = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &error);
  g_autoptr(GSocket) client = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &error);
  g_autoptr(GSocket) server = NULL;

  g_socket_bind (listener, any_port, FALSE, &error);
  g_socket_listen (listener, &error);
  address = g_socket_get_local_address (listener, &error);
  g_socket_connect (client, address, NULL, &error);
  server = g_socket_accept (listener, NULL, &error);
  g_assert_no_error (error);
  /* Handshakes need not wait for the peer's late acknowledgements. */
  g_socket_set_option (client, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  g_socket_set_option (server, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  *one = wrap (client);
  *other = wrap (server);
}

static gboolean
on_accept_certificate (void)
{
  return TRUE;
}

static void
on_handshake (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr(GError) error = NULL;
  guint *n_done = user_data;

  g_tls_connection_handshake_finish (G_TLS_CONNECTION (source), result, &error);
  g_assert_no_error (error);
  (*n_done)++;
}

static void
secure (GIOStream **one,
        GIOStream **other)
{
  g_autoptr(GError) error = NULL;
  GIOStream *client = g_tls_client_connection_new (*one, NULL, &error);
  GIOStream *server = g_tls_server_connection_new (*other, peer_get_certificate (), &error);
  guint n_done = 0;

  g_assert_no_error (error);
  g_signal_connect (client, "accept-certificate", G_CALLBACK (on_accept_certificate), NULL);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (client), G_PRIORITY_DEFAULT, NULL, on_handshake, &n_done);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (server), G_PRIORITY_DEFAULT, NULL, on_handshake, &n_done);
  peer_wait_for (n_done == 2);
  g_object_unref (*one);
  g_object_unref (*other);
  *one = client;
  *other = server;
}

static GSocket *
dup_socket (GIOStream *stream)
{
  g_autoptr(GIOStream) base = NULL;

  if (!G_IS_TLS_CONNECTION (stream))
    return g_object_ref (g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream)));
  g_object_get (stream, "base-io-stream", &base, NULL);
  return dup_socket (base);
}

Peer *
peer_new_for_stream (GIOStream *stream)
{
  Peer *self = g_new0 (Peer, 1);

  self->stream = g_object_ref (stream);
  self->socket = dup_socket (stream);
  self->received = g_byte_array_new ();
  return self;
}

Peer *
peer_new (PeerKind    kind,
          GIOStream **other)
{
  g_autoptr(GIOStream) stream = NULL;

  if (kind == PEER_SOCKET_PAIR)
    connect_pair (&stream, other);
  else
    connect_loopback (&stream, other);
  if (kind == PEER_TLS)
    secure (&stream, other);
  return peer_new_for_stream (stream);
}

void
peer_free (Peer *self)
{
  g_byte_array_unref (self->received);
  /* No farewell: the descriptor just goes. */
  g_socket_close (self->socket, NULL);
  g_object_unref (self->socket);
  g_object_unref (self->stream);
  g_free (self);
}

gsize
peer_send_some (Peer       *self,
                const void *data,
                gsize       length)
{
  GPollableOutputStream *output = G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (self->stream));
  gsize sent = 0;

  while (sent < length)
    {
      g_autoptr(GError) error = NULL;
      gssize n = g_pollable_output_stream_write_nonblocking (output, (const guint8 *) data + sent, length - sent, NULL, &error);

      if (n < 0)
        break;
      sent += n;
    }
  return sent;
}

void
peer_send (Peer       *self,
           const void *data,
           gsize       length)
{
  gsize sent = peer_send_some (self, data, length);

  peer_wait_for ((sent += peer_send_some (self, (const guint8 *) data + sent, length - sent)) == length);
}

void
peer_append_frame (GByteArray *out,
                   guint8      first,
                   const void *payload,
                   gsize       length)
{
  static const guint8 mask[4] = { 0x12, 0x34, 0x56, 0x78 };
  guint8 header[BELFRY_FRAME_HEADER_MAX];
  gsize n_header = belfry_frame_write_header (header, 0, length);
  gsize start;

  header[0] = first;
  header[1] |= 0x80;
  g_byte_array_append (out, header, n_header);
  g_byte_array_append (out, mask, sizeof mask);
  start = out->len;
  if (length > 0)
    g_byte_array_append (out, payload, length);
  for (gsize i = 0; i < length; i++)
    out->data[start + i] ^= mask[i & 3];
}

void
peer_send_frame (Peer       *self,
                 guint8      first,
                 const void *payload,
                 gsize       length)
{
  g_autoptr(GByteArray) frame = g_byte_array_new ();

  peer_append_frame (frame, first, payload, length);
  peer_send (self, frame->data, frame->len);
}

void
peer_send_text (Peer       *self,
                const char *text)
{
  peer_send_frame (self, 0x81, text, strlen (text));
}

void
peer_send_close (Peer   *self,
                 guint16 code)
{
  guint8 payload[2] = { code >> 8, code & 0xff };

  peer_send_frame (self, 0x88, payload, sizeof payload);
}

void
peer_read (Peer *self)
{
  GPollableInputStream *input = G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (self->stream));
  guint8 buffer[16384];

  while (!self->has_ended)
    {
      g_autoptr(GError) error = NULL;
      gssize n = g_pollable_input_stream_read_nonblocking (input, buffer, sizeof buffer, NULL, &error);

      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        return;
      if (n <= 0)
        self->has_ended = TRUE;
      else
        g_byte_array_append (self->received, buffer, n);
    }
}

static gboolean
has_bytes (Peer *self,
           gsize length)
{
  peer_read (self);
  g_assert_true (self->received->len >= length || !self->has_ended);
  return self->received->len >= length;
}

static gsize
frame_length (const guint8 *header)
{
  gsize length = header[1] & 0x7f;
  guint n_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;

  g_assert_cmpint (header[1] & 0x80, ==, 0);
  if (n_bytes > 0)
    length = 0;
  for (guint i = 0; i < n_bytes; i++)
    length = length << 8 | header[2 + i];
  return length;
}

char *
peer_expect_frame (Peer   *self,
                   guint8  first,
                   gsize  *length)
{
  gsize n_header;
  gsize n_payload;
  char *payload;

  peer_wait_for (has_bytes (self, 2));
  n_header = (self->received->data[1] & 0x7f) < 126 ? 2 : (self->received->data[1] & 0x7f) == 126 ? 4 : 10;
  peer_wait_for (has_bytes (self, n_header));
  n_payload = frame_length (self->received->data);
  peer_wait_for (has_bytes (self, n_header + n_payload));

  payload = g_strndup ("", n_payload);
  memcpy (payload, self->received->data + n_header, n_payload);
  if (self->received->data[0] != first)
    g_test_message ("Instead of %02x: %02x '%s'", first, self->received->data[0], payload);
  g_assert_cmphex (self->received->data[0], ==, first);
  g_byte_array_remove_range (self->received, 0, n_header + n_payload);
  if (length != NULL)
    *length = n_payload;
  return payload;
}

char *
peer_expect_text (Peer *self)
{
  return peer_expect_frame (self, 0x81, NULL);
}

void
peer_expect (Peer       *self,
             const char *text)
{
  g_autofree char *got = peer_expect_text (self);

  g_assert_cmpstr (got, ==, text);
}

void
peer_expect_close (Peer       *self,
                   guint16     code,
                   const char *reason)
{
  gsize length;
  g_autofree char *payload = peer_expect_frame (self, 0x88, &length);

  g_assert_cmpuint (length, >=, 2);
  g_assert_cmpuint ((guint8) payload[0] << 8 | (guint8) payload[1], ==, code);
  g_assert_cmpstr (payload + 2, ==, reason);
}

static gboolean
sees_end (Peer *self)
{
  peer_read (self);
  g_assert_cmpuint (self->received->len, ==, 0);
  return self->has_ended;
}

void
peer_expect_end (Peer *self)
{
  peer_wait_for (sees_end (self));
}

void
peer_expect_silence (Peer *self)
{
  for (guint i = 0; i < 20; i++)
    {
      peer_iterate ();
      peer_read (self);
      g_assert_cmpuint (self->received->len, ==, 0);
    }
  g_assert_false (self->has_ended);
}

void
peer_expect_bytes (Peer       *self,
                   const char *text)
{
  gsize length = strlen (text);
  g_autofree char *got = NULL;

  peer_wait_for (has_bytes (self, length));
  got = g_strndup ((const char *) self->received->data, length);
  g_assert_cmpstr (got, ==, text);
  g_byte_array_remove_range (self->received, 0, length);
}

static const char *
find_mark (Peer       *self,
           const char *mark)
{
  const char *found;

  peer_read (self);
  found = self->received->len > 0 ? memmem (self->received->data, self->received->len, mark, strlen (mark)) : NULL;
  g_assert_true (found != NULL || !self->has_ended);
  return found;
}

char *
peer_read_through (Peer       *self,
                   const char *mark)
{
  const char *found = NULL;
  gsize length;
  char *text;

  peer_wait_for ((found = find_mark (self, mark)) != NULL);
  length = found - (const char *) self->received->data + strlen (mark);
  text = g_strndup ((const char *) self->received->data, length);
  g_byte_array_remove_range (self->received, 0, length);
  return text;
}
