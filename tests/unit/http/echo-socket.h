/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-web-socket-private.h"

G_BEGIN_DECLS

/* Sends every message back, and the text "Message too large" for one that is. */
BelfryWebSocket *echo_socket_new (void);

G_END_DECLS
