/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>
#include <sys/uio.h>

#include "belfry-listener-private.h"

G_BEGIN_DECLS

/* A taken connection, plain or TLS, as two calls that never block. */

#define BELFRY_IO_WOULD_BLOCK (-1)
#define BELFRY_IO_FAILED      (-2)

typedef struct
{
  GIOStream             *stream;     /* owned; as it was taken; NULL once it is not needed any more */
  GPollableInputStream  *handshake;  /* unowned; may hold bytes that came with the handshake, NULL once it was read dry */
  GPollableInputStream  *tls_input;  /* unowned; NULL when plain */
  GPollableOutputStream *tls_output; /* unowned; NULL when plain */
  GByteArray            *tls_rest;   /* owned; a record that TLS has half taken, NULL when none */
  int                    fd;         /* of the stream's socket; -1 once closed */
  BelfryListenerSeat    *seat;       /* owned; with a descriptor of its own, else it goes with the stream, or NULL */
  gboolean               owns_fd;    /* a duplicate of the stream's; else it goes with the stream */
  gboolean               may_hold_more; /* bytes may wait that the descriptor does not tell of */
} BelfryConnection;

/* FALSE when the stream has no socket beneath; then nothing is held. */
gboolean belfry_connection_init   (BelfryConnection *self, GIOStream *stream);
/* More than 0: that many bytes; 0: the peer has ended; else one of the codes above. */
gssize   belfry_connection_read   (BelfryConnection *self, guint8 *buffer, gsize size);
/* How many bytes were taken over for good, or one of the codes above. Without vectors it sends what is left of before. */
gssize   belfry_connection_writev (BelfryConnection *self, struct iovec *vectors, guint n_vectors);
/* Bytes that were taken over but not yet sent: the descriptor must be watched for writing. */
gboolean belfry_connection_has_rest (BelfryConnection *self);
/* No more is written; the peer sees the end, and may still be read. */
void     belfry_connection_shut_down_output (BelfryConnection *self);
void     belfry_connection_close  (BelfryConnection *self);

G_END_DECLS
