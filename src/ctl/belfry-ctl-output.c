/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-ctl-output.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define BUFFER_BYTES (64 * 1024)

/* Set by the signal handler; everything else belongs to the main context. */
static volatile sig_atomic_t is_interrupted;
static int wake_fds[2] = { -1, -1 };

static BelfryCtlEndFunc end_callback;
static gpointer end_data;
static guint flush_source;
static guint wake_source;
static guint reader_source;
static int write_errno;

static void
on_signal (int number)
{
  const char byte = 0;
  gssize ignored;

  is_interrupted = 1;
  /* A full pipe wakes as well. */
  ignored = write (wake_fds[1], &byte, 1);
  (void) ignored;
}

static gboolean
on_wake (int          fd,
         GIOCondition condition,
         gpointer     user_data)
{
  wake_source = 0;
  end_callback (end_data);

  return G_SOURCE_REMOVE;
}

/* Nobody reads the pipe any more, and perhaps no line comes that would tell us. */
static gboolean
on_reader_gone (int          fd,
                GIOCondition condition,
                gpointer     user_data)
{
  reader_source = 0;
  write_errno = EPIPE;
  end_callback (end_data);

  return G_SOURCE_REMOVE;
}

static void
note_failure (void)
{
  if (write_errno == 0)
    write_errno = errno != 0 ? errno : EIO;
}

static gboolean
flush_cb (gpointer user_data)
{
  flush_source = 0;
  if (fflush (stdout) != 0)
    {
      note_failure ();
      if (end_callback != NULL)
        end_callback (end_data);
    }

  return G_SOURCE_REMOVE;
}

void
belfry_ctl_output_begin (BelfryCtlEndFunc end_func,
                         gpointer         user_data)
{
  struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_RESETHAND };

  end_callback = end_func;
  end_data = user_data;
  is_interrupted = 0;
  write_errno = 0;
  setvbuf (stdout, NULL, _IOFBF, BUFFER_BYTES);

  if (g_unix_open_pipe (wake_fds, FD_CLOEXEC, NULL))
    {
      g_unix_set_fd_nonblocking (wake_fds[1], TRUE, NULL);
      wake_source = g_unix_fd_add (wake_fds[0], G_IO_IN, on_wake, NULL);
    }
  reader_source = g_unix_fd_add (STDOUT_FILENO, G_IO_ERR, on_reader_gone, NULL);

  sigemptyset (&action.sa_mask);
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
}

void
belfry_ctl_output_line (const char *line)
{
  errno = 0;
  if (puts (line) == EOF)
    note_failure ();

  if (flush_source == 0)
    flush_source = g_idle_add (flush_cb, NULL);
}

gboolean
belfry_ctl_output_is_unwanted (void)
{
  return is_interrupted || write_errno != 0;
}

gboolean
belfry_ctl_output_end (GError **error)
{
  signal (SIGINT, SIG_DFL);
  signal (SIGTERM, SIG_DFL);

  g_clear_handle_id (&flush_source, g_source_remove);
  g_clear_handle_id (&wake_source, g_source_remove);
  g_clear_handle_id (&reader_source, g_source_remove);
  for (guint i = 0; i < G_N_ELEMENTS (wake_fds); i++)
    {
      if (wake_fds[i] >= 0)
        close (wake_fds[i]);
      wake_fds[i] = -1;
    }

  errno = 0;
  if (fflush (stdout) != 0)
    note_failure ();
  if (write_errno == 0 || write_errno == EPIPE)
    return TRUE;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (write_errno), "Standard output: %s", g_strerror (write_errno));

  return FALSE;
}
