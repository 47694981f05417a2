/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <glib/gstdio.h>

#include "belfry-error.h"
#include "belfry-sqlite-log-private.h"
#include "store-fixture.h"

typedef struct
{
  GAsyncResult *result;
  GMainContext *context;  /* on which it was told */
} Told;

static void
opened_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Told *told = user_data;

  told->result = g_object_ref (result);
  told->context = g_main_context_get_thread_default ();
}

static gboolean
open_and_wait (BelfrySqliteStore  *store,
               GCancellable       *cancellable,
               GError            **error)
{
  Told told = { NULL, NULL };
  gboolean is_open;

  belfry_sqlite_store_open_async (store, cancellable, opened_cb, &told);
  g_assert_null (told.result);
  while (told.result == NULL)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);

  g_assert_true (told.context == g_main_context_get_thread_default ());
  is_open = belfry_sqlite_store_open_finish (store, told.result, error);
  g_object_unref (told.result);

  return is_open;
}

static void
test_answers_on_the_home_context (void)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  Fixture f = { NULL };
  g_autoptr(BelfrySqliteStore) store = NULL;
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(BelfryEvent) event = make_event ("quiz_started", NULL, NULL, "{}");
  g_autoptr(GError) error = NULL;
  Told told = { NULL, NULL };

  g_test_summary ("A store opened without blocking works as any other, on a context that is not the default one");

  fixture_set_up (&f);
  g_main_context_push_thread_default (context);
  store = belfry_sqlite_store_new (f.path);
  g_assert_true (open_and_wait (store, NULL, &error));
  g_assert_no_error (error);
  g_ptr_array_add (events, g_steal_pointer (&event));
  belfry_event_store_append_async (BELFRY_EVENT_STORE (store), events, NULL, opened_cb, &told);
  while (told.result == NULL)
    g_main_context_iteration (context, TRUE);
  g_assert_true (told.context == context);
  g_assert_true (belfry_event_store_append_finish (BELFRY_EVENT_STORE (store), told.result, &error));
  g_object_unref (told.result);
  g_assert_cmpuint (belfry_event_store_get_last_position (BELFRY_EVENT_STORE (store)), ==, 1);
  belfry_sqlite_store_close (store);
  g_main_context_pop_thread_default (context);
  fixture_tear_down (&f);
}

static void
test_refuses_a_file_in_use (void)
{
  Fixture f = { NULL };
  g_autoptr(BelfrySqliteStore) second = NULL;
  g_autoptr(GError) error = NULL;

  fixture_set_up (&f);
  fixture_open (&f);
  second = belfry_sqlite_store_new (f.path);
  g_assert_false (open_and_wait (second, NULL, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED);
  fixture_tear_down (&f);
}

static void
test_cancelled_before_it_began (void)
{
  Fixture f = { NULL };
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(BelfrySqliteStore) store = NULL;
  g_autoptr(GError) error = NULL;

  g_test_summary ("A cancelled opening leaves no file and can be done again");

  fixture_set_up (&f);
  store = belfry_sqlite_store_new (f.path);
  g_cancellable_cancel (cancellable);
  g_assert_false (open_and_wait (store, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_true (open_and_wait (store, NULL, &error));
  g_assert_no_error (error);
  belfry_sqlite_store_close (store);
  fixture_tear_down (&f);
}

static void
test_released_while_it_opens (void)
{
  Fixture f = { NULL };
  BelfrySqliteStore *store;
  Told told = { NULL, NULL };

  g_test_summary ("Who lets go of a store that is being opened is still answered, and nothing is left open");

  fixture_set_up (&f);
  store = belfry_sqlite_store_new (f.path);
  belfry_sqlite_store_open_async (store, NULL, opened_cb, &told);
  g_object_unref (store);
  while (told.result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_object_unref (told.result);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  fixture_open (&f);
  fixture_tear_down (&f);
}

/* In a process of its own: SQLite takes that choice only before all else. */
static void
look_and_open (void)
{
  Fixture f = { NULL };
  g_autoptr(BelfrySqliteStore) store = NULL;
  g_autoptr(GError) error = NULL;

  fixture_set_up (&f);
  g_assert_true (g_file_set_contents (f.path, "This is somebody else's.", -1, NULL));
  g_assert_false (belfry_sqlite_schema_check_file (f.path, TRUE, &error));
  g_assert_cmpint (g_unlink (f.path), ==, 0);
  g_clear_error (&error);

  store = belfry_sqlite_store_new (f.path);
  g_assert_true (open_and_wait (store, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (sqlite3_memory_used (), ==, 0);

  belfry_sqlite_store_close (store);
  fixture_tear_down (&f);
}

static void
test_counts_no_memory (void)
{
  g_test_summary ("SQLite counts no memory, under a lock for all threads, even when a file was looked at before");

  if (g_test_subprocess ())
    {
      look_and_open ();
      return;
    }

  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/sqlite-open/counts-no-memory", test_counts_no_memory);
  g_test_add_func ("/sqlite-open/answers-on-the-home-context", test_answers_on_the_home_context);
  g_test_add_func ("/sqlite-open/refuses-a-file-in-use", test_refuses_a_file_in_use);
  g_test_add_func ("/sqlite-open/cancelled-before-it-began", test_cancelled_before_it_began);
  g_test_add_func ("/sqlite-open/released-while-it-opens", test_released_while_it_opens);

  return g_test_run ();
}
