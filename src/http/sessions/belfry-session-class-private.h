/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-connection-private.h"
#include "belfry-session-batch-private.h"
#include "belfry-session-private.h"

G_BEGIN_DECLS

/* What sessions of every kind have in common, and what the set knows of them. Home context only. */

#define BELFRY_TYPE_SESSION (belfry_session_get_type ())
#define BELFRY_SESSION(object) (G_TYPE_CHECK_INSTANCE_CAST ((object), BELFRY_TYPE_SESSION, BelfrySession))
#define BELFRY_SESSION_CLASS(klass) (G_TYPE_CHECK_CLASS_CAST ((klass), BELFRY_TYPE_SESSION, BelfrySessionClass))
#define BELFRY_SESSION_GET_CLASS(object) (G_TYPE_INSTANCE_GET_CLASS ((object), BELFRY_TYPE_SESSION, BelfrySessionClass))

typedef struct _BelfrySession      BelfrySession;
typedef struct _BelfrySessionClass BelfrySessionClass;

typedef enum
{
  BELFRY_TRANSPORT_WEBSOCKET,
  BELFRY_TRANSPORT_SSE,
} BelfryTransport;

#define BELFRY_N_TRANSPORTS 2

/* Why a session does not read; it reads while there is no reason. */
typedef enum
{
  BELFRY_PAUSE_OUTBOX = 1 << 0,   /* the peer does not take its answers */
  BELFRY_PAUSE_IN_WORK = 1 << 1,  /* enough is being worked on for it */
} BelfryPause;

/* Subclasses look at set and use the functions below; the other fields belong to belfry-
 * session.c and belfry-session-set.c. */
struct _BelfrySession
{
  GObject           parent_instance;

  BelfrySessionSet *set;       /* unowned; NULL once the session has ended */
  char             *address;   /* what it is counted under, NULL when it is not */
  BelfryGrant      *grant;     /* owned; what its client may do, NULL when it came without a key */
  BelfryConnection  connection;
  GByteArray       *outbox;    /* owned; answers that wait for the next send, NULL when none */
  BelfryBatch      *in_flight; /* owned; what the kernel did not take, NULL when nothing */
  GByteArray       *kept_input; /* owned; read but not yet looked at, NULL when nothing */

  gint64            heard_usec;    /* monotonic; when the peer last sent something */
  gint64            progress_usec; /* monotonic; when the peer was last seen to take something, or to lack nothing */
  gint64            slow_usec;     /* monotonic; when it was last seen to take something while more waited, 0 for never */
  guint64           acknowledged;  /* bytes that the peer's kernel had then */
  gint64            deadline_usec; /* monotonic; when a finishing session ends, 0 before */
  gint64            latest_usec;   /* monotonic; the deadline is not moved beyond this */
  gsize             held;          /* what the batch in flight keeps alive */
  guint             index;         /* in the set's list */
  guint32           watched;       /* epoll events asked for */
  guint             pauses;        /* BelfryPause */
  guint             is_dirty : 1;      /* stands in the set's dirty list */
  guint             is_again : 1;      /* stands in the set's list of those to be read again */
  guint             is_blocked : 1;    /* the kernel takes no more until it says so */
  guint             is_finishing : 1;  /* sends what waits, then says goodbye */
  guint             has_taken : 1;     /* the kernel took something since it was last looked at */
  guint             is_shut : 1;       /* goodbye was said; only the peer's end is awaited */
};

struct _BelfrySessionClass
{
  GObjectClass parent_class;

  /* Where clients find it, for the log. */
  const char *path;
  /* Looks at bytes of the peer and says at how many; the rest is offered again in a later turn, when nothing is
   * paused. data is writable. */
  gsize (*received)  (BelfrySession *self, guint8 *data, gsize length);
  /* Adds pieces until the batch is full or nothing waits. Called once a turn while the session is dirty and the kernel
   * takes data. */
  void  (*produce)   (BelfrySession *self, BelfryBatch *batch);
  /* The batch in flight keeps so much memory alive now; 0 when it has left. */
  void  (*held)      (BelfrySession *self, gsize bytes);
  /* Once a second. */
  void  (*tick)      (BelfrySession *self, gint64 now_usec);
  /* The server goes down: say so, and finish. */
  void  (*shut_down) (BelfrySession *self);
  /* The grant holds no longer: say so, and finish. */
  void  (*revoke)    (BelfrySession *self);
  /* Once: the connection is gone, self->set is NULL. */
  void  (*ended)     (BelfrySession *self);
  /* The subscription that it serves, or NULL. */
  BelfrySubscriber *(*get_subscriber) (BelfrySession *self, BelfryTransport *transport);
};

GType   belfry_session_get_type (void);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySession, g_object_unref)

/* Hands the session over to its set. Takes over the caller's reference. */
void belfry_session_start (BelfrySession *self, BelfrySessionSet *set, GIOStream *stream,
                           const char *address, BelfryGrant *grant);
/* The array to append answers to; they leave before the next turn. */
GByteArray *belfry_session_ensure_outbox (BelfrySession *self);
/* Call after appending. */
void     belfry_session_queued      (BelfrySession *self);
void     belfry_session_mark_dirty  (BelfrySession *self);
void     belfry_session_pause       (BelfrySession *self, BelfryPause reason);
void     belfry_session_resume      (BelfrySession *self, BelfryPause reason);
/* Sends what waits, ends its side, and waits a little for the peer's end; what comes is dropped. */
void     belfry_session_finish      (BelfrySession *self);
/* Ends now. */
void     belfry_session_end         (BelfrySession *self);

/* For the set. */
void     belfry_session_read        (BelfrySession *self);
void     belfry_session_flush       (BelfrySession *self);
void     belfry_session_sweep       (BelfrySession *self, gint64 now_usec);

/* The set, for its sessions. */
const BelfrySessionLimits *belfry_session_set_get_limits   (BelfrySessionSet *self);
BelfrySessionCounters     *belfry_session_set_get_tally    (BelfrySessionSet *self);
guint8                    *belfry_session_set_get_scratch  (BelfrySessionSet *self, gsize *size);
BelfryBatch               *belfry_session_set_get_batch    (BelfrySessionSet *self);
gboolean belfry_session_set_is_shut_down (BelfrySessionSet *self);
gboolean belfry_session_set_add (BelfrySessionSet *self, BelfrySession *session);
void belfry_session_set_remove (BelfrySessionSet *self, BelfrySession *session);
void belfry_session_set_add_dirty (BelfrySessionSet *self, BelfrySession *session);
void belfry_session_set_add_again (BelfrySessionSet *self, BelfrySession *session);
void belfry_session_set_watch (BelfrySessionSet *self, BelfrySession *session);
/* Looks at all clocks; the set calls it once a second, tests with instants of their own. */
void belfry_session_set_sweep (BelfrySessionSet *self, gint64 now_usec);
/* What the delivery path counts for a transport. */
void belfry_session_set_count_delivered (BelfrySessionSet *self, BelfryTransport transport, guint n);

G_END_DECLS
