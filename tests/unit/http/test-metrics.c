/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <math.h>
#include <string.h>

#include "belfry-metrics-private.h"
#include "belfry-server-fields-private.h"
#include "server-world.h"

static void
assert_has (const char *text,
            const char *line)
{
  g_autofree char *whole = g_strdup_printf ("\n%s\n", line);
  g_autofree char *begun = g_strdup_printf ("\n%s", text);

  if (strstr (begun, whole) == NULL)
    {
      g_printerr ("%s\n", text);
      g_error ("There is no line '%s'", line);
    }
}

/* --- the registry --- */

static void
tell_some (BelfryMetrics *metrics,
           gpointer       user_data)
{
  static const char * const labels[] = { "door", "http", "result", "accepted", NULL };

  belfry_metrics_tell (metrics, "x_events", labels, 3);
  belfry_metrics_tell (metrics, "x_waits_seconds", NULL, 0.25);
  belfry_metrics_tell_one (metrics, "x_build", "version", "1.0", 1);
}

static BelfryMetrics *
make_some (void)
{
  BelfryMetrics *metrics = belfry_metrics_new ();

  belfry_metrics_add_family (metrics, BELFRY_METRIC_KIND_COUNTER, "x_events", "Events.");
  belfry_metrics_add_family (metrics, BELFRY_METRIC_KIND_GAUGE, "x_waits_seconds", "A \"time\"\nof \\ two lines.");
  belfry_metrics_add_family (metrics, BELFRY_METRIC_KIND_INFO, "x_build", "Build.");
  belfry_metrics_add_family (metrics, BELFRY_METRIC_KIND_GAUGE, "x_silent", "Nobody tells it.");
  belfry_metrics_add_source (metrics, tell_some, NULL, NULL);
  return metrics;
}

static void
test_text (void)
{
  g_autoptr(BelfryMetrics) metrics = make_some ();
  g_autofree char *text = belfry_metrics_print (metrics, FALSE);

  g_assert_true (g_str_has_prefix (text,
                                   "# HELP x_events_total Events.\n"
                                   "# TYPE x_events_total counter\n"
                                   "x_events_total{door=\"http\",result=\"accepted\"} 3\n"
                                   "# HELP x_waits_seconds A \"time\"\\nof \\\\ two lines.\n"
                                   "# TYPE x_waits_seconds gauge\n"
                                   "x_waits_seconds 0.25\n"
                                   "# HELP x_build_info Build.\n"
                                   "# TYPE x_build_info gauge\n"
                                   "x_build_info{version=\"1.0\"} 1\n"));
  g_assert_null (strstr (text, "x_silent"));
  g_assert_null (strstr (text, "# EOF"));
}

static void
test_open_metrics (void)
{
  g_autoptr(BelfryMetrics) metrics = make_some ();
  g_autofree char *text = belfry_metrics_print (metrics, TRUE);

  g_assert_true (g_str_has_prefix (text,
                                   "# TYPE x_events counter\n"
                                   "# HELP x_events Events.\n"
                                   "x_events_total{door=\"http\",result=\"accepted\"} 3\n"
                                   "# TYPE x_waits_seconds gauge\n"
                                   "# UNIT x_waits_seconds seconds\n"
                                   "# HELP x_waits_seconds A \\\"time\\\"\\nof \\\\ two lines.\n"
                                   "x_waits_seconds 0.25\n"
                                   "# TYPE x_build info\n"
                                   "# HELP x_build Build.\n"
                                   "x_build_info{version=\"1.0\"} 1\n"));
  g_assert_true (g_str_has_suffix (text, "\n# EOF\n"));
}

static void
test_adds_up (void)
{
  g_autoptr(BelfryMetrics) metrics = make_some ();
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;

  belfry_metrics_add_source (metrics, tell_some, NULL, NULL);
  first = belfry_metrics_print (metrics, FALSE);
  assert_has (first, "x_events_total{door=\"http\",result=\"accepted\"} 6");
  /* What was told before is told anew, not added to. */
  second = belfry_metrics_print (metrics, FALSE);
  g_assert_cmpstr (first, ==, second);
}

static void
tell_strange (BelfryMetrics *metrics,
              gpointer       user_data)
{
  belfry_metrics_tell_one (metrics, "x_strange", "a", "back\\slash \"quote\" new\nline", 9007199254740992.0);
  belfry_metrics_tell_one (metrics, "x_strange", "a", "broken \xff utf-8", INFINITY);
  belfry_metrics_tell_one (metrics, "x_strange", "a", "nothing", NAN);
  belfry_metrics_tell_one (metrics, "x_strange", "a", "small", 1e-7);
}

static void
test_escapes (void)
{
  g_autoptr(BelfryMetrics) metrics = belfry_metrics_new ();
  g_autofree char *text = NULL;

  belfry_metrics_add_family (metrics, BELFRY_METRIC_KIND_UNKNOWN, "x_strange", "Strange.");
  belfry_metrics_add_source (metrics, tell_strange, NULL, NULL);
  text = belfry_metrics_print (metrics, FALSE);
  assert_has (text, "# TYPE x_strange untyped");
  assert_has (text, "x_strange{a=\"back\\\\slash \\\"quote\\\" new\\nline\"} 9007199254740992");
  assert_has (text, "x_strange{a=\"broken \xef\xbf\xbd utf-8\"} +Inf");
  assert_has (text, "x_strange{a=\"nothing\"} NaN");
  assert_has (text, "x_strange{a=\"small\"} 1e-07");
}

static void
tell_many (BelfryMetrics *metrics,
           gpointer       user_data)
{
  for (guint i = 0; i < 1200; i++)
    {
      g_autofree char *value = g_strdup_printf ("%u", i);

      belfry_metrics_tell_one (metrics, "x_many", "n", value, 1);
    }
}

static void
test_bounded (void)
{
  g_autoptr(BelfryMetrics) metrics = belfry_metrics_new ();
  g_autofree char *text = NULL;

  belfry_metrics_add_family (metrics, BELFRY_METRIC_KIND_GAUGE, "x_many", "Many.");
  belfry_metrics_add_source (metrics, tell_many, NULL, NULL);
  text = belfry_metrics_print (metrics, FALSE);
  assert_has (text, "x_many{n=\"999\"} 1");
  g_assert_null (strstr (text, "x_many{n=\"1000\"}"));
  assert_has (text, "belfry_metrics_dropped_samples_total 200");
}

static void
tell_histogram (BelfryMetrics *metrics,
                gpointer       user_data)
{
  belfry_metrics_tell_histogram (metrics, "x_seconds", user_data, 1e-6);
}

static void
test_histogram (void)
{
  g_autoptr(BelfryMetrics) metrics = belfry_metrics_new ();
  g_autofree char *text = NULL;
  BelfryHistogram histogram;

  belfry_histogram_init_times (&histogram);
  belfry_histogram_observe (&histogram, 0);
  belfry_histogram_observe (&histogram, 100);
  belfry_histogram_observe (&histogram, 101);
  belfry_histogram_observe (&histogram, 60 * G_USEC_PER_SEC);
  g_assert_cmpuint (belfry_histogram_count (&histogram), ==, 4);

  belfry_metrics_add_family (metrics, BELFRY_METRIC_KIND_HISTOGRAM, "x_seconds", "Times.");
  belfry_metrics_add_source (metrics, tell_histogram, &histogram, NULL);
  text = belfry_metrics_print (metrics, TRUE);
  assert_has (text, "x_seconds_bucket{le=\"5e-05\"} 1");
  assert_has (text, "x_seconds_bucket{le=\"0.0001\"} 2");
  assert_has (text, "x_seconds_bucket{le=\"0.00025\"} 3");
  assert_has (text, "x_seconds_bucket{le=\"1.0\"} 3");
  assert_has (text, "x_seconds_bucket{le=\"10.0\"} 3");
  assert_has (text, "x_seconds_bucket{le=\"+Inf\"} 4");
  assert_has (text, "x_seconds_sum 60.000201");
  assert_has (text, "x_seconds_count 4");
}

static void
test_process (void)
{
  g_autoptr(BelfryMetrics) metrics = belfry_metrics_new ();
  g_autofree char *text = NULL;
  const char *start;
  double age;

  belfry_metrics_add_process (metrics);
  text = belfry_metrics_print (metrics, FALSE);
  start = strstr (text, "\nprocess_start_time_seconds ");
  g_assert_nonnull (start);
  age = g_get_real_time () / 1e6 - g_ascii_strtod (start + strlen ("\nprocess_start_time_seconds "), NULL);
  g_assert_cmpfloat (fabs (age), <, 3600);
  g_assert_nonnull (strstr (text, "\nprocess_cpu_seconds_total "));
  g_assert_nonnull (strstr (text, "\nprocess_threads "));
}

/* --- parts --- */

static const BelfryMetricRow rows[] = {
  { "commits", BELFRY_METRIC_KIND_COUNTER, "x_commits", "Commits.", { "by", "row" } },
  { "no-such-property", BELFRY_METRIC_KIND_GAUGE, "x_nothing", "Nothing.", { NULL } },
};

static const BelfryMetricPart part = { "shelf", rows, G_N_ELEMENTS (rows) };

static void
test_parts (ServerWorld   *world,
            gconstpointer  data)
{
  g_autoptr(BelfryMetrics) metrics = belfry_metrics_new ();
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autofree char *other = NULL;
  GObject *late = g_object_new (G_TYPE_OBJECT, NULL);

  belfry_metrics_add_part (metrics, &part);
  before = belfry_metrics_print (metrics, FALSE);
  assert_has (before, "x_commits_total{by=\"row\"} 0");
  assert_has (before, "x_nothing 0");

  belfry_metrics_bind_part (metrics, "shelf", G_OBJECT (world->store));
  belfry_metrics_bind_part (metrics, "other", G_OBJECT (world->pipeline));
  belfry_metrics_bind_part (metrics, "late", late);
  after = belfry_metrics_print (metrics, FALSE);
  assert_has (after, "x_commits_total{by=\"row\"} 0");
  /* Numbers without a row have a name all the same, and the unit of all others. */
  g_assert_null (strstr (after, "belfry_shelf_commits"));
  assert_has (after, "# TYPE belfry_shelf_wal_bytes untyped");
  assert_has (after, "# TYPE belfry_other_retention_seconds gauge");

  g_object_unref (late);
  other = belfry_metrics_print (metrics, TRUE);
  g_assert_true (g_str_has_suffix (other, "# EOF\n"));
}

/* --- the format that is asked for --- */

static void
test_negotiates (void)
{
  static const struct { const char *accept; gboolean open_metrics; } cases[] = {
    { NULL, FALSE },
    { "", FALSE },
    { "*/*", FALSE },
    { "text/html, */*;q=0.1", FALSE },
    { "text/plain", FALSE },
    { "application/json", FALSE },
    { "application/openmetrics-text", TRUE },
    { "Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", TRUE },
    { "application/openmetrics-text; version=\"1.0.0\"", TRUE },
    { "application/openmetrics-text; version=0.0.1", FALSE },
    { "application/openmetrics-text; version=2.0.0, text/plain", FALSE },
    { "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", TRUE },
    { "application/openmetrics-text;q=0.3, text/plain;q=0.5", FALSE },
    { "application/openmetrics-text;q=0.5, text/plain;q=0.5", TRUE },
    { "application/openmetrics-text;q=0, */*", FALSE },
    { "application/openmetrics-text;q=0.5, */*;q=0.9, text/plain;q=0.1", TRUE },
    { "application/openmetrics-text;q=0.5, text/*;q=0.9", FALSE },
    { ";;;,,,q=;=,application/openmetrics-text;q", TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s", cases[i].accept);
      g_assert_cmpint (belfry_metrics_accepts_open_metrics (cases[i].accept), ==, cases[i].open_metrics);
    }
}

/* --- the server --- */

static void
set_up (ServerWorld   *world,
        gconstpointer  data)
{
  server_world_set_up (world, "service-name", "event-pipeline", NULL);
}

static void
tear_down (ServerWorld   *world,
           gconstpointer  data)
{
  server_world_tear_down (world);
}

static Response *
get_metrics (ServerWorld *world)
{
  return server_world_request (world, "GET", "/metrics", NULL, NULL);
}

static void
test_zero_from_start (ServerWorld   *world,
                      gconstpointer  data)
{
  static const char * const doors[] = { "http", "websocket", "collect", "grpc", "dbus", "kafka" };
  g_autoptr(Response) response = get_metrics (world);
  g_autofree char *type = response_dup_header (response, "Content-Type");

  g_assert_cmpuint (response->status, ==, 200);
  g_assert_cmpstr (type, ==, "text/plain; version=0.0.4; charset=utf-8");
  for (gsize i = 0; i < G_N_ELEMENTS (doors); i++)
    {
      g_autofree char *accepted = g_strdup_printf ("belfry_events_total{door=\"%s\",result=\"accepted\"} 0", doors[i]);
      g_autofree char *rejected = g_strdup_printf ("belfry_events_total{door=\"%s\",result=\"rejected\"} 0", doors[i]);

      assert_has (response->body, accepted);
      assert_has (response->body, rejected);
    }
  assert_has (response->body, "belfry_request_seconds_count 0");
  assert_has (response->body, "belfry_subscribers 0");
  assert_has (response->body, "belfry_requests_total{method=\"POST\",route=\"/events\",status=\"5xx\"} 0");
}

static void
test_counts_requests (ServerWorld   *world,
                      gconstpointer  data)
{
  g_autoptr(Response) created = server_world_request (world, "POST", "/api/v1/events", "Content-Type: application/json\r\n",
                                                      "{\"event_type\": \"quiz_started\", \"source\": \"t\"}");
  g_autoptr(Response) refused = server_world_request (world, "POST", "/events", NULL, "{}");
  g_autoptr(Response) lost = server_world_request (world, "GET", "/events/evt_000000000000", NULL, NULL);
  g_autoptr(Response) unknown = server_world_request (world, "GET", "/nowhere/secret", NULL, NULL);
  g_autoptr(Response) response = get_metrics (world);

  g_assert_cmpuint (created->status, ==, 201);
  g_assert_cmpuint (refused->status, ==, 422);
  g_assert_cmpuint (lost->status, ==, 404);
  g_assert_cmpuint (unknown->status, ==, 404);
  assert_has (response->body, "belfry_events_total{door=\"http\",result=\"accepted\"} 1");
  assert_has (response->body, "belfry_events_total{door=\"http\",result=\"rejected\"} 1");
  assert_has (response->body, "belfry_requests_total{method=\"POST\",route=\"/events\",status=\"2xx\"} 1");
  assert_has (response->body, "belfry_requests_total{method=\"POST\",route=\"/events\",status=\"4xx\"} 1");
  assert_has (response->body, "belfry_requests_total{method=\"GET\",route=\"/events/{}\",status=\"4xx\"} 1");
  assert_has (response->body, "belfry_requests_total{method=\"other\",route=\"other\",status=\"4xx\"} 1");
  assert_has (response->body, "belfry_request_seconds_count 4");
  assert_has (response->body, "belfry_log_events{event_type=\"quiz_started\"} 1");
  assert_has (response->body, "belfry_log_last_position 1");
  /* Nothing that a client chooses is a label. */
  g_assert_null (strstr (response->body, "secret"));
}

static void
test_head (ServerWorld   *world,
           gconstpointer  data)
{
  g_autoptr(Response) response = server_world_request (world, "HEAD", "/api/v1/metrics",
                                                       "Accept: application/openmetrics-text\r\n", NULL);
  g_autofree char *type = response_dup_header (response, "Content-Type");

  g_assert_cmpuint (response->status, ==, 200);
  g_assert_cmpstr (type, ==, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  g_assert_cmpuint (response->length, ==, 0);
}

static void
test_outlives_server (ServerWorld   *world,
                      gconstpointer  data)
{
  g_autoptr(BelfryServer) server = belfry_server_new (world->pipeline);
  g_autoptr(BelfryMetrics) metrics = g_object_ref (belfry_server_get_metrics (server));
  g_autofree char *text = NULL;

  belfry_metrics_add_family (metrics, BELFRY_METRIC_KIND_GAUGE, "mine", "A family of one's own.");
  g_clear_object (&server);
  text = belfry_metrics_print (metrics, TRUE);
  g_assert_true (g_str_has_suffix (text, "# EOF\n"));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/metrics/print/text", test_text);
  g_test_add_func ("/metrics/print/open-metrics", test_open_metrics);
  g_test_add_func ("/metrics/print/adds-up-what-sources-tell", test_adds_up);
  g_test_add_func ("/metrics/print/escapes", test_escapes);
  g_test_add_func ("/metrics/print/bounded", test_bounded);
  g_test_add_func ("/metrics/print/histogram", test_histogram);
  g_test_add_func ("/metrics/process", test_process);
  g_test_add ("/metrics/parts/are-zero-until-bound", ServerWorld, NULL, set_up, test_parts, tear_down);
  g_test_add_func ("/metrics/negotiates", test_negotiates);
  g_test_add ("/metrics/server/zero-from-start", ServerWorld, NULL, set_up, test_zero_from_start, tear_down);
  g_test_add ("/metrics/server/counts-requests", ServerWorld, NULL, set_up, test_counts_requests, tear_down);
  g_test_add ("/metrics/server/head", ServerWorld, NULL, set_up, test_head, tear_down);
  g_test_add ("/metrics/server/may-be-gone", ServerWorld, NULL, set_up, test_outlives_server, tear_down);

  return g_test_run ();
}
