/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-http-stream-private.h"

#include <libsoup/soup.h>

#include "belfry-http-input-private.h"
#include "belfry-http-output-private.h"
#include "belfry-refusal-private.h"
#include "belfry-security-headers-private.h"

struct _BelfryHttpStream
{
  GIOStream parent_instance;

  GIOStream       *base;    /* owned; plain or TLS */
  GInputStream    *input;   /* owned */
  GOutputStream   *output;  /* owned */
  BelfryHttpWatch *watch;   /* owned reference; NULL: the connection is polled by itself */
  BelfryHttpClock *clock;   /* owned reference; NULL for one that was unwrapped */
  GBytes          *lines;   /* owned; what every response has among its headers, or NULL */
  BelfryCors      *cors;    /* owned reference, or NULL */
  GCancellable    *stopping;  /* owned, or NULL */
  GIOStream       *taken;   /* owned; keeps alive and closes what input reads from, or NULL */
  BelfryHttpServeFunc serve;  /* NULL: libsoup serves everything */
  BelfryHttpServedFunc served;
  gpointer         serve_data;
  BelfryClientAddress address;
  gboolean         has_address;  /* the address is one of the network */
  gboolean         closes;  /* behind the answer that is given without libsoup */
  gboolean         is_refused;  /* base is on its way to its end, without libsoup */
};

typedef enum
{
  PROP_BASE_IOSTREAM = 1,
} BelfryHttpStreamProperty;

static GParamSpec *properties[PROP_BASE_IOSTREAM + 1];

G_DEFINE_FINAL_TYPE (BelfryHttpStream, belfry_http_stream, G_TYPE_IO_STREAM)

/* To be called before somebody else closes the descriptor or polls it. */
static void
stop_watching (BelfryHttpStream *self)
{
  if (self->watch == NULL)
    return;

  belfry_http_output_disconnect (BELFRY_HTTP_OUTPUT (self->output));
  belfry_http_watch_end (self->watch);
}

static GInputStream *
belfry_http_stream_get_input_stream (GIOStream *stream)
{
  return BELFRY_HTTP_STREAM (stream)->input;
}

static GOutputStream *
belfry_http_stream_get_output_stream (GIOStream *stream)
{
  return BELFRY_HTTP_STREAM (stream)->output;
}

/* The connection below goes to its end in its own time. Closed while more is on its way, a socket would be
 * reset, and the answer that the peer has not read yet be lost. */
static void
leave_base (BelfryHttpStream *self,
            GBytes           *answer)
{
  stop_watching (self);
  self->is_refused = TRUE;
  belfry_answer_and_close (self->base, answer, self->clock, self->stopping);
}

static gboolean
linger (BelfryHttpStream *self)
{
  g_autoptr(GBytes) nothing = NULL;

  if (self->clock == NULL || !belfry_http_input_awaits_more (BELFRY_HTTP_INPUT (self->input)))
    return FALSE;

  nothing = g_bytes_new_static ("", 0);
  leave_base (self, nothing);
  return TRUE;
}

static gboolean
belfry_http_stream_close (GIOStream     *stream,
                          GCancellable  *cancellable,
                          GError       **error)
{
  BelfryHttpStream *self = BELFRY_HTTP_STREAM (stream);

  /* Dropping the last reference closes the connection below in its own time. */
  if (self->base == NULL || self->is_refused || linger (self))
    return TRUE;

  stop_watching (self);
  return g_io_stream_close (self->base, cancellable, error);
}

static void
closed_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr(GTask) task = user_data;
  GError *error = NULL;

  if (g_io_stream_close_finish (G_IO_STREAM (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
belfry_http_stream_close_async (GIOStream           *stream,
                                int                  io_priority,
                                GCancellable        *cancellable,
                                GAsyncReadyCallback  callback,
                                gpointer             user_data)
{
  GTask *task = g_task_new (stream, cancellable, callback, user_data);

  g_task_set_source_tag (task, belfry_http_stream_close_async);
  if (BELFRY_HTTP_STREAM (stream)->is_refused || linger (BELFRY_HTTP_STREAM (stream)))
    {
      g_task_return_boolean (task, TRUE);
      g_object_unref (task);
      return;
    }

  stop_watching (BELFRY_HTTP_STREAM (stream));
  g_io_stream_close_async (BELFRY_HTTP_STREAM (stream)->base, io_priority, cancellable, closed_cb, task);
}

static gboolean
belfry_http_stream_close_finish (GIOStream     *stream,
                                 GAsyncResult  *result,
                                 GError       **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
belfry_http_stream_get_property (GObject    *object,
                                 guint       property_id,
                                 GValue     *value,
                                 GParamSpec *pspec)
{
  switch ((BelfryHttpStreamProperty) property_id)
    {
    case PROP_BASE_IOSTREAM:
      g_value_set_object (value, BELFRY_HTTP_STREAM (object)->base);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
belfry_http_stream_finalize (GObject *object)
{
  BelfryHttpStream *self = BELFRY_HTTP_STREAM (object);

  stop_watching (self);
  g_clear_pointer (&self->watch, belfry_http_watch_unref);
  if (self->clock != NULL)
    belfry_http_input_disconnect (BELFRY_HTTP_INPUT (self->input));
  g_clear_pointer (&self->clock, belfry_http_clock_unref);
  g_clear_pointer (&self->lines, g_bytes_unref);
  g_clear_pointer (&self->cors, belfry_cors_unref);
  g_clear_object (&self->stopping);
  g_clear_object (&self->input);
  g_clear_object (&self->output);
  g_clear_object (&self->taken);
  g_clear_object (&self->base);

  G_OBJECT_CLASS (belfry_http_stream_parent_class)->finalize (object);
}

static void
belfry_http_stream_class_init (BelfryHttpStreamClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GIOStreamClass *stream_class = G_IO_STREAM_CLASS (klass);

  object_class->get_property = belfry_http_stream_get_property;
  object_class->finalize = belfry_http_stream_finalize;
  stream_class->get_input_stream = belfry_http_stream_get_input_stream;
  stream_class->get_output_stream = belfry_http_stream_get_output_stream;
  stream_class->close_fn = belfry_http_stream_close;
  stream_class->close_async = belfry_http_stream_close_async;
  stream_class->close_finish = belfry_http_stream_close_finish;

  properties[PROP_BASE_IOSTREAM] =
    g_param_spec_object ("base-iostream", NULL, NULL, G_TYPE_IO_STREAM, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
belfry_http_stream_init (BelfryHttpStream *self)
{
}

static int
find_descriptor (GIOStream *base)
{
  g_autoptr(GIOStream) below = NULL;

  if (G_IS_TLS_CONNECTION (base))
    g_object_get (base, "base-io-stream", &below, NULL);
  else
    below = g_object_ref (base);
  if (!G_IS_SOCKET_CONNECTION (below))
    return -1;

  return g_socket_get_fd (g_socket_connection_get_socket (G_SOCKET_CONNECTION (below)));
}

/* TLS reads ahead, so that its socket does not tell whether there is something to read. */
static BelfryHttpWatch *
start_watching (BelfryHttpPoller *poller,
                GIOStream        *base,
                int               fd)
{
  BelfryHttpWatch *watch = NULL;

  if (G_IS_SOCKET_CONNECTION (base))
    watch = belfry_http_poller_watch (poller, fd);

  return watch != NULL ? watch : belfry_http_watch_new_unpolled ();
}

static void
count_refusal (BelfryHttpStream *self,
               guint             status)
{
  BelfryHttpTally *tally = belfry_http_clock_get_tally (self->clock);

  /* A time that is over was counted by the clock. */
  if (status == 431)
    tally->heads_too_large++;
  else if (status != 408)
    tally->bad_requests++;
}

/* libsoup finds its connection gone; the client gets its answer from here. */
static void
on_refused (gpointer                  user_data,
            guint                     status,
            const BelfryRequestGuard *guard)
{
  BelfryHttpStream *self = user_data;
  const char *phrase = belfry_status_get_phrase (status);
  g_autoptr(GString) text = g_string_new (NULL);
  g_autoptr(GBytes) answer = NULL;

  g_string_append_printf (text, "HTTP/1.1 %u %s\r\n", status, phrase);
  g_string_append_len (text, g_bytes_get_data (self->lines, NULL), g_bytes_get_size (self->lines));
  if (self->cors != NULL)
    belfry_cors_append_lines (self->cors, belfry_request_guard_get_origin (guard), text);
  g_string_append_printf (text, "Content-Type: application/json\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n"
                          "Connection: close\r\n\r\n", strlen ("{\"detail\": \"\"}") + strlen (phrase));
  if (!belfry_request_guard_is_head_method (guard))
    g_string_append_printf (text, "{\"detail\": \"%s\"}", phrase);
  answer = g_string_free_to_bytes (g_steal_pointer (&text));

  count_refusal (self, status);
  leave_base (self, answer);
}

GIOStream *
belfry_http_stream_new (GIOStream        *base,
                        BelfryHttpPoller *poller,
                        BelfryHttpClock  *clock,
                        GBytes           *lines,
                        GCancellable     *stopping)
{
  BelfryHttpStream *self = g_object_new (BELFRY_TYPE_HTTP_STREAM, NULL);
  int fd = find_descriptor (base);

  self->base = g_object_ref (base);
  self->clock = belfry_http_clock_ref (clock);
  self->lines = g_bytes_ref (lines);
  self->stopping = stopping != NULL ? g_object_ref (stopping) : NULL;
  self->watch = start_watching (poller, base, fd);
  self->input = belfry_http_input_new (g_io_stream_get_input_stream (base), self->watch, clock, on_refused, self);
  self->output = belfry_http_output_new (g_io_stream_get_output_stream (base), lines, self->watch, clock, fd);
  return G_IO_STREAM (self);
}

void
belfry_http_stream_set_cors (BelfryHttpStream *self,
                             BelfryCors       *cors)
{
  g_clear_pointer (&self->cors, belfry_cors_unref);
  self->cors = belfry_cors_ref (cors);
}

static gboolean
on_whole_request (gpointer      user_data,
                  const guint8 *bytes,
                  gsize         length)
{
  BelfryHttpStream *self = user_data;

  return self->serve (self->serve_data, self, bytes, length);
}

void
belfry_http_stream_set_serve_funcs (BelfryHttpStream     *self,
                                    BelfryHttpServeFunc   serve,
                                    BelfryHttpServedFunc  served,
                                    gpointer              user_data)
{
  self->serve = serve;
  self->served = served;
  self->serve_data = user_data;
  /* TLS hides what of an answer is on its way. */
  if (self->watch->poller != NULL)
    belfry_http_input_set_apart_func (BELFRY_HTTP_INPUT (self->input), on_whole_request);
}

void
belfry_http_stream_append_head (BelfryHttpStream   *self,
                                guint               status,
                                SoupMessageHeaders *own,
                                GString            *head)
{
  g_autoptr(GBytes) lines = own != NULL ? belfry_security_lines_new (FALSE, own) : g_bytes_ref (self->lines);

  g_string_append_printf (head, "HTTP/1.1 %u %s\r\n", status, belfry_status_get_phrase (status));
  g_string_append_len (head, g_bytes_get_data (lines, NULL), g_bytes_get_size (lines));
  if (self->cors != NULL)
    belfry_cors_append_lines (self->cors, NULL, head);
  g_string_append (head, "Date: ");
  g_string_append (head, belfry_http_clock_get_date (self->clock));
  g_string_append (head, "\r\n");
}

static void
on_sent (gpointer user_data)
{
  BelfryHttpStream *self = user_data;

  belfry_http_input_end_apart (BELFRY_HTTP_INPUT (self->input), self->closes);
  self->served (self->serve_data);
}

/* Until the client has taken it, no other request is read. */
void
belfry_http_stream_answer (BelfryHttpStream *self,
                           GString          *head,
                           GBytes           *body,
                           gboolean          closes)
{
  self->closes = closes;
  belfry_http_output_send (BELFRY_HTTP_OUTPUT (self->output), head, body, on_sent, self);
}

gboolean
belfry_http_stream_get_address (BelfryHttpStream    *self,
                                BelfryClientAddress *address)
{
  *address = self->address;
  return self->has_address;
}

void
belfry_http_stream_begin_request (BelfryHttpStream *self)
{
  belfry_http_input_begin_request (BELFRY_HTTP_INPUT (self->input));
  belfry_http_output_begin_response (BELFRY_HTTP_OUTPUT (self->output));
}

void
belfry_http_stream_end_request (BelfryHttpStream *self)
{
  belfry_http_input_end_request (BELFRY_HTTP_INPUT (self->input));
  belfry_http_output_end_response (BELFRY_HTTP_OUTPUT (self->output));
}

void
belfry_http_stream_expect_body (BelfryHttpStream *self)
{
  belfry_http_output_expect_body (BELFRY_HTTP_OUTPUT (self->output));
}

void
belfry_http_stream_replace_lines (BelfryHttpStream *self,
                                  GBytes           *lines)
{
  belfry_http_output_replace_lines (BELFRY_HTTP_OUTPUT (self->output), lines);
}

GIOStream *
belfry_http_stream_unwrap (GIOStream *stream)
{
  g_autoptr(GIOStream) cover = NULL;
  BelfryHttpStream *self;

  g_object_get (stream, "base-iostream", &cover, NULL);
  g_assert (BELFRY_IS_HTTP_STREAM (cover));

  stop_watching (BELFRY_HTTP_STREAM (cover));
  belfry_http_input_release (BELFRY_HTTP_INPUT (BELFRY_HTTP_STREAM (cover)->input));
  belfry_http_output_end_response (BELFRY_HTTP_OUTPUT (BELFRY_HTTP_STREAM (cover)->output));
  self = g_object_new (BELFRY_TYPE_HTTP_STREAM, NULL);
  self->base = g_object_ref (BELFRY_HTTP_STREAM (cover)->base);
  self->input = g_object_ref (g_io_stream_get_input_stream (stream));
  self->output = g_object_ref (g_io_stream_get_output_stream (stream));
  self->taken = g_object_ref (stream);
  return G_IO_STREAM (self);
}

/* The address is the one thing of a connection that libsoup shows. */
static G_DEFINE_QUARK (belfry-http-stream, stream)

void
belfry_http_stream_attach (BelfryHttpStream *self,
                           GSocketAddress   *remote)
{
  self->has_address = belfry_client_address_init (&self->address, remote);
  g_object_set_qdata_full (G_OBJECT (remote), stream_quark (), g_object_ref (self), g_object_unref);
}

BelfryHttpStream *
belfry_http_stream_find (GSocketAddress *remote)
{
  return remote != NULL ? g_object_get_qdata (G_OBJECT (remote), stream_quark ()) : NULL;
}
