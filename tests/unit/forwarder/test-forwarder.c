/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-forwarder-private.h"

#include "store-fixture.h"

/* A sink that takes whatever it gets, and acknowledges when the test says so. */
#define TEST_TYPE_SINK (test_sink_get_type ())
G_DECLARE_FINAL_TYPE (TestSink, test_sink, TEST, SINK, GObject)

struct _TestSink
{
  GObject parent_instance;

  GPtrArray       *events;  /* owned; of BelfryEvent: given and not done with */
  guint            n_given;
  guint            n_resets;
  gboolean         is_away;
  gboolean         is_stopped;
  BelfrySinkReport report;
};

static void
test_sink_send (BelfrySink *sink,
                GPtrArray  *events,
                guint       first)
{
  TestSink *self = TEST_SINK (sink);

  for (guint i = first; i < events->len; i++)
    g_ptr_array_add (self->events, belfry_event_ref (g_ptr_array_index (events, i)));
  self->n_given += events->len - first;
}

static void
test_sink_send_letters (BelfrySink *sink,
                        GPtrArray  *letters)
{
}

static void
test_sink_reset (BelfrySink *sink)
{
  TestSink *self = TEST_SINK (sink);

  g_ptr_array_set_size (self->events, 0);
  self->n_resets++;
}

static gboolean
test_sink_take_report (BelfrySink       *sink,
                       BelfrySinkReport *report)
{
  TestSink *self = TEST_SINK (sink);

  if (self->report.n_done == 0)
    return FALSE;

  *report = self->report;
  self->report = (BelfrySinkReport) { 0 };
  return TRUE;
}

static const char *
test_sink_get_trouble (BelfrySink *sink)
{
  return NULL;
}

static gboolean
test_sink_is_connected (BelfrySink *sink)
{
  return !TEST_SINK (sink)->is_away;
}

static void
test_sink_stop (BelfrySink *sink)
{
  TEST_SINK (sink)->is_stopped = TRUE;
  belfry_sink_emit_stopped (sink);
}

static void
test_sink_sink_init (BelfrySinkInterface *iface)
{
  iface->send = test_sink_send;
  iface->send_letters = test_sink_send_letters;
  iface->reset = test_sink_reset;
  iface->take_report = test_sink_take_report;
  iface->get_trouble = test_sink_get_trouble;
  iface->is_connected = test_sink_is_connected;
  iface->stop = test_sink_stop;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (TestSink, test_sink, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE (BELFRY_TYPE_SINK, test_sink_sink_init))

static void
test_sink_finalize (GObject *object)
{
  g_ptr_array_unref (TEST_SINK (object)->events);
  G_OBJECT_CLASS (test_sink_parent_class)->finalize (object);
}

static void
test_sink_class_init (TestSinkClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_sink_finalize;
}

static void
test_sink_init (TestSink *self)
{
  self->events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
}

/* Of the oldest ones; the first of them is refused for good when there is a reason. */
static void
finish (TestSink   *self,
        guint       n_events,
        const char *reason)
{
  g_assert_cmpuint (n_events, <=, self->events->len);

  self->report.n_done = n_events;
  self->report.through = belfry_event_get_position (g_ptr_array_index (self->events, n_events - 1));
  if (reason != NULL)
    {
      self->report.refused = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_sink_refusal_free);
      g_ptr_array_add (self->report.refused, belfry_sink_refusal_new (g_ptr_array_index (self->events, 0), reason));
    }
  g_ptr_array_remove_range (self->events, 0, n_events);
  belfry_sink_emit_reported (BELFRY_SINK (self));
}

typedef struct
{
  Fixture          log;
  TestSink        *sink;
  BelfryForwarder *forwarder;
  gint64           now_usec;
} World;

static void
forward (World      *world,
         const char *first_property,
         guint64     value,
         gboolean    from_beginning)
{
  world->sink = g_object_new (TEST_TYPE_SINK, NULL);
  world->forwarder = belfry_forwarder_new (BELFRY_EVENT_STORE (world->log.store), BELFRY_SINK (world->sink));
  if (first_property != NULL)
    g_object_set (world->forwarder, first_property, value, NULL);
  belfry_forwarder_start (world->forwarder, "test", from_beginning);
}

static void
forward_no_more (World *world)
{
  g_object_run_dispose (G_OBJECT (world->forwarder));
  g_clear_object (&world->forwarder);
  g_clear_object (&world->sink);
}

static void
set_up (World         *world,
        gconstpointer  data)
{
  fixture_set_up (&world->log);
  fixture_open (&world->log);
}

static void
tear_down (World         *world,
           gconstpointer  data)
{
  if (world->forwarder != NULL)
    forward_no_more (world);
  fixture_tear_down (&world->log);
}

static void
wait_for_given (World *world,
                guint  n_events)
{
  while (world->sink->n_given < n_events)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (world->sink->n_given, ==, n_events);
}

static void
assert_given (World   *world,
              guint64  first,
              guint64  last)
{
  g_assert_cmpuint (world->sink->events->len, ==, last - first + 1);
  for (guint i = 0; i < world->sink->events->len; i++)
    g_assert_cmpuint (belfry_event_get_position (g_ptr_array_index (world->sink->events, i)), ==, first + i);
}

static guint64
get_kept (World *world)
{
  BelfryKeptCursor cursor = { 0 };

  g_assert_true (belfry_cursor_keeper_find (BELFRY_CURSOR_KEEPER (world->log.store), "test", &cursor));
  return cursor.position;
}

static void
test_passes_on (World         *world,
                gconstpointer  data)
{
  append_many (world->log.store, 3, NULL);
  forward (world, NULL, 0, FALSE);
  append_many (world->log.store, 4, NULL);
  assert_given (world, 4, 7);
  g_assert_cmpuint (belfry_forwarder_get_pending (world->forwarder), ==, 4);
  g_assert_cmpint (belfry_forwarder_get_oldest_usec (world->forwarder), ==,
                   belfry_event_get_timestamp_usec (g_ptr_array_index (world->sink->events, 0)));

  finish (world->sink, 3, NULL);
  g_assert_cmpuint (get_kept (world), ==, 6);
  g_assert_cmpuint (belfry_forwarder_get_pending (world->forwarder), ==, 1);
  finish (world->sink, 1, NULL);
  g_assert_cmpint (belfry_forwarder_get_oldest_usec (world->forwarder), ==, G_MAXINT64);
  g_assert_cmpuint (belfry_forwarder_get_pending_bytes (world->forwarder), ==, 0);
  g_assert_cmpuint (belfry_forwarder_get_forwarded (world->forwarder), ==, 4);
}

static void
test_from_the_beginning (World         *world,
                         gconstpointer  data)
{
  append_many (world->log.store, 3, NULL);
  forward (world, NULL, 0, TRUE);
  wait_for_given (world, 3);
  assert_given (world, 1, 3);
}

static void
test_goes_on (World         *world,
              gconstpointer  data)
{
  forward (world, NULL, 0, FALSE);
  append_many (world->log.store, 5, NULL);
  finish (world->sink, 2, NULL);
  forward_no_more (world);
  append_many (world->log.store, 1, NULL);
  fixture_close (&world->log);
  fixture_open (&world->log);

  /* Where it begins was decided once. */
  forward (world, NULL, 0, FALSE);
  wait_for_given (world, 4);
  assert_given (world, 3, 6);
  finish (world->sink, 4, NULL);
  g_assert_cmpuint (belfry_forwarder_get_forwarded (world->forwarder), ==, 6);
}

static void
test_flight_is_bounded (World         *world,
                        gconstpointer  data)
{
  forward (world, "max-flight-events", 10, FALSE);
  for (guint i = 0; i < 20; i++)
    append_many (world->log.store, 5, NULL);
  g_assert_cmpuint (world->sink->n_given, ==, 10);
  g_assert_cmpuint (belfry_forwarder_get_pending (world->forwarder), ==, 100);
  g_assert_cmpuint (belfry_forwarder_get_pending_bytes (world->forwarder), >, 0);

  for (guint n_given = 10; n_given < 100; n_given = world->sink->n_given)
    {
      guint n_events = MIN (world->sink->events->len, 7);

      assert_given (world, n_given - world->sink->events->len + 1, n_given);
      g_assert_cmpuint (world->sink->events->len, <=, 10);
      finish (world->sink, n_events, NULL);
      if (world->sink->events->len <= 5)
        while (world->sink->n_given == n_given)
          g_main_context_iteration (NULL, TRUE);
    }
  finish (world->sink, world->sink->events->len, NULL);
  g_assert_cmpuint (belfry_forwarder_get_pending (world->forwarder), ==, 0);
  g_assert_cmpuint (belfry_forwarder_get_pending_bytes (world->forwarder), ==, 0);

  /* Caught up: what comes now is passed on as it comes. */
  append_many (world->log.store, 2, NULL);
  assert_given (world, 101, 102);
}

/* What it is given it can only keep. */
static void
test_little_is_given_to_a_sink_that_is_away (World         *world,
                                             gconstpointer  data)
{
  forward (world, NULL, 0, FALSE);
  world->sink->is_away = TRUE;
  for (guint i = 0; i < 15; i++)
    append_many (world->log.store, 100, NULL);
  g_assert_cmpuint (world->sink->n_given, ==, 1000);
  g_assert_cmpuint (belfry_forwarder_get_pending (world->forwarder), ==, 1500);

  world->sink->is_away = FALSE;
  finish (world->sink, 1, NULL);
  wait_for_given (world, 1500);
  assert_given (world, 2, 1500);
}

static void
test_takes_deleted_back (World         *world,
                         gconstpointer  data)
{
  world->log.now_usec = 1000;
  fixture_close (&world->log);
  fixture_open (&world->log);
  forward (world, NULL, 0, FALSE);
  append_many (world->log.store, 3, NULL);
  __atomic_store_n (&world->log.now_usec, 2000, __ATOMIC_SEQ_CST);
  append_many (world->log.store, 2, NULL);
  assert_given (world, 1, 5);

  g_assert_cmpuint (delete_before (world->log.store, 2000), ==, 3);
  g_assert_cmpuint (world->sink->n_resets, ==, 1);
  wait_for_given (world, 7);
  assert_given (world, 4, 5);
  g_assert_cmpuint (get_kept (world), ==, 3);

  g_assert_cmpuint (delete_before (world->log.store, G_MAXINT64), ==, 2);
  g_assert_cmpuint (world->sink->n_resets, ==, 2);
  g_assert_cmpuint (belfry_forwarder_get_pending (world->forwarder), ==, 0);
  g_assert_cmpuint (get_kept (world), ==, 5);

  /* Nothing of it is in flight any more. */
  append_many (world->log.store, 1, NULL);
  finish (world->sink, 1, NULL);
  g_assert_cmpuint (delete_before (world->log.store, G_MAXINT64), ==, 1);
  g_assert_cmpuint (world->sink->n_resets, ==, 2);
}

static gint64
tell_time (gpointer user_data)
{
  return ((World *) user_data)->now_usec;
}

static gboolean
try_append (World *world)
{
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(GError) error = NULL;

  g_ptr_array_add (events, make_event ("quiz_started", NULL, NULL, "{}"));
  if (append (world->log.store, events, &error))
    return TRUE;

  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);
  return FALSE;
}

static void
test_too_old (World         *world,
              gconstpointer  data)
{
  forward (world, "buffer-max-usec", 1000, FALSE);
  belfry_forwarder_set_clock (world->forwarder, tell_time, world);
  append_many (world->log.store, 2, NULL);
  world->now_usec = belfry_forwarder_get_oldest_usec (world->forwarder) + 999;
  belfry_forwarder_check_bounds (world->forwarder);
  g_assert_true (try_append (world));

  world->now_usec++;
  belfry_forwarder_check_bounds (world->forwarder);
  g_assert_false (try_append (world));

  finish (world->sink, 3, NULL);
  g_assert_true (try_append (world));
}

static void
test_too_much (World         *world,
               gconstpointer  data)
{
  guint n_events = 0;

  forward (world, "buffer-max-bytes", 10000, FALSE);
  g_object_set (world->forwarder, "max-flight-events", 5, NULL);
  while (try_append (world))
    g_assert_cmpuint (++n_events, <, 200);
  g_assert_cmpuint (n_events, >, 20);
  g_assert_cmpuint (belfry_forwarder_get_pending_bytes (world->forwarder), >=, 10000);

  finish (world->sink, 5, NULL);
  g_assert_true (try_append (world));
}

static void
test_estimate (World         *world,
               gconstpointer  data)
{
  g_autofree char *text = g_strnfill (60000, 'x');
  g_autofree char *payload = g_strdup_printf ("{\"text\":\"%s\"}", text);

  append_one (world->log.store, make_event ("quiz_started", NULL, NULL, payload));
  append_many (world->log.store, 2000, NULL);
  /* All that was seen of the log is large. */
  forward (world, "max-flight-events", 1, TRUE);
  wait_for_given (world, 1);
  g_assert_cmpuint (belfry_forwarder_get_pending_bytes (world->forwarder), >, 60000);
  g_assert_cmpuint (belfry_forwarder_get_pending_bytes (world->forwarder), <, 10000000);
}

static gboolean
keep_later (BelfryForwarder *forwarder,
            BelfryEvent     *event,
            const char      *reason,
            gpointer         user_data)
{
  g_assert_cmpstr (reason, ==, "message_too_large");
  *(guint64 *) user_data = belfry_event_get_position (event);
  return FALSE;
}

static void
test_waits_for_letters (World         *world,
                        gconstpointer  data)
{
  guint64 position = 0, refused;

  forward (world, NULL, 0, FALSE);
  belfry_forwarder_set_letter_func (world->forwarder, keep_later, &position);
  append_many (world->log.store, 3, NULL);
  finish (world->sink, 1, NULL);
  finish (world->sink, 2, "message_too_large");
  g_assert_cmpuint (position, ==, 2);
  g_assert_cmpuint (get_kept (world), ==, 1);
  /* Nor may it be removed for its age. */
  g_assert_cmpint (belfry_forwarder_get_oldest_usec (world->forwarder), ==, G_MAXINT64);
  g_assert_cmpint (belfry_forwarder_get_hold_usec (world->forwarder), ==, 0);

  belfry_forwarder_letter_kept (world->forwarder, position);
  g_assert_cmpint (belfry_forwarder_get_hold_usec (world->forwarder), ==, G_MAXINT64);
  g_assert_cmpuint (get_kept (world), ==, 3);
  g_assert_cmpuint (belfry_forwarder_get_forwarded (world->forwarder), ==, 2);
  g_object_get (world->forwarder, "refused", &refused, NULL);
  g_assert_cmpuint (refused, ==, 1);
}

static void
count_call (gpointer user_data)
{
  ++*(guint *) user_data;
}

static void
test_stops (World         *world,
            gconstpointer  data)
{
  guint n_calls = 0;

  forward (world, NULL, 0, FALSE);
  append_many (world->log.store, 2, NULL);
  belfry_forwarder_stop (world->forwarder, count_call, &n_calls);
  g_assert_cmpuint (n_calls, ==, 1);
  g_assert_true (world->sink->is_stopped);
  append_many (world->log.store, 2, NULL);
  g_assert_cmpuint (world->sink->n_given, ==, 2);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  silence_log ();

#define ADD(path, func) g_test_add (path, World, NULL, set_up, func, tear_down)
  ADD ("/forwarder/events-are-passed-on-and-the-cursor-moves-behind-them", test_passes_on);
  ADD ("/forwarder/the-first-time-may-begin-with-what-is-held", test_from_the_beginning);
  ADD ("/forwarder/a-restart-goes-on-behind-what-was-acknowledged", test_goes_on);
  ADD ("/forwarder/the-flight-is-bounded-and-the-rest-is-read-from-the-log", test_flight_is_bounded);
  ADD ("/forwarder/little-is-given-to-a-sink-that-is-away", test_little_is_given_to_a_sink_that_is_away);
  ADD ("/forwarder/deleted-events-are-taken-back", test_takes_deleted_back);
  ADD ("/forwarder/the-log-accepts-nothing-while-an-event-waits-too-long", test_too_old);
  ADD ("/forwarder/the-log-accepts-nothing-while-too-much-waits", test_too_much);
  ADD ("/forwarder/what-waits-is-never-thought-larger-than-the-database", test_estimate);
  ADD ("/forwarder/the-cursor-waits-for-refused-events-to-be-kept", test_waits_for_letters);
  ADD ("/forwarder/nothing-is-given-after-the-end", test_stops);
#undef ADD

  return g_test_run ();
}
