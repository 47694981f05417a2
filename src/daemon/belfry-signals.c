/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <glib-unix.h>

/* One descriptor for all signals. A source for each of them would be asked at every turn of the main loop, some turns an
 * event, and would cost the hot path more than a percent. */

typedef struct
{
  BelfrySignalFunc func;
  gpointer         user_data;
  int              fd;  /* owned */
} Watch;

static void
fill_set (sigset_t *set)
{
  sigemptyset (set);
  sigaddset (set, SIGTERM);
  sigaddset (set, SIGINT);
  sigaddset (set, SIGHUP);
}

void
belfry_signals_block (void)
{
  sigset_t set;

  fill_set (&set);
  sigprocmask (SIG_BLOCK, &set, NULL);
}

static gboolean
on_readable (int          fd,
             GIOCondition condition,
             gpointer     user_data)
{
  Watch *watch = user_data;
  struct signalfd_siginfo info;

  if (read (fd, &info, sizeof info) == sizeof info)
    watch->func ((int) info.ssi_signo, watch->user_data);
  return G_SOURCE_CONTINUE;
}

static void
free_watch (gpointer data)
{
  Watch *watch = data;

  close (watch->fd);
  g_free (watch);
}

GSource *
belfry_signals_watch (BelfrySignalFunc func,
                      gpointer         user_data)
{
  Watch *watch = g_new0 (Watch, 1);
  GSource *source;
  sigset_t set;

  fill_set (&set);
  watch->func = func;
  watch->user_data = user_data;
  watch->fd = signalfd (-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (watch->fd < 0)
    g_error ("No descriptor for signals: %m");

  source = g_unix_fd_source_new (watch->fd, G_IO_IN);
  g_source_set_callback (source, G_SOURCE_FUNC (on_readable), watch, free_watch);
  g_source_attach (source, NULL);
  return source;
}
