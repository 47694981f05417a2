/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-backoff-private.h"
#include "belfry-client-socket-private.h"
#include "belfry-client.h"

G_BEGIN_DECLS

/* A subscription on the wire: one connection after the other, each going on where the last one ended. It is a part of the object
 * that owns it, which is kept alive while it is told of something. Home context only. */
typedef struct
{
  void (*connected_changed) (gpointer      owner);
  void (*connected)         (gpointer      owner,
                             const char   *subscriber_id);
  void (*disconnected)      (gpointer      owner,
                             const GError *error,
                             gint64        retry_msec);  /* -1: that was the last one */
  void (*event)             (gpointer      owner,
                             const char   *json,
                             const char   *cursor);
  void (*gap)               (gpointer      owner,
                             const char   *from,
                             const char   *to,
                             guint64       lost);
} BelfryClientLinkFuncs;

typedef struct
{
  const BelfryClientLinkFuncs *funcs;
  GObject                     *owner;   /* not owned */
  BelfryClient                *client;
  BelfryFilter                *filter;       /* or NULL for any */
  char                        *resume_from;
  char                        *cursor;       /* behind the last event or gap, or NULL */
  guint                        silence_msec;
  BelfryBackoff                backoff;

  gboolean                     is_started;
  gboolean                     is_connected;    /* confirmed */
  gint64                       confirmed_usec;  /* monotonic; 0: not on this connection */
  guint64                      received_here;   /* on this connection */
  GError                      *status;          /* the last status error of this connection */
  BelfryClientSocket          *socket;
  GSource                     *retry;

  guint64                      received;
  guint64                      gaps;
  guint64                      connections;
} BelfryClientLink;

void belfry_client_link_start      (BelfryClientLink *self);
void belfry_client_link_stop       (BelfryClientLink *self);
void belfry_client_link_set_filter (BelfryClientLink *self,
                                    BelfryFilter     *filter);
void belfry_client_link_clear      (BelfryClientLink *self);

G_END_DECLS
