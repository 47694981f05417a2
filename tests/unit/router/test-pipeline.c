/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-error.h"
#include "belfry-pipeline-private.h"
#include "belfry-subscriber-private.h"
#include "memory-store.h"

#define VALID "{\"event_type\":\"timer_tick\",\"source\":\"test\"}"

typedef struct
{
  MemoryStore    *store;
  BelfryRouter   *router;
  BelfryPipeline *pipeline;
  GString        *answers;    /* "1 2 ! …": positions, or ! for a failure */
  gint64          now_usec;
} Fixture;

static gint64
get_now (gpointer user_data)
{
  return ((Fixture *) user_data)->now_usec;
}

static void
set_up (Fixture       *f,
        gconstpointer  data)
{
  g_autoptr(BelfryEventTypeRegistry) registry = belfry_event_type_registry_new ();
  g_autoptr(BelfryEventValidator) validator = belfry_event_validator_new (registry);

  f->store = memory_store_new ();
  f->router = belfry_router_new (BELFRY_EVENT_STORE (f->store));
  f->pipeline = belfry_pipeline_new (validator, BELFRY_EVENT_STORE (f->store), f->router);
  f->answers = g_string_new (NULL);
  f->now_usec = G_USEC_PER_SEC;
  belfry_retention_set_clock (belfry_pipeline_peek_retention (f->pipeline), get_now, f);

  g_assert_true (belfry_pipeline_get_validator (f->pipeline) == validator);
  g_assert_true (belfry_pipeline_get_store (f->pipeline) == BELFRY_EVENT_STORE (f->store));
  g_assert_true (belfry_pipeline_get_router (f->pipeline) == f->router);
}

static void
turn (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
tear_down (Fixture       *f,
           gconstpointer  data)
{
  turn ();
  if (f->pipeline != NULL)
    g_assert_finalize_object (g_steal_pointer (&f->pipeline));
  g_assert_finalize_object (g_steal_pointer (&f->router));
  turn ();
  g_assert_finalize_object (g_steal_pointer (&f->store));
  g_string_free (f->answers, TRUE);
}

static void
on_published (BelfryEvent  *event,
              const GError *error,
              gpointer      user_data)
{
  Fixture *f = user_data;

  if (error != NULL)
    {
      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);
      g_string_append (f->answers, "! ");
      return;
    }
  g_assert_true (belfry_event_is_sealed (event));
  g_string_append_printf (f->answers, "%" G_GUINT64_FORMAT " ", belfry_event_get_position (event));
}

static void
publish (Fixture *f,
         guint    n_events)
{
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < n_events; i++)
    {
      g_assert_true (belfry_pipeline_publish_json (f->pipeline, VALID, -1, on_published, f, &error));
      g_assert_no_error (error);
    }
}

static guint64
get_counter (Fixture    *f,
             const char *name)
{
  guint64 value = 0;

  g_object_get (f->pipeline, name, &value, NULL);
  return value;
}

static void
test_gathers_a_turn (Fixture       *f,
                     gconstpointer  data)
{
  g_test_summary ("What one turn publishes is one append, answered in order and not from inside publish");

  publish (f, 3);
  g_assert_cmpuint (f->store->n_appends, ==, 0);
  g_assert_cmpstr (f->answers->str, ==, "");
  turn ();
  g_assert_cmpuint (f->store->n_appends, ==, 1);
  g_assert_cmpstr (f->answers->str, ==, "1 2 3 ");

  publish (f, 1);
  turn ();
  g_assert_cmpuint (f->store->n_appends, ==, 2);
  g_assert_cmpstr (f->answers->str, ==, "1 2 3 4 ");
  g_assert_cmpuint (get_counter (f, "accepted"), ==, 4);
}

static gboolean
send_cb (gpointer user_data)
{
  Fixture *f = user_data;

  g_assert_cmpuint (f->store->n_appends, ==, 1);
  g_string_append (f->answers, "sent ");
  return G_SOURCE_REMOVE;
}

static void
test_hands_over_first (Fixture       *f,
                       gconstpointer  data)
{
  g_test_summary ("What a turn published is with the log before anything is sent, however much that is");

  g_idle_add_full (G_PRIORITY_HIGH, send_cb, f, NULL);
  publish (f, 1);
  turn ();
  g_assert_cmpstr (f->answers->str, ==, "sent 1 ");
}

static void
test_has_many_in_flight (Fixture       *f,
                         gconstpointer  data)
{
  g_test_summary ("A turn does not wait for the appends before it");

  f->store->holds_appends = TRUE;
  for (guint i = 0; i < 5; i++)
    {
      publish (f, 2);
      turn ();
    }
  g_assert_cmpuint (f->store->appends.length, ==, 5);
  g_assert_cmpuint (get_counter (f, "accepted"), ==, 0);
  while (!g_queue_is_empty (&f->store->appends))
    memory_store_finish_append (f->store);
  turn ();
  g_assert_cmpstr (f->answers->str, ==, "1 2 3 4 5 6 7 8 9 10 ");
}

static void
test_bounds_appends (Fixture       *f,
                     gconstpointer  data)
{
  g_test_summary ("A turn that brings very much is several appends");

  publish (f, 3000);
  turn ();
  g_assert_cmpuint (f->store->n_appends, ==, 3);
  g_assert_cmpuint (get_counter (f, "accepted"), ==, 3000);
}

static void
test_tells_failure (Fixture       *f,
                    gconstpointer  data)
{
  g_test_summary ("When the log cannot take an append each of its events is refused, and the next ones are not");

  f->store->n_appends_to_fail = 1;
  publish (f, 3);
  turn ();
  publish (f, 1);
  turn ();
  g_assert_cmpstr (f->answers->str, ==, "! ! ! 1 ");
  g_assert_cmpuint (get_counter (f, "unavailable"), ==, 3);
  g_assert_cmpuint (get_counter (f, "accepted"), ==, 1);
}

static void
test_rejects (Fixture       *f,
              gconstpointer  data)
{
  g_autoptr(GError) error = NULL;

  g_test_summary ("What is no event is refused at once, and not answered again");

  g_assert_false (belfry_pipeline_publish_json (f->pipeline, "{", -1, on_published, f, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_JSON);
  g_clear_error (&error);
  g_assert_false (belfry_pipeline_publish_json (f->pipeline, "{}", 2, on_published, f, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_EVENT);
  turn ();
  g_assert_cmpuint (get_counter (f, "rejected"), ==, 2);
  g_assert_cmpuint (f->store->n_appends, ==, 0);
  g_assert_cmpstr (f->answers->str, ==, "");
}

static void
check_delivered (BelfryEvent  *event,
                 const GError *error,
                 gpointer      user_data)
{
  BelfrySubscriber *subscriber = user_data;
  BelfryDelivery delivery;

  g_assert_no_error (error);
  g_assert_cmpint (belfry_subscriber_pop (subscriber, &delivery), ==, BELFRY_DELIVERY_EVENT);
  g_assert_true (delivery.event == event);
  belfry_event_unref (delivery.event);
}

static void
test_routes_before_answering (Fixture       *f,
                              gconstpointer  data)
{
  g_autoptr(BelfryFilter) any = belfry_filter_new (NULL, NULL, NULL);
  g_autoptr(BelfrySubscriber) subscriber = belfry_router_subscribe (f->router, any, NULL, NULL);
  g_autoptr(GError) error = NULL;

  g_test_summary ("When a publish is answered its event waits for the subscribers already");

  for (guint i = 0; i < 3; i++)
    g_assert_true (belfry_pipeline_publish_json (f->pipeline, VALID, -1, check_delivered, subscriber, &error));
  turn ();
  g_assert_cmpuint (get_counter (f, "accepted"), ==, 3);
}

static void
test_answers_when_released (Fixture       *f,
                            gconstpointer  data)
{
  g_test_summary ("What was published is answered, though the caller released the pipeline");

  publish (f, 2);
  g_clear_object (&f->pipeline);
  turn ();
  g_assert_cmpstr (f->answers->str, ==, "1 2 ");
}

static void
keep_result (GObject      *object,
             GAsyncResult *result,
             gpointer      user_data)
{
  GAsyncResult **kept = user_data;

  *kept = g_object_ref (result);
}

static void
test_publishes_async (Fixture       *f,
                      gconstpointer  data)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(BelfryEvent) event = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("publish_async gives the accepted event");

  belfry_pipeline_publish_async (f->pipeline, VALID "tail", strlen (VALID), NULL, keep_result, &result);
  turn ();
  event = belfry_pipeline_publish_finish (f->pipeline, result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (belfry_event_get_position (event), ==, 1);
  g_assert_cmpstr (belfry_event_get_id (event), ==, "evt_000000000001");
}

static void
expect_publish_error (Fixture      *f,
                      const char   *json,
                      GCancellable *cancellable,
                      GQuark        domain,
                      int           code)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  belfry_pipeline_publish_async (f->pipeline, json, -1, cancellable, keep_result, &result);
  turn ();
  g_assert_null (belfry_pipeline_publish_finish (f->pipeline, result, &error));
  g_assert_error (error, domain, code);
}

static void
test_refuses_async (Fixture       *f,
                    gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();

  g_test_summary ("publish_async tells what is no event, what the log could not take, and what was cancelled before");

  expect_publish_error (f, "[]", NULL, BELFRY_ERROR, BELFRY_ERROR_INVALID_EVENT);
  f->store->n_appends_to_fail = 1;
  expect_publish_error (f, VALID, NULL, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);
  g_cancellable_cancel (cancellable);
  expect_publish_error (f, VALID, cancellable, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (f->store->events->len, ==, 0);
}

static void
test_tells_truth_when_cancelled (Fixture       *f,
                                 gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(BelfryEvent) event = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("An event that was appended is told as such, though it was cancelled meanwhile");

  belfry_pipeline_publish_async (f->pipeline, VALID, -1, cancellable, keep_result, &result);
  g_cancellable_cancel (cancellable);
  turn ();
  event = belfry_pipeline_publish_finish (f->pipeline, result, &error);
  g_assert_no_error (error);
  g_assert_nonnull (event);
}

static void
test_expires (Fixture       *f,
              gconstpointer  data)
{
  g_test_summary ("With a retention the log is asked soon to remove what is older, one removal at a time");

  turn ();
  g_assert_cmpuint (f->store->n_deletes, ==, 0);

  f->now_usec = 1000 * G_USEC_PER_SEC;
  f->store->holds_deletes = TRUE;
  g_object_set (f->pipeline, "retention-usec", (gint64) 400 * G_USEC_PER_SEC, NULL);
  turn ();
  g_assert_cmpuint (f->store->n_deletes, ==, 1);
  g_assert_cmpint (f->store->delete_before_usec, ==, 600 * G_USEC_PER_SEC);

  f->now_usec += 60 * G_USEC_PER_SEC;
  belfry_retention_run (belfry_pipeline_peek_retention (f->pipeline));
  g_assert_cmpuint (f->store->n_deletes, ==, 1);
  memory_store_finish_delete (f->store);
  turn ();

  f->store->holds_deletes = FALSE;
  belfry_retention_run (belfry_pipeline_peek_retention (f->pipeline));
  g_assert_cmpuint (f->store->n_deletes, ==, 2);
  g_assert_cmpint (f->store->delete_before_usec, ==, 660 * G_USEC_PER_SEC);
  turn ();

  g_object_set (f->pipeline, "retention-usec", (gint64) 0, NULL);
  belfry_retention_run (belfry_pipeline_peek_retention (f->pipeline));
  g_object_set (f->pipeline, "retention-usec", G_MAXINT64, NULL);
  turn ();
  g_assert_cmpuint (f->store->n_deletes, ==, 2);
}

static GLogWriterOutput
count_warnings (GLogLevelFlags   level,
                const GLogField *fields,
                gsize            n_fields,
                gpointer         user_data)
{
  guint *n_warnings = user_data;

  if ((level & G_LOG_LEVEL_WARNING) != 0)
    (*n_warnings)++;
  return G_LOG_WRITER_HANDLED;
}

static void
test_ends_while_expiring (Fixture       *f,
                          gconstpointer  data)
{
  g_test_summary ("The pipeline may go while a removal is under way");

  f->now_usec = 1000 * G_USEC_PER_SEC;
  f->store->holds_deletes = TRUE;
  g_object_set (f->pipeline, "retention-usec", (gint64) 1, NULL);
  turn ();
  g_assert_finalize_object (g_steal_pointer (&f->pipeline));
  memory_store_finish_delete (f->store);
  turn ();
  g_assert_cmpuint (f->store->n_deletes, ==, 1);
}

static void
test_warns_once (Fixture       *f,
                 gconstpointer  data)
{
  guint n_warnings = 0;

  g_test_summary ("A removal that keeps failing is logged once, and again when it fails after it worked");

  /* A log writer is for the life of the process, so it lives in one of its own. */
  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, 0);
      g_test_trap_assert_passed ();
      return;
    }

  g_log_set_writer_func (count_warnings, &n_warnings, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  f->now_usec = 1000 * G_USEC_PER_SEC;
  f->store->n_deletes_to_fail = 3;
  g_object_set (f->pipeline, "retention-usec", (gint64) 1, NULL);
  for (guint i = 0; i < 6; i++)
    {
      turn ();
      g_assert_cmpuint (n_warnings, ==, 1);
      belfry_retention_run (belfry_pipeline_peek_retention (f->pipeline));
    }
  turn ();
  f->store->n_deletes_to_fail = 1;
  belfry_retention_run (belfry_pipeline_peek_retention (f->pipeline));
  turn ();
  g_assert_cmpuint (n_warnings, ==, 2);
}

static void
test_makes_missing_parts (Fixture       *f,
                          gconstpointer  data)
{
  g_autoptr(BelfryPipeline) of_store = belfry_pipeline_new_for_store (BELFRY_EVENT_STORE (f->store));
  BelfryRouter *router = belfry_pipeline_get_router (of_store);
  g_autoptr(BelfryPipeline) of_router = g_object_new (BELFRY_TYPE_PIPELINE, "router", router, NULL);
  BelfryEventValidator *validator = belfry_pipeline_get_validator (of_store);

  g_assert_true (belfry_router_get_store (router) == BELFRY_EVENT_STORE (f->store));
  g_assert_true (belfry_event_type_registry_contains (belfry_event_validator_get_registry (validator), "quiz_started"));
  g_assert_true (belfry_pipeline_get_store (of_router) == BELFRY_EVENT_STORE (f->store));
  g_assert_true (belfry_pipeline_get_router (of_router) == router);
}

#define ADD(path, func) g_test_add ("/pipeline/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("new/makes-missing-parts", test_makes_missing_parts);
  ADD ("publish/gathers-a-turn", test_gathers_a_turn);
  ADD ("publish/hands-over-first", test_hands_over_first);
  ADD ("publish/has-many-in-flight", test_has_many_in_flight);
  ADD ("publish/bounds-appends", test_bounds_appends);
  ADD ("publish/tells-failure", test_tells_failure);
  ADD ("publish/rejects", test_rejects);
  ADD ("publish/routes-before-answering", test_routes_before_answering);
  ADD ("publish/answers-when-released", test_answers_when_released);
  ADD ("async/publishes", test_publishes_async);
  ADD ("async/refuses", test_refuses_async);
  ADD ("async/tells-truth-when-cancelled", test_tells_truth_when_cancelled);
  ADD ("retention/expires", test_expires);
  ADD ("retention/ends-while-expiring", test_ends_while_expiring);
  ADD ("retention/warns-once", test_warns_once);

  return g_test_run ();
}
