/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <gio/gunixinputstream.h>
#include <glib-unix.h>
#include <locale.h>

#include "belfry-grpc-server.h"
#include "echo-sink.h"

/* A gRPC door with a sink of its own, for clients from outside. It prints its port, then obeys the lines of its standard input, each
 * answered with one line; SIGTERM or the end of the input stops it. */

static char **arg_properties;
static char *arg_key, *arg_certificate, *arg_private_key;
static gboolean arg_guard_reflection, arg_keep;

static const GOptionEntry options[] = {
  { "property", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &arg_properties, "A property of the server", "NAME=NUMBER" },
  { "key", 0, 0, G_OPTION_ARG_STRING, &arg_key, "The key that everybody needs", "KEY" },
  { "certificate", 0, 0, G_OPTION_ARG_FILENAME, &arg_certificate, "For TLS", "FILE" },
  { "private-key", 0, 0, G_OPTION_ARG_FILENAME, &arg_private_key, "For TLS", "FILE" },
  { "guard-reflection", 0, 0, G_OPTION_ARG_NONE, &arg_guard_reflection, "Reflection needs the key as well", NULL },
  { "keep", 0, 0, G_OPTION_ARG_NONE, &arg_keep, "Describe the events that came", NULL },
  { NULL },
};

typedef struct
{
  GMainLoop        *loop;
  EchoSink         *sink;
  BelfryGrpcServer *server;
  GDataInputStream *input;
  gboolean          is_stopping;
} Echo;

static void
on_stopped (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  Echo *self = user_data;

  belfry_grpc_server_stop_finish (self->server, result, NULL);
  g_main_loop_quit (self->loop);
}

static gboolean
on_signal (gpointer user_data)
{
  Echo *self = user_data;

  if (!self->is_stopping)
    belfry_grpc_server_stop_async (self->server, on_stopped, self);
  self->is_stopping = TRUE;
  return G_SOURCE_CONTINUE;
}

static void
print_stats (Echo *self)
{
  g_autofree GParamSpec **properties = NULL;
  guint n;

  properties = g_object_class_list_properties (G_OBJECT_GET_CLASS (self->server), &n);
  g_print ("{");
  for (guint i = 0; i < n; i++)
    if (properties[i]->value_type == G_TYPE_UINT64)
      {
        guint64 value;

        g_object_get (self->server, properties[i]->name, &value, NULL);
        g_print ("\"%s\": %" G_GUINT64_FORMAT ", ", properties[i]->name, value);
      }
  g_print ("\"sink-events\": %" G_GUINT64_FORMAT ", \"sink-refused\": %" G_GUINT64_FORMAT ", \"hand-overs\": %" G_GUINT64_FORMAT
           ", \"groups\": %" G_GUINT64_FORMAT ", \"most-events\": %u, \"held\": %u}\n",
           self->sink->n_events, self->sink->n_refused, self->sink->n_hand_overs, self->sink->n_groups, self->sink->most_events,
           self->sink->held.length);
}

static void
print_kept (Echo *self)
{
  g_print ("[");
  for (guint i = 0; i < self->sink->kept->len; i++)
    g_print ("%s%s", i > 0 ? ", " : "", (const char *) g_ptr_array_index (self->sink->kept, i));
  g_print ("]\n");
  g_ptr_array_set_size (self->sink->kept, 0);
}

static void
load_certificate (Echo *self)
{
  g_autofree char *certificate = NULL;
  g_autofree char *private_key = NULL;
  g_autoptr(GError) error = NULL;

  if (!g_file_get_contents (arg_certificate, &certificate, NULL, &error)
      || !g_file_get_contents (arg_private_key, &private_key, NULL, &error)
      || !belfry_grpc_server_set_tls (self->server, certificate, private_key, &error))
    g_printerr ("%s\n", error->message);
}

static void
obey (Echo       *self,
      const char *line)
{
  if (g_str_equal (line, "stats"))
    {
      print_stats (self);
      return;
    }
  if (g_str_equal (line, "take"))
    {
      print_kept (self);
      return;
    }

  if (g_str_equal (line, "hold"))
    self->sink->is_holding = TRUE;
  else if (g_str_equal (line, "release"))
    echo_sink_release (self->sink);
  else if (g_str_equal (line, "fail"))
    self->sink->is_failing = TRUE;
  else if (g_str_equal (line, "work"))
    self->sink->is_failing = FALSE;
  else if (g_str_equal (line, "serve") || g_str_equal (line, "rest"))
    belfry_grpc_server_set_serving (self->server, g_str_equal (line, "serve"));
  else if (g_str_equal (line, "reload"))
    load_certificate (self);
  else
    g_printerr ("Unknown: %s\n", line);
  g_print ("done\n");
}

static void
on_line (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  Echo *self = user_data;
  g_autofree char *line = g_data_input_stream_read_line_finish (self->input, result, NULL, NULL);

  if (line == NULL)
    {
      on_signal (self);
      return;
    }

  obey (self, line);
  g_data_input_stream_read_line_async (self->input, G_PRIORITY_DEFAULT, NULL, on_line, self);
}

static void
set_properties (Echo *self)
{
  for (guint i = 0; arg_properties != NULL && arg_properties[i] != NULL; i++)
    {
      g_auto(GStrv) parts = g_strsplit (arg_properties[i], "=", 2);

      g_object_set (self->server, parts[0], (guint) g_ascii_strtoull (parts[1], NULL, 10), NULL);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(EchoSink) sink = echo_sink_new ();
  g_autoptr(BelfryGrpcServer) server = belfry_grpc_server_new (BELFRY_GRPC_SINK (sink));
  g_autoptr(GInputStream) standard_input = g_unix_input_stream_new (0, FALSE);
  g_autoptr(GDataInputStream) input = g_data_input_stream_new (standard_input);
  g_autoptr(GError) error = NULL;
  Echo self = { .loop = loop, .sink = sink, .server = server, .input = input };

  /* What is printed is UTF-8, wherever it runs. */
  setlocale (LC_ALL, "C.UTF-8");
  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    g_error ("%s", error->message);
  sink->key = g_strdup (arg_key);
  sink->is_reflection_guarded = arg_guard_reflection;
  sink->is_keeping = arg_keep;
  set_properties (&self);
  if (arg_certificate != NULL)
    load_certificate (&self);
  if (!belfry_grpc_server_start (server, "127.0.0.1", 0, &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }

  /* Who reads the port may end us. */
  g_unix_signal_add (SIGTERM, on_signal, &self);
  g_print ("%u\n", belfry_grpc_server_get_port (server));
  g_data_input_stream_read_line_async (input, G_PRIORITY_DEFAULT, NULL, on_line, &self);
  g_main_loop_run (loop);
  return 0;
}
