/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-tls-door-private.h"

#include <string.h>

#include "belfry-client-address-private.h"

/* GIO makes every handshake in a thread of the pool that all of the process shares, ten at first, and the thread
 * waits for the client. So few are made at a time, and a client that stands still does not hold its thread
 * while others wait for one.
 *
 * Whose first record is there waits in the queue of its address. The addresses take turns, and none has all
 * places. While somebody waits, a handshake goes when it has taken longer than the patience with its address,
 * which halves each time and is full again after a handshake that succeeds: an honest client far away has a
 * second for its one round trip, and a hundred that say hello and then nothing are through in a few. */

#define MAX_WORKING          8
#define MAX_WORKING_OF_ONE   6
#define MAX_PATIENCE_USEC    G_USEC_PER_SEC
#define MIN_PATIENCE_USEC    (G_USEC_PER_SEC / 10)
#define TICK_MSEC            25

struct _BelfryTlsDoor
{
  GTlsCertificate   *certificate;  /* owned */
  BelfryHttpClock   *clock;        /* owned reference */
  GMainContext      *context;      /* owned; home */
  BelfryListenerFunc func;         /* NULL once closed */
  gpointer           user_data;
  GHashTable        *peers;        /* owned; those who wait or work, by their address */
  GQueue             turns;        /* of Peer; whoever has somebody waiting, next first */
  GQueue             working;      /* of Handshake; oldest first */
  guint              n_waiting;
  GSource           *tick;         /* owned; while somebody waits */
};

/* All handshakes of one address. */
typedef struct
{
  BelfryClientAddress address;
  GList               turn;       /* in turns, when waiting is not empty */
  GQueue              waiting;    /* of BelfryCaller */
  guint               n_working;
  gint64              patience_usec;
} Peer;

typedef struct
{
  GList           link;         /* in working */
  BelfryTlsDoor  *door;         /* owned reference */
  BelfryCaller   *caller;       /* owned */
  Peer           *peer;         /* borrowed; it stays while somebody works */
  GIOStream      *connection;   /* owned */
  GSocketAddress *local;        /* owned */
  GSocketAddress *remote;       /* owned */
  GCancellable   *cancellable;  /* owned */
  gint64          begun_usec;
} Handshake;

static void admit (BelfryTlsDoor *self);

static guint
peer_hash (gconstpointer data)
{
  guint32 words[4];

  memcpy (words, data, sizeof words);
  return (words[0] ^ words[1]) * 0x9e3779b1u + words[2] * 0x85ebca6bu + words[3];
}

static gboolean
peer_equal (gconstpointer a,
            gconstpointer b)
{
  return memcmp (a, b, sizeof (BelfryClientAddress)) == 0;
}

static Peer *
ensure_peer (BelfryTlsDoor  *self,
             GSocketAddress *remote)
{
  BelfryClientAddress address;
  Peer *peer;

  belfry_client_address_init (&address, remote);
  belfry_client_address_cut (&address);
  peer = g_hash_table_lookup (self->peers, &address);
  if (peer != NULL)
    return peer;

  peer = g_new0 (Peer, 1);
  peer->address = address;
  peer->patience_usec = MAX_PATIENCE_USEC;
  peer->turn.data = peer;
  g_hash_table_insert (self->peers, &peer->address, peer);
  return peer;
}

static void
drop_idle_peer (BelfryTlsDoor *self,
                Peer          *peer)
{
  if (peer->n_working == 0 && peer->waiting.head == NULL)
    g_hash_table_remove (self->peers, &peer->address);
}

/* --- a handshake --- */

static void
clear_door (gpointer data)
{
  BelfryTlsDoor *self = data;

  g_clear_pointer (&self->peers, g_hash_table_unref);
  g_clear_pointer (&self->clock, belfry_http_clock_unref);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_clear_object (&self->certificate);
}

static void
free_handshake (Handshake *handshake)
{
  g_clear_object (&handshake->connection);
  g_clear_object (&handshake->local);
  g_clear_object (&handshake->remote);
  g_clear_object (&handshake->cancellable);
  belfry_caller_free (handshake->caller);
  g_rc_box_release_full (handshake->door, clear_door);
  g_free (handshake);
}

/* Why a peer's handshake failed is the peer's affair: it sees the connection close. What lies below TLS is
 * closed at once, without a thread. */
static void
handshake_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  Handshake *handshake = user_data;
  BelfryTlsDoor *self = handshake->door;
  gboolean succeeded = g_tls_connection_handshake_finish (G_TLS_CONNECTION (source), result, NULL);

  g_queue_unlink (&self->working, &handshake->link);
  handshake->peer->n_working--;
  if (succeeded)
    handshake->peer->patience_usec = MAX_PATIENCE_USEC;
  drop_idle_peer (self, handshake->peer);

  if (succeeded && self->func != NULL)
    self->func (G_IO_STREAM (source), handshake->local, handshake->remote, self->user_data);
  else
    (void) g_io_stream_close (handshake->connection, NULL, NULL);

  admit (self);
  free_handshake (handshake);
}

static void
on_expired (BelfryHttpTimer *timer)
{
  BelfryCaller *caller = (BelfryCaller *) ((char *) timer - G_STRUCT_OFFSET (BelfryCaller, timer));

  g_cancellable_cancel (((Handshake *) caller->owner)->cancellable);
}

/* FALSE when the caller is gone. */
static gboolean
start_handshake (Handshake *handshake)
{
  static const char * const protocols[] = { "http/1.1", NULL };
  g_autoptr(GIOStream) tls = NULL;

  handshake->connection = belfry_caller_make_connection (handshake->caller, &handshake->local, &handshake->remote);
  if (handshake->connection == NULL)
    return FALSE;
  tls = g_tls_server_connection_new (handshake->connection, handshake->door->certificate, NULL);
  if (tls == NULL)
    return FALSE;

  g_tls_connection_set_require_close_notify (G_TLS_CONNECTION (tls), FALSE);
  g_tls_connection_set_advertised_protocols (G_TLS_CONNECTION (tls), protocols);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (tls), G_PRIORITY_DEFAULT, handshake->cancellable,
                                    handshake_cb, handshake);
  return TRUE;
}

static void
begin (BelfryTlsDoor *self,
       Peer          *peer,
       BelfryCaller  *caller)
{
  Handshake *handshake = g_new0 (Handshake, 1);

  handshake->door = g_rc_box_acquire (self);
  handshake->caller = caller;
  handshake->peer = peer;
  handshake->cancellable = g_cancellable_new ();
  handshake->begun_usec = g_get_monotonic_time ();
  handshake->link.data = handshake;
  caller->owner = handshake;
  caller->timer.expired = on_expired;
  if (!start_handshake (handshake))
    {
      free_handshake (handshake);
      return;
    }

  g_queue_push_tail_link (&self->working, &handshake->link);
  peer->n_working++;
}

/* --- places --- */

static void
leave_queue (BelfryTlsDoor *self,
             Peer          *peer,
             BelfryCaller  *caller)
{
  g_queue_unlink (&peer->waiting, &caller->link);
  self->n_waiting--;
  if (peer->waiting.head == NULL)
    g_queue_unlink (&self->turns, &peer->turn);
}

static Peer *
find_next (BelfryTlsDoor *self)
{
  for (GList *l = self->turns.head; l != NULL; l = l->next)
    {
      if (((Peer *) l->data)->n_working < MAX_WORKING_OF_ONE)
        return l->data;
    }

  return NULL;
}

/* Oldest first, and no more than wait. */
static void
give_up_slow_ones (BelfryTlsDoor *self)
{
  gint64 now_usec = g_get_monotonic_time ();
  guint n_given_up = 0;

  for (GList *l = self->working.head; l != NULL && n_given_up < self->n_waiting; l = l->next)
    {
      Handshake *handshake = l->data;

      if (now_usec - handshake->begun_usec < handshake->peer->patience_usec
          || g_cancellable_is_cancelled (handshake->cancellable))
        continue;
      handshake->peer->patience_usec = MAX (handshake->peer->patience_usec / 2, MIN_PATIENCE_USEC);
      belfry_http_clock_get_tally (self->clock)->timeouts++;
      g_cancellable_cancel (handshake->cancellable);
      n_given_up++;
    }
}

static gboolean
on_tick (gpointer user_data)
{
  give_up_slow_ones (user_data);
  return G_SOURCE_CONTINUE;
}

static void
stop_tick (BelfryTlsDoor *self)
{
  if (self->tick != NULL)
    g_source_destroy (self->tick);
  g_clear_pointer (&self->tick, g_source_unref);
}

static void
start_tick (BelfryTlsDoor *self)
{
  self->tick = g_timeout_source_new (TICK_MSEC);
  g_source_set_static_name (self->tick, "belfry tls door");
  g_source_set_callback (self->tick, on_tick, self, NULL);
  g_source_attach (self->tick, self->context);
}

static void
admit (BelfryTlsDoor *self)
{
  Peer *peer;

  while (self->working.length < MAX_WORKING && (peer = find_next (self)) != NULL)
    {
      BelfryCaller *caller = peer->waiting.head->data;

      leave_queue (self, peer, caller);
      if (peer->waiting.head != NULL)
        {
          g_queue_unlink (&self->turns, &peer->turn);
          g_queue_push_tail_link (&self->turns, &peer->turn);
        }
      begin (self, peer, caller);
      drop_idle_peer (self, peer);
    }

  if (self->n_waiting == 0)
    stop_tick (self);
  else if (self->tick == NULL)
    start_tick (self);
}

BelfryTlsDoor *
belfry_tls_door_new (GTlsCertificate   *certificate,
                     BelfryHttpClock   *clock,
                     BelfryListenerFunc func,
                     gpointer           user_data)
{
  BelfryTlsDoor *self = g_rc_box_new0 (BelfryTlsDoor);

  self->certificate = g_object_ref (certificate);
  self->clock = belfry_http_clock_ref (clock);
  self->context = g_main_context_ref_thread_default ();
  self->func = func;
  self->user_data = user_data;
  self->peers = g_hash_table_new_full (peer_hash, peer_equal, NULL, g_free);
  return self;
}

void
belfry_tls_door_set_certificate (BelfryTlsDoor   *self,
                                 GTlsCertificate *certificate)
{
  g_set_object (&self->certificate, certificate);
}

/* Its time was over before its turn. */
static void
on_waited (BelfryHttpTimer *timer)
{
  BelfryCaller *caller = (BelfryCaller *) ((char *) timer - G_STRUCT_OFFSET (BelfryCaller, timer));
  BelfryTlsDoor *self = caller->owner;
  g_autoptr(GSocketAddress) remote = belfry_caller_dup_remote (caller);
  Peer *peer = ensure_peer (self, remote);

  leave_queue (self, peer, caller);
  drop_idle_peer (self, peer);
  belfry_caller_free (caller);
}

void
belfry_tls_door_take (BelfryTlsDoor *self,
                      BelfryCaller  *caller)
{
  g_autoptr(GSocketAddress) remote = belfry_caller_dup_remote (caller);
  Peer *peer;

  if (remote == NULL || self->func == NULL)
    {
      belfry_caller_free (caller);
      return;
    }

  peer = ensure_peer (self, remote);
  caller->owner = self;
  caller->timer.expired = on_waited;
  if (peer->waiting.head == NULL)
    g_queue_push_tail_link (&self->turns, &peer->turn);
  g_queue_push_tail_link (&peer->waiting, &caller->link);
  self->n_waiting++;
  admit (self);
}

void
belfry_tls_door_close (BelfryTlsDoor *self)
{
  self->func = NULL;
  stop_tick (self);
  while (self->turns.head != NULL)
    {
      Peer *peer = self->turns.head->data;
      BelfryCaller *caller = peer->waiting.head->data;

      leave_queue (self, peer, caller);
      drop_idle_peer (self, peer);
      belfry_caller_free (caller);
    }
  for (GList *l = self->working.head; l != NULL; l = l->next)
    g_cancellable_cancel (((Handshake *) l->data)->cancellable);

  g_rc_box_release_full (self, clear_door);
}
