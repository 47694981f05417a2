/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-error.h"
#include "belfry-router-private.h"
#include "memory-store.h"

#define N_OTHERS 10000

typedef struct
{
  MemoryStore  *store;
  BelfryRouter *router;
  BelfryFilter *any;
  guint         n_subscribed;
  guint         n_unsubscribed;
} Fixture;

static void
on_subscribed (BelfryRouter     *router,
               BelfrySubscriber *subscriber,
               Fixture          *f)
{
  g_assert_true (belfry_router_lookup (router, belfry_subscriber_get_id (subscriber)) == subscriber);
  f->n_subscribed++;
}

static void
on_unsubscribed (BelfryRouter     *router,
                 BelfrySubscriber *subscriber,
                 Fixture          *f)
{
  g_assert_null (belfry_router_lookup (router, belfry_subscriber_get_id (subscriber)));
  f->n_unsubscribed++;
}

static void
set_up (Fixture       *f,
        gconstpointer  data)
{
  f->store = memory_store_new ();
  f->any = belfry_filter_new (NULL, NULL, NULL);
  memory_store_add (f->store, memory_event_new (NULL, NULL, NULL, 0));
  f->router = belfry_router_new (BELFRY_EVENT_STORE (f->store));
  g_signal_connect (f->router, "subscribed", G_CALLBACK (on_subscribed), f);
  g_signal_connect (f->router, "unsubscribed", G_CALLBACK (on_unsubscribed), f);
}

static void
tear_down (Fixture       *f,
           gconstpointer  data)
{
  if (f->router != NULL)
    g_assert_finalize_object (g_steal_pointer (&f->router));
  g_assert_cmpuint (f->n_unsubscribed, ==, f->n_subscribed);
  g_assert_finalize_object (g_steal_pointer (&f->store));
  g_clear_pointer (&f->any, belfry_filter_unref);
}

static void
add (Fixture *f,
     guint    n_events)
{
  for (guint i = 0; i < n_events; i++)
    memory_store_add (f->store, memory_event_new (NULL, NULL, NULL, 1000));
}

static BelfrySubscriber *
subscribe (Fixture      *f,
           BelfryFilter *filter)
{
  g_autoptr(GError) error = NULL;
  BelfrySubscriber *subscriber = belfry_router_subscribe (f->router, filter, NULL, &error);

  g_assert_no_error (error);
  return subscriber;
}

static guint
get_uint (Fixture    *f,
          const char *name)
{
  guint value = 0;

  g_object_get (f->router, name, &value, NULL);
  return value;
}

static void
test_bounds_subscribers (Fixture       *f,
                         gconstpointer  data)
{
  g_autoptr(BelfrySubscriber) first = NULL;
  g_autoptr(BelfrySubscriber) second = NULL;
  g_autoptr(BelfrySubscriber) third = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("Over max-subscribers a subscription is refused, and one that ends makes room");

  g_object_set (f->router, "max-subscribers", 2, NULL);
  first = subscribe (f, f->any);
  second = subscribe (f, f->any);
  g_assert_null (belfry_router_subscribe (f->router, f->any, NULL, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_CAPACITY);
  g_assert_cmpstr (error->message, ==, "Server at subscriber capacity");
  g_assert_cmpuint (get_uint (f, "active-subscribers"), ==, 2);

  belfry_subscriber_cancel (first);
  belfry_subscriber_cancel (first);
  g_assert_cmpuint (get_uint (f, "active-subscribers"), ==, 1);
  third = subscribe (f, f->any);
  g_assert_cmpuint (f->n_subscribed, ==, 3);
  g_assert_cmpuint (f->n_unsubscribed, ==, 1);
}

static void
test_names_subscribers (Fixture       *f,
                        gconstpointer  data)
{
  g_autoptr(GPtrArray) listed = NULL;
  g_autoptr(GRegex) pattern = g_regex_new ("^sub_[0-9a-f]{8}$", 0, 0, NULL);

  g_test_summary ("Ids have their form, find their subscriber, and the list is in order of age");

  for (guint i = 0; i < 100; i++)
    {
      g_autoptr(BelfrySubscriber) subscriber = subscribe (f, f->any);

      g_assert_true (g_regex_match (pattern, belfry_subscriber_get_id (subscriber), 0, NULL));
    }
  g_assert_null (belfry_router_lookup (f->router, "sub_"));

  listed = belfry_router_list_subscribers (f->router);
  g_assert_cmpuint (listed->len, ==, 100);
  for (guint i = 1; i < listed->len; i++)
    g_assert_cmpint (belfry_subscriber_get_created_usec (g_ptr_array_index (listed, i - 1)), <=,
                     belfry_subscriber_get_created_usec (g_ptr_array_index (listed, i)));
}

static void
test_bounds_ring (Fixture       *f,
                  gconstpointer  data)
{
  guint64 bytes = 0;

  g_test_summary ("The ring keeps to its bounds in events and bytes, also when they shrink, but holds the newest");

  g_assert_cmpuint (get_uint (f, "queue-size"), ==, 0);
  g_object_set (f->router, "max-queue-size", 10, NULL);
  add (f, 25);
  g_assert_cmpuint (get_uint (f, "queue-size"), ==, 10);
  g_object_set (f->router, "max-queue-size", 4, NULL);
  g_assert_cmpuint (get_uint (f, "queue-size"), ==, 4);

  g_object_set (f->router, "max-queue-size", 10000, "ring-max-bytes", (guint64) 20000, NULL);
  add (f, 100);
  g_object_get (f->router, "queue-bytes", &bytes, NULL);
  g_assert_cmpuint (bytes, <=, 20000);
  g_assert_cmpuint (bytes, >, 15000);

  g_object_set (f->router, "ring-max-bytes", (guint64) 1, NULL);
  add (f, 2);
  g_assert_cmpuint (get_uint (f, "queue-size"), ==, 1);
}

static void
test_ignores_other_sessions (Fixture       *f,
                             gconstpointer  data)
{
  g_autoptr(BelfryFilter) mine = belfry_filter_new (NULL, "mine", NULL);
  g_autoptr(BelfrySubscriber) subscriber = subscribe (f, mine);
  BelfryDelivery delivery;

  g_test_summary ("10,000 subscribers of other sessions are not looked at");

  g_object_set (f->router, "max-subscribers", N_OTHERS + 1, NULL);
  for (guint i = 0; i < N_OTHERS; i++)
    {
      g_autofree char *session_id = g_strdup_printf ("other %u", i);
      g_autoptr(BelfryFilter) filter = belfry_filter_new (NULL, session_id, NULL);

      g_object_unref (subscribe (f, filter));
    }

  for (guint i = 0; i < 100; i++)
    memory_store_add (f->store, memory_event_new (NULL, "mine", NULL, 0));
  g_assert_cmpuint (belfry_router_get_n_looked_at (f->router), ==, 100);
  for (guint i = 0; i < 100; i++)
    {
      g_assert_cmpint (belfry_subscriber_pop (subscriber, &delivery), ==, BELFRY_DELIVERY_EVENT);
      belfry_event_unref (delivery.event);
    }
}

static void
test_gives_cursor (Fixture       *f,
                   gconstpointer  data)
{
  g_autoptr(BelfryCursor) before = belfry_router_dup_cursor (f->router);
  g_autoptr(BelfryCursor) after = NULL;

  g_test_summary ("Its cursor is the end of the log");

  g_assert_cmpuint (before->log_id, ==, MEMORY_LOG_ID);
  g_assert_cmpuint (before->position, ==, 1);
  add (f, 3);
  after = belfry_router_dup_cursor (f->router);
  g_assert_cmpuint (after->position, ==, 4);
}

static void
cancel_other (BelfrySubscriber *subscriber,
              gpointer          user_data)
{
  BelfrySubscriber **both = user_data;

  belfry_subscriber_cancel (both[0] == subscriber ? both[1] : both[0]);
}

static void
test_survives_cancel_while_telling (Fixture       *f,
                                    gconstpointer  data)
{
  BelfrySubscriber *both[2] = { subscribe (f, f->any), subscribe (f, f->any) };

  g_test_summary ("Whoever is told first may cancel whoever would be told next");

  for (guint i = 0; i < 2; i++)
    belfry_subscriber_set_ready_func (both[i], cancel_other, both);
  add (f, 1);
  g_assert_cmpuint (get_uint (f, "active-subscribers"), ==, 1);
  g_object_unref (both[0]);
  g_object_unref (both[1]);
}

static void
pop_at_once (BelfrySubscriber *subscriber,
             gpointer          user_data)
{
  guint *n_events = user_data;
  BelfryDelivery delivery;

  while (belfry_subscriber_pop (subscriber, &delivery) == BELFRY_DELIVERY_EVENT)
    {
      belfry_event_unref (delivery.event);
      (*n_events)++;
    }
}

static void
test_lets_pop_when_told (Fixture       *f,
                         gconstpointer  data)
{
  g_autoptr(BelfrySubscriber) subscriber = subscribe (f, f->any);
  guint n_events = 0;

  g_test_summary ("The ready function may take what waits");

  belfry_subscriber_set_ready_func (subscriber, pop_at_once, &n_events);
  add (f, 10);
  g_assert_cmpuint (n_events, ==, 10);
}

static void
test_ends_with_its_subscribers (Fixture       *f,
                                gconstpointer  data)
{
  g_autoptr(BelfrySubscriber) live = subscribe (f, f->any);
  g_autoptr(BelfrySubscriber) behind = NULL;
  BelfryDelivery delivery;
  BelfryCursor beginning = { .log_id = 0 };

  g_test_summary ("With its last reference the router cancels its subscribers, which may outlive it");

  behind = belfry_router_subscribe (f->router, f->any, &beginning, NULL);
  belfry_subscriber_start (live);
  add (f, 1);
  f->store->holds_reads = TRUE;
  while (g_main_context_iteration (NULL, FALSE))
    ;
  add (f, 1);
  g_assert_finalize_object (g_steal_pointer (&f->router));

  g_assert_cmpint (belfry_subscriber_pop (behind, &delivery), ==, BELFRY_DELIVERY_NONE);
  belfry_subscriber_set_filter (live, f->any);
  belfry_subscriber_start (behind);
  belfry_subscriber_cancel (live);
  while (!g_queue_is_empty (&f->store->reads))
    memory_store_finish_read (f->store);
  add (f, 1);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

#define ADD(path, func) g_test_add ("/router/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("bounds-subscribers", test_bounds_subscribers);
  ADD ("names-subscribers", test_names_subscribers);
  ADD ("bounds-ring", test_bounds_ring);
  ADD ("ignores-other-sessions", test_ignores_other_sessions);
  ADD ("gives-cursor", test_gives_cursor);
  ADD ("tell/survives-cancel", test_survives_cancel_while_telling);
  ADD ("tell/lets-pop", test_lets_pop_when_told);
  ADD ("ends-with-its-subscribers", test_ends_with_its_subscribers);

  return g_test_run ();
}
