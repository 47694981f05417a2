/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* Who reads slowly lives, who has gone does not. Subscribers over TCP with a small receive buffer; the clocks are looked at
 * with instants of the test's own. */

#include "session-world.h"

#include "belfry-tcp-progress-private.h"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEAD "HTTP/1.1 200 OK\r\n\r\n"
#define SECONDS(n) ((n) * G_USEC_PER_SEC)
#define RECEIVE_BUFFER_BYTES 16384

/* The session's end of the connection. */
static int server_fd = -1;

static GIOStream *
connect_peer (World *world)
{
  GIOStream *stream;
  GIOStream *base;

  world->peer = peer_new (world->kind, &stream);
  g_socket_set_option (world->peer->socket, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES, NULL);
  base = stream;
  if (G_IS_TLS_CONNECTION (stream))
    {
      g_object_get (stream, "base-io-stream", &base, NULL);
      g_object_unref (base);
    }
  server_fd = dup (g_socket_get_fd (g_socket_connection_get_socket (G_SOCKET_CONNECTION (base))));
  return stream;
}

static void
open_web_socket (World *world)
{
  g_autoptr(GIOStream) stream = connect_peer (world);
  g_autofree char *confirmation = NULL;

  belfry_subscribe_session_start (world->set, stream, "here", NULL, world->router);
  peer_send_text (world->peer, "{}");
  confirmation = peer_expect_text (world->peer);
}

static void
open_stream (World *world)
{
  g_autoptr(GIOStream) stream = connect_peer (world);
  g_autoptr(BelfryFilter) filter = belfry_filter_new (NULL, NULL, NULL);
  g_autoptr(BelfrySubscriber) subscriber = belfry_router_subscribe (world->router, filter, NULL, NULL);

  belfry_sse_session_start (world->set, stream, NULL, HEAD, subscriber);
  peer_expect_bytes (world->peer, HEAD);
  g_free (peer_read_through (world->peer, "\n\n"));
}

static const struct
{
  const char *name;
  void      (*open) (World *world);
} doors[] = {
  { "web-socket", open_web_socket },
  { "stream", open_stream },
};

/* The data of a test: the kind of connection and the door. */
static void
open_door (World        *world,
           gconstpointer data)
{
  doors[GPOINTER_TO_UINT (data) % G_N_ELEMENTS (doors)].open (world);
}

static guint64
get_acknowledged (void)
{
  BelfryTcpProgress progress;

  g_assert_true (belfry_tcp_progress_look (&progress, server_fd));
  return progress.acknowledged;
}

static gboolean
is_held_up (void)
{
  BelfryTcpProgress progress;

  g_assert_true (belfry_tcp_progress_look (&progress, server_fd));
  return progress.is_held_up;
}

static guint64
get_stalled (World *world)
{
  BelfrySessionCounters counters;

  belfry_session_set_get_counters (world->set, &counters);
  return counters.stalled + counters.pong_timeouts;
}

/* Much more than kernels hold. */
static void
send_much (World *world)
{
  for (guint i = 0; i < 1000; i++)
    memory_store_add (world->store, memory_event_new ("timer_tick", "s", NULL, 3000));
  peer_wait_for (is_held_up ());
}

/* As little as is possible for the other kernel to notice. */
static void
read_little (World *world)
{
  guint64 before = get_acknowledged ();
  GPollableInputStream *input = G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (world->peer->stream));
  guint8 buffer[512];

  peer_wait_for ((g_pollable_input_stream_read_nonblocking (input, buffer, sizeof buffer, NULL, NULL),
                  get_acknowledged () > before));
}

static void
test_slow_reader_stays (World        *world,
                        gconstpointer data)
{
  guint second;

  g_test_summary ("A few kilobytes now and then are enough to live, and a ping that has not come yet needs no answer; "
                  "who then takes nothing any more is found.");
  open_door (world, data);
  send_much (world);
  for (second = 30; second <= 600; second += 30)
    {
      read_little (world);
      world_sweep_later (world, SECONDS (second));
      g_assert_cmpuint (world_get_n_sessions (world), ==, 1);
    }
  for (guint silent = 30; silent <= 150 && world_get_n_sessions (world) > 0; silent += 30)
    world_sweep_later (world, SECONDS (second + silent));
  g_assert_cmpuint (world_get_n_sessions (world), ==, 0);
  g_assert_cmpuint (get_stalled (world), ==, 1);
}

static void
test_no_clock_of_the_kernel (World        *world,
                             gconstpointer data)
{
  guint msec = 1;
  socklen_t length = sizeof msec;

  g_test_summary ("It would not tell a small window from a dead host.");
  open_door (world, data);
  g_assert_cmpint (getsockopt (server_fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &msec, &length), ==, 0);
  g_assert_cmpuint (msec, ==, 0);
}

static void
set_link (const char *name,
          gboolean    is_up)
{
  struct ifreq request = { .ifr_flags = is_up ? IFF_UP | IFF_RUNNING : 0 };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  g_strlcpy (request.ifr_name, name, sizeof request.ifr_name);
  g_assert_cmpint (ioctl (fd, SIOCSIFFLAGS, &request), ==, 0);
  close (fd);
}

static void
test_vanished_peer_is_found (World        *world,
                             gconstpointer data)
{
  g_test_summary ("A host that is gone without a word is found by what it does not acknowledge, with room left in all buffers.");
  open_door (world, data);
  world_sweep_later (world, SECONDS (25));
  g_assert_cmpuint (world_get_n_sessions (world), ==, 1);
  set_link ("lo", FALSE);
  world_ring (world, "timer_tick", "s");
  for (guint i = 0; i < 10; i++)
    peer_iterate ();
  for (guint second = 50; second <= 145 && world_get_n_sessions (world) > 0; second++)
    world_sweep_later (world, SECONDS (second));
  g_assert_cmpuint (world_get_n_sessions (world), ==, 0);
  g_assert_cmpuint (get_stalled (world), ==, 1);
}

static void
set_up (World        *world,
        gconstpointer data)
{
  world_set_up (world, GUINT_TO_POINTER (GPOINTER_TO_UINT (data) / G_N_ELEMENTS (doors)));
}

static void
tear_down (World        *world,
           gconstpointer data)
{
  close (server_fd);
  server_fd = -1;
  world_tear_down (world, data);
}

static gboolean
enter_network_of_its_own (void)
{
  return unshare (CLONE_NEWNET) == 0 || unshare (CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

/* Asked of a child: what it enters is gone with it. */
static gboolean
has_networks (void)
{
  int status = 0;
  pid_t child = fork ();

  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    _exit (enter_network_of_its_own () ? 0 : 1);
  g_assert_cmpint (TEMP_FAILURE_RETRY (waitpid (child, &status, 0)), ==, child);
  return WIFEXITED (status) && WEXITSTATUS (status) == 0;
}

/* In a network of its own, which alone can be taken down; in a process of its own, to get one. Skipped here, for a subprocess
 * that skips has passed. */
static void
test_vanished (gconstpointer data)
{
  g_autofree char *path = g_strdup_printf ("/slow-peer/subprocess/vanished/%u", GPOINTER_TO_UINT (data));

  if (!has_networks ())
    {
      g_test_skip ("No network of its own");
      return;
    }
  g_test_trap_subprocess (path, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
}

static void
run_vanished (gconstpointer data)
{
  World world = { 0 };

  g_assert_true (enter_network_of_its_own ());
  set_link ("lo", TRUE);
  set_up (&world, data);
  test_vanished_peer_is_found (&world, data);
  tear_down (&world, data);
}

static const struct
{
  const char *name;
  void      (*func) (World *world, gconstpointer data);
} tests[] = {
  { "slow-reader-stays", test_slow_reader_stays },
  { "no-clock-of-the-kernel", test_no_clock_of_the_kernel },
};

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  for (PeerKind kind = PEER_LOOPBACK; kind < N_PEER_KINDS; kind++)
    for (guint door = 0; door < G_N_ELEMENTS (doors); door++)
      {
        gpointer data = GUINT_TO_POINTER (kind * G_N_ELEMENTS (doors) + door);
        g_autofree char *vanished = g_strdup_printf ("/slow-peer/%s/%s/vanished-peer-is-found", peer_kind_to_string (kind),
                                                     doors[door].name);
        g_autofree char *inner = g_strdup_printf ("/slow-peer/subprocess/vanished/%u", GPOINTER_TO_UINT (data));

        for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
          {
            g_autofree char *path = g_strdup_printf ("/slow-peer/%s/%s/%s", peer_kind_to_string (kind), doors[door].name,
                                                     tests[i].name);

            g_test_add (path, World, data, set_up, tests[i].func, tear_down);
          }
        g_test_add_data_func (vanished, data, test_vanished);
        g_test_add_data_func (inner, data, run_vanished);
      }
  return g_test_run ();
}
