/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-refusal-private.h"

#include "belfry-server-private.h"

/* More than these at a time are closed at once, the oldest first: each is a source that the main loop asks. */
#define MAX_LINGERING    256
#define LINGER_MAX_BYTES (4 * 1024 * 1024)
#define SCRATCH_BYTES    16384

/* RFC 6585 and 7231 came after the library's list. */
const char *
belfry_status_get_phrase (guint status)
{
  switch (status)
    {
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    default:
      return soup_status_get_phrase (status);
    }
}

/* What belongs to the body and to the connection is said anew. */
static void
append_header_line (const char *name,
                    const char *value,
                    gpointer    user_data)
{
  if (g_ascii_strncasecmp (name, "content-", strlen ("content-")) != 0
      || g_ascii_strcasecmp (name, "Content-Security-Policy") == 0)
    g_string_append_printf (user_data, "%s: %s\r\n", name, value);
}

GBytes *
belfry_refusal_format (SoupServerMessage *message,
                       guint              status,
                       const char        *detail)
{
  g_autoptr(GString) body = g_string_new ("{\"detail\": ");
  g_autoptr(GString) text = g_string_new (NULL);

  belfry_json_append_string (body, detail);
  g_string_append_c (body, '}');

  g_string_append_printf (text, "HTTP/1.1 %u %s\r\n", status, belfry_status_get_phrase (status));
  soup_message_headers_foreach (soup_server_message_get_response_headers (message), append_header_line, text);
  g_string_append_printf (text, "Content-Type: application/json\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n"
                          "Connection: close\r\n\r\n", body->len);
  if (soup_server_message_get_method (message) != SOUP_METHOD_HEAD)
    g_string_append_len (text, body->str, body->len);

  return g_string_free_to_bytes (g_steal_pointer (&text));
}

typedef struct
{
  GIOStream       *stream;     /* owned */
  GBytes          *answer;     /* owned */
  GCancellable    *cancellable;  /* owned; time is over, or the server ends */
  GCancellable    *stopping;   /* owned; may be NULL */
  gulong           stopping_id;
  BelfryHttpClock *clock;      /* owned reference */
  BelfryHttpTimer  timer;
  gsize            dropped;    /* bytes */
  guint8           scratch[SCRATCH_BYTES];
} Refusal;

static void drop_more (Refusal *refusal);

static void
on_stopping (GCancellable *stopping,
             GCancellable *cancellable)
{
  g_cancellable_cancel (cancellable);
}

static void
on_expired (BelfryHttpTimer *timer)
{
  Refusal *refusal = (Refusal *) ((char *) timer - G_STRUCT_OFFSET (Refusal, timer));

  g_cancellable_cancel (refusal->cancellable);
}

static void
finish (Refusal *refusal)
{
  if (refusal->stopping != NULL)
    g_cancellable_disconnect (refusal->stopping, refusal->stopping_id);
  belfry_http_clock_stop (refusal->clock, &refusal->timer);
  g_clear_pointer (&refusal->clock, belfry_http_clock_unref);
  g_io_stream_close_async (refusal->stream, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
  g_clear_object (&refusal->stream);
  g_clear_object (&refusal->cancellable);
  g_clear_object (&refusal->stopping);
  g_clear_pointer (&refusal->answer, g_bytes_unref);
  g_free (refusal);
}

static void
dropped_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  Refusal *refusal = user_data;
  gssize length = g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL);

  if (length > 0)
    refusal->dropped += length;
  if (length <= 0 || refusal->dropped > LINGER_MAX_BYTES)
    finish (refusal);
  else
    drop_more (refusal);
}

/* At the priority of everybody else: behind it a busy loop would never come to see that a client has gone, and clients over their
 * limit would pile up. */
static void
drop_more (Refusal *refusal)
{
  g_input_stream_read_async (g_io_stream_get_input_stream (refusal->stream), refusal->scratch, SCRATCH_BYTES,
                             G_PRIORITY_DEFAULT, refusal->cancellable, dropped_cb, refusal);
}

/* The wrapper that libsoup hands out hides the connection below one property. */
static void
shut_down_output (GIOStream *stream)
{
  g_autoptr(GIOStream) base = NULL;

  if (g_object_class_find_property (G_OBJECT_GET_CLASS (stream), "base-iostream") != NULL)
    g_object_get (stream, "base-iostream", &base, NULL);
  else
    base = g_object_ref (stream);
  if (G_IS_SOCKET_CONNECTION (base))
    g_socket_shutdown (g_socket_connection_get_socket (G_SOCKET_CONNECTION (base)), FALSE, TRUE, NULL);
  else if (G_IS_TLS_CONNECTION (base))
    /* TLS has a farewell of its own; whether it arrived interests nobody. */
    g_output_stream_close_async (g_io_stream_get_output_stream (base), G_PRIORITY_DEFAULT, NULL, NULL, NULL);
}

static void
answered_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  Refusal *refusal = user_data;

  if (!g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL))
    {
      finish (refusal);
      return;
    }

  shut_down_output (refusal->stream);
  drop_more (refusal);
}

void
belfry_answer_and_close (GIOStream       *stream,
                         GBytes          *answer,
                         BelfryHttpClock *clock,
                         GCancellable    *stopping)
{
  Refusal *refusal = g_new0 (Refusal, 1);

  refusal->answer = g_bytes_ref (answer);
  refusal->stream = g_object_ref (stream);
  refusal->cancellable = g_cancellable_new ();
  refusal->stopping = stopping != NULL ? g_object_ref (stopping) : NULL;
  if (stopping != NULL)
    refusal->stopping_id = g_cancellable_connect (stopping, G_CALLBACK (on_stopping), refusal->cancellable, NULL);
  refusal->clock = belfry_http_clock_ref (clock);
  refusal->timer.expired = on_expired;
  if (belfry_http_clock_count (clock, BELFRY_HTTP_PHASE_LINGER) >= MAX_LINGERING)
    belfry_http_clock_make_room (clock, BELFRY_HTTP_PHASE_LINGER);
  belfry_http_clock_start (clock, &refusal->timer, BELFRY_HTTP_PHASE_LINGER);

  g_output_stream_write_all_async (g_io_stream_get_output_stream (refusal->stream),
                                   g_bytes_get_data (refusal->answer, NULL),
                                   g_bytes_get_size (refusal->answer), G_PRIORITY_DEFAULT, refusal->cancellable,
                                   answered_cb, refusal);
}

void
belfry_refuse_and_close (BelfryRequest *request,
                         guint          status,
                         const char    *detail)
{
  BelfryServer *server = belfry_request_get_server (request);
  g_autoptr(GBytes) answer = belfry_request_format_refusal (request, status, detail);
  g_autoptr(GIOStream) stream = belfry_request_steal_connection (request);

  belfry_answer_and_close (stream, answer, belfry_server_get_clock (server), belfry_server_get_stopping (server));
}

void
belfry_refuse (BelfryRequest *request,
               guint          status,
               const char    *detail)
{
  /* What the client still sends of its body would be kept, and be the next request to the parser. */
  if (belfry_request_has_body (request))
    belfry_refuse_and_close (request, status, detail);
  else
    belfry_request_respond_detail (request, status, detail);
}
