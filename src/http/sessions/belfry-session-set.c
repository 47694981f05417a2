/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* All sessions of one server, driven by four sources on the home context.
 *
 * Descriptors: one epoll descriptor stands for all sockets, so a loop turn costs what is ready, not what is connected.
 * Urgent flush: what a turn routed leaves before the next turn does anything else, in one call a session. A source of high
 * priority, ready only when somebody outside of a flush made a session dirty, so it runs at most once for each turn.
 * Flush: at default priority, for those that had more to send than one call carries, for those that one turn left over, and
 * for those to be read again.
 * Sweep: once a second all clocks are looked at; no session has a timer of its own.
 *
 * The set owns one reference of each session, from start to end. */

#include "belfry-session-class-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "belfry-client-address-private.h"

#define SCRATCH_BYTES       (64 * 1024)
#define MAX_EVENTS_PER_TURN 128

/* A send takes some 5 µs: what waits for it to end, and all between, is to wait a millisecond. */
#define MAX_FLUSHED_PER_TURN 128

#define DEFAULT_MAX_MESSAGE_BYTES  (1024 * 1024)
#define DEFAULT_FIRST_MESSAGE_USEC (10 * G_USEC_PER_SEC)
#define DEFAULT_KEEPALIVE_USEC     (30 * G_USEC_PER_SEC)
#define DEFAULT_SSE_COMMENT_USEC   (15 * G_USEC_PER_SEC)
#define DEFAULT_PONG_TIMEOUT_USEC  (60 * G_USEC_PER_SEC)

struct _BelfrySessionSet
{
  int                   ref_count;
  GMainContext         *context;
  BelfrySessionLimits   limits;
  BelfrySessionCounters tally;

  int         epoll_fd;
  GSource    *io_source;
  GSource    *urgent_source;
  GSource    *flush_source;
  GSource    *sweep_source;   /* only while there are sessions */

  GPtrArray  *sessions;       /* owned references; each knows its index */
  GPtrArray  *dirty;          /* unowned; has something to send */
  gboolean    is_urgent;      /* sessions became dirty since the last flush */
  GPtrArray  *again;          /* unowned; to be read though its descriptor may not say so */
  GHashTable *by_address;     /* char * → count */

  guint8      *scratch;       /* SCRATCH_BYTES; what a session reads into */
  BelfryBatch *batch;         /* what a session sends from */

  gboolean is_shut_down;
  GFunc    empty_func;        /* called once, when the last session is gone after shut_down() */
  gpointer empty_data;
};

typedef struct
{
  GSource           source;
  BelfrySessionSet *set;      /* unowned; the set destroys its sources */
  gpointer          tag;
} SetSource;

void
belfry_session_limits_init (BelfrySessionLimits *limits)
{
  limits->max_message_bytes = DEFAULT_MAX_MESSAGE_BYTES;
  limits->first_message_usec = DEFAULT_FIRST_MESSAGE_USEC;
  limits->keepalive_usec = DEFAULT_KEEPALIVE_USEC;
  limits->sse_comment_usec = DEFAULT_SSE_COMMENT_USEC;
  limits->pong_timeout_usec = DEFAULT_PONG_TIMEOUT_USEC;
}

/* Descriptors. */

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
  SetSource *self = (SetSource *) source;

  return g_source_query_unix_fd (source, self->tag) != 0;
}

static void
handle_ready (BelfrySession *session,
              guint32        events)
{
  if (session->set == NULL)
    return;
  if ((events & EPOLLOUT) != 0)
    {
      session->is_blocked = FALSE;
      belfry_session_mark_dirty (session);
    }
  if ((events & EPOLLIN) != 0)
    belfry_session_read (session);
  /* With data still to be read the end is found by reading. A session that does not read is told here. */
  else if ((events & (EPOLLERR | EPOLLHUP)) != 0)
    belfry_session_end (session);
}

static gboolean
io_source_dispatch (GSource    *source,
                    GSourceFunc callback,
                    gpointer    user_data)
{
  BelfrySessionSet *set = belfry_session_set_ref (((SetSource *) source)->set);
  struct epoll_event events[MAX_EVENTS_PER_TURN];
  int n_events = epoll_wait (set->epoll_fd, events, MAX_EVENTS_PER_TURN, 0);

  /* One session's bytes may end another; keep all of this turn until it is over. */
  for (int i = 0; i < n_events; i++)
    g_object_ref (events[i].data.ptr);
  for (int i = 0; i < n_events; i++)
    {
      handle_ready (events[i].data.ptr, events[i].events);
      g_object_unref (events[i].data.ptr);
    }
  belfry_session_set_unref (set);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs io_source_funcs = {
  .prepare = io_source_prepare,
  .check = io_source_check,
  .dispatch = io_source_dispatch,
};

/* Flush. */

static gboolean
urgent_source_check (GSource *source)
{
  return ((SetSource *) source)->set->is_urgent;
}

static gboolean
urgent_source_prepare (GSource *source,
                       int     *timeout)
{
  *timeout = -1;
  return urgent_source_check (source);
}

static gboolean
flush_source_check (GSource *source)
{
  BelfrySessionSet *set = ((SetSource *) source)->set;

  return set->dirty->len > 0 || set->again->len > 0;
}

static gboolean
flush_source_prepare (GSource *source,
                      int     *timeout)
{
  *timeout = -1;
  return flush_source_check (source);
}

static void
read_again (BelfrySessionSet *set)
{
  guint n = set->again->len;

  for (guint i = 0; i < n && set->again->len > 0; i++)
    {
      g_autoptr(BelfrySession) session = g_object_ref (g_ptr_array_remove_index (set->again, 0));

      session->is_again = FALSE;
      belfry_session_read (session);
    }
}

/* Those that wait longest. The others, and those that become dirty again meanwhile, have their turn when the loop has gone round:
 * what comes in is read, written and routed between the portions of a large crowd, so that the later of them get it at once. */
static void
flush_dirty (BelfrySessionSet *set)
{
  BelfrySession *portion[MAX_FLUSHED_PER_TURN];
  guint n = MIN (set->dirty->len, MAX_FLUSHED_PER_TURN);

  for (guint i = 0; i < n; i++)
    {
      portion[i] = g_object_ref (set->dirty->pdata[i]);
      portion[i]->is_dirty = FALSE;
    }
  g_ptr_array_remove_range (set->dirty, 0, n);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr(BelfrySession) session = portion[i];

      if (session->set != NULL)
        belfry_session_flush (session);
    }
  /* Who has more to send than one call carries, and who is left, waits for the others of the loop. */
  set->is_urgent = FALSE;
}

static gboolean
urgent_source_dispatch (GSource    *source,
                        GSourceFunc callback,
                        gpointer    user_data)
{
  BelfrySessionSet *set = belfry_session_set_ref (((SetSource *) source)->set);

  flush_dirty (set);
  belfry_session_set_unref (set);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs urgent_source_funcs = {
  .prepare = urgent_source_prepare,
  .check = urgent_source_check,
  .dispatch = urgent_source_dispatch,
};

static gboolean
flush_source_dispatch (GSource    *source,
                       GSourceFunc callback,
                       gpointer    user_data)
{
  BelfrySessionSet *set = belfry_session_set_ref (((SetSource *) source)->set);

  read_again (set);
  flush_dirty (set);
  belfry_session_set_unref (set);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs flush_source_funcs = {
  .prepare = flush_source_prepare,
  .check = flush_source_check,
  .dispatch = flush_source_dispatch,
};

static GSource *
attach_source (BelfrySessionSet *self,
               GSourceFuncs     *funcs,
               const char       *name)
{
  GSource *source = g_source_new (funcs, sizeof (SetSource));

  ((SetSource *) source)->set = self;
  g_source_set_static_name (source, name);
  if (funcs == &urgent_source_funcs)
    g_source_set_priority (source, G_PRIORITY_HIGH);
  if (funcs == &io_source_funcs)
    ((SetSource *) source)->tag = g_source_add_unix_fd (source, self->epoll_fd, G_IO_IN);
  g_source_attach (source, self->context);
  return source;
}

static void
detach_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* Sweep. */

void
belfry_session_set_sweep (BelfrySessionSet *self,
                          gint64            now_usec)
{
  BelfrySessionSet *set = belfry_session_set_ref (self);

  /* Backwards: a session that ends puts the last one in its place. */
  for (guint i = set->sessions->len; i > 0; i--)
    if (i <= set->sessions->len)
      {
        g_autoptr(BelfrySession) session = g_object_ref (set->sessions->pdata[i - 1]);

        belfry_session_sweep (session, now_usec);
      }
  belfry_session_set_unref (set);
}

static gboolean
on_sweep (gpointer user_data)
{
  belfry_session_set_sweep (user_data, g_get_monotonic_time ());
  return G_SOURCE_CONTINUE;
}

static void
ensure_sweep (BelfrySessionSet *self)
{
  if (self->sweep_source != NULL)
    return;
  self->sweep_source = g_timeout_source_new_seconds (1);
  g_source_set_static_name (self->sweep_source, "belfry session sweep");
  g_source_set_callback (self->sweep_source, on_sweep, self, NULL);
  g_source_attach (self->sweep_source, self->context);
}

/* Life. */

BelfrySessionSet *
belfry_session_set_new (const BelfrySessionLimits *limits)
{
  BelfrySessionSet *self = g_new0 (BelfrySessionSet, 1);

  self->ref_count = 1;
  self->context = g_main_context_ref_thread_default ();
  self->limits = *limits;
  self->sessions = g_ptr_array_new ();
  self->dirty = g_ptr_array_new ();
  self->again = g_ptr_array_new ();
  self->by_address = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->scratch = g_malloc (SCRATCH_BYTES);
  self->batch = belfry_batch_new ();
  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (self->epoll_fd < 0)
    {
      /* Such a set refuses every connection, as a process without a free descriptor must. */
      g_warning ("No descriptor for the sessions: %s", g_strerror (errno));
      return self;
    }
  self->io_source = attach_source (self, &io_source_funcs, "belfry sessions");
  self->urgent_source = attach_source (self, &urgent_source_funcs, "belfry session urgent flush");
  self->flush_source = attach_source (self, &flush_source_funcs, "belfry session flush");
  return self;
}

BelfrySessionSet *
belfry_session_set_ref (BelfrySessionSet *self)
{
  self->ref_count++;
  return self;
}

void
belfry_session_set_unref (BelfrySessionSet *self)
{
  if (self->ref_count > 1)
    {
      self->ref_count--;
      return;
    }
  /* Still holding the last reference: sessions that end here may take and give back one. */
  belfry_session_set_abort (self);
  detach_source (&self->io_source);
  detach_source (&self->urgent_source);
  detach_source (&self->flush_source);
  detach_source (&self->sweep_source);
  if (self->epoll_fd >= 0)
    close (self->epoll_fd);
  g_ptr_array_unref (self->sessions);
  g_ptr_array_unref (self->dirty);
  g_ptr_array_unref (self->again);
  g_hash_table_unref (self->by_address);
  g_free (self->scratch);
  belfry_batch_free (self->batch);
  g_main_context_unref (self->context);
  g_free (self);
}

static void
count_address (BelfrySessionSet *self,
               const char       *address,
               int               change)
{
  guint count;

  if (address == NULL)
    return;
  count = belfry_session_set_count_address (self, address) + change;
  if (count == 0)
    g_hash_table_remove (self->by_address, address);
  else
    g_hash_table_replace (self->by_address, g_strdup (address), GUINT_TO_POINTER (count));
}

gboolean
belfry_session_set_add (BelfrySessionSet *self,
                        BelfrySession    *session)
{
  struct epoll_event event = { .events = session->watched, .data.ptr = session };

  if (self->is_shut_down || self->epoll_fd < 0)
    return FALSE;
  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, session->connection.fd, &event) != 0)
    {
      g_warning ("A connection cannot be watched: %s", g_strerror (errno));
      return FALSE;
    }
  session->index = self->sessions->len;
  g_ptr_array_add (self->sessions, session);
  count_address (self, session->address, 1);
  self->tally.sessions++;
  ensure_sweep (self);
  return TRUE;
}

static void
report_empty (BelfrySessionSet *self)
{
  GFunc func = self->empty_func;

  detach_source (&self->sweep_source);
  if (!self->is_shut_down || func == NULL)
    return;
  self->empty_func = NULL;
  func (self, self->empty_data);
}

void
belfry_session_set_remove (BelfrySessionSet *self,
                           BelfrySession    *session)
{
  BelfrySession *last = self->sessions->pdata[self->sessions->len - 1];

  g_assert (self->sessions->pdata[session->index] == session);

  /* A descriptor shared with another process would stay in the set after its close. */
  (void) epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, session->connection.fd, NULL);
  last->index = session->index;
  g_ptr_array_remove_index_fast (self->sessions, session->index);
  if (session->is_dirty)
    g_ptr_array_remove_fast (self->dirty, session);
  if (session->is_again)
    g_ptr_array_remove (self->again, session);
  session->is_dirty = FALSE;
  session->is_again = FALSE;
  count_address (self, session->address, -1);
  g_object_unref (session);
  if (self->sessions->len == 0)
    report_empty (self);
}

void
belfry_session_set_add_dirty (BelfrySessionSet *self,
                              BelfrySession    *session)
{
  session->is_dirty = TRUE;
  self->is_urgent = TRUE;
  g_ptr_array_add (self->dirty, session);
}

void
belfry_session_set_add_again (BelfrySessionSet *self,
                              BelfrySession    *session)
{
  if (session->is_again)
    return;
  session->is_again = TRUE;
  g_ptr_array_add (self->again, session);
}

void
belfry_session_set_watch (BelfrySessionSet *self,
                          BelfrySession    *session)
{
  struct epoll_event event = { .events = session->watched, .data.ptr = session };

  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_MOD, session->connection.fd, &event) != 0)
    g_warning ("A connection cannot be watched: %s", g_strerror (errno));
}

const BelfrySessionLimits *
belfry_session_set_get_limits (BelfrySessionSet *self)
{
  return &self->limits;
}

BelfrySessionCounters *
belfry_session_set_get_tally (BelfrySessionSet *self)
{
  return &self->tally;
}

guint8 *
belfry_session_set_get_scratch (BelfrySessionSet *self,
                                gsize            *size)
{
  *size = SCRATCH_BYTES;
  return self->scratch;
}

BelfryBatch *
belfry_session_set_get_batch (BelfrySessionSet *self)
{
  return self->batch;
}

void
belfry_session_set_count_delivered (BelfrySessionSet *self,
                                    BelfryTransport   transport,
                                    guint             n)
{
  self->tally.delivered[transport] += n;
}

gboolean
belfry_session_set_is_shut_down (BelfrySessionSet *self)
{
  return self->is_shut_down;
}

guint
belfry_session_set_get_n_sessions (BelfrySessionSet *self)
{
  return self->sessions->len;
}

guint
belfry_session_set_count_address (BelfrySessionSet *self,
                                  const char       *address)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (self->by_address, address));
}

guint64
belfry_session_set_get_delivered (BelfrySessionSet *self,
                                  const char       *transport)
{
  if (strcmp (transport, "websocket") == 0)
    return self->tally.delivered[BELFRY_TRANSPORT_WEBSOCKET];
  if (strcmp (transport, "sse") == 0)
    return self->tally.delivered[BELFRY_TRANSPORT_SSE];
  return 0;
}

void
belfry_session_set_get_counters (BelfrySessionSet      *self,
                                 BelfrySessionCounters *counters)
{
  *counters = self->tally;
}

/* Calls func for each session that is there now; func may end any of them. */
static void
for_each_session (BelfrySessionSet *self,
                  void            (*func) (BelfrySession *session))
{
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < self->sessions->len; i++)
    g_ptr_array_add (all, g_object_ref (self->sessions->pdata[i]));
  for (guint i = 0; i < all->len; i++)
    func (all->pdata[i]);
}

static void
shut_down_session (BelfrySession *session)
{
  if (session->set != NULL)
    BELFRY_SESSION_GET_CLASS (session)->shut_down (session);
}

void
belfry_session_set_shut_down (BelfrySessionSet *self,
                              GFunc             func,
                              gpointer          user_data)
{
  if (self->is_shut_down)
    return;
  self->is_shut_down = TRUE;
  if (self->sessions->len == 0)
    {
      if (func != NULL)
        func (self, user_data);
      return;
    }
  self->empty_func = func;
  self->empty_data = user_data;
  belfry_session_set_ref (self);
  for_each_session (self, shut_down_session);
  belfry_session_set_unref (self);
}

static void
revoke_session (BelfrySession *session)
{
  if (session->set != NULL && session->grant != NULL && session->grant->is_revoked)
    BELFRY_SESSION_GET_CLASS (session)->revoke (session);
}

void
belfry_session_set_close_revoked (BelfrySessionSet *self)
{
  for_each_session (self, revoke_session);
}

/* Of those that are counted under none: of the other end of the socket. */
static char *
dup_peer_address (BelfrySession *session)
{
  struct sockaddr_storage native;
  socklen_t length = sizeof native;
  g_autoptr(GSocketAddress) address = NULL;

  if (session->address != NULL)
    return g_strdup (session->address);
  if (getpeername (session->connection.fd, (struct sockaddr *) &native, &length) == 0)
    address = g_socket_address_new_from_native (&native, length);
  return address != NULL ? belfry_client_address_dup_key (address) : NULL;
}

void
belfry_session_set_foreach_subscriber (BelfrySessionSet      *self,
                                       BelfrySessionPeerFunc  func,
                                       gpointer               user_data)
{
  static const char * const transports[BELFRY_N_TRANSPORTS] = { "websocket", "sse" };

  for (guint i = 0; i < self->sessions->len; i++)
    {
      BelfrySession *session = self->sessions->pdata[i];
      BelfrySessionClass *klass = BELFRY_SESSION_GET_CLASS (session);
      BelfrySubscriber *subscriber = NULL;
      BelfryTransport transport;
      g_autofree char *address = NULL;

      if (klass->get_subscriber != NULL)
        subscriber = klass->get_subscriber (session, &transport);
      if (subscriber == NULL)
        continue;
      address = dup_peer_address (session);
      func (subscriber, transports[transport], address, user_data);
    }
}

void
belfry_session_set_abort (BelfrySessionSet *self)
{
  for_each_session (self, belfry_session_end);
}
