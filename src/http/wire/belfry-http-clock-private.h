/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The time limits of all connections of a server, on the thread-default context of its making. One coarse
 * tick serves them all, and only while somebody waits. */
typedef struct _BelfryHttpClock BelfryHttpClock;

typedef enum
{
  BELFRY_HTTP_PHASE_NONE,
  BELFRY_HTTP_PHASE_HANDSHAKE,  /* TLS */
  BELFRY_HTTP_PHASE_IDLE,       /* nothing of a request is there */
  BELFRY_HTTP_PHASE_HEAD,
  BELFRY_HTTP_PHASE_BODY,       /* since its last bytes */
  BELFRY_HTTP_PHASE_WRITE,      /* since the peer last took something of an answer */
  BELFRY_HTTP_PHASE_LINGER,     /* answered for the last time, and not closed yet */
  BELFRY_HTTP_N_PHASES,
} BelfryHttpPhase;

/* What the server turned away on the wire, since the start. */
typedef struct
{
  guint64 bad_requests;
  guint64 heads_too_large;
  guint64 timeouts;          /* 408, and handshakes and answers that stood still */
  guint64 idle_closed;       /* by time, or to make room */
  guint64 lingering_closed;  /* the same, of those that did not close after their last answer */
} BelfryHttpTally;

/* Part of whatever waits. expired is called once, with the timer stopped. */
typedef struct _BelfryHttpTimer BelfryHttpTimer;
struct _BelfryHttpTimer
{
  GList           link;        /* in the queue of its phase */
  BelfryHttpPhase phase;
  gint64          since_usec;  /* monotonic, coarse */
  void          (*expired) (BelfryHttpTimer *timer);
  /* NULL, or asked when the time is over: TRUE when the peer has got on after all, and the time begins anew. */
  gboolean      (*got_on)  (BelfryHttpTimer *timer);
};

BelfryHttpClock *belfry_http_clock_new       (void);
BelfryHttpClock *belfry_http_clock_ref       (BelfryHttpClock *self);
void             belfry_http_clock_unref     (BelfryHttpClock *self);
/* 0: no limit. */
void             belfry_http_clock_set_limit (BelfryHttpClock *self, BelfryHttpPhase phase, gint64 limit_usec);
gint64           belfry_http_clock_get_limit (BelfryHttpClock *self, BelfryHttpPhase phase);
/* Of a whole body, however steadily it comes. */
void             belfry_http_clock_set_body_limit (BelfryHttpClock *self, gint64 limit_usec);
gint64           belfry_http_clock_get_body_limit (BelfryHttpClock *self);
/* Coarse. */
gint64           belfry_http_clock_get_now   (BelfryHttpClock *self);
/* As HTTP writes it, to the second. */
const char      *belfry_http_clock_get_date  (BelfryHttpClock *self);
/* Anew, when it already runs. */
void             belfry_http_clock_start     (BelfryHttpClock *self, BelfryHttpTimer *timer, BelfryHttpPhase phase);
void             belfry_http_clock_stop      (BelfryHttpClock *self, BelfryHttpTimer *timer);
guint            belfry_http_clock_count     (BelfryHttpClock *self, BelfryHttpPhase phase);
/* Ends the one that has been in that phase for longest; FALSE when none is. */
gboolean         belfry_http_clock_make_room (BelfryHttpClock *self, BelfryHttpPhase phase);
BelfryHttpTally *belfry_http_clock_get_tally (BelfryHttpClock *self);

G_END_DECLS
