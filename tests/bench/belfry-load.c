/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "load.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* belfry-load: makes load for a daemon and tells what came of it. */

#ifdef BELFRY_HAVE_GRPC
#define KINDS "http|ws|collect|grpc|grpc-batch|grpc-stream|jetstream|fan-out"
#else
#define KINDS "http|ws|collect|jetstream|fan-out"
#endif

typedef struct
{
  const char *name;
  gboolean  (*run) (const LoadOptions *options, LoadResult *result, GError **error);
} Kind;

static const Kind kinds[] = {
  { "http", load_run_http },
  { "ws", load_run_ws },
  { "collect", load_run_collect },
#ifdef BELFRY_HAVE_GRPC
  { "grpc", load_run_grpc },
  { "grpc-batch", load_run_grpc_batch },
  { "grpc-stream", load_run_grpc_stream },
#endif
  { "jetstream", load_run_jetstream },
  { "fan-out", load_run_fan_out },
};

static const Kind *
find_kind (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (strcmp (kinds[i].name, name) == 0)
      return &kinds[i];

  return NULL;
}

static void
add_figure (GString    *text,
            gboolean    is_json,
            const char *name,
            const char *format,
            double      value)
{
  char digits[64];

  g_ascii_formatd (digits, sizeof digits, format, value);
  if (is_json)
    g_string_append_printf (text, "%s\"%s\": %s", text->len == 0 ? "{" : ", ", name, digits);
  else
    g_string_append_printf (text, "%-28s %s\n", name, digits);
}

/* Enough of the distribution to draw it. */
static void
add_curve (GString       *text,
           const char    *name,
           LoadHistogram *histogram)
{
  static const char * const percents[] = {
    "0", "10", "25", "50", "75", "90", "95", "97.5", "99", "99.5", "99.75", "99.9", "99.95", "99.99", "100"
  };

  g_string_append_printf (text, ", \"%s_curve\": [", name);
  for (guint i = 0; i < G_N_ELEMENTS (percents); i++)
    {
      char digits[64];
      double usec = load_histogram_percentile (histogram, g_ascii_strtod (percents[i], NULL));

      g_ascii_formatd (digits, sizeof digits, "%.1f", usec);
      g_string_append_printf (text, "%s[%s, %s]", i > 0 ? ", " : "", percents[i], digits);
    }
  g_string_append_c (text, ']');
}

static void
add_latency (GString       *text,
             gboolean       is_json,
             const char    *name,
             LoadHistogram *histogram)
{
  static const double percents[] = { 50, 90, 95, 99, 99.9 };
  static const char * const labels[] = { "p50", "p90", "p95", "p99", "p999" };
  g_autofree char *largest = g_strdup_printf ("%s_max_usec", name);

  if (histogram->total == 0)
    return;

  for (guint i = 0; i < G_N_ELEMENTS (percents); i++)
    {
      g_autofree char *label = g_strdup_printf ("%s_%s_usec", name, labels[i]);

      add_figure (text, is_json, label, "%.1f", load_histogram_percentile (histogram, percents[i]));
    }
  add_figure (text, is_json, largest, "%.1f", (double) histogram->largest_nsec / 1000);
  if (is_json)
    add_curve (text, name, histogram);
}

static void
add_process (GString     *text,
             gboolean     is_json,
             LoadResult  *result,
             double       seconds)
{
  LoadProcess *process = &result->process;
  double cpu_usec = process->cpu_seconds * 1e6;

  add_figure (text, is_json, "generator_cpu_percent", "%.0f", result->self_process.cpu_seconds / seconds * 100);
  if (process->n_pids == 0)
    return;

  add_figure (text, is_json, "server_cpu_percent", "%.0f", process->cpu_seconds / seconds * 100);
  if (result->sent > 0)
    add_figure (text, is_json, "server_cpu_usec_per_event", "%.3f", cpu_usec / (double) result->sent);
  if (result->deliveries > 0)
    add_figure (text, is_json, "server_cpu_usec_per_delivery", "%.3f", cpu_usec / (double) result->deliveries);
  add_figure (text, is_json, "server_rss_before_mib", "%.1f", process->rss_before_mib);
  add_figure (text, is_json, "server_rss_peak_mib", "%.1f", process->rss_peak_mib);
  add_figure (text, is_json, "server_rss_after_mib", "%.1f", process->rss_mib);
}

/* A closed loop sends when an answer has come: its latencies leave out those who would have waited meanwhile. At a rate they
 * are measured from when the event was to be sent. */
static void
add_loop (GString           *text,
          const LoadOptions *options)
{
  const char *loop = options->rate > 0 ? "open" : "closed";

  if (options->is_json)
    g_string_append_printf (text, ", \"loop\": \"%s\"", loop);
  else
    g_string_append_printf (text, "%-28s %s\n", "loop", loop);
}

static void
report (const LoadOptions *options,
        LoadResult        *result)
{
  g_autoptr(GString) text = g_string_new (NULL);
  double seconds = MAX ((double) (result->end_nsec - result->begin_nsec) / 1e9, 1e-9);
  gboolean is_json = options->is_json;

  add_figure (text, is_json, "seconds", "%.3f", seconds);
  add_loop (text, options);
  add_figure (text, is_json, "sent", "%.0f", (double) result->sent);
  add_figure (text, is_json, "answered", "%.0f", (double) result->answered);
  add_figure (text, is_json, "failed", "%.0f", (double) result->failed);
  add_figure (text, is_json, "events_per_second", "%.0f", (double) result->answered / seconds);
  add_latency (text, is_json, "answer", &result->latency);

  if (result->expected > 0)
    {
      add_figure (text, is_json, "deliveries", "%.0f", (double) result->deliveries);
      add_figure (text, is_json, "expected", "%.0f", (double) result->expected);
      add_figure (text, is_json, "lost", "%.0f", (double) result->lost);
      add_figure (text, is_json, "repeated", "%.0f", (double) result->repeated);
      add_figure (text, is_json, "out_of_order", "%.0f", (double) result->disordered);
      add_figure (text, is_json, "deliveries_per_second", "%.0f", (double) result->deliveries / seconds);
      add_latency (text, is_json, "delivery", &result->delivery);
      add_figure (text, is_json, "late_p50_usec", "%.1f", load_histogram_percentile (&result->late, 50));
    }

  add_process (text, is_json, result, seconds);
  printf ("%s%s", text->str, is_json ? "}\n" : "");
}

static gboolean
take_url (LoadOptions  *options,
          const char   *url,
          GError      **error)
{
  int port = 0;

  if (!g_uri_split_network (url, G_URI_FLAGS_NONE, NULL, &options->host, &port, error))
    return FALSE;

  options->port = (guint16) (port > 0 ? port : 8001);

  return TRUE;
}

static gboolean
check_options (LoadOptions  *options,
               GError      **error)
{
  if (options->filter == NULL)
    options->filter = g_strdup ("any");
  if (options->peer == NULL)
    options->peer = g_strdup ("belfry");

  if (options->connections < 1 || options->connections > 10000 || options->window < 1 || options->window > 65536
      || options->burst < 1 || options->burst > 65536 || options->subscribers > 100000
      || options->batch < 1 || options->batch > 100000
      || options->groups < 1 || options->groups > 1000000 || options->size > 1000000
      || options->seconds <= 0 || options->seconds > 3600 || options->rate < 0)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "A figure is out of range");
      return FALSE;
    }

  if (!g_strv_contains ((const char * const []) { "any", "session", "user", "type", NULL }, options->filter))
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--filter is any, session, user or type");
      return FALSE;
    }

  if (load_find_protocol (options->peer) == NULL)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--peer is belfry, nats or nchan");
      return FALSE;
    }

  return TRUE;
}

/* Numbers with commas between them. */
static gboolean
take_pids (LoadOptions  *options,
           const char   *text,
           GError      **error)
{
  g_auto(GStrv) parts = g_strsplit (text != NULL ? text : "", ",", 0);

  for (guint i = 0; parts[i] != NULL; i++)
    {
      guint64 pid;

      if (!g_ascii_string_to_unsigned (parts[i], 10, 1, G_MAXINT, &pid, error))
        return FALSE;
      if (options->n_pids == LOAD_MAX_PIDS)
        {
          g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "More than %d processes", LOAD_MAX_PIDS);
          return FALSE;
        }
      options->pids[options->n_pids++] = (int) pid;
    }

  return TRUE;
}

static gboolean
parse (LoadOptions   *options,
       int           *argc,
       char        ***argv,
       GError       **error)
{
  g_autofree char *url = NULL;
  g_autofree char *pids = NULL;
  gint64 count = 0;
  const GOptionEntry entries[] = {
    { "url", 'u', 0, G_OPTION_ARG_STRING, &url, "The daemon (http://127.0.0.1:8001)", "URL" },
    { "api-key", 0, 0, G_OPTION_ARG_STRING, &options->api_key, "Its key", "KEY" },
    { "connections", 'c', 0, G_OPTION_ARG_INT, &options->connections, "Connections that publish (32; fan-out: 1)", "N" },
    { "window", 'w', 0, G_OPTION_ARG_INT, &options->window, "ws, jetstream, grpc…: calls or events in flight on each (64)", "N" },
    { "path", 'p', 0, G_OPTION_ARG_STRING, &options->get_path, "http: GET this instead of publishing", "PATH" },
    { "post", 0, 0, G_OPTION_ARG_STRING, &options->post_path, "http: POST the events there (/api/v1/events)", "PATH" },
    { "peer", 0, 0, G_OPTION_ARG_STRING, &options->peer, "fan-out: belfry, nats or nchan", "NAME" },
    { "subscribers", 's', 0, G_OPTION_ARG_INT, &options->subscribers, "fan-out: subscribers (100)", "N" },
    { "batch", 0, 0, G_OPTION_ARG_INT, &options->batch, "collect, grpc-batch: events of one request (100)", "N" },
    { "gzip", 'z', 0, G_OPTION_ARG_NONE, &options->is_packed, "collect: compress the requests", NULL },
    { "burst", 'k', 0, G_OPTION_ARG_INT, &options->burst, "fan-out: events published at once (16)", "K" },
    { "filter", 'f', 0, G_OPTION_ARG_STRING, &options->filter, "fan-out: any, session, user or type", "KIND" },
    { "groups", 'g', 0, G_OPTION_ARG_INT, &options->groups, "fan-out: different filters of that kind (10)", "N" },
    { "backlog", 'b', 0, G_OPTION_ARG_INT, &options->backlog, "fan-out: events that have not reached all (no bound)", "N" },
    { "rate", 'r', 0, G_OPTION_ARG_DOUBLE, &options->rate, "Events a second in all (as fast as answers come)", "R" },
    { "seconds", 't', 0, G_OPTION_ARG_DOUBLE, &options->seconds, "At most so long (5)", "S" },
    { "count", 'n', 0, G_OPTION_ARG_INT64, &count, "At most so many events", "N" },
    { "size", 0, 0, G_OPTION_ARG_INT, &options->size, "Bytes of an event (300)", "BYTES" },
    { "pid", 0, 0, G_OPTION_ARG_STRING, &pids, "The server's processes, for CPU time and memory", "PID,…" },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &options->is_json, "Tell the figures as JSON", NULL },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr(GOptionContext) context = g_option_context_new (KINDS);

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;

  options->count = (guint64) MAX (count, 0);

  return take_url (options, url != NULL ? url : "http://127.0.0.1:8001", error)
         && take_pids (options, pids, error)
         && check_options (options, error);
}

static void
raise_descriptors (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    {
      limit.rlim_cur = limit.rlim_max;
      setrlimit (RLIMIT_NOFILE, &limit);
    }
}

int
main (int    argc,
      char **argv)
{
  gboolean is_fan_out = argc > 1 && strcmp (argv[1], "fan-out") == 0;
  LoadOptions options = {
    .batch = 100,
    .connections = is_fan_out ? 1 : 32,
    .window = 64,
    .subscribers = 100,
    .burst = 16,
    .groups = 10,
    .seconds = 5,
    .size = 300,
  };
  g_autofree LoadResult *result = g_new0 (LoadResult, 1);
  g_autoptr(GError) error = NULL;
  const Kind *kind;
  int status = EXIT_FAILURE;

  setlocale (LC_ALL, "");
  if (!parse (&options, &argc, &argv, &error))
    {
      fprintf (stderr, "belfry-load: %s\n", error->message);
      return 2;
    }

  kind = argc == 2 ? find_kind (argv[1]) : NULL;
  if (kind == NULL)
    {
      fprintf (stderr, "belfry-load: name one kind of load: " KINDS "\n");
      return 2;
    }

  raise_descriptors ();
  /* Timers may be late by 50 µs otherwise, which would count as the server's. */
  prctl (PR_SET_TIMERSLACK, 1UL);
  if (!kind->run (&options, result, &error))
    fprintf (stderr, "belfry-load: %s\n", error->message);
  else
    {
      report (&options, result);
      status = result->failed + result->lost + result->repeated + result->disordered > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    }

  g_free (options.host);
  g_free (options.api_key);
  g_free (options.get_path);
  g_free (options.post_path);
  g_free (options.peer);
  g_free (options.filter);

  return status;
}
