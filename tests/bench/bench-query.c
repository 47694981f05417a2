/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* How many queries a belfryd answers beside each other, and how fast, for each shape of a filter; see the options. Each
 * query names something else, as it does for the people who ask, so that what it finds lies all over the log. */

#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib/gstdio.h>

#include "belfry-event-private.h"
#include "belfry-sqlite-store.h"

#define BATCH           100
#define IN_FLIGHT       16
#define N_SESSIONS      1100
#define N_USERS         2200
#define N_TYPES         20
#define RARE_EVERY      20000
#define MAX_CONNECTIONS 256

/* How often /health is asked for beside the queries. */
#define HEALTH_NSEC (10 * 1000 * 1000)

typedef struct
{
  const char *name;
  const char *path;  /* with a place for a number below the next member, or without */
  guint       n_different;
} Shape;

static const Shape shapes[] = {
  { "none", "/events?limit=100", 0 },
  { "type", "/events?limit=100&event_type=type_%u", N_TYPES },
  { "rare type", "/events?limit=100&event_type=rare", 0 },
  { "session", "/events?limit=100&session_id=session-%06u", N_SESSIONS },
  { "user", "/events?limit=100&user_id=user-%06u", N_USERS },
  { "user and type", "/events?limit=100&event_type=type_3&user_id=user-%06u", N_USERS },
  { "since", "/events?limit=100&since=2020-01-01T00:00:%02uZ", 60 },
  { "tier", "/events?limit=100&user_tiers=free", 0 },
  { "rare tier", "/events?limit=100&user_tiers=enterprise", 0 },
  { "min_amount", "/events?limit=100&min_amount=%u", 500 },
  { "high min_amount", "/events?limit=100&min_amount=999", 0 },
  { "absent type", "/events?limit=100&event_type=absent_%u", 1000 },
  { "absent session", "/events?limit=100&session_id=absent-%u", 1000 },
  { "session and absent user", "/events?limit=100&session_id=session-%06u&user_id=absent", N_SESSIONS },
  { "absent tier", "/events?limit=100&user_tiers=absent%u", 1000 },
  { "absent min_amount", "/events?limit=100&min_amount=1e12", 0 },
  { "stats", "/stats", 0 },
};

static struct
{
  char   *belfryd;
  char   *file;
  char   *only;
  gint    rows;
  gint    connections;
  gint    publish;
  double  seconds;
  double  rate;
  gboolean health;
  gboolean json;
} options = { .rows = 1000000, .connections = 16, .seconds = 3 };

/* --- a log to ask --- */

typedef struct
{
  BelfryEventStore *store;
  guint             n_begun;
  guint             n_done;
} Fill;

static BelfryEvent *
make_event (guint number)
{
  static const char filler[] = "a sentence of the sort that a learner types into a field, up to a usual length";
  static const char *const tiers[] = { "free", "free", "free", "free", "pro" };
  g_autofree char *type = number % RARE_EVERY == 77
                            ? g_strdup ("rare") : g_strdup_printf ("type_%u", g_random_int_range (0, N_TYPES));
  g_autofree char *session = g_strdup_printf ("session-%06d", g_random_int_range (0, N_SESSIONS));
  g_autofree char *user = g_strdup_printf ("user-%06d", g_random_int_range (0, N_USERS));
  const char *tier = g_random_int_range (0, 2000) == 0 ? "enterprise" : tiers[g_random_int_range (0, 5)];
  int amount = g_random_int_range (0, 10000);
  g_autofree char *payload = g_strdup_printf ("{\"user_tier\":\"%s\",\"amount\":%d,\"number\":%u,\"text\":\"%s\"}",
                                              tier, amount / 10, number, filler);
  BelfryEventFields fields = {
    type, -1, "bench", -1, session, -1, user, -1, payload, -1, tier, -1, TRUE, amount / 10
  };

  return belfry_event_new_trusted (&fields);
}

static void push (Fill *fill);

static void
on_appended (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  Fill *fill = user_data;
  g_autoptr(GError) error = NULL;

  if (!belfry_event_store_append_finish (BELFRY_EVENT_STORE (source), result, &error))
    g_error ("%s", error->message);
  fill->n_done += BATCH;
  push (fill);
}

static void
push (Fill *fill)
{
  g_autoptr(GPtrArray) events = NULL;

  if (fill->n_begun >= (guint) options.rows)
    return;

  events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  for (guint i = 0; i < BATCH; i++)
    g_ptr_array_add (events, make_event (fill->n_begun++));
  belfry_event_store_append_async (fill->store, events, NULL, on_appended, fill);
}

static gboolean
fill_file (GError **error)
{
  g_autoptr(BelfrySqliteStore) store = belfry_sqlite_store_new (options.file);
  Fill fill = { BELFRY_EVENT_STORE (store), 0, 0 };

  if (!belfry_sqlite_store_open (store, NULL, error))
    return FALSE;

  g_random_set_seed (1);
  for (guint i = 0; i < IN_FLIGHT; i++)
    push (&fill);
  while (fill.n_done < fill.n_begun)
    g_main_context_iteration (NULL, TRUE);
  belfry_sqlite_store_close (store);

  return TRUE;
}

/* --- the daemon that is asked --- */

typedef struct
{
  GSubprocess *process;
  int          pid;
  char        *host;
  guint16      port;
} Daemon;

static gboolean
start_daemon (Daemon  *self,
              GError **error)
{
  g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr(GDataInputStream) output = NULL;
  g_autoptr(GUri) uri = NULL;
  g_autofree char *line = NULL;

  g_subprocess_launcher_setenv (launcher, "DATABASE_PATH", options.file, TRUE);
  g_subprocess_launcher_setenv (launcher, "HOST", "127.0.0.1", TRUE);
  g_subprocess_launcher_setenv (launcher, "PORT", "0", TRUE);
  g_subprocess_launcher_setenv (launcher, "LOG_LEVEL", "WARNING", TRUE);
  g_subprocess_launcher_setenv (launcher, "RATE_LIMIT_PUBLISH", "unlimited", TRUE);
  g_subprocess_launcher_setenv (launcher, "RATE_LIMIT_QUERY", "unlimited", TRUE);
  self->process = g_subprocess_launcher_spawn (launcher, error, options.belfryd, NULL);
  if (self->process == NULL)
    return FALSE;

  self->pid = atoi (g_subprocess_get_identifier (self->process));
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (self->process));
  line = g_data_input_stream_read_line (output, NULL, NULL, error);
  if (line == NULL || !g_str_has_prefix (line, "Listening on "))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "belfryd did not start: %s", line != NULL ? line : "");
      return FALSE;
    }

  uri = g_uri_parse (line + strlen ("Listening on "), G_URI_FLAGS_NONE, error);
  if (uri == NULL)
    return FALSE;
  self->host = g_strdup (g_uri_get_host (uri));
  self->port = (guint16) g_uri_get_port (uri);

  return TRUE;
}

static void
stop_daemon (Daemon *self)
{
  g_subprocess_send_signal (self->process, 15);
  g_subprocess_wait (self->process, NULL, NULL);
  g_clear_object (&self->process);
  g_free (self->host);
}

/* Seconds of CPU by the names of the daemon's threads. */
static GHashTable *
sample_threads (int pid)
{
  g_autofree char *folder = g_strdup_printf ("/proc/%d/task", pid);
  GHashTable *times = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr(GDir) dir = g_dir_open (folder, 0, NULL);
  const char *id;

  while (dir != NULL && (id = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *name_path = g_build_filename (folder, id, "comm", NULL);
      g_autofree char *time_path = g_build_filename (folder, id, "schedstat", NULL);
      g_autofree char *name = NULL, *time = NULL;
      double *sum;

      if (!g_file_get_contents (name_path, &name, NULL, NULL) || !g_file_get_contents (time_path, &time, NULL, NULL))
        continue;
      g_strchomp (name);
      sum = g_hash_table_lookup (times, name);
      if (sum == NULL)
        {
          sum = g_new0 (double, 1);
          g_hash_table_insert (times, g_strdup (name), sum);
        }
      *sum += g_ascii_strtod (time, NULL) / 1e9;
    }

  return times;
}

/* --- asking --- */

typedef struct _Asking Asking;

typedef struct
{
  LoadConnection connection;
  Asking        *asking;
  gboolean       is_waiting;
  gint64         intended_nsec;
} Asker;

struct _Asking
{
  const Shape  *shape;
  const Daemon *daemon;
  LoadLoop      loop;
  LoadPace      pace;
  Asker         askers[MAX_CONNECTIONS];
  Asker         health;
  gint64        health_due_nsec;
  LoadConnection publisher;
  gboolean      is_publishing;
  LoadPace      publish_pace;
  LoadEvent     event;
  guint64       n_bytes;
  guint64       n_failed;
  guint64       n_answered;
  LoadHistogram latency;
  LoadHistogram health_latency;
  guint         number;
};

static void
send_request (Asker      *asker,
              const char *path)
{
  g_autofree char *request = g_strdup_printf ("GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);

  asker->is_waiting = TRUE;
  load_buffer_append (&asker->connection.out, request, strlen (request));
  load_connection_flush (&asker->connection);
}

static void
ask_next (Asker *asker)
{
  Asking *self = asker->asking;
  g_autofree char *path = NULL;

  if (asker->is_waiting || !load_pace_take (&self->pace, self->loop.now_nsec, &asker->intended_nsec))
    return;

  /* Far from each other, and each in its turn. */
  self->number += 7919;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  path = g_strdup_printf (self->shape->path, self->shape->n_different > 0 ? self->number % self->shape->n_different : 0);
#pragma GCC diagnostic pop
  send_request (asker, path);
}

/* Length of the whole answer at the front of the buffer, or 0. */
static gsize
measure_answer (LoadBuffer *in)
{
  const char *text = in->data + in->start;
  const char *end = in->length > 0 ? memmem (text, in->length, "\r\n\r\n", 4) : NULL;
  const char *length;

  if (end == NULL)
    return 0;

  length = memmem (text, (gsize) (end - text) + 2, "ontent-Length: ", 15);
  return length == NULL ? 0 : (gsize) (end - text) + 4 + strtoul (length + 15, NULL, 10);
}

static void
on_answer (LoadConnection *connection)
{
  Asker *asker = connection->owner;
  Asking *self = asker->asking;
  gsize length;

  if (connection->fd < 0)
    g_error ("The daemon closed a connection");
  length = measure_answer (&connection->in);
  if (length == 0 || connection->in.length < length)
    return;

  if (strncmp (connection->in.data + connection->in.start, "HTTP/1.1 200", 12) != 0)
    self->n_failed++;
  load_buffer_consume (&connection->in, length);
  asker->is_waiting = FALSE;
  load_histogram_add (asker == &self->health ? &self->health_latency : &self->latency,
                      self->loop.now_nsec - asker->intended_nsec);
  if (asker == &self->health)
    return;
  self->n_answered++;
  self->n_bytes += length;
  ask_next (asker);
}

/* What comes back of what is published is counted nowhere: it must only be taken. */
static void
on_published (LoadConnection *connection)
{
  Asking *self = connection->owner;

  if (!self->is_publishing)
    self->is_publishing = load_web_socket_accept (connection) > 0;
  else
    load_buffer_consume (&connection->in, connection->in.length);
}

static void
publish (Asking *self)
{
  gint64 intended_nsec;

  while (self->is_publishing && load_pace_take (&self->publish_pace, self->loop.now_nsec, &intended_nsec))
    {
      load_event_set (&self->event, (guint) (self->publish_pace.next % 1000), 0, self->publish_pace.next, intended_nsec);
      load_web_socket_send (&self->publisher, 1, self->event.text, self->event.length);
    }
  load_connection_flush (&self->publisher);
}

static void
open_asker (Asking *self,
            Asker  *asker)
{
  g_autoptr(GError) error = NULL;

  *asker = (Asker) { .asking = self };
  asker->connection.on_data = on_answer;
  asker->connection.owner = asker;
  if (!load_connection_open (&asker->connection, &self->loop, self->daemon->host, self->daemon->port, &error))
    g_error ("%s", error->message);
}

static void
open_all (Asking *self)
{
  LoadOptions pace = { .seconds = options.seconds, .rate = options.rate };
  LoadOptions publish_pace = { .seconds = options.seconds, .rate = options.publish };

  g_assert_true (load_loop_init (&self->loop, NULL));
  for (int i = 0; i < options.connections; i++)
    open_asker (self, &self->askers[i]);
  open_asker (self, &self->health);
  if (options.publish > 0)
    {
      load_event_init (&self->event, 200);
      self->publisher.on_data = on_published;
      self->publisher.owner = self;
      g_assert_true (load_connection_open (&self->publisher, &self->loop, self->daemon->host, self->daemon->port, NULL));
      load_web_socket_ask (&self->publisher, "bench", "/ws/publish", NULL);
      while (!self->is_publishing)
        load_loop_turn (&self->loop, load_now () + HEALTH_NSEC);
    }
  load_pace_begin (&self->pace, &pace, load_now ());
  load_pace_begin (&self->publish_pace, &publish_pace, load_now ());
}

static void
ask_all (Asking *self)
{
  gint64 now_nsec = self->loop.now_nsec = load_now ();

  for (int i = 0; i < options.connections; i++)
    ask_next (&self->askers[i]);
  if (options.publish > 0)
    publish (self);
  if (options.health && !self->health.is_waiting && now_nsec >= self->health_due_nsec)
    {
      self->health.intended_nsec = now_nsec;
      self->health_due_nsec = now_nsec + HEALTH_NSEC;
      send_request (&self->health, "/health");
    }
}

static gint64
next_due (Asking *self)
{
  gint64 due_nsec = load_pace_due (&self->pace, self->loop.now_nsec);

  if (options.publish > 0)
    due_nsec = MIN (due_nsec, MAX (load_pace_due (&self->publish_pace, self->loop.now_nsec),
                                   self->loop.now_nsec + 500 * 1000));

  return options.health ? MIN (due_nsec, self->health_due_nsec) : due_nsec;
}

static void
close_all (Asking *self)
{
  for (int i = 0; i < options.connections; i++)
    load_connection_close (&self->askers[i].connection);
  load_connection_close (&self->health.connection);
  if (options.publish > 0)
    {
      load_connection_close (&self->publisher);
      load_event_clear (&self->event);
    }
  load_loop_clear (&self->loop);
}

static void
tell_threads (GHashTable *before,
              GHashTable *after,
              guint64     n_answered)
{
  GHashTableIter iter;
  gpointer name, time;

  g_hash_table_iter_init (&iter, after);
  while (g_hash_table_iter_next (&iter, &name, &time))
    {
      const double *earlier = g_hash_table_lookup (before, name);
      double usec = (*(double *) time - (earlier != NULL ? *earlier : 0)) * 1e6 / (double) MAX (n_answered, 1);

      if (options.json)
        printf (",\"cpu_usec_%s\":%.1f", (char *) name, usec);
      else if (usec >= 1)
        printf ("  %s %.0f us", (char *) name, usec);
    }
}

static void
tell (Asking     *self,
      double      seconds,
      GHashTable *before,
      GHashTable *after)
{
  double rate = (double) self->n_answered / seconds;
  double p50 = load_histogram_percentile (&self->latency, 50), p99 = load_histogram_percentile (&self->latency, 99);

  if (options.json)
    printf ("{\"shape\":\"%s\",\"rows\":%d,\"per_second\":%.0f,\"p50_usec\":%.0f,\"p99_usec\":%.0f,\"max_usec\":%.0f,"
            "\"bytes\":%.0f,\"failed\":%" G_GUINT64_FORMAT ",\"health_max_usec\":%.0f",
            self->shape->name, options.rows, rate, p50, p99, (double) self->latency.largest_nsec / 1000,
            (double) self->n_bytes / (double) MAX (self->n_answered, 1), self->n_failed,
            (double) self->health_latency.largest_nsec / 1000);
  else
    printf ("%-24s %7.0f/s  p50 %7.2f ms  p99 %7.2f ms  %6.0f bytes", self->shape->name, rate, p50 / 1000, p99 / 1000,
            (double) self->n_bytes / (double) MAX (self->n_answered, 1));
  tell_threads (before, after, self->n_answered);
  if (options.json)
    printf ("}\n");
  else if (options.health)
    printf ("  health p99 %.2f, at most %.2f ms\n", load_histogram_percentile (&self->health_latency, 99) / 1000,
            (double) self->health_latency.largest_nsec / 1e6);
  else
    printf ("\n");
  if (self->n_failed > 0)
    fprintf (stderr, "%s: %" G_GUINT64_FORMAT " answers were no success\n", self->shape->name, self->n_failed);
  fflush (stdout);
}

static gboolean
measure (const Daemon *daemon,
         const Shape  *shape)
{
  g_autofree Asking *self = g_new0 (Asking, 1);
  g_autoptr(GHashTable) before = NULL;
  g_autoptr(GHashTable) after = NULL;
  gint64 begin_nsec;

  self->shape = shape;
  self->daemon = daemon;
  open_all (self);
  before = sample_threads (daemon->pid);
  begin_nsec = load_now ();
  ask_all (self);
  while (!load_pace_over (&self->pace, self->loop.now_nsec))
    {
      load_loop_turn (&self->loop, next_due (self));
      ask_all (self);
    }
  after = sample_threads (daemon->pid);
  tell (self, (double) (self->loop.now_nsec - begin_nsec) / 1e9, before, after);
  close_all (self);

  return self->n_failed == 0;
}

static gboolean
parse (int     *argc,
       char  ***argv,
       GError **error)
{
  const GOptionEntry entries[] = {
    { "belfryd", 0, 0, G_OPTION_ARG_FILENAME, &options.belfryd, "The daemon to measure; without, only fill", "PATH" },
    { "file", 0, 0, G_OPTION_ARG_FILENAME, &options.file, "The log, filled when it is not there; one that goes away", "PATH" },
    { "rows", 0, 0, G_OPTION_ARG_INT, &options.rows, "Events to fill it with (1000000)", "N" },
    { "shape", 0, 0, G_OPTION_ARG_STRING, &options.only, "Only this shape, or several with commas", "NAME" },
    { "connections", 0, 0, G_OPTION_ARG_INT, &options.connections, "Who ask at the same time (16)", "N" },
    { "rate", 0, 0, G_OPTION_ARG_DOUBLE, &options.rate, "Queries a second; as fast as answers come", "N" },
    { "publish", 0, 0, G_OPTION_ARG_INT, &options.publish, "Events a second that come in meanwhile", "N" },
    { "seconds", 0, 0, G_OPTION_ARG_DOUBLE, &options.seconds, "For each shape (3)", "S" },
    { "health", 0, 0, G_OPTION_ARG_NONE, &options.health, "Ask for /health every 10 ms beside it", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "One object a line", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  options.connections = CLAMP (options.connections, 1, MAX_CONNECTIONS);

  return TRUE;
}

static void
remove_folder (const char *path)
{
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file_path = g_build_filename (path, name, NULL);

      g_unlink (file_path);
    }
  g_rmdir (path);
}

static gboolean
run (GError **error)
{
  g_auto(GStrv) wanted = options.only != NULL ? g_strsplit (options.only, ",", 0) : NULL;
  gboolean success = TRUE;
  Daemon daemon = { 0 };

  if (!g_file_test (options.file, G_FILE_TEST_EXISTS) && !fill_file (error))
    return FALSE;
  if (options.belfryd == NULL)
    return TRUE;
  if (!start_daemon (&daemon, error))
    return FALSE;

  for (gsize i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      if (wanted == NULL || g_strv_contains ((const char *const *) wanted, shapes[i].name))
        success = measure (&daemon, &shapes[i]) && success;
    }
  stop_daemon (&daemon);
  if (!success)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "There were answers that were no success");

  return success;
}

int
main (int    argc,
      char **argv)
{
  g_autofree char *folder = NULL;
  g_autoptr(GError) error = NULL;

  if (!parse (&argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }

  if (options.file == NULL)
    {
      folder = g_dir_make_tmp ("belfry-bench-XXXXXX", NULL);
      options.file = g_build_filename (folder, "events.db", NULL);
    }
  if (!run (&error))
    g_printerr ("%s\n", error->message);
  if (folder != NULL)
    remove_folder (folder);
  g_free (options.file);

  return error != NULL;
}
