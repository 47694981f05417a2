/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _BelfryListener BelfryListener;

/* stream: ready for HTTP (after the TLS handshake, where there is one). */
typedef void (*BelfryListenerFunc) (GIOStream *stream, GSocketAddress *local, GSocketAddress *remote,
                                    gpointer user_data);

/* certificate NULL: plain. */
BelfryListener *belfry_listener_new           (GTlsCertificate *certificate, BelfryListenerFunc func,
                                               gpointer user_data);
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
/* Those that are still open, whoever has them now. */
guint           belfry_listener_get_n_open    (BelfryListener *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryListener, belfry_listener_free)

G_END_DECLS
