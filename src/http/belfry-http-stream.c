/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-http-stream-private.h"

#include <string.h>

#include "belfry-http-output-private.h"

/* libsoup 3.2 has a gap: when a client closes a connection that rests between two requests, the message
 * that waits there ends without anybody being told, and the connection, its descriptor and its memory stay
 * for good. A message of which a first line was read ends properly. So the end of a resting connection is
 * reported as a line that begins no request, and then as an error (a mere end would be answered with 400);
 * libsoup lets go of it without a word. */

static const char no_request[] = "!\n";

struct _BelfryHttpStream
{
  GIOStream parent_instance;

  GIOStream       *base;    /* owned; plain or TLS */
  GInputStream    *input;   /* owned */
  GOutputStream   *output;  /* owned */
  BelfryHttpWatch *watch;   /* owned reference; NULL: the connection is polled by itself */
  GIOStream       *taken;   /* owned; keeps alive and closes what input reads from, or NULL */
};

typedef enum
{
  PROP_BASE_IOSTREAM = 1,
} BelfryHttpStreamProperty;

static GParamSpec *properties[PROP_BASE_IOSTREAM + 1];

#define BELFRY_TYPE_HTTP_INPUT (belfry_http_input_get_type ())
G_DECLARE_FINAL_TYPE (BelfryHttpInput, belfry_http_input, BELFRY, HTTP_INPUT, GFilterInputStream)

struct _BelfryHttpInput
{
  GFilterInputStream parent_instance;

  BelfryHttpWatch *watch;    /* owned reference, or NULL */
  gboolean         is_idle;
  gboolean         is_over;  /* the end came while idle, and the line has been given */
};

static void belfry_http_input_pollable_init (GPollableInputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (BelfryHttpInput, belfry_http_input, G_TYPE_FILTER_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM, belfry_http_input_pollable_init))
G_DEFINE_FINAL_TYPE (BelfryHttpStream, belfry_http_stream, G_TYPE_IO_STREAM)

static GPollableInputStream *
get_base_input (GPollableInputStream *input)
{
  return G_POLLABLE_INPUT_STREAM (g_filter_input_stream_get_base_stream (G_FILTER_INPUT_STREAM (input)));
}

static gboolean
belfry_http_input_can_poll (GPollableInputStream *input)
{
  return g_pollable_input_stream_can_poll (get_base_input (input));
}

static gboolean
belfry_http_input_is_readable (GPollableInputStream *input)
{
  return g_pollable_input_stream_is_readable (get_base_input (input));
}

static GSource *
belfry_http_input_create_source (GPollableInputStream *input,
                                 GCancellable         *cancellable)
{
  BelfryHttpWatch *watch = BELFRY_HTTP_INPUT (input)->watch;

  /* libsoup's own covers use it as a child source, whose callback sees no stream. */
  if (watch != NULL && watch->poller != NULL && cancellable == NULL)
    return belfry_http_watch_create_source (watch, G_IO_IN);

  return g_pollable_input_stream_create_source (get_base_input (input), cancellable);
}

static gboolean
is_end (gssize        n_read,
        const GError *error)
{
  return n_read == 0 || (n_read < 0 && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK));
}

/* A socket that gave less than there was room for is empty. */
static void
note_read (BelfryHttpWatch *watch,
           gssize           n_read,
           gsize            room)
{
  if (n_read < (gssize) room && !watch->is_over)
    watch->is_readable = FALSE;
}

static gssize
belfry_http_input_read_nonblocking (GPollableInputStream  *input,
                                    void                  *buffer,
                                    gsize                  count,
                                    GError               **error)
{
  BelfryHttpInput *self = BELFRY_HTTP_INPUT (input);
  g_autoptr(GError) local_error = NULL;
  gssize n;

  if (self->is_over)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, "Closed between two requests");
      return -1;
    }

  n = g_pollable_input_stream_read_nonblocking (get_base_input (input), buffer, count, NULL, &local_error);
  if (self->watch != NULL)
    note_read (self->watch, n, count);
  if (self->is_idle && count >= strlen (no_request) && is_end (n, local_error))
    {
      self->is_over = TRUE;
      memcpy (buffer, no_request, strlen (no_request));
      return strlen (no_request);
    }

  if (local_error != NULL)
    g_propagate_error (error, g_steal_pointer (&local_error));
  return n;
}

static void
belfry_http_input_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->can_poll = belfry_http_input_can_poll;
  iface->is_readable = belfry_http_input_is_readable;
  iface->create_source = belfry_http_input_create_source;
  iface->read_nonblocking = belfry_http_input_read_nonblocking;
}

static void
belfry_http_input_finalize (GObject *object)
{
  g_clear_pointer (&BELFRY_HTTP_INPUT (object)->watch, belfry_http_watch_unref);

  G_OBJECT_CLASS (belfry_http_input_parent_class)->finalize (object);
}

static void
belfry_http_input_class_init (BelfryHttpInputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = belfry_http_input_finalize;
}

static void
belfry_http_input_init (BelfryHttpInput *self)
{
}

/* --- both together --- */

/* To be called before somebody else closes the descriptor or polls it. */
static void
stop_watching (BelfryHttpStream *self)
{
  if (self->watch != NULL)
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

static gboolean
belfry_http_stream_close (GIOStream     *stream,
                          GCancellable  *cancellable,
                          GError       **error)
{
  BelfryHttpStream *self = BELFRY_HTTP_STREAM (stream);

  /* Dropping the last reference closes the connection below in its own time. */
  if (self->base == NULL)
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

/* TLS reads ahead, so that its socket does not tell whether there is something to read. */
static void
start_watching (BelfryHttpStream *self,
                BelfryHttpPoller *poller)
{
  if (!G_IS_SOCKET_CONNECTION (self->base))
    return;

  self->watch = belfry_http_poller_watch (poller, g_socket_get_fd (g_socket_connection_get_socket (
                                            G_SOCKET_CONNECTION (self->base))));
  if (self->watch == NULL)
    return;

  BELFRY_HTTP_INPUT (self->input)->watch = belfry_http_watch_ref (self->watch);
  belfry_http_output_set_watch (BELFRY_HTTP_OUTPUT (self->output), self->watch);
}

GIOStream *
belfry_http_stream_new (GIOStream        *base,
                        BelfryHttpPoller *poller,
                        GBytes           *lines)
{
  BelfryHttpStream *self = g_object_new (BELFRY_TYPE_HTTP_STREAM, NULL);

  self->base = g_object_ref (base);
  self->input = g_object_new (BELFRY_TYPE_HTTP_INPUT, "base-stream", g_io_stream_get_input_stream (base),
                              "close-base-stream", FALSE, NULL);
  self->output = belfry_http_output_new (g_io_stream_get_output_stream (base), lines);
  start_watching (self, poller);
  return G_IO_STREAM (self);
}

void
belfry_http_stream_begin_request (BelfryHttpStream *self)
{
  BELFRY_HTTP_INPUT (self->input)->is_idle = FALSE;
  belfry_http_output_begin_response (BELFRY_HTTP_OUTPUT (self->output));
}

void
belfry_http_stream_end_request (BelfryHttpStream *self)
{
  BELFRY_HTTP_INPUT (self->input)->is_idle = TRUE;
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
  g_object_set_qdata_full (G_OBJECT (remote), stream_quark (), g_object_ref (self), g_object_unref);
}

BelfryHttpStream *
belfry_http_stream_find (GSocketAddress *remote)
{
  return remote != NULL ? g_object_get_qdata (G_OBJECT (remote), stream_quark ()) : NULL;
}
