/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-dbus-streams-private.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <glib-unix.h>

#include "memory-store.h"

#define USER 1000

typedef struct
{
  MemoryStore       *store;
  BelfryRouter      *router;
  BelfryDBusStreams *streams;
} World;

#define wait_for(condition) \
  G_STMT_START { \
    gint64 give_up = g_get_monotonic_time () + 20 * G_USEC_PER_SEC; \
    while (!(condition)) \
      { \
        g_assert_cmpint (g_get_monotonic_time (), <, give_up); \
        if (!g_main_context_iteration (NULL, FALSE)) \
          g_usleep (100); \
      } \
  } G_STMT_END

static void
set_up (World         *world,
        gconstpointer  data)
{
  world->store = memory_store_new ();
  world->router = belfry_router_new (BELFRY_EVENT_STORE (world->store));
  world->streams = belfry_dbus_streams_new ();
}

static void
tear_down (World         *world,
           gconstpointer  data)
{
  belfry_dbus_streams_free (world->streams);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_finalize_object (world->router);
  g_assert_finalize_object (world->store);
}

static int
open_stream (World             *world,
             BelfrySubscriber **subscriber,
             gboolean           with_cursors)
{
  g_autoptr(BelfryFilter) filter = belfry_filter_new (NULL, NULL, NULL);
  g_autoptr(BelfrySubscriber) own = belfry_router_subscribe (world->router, filter, NULL, NULL);
  g_autoptr(GError) error = NULL;
  int fd = belfry_dbus_streams_open (world->streams, own, ":1.7", USER, with_cursors, &error);

  g_assert_no_error (error);
  g_assert_cmpint (fd, >=, 0);
  /* The reader does as it likes; that we do not block is our affair. */
  g_assert_cmpint (fcntl (fd, F_GETFL) & O_NONBLOCK, ==, 0);
  if (subscriber != NULL)
    *subscriber = g_object_ref (own);
  return fd;
}

static void
ring (World *world,
      gsize  payload_size)
{
  memory_store_add (world->store, memory_event_new ("tick", "s", NULL, payload_size));
}

/* Reads until so many lines came; the last one. */
static char *
read_lines (int   fd,
            guint n_lines)
{
  g_autoptr(GString) bytes = g_string_new (NULL);
  g_auto(GStrv) lines = NULL;
  guint n_found = 0;
  gint64 give_up = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;

  g_assert_true (g_unix_set_fd_nonblocking (fd, TRUE, NULL));
  while (n_found < n_lines)
    {
      char buffer[65536];
      gssize n = read (fd, buffer, sizeof buffer);

      g_assert_cmpint (g_get_monotonic_time (), <, give_up);
      g_assert_cmpint (n, !=, 0);
      for (gssize i = 0; i < n; i++)
        n_found += buffer[i] == '\n';
      if (n > 0)
        g_string_append_len (bytes, buffer, n);
      else if (!g_main_context_iteration (NULL, FALSE))
        g_usleep (100);
    }
  g_assert_cmpuint (n_found, ==, n_lines);
  lines = g_strsplit (bytes->str, "\n", -1);
  return g_strdup (lines[n_lines - 1]);
}

static gboolean
is_at_end (int fd)
{
  char byte;

  g_assert_true (g_unix_set_fd_nonblocking (fd, TRUE, NULL));
  return read (fd, &byte, 1) == 0;
}

static void
test_one_event_a_line (World         *world,
                       gconstpointer  data)
{
  int fd = open_stream (world, NULL, FALSE);
  g_autofree char *line = NULL;

  ring (world, 10);
  line = read_lines (fd, 1);
  g_assert_true (g_str_has_prefix (line, "{\"id\":\"evt_"));
  g_assert_true (g_str_has_suffix (line, "Z\"}"));
  g_assert_null (strstr (line, "cursor"));
  g_assert_cmpuint (belfry_dbus_streams_get_tally (world->streams)->delivered, ==, 1);
  close (fd);
  wait_for (belfry_dbus_streams_get_n_open (world->streams) == 0);
}

static void
test_cursors (World         *world,
              gconstpointer  data)
{
  int fd = open_stream (world, NULL, TRUE);
  g_autofree char *line = NULL;
  g_autofree char *text = NULL;
  g_autoptr(BelfryCursor) cursor = NULL;
  const char *member;

  ring (world, 10);
  line = read_lines (fd, 1);
  member = strstr (line, ",\"cursor\":\"");
  g_assert_nonnull (member);
  text = g_strndup (member + strlen (",\"cursor\":\""), BELFRY_CURSOR_TEXT_LENGTH);
  cursor = belfry_cursor_new_from_string (text, NULL);
  g_assert_nonnull (cursor);
  g_assert_cmpuint (cursor->position, ==, 1);
  close (fd);
}

static void
test_reader_gone_while_idle (World         *world,
                             gconstpointer  data)
{
  g_autoptr(BelfrySubscriber) subscriber = NULL;
  int fd = open_stream (world, &subscriber, FALSE);
  guint active;

  g_assert_cmpuint (belfry_dbus_streams_count_user (world->streams, USER), ==, 1);
  close (fd);
  wait_for (belfry_dbus_streams_get_n_open (world->streams) == 0);
  g_assert_cmpuint (belfry_dbus_streams_count_user (world->streams, USER), ==, 0);
  g_object_get (world->router, "active-subscribers", &active, NULL);
  g_assert_cmpuint (active, ==, 0);
}

static void
test_reader_gone_while_full (World         *world,
                             gconstpointer  data)
{
  int fd = open_stream (world, NULL, FALSE);

  for (guint i = 0; i < 2000; i++)
    ring (world, 1000);
  for (guint i = 0; i < 100; i++)
    g_main_context_iteration (NULL, FALSE);
  close (fd);
  wait_for (belfry_dbus_streams_get_n_open (world->streams) == 0);
}

static void
test_slow_reader_loses_nothing (World         *world,
                                gconstpointer  data)
{
  g_autoptr(BelfrySubscriber) subscriber = NULL;
  int fd = open_stream (world, &subscriber, FALSE);
  g_autofree char *line = NULL;
  guint64 waiting, held;

  /* Small bounds, so that it falls back to the log. */
  g_object_set (world->router, "max-queue-size", 100u, "mailbox-max-bytes", (guint64) 65536, NULL);
  for (guint i = 0; i < 4000; i++)
    {
      ring (world, 200);
      if (i % 100 == 0)
        g_main_context_iteration (NULL, FALSE);
    }
  g_object_get (subscriber, "waiting-bytes", &waiting, NULL);
  g_object_get (world->router, "catch-up-bytes", &held, NULL);
  g_assert_cmpuint (waiting, <, 2 * 1024 * 1024);
  g_assert_cmpuint (held, <, 2 * 1024 * 1024);

  line = read_lines (fd, 4000);
  g_assert_cmpuint (belfry_dbus_streams_get_tally (world->streams)->delivered, ==, 4000);
  close (fd);
}

static void
test_event_larger_than_a_pipe (World         *world,
                               gconstpointer  data)
{
  int fd = open_stream (world, NULL, FALSE);
  g_autofree char *line = NULL;

  ring (world, 1024 * 1024);
  ring (world, 10);
  line = read_lines (fd, 2);
  g_assert_cmpuint (strlen (line), <, 500);
  close (fd);
}

static void
test_gap (World         *world,
          gconstpointer  data)
{
  g_autoptr(BelfryFilter) filter = belfry_filter_new (NULL, NULL, NULL);
  g_autoptr(BelfryCursor) cursor = NULL;
  g_autoptr(BelfrySubscriber) subscriber = NULL;
  g_autofree char *line = NULL;
  int fd;

  cursor = belfry_cursor_new (MEMORY_LOG_ID, 1);
  g_object_set (world->router, "max-queue-size", 1u, NULL);
  for (guint i = 0; i < 10; i++)
    ring (world, 10);
  memory_store_set_floor (world->store, 6);
  subscriber = belfry_router_subscribe (world->router, filter, cursor, NULL);
  fd = belfry_dbus_streams_open (world->streams, subscriber, ":1.7", USER, FALSE, NULL);
  line = read_lines (fd, 1 + 5);
  g_assert_true (g_str_has_prefix (line, "{\"id\""));
  close (fd);
}

static void
test_disconnected (World         *world,
                   gconstpointer  data)
{
  g_autoptr(BelfrySubscriber) subscriber = NULL;
  int fd = open_stream (world, &subscriber, FALSE);

  belfry_subscriber_cancel (subscriber);
  g_assert_cmpuint (belfry_dbus_streams_get_n_open (world->streams), ==, 0);
  g_assert_true (is_at_end (fd));
  close (fd);
}

static void
test_end_all (World         *world,
              gconstpointer  data)
{
  int fds[100];

  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = open_stream (world, NULL, FALSE);
  ring (world, 10);
  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    g_free (read_lines (fds[i], 1));
  g_assert_cmpuint (belfry_dbus_streams_count_user (world->streams, USER), ==, G_N_ELEMENTS (fds));
  belfry_dbus_streams_end_all (world->streams);
  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_assert_true (is_at_end (fds[i]));
      close (fds[i]);
    }
}

#define ADD(name, func) g_test_add ("/dbus-streams/" name, World, NULL, set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  signal (SIGPIPE, SIG_IGN);
  ADD ("one-event-a-line", test_one_event_a_line);
  ADD ("cursors-when-asked-for", test_cursors);
  ADD ("ends-when-idle-reader-goes", test_reader_gone_while_idle);
  ADD ("ends-when-reader-of-a-full-pipe-goes", test_reader_gone_while_full);
  ADD ("slow-reader-loses-nothing-and-costs-little", test_slow_reader_loses_nothing);
  ADD ("event-larger-than-a-pipe", test_event_larger_than_a_pipe);
  ADD ("gap-is-a-line", test_gap);
  ADD ("ends-when-disconnected", test_disconnected);
  ADD ("all-end", test_end_all);
  return g_test_run ();
}
