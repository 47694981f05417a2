/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-error.h"
#include "belfry-grpc-server.h"
#include "echo-sink.h"

/* What a server does without anybody who calls; those who do are in the black-box tests. */

static void
on_stopped (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_assert_true (belfry_grpc_server_stop_finish (BELFRY_GRPC_SERVER (source), result, NULL));
  *(gboolean *) user_data = TRUE;
}

static void
stop (BelfryGrpcServer *server)
{
  gboolean is_stopped = FALSE;

  belfry_grpc_server_stop_async (server, on_stopped, &is_stopped);
  while (!is_stopped)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (belfry_grpc_server_get_port (server), ==, 0);
}

static void
test_starts_and_stops_again (void)
{
  g_autoptr(EchoSink) sink = echo_sink_new ();
  g_autoptr(BelfryGrpcServer) server = belfry_grpc_server_new (BELFRY_GRPC_SINK (sink));
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 3; i++)
    {
      g_assert_true (belfry_grpc_server_start (server, "127.0.0.1", 0, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (belfry_grpc_server_get_port (server), >, 0);
      belfry_grpc_server_set_serving (server, i % 2);
      stop (server);
    }
}

static void
test_taken_port_is_an_error (void)
{
  g_autoptr(EchoSink) sink = echo_sink_new ();
  g_autoptr(BelfryGrpcServer) first = belfry_grpc_server_new (BELFRY_GRPC_SINK (sink));
  g_autoptr(BelfryGrpcServer) second = belfry_grpc_server_new (BELFRY_GRPC_SINK (sink));
  g_autoptr(GError) error = NULL;

  g_assert_true (belfry_grpc_server_start (first, "127.0.0.1", 0, NULL));
  g_assert_false (belfry_grpc_server_start (second, "127.0.0.1", belfry_grpc_server_get_port (first), &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);
  stop (first);
}

static void
test_keeps_itself_until_it_stops (void)
{
  g_autoptr(EchoSink) sink = echo_sink_new ();
  BelfryGrpcServer *server = belfry_grpc_server_new (BELFRY_GRPC_SINK (sink));
  BelfryGrpcServer *watched = server;

  g_object_add_weak_pointer (G_OBJECT (server), (gpointer *) &watched);
  g_assert_true (belfry_grpc_server_start (server, "127.0.0.1", 0, NULL));
  g_object_unref (server);
  g_assert_nonnull (watched);
  stop (g_object_ref (server));
  g_object_unref (server);
  while (watched != NULL)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_refuses_what_is_no_certificate (void)
{
  g_autoptr(EchoSink) sink = echo_sink_new ();
  g_autoptr(BelfryGrpcServer) server = belfry_grpc_server_new (BELFRY_GRPC_SINK (sink));
  g_autoptr(GError) error = NULL;

  g_assert_false (belfry_grpc_server_set_tls (server, "nothing", "of the kind", &error));
  g_assert_nonnull (error);
}

static void
test_limits_are_properties (void)
{
  g_autoptr(EchoSink) sink = echo_sink_new ();
  g_autoptr(BelfryGrpcServer) server = belfry_grpc_server_new (BELFRY_GRPC_SINK (sink));
  g_autofree GParamSpec **specs = NULL;
  guint n_specs;

  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (server), &n_specs);
  for (guint i = 0; i < n_specs; i++)
    if (specs[i]->value_type == G_TYPE_UINT)
      {
        guint value;

        g_object_get (server, specs[i]->name, &value, NULL);
        g_assert_cmpuint (value, ==, G_PARAM_SPEC_UINT (specs[i])->default_value);
        g_object_set (server, specs[i]->name, value + 1, NULL);
        g_object_get (server, specs[i]->name, &value, NULL);
        g_assert_cmpuint (value, ==, G_PARAM_SPEC_UINT (specs[i])->default_value + 1);
      }
    else if (specs[i]->value_type == G_TYPE_UINT64)
      {
        guint64 count = 1;

        g_object_get (server, specs[i]->name, &count, NULL);
        g_assert_cmpuint (count, ==, 0);
      }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/grpc-server/starts-and-stops-again", test_starts_and_stops_again);
  g_test_add_func ("/grpc-server/taken-port-is-an-error", test_taken_port_is_an_error);
  g_test_add_func ("/grpc-server/keeps-itself-until-it-stops", test_keeps_itself_until_it_stops);
  g_test_add_func ("/grpc-server/refuses-what-is-no-certificate", test_refuses_what_is_no_certificate);
  g_test_add_func ("/grpc-server/limits-are-properties", test_limits_are_properties);
  return g_test_run ();
}
