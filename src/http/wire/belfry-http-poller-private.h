/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* One epoll descriptor for all plain connections of a server, on the thread-default context of its making. */
typedef struct _BelfryHttpPoller BelfryHttpPoller;

/* What is known of one connection. A read or write that found less than it asked for takes the mark back. */
typedef struct
{
  BelfryHttpPoller *poller;  /* owned reference; NULL once nobody looks at the connection any more */
  int               fd;  /* -1: polled by itself */
  gboolean          is_readable;
  gboolean          is_writable;
  gboolean          is_over;  /* the peer has sent its last */
} BelfryHttpWatch;

BelfryHttpPoller *belfry_http_poller_new   (void);
void              belfry_http_poller_unref (BelfryHttpPoller *self);
/* NULL when the system has no room for it: the connection has to be polled by itself then. */
BelfryHttpWatch  *belfry_http_poller_watch (BelfryHttpPoller *self, int fd);

/* Of a connection that is polled by itself: it is marked readable by hand, to wake whoever reads. */
BelfryHttpWatch  *belfry_http_watch_new_unpolled (void);

BelfryHttpWatch  *belfry_http_watch_ref    (BelfryHttpWatch *self);
void              belfry_http_watch_unref  (BelfryHttpWatch *self);
/* To be called before the descriptor is closed or becomes somebody else's. */
void              belfry_http_watch_end    (BelfryHttpWatch *self);
/* condition: G_IO_IN or G_IO_OUT. */
GSource          *belfry_http_watch_create_source (BelfryHttpWatch *self, GIOCondition condition);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryHttpPoller, belfry_http_poller_unref)

G_END_DECLS
