/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* A session is one client on a taken connection.
 *
 * Out: answers gather in the outbox, events wait in the mailbox of the engine. Once a loop turn the set flushes each session
 * that has something: the outbox and as many events as one batch holds go out in one call. What the kernel does not take
 * stays as the batch in flight, and nothing more is asked for until it has left: so a reader that does not read costs one
 * batch here, its bounded mailbox there, and no more. The router counts these batches together with what it reads from the
 * log; while that is much, batches are small.
 *
 * In: one read a turn, into memory that all sessions share. The subclass may stop in the middle of it; the rest is kept and
 * offered again. While answers pile up, or enough is being worked on, the session does not read at all, and TCP tells
 * the peer to wait.
 *
 * The end: finish() sends what waits, ends the own side and reads until the peer ends its side, for a short while, because
 * closing a socket with unread bytes in it would destroy what is still on its way to the peer. */

#include "belfry-session-class-private.h"

#include "belfry-request-log-private.h"
#include "belfry-tcp-progress-private.h"

#include <string.h>
#include <sys/epoll.h>

/* Answers that may wait before the session stops reading, and how few must be left before it goes on. */
#define OUTBOX_PAUSE_BYTES  (256 * 1024)
#define OUTBOX_RESUME_BYTES (64 * 1024)

/* How long the peer may take to end its side after we ended ours; and before that, how long it may take nothing. */
#define FINISH_USEC (2 * G_USEC_PER_SEC)
/* How long it may go on taking what waits, and when the server goes down. */
#define LAST_BATCH_USEC      (10 * G_USEC_PER_SEC)
#define SHUT_DOWN_BATCH_USEC (5 * G_USEC_PER_SEC)

G_DEFINE_ABSTRACT_TYPE (BelfrySession, belfry_session, G_TYPE_OBJECT)

static void
update_watch (BelfrySession *self)
{
  guint32 wanted = 0;

  if (self->set == NULL)
    return;
  if (self->pauses == 0 || self->is_finishing)
    wanted |= EPOLLIN;
  if (self->is_blocked)
    wanted |= EPOLLOUT;
  if (wanted == self->watched)
    return;
  self->watched = wanted;
  belfry_session_set_watch (self->set, self);
}

/* How long a peer may take nothing of what waits for it, and say nothing, before it counts as gone. */
static gint64
stall_limit_usec (BelfrySessionSet *set)
{
  const BelfrySessionLimits *limits = belfry_session_set_get_limits (set);

  return limits->keepalive_usec + limits->pong_timeout_usec;
}

/* The kernel's own limit, TCP_USER_TIMEOUT, is of no use here: it also ends a peer that lives and answers all probes, but
 * whose window opens seldom, as that of a slow reader does. So what the peer acknowledges counts. A peer that is heard lives
 * too: between two acknowledgements lies half of a receive buffer, which may be large. */
static void
note_progress (BelfrySession *self,
               gint64         now_usec)
{
  BelfryTcpProgress progress;

  if (!belfry_tcp_progress_look (&progress, self->connection.fd))
    {
      /* Nothing to see but whether the kernel takes more. */
      if (!self->is_blocked || self->has_taken)
        self->progress_usec = now_usec;
      self->has_taken = FALSE;
      return;
    }
  if (progress.acknowledged != self->acknowledged && (self->is_blocked || progress.is_held_up))
    self->slow_usec = now_usec;
  if (progress.acknowledged != self->acknowledged || !progress.is_owed)
    self->progress_usec = now_usec;
  self->acknowledged = progress.acknowledged;
}

static void
tell (BelfrySession *self,
      const char    *what)
{
  g_debug ("%s %s, %s%s%s", BELFRY_SESSION_GET_CLASS (self)->path, what, self->address != NULL ? self->address : "not counted",
           self->grant != NULL ? ", key " : "", self->grant != NULL ? self->grant->name : "");
}

void
belfry_session_start (BelfrySession    *self,
                      BelfrySessionSet *set,
                      GIOStream        *stream,
                      const char       *address,
                      BelfryGrant      *grant)
{
  if (!belfry_connection_init (&self->connection, stream))
    {
      g_warning ("A taken connection has no socket; it is dropped");
      g_object_unref (self);
      return;
    }
  self->address = g_strdup (address);
  self->grant = grant != NULL ? belfry_grant_ref (grant) : NULL;
  self->heard_usec = g_get_monotonic_time ();
  self->progress_usec = self->heard_usec;
  self->watched = EPOLLIN;
  if (!belfry_session_set_add (set, self))
    {
      belfry_connection_close (&self->connection);
      g_object_unref (self);
      return;
    }
  self->set = set;
  if (BELFRY_TELLS_REQUESTS ())
    tell (self, "begins");
  if (self->connection.may_hold_more)
    belfry_session_set_add_again (set, self);
}

GByteArray *
belfry_session_ensure_outbox (BelfrySession *self)
{
  if (self->outbox == NULL)
    self->outbox = g_byte_array_new ();
  return self->outbox;
}

void
belfry_session_queued (BelfrySession *self)
{
  if (self->outbox != NULL && self->outbox->len > OUTBOX_PAUSE_BYTES)
    belfry_session_pause (self, BELFRY_PAUSE_OUTBOX);
  belfry_session_mark_dirty (self);
}

void
belfry_session_mark_dirty (BelfrySession *self)
{
  /* A blocked session is woken by its descriptor. */
  if (self->is_dirty || self->is_blocked || self->set == NULL)
    return;
  belfry_session_set_add_dirty (self->set, self);
}

void
belfry_session_pause (BelfrySession *self,
                      BelfryPause    reason)
{
  self->pauses |= reason;
  update_watch (self);
}

void
belfry_session_resume (BelfrySession *self,
                       BelfryPause    reason)
{
  if ((self->pauses & reason) == 0)
    return;
  self->pauses &= ~reason;
  if (self->pauses != 0 || self->set == NULL)
    return;

  /* That nothing was heard while we did not listen says nothing about the peer. */
  self->heard_usec = g_get_monotonic_time ();
  update_watch (self);
  if (self->kept_input != NULL || self->connection.may_hold_more)
    belfry_session_set_add_again (self->set, self);
}

void
belfry_session_finish (BelfrySession *self)
{
  gint64 now_usec = g_get_monotonic_time ();

  if (self->is_finishing || self->set == NULL)
    return;
  self->is_finishing = TRUE;
  self->has_taken = FALSE;
  self->deadline_usec = now_usec + FINISH_USEC;
  self->latest_usec = now_usec + (belfry_session_set_is_shut_down (self->set) ? SHUT_DOWN_BATCH_USEC : LAST_BATCH_USEC);
  g_clear_pointer (&self->kept_input, g_byte_array_unref);
  update_watch (self);
  belfry_session_mark_dirty (self);
}

/* Once for each batch that a kernel does not take, not on the way of those that read. */
static void
set_held (BelfrySession *self,
          gsize          bytes)
{
  if (bytes == self->held)
    return;
  belfry_session_set_get_tally (self->set)->held_bytes += bytes - self->held;
  self->held = bytes;
  BELFRY_SESSION_GET_CLASS (self)->held (self, bytes);
}

void
belfry_session_end (BelfrySession *self)
{
  g_autoptr(BelfrySession) keep = NULL;

  if (self->set == NULL)
    return;
  keep = g_object_ref (self);
  set_held (self, 0);
  if (BELFRY_TELLS_REQUESTS ())
    tell (self, "ends");
  belfry_session_set_remove (self->set, self);
  self->set = NULL;
  belfry_connection_close (&self->connection);
  g_clear_pointer (&self->outbox, g_byte_array_unref);
  g_clear_pointer (&self->in_flight, belfry_batch_free);
  g_clear_pointer (&self->kept_input, g_byte_array_unref);
  if (BELFRY_SESSION_GET_CLASS (self)->ended != NULL)
    BELFRY_SESSION_GET_CLASS (self)->ended (self);
}

/* Reading. */

static void
keep_input (BelfrySession *self,
            const guint8  *data,
            gsize          length)
{
  self->kept_input = g_byte_array_sized_new (length);
  g_byte_array_append (self->kept_input, data, length);
  if (self->pauses == 0)
    belfry_session_set_add_again (self->set, self);
}

static void
offer (BelfrySession *self,
       guint8        *data,
       gsize          length)
{
  gsize used;

  if (self->is_finishing)
    return;
  used = BELFRY_SESSION_GET_CLASS (self)->received (self, data, length);
  g_assert (used <= length);
  if (used < length && self->set != NULL && !self->is_finishing)
    keep_input (self, data + used, length - used);
}

static void
offer_kept (BelfrySession *self)
{
  g_autoptr(GByteArray) kept = g_steal_pointer (&self->kept_input);

  offer (self, kept->data, kept->len);
}

void
belfry_session_read (BelfrySession *self)
{
  gsize size;
  guint8 *scratch = belfry_session_set_get_scratch (self->set, &size);
  gssize n;

  if (self->pauses != 0 && !self->is_finishing)
    return;
  if (self->kept_input != NULL)
    {
      offer_kept (self);
      return;
    }

  n = belfry_connection_read (&self->connection, scratch, size);
  if (n == 0 || n == BELFRY_IO_FAILED)
    {
      belfry_session_end (self);
      return;
    }
  /* What the descriptor does not tell of is asked for again; after the handshake's stream is dry the descriptor tells all. */
  if (self->connection.may_hold_more)
    belfry_session_set_add_again (self->set, self);
  if (n == BELFRY_IO_WOULD_BLOCK)
    return;

  self->heard_usec = g_get_monotonic_time ();
  belfry_session_set_get_tally (self->set)->bytes_received += n;
  offer (self, scratch, n);
}

/* Writing. */

static void
after_goodbye (BelfrySession *self)
{
  if (self->is_shut)
    return;
  self->is_shut = TRUE;
  self->deadline_usec = g_get_monotonic_time () + FINISH_USEC;
  belfry_connection_shut_down_output (&self->connection);
}

static void
note_outbox (BelfrySession *self)
{
  if ((self->pauses & BELFRY_PAUSE_OUTBOX) == 0)
    return;
  if (self->outbox == NULL && (self->in_flight == NULL || self->in_flight->bytes < OUTBOX_RESUME_BYTES))
    belfry_session_resume (self, BELFRY_PAUSE_OUTBOX);
}

/* FALSE when the session has ended or must wait. */
static gboolean
send_batch (BelfrySession *self,
            BelfryBatch   *batch)
{
  gssize n = belfry_connection_writev (&self->connection, batch->vectors + batch->first,
                                       batch->n_vectors - batch->first);

  if (n == BELFRY_IO_FAILED)
    {
      belfry_session_end (self);
      return FALSE;
    }
  if (n > 0)
    {
      belfry_session_set_get_tally (self->set)->bytes_sent += n;
      belfry_batch_advance (batch, n);
      self->has_taken = TRUE;
    }
  self->is_blocked = batch->bytes > 0 || belfry_connection_has_rest (&self->connection);
  update_watch (self);
  return !self->is_blocked;
}

static gboolean
send_in_flight (BelfrySession *self)
{
  static const BelfryBatch nothing = { NULL };
  gboolean goes_on;

  if (self->in_flight == NULL)
    {
      BelfryBatch empty = nothing;

      return !belfry_connection_has_rest (&self->connection) || send_batch (self, &empty);
    }
  goes_on = send_batch (self, self->in_flight);
  if (self->in_flight != NULL && self->in_flight->bytes == 0)
    {
      g_clear_pointer (&self->in_flight, belfry_batch_free);
      set_held (self, 0);
    }
  return goes_on;
}

static void
fill_batch (BelfrySession *self,
            BelfryBatch   *batch)
{
  if (self->outbox != NULL)
    {
      gsize length = self->outbox->len;

      belfry_batch_add_block (batch, g_byte_array_free (g_steal_pointer (&self->outbox), FALSE), length);
    }
  if (!self->is_finishing && !belfry_batch_is_full (batch))
    BELFRY_SESSION_GET_CLASS (self)->produce (self, batch);
}

void
belfry_session_flush (BelfrySession *self)
{
  BelfryBatch *batch = belfry_session_set_get_batch (self->set);
  gboolean is_full;

  self->is_blocked = FALSE;
  if (self->is_shut || !send_in_flight (self))
    return;

  fill_batch (self, batch);
  is_full = belfry_batch_is_full (batch);
  if (batch->bytes > 0 && !send_batch (self, batch) && self->set != NULL && batch->bytes > 0)
    {
      self->in_flight = belfry_batch_detach (batch);
      set_held (self, belfry_batch_get_held (self->in_flight));
    }
  belfry_batch_clear (batch);
  if (self->set == NULL)
    return;

  update_watch (self);
  note_outbox (self);
  if (is_full)
    belfry_session_mark_dirty (self);
  else if (self->is_finishing && !self->is_blocked && self->outbox == NULL)
    after_goodbye (self);
}

static void
sweep_finishing (BelfrySession *self,
                 gint64         now_usec)
{
  if (self->has_taken && !self->is_shut)
    self->deadline_usec = MIN (now_usec + FINISH_USEC, self->latest_usec);
  self->has_taken = FALSE;
  if (now_usec >= self->deadline_usec)
    belfry_session_end (self);
}

/* To look at all connections each second would cost the loop milliseconds; whoever got on lately is left alone. */
static gboolean
has_stalled (BelfrySession *self,
             gint64         now_usec)
{
  gint64 limit_usec = stall_limit_usec (self->set);

  if (now_usec - self->progress_usec < limit_usec / 4)
    return FALSE;
  note_progress (self, now_usec);
  return now_usec - MAX (self->progress_usec, self->heard_usec) >= limit_usec;
}

void
belfry_session_sweep (BelfrySession *self,
                      gint64         now_usec)
{
  if (self->is_finishing)
    {
      sweep_finishing (self, now_usec);
      return;
    }
  if (has_stalled (self, now_usec))
    {
      belfry_session_set_get_tally (self->set)->stalled++;
      belfry_session_end (self);
      return;
    }
  BELFRY_SESSION_GET_CLASS (self)->tick (self, now_usec);
}

static gsize
belfry_session_real_received (BelfrySession *self,
                              guint8        *data,
                              gsize          length)
{
  return length;
}

static void
belfry_session_real_produce (BelfrySession *self,
                             BelfryBatch   *batch)
{
}

static void
belfry_session_real_held (BelfrySession *self,
                          gsize          bytes)
{
}

static void
belfry_session_real_tick (BelfrySession *self,
                          gint64         now_usec)
{
}

static void
belfry_session_finalize (GObject *object)
{
  BelfrySession *self = BELFRY_SESSION (object);

  g_assert (self->set == NULL);
  g_free (self->address);
  g_clear_pointer (&self->grant, belfry_grant_unref);

  G_OBJECT_CLASS (belfry_session_parent_class)->finalize (object);
}

static void
belfry_session_class_init (BelfrySessionClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = belfry_session_finalize;
  klass->path = "connection";
  klass->received = belfry_session_real_received;
  klass->produce = belfry_session_real_produce;
  klass->held = belfry_session_real_held;
  klass->tick = belfry_session_real_tick;
  klass->shut_down = belfry_session_finish;
  klass->revoke = belfry_session_finish;
}

static void
belfry_session_init (BelfrySession *self)
{
  self->connection.fd = -1;
}
