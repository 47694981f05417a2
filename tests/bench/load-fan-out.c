/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "load.h"

#include <string.h>
#include <unistd.h>

/* Publishers and subscribers of one server. Every event carries who published it, its number there and when it was to be
 * sent; so each subscriber knows exactly which event it must see next from each publisher, and how late it is. */

typedef struct _FanOut FanOut;

typedef struct
{
  LoadConnection  connection;
  FanOut         *fan_out;
  gboolean        is_ready;
  guint64        *next;   /* the number that must come next, for each publisher */
  guint64         order;  /* a hash of all that came, in its order */
} Subscriber;

typedef struct
{
  LoadConnection  connection;
  FanOut         *fan_out;
  gboolean        is_ready;
  guint           index;
  guint64         number;     /* of its next event */
  guint64         in_flight;
  gint64          burst_nsec;
} Publisher;

struct _FanOut
{
  const LoadOptions *options;
  LoadResult        *result;
  LoadLoop           loop;
  LoadPace           pace;  /* of bursts */
  LoadEvent          event;
  LoadPeer           peer;
  guint64            expected;         /* deliveries of all that was sent */
  guint64            most_expected;    /* deliveries that may be under way; 0: any number */
  guint64            most_deliveries;  /* of one burst, about */
  guint64            most_scheduled;   /* events in flight on a publisher's connection at a given rate */
  Publisher         *publishers;
  Subscriber        *subscribers;
  guint              n_publishers;
  guint              n_ready;
  guint              n_groups;     /* 1: every subscriber gets everything */
  gsize              marker_at;    /* where the figures stood in the last event */
};

/* The figures of a delivery; all events look alike, so they are nearly always where they were in the last one. */
static gboolean
read_figures (FanOut    *self,
              LoadFrame *frame,
              guint     *publisher,
              guint64   *number,
              gint64    *intended_nsec)
{
  static const char marker[] = "\"payload\":{\"p\":\"";
  const gsize length = sizeof marker - 1;
  const char *at;
  guint64 value = 0;
  gint64 usec = 0;

  if (frame->length < self->marker_at + length + 60
      || memcmp (frame->text + self->marker_at, marker, length) != 0)
    {
      at = memmem (frame->text, frame->length, marker, length);
      if (at == NULL || frame->length - (gsize) (at - frame->text) < length + 60)
        return FALSE;
      self->marker_at = (gsize) (at - frame->text);
    }

  /* 0000","n":"0000000000","t":"0000000000000000" */
  at = frame->text + self->marker_at + length;
  *publisher = 0;
  for (guint i = 0; i < 4; i++)
    *publisher = *publisher * 10 + (guint) (at[i] - '0');
  for (guint i = 0; i < 10; i++)
    value = value * 10 + (guint64) (at[11 + i] - '0');
  for (guint i = 0; i < 16; i++)
    usec = usec * 10 + (at[28 + i] - '0');

  *number = value;
  *intended_nsec = usec * 1000;

  return *publisher < self->n_publishers;
}

static void
receive_event (Subscriber *subscriber,
               LoadFrame  *frame)
{
  FanOut *self = subscriber->fan_out;
  LoadResult *result = self->result;
  guint publisher;
  guint64 number;
  gint64 intended_nsec;
  guint64 next;

  if (!read_figures (self, frame, &publisher, &number, &intended_nsec))
    return;

  next = subscriber->next[publisher];
  result->deliveries++;
  subscriber->order = (subscriber->order ^ ((guint64) publisher << 40 | number)) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  load_histogram_add (&result->delivery, self->loop.now_nsec - intended_nsec);

  if (G_LIKELY (number == next))
    subscriber->next[publisher] = next + self->n_groups;
  else if (number > next && (number - next) % self->n_groups == 0)
    {
      result->lost += (number - next) / self->n_groups;
      subscriber->next[publisher] = number + self->n_groups;
    }
  else if (number < next && (next - number) % self->n_groups == 0)
    result->repeated++;
  else
    result->disordered++;
}

static void
on_subscriber (LoadConnection *connection)
{
  Subscriber *subscriber = connection->owner;
  FanOut *self = subscriber->fan_out;
  guint64 before = self->result->deliveries;
  LoadFrame frame;
  gsize consumed = 0;

  if (!subscriber->is_ready)
    {
      subscriber->is_ready = self->peer.protocol->greet (&self->peer, connection) > 0;
      self->n_ready += subscriber->is_ready;
    }

  while (subscriber->is_ready && self->peer.protocol->next (connection, &frame, &consumed))
    receive_event (subscriber, &frame);

  if (self->result->deliveries > before)
    self->result->end_nsec = self->loop.now_nsec;
}

/* Subscribers that want the events of a group. */
static guint
count_members (FanOut *self,
               guint   group)
{
  const guint n = self->options->subscribers;

  return group < n ? (n - group + self->n_groups - 1) / self->n_groups : 0;
}

/* Answers pace a publisher where there are any. What else keeps a server from being flooded is that only so much may be under way
 * to the subscribers: some throw away what these do not take in time, others read it again later. */
static gboolean
may_send (Publisher *publisher)
{
  FanOut *self = publisher->fan_out;
  const LoadOptions *options = self->options;

  if (!publisher->is_ready)
    return FALSE;
  if (options->rate == 0 && self->most_expected > 0
      && self->expected + self->most_deliveries > self->result->deliveries + self->most_expected)
    return FALSE;

  return self->peer.protocol->is_silent
         || publisher->in_flight + options->burst <= (options->rate > 0 ? self->most_scheduled : options->burst);
}

static void
send_burst (Publisher *publisher,
            gint64     intended_nsec)
{
  FanOut *self = publisher->fan_out;

  publisher->burst_nsec = intended_nsec;
  load_histogram_add (&self->result->late, self->loop.now_nsec - intended_nsec);
  for (guint i = 0; i < self->options->burst; i++)
    {
      guint group = (guint) (publisher->number % self->n_groups);

      load_event_set (&self->event, group, publisher->index, publisher->number, intended_nsec);
      self->peer.protocol->send (&self->peer, &publisher->connection, &self->event, group);
      self->expected += count_members (self, group);
      publisher->number++;
    }

  self->result->sent += self->options->burst;
  if (self->peer.protocol->is_silent)
    self->result->answered += self->options->burst;
  else
    publisher->in_flight += self->options->burst;
  load_connection_flush (&publisher->connection);
}

static void
send_bursts (Publisher *publisher)
{
  FanOut *self = publisher->fan_out;
  gint64 intended_nsec;

  while (may_send (publisher) && load_pace_take (&self->pace, self->loop.now_nsec, &intended_nsec))
    send_burst (publisher, intended_nsec);
}

static void
on_publisher (LoadConnection *connection)
{
  Publisher *publisher = connection->owner;
  FanOut *self = publisher->fan_out;
  const LoadProtocol *protocol = self->peer.protocol;
  LoadFrame frame;
  gsize consumed = 0;

  if (!publisher->is_ready)
    {
      publisher->is_ready = protocol->greet (&self->peer, connection) > 0;
      self->n_ready += publisher->is_ready;
      return;
    }

  while (protocol->next (connection, &frame, &consumed))
    {
      if (protocol->is_silent)
        {
          self->result->failed++;
          continue;
        }

      publisher->in_flight -= publisher->in_flight > 0;
      self->result->answered++;
      if (protocol->is_success (&self->peer, &frame))
        load_histogram_add (&self->result->latency, self->loop.now_nsec - publisher->burst_nsec);
      else
        self->result->failed++;
    }

  if (connection->fd < 0)
    publisher->is_ready = FALSE;
}

static gboolean
open_all (FanOut  *self,
          GError **error)
{
  const LoadOptions *options = self->options;

  for (guint i = 0; i < options->subscribers; i++)
    {
      if (!load_peer_open (&self->peer, &self->subscribers[i].connection, &self->loop, error))
        return FALSE;
      load_loop_turn (&self->loop, 0);
    }

  for (guint i = 0; i < self->n_publishers; i++)
    {
      Publisher *publisher = &self->publishers[i];

      if (!load_peer_open (&self->peer, &publisher->connection, &self->loop, error))
        return FALSE;
      on_publisher (&publisher->connection);
    }

  for (gint64 end_nsec = load_now () + 20000000000; self->n_ready < options->subscribers + self->n_publishers; )
    {
      load_loop_turn (&self->loop, self->loop.now_nsec + 100000000);
      if (self->loop.now_nsec > end_nsec)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "Only %u of %u connections opened",
                       self->n_ready, options->subscribers + self->n_publishers);
          return FALSE;
        }
    }

  return TRUE;
}

static void
publish_all (FanOut *self)
{
  LoadOptions bursts = *self->options;

  bursts.rate /= bursts.burst;
  bursts.count = (bursts.count + bursts.burst - 1) / bursts.burst;
  self->loop.now_nsec = load_now ();
  self->result->begin_nsec = self->result->end_nsec = self->loop.now_nsec;
  load_pace_begin (&self->pace, &bursts, self->loop.now_nsec);

  while (!load_pace_over (&self->pace, self->loop.now_nsec))
    {
      for (guint i = 0; i < self->n_publishers; i++)
        send_bursts (&self->publishers[i]);
      load_process_sample (&self->result->process, self->loop.now_nsec);
      load_loop_turn (&self->loop, load_pace_due (&self->pace, self->loop.now_nsec));
    }
}

/* Everything that was published must arrive; we give up when nothing comes for ten seconds. */
static void
drain (FanOut *self)
{
  LoadResult *result = self->result;
  gint64 progress_nsec = self->loop.now_nsec;
  guint64 seen = 0;

  result->expected = self->expected;
  while ((result->deliveries + result->lost < result->expected || result->answered < result->sent)
         && self->loop.now_nsec - progress_nsec < 10000000000)
    {
      load_loop_turn (&self->loop, self->loop.now_nsec + 100000000);
      load_process_sample (&result->process, self->loop.now_nsec);
      if (seen != result->deliveries + result->answered)
        progress_nsec = self->loop.now_nsec;
      seen = result->deliveries + result->answered;
    }
}

/* What has not come by now is lost: numbers behind the last one that a subscriber saw. */
static void
count_missing (FanOut *self)
{
  for (guint i = 0; i < self->options->subscribers; i++)
    for (guint p = 0; p < self->n_publishers; p++)
      {
        guint64 next = self->subscribers[i].next[p];
        guint64 sent = self->publishers[p].number;

        if (next < sent)
          self->result->lost += (sent - next + self->n_groups - 1) / self->n_groups;
      }
}

/* Subscribers of one filter must have seen one order, over all publishers. */
static void
compare_orders (FanOut *self)
{
  if (self->result->lost > 0 || self->result->repeated > 0)
    return;

  for (guint i = self->n_groups; i < self->options->subscribers; i++)
    if (self->subscribers[i].order != self->subscribers[i % self->n_groups].order)
      self->result->disordered++;
}

/* What may be under way at once, counted in deliveries. At least one burst may, or nothing would ever be sent. */
static void
prepare_bounds (FanOut *self)
{
  const LoadOptions *options = self->options;
  const guint most = self->peer.protocol->most_in_flight;
  double per_event = (double) options->subscribers / self->n_groups;

  self->most_deliveries = (guint64) (options->burst * per_event);
  if (options->backlog > 0)
    self->most_expected = MAX ((guint64) (options->backlog * per_event), self->most_deliveries);
  self->most_scheduled = most > 0 ? MAX (most, options->burst) : 65536;
}

static void
prepare (FanOut *self)
{
  const LoadOptions *options = self->options;

  self->n_publishers = options->connections;
  self->n_groups = g_str_equal (options->filter, "any") ? 1 : options->groups;
  if (g_str_equal (options->filter, "type"))
    self->n_groups = MIN (self->n_groups, LOAD_N_TYPES);
  self->publishers = g_new0 (Publisher, self->n_publishers);
  self->subscribers = g_new0 (Subscriber, options->subscribers);
  load_event_init (&self->event, options->size);
  load_peer_init (&self->peer, load_find_protocol (options->peer), options, self->event.length);
  prepare_bounds (self);

  for (guint i = 0; i < options->subscribers; i++)
    {
      Subscriber *subscriber = &self->subscribers[i];

      subscriber->fan_out = self;
      subscriber->connection.fd = -1;
      subscriber->connection.owner = subscriber;
      subscriber->connection.on_data = on_subscriber;
      subscriber->connection.role = LOAD_ROLE_SUBSCRIBER;
      subscriber->connection.index = i;
      subscriber->connection.group = i % self->n_groups;
      subscriber->next = g_new (guint64, self->n_publishers);
      for (guint p = 0; p < self->n_publishers; p++)
        subscriber->next[p] = subscriber->connection.group;
    }

  for (guint i = 0; i < self->n_publishers; i++)
    {
      self->publishers[i].fan_out = self;
      self->publishers[i].index = i;
      self->publishers[i].connection.fd = -1;
      self->publishers[i].connection.role = LOAD_ROLE_PUBLISHER;
      self->publishers[i].connection.index = i;
      self->publishers[i].connection.owner = &self->publishers[i];
      self->publishers[i].connection.on_data = on_publisher;
    }
}

static void
clear (FanOut *self)
{
  for (guint i = 0; i < self->options->subscribers; i++)
    {
      load_connection_close (&self->subscribers[i].connection);
      g_free (self->subscribers[i].next);
    }
  for (guint i = 0; i < self->n_publishers; i++)
    load_connection_close (&self->publishers[i].connection);

  g_free (self->subscribers);
  g_free (self->publishers);
  load_peer_clear (&self->peer);
  load_event_clear (&self->event);
  load_loop_clear (&self->loop);
}

gboolean
load_run_fan_out (const LoadOptions  *options,
                  LoadResult         *result,
                  GError            **error)
{
  FanOut self = { .options = options, .result = result };
  gboolean is_done;

  if (!load_loop_init (&self.loop, error))
    return FALSE;

  prepare (&self);
  is_done = open_all (&self, error);
  if (is_done)
    {
      load_process_begin (&result->process, options->pids, options->n_pids);
      load_process_begin (&result->self_process, &(int) { getpid () }, 1);
      publish_all (&self);
      drain (&self);
      count_missing (&self);
      compare_orders (&self);
      load_process_end (&result->process);
      load_process_end (&result->self_process);
    }

  clear (&self);

  return is_done;
}
