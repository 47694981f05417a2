/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-pipeline-private.h"
#include "belfry-sqlite-store.h"
#include "belfry-subscriber-private.h"

#include <glib/gstdio.h>

/* The same promises, on the log that the daemon has. */

#define N_EVENTS 3000

typedef struct
{
  char              *folder;
  BelfrySqliteStore *store;
  BelfryRouter      *router;
  BelfryPipeline    *pipeline;
  BelfryFilter      *any;
  BelfryFilter      *mine;
  guint              n_answers;
} Fixture;

static void
open_all (Fixture *f)
{
  g_autofree char *path = g_build_filename (f->folder, "events.db", NULL);
  g_autoptr(BelfryEventTypeRegistry) registry = belfry_event_type_registry_new ();
  g_autoptr(BelfryEventValidator) validator = belfry_event_validator_new (registry);
  g_autoptr(GError) error = NULL;

  f->store = belfry_sqlite_store_new (path);
  belfry_sqlite_store_open (f->store, NULL, &error);
  g_assert_no_error (error);
  f->router = g_object_new (BELFRY_TYPE_ROUTER,
                            "store", f->store,
                            "max-queue-size", 100,
                            "mailbox-max-bytes", (guint64) 50000,
                            NULL);
  f->pipeline = belfry_pipeline_new (validator, BELFRY_EVENT_STORE (f->store), f->router);
}

static void
close_all (Fixture *f)
{
  g_assert_finalize_object (g_steal_pointer (&f->pipeline));
  g_assert_finalize_object (g_steal_pointer (&f->router));
  belfry_sqlite_store_close (f->store);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_finalize_object (g_steal_pointer (&f->store));
}

static void
set_up (Fixture       *f,
        gconstpointer  data)
{
  f->folder = g_dir_make_tmp ("belfry-router-XXXXXX", NULL);
  f->any = belfry_filter_new (NULL, NULL, NULL);
  f->mine = belfry_filter_new (NULL, "mine", NULL);
  open_all (f);
}

static void
tear_down (Fixture       *f,
           gconstpointer  data)
{
  g_autoptr(GDir) dir = g_dir_open (f->folder, 0, NULL);
  const char *name = NULL;

  close_all (f);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (f->folder, name, NULL);

      g_unlink (path);
    }
  g_assert_cmpint (g_rmdir (f->folder), ==, 0);
  g_clear_pointer (&f->folder, g_free);
  g_clear_pointer (&f->any, belfry_filter_unref);
  g_clear_pointer (&f->mine, belfry_filter_unref);
}

static void
on_published (BelfryEvent  *event,
              const GError *error,
              gpointer      user_data)
{
  g_assert_no_error (error);
  ((Fixture *) user_data)->n_answers++;
}

/* Every third is "mine". */
static void
publish (Fixture *f,
         guint    n_events)
{
  guint n_answers = f->n_answers + n_events;

  for (guint i = 0; i < n_events; i++)
    {
      g_autofree char *json = g_strdup_printf ("{\"event_type\":\"timer_tick\",\"source\":\"test\","
                                               "\"session_id\":\"%s\",\"payload\":{\"n\":%u}}",
                                               i % 3 == 0 ? "mine" : "other", i);
      g_autoptr(GError) error = NULL;

      belfry_pipeline_publish_json (f->pipeline, json, -1, on_published, f, &error);
      g_assert_no_error (error);
      if (i % 50 == 0)
        g_main_context_iteration (NULL, FALSE);
    }
  while (f->n_answers < n_answers)
    g_main_context_iteration (NULL, TRUE);
}

static BelfrySubscriber *
subscribe (Fixture      *f,
           BelfryFilter *filter,
           gint64        position)
{
  BelfryCursor cursor = {
    .log_id = belfry_event_store_get_log_id (BELFRY_EVENT_STORE (f->store)),
    .position = (guint64) position,
  };
  g_autoptr(GError) error = NULL;
  BelfrySubscriber *subscriber = NULL;

  subscriber = belfry_router_subscribe (f->router, filter, position < 0 ? NULL : &cursor, &error);
  g_assert_no_error (error);
  return subscriber;
}

static BelfryDeliveryKind
pop_soon (BelfrySubscriber *subscriber,
          BelfryDelivery   *delivery)
{
  while (belfry_subscriber_pop (subscriber, delivery) == BELFRY_DELIVERY_NONE)
    g_main_context_iteration (NULL, TRUE);
  return delivery->kind;
}

/* All events of every third position from first on, or of every position. */
static void
expect_events (BelfrySubscriber *subscriber,
               guint64           first,
               guint64           step,
               guint             n_events)
{
  for (guint i = 0; i < n_events; i++)
    {
      BelfryDelivery delivery;

      g_assert_cmpint (pop_soon (subscriber, &delivery), ==, BELFRY_DELIVERY_EVENT);
      g_assert_cmpuint (belfry_event_get_position (delivery.event), ==, first + i * step);
      belfry_event_unref (delivery.event);
    }
}

static void
test_serves_all_speeds (Fixture       *f,
                        gconstpointer  data)
{
  g_autoptr(BelfrySubscriber) slow = subscribe (f, f->any, -1);
  g_autoptr(BelfrySubscriber) mine = subscribe (f, f->mine, -1);
  g_autoptr(BelfrySubscriber) late = NULL;
  guint64 fallbacks = 0;
  gboolean is_live = FALSE;

  g_test_summary ("Whoever stood still while the ring went by, and whoever comes from the beginning, gets everything");

  publish (f, N_EVENTS);
  g_object_get (f->router, "fallbacks", &fallbacks, NULL);
  g_assert_cmpuint (fallbacks, ==, 2);
  late = subscribe (f, f->any, 0);

  expect_events (slow, 1, 1, N_EVENTS / 2);
  expect_events (mine, 1, 3, N_EVENTS / 3);
  expect_events (late, 1, 1, N_EVENTS);
  publish (f, 30);
  expect_events (slow, N_EVENTS / 2 + 1, 1, N_EVENTS / 2 + 30);
  expect_events (mine, N_EVENTS + 1, 3, 10);
  expect_events (late, N_EVENTS + 1, 1, 30);

  while (!is_live)
    {
      BelfryDelivery delivery;

      g_assert_cmpint (belfry_subscriber_pop (slow, &delivery), ==, BELFRY_DELIVERY_NONE);
      g_main_context_iteration (NULL, FALSE);
      g_object_get (slow, "is-live", &is_live, NULL);
    }
  g_assert_true (is_live);
}

static void
test_resumes_after_restart (Fixture       *f,
                            gconstpointer  data)
{
  g_autoptr(BelfrySubscriber) subscriber = subscribe (f, f->any, -1);
  g_autoptr(BelfryCursor) cursor = NULL;

  g_test_summary ("A cursor goes on where it stopped after the log was closed and opened");

  publish (f, 500);
  expect_events (subscriber, 1, 1, 200);
  cursor = belfry_subscriber_dup_cursor (subscriber);
  belfry_subscriber_cancel (subscriber);
  close_all (f);

  open_all (f);
  g_clear_object (&subscriber);
  subscriber = belfry_router_subscribe (f->router, f->any, cursor, NULL);
  expect_events (subscriber, 201, 1, 300);
  publish (f, 3);
  expect_events (subscriber, 501, 1, 3);
}

static void
delete_cb (GObject      *object,
           GAsyncResult *result,
           gpointer      user_data)
{
  gboolean *is_done = user_data;
  g_autoptr(GError) error = NULL;

  belfry_event_store_delete_finish (BELFRY_EVENT_STORE (object), result, NULL, &error);
  g_assert_no_error (error);
  *is_done = TRUE;
}

static void
delete_before (Fixture *f,
               gint64   before_usec)
{
  gboolean is_done = FALSE;

  belfry_event_store_delete_async (BELFRY_EVENT_STORE (f->store), before_usec, NULL, delete_cb, &is_done);
  while (!is_done)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_tells_gap (Fixture       *f,
                gconstpointer  data)
{
  g_autoptr(BelfrySubscriber) from_log = NULL;
  g_autoptr(BelfrySubscriber) from_ring = NULL;
  BelfryDelivery delivery;

  g_test_summary ("What was deleted is told, whether it is read from the log or from the ring");

  publish (f, 1000);
  delete_before (f, G_MAXINT64);
  publish (f, 5);
  from_log = subscribe (f, f->mine, 100);
  from_ring = subscribe (f, f->mine, 990);

  g_assert_cmpint (pop_soon (from_log, &delivery), ==, BELFRY_DELIVERY_GAP);
  g_assert_cmpuint (delivery.gap.from.position, ==, 100);
  g_assert_cmpuint (delivery.gap.to.position, ==, 1000);
  g_assert_cmpuint (delivery.gap.lost, ==, 900);
  expect_events (from_log, 1001, 3, 2);
  g_assert_cmpint (pop_soon (from_ring, &delivery), ==, BELFRY_DELIVERY_GAP);
  g_assert_cmpuint (delivery.gap.lost, ==, 10);
  expect_events (from_ring, 1001, 3, 2);
}

static void
test_expires (Fixture       *f,
              gconstpointer  data)
{
  g_autoptr(BelfrySubscriber) subscriber = NULL;
  BelfryDelivery delivery;

  g_test_summary ("Retention removes what is too old, and who resumes there is told");

  publish (f, 200);
  g_object_set (f->pipeline, "retention-usec", (gint64) 1, NULL);
  while (belfry_event_store_get_floor (BELFRY_EVENT_STORE (f->store)) != 201)
    g_main_context_iteration (NULL, TRUE);
  g_object_set (f->pipeline, "retention-usec", (gint64) 0, NULL);

  subscriber = subscribe (f, f->any, 50);
  g_assert_cmpint (pop_soon (subscriber, &delivery), ==, BELFRY_DELIVERY_GAP);
  g_assert_cmpuint (delivery.gap.to.position, ==, 200);
  g_assert_cmpuint (delivery.gap.lost, ==, 150);
  publish (f, 1);
  expect_events (subscriber, 201, 1, 1);
}

static void
test_ends_while_reading (Fixture       *f,
                         gconstpointer  data)
{
  g_test_summary ("Subscribers may go, and the router with them, while pages are on their way");

  publish (f, 1000);
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr(BelfrySubscriber) subscriber = subscribe (f, f->any, 0);

      if (i % 2 == 0)
        g_main_context_iteration (NULL, FALSE);
      if (i % 3 == 0)
        belfry_subscriber_cancel (subscriber);
    }
}

#define ADD(path, func) g_test_add ("/router/sqlite/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("serves-all-speeds", test_serves_all_speeds);
  ADD ("resumes-after-restart", test_resumes_after_restart);
  ADD ("tells-gap", test_tells_gap);
  ADD ("expires", test_expires);
  ADD ("ends-while-reading", test_ends_while_reading);

  return g_test_run ();
}
