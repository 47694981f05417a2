/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-http-clock-private.h"

G_BEGIN_DECLS

typedef struct _BelfryListener BelfryListener;

/* What counts a connection as open. It goes with the GSocketConnection, unless somebody takes it over who has
 * the descriptor from there on. */
typedef struct _BelfryListenerSeat BelfryListenerSeat;

/* NULL for a connection that does not come from a listener, or whose seat is taken. */
BelfryListenerSeat *belfry_listener_seat_take_over (GIOStream *connection);
void                belfry_listener_seat_free      (BelfryListenerSeat *seat);
/* Goes with the connection from here on. */
void                belfry_listener_seat_give      (BelfryListenerSeat *seat, GIOStream *connection);

/* stream: ready for HTTP (after the TLS handshake, where there is one). */
typedef void (*BelfryListenerFunc) (GIOStream *stream, GSocketAddress *local, GSocketAddress *remote,
                                    gpointer user_data);

/* certificate NULL: plain. */
BelfryListener *belfry_listener_new           (GTlsCertificate *certificate, BelfryHttpClock *clock,
                                               BelfryListenerFunc func, gpointer user_data);
/* For connections to come; only where there was one from the start. */
void            belfry_listener_set_certificate (BelfryListener *self, GTlsCertificate *certificate);
void            belfry_listener_free          (BelfryListener *self);
/* host: an address literal or a name; all its addresses that this machine has. port 0: any free one, the
 * same for all. */
gboolean        belfry_listener_listen        (BelfryListener *self, const char *host, guint16 port, GError **error);
/* No new connections from here on; handshakes under way end too. */
void            belfry_listener_stop          (BelfryListener *self);
char          **belfry_listener_list_uris     (BelfryListener *self);
guint64         belfry_listener_get_accepted  (BelfryListener *self);
/* Turned away because the process had no descriptor left. */
guint64         belfry_listener_get_refused   (BelfryListener *self);
/* Turned away because too many were open. */
guint64         belfry_listener_get_over_limit (BelfryListener *self);
/* Over it the connection that has been idle for longest makes room, or the new one is closed. 0: no limit. */
void            belfry_listener_set_max_open  (BelfryListener *self, guint max_open);
/* Those that are still open, whoever has them now. */
guint           belfry_listener_get_n_open    (BelfryListener *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryListener, belfry_listener_free)

G_END_DECLS
