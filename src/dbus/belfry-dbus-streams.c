/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* Events wait in the engine's mailbox, or in the log; here only what a pipe did not take of the last piece.
 *
 * A subscriber with something to give puts its stream on the list of those to be served. In the next turn of the loop each of them
 * fills the one buffer that all share and writes it; who has more waits for the others of the loop. When a pipe is full the rest
 * is kept, its descriptor is watched for room, and nothing is popped until there is some. One epoll descriptor stands for all
 * pipes: it also tells of readers that are gone, at once and without a write. */

#include "belfry-dbus-streams-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "belfry-cursor-private.h"
#include "belfry-dbus-error-private.h"
#include "belfry-event-private.h"
#include "belfry-session-message-private.h"
#include "belfry-subscriber-private.h"
#include "belfry-turn-source-private.h"

#define PIECE_BYTES         (64 * 1024)  /* what a pipe holds */
#define SCARCE_PIECE_BYTES  4096
#define PIECES_PER_TURN     4
#define MAX_EVENTS_PER_TURN 64

struct _BelfryDBusStreams
{
  int         epoll_fd;
  GSource    *io_source;
  GSource    *turn_source;
  GQueue      all;      /* owned Stream */
  GQueue      due;      /* unowned; to be served in the next turn */
  GHashTable *by_user;  /* uid → count */
  GByteArray *piece;    /* what is written next; means nothing between two streams */
  gsize       largest;  /* piece of this turn */

  BelfryDBusStreamTally tally;
};

typedef struct
{
  BelfryDBusStreams *set;
  BelfrySubscriber  *subscriber;    /* owned */
  gulong             cancelled_id;
  char              *caller;        /* bus name */
  guint32            user;
  guint64            log_id;
  int                fd;            /* the writing end */
  GByteArray        *rest;          /* owned; what the pipe did not take, NULL when nothing */
  GList              link;          /* in all */
  GList              due_link;      /* in due when is_due */
  gboolean           is_due;
  gboolean           is_blocked;
  gboolean           with_cursors;
} Stream;

typedef struct
{
  GSource            source;
  BelfryDBusStreams *set;  /* unowned; the set destroys its sources */
  gpointer           tag;
} IoSource;

static void
watch (Stream  *self,
       int      operation,
       guint32  events)
{
  struct epoll_event event = { .events = events, .data.ptr = self };

  if (epoll_ctl (self->set->epoll_fd, operation, self->fd, &event) != 0)
    g_warning ("A pipe cannot be watched: %s", g_strerror (errno));
}

static void
mark_due (Stream *self)
{
  if (self->is_due || self->is_blocked)
    return;

  self->is_due = TRUE;
  g_queue_push_tail_link (&self->set->due, &self->due_link);
  belfry_turn_source_arm (self->set->turn_source);
}

static void
count_user (BelfryDBusStreams *self,
            guint32            user,
            int                change)
{
  guint count = belfry_dbus_streams_count_user (self, user) + change;

  if (count == 0)
    g_hash_table_remove (self->by_user, GUINT_TO_POINTER (user));
  else
    g_hash_table_insert (self->by_user, GUINT_TO_POINTER (user), GUINT_TO_POINTER (count));
}

static void
end_stream (Stream *self)
{
  BelfryDBusStreams *set = self->set;

  g_clear_signal_handler (&self->cancelled_id, self->subscriber);
  belfry_subscriber_set_held (self->subscriber, 0);
  belfry_subscriber_set_ready_func (self->subscriber, NULL, NULL);
  belfry_subscriber_cancel (self->subscriber);
  g_clear_object (&self->subscriber);

  if (self->is_due)
    g_queue_unlink (&set->due, &self->due_link);
  g_queue_unlink (&set->all, &self->link);
  count_user (set, self->user, -1);
  /* A descriptor shared with another process would stay watched after its close. */
  (void) epoll_ctl (set->epoll_fd, EPOLL_CTL_DEL, self->fd, NULL);
  close (self->fd);
  g_clear_pointer (&self->rest, g_byte_array_unref);
  g_free (self->caller);
  g_free (self);
}

static void
on_ready (BelfrySubscriber *subscriber,
          gpointer          user_data)
{
  mark_due (user_data);
}

static void
on_cancelled (BelfrySubscriber *subscriber,
              gpointer          user_data)
{
  end_stream (user_data);
}

/* --- what is written --- */

static void
add_text (GByteArray *piece,
          const char *text,
          gsize       length)
{
  g_byte_array_append (piece, (const guint8 *) text, length);
}

static void
add_event (Stream      *self,
           GByteArray  *piece,
           BelfryEvent *event)
{
  gsize length;
  /* Compact: there is no line break in it. */
  const char *json = belfry_event_peek_json (event, &length);

  if (self->with_cursors)
    {
      char cursor[BELFRY_CURSOR_TEXT_LENGTH + 1];

      belfry_cursor_write (self->log_id, belfry_event_get_position (event), cursor);
      add_text (piece, json, length - 1);
      add_text (piece, ",\"cursor\":\"", strlen (",\"cursor\":\""));
      add_text (piece, cursor, BELFRY_CURSOR_TEXT_LENGTH);
      add_text (piece, "\"}\n", strlen ("\"}\n"));
    }
  else
    {
      add_text (piece, json, length);
      add_text (piece, "\n", 1);
    }
  self->set->tally.delivered++;
}

static void
add_gap (GByteArray      *piece,
         const BelfryGap *gap)
{
  GString *text = belfry_message_new_gap (gap);

  add_text (piece, text->str, text->len);
  add_text (piece, "\n", 1);
  g_string_free (text, TRUE);
}

/* FALSE when nothing waits. */
static gboolean
fill_piece (Stream     *self,
            GByteArray *piece)
{
  gsize limit = belfry_subscriber_is_memory_scarce (self->subscriber) ? SCARCE_PIECE_BYTES : PIECE_BYTES;
  BelfryDelivery delivery;

  while (piece->len < limit)
    {
      switch (belfry_subscriber_pop (self->subscriber, &delivery))
        {
        case BELFRY_DELIVERY_EVENT:
          add_event (self, piece, delivery.event);
          belfry_event_unref (delivery.event);
          break;
        case BELFRY_DELIVERY_GAP:
          add_gap (piece, &delivery.gap);
          break;
        case BELFRY_DELIVERY_FILTER: /* nobody changes the filter of a stream */
          break;
        case BELFRY_DELIVERY_NONE:
        default:
          return piece->len > 0;
        }
    }

  return TRUE;
}

/* How much the pipe took of it, or -1 when there is no reader any more. */
static gssize
write_piece (Stream           *self,
             const GByteArray *piece)
{
  gsize written = 0;

  while (written < piece->len)
    {
      gssize n = write (self->fd, piece->data + written, piece->len - written);

      if (n >= 0)
        written += n;
      else if (errno == EAGAIN)
        break;
      else if (errno != EINTR)
        return -1;
    }

  return written;
}

static void
block (Stream *self)
{
  self->is_blocked = TRUE;
  belfry_subscriber_set_held (self->subscriber, self->rest->len);
  watch (self, EPOLL_CTL_MOD, EPOLLOUT);
}

/* FALSE when it has ended, or waits for room. */
static gboolean
send_rest (Stream *self)
{
  gssize written;

  if (self->rest == NULL)
    return TRUE;

  written = write_piece (self, self->rest);
  if (written < 0)
    {
      end_stream (self);
      return FALSE;
    }
  g_byte_array_remove_range (self->rest, 0, written);
  if (self->rest->len > 0)
    {
      block (self);
      return FALSE;
    }

  g_clear_pointer (&self->rest, g_byte_array_unref);
  belfry_subscriber_set_held (self->subscriber, 0);
  return TRUE;
}

static gboolean
send_piece (Stream     *self,
            GByteArray *piece)
{
  gssize written = write_piece (self, piece);

  if (written < 0)
    {
      end_stream (self);
      return FALSE;
    }
  if ((gsize) written == piece->len)
    return TRUE;

  self->rest = g_byte_array_sized_new (piece->len - written);
  g_byte_array_append (self->rest, piece->data + written, piece->len - written);
  block (self);
  return FALSE;
}

static void
serve (Stream     *self,
       GByteArray *piece)
{
  if (!send_rest (self))
    return;

  for (guint i = 0; i < PIECES_PER_TURN; i++)
    {
      g_byte_array_set_size (piece, 0);
      if (!fill_piece (self, piece))
        return;
      self->set->largest = MAX (self->set->largest, piece->len);
      if (!send_piece (self, piece))
        return;
    }
  mark_due (self);
}

static gboolean
on_turn (gpointer user_data)
{
  BelfryDBusStreams *self = user_data;
  guint n_due = self->due.length;

  self->largest = 0;
  for (guint i = 0; i < n_due && self->due.length > 0; i++)
    {
      Stream *stream = g_queue_pop_head_link (&self->due)->data;

      stream->is_due = FALSE;
      serve (stream, self->piece);
    }

  /* One huge event must not stay for ever as the size of the buffer. */
  if (self->largest > 2 * PIECE_BYTES)
    {
      g_byte_array_unref (self->piece);
      self->piece = g_byte_array_sized_new (PIECE_BYTES);
    }
  return G_SOURCE_CONTINUE;
}

/* --- descriptors --- */

static gboolean
io_source_prepare (GSource *source,
                   int     *timeout)
{
  *timeout = -1;
  return FALSE;
}

static gboolean
io_source_check (GSource *source)
{
  return g_source_query_unix_fd (source, ((IoSource *) source)->tag) != 0;
}

static gboolean
io_source_dispatch (GSource    *source,
                    GSourceFunc callback,
                    gpointer    user_data)
{
  BelfryDBusStreams *set = ((IoSource *) source)->set;
  struct epoll_event events[MAX_EVENTS_PER_TURN];
  int n_events = epoll_wait (set->epoll_fd, events, MAX_EVENTS_PER_TURN, 0);

  for (int i = 0; i < n_events; i++)
    {
      Stream *stream = events[i].data.ptr;

      if ((events[i].events & (EPOLLERR | EPOLLHUP)) != 0)
        {
          end_stream (stream);
        }
      else if (stream->is_blocked)
        {
          stream->is_blocked = FALSE;
          watch (stream, EPOLL_CTL_MOD, 0);
          mark_due (stream);
        }
    }

  return G_SOURCE_CONTINUE;
}

static GSourceFuncs io_source_funcs = {
  .prepare = io_source_prepare,
  .check = io_source_check,
  .dispatch = io_source_dispatch,
};

/* --- life --- */

BelfryDBusStreams *
belfry_dbus_streams_new (void)
{
  BelfryDBusStreams *self = g_new0 (BelfryDBusStreams, 1);
  g_autoptr(GMainContext) context = g_main_context_ref_thread_default ();

  self->by_user = g_hash_table_new (NULL, NULL);
  self->piece = g_byte_array_sized_new (PIECE_BYTES);
  self->turn_source = belfry_turn_source_new (context, "belfry dbus streams", on_turn, self);
  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (self->epoll_fd < 0)
    {
      /* Such a set opens no stream, as a process without a free descriptor must. */
      g_warning ("No descriptor for the streams: %s", g_strerror (errno));
      return self;
    }

  self->io_source = g_source_new (&io_source_funcs, sizeof (IoSource));
  g_source_set_static_name (self->io_source, "belfry dbus pipes");
  ((IoSource *) self->io_source)->set = self;
  ((IoSource *) self->io_source)->tag = g_source_add_unix_fd (self->io_source, self->epoll_fd, G_IO_IN);
  g_source_attach (self->io_source, context);
  return self;
}

void
belfry_dbus_streams_end_all (BelfryDBusStreams *self)
{
  while (self->all.head != NULL)
    end_stream (self->all.head->data);
}

void
belfry_dbus_streams_free (BelfryDBusStreams *self)
{
  belfry_dbus_streams_end_all (self);
  belfry_turn_source_clear (&self->turn_source);
  if (self->io_source != NULL)
    g_source_destroy (self->io_source);
  g_clear_pointer (&self->io_source, g_source_unref);
  if (self->epoll_fd >= 0)
    close (self->epoll_fd);
  g_clear_pointer (&self->by_user, g_hash_table_unref);
  g_clear_pointer (&self->piece, g_byte_array_unref);
  g_free (self);
}

int
belfry_dbus_streams_open (BelfryDBusStreams  *self,
                          BelfrySubscriber   *subscriber,
                          const char         *caller,
                          guint32             user,
                          gboolean            with_cursors,
                          GError            **error)
{
  g_autoptr(BelfryCursor) cursor = belfry_subscriber_dup_cursor (subscriber);
  int fds[2];
  Stream *stream;

  /* Only our end is non-blocking: the other one is whatever the reader makes of it. */
  if (self->epoll_fd < 0 || !g_unix_open_pipe (fds, FD_CLOEXEC, NULL))
    {
      g_set_error_literal (error, BELFRY_DBUS_ERROR, BELFRY_DBUS_ERROR_UNAVAILABLE, "No descriptors left");
      return -1;
    }
  (void) g_unix_set_fd_nonblocking (fds[1], TRUE, NULL);

  stream = g_new0 (Stream, 1);
  stream->set = self;
  stream->subscriber = g_object_ref (subscriber);
  stream->caller = g_strdup (caller);
  stream->user = user;
  stream->log_id = cursor->log_id;
  stream->fd = fds[1];
  stream->with_cursors = with_cursors;
  stream->link.data = stream;
  stream->due_link.data = stream;
  g_queue_push_tail_link (&self->all, &stream->link);
  count_user (self, user, 1);
  watch (stream, EPOLL_CTL_ADD, 0);
  self->tally.opened++;

  stream->cancelled_id = g_signal_connect (subscriber, "cancelled", G_CALLBACK (on_cancelled), stream);
  belfry_subscriber_set_ready_func (subscriber, on_ready, stream);
  mark_due (stream);
  return fds[0];
}

guint
belfry_dbus_streams_get_n_open (BelfryDBusStreams *self)
{
  return self->all.length;
}

guint
belfry_dbus_streams_count_user (BelfryDBusStreams *self,
                                guint32            user)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (self->by_user, GUINT_TO_POINTER (user)));
}

const BelfryDBusStreamTally *
belfry_dbus_streams_get_tally (BelfryDBusStreams *self)
{
  return &self->tally;
}

void
belfry_dbus_streams_foreach (BelfryDBusStreams    *self,
                             BelfryDBusStreamFunc  func,
                             gpointer              user_data)
{
  for (GList *l = self->all.head; l != NULL; l = l->next)
    {
      Stream *stream = l->data;

      func (stream->subscriber, stream->caller, user_data);
    }
}
