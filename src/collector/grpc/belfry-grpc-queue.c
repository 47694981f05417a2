/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-queue-private.h"

#include <grpc/support/log.h>
#include <grpc/support/time.h>

#include "belfry-grpc-call-private.h"
#include "belfry-grpc-server-core-private.h"

/* Calls that may be taken before we ask for more. */
#define N_EXPECTED 64
/* Tags that are handled before what they brought is handed over, however many more wait. */
#define TURN_TAGS 256

struct _BelfryGrpcQueue
{
  BelfryGrpcLimits       limits;        /* any thread */
  grpc_completion_queue *cq;
  grpc_server           *server;
  grpc_channel          *bell_channel;  /* leads nowhere: it is there for the bell */
  grpc_call             *bell;          /* an empty batch on it wakes the queue */
  GThread               *thread;
  BelfryGrpcTag          bell_tag;
  BelfryGrpcTag          end_tag;
  GSource               *source;        /* owned; of the home context */

  /* Queue's thread. */
  GQueue                 outbox;
  GQueue                 calls;
  GQueue                 stalled;
  GQueue                 sending;       /* calls, in the order in which they were sent something */
  GSequence             *timers;        /* of calls, the first due first */
  BelfryGrpcTally        tally;
  gint64                 now_usec;      /* of the tag that is being handled */
  guint                  turn;
  guint                  n_tags;        /* since the last turn */
  gboolean               was_draining;
  gboolean               was_serving;
  gboolean               is_shut;       /* gRPC has nothing more to do with our calls */

  GMutex                 lock;
  GQueue                 to_home;       /* guarded by lock */
  GQueue                 to_queue;      /* guarded by lock */
  BelfryGrpcTally        published;     /* guarded by lock */
  gboolean               is_rung;       /* guarded by lock */
  gboolean               is_draining;   /* guarded by lock */
  gboolean               is_serving;    /* guarded by lock */
  gboolean               is_deaf;       /* guarded by lock */
  gboolean               has_ended;     /* guarded by lock */
};

/* The queue whose thread this is. */
static GPrivate own_queue;

/* Home side */

typedef struct
{
  BelfryGrpcQueueFunc func;
  gpointer            user_data;
} HomeCallback;

static gboolean
on_home (gpointer user_data)
{
  HomeCallback *callback = user_data;

  g_source_set_ready_time (g_main_current_source (), -1);
  callback->func (callback->user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch_home (GSource     *source,
               GSourceFunc  func,
               gpointer     user_data)
{
  return func (user_data);
}

static GSourceFuncs home_funcs = { .dispatch = dispatch_home };

static void
attach_home (BelfryGrpcQueue     *self,
             GMainContext        *home,
             BelfryGrpcQueueFunc  func,
             gpointer             user_data)
{
  HomeCallback *callback = g_new (HomeCallback, 1);

  *callback = (HomeCallback) { func, user_data };
  self->source = g_source_new (&home_funcs, sizeof (GSource));
  g_source_set_static_name (self->source, "belfry-grpc");
  g_source_set_callback (self->source, on_home, callback, g_free);
  g_source_attach (self->source, home);
}

static void
note_deafness (BelfryGrpcQueue *self)
{
  g_mutex_lock (&self->lock);
  self->is_deaf = TRUE;
  g_mutex_unlock (&self->lock);
  g_source_set_ready_time (self->source, 0);
}

gboolean
belfry_grpc_queue_is_deaf (BelfryGrpcQueue *self)
{
  gboolean is_deaf;

  g_mutex_lock (&self->lock);
  is_deaf = self->is_deaf;
  g_mutex_unlock (&self->lock);
  return is_deaf;
}

/* What gRPC has to say is for those who look for a fault; on its own it would print it. One thing it tells in no other way: after an
 * accept() that fails, as it does when there are too many open files, it never listens there again. */
static void
on_log (gpr_log_func_args *args)
{
  BelfryGrpcQueue *queue = g_private_get (&own_queue);

  g_debug ("%s:%d: %s", args->file, args->line, args->message);
  if (queue != NULL && g_str_has_prefix (args->message, "Failed accept"))
    note_deafness (queue);
}

BelfryGrpcQueue *
belfry_grpc_queue_new (const BelfryGrpcLimits *limits,
                       GMainContext           *home,
                       BelfryGrpcQueueFunc     func,
                       gpointer                user_data)
{
  BelfryGrpcQueue *self = g_new0 (BelfryGrpcQueue, 1);

  gpr_set_log_function (on_log);
  grpc_init ();
  g_mutex_init (&self->lock);
  self->limits = *limits;
  self->timers = g_sequence_new (NULL);
  self->cq = grpc_completion_queue_create_for_next (NULL);
  self->server = belfry_grpc_server_core_new (&self->limits);
  grpc_server_register_completion_queue (self->server, self->cq, NULL);
  self->bell_channel = grpc_lame_client_channel_create ("belfry", GRPC_STATUS_UNAVAILABLE, "It leads nowhere");
  self->bell = grpc_channel_create_call (self->bell_channel, NULL, 0, self->cq, grpc_slice_from_static_string ("/bell"), NULL,
                                         gpr_inf_future (GPR_CLOCK_MONOTONIC), NULL);
  attach_home (self, home, func, user_data);
  return self;
}

static void
end_cores (BelfryGrpcQueue *self)
{
  grpc_call_unref (self->bell);
  grpc_channel_destroy (self->bell_channel);
  grpc_completion_queue_shutdown (self->cq);
  if (self->thread != NULL)
    g_thread_join (self->thread);
  else
    while (grpc_completion_queue_next (self->cq, gpr_inf_future (GPR_CLOCK_REALTIME), NULL).type != GRPC_QUEUE_SHUTDOWN)
      continue;
  grpc_completion_queue_destroy (self->cq);
  grpc_shutdown ();
}

void
belfry_grpc_queue_free (BelfryGrpcQueue *self)
{
  g_assert (self->thread == NULL || self->has_ended);
  if (self->thread == NULL)
    {
      grpc_server_shutdown_and_notify (self->server, self->cq, &self->end_tag);
      grpc_completion_queue_next (self->cq, gpr_inf_future (GPR_CLOCK_REALTIME), NULL);
    }
  grpc_server_destroy (self->server);
  end_cores (self);

  g_source_destroy (self->source);
  g_source_unref (self->source);
  g_assert (self->calls.length == 0 && self->to_home.length == 0 && self->to_queue.length == 0);
  g_sequence_free (self->timers);
  g_mutex_clear (&self->lock);
  g_free (self);
}

int
belfry_grpc_queue_listen (BelfryGrpcQueue         *self,
                          const char              *address,
                          grpc_server_credentials *credentials)
{
  return grpc_server_add_http2_port (self->server, address, credentials);
}

gboolean
belfry_grpc_queue_take (BelfryGrpcQueue *self,
                        GQueue          *works)
{
  gboolean has_ended;

  g_mutex_lock (&self->lock);
  *works = self->to_home;
  g_queue_init (&self->to_home);
  has_ended = self->has_ended;
  g_mutex_unlock (&self->lock);
  return has_ended;
}

static void
append_all (GQueue *to,
            GQueue *from)
{
  if (to->tail != NULL && from->head != NULL)
    {
      to->tail->next = from->head;
      from->head->prev = to->tail;
      to->tail = from->tail;
      to->length += from->length;
    }
  else if (from->head != NULL)
    {
      *to = *from;
    }
  g_queue_init (from);
}

static void
ring (BelfryGrpcQueue *self)
{
  grpc_call_error result = grpc_call_start_batch (self->bell, NULL, 0, &self->bell_tag, NULL);

  g_assert (result == GRPC_CALL_OK);
}

/* The lock is held. */
static gboolean
is_to_ring (BelfryGrpcQueue *self)
{
  gboolean was_rung = self->is_rung;

  self->is_rung = TRUE;
  return !was_rung;
}

void
belfry_grpc_queue_return (BelfryGrpcQueue *self,
                          GQueue          *works)
{
  gboolean must_ring;

  g_mutex_lock (&self->lock);
  append_all (&self->to_queue, works);
  must_ring = is_to_ring (self);
  g_mutex_unlock (&self->lock);

  if (must_ring)
    ring (self);
}

void
belfry_grpc_queue_set_serving (BelfryGrpcQueue *self,
                               gboolean         is_serving)
{
  gboolean must_ring;

  g_mutex_lock (&self->lock);
  self->is_serving = is_serving;
  must_ring = is_to_ring (self);
  g_mutex_unlock (&self->lock);

  if (must_ring)
    ring (self);
}

void
belfry_grpc_queue_drain (BelfryGrpcQueue *self)
{
  gboolean must_ring;

  g_mutex_lock (&self->lock);
  self->is_draining = TRUE;
  must_ring = is_to_ring (self);
  g_mutex_unlock (&self->lock);

  if (must_ring)
    ring (self);
  grpc_server_shutdown_and_notify (self->server, self->cq, &self->end_tag);
}

void
belfry_grpc_queue_cancel (BelfryGrpcQueue *self)
{
  grpc_server_cancel_all_calls (self->server);
}

void
belfry_grpc_queue_get_tally (BelfryGrpcQueue *self,
                             BelfryGrpcTally *tally)
{
  g_mutex_lock (&self->lock);
  *tally = self->published;
  g_mutex_unlock (&self->lock);
}

/* Queue's side */

const BelfryGrpcLimits *
belfry_grpc_queue_get_limits (BelfryGrpcQueue *self)
{
  return &self->limits;
}

BelfryGrpcTally *
belfry_grpc_queue_tally (BelfryGrpcQueue *self)
{
  return &self->tally;
}

gint64
belfry_grpc_queue_get_now (BelfryGrpcQueue *self)
{
  return self->now_usec;
}

gboolean
belfry_grpc_queue_is_draining (BelfryGrpcQueue *self)
{
  return self->was_draining;
}

gboolean
belfry_grpc_queue_is_serving (BelfryGrpcQueue *self)
{
  return self->was_serving && !self->was_draining;
}

guint
belfry_grpc_queue_get_turn (BelfryGrpcQueue *self)
{
  return self->turn;
}

void
belfry_grpc_queue_push (BelfryGrpcQueue *self,
                        BelfryGrpcWork  *work)
{
  g_queue_push_tail_link (&self->outbox, &work->link);
}

gboolean
belfry_grpc_queue_has_room (BelfryGrpcQueue *self)
{
  return self->tally.bytes_in_work < self->limits.max_bytes_in_work;
}

void
belfry_grpc_queue_count (BelfryGrpcQueue *self,
                         BelfryGrpcWork  *work)
{
  gsize size = belfry_grpc_work_get_size (work);

  self->tally.bytes_in_work += size - work->counted;
  work->counted = size;
}

void
belfry_grpc_queue_release (BelfryGrpcQueue *self,
                           BelfryGrpcWork  *work)
{
  self->tally.bytes_in_work -= work->counted;
  belfry_grpc_work_free (work);

  while (self->stalled.head != NULL && belfry_grpc_queue_has_room (self))
    {
      GList *link = g_queue_pop_head_link (&self->stalled);
      BelfryGrpcCall *call = g_steal_pointer (&link->data);

      belfry_grpc_call_read (call);
    }
}

void
belfry_grpc_queue_hold_back (BelfryGrpcQueue *self,
                             BelfryGrpcCall  *call)
{
  if (call->stalled.data != NULL)
    return;

  self->tally.reads_held_back++;
  call->stalled.data = call;
  g_queue_push_tail_link (&self->stalled, &call->stalled);
}

void
belfry_grpc_queue_add_call (BelfryGrpcQueue *self,
                            BelfryGrpcCall  *call)
{
  self->tally.calls++;
  self->tally.open_calls++;
  call->link.data = call;
  g_queue_push_tail_link (&self->calls, &call->link);
}

void
belfry_grpc_queue_remove_call (BelfryGrpcQueue *self,
                               BelfryGrpcCall  *call)
{
  self->tally.open_calls--;
  g_queue_unlink (&self->calls, &call->link);
  belfry_grpc_queue_clear_timer (self, call);
  if (call->stalled.data != NULL)
    g_queue_unlink (&self->stalled, &call->stalled);
  call->stalled.data = NULL;
  belfry_grpc_queue_end_sending (self, call);
}

void
belfry_grpc_queue_begin_sending (BelfryGrpcQueue *self,
                                 BelfryGrpcCall  *call)
{
  call->sending.data = call;
  call->sent_usec = self->now_usec;
  g_queue_push_tail_link (&self->sending, &call->sending);
}

void
belfry_grpc_queue_end_sending (BelfryGrpcQueue *self,
                               BelfryGrpcCall  *call)
{
  if (call->sending.data != NULL)
    g_queue_unlink (&self->sending, &call->sending);
  call->sending.data = NULL;
}

/* The call ends when gRPC has told so. */
static void
cut_slowest (BelfryGrpcQueue *self)
{
  BelfryGrpcCall *call = g_queue_peek_head (&self->sending);

  belfry_grpc_queue_end_sending (self, call);
  self->tally.not_taken++;
  belfry_grpc_call_cut (call);
}

void
belfry_grpc_queue_count_untold (BelfryGrpcQueue *self,
                                gsize            before,
                                gsize            now)
{
  self->tally.bytes_untold += now - before;
  if (now > before && self->tally.bytes_untold > self->limits.max_untold_bytes && self->sending.head != NULL)
    cut_slowest (self);
}

static int
compare_due (gconstpointer a,
             gconstpointer b,
             gpointer      user_data)
{
  const BelfryGrpcCall *first = a;
  const BelfryGrpcCall *second = b;

  return (first->due_usec > second->due_usec) - (first->due_usec < second->due_usec);
}

void
belfry_grpc_queue_set_timer (BelfryGrpcQueue *self,
                             BelfryGrpcCall  *call,
                             gint64           due_usec)
{
  belfry_grpc_queue_clear_timer (self, call);
  call->due_usec = due_usec;
  call->timer = g_sequence_insert_sorted (self->timers, call, compare_due, NULL);
}

void
belfry_grpc_queue_clear_timer (BelfryGrpcQueue *self,
                               BelfryGrpcCall  *call)
{
  g_clear_pointer (&call->timer, g_sequence_remove);
}

void
belfry_grpc_queue_request (BelfryGrpcQueue      *self,
                           grpc_call           **call,
                           grpc_call_details    *details,
                           grpc_metadata_array  *metadata,
                           BelfryGrpcTag        *tag)
{
  grpc_call_error result = grpc_server_request_call (self->server, call, details, metadata, self->cq, self->cq, tag);

  g_assert (result == GRPC_CALL_OK);
}

void
belfry_grpc_queue_hand_over (BelfryGrpcQueue *self)
{
  gboolean was_empty;

  if (self->outbox.length == 0)
    return;

  self->turn++;
  g_mutex_lock (&self->lock);
  was_empty = self->to_home.length == 0;
  append_all (&self->to_home, &self->outbox);
  g_mutex_unlock (&self->lock);
  if (was_empty)
    g_source_set_ready_time (self->source, 0);
}

/* What the home context has to say: the works that are back, and whether the state of the server has changed. */
static gboolean
collect_news (BelfryGrpcQueue *self,
              GQueue          *works)
{
  gboolean has_changed;

  g_mutex_lock (&self->lock);
  has_changed = self->was_draining != self->is_draining || self->was_serving != self->is_serving;
  *works = self->to_queue;
  g_queue_init (&self->to_queue);
  self->is_rung = FALSE;
  self->was_draining = self->is_draining;
  self->was_serving = self->is_serving;
  g_mutex_unlock (&self->lock);
  return has_changed;
}

static void
tell_calls (BelfryGrpcQueue *self)
{
  for (GList *l = self->calls.head; l != NULL; l = l->next)
    {
      BelfryGrpcCall *call = l->data;

      if (call->method->notice != NULL && !belfry_grpc_call_is_over (call))
        call->method->notice (call);
    }
}

/* When the one that was sent something first has had enough time to take it. */
static gint64
find_sending_due (BelfryGrpcQueue *self)
{
  const BelfryGrpcCall *call = g_queue_peek_head (&self->sending);

  return call != NULL ? call->sent_usec + self->limits.send_timeout_msec * 1000ll : G_MAXINT64;
}

static gint64
find_timer_due (BelfryGrpcQueue *self)
{
  const BelfryGrpcCall *call;

  if (g_sequence_is_empty (self->timers))
    return G_MAXINT64;

  call = g_sequence_get (g_sequence_get_begin_iter (self->timers));
  return call->due_usec;
}

static void
run_timers (BelfryGrpcQueue *self)
{
  while (find_sending_due (self) <= self->now_usec)
    cut_slowest (self);
  while (!g_sequence_is_empty (self->timers))
    {
      BelfryGrpcCall *call = g_sequence_get (g_sequence_get_begin_iter (self->timers));

      if (call->due_usec > self->now_usec)
        return;
      belfry_grpc_queue_clear_timer (self, call);
      belfry_grpc_call_tick (call);
    }
}

/* The end comes when gRPC has let go of the server and the home context of all works: a call that was cut off may still have some. */
static void
publish (BelfryGrpcQueue *self)
{
  gboolean has_ended = self->is_shut && self->calls.length == 0;

  g_mutex_lock (&self->lock);
  self->published = self->tally;
  self->has_ended = has_ended;
  g_mutex_unlock (&self->lock);
  if (has_ended)
    g_source_set_ready_time (self->source, 0);
}

/* gRPC has nothing more to tell, or has told enough. */
static void
take_turn (BelfryGrpcQueue *self)
{
  GQueue works;
  GList *link;
  gboolean has_changed;

  self->n_tags = 0;
  belfry_grpc_queue_hand_over (self);
  has_changed = collect_news (self, &works);
  while ((link = g_queue_pop_head_link (&works)) != NULL)
    {
      BelfryGrpcWork *work = link->data;

      belfry_grpc_call_settle (work->call, work);
    }
  if (has_changed)
    tell_calls (self);
  run_timers (self);
  publish (self);
}

static gpr_timespec
find_deadline (BelfryGrpcQueue *self)
{
  gint64 due_usec;
  gint64 wait_usec;

  if (self->n_tags > 0 || self->outbox.length > 0)
    return gpr_inf_past (GPR_CLOCK_MONOTONIC);

  due_usec = MIN (find_timer_due (self), find_sending_due (self));
  if (due_usec == G_MAXINT64)
    return gpr_inf_future (GPR_CLOCK_MONOTONIC);

  wait_usec = MAX (due_usec - g_get_monotonic_time (), 0);
  return gpr_time_add (gpr_now (GPR_CLOCK_MONOTONIC), gpr_time_from_micros (wait_usec, GPR_TIMESPAN));
}

static void
handle_tag (BelfryGrpcQueue *self,
            BelfryGrpcTag   *tag,
            gboolean         is_ok)
{
  self->n_tags++;
  if (tag == &self->end_tag)
    self->is_shut = TRUE;
  else if (tag == &self->bell_tag)
    take_turn (self);
  else
    tag->func (tag->call, is_ok);
}

static gpointer
run (gpointer data)
{
  BelfryGrpcQueue *self = data;
  grpc_event event;

  g_private_set (&own_queue, self);
  while ((event = grpc_completion_queue_next (self->cq, find_deadline (self), NULL)).type != GRPC_QUEUE_SHUTDOWN)
    {
      self->now_usec = g_get_monotonic_time ();
      if (event.type == GRPC_OP_COMPLETE)
        handle_tag (self, event.tag, event.success);
      if (event.type == GRPC_QUEUE_TIMEOUT || self->n_tags >= TURN_TAGS)
        take_turn (self);
    }

  return NULL;
}

void
belfry_grpc_queue_start (BelfryGrpcQueue *self,
                         gboolean         is_serving)
{
  self->is_serving = is_serving;
  self->was_serving = is_serving;
  grpc_server_start (self->server);
  for (guint i = 0; i < N_EXPECTED; i++)
    belfry_grpc_call_expect (self);
  self->thread = g_thread_new ("belfry-grpc", run, self);
}
