/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-dbus-service.h"

#include <string.h>
#include <unistd.h>

#include <gio/gunixfdlist.h>

#include "bus-world.h"

typedef struct
{
  BusWorld           bus;
  GDBusConnection   *connection;  /* the service's */
  const char        *name;        /* its name on the bus */
  BelfryDBusService *service;
  gboolean           is_ready;
  guint              n_changes;   /* signals of changed properties */
  guint              signal_id;
} World;

static void
on_ready (gpointer user_data)
{
  ((World *) user_data)->is_ready = TRUE;
}

static void
on_properties_changed (GDBusConnection *connection,
                       const char      *sender,
                       const char      *path,
                       const char      *interface,
                       const char      *signal,
                       GVariant        *parameters,
                       gpointer         user_data)
{
  ((World *) user_data)->n_changes++;
}

static void
set_up (World         *world,
        gconstpointer  data)
{
  g_autoptr(GError) error = NULL;

  bus_world_set_up (&world->bus, NULL);
  world->connection = bus_world_connect (&world->bus);
  world->name = g_dbus_connection_get_unique_name (world->connection);
  world->service = belfry_dbus_service_new (world->bus.server.server);
  world->signal_id = g_dbus_connection_signal_subscribe (world->bus.caller, world->name,
                                                         "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                                         BELFRY_DBUS_PATH, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                                         on_properties_changed, world, NULL);
  belfry_dbus_service_export (world->service, world->connection, on_ready, world, &error);
  g_assert_no_error (error);
  server_world_wait (world->is_ready);
}

static void
tear_down (World         *world,
           gconstpointer  data)
{
  belfry_dbus_service_unexport (world->service);
  g_dbus_connection_signal_unsubscribe (world->bus.caller, world->signal_id);
  /* An answer on its way to the bus may still hold a reference. */
  g_object_add_weak_pointer (G_OBJECT (world->service), (gpointer *) &world->service);
  g_object_unref (world->service);
  server_world_wait (world->service == NULL);
  g_dbus_connection_close_sync (world->connection, NULL, NULL);
  g_clear_object (&world->connection);
  bus_world_tear_down (&world->bus, NULL);
}

static GVariant *
call (World      *world,
      const char *method,
      const char *parameters)
{
  g_autoptr(GError) error = NULL;
  GVariant *reply = bus_world_call (&world->bus, world->name, method, g_variant_new_parsed (parameters), NULL, &error);

  g_assert_no_error (error);
  return reply;
}

static void
call_fails (World      *world,
            const char *method,
            const char *parameters,
            const char *error_name)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *remote = NULL;
  GVariant *reply = bus_world_call (&world->bus, world->name, method, g_variant_new_parsed (parameters), NULL, &error);

  g_assert_null (reply);
  remote = g_dbus_error_get_remote_error (error);
  g_assert_cmpstr (remote, ==, error_name);
}

#define OWN(name) "org.belfry.Belfry1.Error." name

/* The reading end. */
static int
open_stream (World *world)
{
  g_autoptr(GUnixFDList) fds = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) reply = bus_world_call (&world->bus, world->name, "OpenStream",
                                              g_variant_new_parsed ("(@a{sv} {}, '')"), &fds, &error);
  int fd;

  g_assert_no_error (error);
  g_assert_nonnull (reply);
  g_assert_cmpint (g_unix_fd_list_get_length (fds), ==, 1);
  fd = g_unix_fd_list_get (fds, 0, &error);
  g_assert_no_error (error);
  return fd;
}

static guint64
get_number (World      *world,
            const char *property)
{
  g_auto(GValue) value = G_VALUE_INIT;
  g_auto(GValue) number = G_VALUE_INIT;

  g_value_init (&number, G_TYPE_UINT64);
  g_object_get_property (G_OBJECT (world->service), property, &value);
  g_value_transform (&value, &number);
  return g_value_get_uint64 (&number);
}

static void
test_publish_and_query (World         *world,
                        gconstpointer  data)
{
  g_autoptr(GVariant) id = call (world, "Publish", "('{\"event_type\": \"quiz_started\", \"source\": \"x\"}',)");
  g_autoptr(GVariant) events = call (world, "Query", "({'event_types': <['quiz_started']>}, uint32 10)");
  g_autoptr(GVariant) none = call (world, "Query", "({'session_id': <'other'>}, uint32 1000)");
  g_autofree const char **texts = NULL;
  const char *text;

  g_variant_get (id, "(&s)", &text);
  g_assert_true (g_str_has_prefix (text, "evt_"));
  g_variant_get (events, "(^a&s)", &texts);
  g_assert_cmpuint (g_strv_length ((char **) texts), ==, 1);
  g_assert_nonnull (strstr (texts[0], text));
  g_assert_cmpuint (g_variant_n_children (none), ==, 1);
}

static void
test_refusals (World         *world,
               gconstpointer  data)
{
  call_fails (world, "Publish", "('no JSON',)", OWN ("InvalidEvent"));
  call_fails (world, "Publish", "('{\"event_type\": \"no_such_type\", \"source\": \"x\"}',)", OWN ("InvalidEvent"));
  call_fails (world, "Query", "(@a{sv} {}, uint32 0)", OWN ("InvalidArgument"));
  call_fails (world, "Query", "(@a{sv} {}, uint32 1001)", OWN ("InvalidArgument"));
  call_fails (world, "Query", "({'event_types': <'quiz_started'>}, uint32 1)", OWN ("InvalidArgument"));
  call_fails (world, "Query", "({'event_type': <['quiz_started']>}, uint32 1)", OWN ("InvalidArgument"));
  call_fails (world, "Query", "({'cursors': <true>}, uint32 1)", OWN ("InvalidArgument"));
  call_fails (world, "Clear", "('yesterday',)", OWN ("InvalidArgument"));
  call_fails (world, "OpenStream", "(@a{sv} {}, 'no cursor')", OWN ("InvalidArgument"));
  call_fails (world, "OpenStream", "({'cursors': <1>}, '')", OWN ("InvalidArgument"));
  call_fails (world, "DisconnectSubscriber", "('sub_00000000',)", OWN ("NotFound"));
  call_fails (world, "RegisterEventType", "('No Name', '')", OWN ("InvalidArgument"));
  call_fails (world, "ListDeadLetters", "(uint32 0,)", OWN ("InvalidArgument"));
  call_fails (world, "ReplayDeadLetter", "('1',)", OWN ("NotFound"));
  g_assert_cmpuint (get_number (world, "streams"), ==, 0);
}

static void
test_wrong_signatures (World         *world,
                       gconstpointer  data)
{
  call_fails (world, "Publish", "(1,)", "org.freedesktop.DBus.Error.InvalidArgs");
  call_fails (world, "Publish", "@() ()", "org.freedesktop.DBus.Error.InvalidArgs");
  call_fails (world, "Query", "(@a{ss} {}, uint32 1)", "org.freedesktop.DBus.Error.InvalidArgs");
  call_fails (world, "NoSuchMethod", "@() ()", "org.freedesktop.DBus.Error.UnknownMethod");
}

static void
test_event_types (World         *world,
                  gconstpointer  data)
{
  g_autoptr(GVariant) registered = call (world, "RegisterEventType", "('own.type', 'One of ours')");
  g_autoptr(GVariant) types = call (world, "ListEventTypes", "@() ()");
  g_autoptr(GVariant) dictionary = g_variant_get_child_value (types, 0);
  g_autofree char *description = NULL;

  g_assert_cmpuint (g_variant_n_children (registered), ==, 0);
  g_assert_true (g_variant_lookup (dictionary, "own.type", "s", &description));
  g_assert_cmpstr (description, ==, "One of ours");
}

static void
test_stats (World         *world,
            gconstpointer  data)
{
  g_autoptr(GVariant) reply = NULL;
  g_autoptr(GVariant) stats = NULL;
  g_autoptr(GVariant) by_type = NULL;
  g_autoptr(GVariant) counters = NULL;
  guint64 total, calls;

  bus_world_publish (&world->bus, "x");
  reply = call (world, "GetStats", "@() ()");
  stats = g_variant_get_child_value (reply, 0);
  g_assert_true (g_variant_lookup (stats, "total_events", "t", &total));
  g_assert_cmpuint (total, ==, 1);
  by_type = g_variant_lookup_value (stats, "by_type", G_VARIANT_TYPE ("aa{sv}"));
  g_assert_cmpuint (g_variant_n_children (by_type), ==, 1);
  counters = g_variant_lookup_value (stats, "dbus", G_VARIANT_TYPE_VARDICT);
  g_assert_true (g_variant_lookup (counters, "calls", "t", &calls));
  g_assert_cmpuint (calls, ==, 1);
}

static void
test_clear (World         *world,
            gconstpointer  data)
{
  g_autoptr(GVariant) none = NULL;
  g_autoptr(GVariant) all = NULL;
  guint64 n_deleted;

  bus_world_publish (&world->bus, "x");
  bus_world_publish (&world->bus, "y");
  none = call (world, "Clear", "('2020-01-01',)");
  g_variant_get (none, "(t)", &n_deleted);
  g_assert_cmpuint (n_deleted, ==, 0);
  all = call (world, "Clear", "('',)");
  g_variant_get (all, "(t)", &n_deleted);
  g_assert_cmpuint (n_deleted, ==, 2);
}

static void
test_subscribers (World         *world,
                  gconstpointer  data)
{
  int fd = open_stream (world);
  g_autoptr(GVariant) reply = call (world, "ListSubscribers", "@() ()");
  g_autoptr(GVariant) list = g_variant_get_child_value (reply, 0);
  g_autoptr(GVariant) entry = NULL;
  g_autoptr(GVariant) gone = NULL;
  g_autofree char *parameters = NULL;
  const char *id, *transport, *address, *state;

  g_assert_cmpuint (g_variant_n_children (list), ==, 1);
  entry = g_variant_get_child_value (list, 0);
  g_assert_true (g_variant_lookup (entry, "id", "&s", &id));
  g_assert_true (g_variant_lookup (entry, "transport", "&s", &transport));
  g_assert_true (g_variant_lookup (entry, "address", "&s", &address));
  g_assert_true (g_variant_lookup (entry, "state", "&s", &state));
  g_assert_cmpstr (transport, ==, "dbus");
  g_assert_cmpstr (address, ==, g_dbus_connection_get_unique_name (world->bus.caller));
  g_assert_cmpstr (state, ==, "live");

  parameters = g_strdup_printf ("('%s',)", id);
  gone = call (world, "DisconnectSubscriber", parameters);
  g_assert_nonnull (gone);
  g_assert_cmpuint (get_number (world, "streams"), ==, 0);
  close (fd);
}

static void
test_stream_bounds (World         *world,
                    gconstpointer  data)
{
  BelfryRouter *router = belfry_pipeline_get_router (world->bus.server.pipeline);
  int fds[2];

  g_object_set (world->service, "max-streams", 2u, NULL);
  fds[0] = open_stream (world);
  fds[1] = open_stream (world);
  call_fails (world, "OpenStream", "(@a{sv} {}, '')", OWN ("Unavailable"));
  g_assert_cmpuint (get_number (world, "streams-refused"), ==, 1);
  close (fds[0]);
  server_world_wait (get_number (world, "streams") == 1);
  g_object_set (router, "max-subscribers", 1u, NULL);
  call_fails (world, "OpenStream", "(@a{sv} {}, '')", OWN ("Unavailable"));
  close (fds[1]);
  server_world_wait (get_number (world, "streams") == 0);
}

static void
count_reply (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autoptr(GVariant) reply = NULL;
  g_autoptr(GError) error = NULL;
  guint *n_answers = user_data;
  g_autofree char *remote = NULL;

  reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  n_answers[0]++;
  if (reply != NULL)
    return;
  remote = g_dbus_error_get_remote_error (error);
  g_assert_cmpstr (remote, ==, OWN ("Unavailable"));
  n_answers[1]++;
}

static void
test_too_many_calls (World         *world,
                     gconstpointer  data)
{
  guint n_answers[2] = { 0, 0 };

  g_object_set (world->service, "max-calls", 3u, NULL);
  for (guint i = 0; i < 100; i++)
    g_dbus_connection_call (world->bus.caller, world->name, BELFRY_DBUS_PATH, "org.belfry.Belfry1", "Query",
                            g_variant_new_parsed ("(@a{sv} {}, uint32 1)"), NULL, G_DBUS_CALL_FLAGS_NONE, 20000, NULL,
                            count_reply, n_answers);
  server_world_wait (n_answers[0] == 100);
  g_assert_cmpuint (n_answers[1], <, 100);
  g_assert_cmpuint (get_number (world, "calls"), ==, 100);
  g_assert_cmpuint (get_number (world, "calls-busy"), ==, n_answers[1]);
}

static void
test_many_queries_take_turns (World         *world,
                              gconstpointer  data)
{
  guint n_answers[2] = { 0, 0 };

  bus_world_publish (&world->bus, "x");
  for (guint i = 0; i < 60; i++)
    g_dbus_connection_call (world->bus.caller, world->name, BELFRY_DBUS_PATH, "org.belfry.Belfry1", "Query",
                            g_variant_new_parsed ("(@a{sv} {}, uint32 1)"), NULL, G_DBUS_CALL_FLAGS_NONE, 20000, NULL,
                            count_reply, n_answers);
  server_world_wait (n_answers[0] == 60);
  g_assert_cmpuint (n_answers[1], ==, 0);
}

static void
begin_calls (World      *world,
             guint       n_calls,
             const char *method,
             guint      *n_answers)
{
  for (guint i = 0; i < n_calls; i++)
    g_dbus_connection_call (world->bus.caller, world->name, BELFRY_DBUS_PATH, "org.belfry.Belfry1", method, NULL, NULL,
                            G_DBUS_CALL_FLAGS_NONE, 20000, NULL, count_reply, n_answers);
}

static void
test_calls_without_a_right_have_a_share (World         *world,
                                         gconstpointer  data)
{
  static const char * const methods[] = { "GetStats", "ListEventTypes" };

  g_object_set (world->service, "max-calls", 40u, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      guint n_answers[2] = { 0, 0 }, n_fit[2] = { 0, 0 };

      begin_calls (world, 100, methods[i], n_answers);
      server_world_wait (n_answers[0] == 100);
      g_assert_cmpuint (n_answers[1], >, 0);
      g_assert_cmpuint (n_answers[1], <, 100);

      /* What was taken is given back. */
      begin_calls (world, 10, methods[i], n_fit);
      server_world_wait (n_fit[0] == 10);
      g_assert_cmpuint (n_fit[1], ==, 0);
    }
}

static gboolean
count_turn (gpointer user_data)
{
  ++*(guint *) user_data;
  return G_SOURCE_CONTINUE;
}

/* Types as many and as long as they may be. */
static BelfryEventTypeRegistry *
fill_registry (World *world)
{
  BelfryPipeline *pipeline = belfry_server_get_pipeline (world->bus.server.server);
  BelfryEventTypeRegistry *registry = belfry_event_validator_get_registry (belfry_pipeline_get_validator (pipeline));
  g_autofree char *description = g_strnfill (500, 'x');

  for (guint i = 0; belfry_event_type_registry_get_n_types (registry) < 9999; i++)
    {
      g_autofree char *name = g_strdup_printf ("type%u", i);

      g_assert_true (belfry_event_type_registry_register (registry, name, description, NULL));
    }

  return registry;
}

static void
test_types_take_turns (World         *world,
                       gconstpointer  data)
{
  BelfryEventTypeRegistry *registry = fill_registry (world);
  g_autoptr(GSource) source = g_idle_source_new ();
  g_autoptr(GVariant) reply = NULL;
  g_autoptr(GVariant) types = NULL;
  guint n_answers[2] = { 0, 0 }, n_turns = 0, n_before;

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, count_turn, &n_turns, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  n_before = (guint) get_number (world, "calls");
  begin_calls (world, 16, "ListEventTypes", n_answers);
  server_world_wait (get_number (world, "calls") == n_before + 16);
  n_turns = 0;
  server_world_wait (n_answers[0] == 16);
  g_source_destroy (source);
  g_assert_cmpuint (n_answers[1], ==, 0);
  g_assert_cmpuint (n_turns, >=, 8);

  /* The answer that is kept is made anew after a change. */
  g_assert_true (belfry_event_type_registry_register (registry, "the_last_one", "x", NULL));
  reply = call (world, "ListEventTypes", "@() ()");
  types = g_variant_get_child_value (reply, 0);
  g_assert_cmpuint (g_variant_n_children (types), ==, 10000);
  g_assert_true (g_variant_lookup (types, "the_last_one", "&s", NULL));

  g_object_set (world->service, "max-answer-bytes", (guint64) 65536, NULL);
  call_fails (world, "ListEventTypes", "@() ()", OWN ("Unavailable"));
}

static void
test_large_answer (World         *world,
                   gconstpointer  data)
{
  g_autoptr(GVariant) one = NULL;

  for (guint i = 0; i < 10; i++)
    bus_world_publish (&world->bus, "x");
  g_object_set (world->service, "max-answer-bytes", (guint64) 1000, NULL);
  call_fails (world, "Query", "(@a{sv} {}, uint32 10)", OWN ("Unavailable"));
  one = call (world, "Query", "(@a{sv} {}, uint32 1)");
  g_assert_nonnull (one);
}

static void
test_properties (World         *world,
                 gconstpointer  data)
{
  gint64 began = g_get_monotonic_time ();
  guint n_before;

  while (g_main_context_iteration (NULL, FALSE))
    ;
  n_before = world->n_changes;
  for (guint i = 0; i < 200; i++)
    bus_world_publish (&world->bus, "x");
  server_world_wait (world->n_changes > n_before);
  /* One at the first change, and one at most for each second since. */
  g_assert_cmpint (world->n_changes - n_before, <=, 2 + (g_get_monotonic_time () - began) / G_USEC_PER_SEC);
}

static void
count_drained (gpointer user_data)
{
  ++*(guint *) user_data;
}

static void
test_stop_answers_what_was_taken (World         *world,
                                  gconstpointer  data)
{
  guint n_answers[2] = { 0, 0 };
  guint n_drained = 0;
  int fd = open_stream (world);
  char byte;

  g_dbus_connection_call (world->bus.caller, world->name, BELFRY_DBUS_PATH, "org.belfry.Belfry1", "GetStats", NULL,
                          NULL, G_DBUS_CALL_FLAGS_NONE, 20000, NULL, count_reply, n_answers);
  server_world_wait (get_number (world, "calls") == 2);
  belfry_dbus_service_stop (world->service, count_drained, &n_drained);
  server_world_wait (n_drained == 1 && n_answers[0] == 1);
  g_assert_cmpuint (n_answers[1], ==, 0);
  g_assert_cmpint (read (fd, &byte, 1), ==, 0);
  close (fd);
  call_fails (world, "GetStats", "@() ()", OWN ("Unavailable"));
}

#define ADD(name, func) g_test_add ("/dbus-service/" name, World, NULL, set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("publish-and-query", test_publish_and_query);
  ADD ("refusals-have-names", test_refusals);
  ADD ("wrong-signatures-are-refused", test_wrong_signatures);
  ADD ("event-types", test_event_types);
  ADD ("stats-are-those-of-rest", test_stats);
  ADD ("clear", test_clear);
  ADD ("subscribers-are-listed-and-disconnected", test_subscribers);
  ADD ("streams-of-a-user-are-bounded", test_stream_bounds);
  ADD ("calls-in-work-are-bounded", test_too_many_calls);
  ADD ("large-answers-take-turns", test_many_queries_take_turns);
  ADD ("calls-without-a-right-have-a-share", test_calls_without_a_right_have_a_share);
  ADD ("types-take-turns", test_types_take_turns);
  ADD ("answer-over-the-bound-is-refused", test_large_answer);
  ADD ("properties-change-once-a-second", test_properties);
  ADD ("stop-answers-what-was-taken", test_stop_answers_what_was_taken);
  return g_test_run ();
}
