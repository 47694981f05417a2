/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* Random operations, restarts and crashes, held against a log that is an array. */

#include <string.h>

#include "fault-vfs.h"
#include "store-fixture.h"

/* Of a busy store. */
#define N_BLOCK (1 << BELFRY_SQLITE_MIN_BLOCK_BITS)

typedef struct
{
  Fixture    fixture;
  GPtrArray *log;    /* BelfryEvent at its position - 1; NULL for one that nobody was told of */
  guint64    floor;
} Model;

static BelfryEventStore *
get_store (Model *model)
{
  return BELFRY_EVENT_STORE (model->fixture.store);
}

static void
event_clear (gpointer data)
{
  if (data != NULL)
    belfry_event_unref (data);
}

static GPtrArray *
make_batch (void)
{
  static const char *const types[] = { "quiz_started", "timer_tick", "purchase" };
  static const char *const sessions[] = { NULL, "s1", "s2", "s3" };
  GPtrArray *events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  int n_events = g_test_rand_int_range (1, 15);

  for (int i = 0; i < n_events; i++)
    g_ptr_array_add (events, make_event (types[g_test_rand_int_range (0, 3)], sessions[g_test_rand_int_range (0, 4)],
                                         g_test_rand_bit () ? "u" : NULL, NULL));

  return events;
}

static gboolean
do_append (Model *model)
{
  g_autoptr(GPtrArray) events = make_batch ();
  g_autoptr(GError) error = NULL;

  fixture_set_time (&model->fixture, model->fixture.now_usec + g_test_rand_int_range (-50, 200));
  if (!append (model->fixture.store, events, &error))
    {
      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);
      return FALSE;
    }

  for (guint i = 0; i < events->len; i++)
    {
      BelfryEvent *event = g_ptr_array_index (events, i);

      g_assert_cmpuint (belfry_event_get_position (event), ==, model->log->len + 1);
      g_ptr_array_add (model->log, belfry_event_ref (event));
    }

  return TRUE;
}

static gint64
get_time (Model   *model,
          guint64  position)
{
  return belfry_event_get_timestamp_usec (g_ptr_array_index (model->log, position - 1));
}

static guint64
find_cut (Model  *model,
          gint64  before_usec)
{
  guint64 cut = model->floor;

  while (cut <= model->log->len && get_time (model, cut) < before_usec)
    cut++;

  return cut;
}

static gboolean
do_delete (Model *model)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  gint64 before_usec = model->fixture.now_usec - g_test_rand_int_range (0, 3000);
  guint64 cut, n_deleted;

  if (g_test_rand_int_range (0, 5) == 0)
    before_usec = G_MAXINT64;
  cut = find_cut (model, before_usec);
  belfry_event_store_delete_async (get_store (model), before_usec, NULL, catch_result, &result);
  if (!belfry_event_store_delete_finish (get_store (model), wait_for (&result), &n_deleted, &error))
    {
      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE);
      return FALSE;
    }
  g_assert_cmpuint (n_deleted, ==, cut - model->floor);
  model->floor = cut;

  return TRUE;
}

static void
do_lookup (Model *model)
{
  g_autoptr(BelfryEvent) found = NULL;
  g_autoptr(GError) error = NULL;
  BelfryEvent *event;
  guint64 position;

  if (model->log->len == 0)
    return;

  position = (guint64) g_test_rand_int_range (1, (int) model->log->len + 1);
  event = g_ptr_array_index (model->log, position - 1);
  found = look_up (model->fixture.store, belfry_event_get_id (event), &error);
  if (position < model->floor)
    g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND);
  else
    g_assert_cmpstr (belfry_event_get_json (found), ==, belfry_event_get_json (event));
}

static void
do_query (Model *model)
{
  g_autoptr(BelfryFilter) filter = belfry_filter_new (NULL, g_test_rand_bit () ? "s1" : NULL, g_test_rand_bit () ? "u" : NULL);
  g_autoptr(GPtrArray) found = query (model->fixture.store, filter, G_MININT64, 0, 50);
  guint n_found = 0;

  for (guint64 position = model->log->len; position >= model->floor && n_found < 50; position--)
    {
      BelfryEvent *event = g_ptr_array_index (model->log, position - 1);

      if (belfry_filter_matches (filter, event))
        g_assert_cmpstr (belfry_event_get_json (g_ptr_array_index (found, n_found++)), ==, belfry_event_get_json (event));
    }
  g_assert_cmpuint (found->len, ==, n_found);
}

static void
do_stats (Model *model)
{
  g_autoptr(BelfryStoreStats) stats = get_stats (model->fixture.store);
  guint64 sum = 0;

  for (guint i = 0; i < stats->by_type->len; i++)
    sum += ((BelfryTypeCount *) g_ptr_array_index (stats->by_type, i))->count;
  g_assert_cmpuint (stats->total_events, ==, model->log->len + 1 - model->floor);
  g_assert_cmpuint (stats->total_events, ==, sum);
}

/* The whole of the log from the floor on; what a crash left in it without an answer is taken over. */
static void
take_stock (Model *model)
{
  guint64 after = 0;

  g_assert_cmpuint (belfry_event_store_get_last_position (get_store (model)), >=, model->log->len);
  g_assert_cmpuint (belfry_event_store_get_floor (get_store (model)), >=, model->floor);
  model->floor = belfry_event_store_get_floor (get_store (model));
  while (after < belfry_event_store_get_last_position (get_store (model)))
    {
      g_autoptr(BelfryLogPage) page = read_page (model->fixture.store, NULL, after, G_MAXUINT64, 70, G_MAXSIZE);

      for (guint i = 0; i < page->events->len; i++)
        {
          BelfryEvent *event = g_ptr_array_index (page->events, i);
          guint64 position = belfry_event_get_position (event);

          if (position <= model->log->len)
            g_assert_cmpstr (belfry_event_get_json (event), ==,
                             belfry_event_get_json (g_ptr_array_index (model->log, position - 1)));
          else
            {
              g_assert_cmpuint (position, ==, model->log->len + 1);
              g_ptr_array_add (model->log, belfry_event_ref (event));
            }
        }
      after = page->next;
    }
  g_assert_cmpuint (after, ==, model->log->len);
}

static void
do_restart (Model *model)
{
  fixture_close (&model->fixture);
  fixture_verify (&model->fixture);
  fixture_open (&model->fixture);
  take_stock (model);
}

static void
do_crash (Model *model)
{
  fault_vfs_cut_power ((guint) g_test_rand_int_range (0, 60));
  while (do_append (model) && (g_test_rand_int_range (0, 4) != 0 || g_test_rand_bit () || do_delete (model)))
    ;
  fixture_close (&model->fixture);
  fault_vfs_restore_power ();
  fixture_verify (&model->fixture);
  fixture_open (&model->fixture);
  take_stock (model);
}

static void
model_set_up (Model *model)
{
  *model = (Model) { 0 };
  fixture_set_up (&model->fixture);
  model->fixture.is_busy = TRUE;
  fixture_set_time (&model->fixture, 1000000);
  model->log = g_ptr_array_new_with_free_func (event_clear);
  model->floor = 1;
  fixture_open (&model->fixture);
}

static void
model_tear_down (Model *model)
{
  g_ptr_array_unref (model->log);
  fixture_tear_down (&model->fixture);
}

static void
test_random_operations (void)
{
  Model model;

  model_set_up (&model);

  for (guint i = 0; i < 1500; i++)
    {
      int die = g_test_rand_int_range (0, 1000);

      if (die < 400)
        g_assert_true (do_append (&model));
      else if (die < 550)
        do_query (&model);
      else if (die < 800)
        do_lookup (&model);
      else if (die < 900)
        do_stats (&model);
      else if (die < 930)
        g_assert_true (do_delete (&model));
      else if (die < 960)
        take_stock (&model);
      else if (die < 980)
        do_restart (&model);
      else
        do_crash (&model);
    }
  do_restart (&model);

  model_tear_down (&model);
}

static void
fill_blocks (Model *model)
{
  guint64 n_wanted = model->log->len + 2 * N_BLOCK;

  while (model->log->len < n_wanted && do_append (model))
    ;
}

/* Power goes off at a write or flush, later each time, of those that index two blocks beside appends, delete events, and
 * reclaim what is behind the floor. */
static void
test_crash_at_each_step (void)
{
  gboolean was_off = TRUE;

  for (guint n_before = 0; was_off; n_before += (guint) g_test_rand_int_range (1, 30))
    {
      Model model;

      model_set_up (&model);
      fault_vfs_cut_power (n_before);
      fill_blocks (&model);
      (void) do_delete (&model);
      (void) do_append (&model);
      fixture_close (&model.fixture);
      was_off = fault_vfs_restore_power ();

      fixture_verify (&model.fixture);
      fixture_open (&model.fixture);
      take_stock (&model);
      fill_blocks (&model);
      fixture_settle (&model.fixture);
      for (guint i = 0; i < 5; i++)
        do_query (&model);
      do_restart (&model);
      model_tear_down (&model);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  silence_log ();
  fault_vfs_register ();

  g_test_add_func ("/sqlite-model/random-operations-and-crashes", test_random_operations);
  g_test_add_func ("/sqlite-model/crash-at-each-step", test_crash_at_each_step);

  return g_test_run ();
}
