/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-http-poller-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* libsoup makes a source for every wait and destroys it after, inside of two others. With a descriptor in it
 * GLib wakes its own main loop, one system call each time, whenever one of the three comes, goes, or is
 * dispatched: eight calls a request. The sources made here have no descriptor. One source for all of a
 * server looks at an epoll descriptor and leaves marks, which theirs read in the same turn of the loop: it
 * is of higher priority, and GLib asks sources in the order of their priority.
 *
 * The epoll descriptor tells changes only (EPOLLET), so that waiting and not waiting cost nothing. */

#define MAX_EVENTS_PER_TURN 256

struct _BelfryHttpPoller
{
  int      epoll_fd;
  GSource *source;  /* owned */
};

typedef struct
{
  GSource  source;
  int      epoll_fd;
  gpointer tag;
} PollerSource;

typedef struct
{
  GSource          source;
  BelfryHttpWatch *watch;  /* owned reference */
  GIOCondition     condition;
} WatchSource;

static gboolean
poller_source_prepare (GSource *source,
                       int     *timeout)
{
  *timeout = -1;
  return FALSE;
}

static void
mark (BelfryHttpWatch *watch,
      guint32          events)
{
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
    watch->is_over = TRUE;
  if (watch->is_over || (events & EPOLLIN) != 0)
    watch->is_readable = TRUE;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
    watch->is_writable = TRUE;
}

/* Never ready itself. What does not fit into one look is there in the next turn. */
static gboolean
poller_source_check (GSource *source)
{
  PollerSource *self = (PollerSource *) source;
  struct epoll_event events[MAX_EVENTS_PER_TURN];
  int n_events;

  if (g_source_query_unix_fd (source, self->tag) == 0)
    return FALSE;

  n_events = epoll_wait (self->epoll_fd, events, MAX_EVENTS_PER_TURN, 0);
  for (int i = 0; i < n_events; i++)
    mark (events[i].data.ptr, events[i].events);

  return FALSE;
}

static gboolean
poller_source_dispatch (GSource     *source,
                        GSourceFunc  callback,
                        gpointer     user_data)
{
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs poller_source_funcs = {
  .prepare = poller_source_prepare,
  .check = poller_source_check,
  .dispatch = poller_source_dispatch,
};

BelfryHttpPoller *
belfry_http_poller_new (void)
{
  BelfryHttpPoller *self = g_rc_box_new0 (BelfryHttpPoller);
  PollerSource *source;

  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (self->epoll_fd < 0)
    return self;

  self->source = g_source_new (&poller_source_funcs, sizeof (PollerSource));
  source = (PollerSource *) self->source;
  source->epoll_fd = self->epoll_fd;
  source->tag = g_source_add_unix_fd (self->source, self->epoll_fd, G_IO_IN);
  g_source_set_static_name (self->source, "belfry http connections");
  g_source_set_priority (self->source, G_PRIORITY_DEFAULT - 1);
  g_source_attach (self->source, g_main_context_get_thread_default ());
  return self;
}

static void
clear_poller (gpointer data)
{
  BelfryHttpPoller *self = data;

  if (self->source == NULL)
    return;

  g_source_destroy (self->source);
  g_source_unref (self->source);
  close (self->epoll_fd);
}

void
belfry_http_poller_unref (BelfryHttpPoller *self)
{
  g_rc_box_release_full (self, clear_poller);
}

BelfryHttpWatch *
belfry_http_poller_watch (BelfryHttpPoller *self,
                          int               fd)
{
  BelfryHttpWatch *watch = g_rc_box_new0 (BelfryHttpWatch);
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = watch };

  if (self->source == NULL || epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
    {
      g_rc_box_release (watch);
      return NULL;
    }

  watch->poller = g_rc_box_acquire (self);
  watch->fd = fd;
  return watch;
}

BelfryHttpWatch *
belfry_http_watch_new_unpolled (void)
{
  BelfryHttpWatch *watch = g_rc_box_new0 (BelfryHttpWatch);

  watch->fd = -1;
  return watch;
}

BelfryHttpWatch *
belfry_http_watch_ref (BelfryHttpWatch *self)
{
  return g_rc_box_acquire (self);
}

static void
clear_watch (gpointer data)
{
  belfry_http_watch_end (data);
}

void
belfry_http_watch_unref (BelfryHttpWatch *self)
{
  g_rc_box_release_full (self, clear_watch);
}

void
belfry_http_watch_end (BelfryHttpWatch *self)
{
  if (self->poller == NULL)
    return;

  (void) epoll_ctl (self->poller->epoll_fd, EPOLL_CTL_DEL, self->fd, NULL);
  g_clear_pointer (&self->poller, belfry_http_poller_unref);
}

/* --- waiting for one connection --- */

/* A source whose watch has ended wakes whoever waits, to find out by trying. */
static gboolean
watch_source_check (GSource *source)
{
  WatchSource *self = (WatchSource *) source;

  return (self->watch->poller == NULL && self->watch->fd >= 0)
         || (self->condition == G_IO_IN ? self->watch->is_readable : self->watch->is_writable);
}

static gboolean
watch_source_prepare (GSource *source,
                      int     *timeout)
{
  *timeout = -1;
  return watch_source_check (source);
}

/* It lives inside of another source, which has the callback. GIO's and libsoup's streams give such a source
 * an empty closure, which GLib refuses where none could be called. */
static gboolean
call_closure (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static gboolean
watch_source_dispatch (GSource     *source,
                       GSourceFunc  callback,
                       gpointer     user_data)
{
  return G_SOURCE_CONTINUE;
}

static void
watch_source_finalize (GSource *source)
{
  g_clear_pointer (&((WatchSource *) source)->watch, belfry_http_watch_unref);
}

static GSourceFuncs watch_source_funcs = {
  .prepare = watch_source_prepare,
  .check = watch_source_check,
  .dispatch = watch_source_dispatch,
  .finalize = watch_source_finalize,
  .closure_callback = call_closure,
};

GSource *
belfry_http_watch_create_source (BelfryHttpWatch *self,
                                 GIOCondition     condition)
{
  GSource *source = g_source_new (&watch_source_funcs, sizeof (WatchSource));

  ((WatchSource *) source)->watch = belfry_http_watch_ref (self);
  ((WatchSource *) source)->condition = condition;
  return source;
}
