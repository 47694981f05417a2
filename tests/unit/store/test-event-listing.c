/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-event-listing-private.h"
#include "store-fixture.h"

/* --- a log that makes events, and asks another one for them --- */

#define TEST_TYPE_PLAIN_STORE (test_plain_store_get_type ())
G_DECLARE_FINAL_TYPE (TestPlainStore, test_plain_store, TEST, PLAIN_STORE, GObject)

struct _TestPlainStore
{
  GObject           parent_instance;

  BelfryEventStore *inner;  /* not owned */
};

static void
plain_queried (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  g_autoptr(GTask) task = user_data;

  g_task_return_pointer (task, g_object_ref (result), g_object_unref);
}

static void
test_plain_store_query_async (BelfryEventStore    *store,
                              BelfryFilter        *filter,
                              gint64               since_usec,
                              guint64              before_position,
                              guint                limit,
                              GCancellable        *cancellable,
                              GAsyncReadyCallback  callback,
                              gpointer             user_data)
{
  belfry_event_store_query_async (TEST_PLAIN_STORE (store)->inner, filter, since_usec, before_position, limit,
                                  cancellable, plain_queried, g_task_new (store, cancellable, callback, user_data));
}

static GPtrArray *
test_plain_store_query_finish (BelfryEventStore  *store,
                               GAsyncResult      *result,
                               GError           **error)
{
  g_autoptr(GAsyncResult) inner = g_task_propagate_pointer (G_TASK (result), NULL);

  return belfry_event_store_query_finish (TEST_PLAIN_STORE (store)->inner, inner, error);
}

static gboolean
test_plain_store_query_was_cut (BelfryEventStore *store,
                                GAsyncResult     *result)
{
  return FALSE;
}

static void
test_plain_store_event_store_init (BelfryEventStoreInterface *iface)
{
  iface->query_async = test_plain_store_query_async;
  iface->query_finish = test_plain_store_query_finish;
  iface->query_was_cut = test_plain_store_query_was_cut;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (TestPlainStore, test_plain_store, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (BELFRY_TYPE_EVENT_STORE, test_plain_store_event_store_init))

static void
test_plain_store_class_init (TestPlainStoreClass *klass)
{
}

static void
test_plain_store_init (TestPlainStore *self)
{
}

/* --- what is checked --- */

static BelfryEventListing *
list (BelfryEventStore *store,
      BelfryFilter     *filter,
      guint64           before_position,
      guint             limit)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  BelfryEventListing *listing;

  belfry_event_store_list_async (store, filter, G_MININT64, before_position, limit, NULL, catch_result, &result);
  listing = belfry_event_store_list_finish (store, wait_for (&result), &error);
  g_assert_no_error (error);

  return listing;
}

static char *
join (GPtrArray *events)
{
  g_autoptr(GString) json = g_string_new ("[");

  for (guint i = 0; i < events->len; i++)
    {
      if (i > 0)
        g_string_append_c (json, ',');
      g_string_append (json, belfry_event_get_json (g_ptr_array_index (events, i)));
    }
  g_string_append_c (json, ']');

  return g_string_free (g_steal_pointer (&json), FALSE);
}

/* A listing of the first @limit of what is there tells the same as the events do. */
static void
check_listing (BelfryEventStore *store,
               GPtrArray        *events,
               BelfryFilter     *filter,
               guint             limit)
{
  g_autoptr(BelfryEventListing) listing = list (store, filter, 0, limit);
  g_autoptr(GPtrArray) shown = g_ptr_array_new ();
  g_autofree char *json = NULL;

  for (guint i = 0; i < MIN (limit, events->len); i++)
    g_ptr_array_add (shown, g_ptr_array_index (events, i));
  json = join (shown);

  g_assert_cmpstr (listing->json->str, ==, json);
  g_assert_cmpuint (listing->json->len, ==, strlen (json));
  g_assert_cmpuint (listing->n_events, ==, shown->len);
  g_assert_cmpuint (listing->last_position, ==,
                    shown->len > 0 ? belfry_event_get_position (g_ptr_array_index (shown, shown->len - 1)) : 0);
  g_assert_true (listing->has_more == (events->len > limit));
}

/* Events with everything that a text may have. */
static void
append_all_kinds (Fixture *fixture)
{
  double amount = 12.5;

  append_one (fixture->store, make_event ("plain", NULL, NULL, "{}"));
  append_one (fixture->store, make_event ("plain", "", "", "{\"a\":[1,2,{\"b\":null}]}"));
  append_one (fixture->store, make_event ("escapes", "\"quoted\" \\ \n\t\x01", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x94", "{}"));
  append_one (fixture->store, make_rich_event ("rich", "s1", "u1", "premium", &amount));
  append_many (fixture->store, 300, "s2");
  append_one (fixture->store, make_event ("plain", "s1", "u2", "{\"last\":true}"));
}

static void
check_all_limits (BelfryEventStore *store,
                  Fixture          *fixture,
                  BelfryFilter     *filter)
{
  static const guint limits[] = { 1, 2, 3, 100, 1000 };
  g_autoptr(GPtrArray) events = query (fixture->store, filter, G_MININT64, 0, 10000);

  for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
    check_listing (store, events, filter, limits[i]);
  for (guint limit = MAX (events->len, 2) - 1; limit <= events->len + 1; limit++)
    check_listing (store, events, filter, limit);
}

static void
check_all_filters (BelfryEventStore *store,
                   Fixture          *fixture)
{
  static const char *const texts[] = {
    "{}", "{\"event_types\":[\"plain\"]}", "{\"event_types\":[\"escapes\"]}", "{\"session_id\":\"s1\"}", "{\"session_id\":\"s2\"}",
    "{\"user_tiers\":[\"premium\"]}", "{\"min_amount\":12}", "{\"min_amount\":13}", "{\"event_types\":[\"absent\"]}",
  };

  check_all_limits (store, fixture, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(BelfryFilter) filter = belfry_filter_new_from_json (texts[i], -1, &error);

      g_assert_no_error (error);
      check_all_limits (store, fixture, filter);
    }
}

static void
test_same_text (void)
{
  Fixture fixture;

  g_test_summary ("A listing is the array of the events that a query gives, and knows whether there are more");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  check_all_filters (BELFRY_EVENT_STORE (fixture.store), &fixture);
  append_all_kinds (&fixture);
  check_all_filters (BELFRY_EVENT_STORE (fixture.store), &fixture);

  fixture_tear_down (&fixture);
}

static void
test_plain_log (void)
{
  Fixture fixture;
  g_autoptr(TestPlainStore) plain = NULL;

  g_test_summary ("A log that only makes events has the same listings");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  append_all_kinds (&fixture);
  plain = g_object_new (TEST_TYPE_PLAIN_STORE, NULL);
  plain->inner = BELFRY_EVENT_STORE (fixture.store);
  check_all_filters (BELFRY_EVENT_STORE (plain), &fixture);

  fixture_tear_down (&fixture);
}

static void
test_goes_on (void)
{
  Fixture fixture;
  guint64 before_position = 0;
  guint n_events = 0;
  gboolean has_more = TRUE;

  g_test_summary ("Listings that end at the bound of bytes lead through everything, one after the other");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  append_many (fixture.store, 50, "s1");
  g_object_set (fixture.store, "max-query-bytes", (guint64) 700, NULL);

  while (has_more)
    {
      g_autoptr(BelfryEventListing) listing = list (BELFRY_EVENT_STORE (fixture.store), NULL, before_position, 40);

      g_assert_cmpuint (listing->n_events, >=, 1);
      g_assert_cmpuint (listing->n_events, <, 40);
      g_assert_cmpuint (listing->json->len, <, 2000);
      n_events += listing->n_events;
      before_position = listing->last_position;
      has_more = listing->has_more;
    }
  g_assert_cmpuint (n_events, ==, 50);
  g_assert_cmpuint (before_position, ==, 1);
  g_assert_cmpuint (get_counter (fixture.store, "queries-cut"), >, 0);

  fixture_tear_down (&fixture);
}

static void
test_closed (void)
{
  Fixture fixture;
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("A closed log lists nothing");
  fixture_set_up (&fixture);
  fixture_open (&fixture);
  fixture_close (&fixture);
  fixture.store = belfry_sqlite_store_new (fixture.path);

  belfry_event_store_list_async (BELFRY_EVENT_STORE (fixture.store), NULL, G_MININT64, 0, 1, NULL, catch_result, &result);
  g_assert_null (belfry_event_store_list_finish (BELFRY_EVENT_STORE (fixture.store), wait_for (&result), &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);

  fixture_tear_down (&fixture);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/listing/is-the-text-of-a-query", test_same_text);
  g_test_add_func ("/listing/of-a-log-that-only-makes-events", test_plain_log);
  g_test_add_func ("/listing/leads-through-everything", test_goes_on);
  g_test_add_func ("/listing/of-a-closed-log-fails", test_closed);

  return g_test_run ();
}
