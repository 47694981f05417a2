/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* How fast the store appends, opens, finds and deletes: bench-store [--rows N] [--json] [FILE]. Prints a line for a
 * reader each, or one JSON object in one line. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#include "belfry-event-private.h"
#include "belfry-sqlite-store.h"
#include "flush-clock.h"

#define BATCH        100
#define IN_FLIGHT    32
#define N_SESSIONS   1100
#define N_USERS      2200
#define N_TYPES      20
#define ROUNDS       60

/* The rate is that of so many events, the last ones. */
#define MEASURED_ROWS 500000

/* How long appends go on one by one, alone and beside a deletion. */
#define LONE_USEC (3 * G_USEC_PER_SEC)

typedef struct
{
  BelfrySqliteStore *store;
  guint64            n_wanted;
  guint64            n_begun;
  guint64            n_done;
  guint64            n_measured_from;
  gint64             begun_usec;  /* the part that is measured */
  gint64             end_usec;    /* no more are begun from here on; 0: the number decides */
  GArray            *waits;       /* gint64, of that part */
  GArray            *works;       /* gint64, the same without the flushes of that time */
} Load;

typedef struct
{
  Load   *load;
  gint64  begun_usec;
  gint64  flush_usec;  /* what the clock of flushes said then */
} Request;

typedef struct
{
  const char *name;
  const char *json;    /* with %u where rounds differ */
  guint       n_values;
  gboolean    is_since;
} Shape;

static const Shape shapes[] = {
  { "none", NULL, 0, FALSE },
  { "since", NULL, 0, TRUE },
  { "session", "{\"session_id\":\"session-%u\"}", N_SESSIONS, FALSE },
  { "absent session", "{\"session_id\":\"absent-%u\"}", 1000, FALSE },
  { "user", "{\"user_id\":\"user-%u\"}", N_USERS, FALSE },
  { "type", "{\"event_types\":[\"type_%u\"]}", N_TYPES, FALSE },
  { "rare type", "{\"event_types\":[\"rare_type\"]}", 1, FALSE },
  { "user and type", "{\"user_id\":\"user-%u\",\"event_types\":[\"type_3\"]}", N_USERS, FALSE },
  { "session and absent user", "{\"session_id\":\"session-%u\",\"user_id\":\"nobody\"}", N_SESSIONS, FALSE },
  { "tier", "{\"user_tiers\":[\"tier-%u\"]}", 3, FALSE },
  { "rare tier", "{\"user_tiers\":[\"rare\"]}", 1, FALSE },
  { "absent tier", "{\"user_tiers\":[\"absent-%u\"]}", 100, FALSE },
  { "amount", "{\"min_amount\":%u}", 90, FALSE },
  { "rare amount", "{\"min_amount\":1000}", 1, FALSE },
  { "absent amount", "{\"min_amount\":1e12}", 1, FALSE },
};

static guint64 random_state = 42;

static guint
draw (guint n)
{
  random_state = random_state * G_GUINT64_CONSTANT (6364136223846793005) + G_GUINT64_CONSTANT (1442695040888963407);

  return (guint) ((random_state >> 33) % n);
}

static BelfryEvent *
make_event (guint64 number)
{
  static const char filler[] = "a sentence of the sort that a learner types into a field, and then some more of it, "
                               "until the whole has the length that an event of a quiz usually has";
  char type[16], session[16], user[16], tier[16], payload[300];
  gboolean is_rare = draw (10000) == 0, has_amount = draw (3) == 0;
  BelfryEventFields fields = { .source = "bench", .source_length = 5 };

  fields.event_type = is_rare ? "rare_type" : type;
  fields.event_type_length = is_rare ? 9 : g_snprintf (type, sizeof type, "type_%u", draw (N_TYPES));
  fields.session_id = session;
  fields.session_id_length = g_snprintf (session, sizeof session, "session-%u", draw (N_SESSIONS));
  fields.user_id = user;
  fields.user_id_length = g_snprintf (user, sizeof user, "user-%u", draw (N_USERS));
  fields.user_tier = draw (2000) == 0 ? "rare" : tier;
  g_snprintf (tier, sizeof tier, "tier-%u", draw (3));
  fields.user_tier_length = (gssize) strlen (fields.user_tier);
  fields.has_amount = has_amount;
  fields.amount = draw (10000) == 0 ? 1000 + draw (1000) : draw (100);
  fields.payload = payload;
  fields.payload_length = g_snprintf (payload, sizeof payload, "{\"number\":%" G_GUINT64_FORMAT ",\"text\":\"%s\"}",
                                      number, filler);

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
  Load *load = request->load;
  gint64 wait_usec = g_get_monotonic_time () - request->begun_usec;
  gint64 work_usec = MAX (wait_usec - (flush_clock_read () - request->flush_usec), 0);

  if (!belfry_event_store_append_finish (BELFRY_EVENT_STORE (source), result, &error))
    {
      g_printerr ("%s\n", error->message);
      exit (1);
    }

  load->n_done += BATCH;
  if (load->begun_usec == 0 && load->n_done >= load->n_measured_from)
    load->begun_usec = g_get_monotonic_time ();
  if (load->begun_usec != 0)
    {
      g_array_append_val (load->waits, wait_usec);
      g_array_append_val (load->works, work_usec);
    }
  push (load);
}

static void
push (Load *load)
{
  g_autoptr(GPtrArray) events = NULL;
  Request *request;

  if (load->n_begun >= load->n_wanted || (load->end_usec != 0 && g_get_monotonic_time () >= load->end_usec))
    return;

  events = g_ptr_array_new_full (BATCH, (GDestroyNotify) belfry_event_unref);
  for (guint i = 0; i < BATCH; i++)
    g_ptr_array_add (events, make_event (load->n_begun++));

  request = g_new (Request, 1);
  *request = (Request) { load, g_get_monotonic_time (), flush_clock_read () };
  belfry_event_store_append_async (BELFRY_EVENT_STORE (load->store), events, NULL, on_appended, request);
}

static int
compare_times (gconstpointer a,
               gconstpointer b)
{
  gint64 left = *(const gint64 *) a, right = *(const gint64 *) b;

  return (left > right) - (left < right);
}

/* Sorts @times. */
static gint64
get_part (GArray *times,
          double  part)
{
  if (times->len == 0)
    return 0;

  g_array_sort (times, compare_times);

  return g_array_index (times, gint64, (guint) (part * (times->len - 1)));
}

static void
run (Load  *load,
     guint  n_in_flight)
{
  for (guint i = 0; i < n_in_flight; i++)
    push (load);
  while (load->n_done < load->n_begun)
    g_main_context_iteration (NULL, TRUE);
}

/* Fills the store; figures are of the last events, when all the others are there. */
static void
fill (BelfrySqliteStore *store,
      guint64            n_rows,
      GString           *json)
{
  g_autoptr(GArray) waits = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr(GArray) works = g_array_new (FALSE, FALSE, sizeof (gint64));
  Load load = { .store = store, .n_wanted = n_rows, .waits = waits, .works = works };
  gint64 start_usec = g_get_monotonic_time (), end_usec;
  double rate, whole_rate;

  load.n_measured_from = n_rows > MEASURED_ROWS ? n_rows - MEASURED_ROWS : 1;
  run (&load, IN_FLIGHT);
  end_usec = g_get_monotonic_time ();

  rate = (double) waits->len * BATCH * 1e6 / (double) (end_usec - load.begun_usec);
  whole_rate = (double) n_rows * 1e6 / (double) (end_usec - start_usec);
  g_string_append_printf (json, ",\"append_per_second\":%.0f,\"append_per_second_whole\":%.0f,"
                          "\"append_p99_usec\":%" G_GINT64_FORMAT ",\"append_max_usec\":%" G_GINT64_FORMAT,
                          rate, whole_rate, get_part (waits, 0.99), get_part (waits, 1));
}

/* Appends one batch after the other for a while. */
static void
append_alone (BelfrySqliteStore *store,
              const char        *name,
              GString           *json)
{
  g_autoptr(GArray) waits = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr(GArray) works = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 now_usec = g_get_monotonic_time ();
  Load load = {
    .store = store, .n_wanted = G_MAXUINT64, .begun_usec = now_usec, .end_usec = now_usec + LONE_USEC, .waits = waits,
    .works = works,
  };

  run (&load, 1);
  g_string_append_printf (json, ",\"%s_p50_usec\":%" G_GINT64_FORMAT ",\"%s_p99_usec\":%" G_GINT64_FORMAT
                          ",\"%s_hold_usec\":%" G_GINT64_FORMAT ",\"%s_work_usec\":%" G_GINT64_FORMAT,
                          name, get_part (waits, 0.5), name, get_part (waits, 0.99), name, get_part (waits, 1),
                          name, get_part (works, 1));
}

static void
catch_result (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static gint64
ask_once (BelfrySqliteStore *store,
          BelfryFilter      *filter,
          gint64             since_usec,
          guint             *n_found)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GPtrArray) events = NULL;
  gint64 start_usec = g_get_monotonic_time (), end_usec;

  belfry_event_store_query_async (BELFRY_EVENT_STORE (store), filter, since_usec, 0, 100, NULL, catch_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  end_usec = g_get_monotonic_time ();
  events = belfry_event_store_query_finish (BELFRY_EVENT_STORE (store), result, NULL);
  *n_found = events != NULL ? events->len : 0;

  return end_usec - start_usec;
}

/* A filter of one round: what it names differs from round to round, as it does for the people who ask. */
static BelfryFilter *
make_filter (const Shape *shape,
             guint        round)
{
  g_autoptr(BelfryFilter) filter = NULL;
  g_auto(GStrv) parts = NULL;
  g_autofree char *json = NULL;

  if (shape->json == NULL)
    return NULL;

  parts = g_strsplit (shape->json, "%u", 2);
  if (parts[1] == NULL)
    json = g_strdup (parts[0]);
  else
    json = g_strdup_printf ("%s%u%s", parts[0], (7 + round * 37) % shape->n_values, parts[1]);
  filter = belfry_filter_new_from_json (json, -1, NULL);
  g_assert (filter != NULL);

  return g_steal_pointer (&filter);
}

static void
ask (BelfrySqliteStore *store,
     const Shape       *shape,
     GString           *medians,
     GString           *slowest,
     gboolean           is_for_readers)
{
  g_autoptr(GArray) times = g_array_new (FALSE, FALSE, sizeof (gint64));
  guint n_found = 0;

  for (guint i = 0; i < ROUNDS; i++)
    {
      g_autoptr(BelfryFilter) filter = make_filter (shape, i);
      gint64 since_usec = shape->is_since ? g_get_real_time () - G_USEC_PER_SEC * (1 + i) : G_MININT64;
      gint64 time_usec = ask_once (store, filter, since_usec, &n_found);

      g_array_append_val (times, time_usec);
    }

  if (is_for_readers)
    g_print ("query (%s): %u found, median %" G_GINT64_FORMAT " µs, 99 in 100 within %" G_GINT64_FORMAT " µs\n",
             shape->name, n_found, get_part (times, 0.5), get_part (times, 0.99));
  g_string_append_printf (medians, "%s\"%s\":%" G_GINT64_FORMAT, medians->len > 0 ? "," : "", shape->name,
                          get_part (times, 0.5));
  g_string_append_printf (slowest, "%s\"%s\":%" G_GINT64_FORMAT, slowest->len > 0 ? "," : "", shape->name,
                          get_part (times, 0.99));
}

static void
ask_all (BelfrySqliteStore *store,
         GString           *json,
         gboolean           is_for_readers)
{
  g_autoptr(GString) medians = g_string_new (NULL);
  g_autoptr(GString) slowest = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    ask (store, &shapes[i], medians, slowest, is_for_readers);
  g_string_append_printf (json, ",\"query_usec\":{%s},\"query_p99_usec\":{%s}", medians->str, slowest->str);
}

/* Deletes what is older, and appends beside it while the rows are removed. */
static void
delete_beside (BelfrySqliteStore *store,
               gint64             before_usec,
               const char        *name,
               GString           *json)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  belfry_event_store_delete_async (BELFRY_EVENT_STORE (store), before_usec, NULL, catch_result, &result);
  append_alone (store, name, json);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  if (!belfry_event_store_delete_finish (BELFRY_EVENT_STORE (store), result, NULL, &error))
    g_printerr ("%s\n", error->message);
}

static BelfrySqliteStore *
open_store (const char *path,
            const char *name,
            GString    *json)
{
  g_autoptr(BelfrySqliteStore) store = belfry_sqlite_store_new (path);
  g_autoptr(GError) error = NULL;
  gint64 start_usec = g_get_monotonic_time ();

  if (!belfry_sqlite_store_open (store, NULL, &error))
    {
      g_printerr ("%s\n", error->message);
      exit (1);
    }
  g_string_append_printf (json, ",\"%s_usec\":%" G_GINT64_FORMAT, name, g_get_monotonic_time () - start_usec);

  return g_steal_pointer (&store);
}

static double
read_rss_mib (void)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents ("/proc/self/status", &text, NULL, NULL))
    return 0;
  line = strstr (text, "VmRSS:");

  return line != NULL ? g_ascii_strtod (line + 6, NULL) / 1024 : 0;
}

static void
add_size (const char *path,
          guint64     n_rows,
          GString    *json)
{
  struct stat status = { 0 };

  if (g_stat (path, &status) == 0 && n_rows > 0)
    g_string_append_printf (json, ",\"rss_mib\":%.1f,\"bytes_per_row\":%.0f", read_rss_mib (),
                            (double) status.st_size / (double) n_rows);
}

static gboolean
check_file (const char *path)
{
  g_autoptr(GError) error = NULL;

  if (belfry_sqlite_store_verify_file (path, NULL, &error))
    return TRUE;

  g_printerr ("%s\n", error->message);

  return FALSE;
}

static void
measure (const char *path,
         guint64     n_rows,
         GString    *json,
         gboolean    is_for_readers)
{
  g_autoptr(BelfrySqliteStore) store = open_store (path, "create", json);
  gint64 half_usec, start_usec = g_get_real_time ();

  fill (store, n_rows, json);
  half_usec = start_usec + (g_get_real_time () - start_usec) / 2;
  belfry_sqlite_store_close (store);
  g_clear_object (&store);
  add_size (path, n_rows, json);

  store = open_store (path, "open", json);
  ask_all (store, json, is_for_readers);
  append_alone (store, "lone", json);
  delete_beside (store, half_usec, "retention", json);
  delete_beside (store, G_MAXINT64, "delete_all", json);
  belfry_sqlite_store_close (store);
}

int
main (int    argc,
      char **argv)
{
  gint64 n_rows = 200000;
  gboolean is_json = FALSE, is_checked = FALSE, success = TRUE;
  const GOptionEntry entries[] = {
    { "rows", 0, 0, G_OPTION_ARG_INT64, &n_rows, "Events in the store", "N" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &is_json, "Print one JSON object", NULL },
    { "verify", 0, 0, G_OPTION_ARG_NONE, &is_checked, "Check the file at the end", NULL },
    { NULL }
  };
  g_autoptr(GOptionContext) context = g_option_context_new ("[FILE]");
  g_autofree char *folder = NULL, *path = NULL;
  g_autoptr(GString) json = g_string_new (NULL);
  g_autoptr(GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }

  if (argc > 1)
    path = g_strdup (argv[1]);
  else
    {
      folder = g_dir_make_tmp ("belfry-bench-XXXXXX", NULL);
      path = g_build_filename (folder, "events.db", NULL);
    }

  flush_clock_install ();
  n_rows = MAX (n_rows / BATCH, 1) * BATCH;
  g_string_append_printf (json, "{\"rows\":%" G_GINT64_FORMAT, n_rows);
  measure (path, (guint64) n_rows, json, !is_json);
  g_print ("%s}\n", json->str);
  if (is_checked)
    success = check_file (path);

  if (folder != NULL)
    {
      g_autofree char *lock_path = g_strconcat (path, ".lock", NULL);

      g_unlink (path);
      g_unlink (lock_path);
      g_rmdir (folder);
    }

  return success ? 0 : 1;
}
