/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-kafka-sink.h"

#include <netdb.h>

static GMutex lock;
static GCond changed;
static guint n_asked;         /* times; guarded by lock, as the next */
static gboolean is_answering;

/* Instead of the C library's, for librdkafka too: a name server that takes its time. */
int
getaddrinfo (const char             *name,
             const char             *service,
             const struct addrinfo  *hints,
             struct addrinfo       **addresses)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&lock);

  n_asked++;
  g_cond_broadcast (&changed);
  while (!is_answering)
    g_cond_wait (&changed, &lock);

  return EAI_AGAIN;
}

static void
on_stopped (BelfrySink *sink,
            gboolean   *is_stopped)
{
  *is_stopped = TRUE;
}

static guint
count_threads (void)
{
  g_autoptr(GDir) folder = g_dir_open ("/proc/self/task", 0, NULL);
  guint count = 0;

  while (g_dir_read_name (folder) != NULL)
    count++;
  return count;
}

static void
test_slow_names (void)
{
  guint n_threads = count_threads ();
  g_autoptr(GError) error = NULL;
  BelfryKafkaSink *sink = belfry_kafka_sink_new ("broker.invalid:9092", "events", NULL, 1, NULL, &error);
  gboolean is_stopped = FALSE;

  g_assert_no_error (error);
  g_mutex_lock (&lock);
  while (n_asked == 0)
    g_cond_wait (&changed, &lock);
  g_mutex_unlock (&lock);

  g_signal_connect (sink, "stopped", G_CALLBACK (on_stopped), &is_stopped);
  belfry_sink_stop (BELFRY_SINK (sink));
  while (!is_stopped)
    g_main_context_iteration (NULL, TRUE);
  g_object_run_dispose (G_OBJECT (sink));
  g_object_unref (sink);

  /* It is still being asked for, and nobody has waited for that. */
  g_mutex_lock (&lock);
  is_answering = TRUE;
  g_cond_broadcast (&changed);
  g_mutex_unlock (&lock);

  /* Who checks for leaks wants all to be over. */
  while (count_threads () > n_threads)
    g_thread_yield ();
}

/* At the start of a service. */
static void
test_check (void)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (belfry_kafka_sink_check ("broker.invalid:9092", "events", "letters", "compression.type=lz4", &error));
  g_assert_no_error (error);
  g_mutex_lock (&lock);
  g_assert_cmpuint (n_asked, ==, 0);
  g_mutex_unlock (&lock);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/kafka/check/asks-no-name-server", test_check);
  g_test_add_func ("/kafka/end/waits-for-no-name-server", test_slow_names);

  return g_test_run ();
}
