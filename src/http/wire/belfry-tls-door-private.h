/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-lobby-private.h"

G_BEGIN_DECLS

/* The TLS handshakes of one listener. */
typedef struct _BelfryTlsDoor BelfryTlsDoor;

BelfryTlsDoor *belfry_tls_door_new   (GTlsCertificate *certificate, BelfryHttpClock *clock, BelfryListenerFunc func,
                                      gpointer user_data);
/* For handshakes that have not begun. */
void           belfry_tls_door_set_certificate (BelfryTlsDoor *self, GTlsCertificate *certificate);
/* Takes the caller, of whom a whole record is there. */
void           belfry_tls_door_take  (BelfryTlsDoor *self, BelfryCaller *caller);
/* Ends all, and calls nobody any more. */
void           belfry_tls_door_close (BelfryTlsDoor *self);

G_END_DECLS
