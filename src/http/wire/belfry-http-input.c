/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-http-input-private.h"

#include <string.h>

/* Between the connection and libsoup stands the guard: what it lets through is read on, and what it refuses
 * is answered once libsoup asks for more, which means that all before is answered. The clock sees to it that
 * a request that was begun comes to its end; a limit that is over is a refusal too. As libsoup reads for as
 * long as there is something, it is told from time to time that there is nothing, and comes again in the
 * next turn of the main loop: the other connections have theirs in between.
 *
 * libsoup 3.2 has a gap: when a client closes a connection that rests between two requests, the message
 * that waits there ends without anybody being told, and the connection, its descriptor and its memory stay
 * for good. A message of which a first line was read ends properly. So the end of a resting connection is
 * reported as a line that begins no request, and then as an error (a mere end would be answered with 400);
 * libsoup lets go of it without a word. */

static const char no_request[] = "!\n";

/* In place of the status of a refusal. */
#define END_QUIETLY 1

#define MAX_TURN_BYTES 65536

struct _BelfryHttpInput
{
  GFilterInputStream parent_instance;

  BelfryHttpWatch     *watch;      /* owned reference; one without a descriptor when the connection is polled by itself */
  BelfryHttpClock     *clock;      /* owned reference */
  BelfryHttpTimer      timer;      /* of idling, heads and bodies */
  BelfryRequestGuard   guard;
  BelfryHttpRefuseFunc func;       /* NULL: nobody to tell */
  BelfryHttpApartFunc  apart_func; /* NULL: libsoup gets everything */
  gpointer             user_data;
  GByteArray          *held;       /* owned; what came behind a request that wants to leave HTTP, or NULL */
  guint64              n_answered;
  gsize                n_in_turn;  /* bytes read since somebody last waited for more */
  gint64               body_usec;  /* when the body at hand began; 0 when there is none */
  guint64              body_of;    /* n_ended of the guard then */
  guint                ending;     /* 0, END_QUIETLY, or the status of a refusal that is due */
  gboolean             is_idle;
  gboolean             is_over;    /* libsoup has been told the end, or is about to be */
  gboolean             is_released;
  gboolean             is_apart;   /* a request is served without libsoup */
  gboolean             has_more;   /* something came meanwhile */
};

static void belfry_http_input_pollable_init (GPollableInputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (BelfryHttpInput, belfry_http_input, G_TYPE_FILTER_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM, belfry_http_input_pollable_init))

static GPollableInputStream *
get_base_input (GPollableInputStream *input)
{
  return G_POLLABLE_INPUT_STREAM (g_filter_input_stream_get_base_stream (G_FILTER_INPUT_STREAM (input)));
}

/* Whether a read has something to say of which the connection knows nothing. */
static gboolean
has_news (BelfryHttpInput *self)
{
  return self->held != NULL || self->ending != 0 || self->is_over;
}

static gboolean
belfry_http_input_can_poll (GPollableInputStream *input)
{
  return g_pollable_input_stream_can_poll (get_base_input (input));
}

static gboolean
belfry_http_input_is_readable (GPollableInputStream *input)
{
  return has_news (BELFRY_HTTP_INPUT (input)) || g_pollable_input_stream_is_readable (get_base_input (input));
}

static GSource *
belfry_http_input_create_source (GPollableInputStream *input,
                                 GCancellable         *cancellable)
{
  BelfryHttpInput *self = BELFRY_HTTP_INPUT (input);
  GSource *source, *base;

  self->n_in_turn = 0;
  if (has_news (self))
    self->watch->is_readable = TRUE;
  /* libsoup's own covers use it as a child source, whose callback sees no stream. */
  if (self->watch->poller != NULL && cancellable == NULL)
    return belfry_http_watch_create_source (self->watch, G_IO_IN);

  base = g_pollable_input_stream_create_source (get_base_input (input), cancellable);
  if (self->is_released)
    return base;

  source = belfry_http_watch_create_source (self->watch, G_IO_IN);
  g_source_set_dummy_callback (base);
  g_source_add_child_source (source, base);
  g_source_unref (base);
  return source;
}

/* libsoup waits for this source, or comes here by itself when it is done with what it has. */
static void
wake (BelfryHttpInput *self)
{
  self->watch->is_readable = TRUE;
}

/* A socket that gave less than there was room for is empty. */
static void
note_read (BelfryHttpInput *self,
           gssize           n_read,
           gsize            room)
{
  if (n_read < (gssize) room && !self->watch->is_over)
    self->watch->is_readable = FALSE;
}

static gboolean
is_end (gssize        n_read,
        const GError *error)
{
  return n_read == 0 || (n_read < 0 && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK));
}

/* The line that begins no request, where one is needed. */
static gssize
end_connection (BelfryHttpInput  *self,
                void             *buffer,
                gsize             count,
                GError          **error)
{
  gboolean was_idle = self->is_idle && !self->is_over;

  self->is_over = TRUE;
  wake (self);
  belfry_http_clock_stop (self->clock, &self->timer);
  if (was_idle && count >= strlen (no_request))
    {
      memcpy (buffer, no_request, strlen (no_request));
      return strlen (no_request);
    }

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, "Closed between two requests");
  return -1;
}

static gssize
refuse (BelfryHttpInput  *self,
        void             *buffer,
        gsize             count,
        GError          **error)
{
  guint status = self->ending;

  self->ending = 0;
  if (status != END_QUIETLY && self->func != NULL)
    self->func (self->user_data, status, &self->guard);

  return end_connection (self, buffer, count, error);
}

/* A request whose answer is awaited has no limit here. */
static void
update_timer (BelfryHttpInput *self)
{
  gboolean rests = belfry_request_guard_rests (&self->guard);

  if (rests || belfry_request_guard_is_in_head (&self->guard))
    self->body_usec = 0;
  else if (self->body_usec == 0 || self->body_of != self->guard.n_ended)
    {
      self->body_usec = belfry_http_clock_get_now (self->clock);
      self->body_of = self->guard.n_ended;
    }

  if (self->guard.n_ended > self->n_answered || self->ending != 0 || self->is_over)
    belfry_http_clock_stop (self->clock, &self->timer);
  else if (rests)
    belfry_http_clock_start (self->clock, &self->timer, BELFRY_HTTP_PHASE_IDLE);
  else if (!belfry_request_guard_is_in_head (&self->guard))
    belfry_http_clock_start (self->clock, &self->timer, BELFRY_HTTP_PHASE_BODY);
  else if (self->timer.phase != BELFRY_HTTP_PHASE_HEAD)
    belfry_http_clock_start (self->clock, &self->timer, BELFRY_HTTP_PHASE_HEAD);
}

static gboolean
is_body_late (BelfryHttpInput *self)
{
  gint64 limit_usec = belfry_http_clock_get_body_limit (self->clock);

  return limit_usec > 0 && self->body_usec != 0
         && belfry_http_clock_get_now (self->clock) - self->body_usec > limit_usec;
}

static void
hold (BelfryHttpInput *self,
      const guint8    *bytes,
      gsize            length)
{
  if (self->held == NULL)
    self->held = g_byte_array_new ();
  g_byte_array_prepend (self->held, bytes, length);
}

/* Gives how much of the buffer is for libsoup. */
static gsize
guard_bytes (BelfryHttpInput *self,
             guint8          *buffer,
             gsize            length)
{
  gsize consumed;
  gsize through = belfry_request_guard_feed (&self->guard, buffer, length, &consumed);

  if (consumed < length && self->guard.status == 0)
    hold (self, buffer + consumed, length - consumed);
  self->ending = self->guard.status;
  update_timer (self);
  if (is_body_late (self))
    {
      belfry_http_clock_get_tally (self->clock)->timeouts++;
      belfry_http_clock_stop (self->clock, &self->timer);
      self->ending = 408;
    }
  return through;
}

static gsize
take_held (BelfryHttpInput *self,
           guint8          *buffer,
           gsize            count)
{
  gsize n = MIN (count, self->held->len);

  memcpy (buffer, self->held->data, n);
  g_byte_array_remove_range (self->held, 0, n);
  if (self->held->len == 0)
    g_clear_pointer (&self->held, g_byte_array_unref);
  return n;
}

static gssize
read_base (BelfryHttpInput  *self,
           void             *buffer,
           gsize             count,
           GError          **error)
{
  GPollableInputStream *base = get_base_input (G_POLLABLE_INPUT_STREAM (self));
  gssize n;

  if (self->held != NULL)
    return take_held (self, buffer, count);

  n = g_pollable_input_stream_read_nonblocking (base, buffer, count, NULL, error);
  note_read (self, n, count);
  return n;
}

/* TRUE when nothing is left for libsoup. rested: no part of a request had come before. */
static gboolean
serve_apart (BelfryHttpInput *self,
             gboolean         rested,
             guint64          n_ended,
             const guint8    *buffer,
             gsize            length)
{
  if (self->apart_func == NULL || !self->is_idle || !rested || self->guard.n_ended != n_ended + 1 || self->held != NULL
      || self->ending != 0 || !belfry_request_guard_rests (&self->guard))
    return FALSE;

  self->is_apart = TRUE;
  if (self->apart_func (self->user_data, buffer, length))
    return TRUE;

  self->is_apart = FALSE;
  return FALSE;
}

static gssize
report_empty (const char  *reason,
              GError     **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, reason);
  return -1;
}

static gssize
read_guarded (BelfryHttpInput  *self,
              void             *buffer,
              gsize             count,
              GError          **error)
{
  g_autoptr(GError) local_error = NULL;
  gssize n;

  /* Of what is left out libsoup learns nothing. While something is held it does not read. */
  do
    {
      gboolean rested = belfry_request_guard_rests (&self->guard) && self->held == NULL;
      guint64 n_ended = self->guard.n_ended;
      gssize n_read;

      n = n_read = read_base (self, buffer, count, &local_error);
      if (self->is_idle && is_end (n, local_error))
        return end_connection (self, buffer, count, error);
      if (n <= 0)
        break;

      self->n_in_turn += n;
      n = guard_bytes (self, buffer, n);
      if (n == 0 && self->ending != 0)
        return refuse (self, buffer, count, error);
      if (n == n_read && serve_apart (self, rested, n_ended, buffer, n))
        return report_empty ("Served apart", error);
    }
  while (n == 0);

  if (local_error != NULL)
    g_propagate_error (error, g_steal_pointer (&local_error));
  return n;
}

/* The source that is waited with is ready at once. */
static gssize
end_turn (BelfryHttpInput  *self,
          GError          **error)
{
  wake (self);
  return report_empty ("Others have their turn", error);
}

/* What comes while a request is served apart waits for its answer. */
static gssize
put_off (BelfryHttpInput  *self,
         GError          **error)
{
  self->has_more = TRUE;
  self->watch->is_readable = FALSE;
  return report_empty ("A request is in work", error);
}

static gssize
belfry_http_input_read_nonblocking (GPollableInputStream  *input,
                                    void                  *buffer,
                                    gsize                  count,
                                    GError               **error)
{
  BelfryHttpInput *self = BELFRY_HTTP_INPUT (input);

  if (self->is_released)
    return read_base (self, buffer, count, error);
  if (self->is_apart)
    return put_off (self, error);
  if (self->ending != 0)
    return refuse (self, buffer, count, error);
  if (self->is_over)
    return end_connection (self, buffer, count, error);
  if (self->n_in_turn >= MAX_TURN_BYTES)
    return end_turn (self, error);

  return read_guarded (self, buffer, count, error);
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
  BelfryHttpInput *self = BELFRY_HTTP_INPUT (object);

  belfry_http_clock_stop (self->clock, &self->timer);
  belfry_request_guard_clear (&self->guard);
  g_clear_pointer (&self->held, g_byte_array_unref);
  g_clear_pointer (&self->clock, belfry_http_clock_unref);
  g_clear_pointer (&self->watch, belfry_http_watch_unref);

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

static void
on_expired (BelfryHttpTimer *timer)
{
  BelfryHttpInput *self = (BelfryHttpInput *) ((char *) timer - G_STRUCT_OFFSET (BelfryHttpInput, timer));

  self->ending = belfry_request_guard_rests (&self->guard) ? END_QUIETLY : 408;
  wake (self);
}

GInputStream *
belfry_http_input_new (GInputStream        *base,
                       BelfryHttpWatch     *watch,
                       BelfryHttpClock     *clock,
                       BelfryHttpRefuseFunc func,
                       gpointer             user_data)
{
  BelfryHttpInput *self = g_object_new (BELFRY_TYPE_HTTP_INPUT, "base-stream", base, "close-base-stream", FALSE, NULL);

  self->watch = belfry_http_watch_ref (watch);
  self->clock = belfry_http_clock_ref (clock);
  self->func = func;
  self->user_data = user_data;
  self->timer.expired = on_expired;
  update_timer (self);
  return G_INPUT_STREAM (self);
}

void
belfry_http_input_begin_request (BelfryHttpInput *self)
{
  self->is_idle = FALSE;
}

void
belfry_http_input_end_request (BelfryHttpInput *self)
{
  self->is_idle = TRUE;
  self->n_answered++;
  if (self->is_released)
    return;

  belfry_request_guard_resume (&self->guard);
  update_timer (self);
}

void
belfry_http_input_set_apart_func (BelfryHttpInput     *self,
                                  BelfryHttpApartFunc  func)
{
  self->apart_func = func;
}

void
belfry_http_input_end_apart (BelfryHttpInput *self,
                             gboolean         closes)
{
  g_assert (self->is_apart);

  self->is_apart = FALSE;
  self->n_answered++;
  if (closes)
    self->ending = END_QUIETLY;
  if (self->has_more || closes)
    wake (self);
  self->has_more = FALSE;
  update_timer (self);
}

void
belfry_http_input_release (BelfryHttpInput *self)
{
  self->is_released = TRUE;
  belfry_http_clock_stop (self->clock, &self->timer);
  belfry_request_guard_clear (&self->guard);
}

gboolean
belfry_http_input_awaits_more (BelfryHttpInput *self)
{
  return !self->is_released && !self->is_over && !belfry_request_guard_rests (&self->guard);
}

void
belfry_http_input_disconnect (BelfryHttpInput *self)
{
  self->func = NULL;
}
