/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The settings of a server. They are read on the queue's thread and do not change while it runs. */
typedef struct
{
  guint max_message_bytes;            /* as it comes and when it is unpacked */
  guint max_batch_events;
  guint stream_batch_events;          /* that one acknowledgement covers at most */
  guint ack_delay_msec;
  guint max_calls;                    /* open at once, on all connections */
  guint max_calls_per_connection;
  guint max_metadata_bytes;
  guint max_unacknowledged_events;    /* of one stream */
  guint max_bytes_in_work;            /* decoded and not yet answered; nothing more is read above it */
  guint max_transport_bytes;          /* that gRPC itself may hold of what comes */
  guint lookahead_bytes;              /* that a call may send before we read it */
  guint max_untold_bytes;             /* of verdicts that nobody takes, on all streams */
  guint receive_timeout_msec;         /* for the one message of a call that is no stream */
  guint send_timeout_msec;            /* for the other end to take what it is sent */
  guint watch_interval_msec;          /* between two looks at the state while somebody watches it */
  guint keepalive_msec;               /* a quiet connection is asked whether it still lives */
  guint keepalive_timeout_msec;
  guint min_ping_interval_msec;       /* who asks us more often is sent away */
  guint max_idle_msec;                /* of a connection without calls */
  guint handshake_timeout_msec;
  guint reopen_msec;                  /* between two tries to listen anew */
  guint drain_msec;                   /* after which the calls that are left are cut off at the end */
} BelfryGrpcLimits;

/* What happened, since the start unless it says otherwise. */
typedef struct
{
  guint64 open_calls;                 /* now */
  guint64 open_streams;               /* now */
  guint64 bytes_in_work;              /* now */
  guint64 bytes_untold;               /* now */
  guint64 calls;
  guint64 calls_refused;              /* above the limit */
  guint64 unauthenticated;
  guint64 messages;
  guint64 malformed;
  guint64 too_large;                  /* and batches of too many events */
  guint64 accepted;
  guint64 refused;
  guint64 acknowledgements;
  guint64 cancelled;                  /* by the caller, its deadline or its connection */
  guint64 timeouts;                   /* of the one message */
  guint64 not_taken;                  /* calls that ended because the other end did not take what it was sent */
  guint64 reads_held_back;
} BelfryGrpcTally;

G_END_DECLS
