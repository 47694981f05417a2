/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How far the peer of a TCP connection has come. What the own kernel takes says little: it holds much, and asks for more
 * only once a good part of that has left. */
typedef struct
{
  guint64  acknowledged;  /* bytes, since the connection stands */
  gboolean is_owed;       /* the peer has not acknowledged everything */
  gboolean is_held_up;    /* more waits than it has room for now */
} BelfryTcpProgress;

/* FALSE when the socket is none of TCP. */
gboolean belfry_tcp_progress_look (BelfryTcpProgress *self, int fd);

G_END_DECLS
