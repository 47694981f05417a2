/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-http-output-private.h"

#include "belfry-tcp-progress-private.h"

#include <string.h>
#include <sys/socket.h>

/* libsoup prints each header of a response by itself, and writes head and body one after the other. The lines
 * that all responses share are put into the head here, below its first line; and a head that a body follows
 * is kept back, so that both go out with one system call and, when small, in one packet. */

#define HTTP_START    "HTTP/1."
#define STATUS_OFFSET (sizeof "HTTP/1.1 " - 1)
#define CONTINUE      "100 "
#define OLD_CONTINUE  "HTTP/1.0 100 "

typedef enum
{
  HEAD_DONE,      /* what is written is a body, or nothing of ours */
  HEAD_EXPECTED,  /* the next write is a head */
  HEAD_WRITING,   /* what is left of it lies here, and libsoup asks for it again */
  HEAD_KEPT,      /* it lies here, and libsoup believes it written */
} HeadState;

struct _BelfryHttpOutput
{
  GFilterOutputStream parent_instance;

  BelfryHttpWatch *watch;             /* owned reference */
  BelfryHttpClock *clock;             /* owned reference */
  BelfryHttpTimer  timer;             /* of a peer that takes nothing */
  guint64          acknowledged;      /* bytes, when the timer began */
  int              fd;                /* of the connection, or -1 */
  GBytes          *lines;             /* owned; what every head has below its first line */
  GBytes          *own_lines;         /* owned; in their place, for the response at hand, or NULL */
  GByteArray      *head;              /* owned; with those lines, not written yet */
  HeadState        state;
  gboolean         expects_body;      /* behind the head, at once */
  gboolean         is_informational;  /* another head follows the one in work */
  GSource         *rest;              /* owned; waits to write the rest of a response that libsoup knows nothing of,
                                       * which lies in head; or NULL */
  BelfryHttpSentFunc sent;            /* of that response */
  gpointer         user_data;
};

static void belfry_http_output_pollable_init (GPollableOutputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (BelfryHttpOutput, belfry_http_output, G_TYPE_FILTER_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM,
                                                      belfry_http_output_pollable_init))

static GPollableOutputStream *
get_base_output (GPollableOutputStream *output)
{
  return G_POLLABLE_OUTPUT_STREAM (g_filter_output_stream_get_base_stream (G_FILTER_OUTPUT_STREAM (output)));
}

static gboolean
belfry_http_output_can_poll (GPollableOutputStream *output)
{
  return g_pollable_output_stream_can_poll (get_base_output (output));
}

static gboolean
belfry_http_output_is_writable (GPollableOutputStream *output)
{
  return g_pollable_output_stream_is_writable (get_base_output (output));
}

static GSource *
belfry_http_output_create_source (GPollableOutputStream *output,
                                  GCancellable          *cancellable)
{
  BelfryHttpWatch *watch = BELFRY_HTTP_OUTPUT (output)->watch;

  if (watch->poller != NULL && cancellable == NULL)
    return belfry_http_watch_create_source (watch, G_IO_OUT);

  return g_pollable_output_stream_create_source (get_base_output (output), cancellable);
}

static void
look_at_peer (BelfryHttpOutput *self)
{
  BelfryTcpProgress progress;

  if (belfry_tcp_progress_look (&progress, self->fd))
    self->acknowledged = progress.acknowledged;
}

/* The socket takes more only once a good part of what it holds has left, which may be megabytes. */
static gboolean
on_asked (BelfryHttpTimer *timer)
{
  BelfryHttpOutput *self = (BelfryHttpOutput *) ((char *) timer - G_STRUCT_OFFSET (BelfryHttpOutput, timer));
  guint64 before = self->acknowledged;

  look_at_peer (self);
  return self->acknowledged != before;
}

/* For a short write too: the socket is full, and tells when it no longer is. */
static gssize
report_full (BelfryHttpOutput  *self,
             GError           **error)
{
  self->watch->is_writable = FALSE;
  if (self->timer.phase == BELFRY_HTTP_PHASE_NONE)
    {
      look_at_peer (self);
      belfry_http_clock_start (self->clock, &self->timer, BELFRY_HTTP_PHASE_WRITE);
    }

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "Would block");
  return -1;
}

static void
note_progress (BelfryHttpOutput *self)
{
  if (self->timer.phase != BELFRY_HTTP_PHASE_NONE)
    belfry_http_clock_stop (self->clock, &self->timer);
}

/* Whoever waits to write finds that it is in vain. */
static void
on_expired (BelfryHttpTimer *timer)
{
  BelfryHttpOutput *self = (BelfryHttpOutput *) ((char *) timer - G_STRUCT_OFFSET (BelfryHttpOutput, timer));

  if (self->fd >= 0)
    (void) shutdown (self->fd, SHUT_RDWR);
}

/* Of head and body, as far as the socket takes them. Gives how much of the body that was, or -1. */
static gssize
write_with_head (BelfryHttpOutput  *self,
                 const void        *body,
                 gsize              count,
                 GError           **error)
{
  const GOutputVector vectors[] = { { self->head->data, self->head->len }, { body, count } };
  GPollableOutputStream *base = get_base_output (G_POLLABLE_OUTPUT_STREAM (self));
  gsize written = 0;
  gsize of_head;

  switch (g_pollable_output_stream_writev_nonblocking (base, vectors, count > 0 ? 2 : 1, &written, NULL, error))
    {
    case G_POLLABLE_RETURN_OK:
      break;
    case G_POLLABLE_RETURN_WOULD_BLOCK:
      return report_full (self, error);
    case G_POLLABLE_RETURN_FAILED:
    default:
      return -1;
    }

  note_progress (self);
  of_head = MIN (written, self->head->len);
  g_byte_array_remove_range (self->head, 0, of_head);
  if (self->head->len > 0 || (count > 0 && written == of_head))
    return report_full (self, error);

  self->state = HEAD_DONE;
  return written - of_head;
}

/* FALSE when it is none. */
static gboolean
take_head (BelfryHttpOutput *self,
           const char       *text,
           gsize             length)
{
  const char *end = memchr (text, '\n', length);
  gsize first_line = end != NULL ? end + 1 - text : 0;
  GBytes *lines = self->own_lines != NULL ? self->own_lines : self->lines;

  if (first_line <= STATUS_OFFSET + strlen (CONTINUE) || memcmp (text, HTTP_START, strlen (HTTP_START)) != 0)
    return FALSE;

  g_byte_array_append (self->head, (const guint8 *) text, first_line);
  g_byte_array_append (self->head, g_bytes_get_data (lines, NULL), g_bytes_get_size (lines));
  self->is_informational = text[STATUS_OFFSET] == '1';
  /* What libsoup has among the headers is the answer's that is still to come. */
  if (self->is_informational && memcmp (text + STATUS_OFFSET, CONTINUE, strlen (CONTINUE)) == 0)
    g_byte_array_append (self->head, (const guint8 *) "\r\n", strlen ("\r\n"));
  else
    g_byte_array_append (self->head, (const guint8 *) text + first_line, length - first_line);
  self->state = self->expects_body && !self->is_informational ? HEAD_KEPT : HEAD_WRITING;
  return TRUE;
}

/* Gives count once all of the head is out. */
static gssize
write_head (BelfryHttpOutput  *self,
            gsize              count,
            GError           **error)
{
  if (write_with_head (self, NULL, 0, error) < 0)
    return -1;

  if (self->is_informational)
    self->state = HEAD_EXPECTED;
  return count;
}

static gssize
write_plain (BelfryHttpOutput  *self,
             const void        *buffer,
             gsize              count,
             GError           **error)
{
  g_autoptr(GError) local_error = NULL;
  gssize n = g_pollable_output_stream_write_nonblocking (get_base_output (G_POLLABLE_OUTPUT_STREAM (self)), buffer,
                                                         count, NULL, &local_error);

  if (g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return report_full (self, error);

  if (local_error != NULL)
    g_propagate_error (error, g_steal_pointer (&local_error));
  note_progress (self);
  return n;
}

static gssize
belfry_http_output_write_nonblocking (GPollableOutputStream  *output,
                                      const void             *buffer,
                                      gsize                   count,
                                      GError                **error)
{
  BelfryHttpOutput *self = BELFRY_HTTP_OUTPUT (output);

  switch (self->state)
    {
    case HEAD_EXPECTED:
      /* HTTP/1.0 does not know of it (RFC 9110, section 10.1.1), but libsoup does not mind. */
      if (count > strlen (OLD_CONTINUE) && memcmp (buffer, OLD_CONTINUE, strlen (OLD_CONTINUE)) == 0)
        return count;
      if (!take_head (self, buffer, count))
        break;
      return self->state == HEAD_KEPT ? (gssize) count : write_head (self, count, error);
    case HEAD_WRITING:
      return write_head (self, count, error);
    case HEAD_KEPT:
      return write_with_head (self, buffer, count, error);
    case HEAD_DONE:
    default:
      break;
    }

  return write_plain (self, buffer, count, error);
}

static void
belfry_http_output_pollable_init (GPollableOutputStreamInterface *iface)
{
  iface->can_poll = belfry_http_output_can_poll;
  iface->is_writable = belfry_http_output_is_writable;
  iface->create_source = belfry_http_output_create_source;
  iface->write_nonblocking = belfry_http_output_write_nonblocking;
}

static void
belfry_http_output_finalize (GObject *object)
{
  BelfryHttpOutput *self = BELFRY_HTTP_OUTPUT (object);

  /* The source would hold a reference. */
  g_assert (self->rest == NULL);
  belfry_http_output_end_response (self);
  g_clear_pointer (&self->clock, belfry_http_clock_unref);
  g_clear_pointer (&self->head, g_byte_array_unref);
  g_clear_pointer (&self->lines, g_bytes_unref);
  g_clear_pointer (&self->own_lines, g_bytes_unref);
  g_clear_pointer (&self->watch, belfry_http_watch_unref);

  G_OBJECT_CLASS (belfry_http_output_parent_class)->finalize (object);
}

static void
belfry_http_output_class_init (BelfryHttpOutputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = belfry_http_output_finalize;
}

static void
belfry_http_output_init (BelfryHttpOutput *self)
{
  self->head = g_byte_array_new ();
}

GOutputStream *
belfry_http_output_new (GOutputStream   *base,
                        GBytes          *lines,
                        BelfryHttpWatch *watch,
                        BelfryHttpClock *clock,
                        int              fd)
{
  BelfryHttpOutput *self = g_object_new (BELFRY_TYPE_HTTP_OUTPUT, "base-stream", base, "close-base-stream", FALSE,
                                         NULL);

  self->lines = g_bytes_ref (lines);
  self->watch = belfry_http_watch_ref (watch);
  self->clock = belfry_http_clock_ref (clock);
  self->fd = fd;
  self->timer.expired = on_expired;
  self->timer.got_on = on_asked;
  return G_OUTPUT_STREAM (self);
}

void
belfry_http_output_begin_response (BelfryHttpOutput *self)
{
  g_byte_array_set_size (self->head, 0);
  self->state = HEAD_EXPECTED;
  self->expects_body = FALSE;
  g_clear_pointer (&self->own_lines, g_bytes_unref);
}

void
belfry_http_output_expect_body (BelfryHttpOutput *self)
{
  self->expects_body = TRUE;
}

void
belfry_http_output_replace_lines (BelfryHttpOutput *self,
                                  GBytes           *lines)
{
  g_clear_pointer (&self->own_lines, g_bytes_unref);
  self->own_lines = g_bytes_ref (lines);
}

/* --- responses that libsoup knows nothing of --- */

static void
drop_rest (BelfryHttpOutput *self)
{
  g_source_destroy (self->rest);
  g_clear_pointer (&self->rest, g_source_unref);
  /* It may have been large. */
  g_byte_array_unref (self->head);
  self->head = g_byte_array_new ();
  belfry_http_output_end_response (self);
}

static gboolean
on_writable (GObject *stream,
             gpointer user_data)
{
  BelfryHttpOutput *self = BELFRY_HTTP_OUTPUT (stream);
  g_autoptr(GError) error = NULL;

  if (write_with_head (self, NULL, 0, &error) < 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return G_SOURCE_CONTINUE;

  drop_rest (self);
  self->sent (self->user_data);
  return G_SOURCE_REMOVE;
}

/* Of both texts, from there on. */
static void
send_rest (BelfryHttpOutput    *self,
           const GOutputVector *vectors,
           gsize                n_vectors,
           gsize                from)
{
  GSource *writable = belfry_http_output_create_source (G_POLLABLE_OUTPUT_STREAM (self), NULL);

  g_byte_array_set_size (self->head, 0);
  for (gsize i = 0; i < n_vectors; i++)
    {
      gsize skipped = MIN (from, vectors[i].size);

      g_byte_array_append (self->head, (const guint8 *) vectors[i].buffer + skipped, vectors[i].size - skipped);
      from -= skipped;
    }

  report_full (self, NULL);
  self->rest = g_pollable_source_new_full (self, writable, NULL);
  g_source_unref (writable);
  g_source_set_static_name (self->rest, "belfry http answer");
  g_source_set_callback (self->rest, G_SOURCE_FUNC (on_writable), NULL, NULL);
  g_source_attach (self->rest, g_main_context_get_thread_default ());
}

void
belfry_http_output_send (BelfryHttpOutput  *self,
                         GString           *head,
                         GBytes            *body,
                         BelfryHttpSentFunc func,
                         gpointer           user_data)
{
  gsize body_size = 0;
  const void *text = body != NULL ? g_bytes_get_data (body, &body_size) : NULL;
  const GOutputVector vectors[] = { { head->str, head->len }, { text, body_size } };
  GPollableOutputStream *base = get_base_output (G_POLLABLE_OUTPUT_STREAM (self));
  gsize n_vectors = body_size > 0 ? 2 : 1;
  gsize written = 0;

  g_assert (self->rest == NULL);

  if (g_pollable_output_stream_writev_nonblocking (base, vectors, n_vectors, &written, NULL, NULL)
        == G_POLLABLE_RETURN_FAILED
      || written == head->len + body_size)
    {
      func (user_data);
      return;
    }

  self->sent = func;
  self->user_data = user_data;
  send_rest (self, vectors, n_vectors, written);
}

void
belfry_http_output_disconnect (BelfryHttpOutput *self)
{
  if (self->rest != NULL)
    drop_rest (self);
}

void
belfry_http_output_end_response (BelfryHttpOutput *self)
{
  if (self->timer.phase != BELFRY_HTTP_PHASE_NONE)
    belfry_http_clock_stop (self->clock, &self->timer);
}
