/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-grant-private.h"
#include "belfry-pipeline.h"

G_BEGIN_DECLS

/* What the server asks of the session module. How sessions are built inside (connection, frame parser, WebSocket, SSE) is
 * that module's affair. */

typedef struct _BelfrySessionSet BelfrySessionSet;

typedef struct
{
  gsize  max_message_bytes;         /* MAX_WS_MESSAGE_BYTES */
  gint64 first_message_usec;        /* 10 s */
  gint64 keepalive_usec;            /* 30 s */
  gint64 sse_comment_usec;          /* 15 s */
  gint64 pong_timeout_usec;         /* how long a peer may leave a ping of ours unanswered */
} BelfrySessionLimits;

/* What is told of the codes of close frames; the last one stands for all others. */
#define BELFRY_N_CLOSE_CODES 15
extern const char * const belfry_close_code_names[BELFRY_N_CLOSE_CODES];

/* Since the set was made, but for the last one. */
typedef struct
{
  guint64 sessions;              /* started */
  guint64 messages_received;     /* whole WebSocket messages of clients, dropped ones included */
  guint64 bytes_received;
  guint64 bytes_sent;
  guint64 messages_too_large;
  guint64 protocol_errors;       /* connections failed with 1002, 1007 or 1009 */
  guint64 pong_timeouts;         /* connections dropped because a ping stayed unanswered */
  guint64 stalled;               /* connections dropped because the peer took nothing for too long */
  guint64 delivered[2];          /* WebSocket, SSE */
  guint64 closes[BELFRY_N_CLOSE_CODES];  /* close frames that were sent, by code */
  guint64 held_bytes;            /* now: kept alive by what kernels did not take yet */
} BelfrySessionCounters;

void              belfry_session_limits_init       (BelfrySessionLimits *limits);  /* the figures of the contract */

/* All sessions of one server: flushes those that have something to send once a loop turn, looks at their clocks once a second,
 * counts them by address. */
BelfrySessionSet *belfry_session_set_new           (const BelfrySessionLimits *limits);
BelfrySessionSet *belfry_session_set_ref           (BelfrySessionSet *self);
void              belfry_session_set_unref         (BelfrySessionSet *self);
guint             belfry_session_set_get_n_sessions (BelfrySessionSet *self);
guint             belfry_session_set_count_address (BelfrySessionSet *self, const char *address);
guint64           belfry_session_set_get_delivered (BelfrySessionSet *self, const char *transport); /* "websocket", "sse" */
void belfry_session_set_get_counters (BelfrySessionSet *self, BelfrySessionCounters *counters);
/* 1001 to WebSockets, retry: and the end to SSE; no new ones after this. func is called once,
 * when the last one is gone (at once when none). */
void belfry_session_set_shut_down (BelfrySessionSet *self, GFunc func, gpointer user_data);
/* Closes those whose grant holds no longer: 4001 to WebSockets, the end to SSE. */
void              belfry_session_set_close_revoked (BelfrySessionSet *self);
/* Calls func for each session that serves a subscription; address is what the client is known under. */
typedef void (*BelfrySessionPeerFunc) (BelfrySubscriber *subscriber, const char *transport, const char *address,
                                       gpointer user_data);
void belfry_session_set_foreach_subscriber (BelfrySessionSet *self, BelfrySessionPeerFunc func, gpointer user_data);
/* Ends those that still linger. */
void              belfry_session_set_abort         (BelfrySessionSet *self);

/* Each takes over a connection whose upgrade has been answered with 101 (stream: as stolen from libsoup, possibly TLS,
 * possibly holding bytes that came with the handshake; it is referenced, or closed). The set owns the session from here on;
 * it frees itself when the connection ends. grant: what the client may do; referenced, NULL: it came without a key. */
void belfry_publish_session_start (BelfrySessionSet *set, GIOStream *stream, const char *address,
                                   BelfryGrant *grant, BelfryPipeline *pipeline);
void belfry_subscribe_session_start (BelfrySessionSet *set, GIOStream *stream, const char *address,
                                     BelfryGrant *grant, BelfryRouter *router);
/* Closes at once with code and reason (4001, 4002), in the closing handshake's good manners. */
void belfry_refused_session_start (BelfrySessionSet *set, GIOStream *stream, guint16 code,
                                   const char *reason);
/* stream: taken before anything was answered. head: the status line and headers, with the empty line at their end.
 * subscriber: referenced, and cancelled when the stream ends; NULL: at capacity, answers retry: and ends. Streams are not
 * counted by address: the number of subscribers bounds them. */
void belfry_sse_session_start (BelfrySessionSet *set, GIOStream *stream, BelfryGrant *grant, const char *head,
                               BelfrySubscriber *subscriber);

G_END_DECLS
