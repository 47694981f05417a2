/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* How fast the store appends, opens and finds: bench-store [EVENTS [FILE]]. */

#include <stdlib.h>
#include <string.h>

#include <glib/gstdio.h>

#include "belfry-event-private.h"
#include "belfry-sqlite-store.h"

#define BATCH        100
#define IN_FLIGHT    32
#define N_SESSIONS   1100
#define N_USERS      2200
#define N_TYPES      20
#define ROUNDS       40

/* What a query asks for. */
enum
{
  BY_SESSION = 1 << 0,
  BY_USER = 1 << 1,
  BY_TYPE = 1 << 2,
  BY_TWO_TYPES = 1 << 3,
  BY_AMOUNT = 1 << 4,
};

typedef struct
{
  BelfrySqliteStore *store;
  guint              n_wanted;
  guint              n_begun;
  guint              n_done;
  gint64             slowest_usec;
} Load;

typedef struct
{
  Load   *load;
  gint64  begun_usec;
} Request;

static BelfryEvent *
make_event (guint number)
{
  static const char filler[] = "a sentence of the sort that a learner types into a field, and then some more of it, "
                               "until the whole has the length that an event of a quiz usually has";
  g_autofree char *type = g_strdup_printf ("type_%u", g_random_int_range (0, N_TYPES));
  g_autofree char *session = g_strdup_printf ("session-%06d", g_random_int_range (0, N_SESSIONS));
  g_autofree char *user = g_strdup_printf ("user-%06d", g_random_int_range (0, N_USERS));
  g_autofree char *payload = g_strdup_printf ("{\"number\":%u,\"text\":\"%s\"}", number, filler);
  BelfryEventFields fields = {
    type, -1, "bench", -1, session, -1, user, -1, payload, -1, NULL, 0, FALSE, 0
  };

  return belfry_event_new_trusted (&fields);
}

static void push (Load *load);

static void
on_appended (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autofree Request *request = user_data;
  g_autoptr(GError) error = NULL;

  if (!belfry_event_store_append_finish (BELFRY_EVENT_STORE (source), result, &error))
    g_printerr ("%s\n", error->message);
  request->load->slowest_usec = MAX (request->load->slowest_usec, g_get_monotonic_time () - request->begun_usec);
  request->load->n_done += BATCH;
  push (request->load);
}

static void
push (Load *load)
{
  g_autoptr(GPtrArray) events = NULL;
  Request *request;

  if (load->n_begun >= load->n_wanted)
    return;

  events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  for (guint i = 0; i < BATCH; i++)
    g_ptr_array_add (events, make_event (load->n_begun++));

  request = g_new (Request, 1);
  *request = (Request) { load, g_get_monotonic_time () };
  belfry_event_store_append_async (BELFRY_EVENT_STORE (load->store), events, NULL, on_appended, request);
}

static void
catch_result (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static void
fill (BelfrySqliteStore *store,
      guint              n_events)
{
  Load load = { .store = store, .n_wanted = n_events };
  gint64 start_usec = g_get_monotonic_time ();
  guint told = 0;

  for (guint i = 0; i < IN_FLIGHT; i++)
    push (&load);
  while (load.n_done < load.n_begun || load.n_begun < load.n_wanted)
    {
      g_main_context_iteration (NULL, TRUE);
      if (load.n_done / (n_events / 4) != told)
        {
          told = load.n_done / (n_events / 4);
          g_print ("append: %u events, %.0f events/s so far, slowest answer %.1f ms\n", load.n_done,
                   load.n_done * 1e6 / (double) (g_get_monotonic_time () - start_usec),
                   (double) load.slowest_usec / 1000);
          load.slowest_usec = 0;
        }
    }
}

static BelfrySqliteStore *
open_store (const char *path,
            const char *label)
{
  g_autoptr(BelfrySqliteStore) store = belfry_sqlite_store_new (path);
  g_autoptr(GError) error = NULL;
  gint64 start_usec = g_get_monotonic_time ();

  if (!belfry_sqlite_store_open (store, NULL, &error))
    {
      g_printerr ("%s\n", error->message);
      exit (1);
    }
  g_print ("open (%s): %.1f ms\n", label, (double) (g_get_monotonic_time () - start_usec) / 1000);

  return g_steal_pointer (&store);
}

/* A filter of one round: what it names differs from round to round, as it does for the people who ask. */
static BelfryFilter *
make_filter (guint parts,
             guint round)
{
  const char *one_type[] = { "type_3", NULL }, *two_types[] = { "type_3", "type_4", NULL };
  g_autofree char *session = g_strdup_printf ("session-%06d", (7 + round * 37) % N_SESSIONS);
  g_autofree char *user = g_strdup_printf ("user-%06d", (7 + round * 91) % N_USERS);
  const char *const *types = (parts & BY_TYPE) != 0 ? one_type : (parts & BY_TWO_TYPES) != 0 ? two_types : NULL;

  if ((parts & BY_AMOUNT) != 0)
    return belfry_filter_new_from_json ("{\"min_amount\":5}", -1, NULL);
  if (parts == 0)
    return NULL;

  return belfry_filter_new (types,
                            (parts & BY_SESSION) != 0 ? session : NULL,
                            (parts & BY_USER) != 0 ? user : NULL);
}

static int
compare_times (gconstpointer a,
               gconstpointer b)
{
  gint64 left = *(const gint64 *) a, right = *(const gint64 *) b;

  return (left > right) - (left < right);
}

static gint64
ask_once (BelfrySqliteStore *store,
          BelfryFilter      *filter,
          guint              limit,
          guint             *n_found)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GPtrArray) events = NULL;
  gint64 start_usec = g_get_monotonic_time (), end_usec;

  belfry_event_store_query_async (BELFRY_EVENT_STORE (store), filter, G_MININT64, 0, limit,
                                  NULL, catch_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  end_usec = g_get_monotonic_time ();
  events = belfry_event_store_query_finish (BELFRY_EVENT_STORE (store), result, NULL);
  *n_found = events != NULL ? events->len : 0;

  return end_usec - start_usec;
}

static void
ask (BelfrySqliteStore *store,
     const char        *label,
     guint              parts,
     guint              limit,
     guint              n_rounds)
{
  g_autofree gint64 *times = g_new (gint64, n_rounds);
  guint n_found = 0;

  for (guint i = 0; i < n_rounds; i++)
    {
      g_autoptr(BelfryFilter) filter = make_filter (parts, i);

      times[i] = ask_once (store, filter, limit, &n_found);
    }
  qsort (times, n_rounds, sizeof *times, compare_times);
  g_print ("query (%s, limit %u): %u found, median %.2f ms, 9 in 10 within %.2f ms, slowest %.2f ms\n",
           label, limit, n_found, (double) times[n_rounds / 2] / 1000,
           (double) times[n_rounds * 9 / 10] / 1000, (double) times[n_rounds - 1] / 1000);
}

static void
ask_all (BelfrySqliteStore *store)
{
  ask (store, "any", 0, 100, ROUNDS);
  ask (store, "any", 0, 1000, ROUNDS);
  ask (store, "session", BY_SESSION, 100, ROUNDS);
  ask (store, "session", BY_SESSION, 1000, ROUNDS);
  ask (store, "user", BY_USER, 1000, ROUNDS);
  ask (store, "session and user", BY_SESSION | BY_USER, 1000, ROUNDS);
  ask (store, "type", BY_TYPE, 1000, ROUNDS);
  ask (store, "two types", BY_TWO_TYPES, 1000, ROUNDS);
  ask (store, "session and two types", BY_SESSION | BY_TWO_TYPES, 1000, ROUNDS);
  ask (store, "session, user and type", BY_SESSION | BY_USER | BY_TYPE, 1000, ROUNDS);
  ask (store, "an amount that no event has", BY_AMOUNT, 100, 5);
}

int
main (int    argc,
      char **argv)
{
  guint n_events = argc > 1 ? (guint) atoi (argv[1]) : 200000;
  g_autofree char *folder = NULL, *path = NULL;
  g_autoptr(BelfrySqliteStore) store = NULL;
  g_autoptr(GError) error = NULL;

  if (argc > 2)
    path = g_strdup (argv[2]);
  else
    {
      folder = g_dir_make_tmp ("belfry-bench-XXXXXX", NULL);
      path = g_build_filename (folder, "events.db", NULL);
    }

  store = open_store (path, "new");
  if (n_events >= 4)
    fill (store, n_events);
  belfry_sqlite_store_close (store);
  g_clear_object (&store);

  store = open_store (path, "after a clean stop");
  ask_all (store);
  belfry_sqlite_store_close (store);

  if (folder != NULL)
    {
      g_autofree char *lock_path = g_strconcat (path, ".lock", NULL);

      if (!belfry_sqlite_store_verify_file (path, NULL, &error))
        g_printerr ("%s\n", error->message);
      g_unlink (path);
      g_unlink (lock_path);
      g_rmdir (folder);
    }

  return error != NULL;
}
