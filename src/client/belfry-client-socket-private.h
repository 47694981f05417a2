/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-client.h"

G_BEGIN_DECLS

/* One WebSocket to the daemon, from the attempt to connect to its end, for publisher and subscription.
 *
 * opened and closed come at most once, closed last; neither comes after belfry_client_socket_shut(), and none comes from within
 * belfry_client_socket_new(). Each of them may shut the socket. Home context only. */
typedef struct _BelfryClientSocket BelfryClientSocket;

typedef struct
{
  void (*opened) (gpointer owner);
  void (*text)   (gpointer    owner,
                  const char *text,
                  gsize       length);
  void (*closed) (gpointer      owner,
                  guint         code,    /* the peer's, or 0 */
                  const char   *reason,  /* nullable */
                  const GError *error);  /* when it did not even open, or fell silent */
} BelfryClientSocketFuncs;

/* silence_msec: the peer is given up when nothing, not even a pong, came for so long. */
BelfryClientSocket *belfry_client_socket_new  (BelfryClient                  *client,
                                               const char                    *path,
                                               guint                          silence_msec,
                                               const BelfryClientSocketFuncs *funcs,
                                               gpointer                       owner);
gboolean            belfry_client_socket_is_open (BelfryClientSocket         *self);
void                belfry_client_socket_send (BelfryClientSocket            *self,
                                               const char                    *text);
/* Says goodbye and lets go of it. */
void                belfry_client_socket_shut (BelfryClientSocket            *self);

G_END_DECLS
