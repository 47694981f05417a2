/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>
#include <sys/socket.h>

#include "belfry-http-stream-private.h"

#define LINES "X-Lines: yes\r\n"
#define HEAD  "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"
#define FULL  "HTTP/1.1 200 OK\r\n" LINES "A: b\r\n\r\n"

/* One stream, and the other end of its connection. */
typedef struct
{
  BelfryHttpPoller     *poller;
  BelfryHttpClock      *clock;
  GSocket              *peer;
  BelfryHttpStream     *stream;
  GPollableInputStream  *input;
  GPollableOutputStream *output;
} Fixture;

static void
set_up (Fixture      *self,
        gconstpointer user_data)
{
  g_autoptr(GSocket) near = NULL;
  g_autoptr(GSocketConnection) connection = NULL;
  g_autoptr(GBytes) lines = g_bytes_new_static (LINES, strlen (LINES));
  int pair[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
  near = g_socket_new_from_fd (pair[0], NULL);
  connection = g_socket_connection_factory_create_connection (near);
  self->peer = g_socket_new_from_fd (pair[1], NULL);
  g_socket_set_blocking (self->peer, FALSE);
  self->poller = belfry_http_poller_new ();
  self->clock = belfry_http_clock_new ();
  self->stream = BELFRY_HTTP_STREAM (belfry_http_stream_new (G_IO_STREAM (connection), self->poller, self->clock, lines,
                                                              NULL));
  self->input = G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (G_IO_STREAM (self->stream)));
  self->output = G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (G_IO_STREAM (self->stream)));
}

static void
tear_down (Fixture      *self,
           gconstpointer user_data)
{
  g_clear_object (&self->stream);
  g_clear_object (&self->peer);
  belfry_http_poller_unref (self->poller);
  belfry_http_clock_unref (self->clock);
}

static gboolean
count_call (GObject  *stream,
            gpointer  user_data)
{
  ++*(guint *) user_data;
  return G_SOURCE_CONTINUE;
}

/* As libsoup does it: inside of another source, with a callback that is never called. */
static GSource *
wait_with (gpointer  stream,
           GSource  *inner,
           guint    *n_calls)
{
  GSource *source = g_pollable_source_new (G_OBJECT (stream));

  g_source_set_dummy_callback (inner);
  g_source_add_child_source (source, inner);
  g_source_unref (inner);
  g_source_set_callback (source, G_SOURCE_FUNC (count_call), n_calls, NULL);
  g_source_attach (source, NULL);
  return source;
}

static void
drop_source (GSource *source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

/* What is ready shows within a few turns that do not wait. */
static void
turn (void)
{
  for (guint i = 0; i < 4; i++)
    g_main_context_iteration (NULL, FALSE);
}

static void
write_all (Fixture    *self,
           const char *text)
{
  g_autoptr(GError) error = NULL;
  gssize n = g_pollable_output_stream_write_nonblocking (self->output, text, strlen (text), NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpint (n, ==, strlen (text));
}

static void
assert_peer_gets (Fixture    *self,
                  const char *text)
{
  char buffer[1024] = "";
  gssize n = g_socket_receive (self->peer, buffer, sizeof buffer - 1, NULL, NULL);

  g_assert_cmpint (n, ==, text != NULL ? (gssize) strlen (text) : -1);
  if (text != NULL)
    g_assert_cmpstr (buffer, ==, text);
}

static void
test_lines (Fixture      *self,
            gconstpointer user_data)
{
  belfry_http_stream_begin_request (self->stream);
  write_all (self, HEAD);
  assert_peer_gets (self, FULL);
  write_all (self, HEAD);
  assert_peer_gets (self, HEAD);
}

static void
test_own_lines (Fixture      *self,
                gconstpointer user_data)
{
  g_autoptr(GBytes) none = g_bytes_new_static ("", 0);

  belfry_http_stream_begin_request (self->stream);
  belfry_http_stream_replace_lines (self->stream, none);
  write_all (self, HEAD);
  assert_peer_gets (self, HEAD);

  belfry_http_stream_begin_request (self->stream);
  write_all (self, HEAD);
  assert_peer_gets (self, FULL);
}

static void
test_body (Fixture      *self,
           gconstpointer user_data)
{
  belfry_http_stream_begin_request (self->stream);
  belfry_http_stream_expect_body (self->stream);
  write_all (self, HEAD);
  assert_peer_gets (self, NULL);
  write_all (self, "body");
  assert_peer_gets (self, FULL "body");
}

static void
test_informational (Fixture      *self,
                    gconstpointer user_data)
{
  belfry_http_stream_begin_request (self->stream);
  write_all (self, "HTTP/1.1 100 Continue\r\n\r\n");
  assert_peer_gets (self, "HTTP/1.1 100 Continue\r\n" LINES "\r\n");
  write_all (self, "HTTP/1.1 100 Continue\r\nContent-Type: text/plain\r\n\r\n");
  assert_peer_gets (self, "HTTP/1.1 100 Continue\r\n" LINES "\r\n");
  write_all (self, "HTTP/1.0 100 Continue\r\n\r\n");
  assert_peer_gets (self, NULL);
  belfry_http_stream_expect_body (self->stream);
  write_all (self, HEAD);
  write_all (self, "body");
  assert_peer_gets (self, FULL "body");
}

static void
test_pass_through (Fixture      *self,
                   gconstpointer user_data)
{
  write_all (self, HEAD);
  assert_peer_gets (self, HEAD);
  belfry_http_stream_begin_request (self->stream);
  write_all (self, "no head\r\n");
  assert_peer_gets (self, "no head\r\n");
}

/* Until the socket takes nothing more. Gives how much that was. */
static gsize
fill (Fixture *self)
{
  char zeros[4096] = { 0 };
  gsize total = 0;
  gssize n;

  while ((n = g_pollable_output_stream_write_nonblocking (self->output, zeros, sizeof zeros, NULL, NULL)) > 0)
    total += n;
  return total;
}

static void
test_full_socket (Fixture      *self,
                  gconstpointer user_data)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL;
  gsize filled = fill (self);
  guint n_calls = 0;
  GSource *source;
  gsize n_read = 0;
  gssize n;

  belfry_http_stream_begin_request (self->stream);
  n = g_pollable_output_stream_write_nonblocking (self->output, HEAD, strlen (HEAD), NULL, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_assert_cmpint (n, ==, -1);

  source = wait_with (self->output, g_pollable_output_stream_create_source (self->output, NULL), &n_calls);
  turn ();
  g_assert_cmpuint (n_calls, ==, 0);

  text = g_malloc0 (filled + 1024);
  while (n_read < filled)
    n_read += g_socket_receive (self->peer, text + n_read, filled - n_read, NULL, NULL);
  turn ();
  g_assert_cmpuint (n_calls, >, 0);
  drop_source (source);

  write_all (self, HEAD);
  assert_peer_gets (self, FULL);
}

static void
test_wakes (Fixture      *self,
            gconstpointer user_data)
{
  char buffer[64];
  guint n_calls = 0;
  GSource *source = wait_with (self->input, g_pollable_input_stream_create_source (self->input, NULL), &n_calls);

  turn ();
  g_assert_cmpuint (n_calls, ==, 0);

  g_assert_cmpint (g_socket_send (self->peer, "abc", 3, NULL, NULL), ==, 3);
  turn ();
  g_assert_cmpuint (n_calls, >, 0);

  /* A part leaves it ready; what is left makes it rest. */
  g_assert_cmpint (g_pollable_input_stream_read_nonblocking (self->input, buffer, 2, NULL, NULL), ==, 2);
  n_calls = 0;
  turn ();
  g_assert_cmpuint (n_calls, >, 0);
  g_assert_cmpint (g_pollable_input_stream_read_nonblocking (self->input, buffer, sizeof buffer, NULL, NULL), ==, 1);
  n_calls = 0;
  turn ();
  g_assert_cmpuint (n_calls, ==, 0);
  drop_source (source);
}

static void
test_bytes_before_waiting (Fixture      *self,
                           gconstpointer user_data)
{
  guint n_calls = 0;
  GSource *source;

  g_assert_cmpint (g_socket_send (self->peer, "abc", 3, NULL, NULL), ==, 3);
  turn ();
  source = wait_with (self->input, g_pollable_input_stream_create_source (self->input, NULL), &n_calls);
  turn ();
  g_assert_cmpuint (n_calls, >, 0);
  drop_source (source);
}

static void
test_end_between_requests (Fixture      *self,
                           gconstpointer user_data)
{
  g_autoptr(GError) error = NULL;
  char buffer[64];
  guint n_calls = 0;
  GSource *source = wait_with (self->input, g_pollable_input_stream_create_source (self->input, NULL), &n_calls);

  belfry_http_stream_end_request (self->stream);
  g_socket_close (self->peer, NULL);
  turn ();
  g_assert_cmpuint (n_calls, >, 0);
  g_assert_cmpint (g_pollable_input_stream_read_nonblocking (self->input, buffer, sizeof buffer, NULL, NULL), ==, 2);
  n_calls = 0;
  turn ();
  g_assert_cmpuint (n_calls, >, 0);
  g_assert_cmpint (g_pollable_input_stream_read_nonblocking (self->input, buffer, sizeof buffer, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
  drop_source (source);
}

static void
test_closed_while_waiting (Fixture      *self,
                           gconstpointer user_data)
{
  guint n_calls = 0;
  GSource *source = wait_with (self->input, g_pollable_input_stream_create_source (self->input, NULL), &n_calls);

  g_assert_true (g_io_stream_close (G_IO_STREAM (self->stream), NULL, NULL));
  turn ();
  g_assert_cmpuint (n_calls, >, 0);
  drop_source (source);
}

/* --- requests that are served without libsoup --- */

#define REQUEST "POST / HTTP/1.1\r\nHost: h\r\n\r\n"

static gboolean
serve (gpointer          user_data,
       BelfryHttpStream *stream,
       const guint8     *bytes,
       gsize             length)
{
  g_assert_cmpmem (bytes, length, REQUEST, strlen (REQUEST));
  ++*(guint *) user_data;
  return TRUE;
}

static void
served (gpointer user_data)
{
  --*(guint *) user_data;
}

static void
assert_reads (Fixture    *self,
              const char *text)
{
  g_autoptr(GError) error = NULL;
  char buffer[1024] = "";
  gssize n = g_pollable_input_stream_read_nonblocking (self->input, buffer, sizeof buffer - 1, NULL, &error);

  if (text == NULL)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  else
    g_assert_cmpstr (buffer, ==, text);
  g_assert_cmpint (n, ==, text != NULL ? (gssize) strlen (text) : -1);
}

static void
request_apart (Fixture *self)
{
  g_assert_cmpint (g_socket_send (self->peer, REQUEST, strlen (REQUEST), NULL, NULL), ==, strlen (REQUEST));
  assert_reads (self, NULL);
}

static void
test_apart (Fixture      *self,
            gconstpointer user_data)
{
  g_autoptr(GString) head = g_string_new (HEAD);
  g_autoptr(GBytes) body = g_bytes_new_static ("{}", 2);
  guint n_in_work = 0;
  guint n_calls = 0;
  GSource *source;

  g_test_summary ("What comes while a request is served apart waits for its answer, and is not forgotten");
  belfry_http_stream_set_serve_funcs (self->stream, serve, served, &n_in_work);
  belfry_http_stream_end_request (self->stream);
  request_apart (self);
  g_assert_cmpuint (n_in_work, ==, 1);

  g_assert_cmpint (g_socket_send (self->peer, REQUEST REQUEST, 2 * strlen (REQUEST), NULL, NULL), >, 0);
  source = wait_with (self->input, g_pollable_input_stream_create_source (self->input, NULL), &n_calls);
  turn ();
  g_assert_cmpuint (n_calls, >, 0);
  assert_reads (self, NULL);
  n_calls = 0;
  turn ();
  g_assert_cmpuint (n_calls, ==, 0);

  belfry_http_stream_answer (self->stream, head, body, FALSE);
  assert_peer_gets (self, HEAD "{}");
  turn ();
  g_assert_cmpuint (n_calls, >, 0);
  assert_reads (self, REQUEST REQUEST);
  g_assert_cmpuint (n_in_work, ==, 0);
  drop_source (source);
}

static void
test_apart_closes (Fixture      *self,
                   gconstpointer user_data)
{
  g_autoptr(GString) head = g_string_new (HEAD);
  g_autoptr(GError) error = NULL;
  char buffer[64];
  guint n_in_work = 0;

  belfry_http_stream_set_serve_funcs (self->stream, serve, served, &n_in_work);
  belfry_http_stream_end_request (self->stream);
  request_apart (self);
  belfry_http_stream_answer (self->stream, head, NULL, TRUE);
  assert_peer_gets (self, HEAD);
  assert_reads (self, "!\n");
  g_assert_cmpint (g_pollable_input_stream_read_nonblocking (self->input, buffer, sizeof buffer, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
}

#define BODY_SIZE 1000000

/* A request whose answer the client does not read yet. */
static void
answer_to_full_socket (Fixture *self,
                       guint   *n_in_work)
{
  g_autoptr(GString) head = g_string_new (HEAD);
  g_autofree char *text = g_strnfill (BODY_SIZE, 'x');
  g_autoptr(GBytes) body = g_bytes_new_static (text, BODY_SIZE);

  belfry_http_stream_set_serve_funcs (self->stream, serve, served, n_in_work);
  belfry_http_stream_end_request (self->stream);
  request_apart (self);
  belfry_http_stream_answer (self->stream, head, body, FALSE);
  turn ();
  g_assert_cmpuint (*n_in_work, ==, 1);
}

static gsize
read_answer (Fixture *self,
             gsize    length)
{
  gsize n_read = 0;

  for (guint i = 0; i < 10000 && n_read < length; i++)
    {
      char buffer[65536];
      gssize n = g_socket_receive (self->peer, buffer, sizeof buffer, NULL, NULL);

      n_read += MAX (n, 0);
      g_main_context_iteration (NULL, FALSE);
    }

  return n_read;
}

static void
test_apart_full_socket (Fixture      *self,
                        gconstpointer user_data)
{
  guint n_in_work = 0;

  g_test_summary ("A client whose socket is full gets the rest of the answer as it reads, and then its next one");
  belfry_http_clock_set_limit (self->clock, BELFRY_HTTP_PHASE_LINGER, 1);
  answer_to_full_socket (self, &n_in_work);
  g_assert_cmpuint (belfry_http_clock_count (self->clock, BELFRY_HTTP_PHASE_WRITE), ==, 1);
  g_assert_cmpuint (belfry_http_clock_count (self->clock, BELFRY_HTTP_PHASE_LINGER), ==, 0);

  g_assert_cmpint (g_socket_send (self->peer, REQUEST REQUEST, 2 * strlen (REQUEST), NULL, NULL), >, 0);
  turn ();
  assert_reads (self, NULL);
  g_assert_cmpuint (read_answer (self, strlen (HEAD) + BODY_SIZE), ==, strlen (HEAD) + BODY_SIZE);
  turn ();
  g_assert_cmpuint (n_in_work, ==, 0);
  g_assert_cmpuint (belfry_http_clock_count (self->clock, BELFRY_HTTP_PHASE_WRITE), ==, 0);
  assert_reads (self, REQUEST REQUEST);
}

static void
test_apart_never_read (Fixture      *self,
                       gconstpointer user_data)
{
  gint64 give_up = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;
  guint n_in_work = 0;

  g_test_summary ("A client that does not read its answer at all has the time of other answers, and then the end");
  belfry_http_clock_set_limit (self->clock, BELFRY_HTTP_PHASE_WRITE, 50000);
  answer_to_full_socket (self, &n_in_work);
  while (n_in_work > 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, give_up);
      g_main_context_iteration (NULL, TRUE);
    }
  g_assert_cmpuint (belfry_http_clock_get_tally (self->clock)->timeouts, ==, 1);
  assert_reads (self, "!\n");
}

static void
test_apart_closed (Fixture      *self,
                   gconstpointer user_data)
{
  guint n_in_work = 0;

  g_test_summary ("What is closed with a part of an answer in hand writes no more of it, and leaves nothing behind");
  answer_to_full_socket (self, &n_in_work);
  g_assert_true (g_io_stream_close (G_IO_STREAM (self->stream), NULL, NULL));
  g_assert_cmpuint (read_answer (self, BODY_SIZE), <, BODY_SIZE);
  g_assert_cmpuint (n_in_work, ==, 1);
  g_assert_cmpuint (belfry_http_clock_count (self->clock, BELFRY_HTTP_PHASE_WRITE), ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)
  ADD ("/http-stream/head/gets-lines-once", test_lines);
  ADD ("/http-stream/head/other-lines-hold-for-one-response", test_own_lines);
  ADD ("/http-stream/head/goes-with-its-body", test_body);
  ADD ("/http-stream/head/follows-an-informational-one", test_informational);
  ADD ("/http-stream/head/nothing-else-is-changed", test_pass_through);
  ADD ("/http-stream/head/arrives-whole-after-a-full-socket", test_full_socket);
  ADD ("/http-stream/source/wakes-while-there-is-something", test_wakes);
  ADD ("/http-stream/source/knows-what-came-before", test_bytes_before_waiting);
  ADD ("/http-stream/source/wakes-for-the-end-between-requests", test_end_between_requests);
  ADD ("/http-stream/source/wakes-when-closed-here", test_closed_while_waiting);
  ADD ("/http-stream/apart/what-follows-waits", test_apart);
  ADD ("/http-stream/apart/ends-behind-the-last-answer", test_apart_closes);
  ADD ("/http-stream/apart/full-socket-is-waited-for", test_apart_full_socket);
  ADD ("/http-stream/apart/never-read", test_apart_never_read);
  ADD ("/http-stream/apart/closed-with-a-rest", test_apart_closed);

  return g_test_run ();
}
