/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>
#include <netinet/in.h>

#include "belfry-http-clock-private.h"
#include "belfry-listener-private.h"

G_BEGIN_DECLS

/* Where a connection that was accepted waits until there is something to read: a byte, or with TLS the whole
 * first record of a handshake. Until then it costs a descriptor and what is in here. */
typedef struct _BelfryLobby BelfryLobby;

typedef struct
{
  BelfryHttpTimer     timer;    /* runs on behind the lobby, where TLS follows */
  GList               link;     /* in its lobby, and later as its owner likes */
  BelfryLobby        *lobby;    /* borrowed; NULL once it has left */
  BelfryHttpClock    *clock;    /* owned reference */
  BelfryListenerSeat *seat;     /* owned, or NULL */
  gpointer            owner;    /* of whoever has it behind the lobby */
  struct sockaddr_in6 address;  /* or of IPv4, which is smaller */
  socklen_t           address_length;
  int                 fd;       /* owned; -1 once the connection was made */
  int                 n_wanted; /* bytes that wake */
} BelfryCaller;

/* Takes the caller. */
typedef void (*BelfryLobbyFunc) (BelfryCaller *caller, gpointer user_data);

BelfryLobby  *belfry_lobby_new  (BelfryHttpClock *clock, gboolean wants_tls, BelfryLobbyFunc func, gpointer user_data);
/* Closes whoever still waits. */
void          belfry_lobby_free (BelfryLobby *self);
/* Takes the descriptor and the seat. */
void          belfry_lobby_take (BelfryLobby *self, int fd, const struct sockaddr_storage *address,
                                 socklen_t address_length, BelfryListenerSeat *seat);
/* Lets go on whoever has something to read already. */
void          belfry_lobby_flush (BelfryLobby *self);

GSocketAddress *belfry_caller_dup_remote (BelfryCaller *self);
/* NULL when it is over already. To be called once. */
GIOStream      *belfry_caller_make_connection (BelfryCaller *self, GSocketAddress **local, GSocketAddress **remote);
/* Closes what it still has. */
void            belfry_caller_free (BelfryCaller *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryLobby, belfry_lobby_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryCaller, belfry_caller_free)

G_END_DECLS
