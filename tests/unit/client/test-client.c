/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-error.h"
#include "fake-server.h"

static void
keep_result (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  GAsyncResult **kept = user_data;

  *kept = g_object_ref (result);
}

static char *
publish (FakeServer  *server,
         const char  *json,
         GError     **error)
{
  g_autoptr(GAsyncResult) result = NULL;

  belfry_client_publish_async (server->client, json, NULL, keep_result, &result);
  wait_for (result != NULL);

  return belfry_client_publish_finish (server->client, result, error);
}

static char **
query (FakeServer    *server,
       BelfryFilter  *filter,
       const char    *since,
       guint          limit,
       GError       **error)
{
  g_autoptr(GAsyncResult) result = NULL;

  belfry_client_query_async (server->client, filter, since, limit, NULL, keep_result, &result);
  wait_for (result != NULL);

  return belfry_client_query_finish (server->client, result, error);
}

static void
test_publish (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(GError) error = NULL;
  g_autofree char *event = NULL;

  fake_server_answer (server, 201, "{\"id\":\"evt_1\",\"payload\":{\"a\":1.10}}", NULL);
  belfry_client_set_api_key (server->client, "k");
  event = publish (server, "{\"event_type\":\"purchase\"}", &error);

  g_assert_no_error (error);
  g_assert_cmpstr (event, ==, "{\"id\":\"evt_1\",\"payload\":{\"a\":1.10}}");
  g_assert_cmpstr (server->requests->str, ==, "POST /api/v1/events key=k\n{\"event_type\":\"purchase\"}\n");
}

static void
test_errors (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  const struct
  {
    guint  status;
    GQuark domain;
    int    code;
  } cases[] = {
    { 401, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED },
    { 422, BELFRY_ERROR, BELFRY_ERROR_INVALID_EVENT },
    { 503, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE },
    { 500, G_IO_ERROR, G_IO_ERROR_FAILED },
  };
  guint64 requests;
  guint64 failures;

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;

      fake_server_answer (server, cases[i].status, "{}", NULL);
      g_assert_null (publish (server, "{}", &error));
      g_assert_error (error, cases[i].domain, cases[i].code);
    }

  g_object_get (server->client, "requests", &requests, "failures", &failures, NULL);
  g_assert_cmpuint (requests, ==, G_N_ELEMENTS (cases));
  g_assert_cmpuint (failures, ==, G_N_ELEMENTS (cases));
}

static void
test_redirection (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(GError) error = NULL;

  fake_server_answer (server, 302, "", "http://127.0.0.1:1/elsewhere");
  belfry_client_set_api_key (server->client, "k");

  g_assert_null (publish (server, "{}", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
}

static void
test_answer_bounds (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(GError) error = NULL;
  g_autofree char *large = g_strnfill (5000, 'x');

  g_object_set (server->client, "max-response-bytes", (guint64) 4999, NULL);
  fake_server_answer (server, 201, large, NULL);
  g_assert_null (publish (server, "{}", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);

  g_clear_error (&error);
  fake_server_answer (server, 201, "{\"id\":\"\xff\"}", NULL);
  g_assert_null (publish (server, "{}", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
}

static void
test_wrong_url (void)
{
  g_autoptr(BelfryClient) client = belfry_client_new ("ftp://127.0.0.1");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  belfry_client_stats_async (client, NULL, keep_result, &result);
  wait_for (result != NULL);
  g_assert_null (belfry_client_stats_finish (client, result, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT);
}

static void
test_unreachable (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(GError) error = NULL;

  soup_server_disconnect (server->server);
  g_assert_null (publish (server, "{}", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
}

static void
test_cancel (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  fake_server_answer (server, 201, "{}", NULL);
  belfry_client_publish_async (server->client, "{}", cancellable, keep_result, &result);
  g_cancellable_cancel (cancellable);
  wait_for (result != NULL);

  g_assert_null (belfry_client_publish_finish (server->client, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_query (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  const char *types[] = { "purchase", NULL };
  g_autoptr(BelfryFilter) filter = belfry_filter_new (types, "s 1", "u&2");
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) events = NULL;

  fake_server_answer (server, 200, "[{\"n\":3.10},{\"n\":2}]", NULL);
  events = query (server, filter, "2026-01-15T10:30:45+01:00", 7, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (events), ==, 2);
  g_assert_cmpstr (events[0], ==, "{\"n\":3.10}");
  g_assert_cmpstr (server->requests->str, ==,
                   "GET /api/v1/events?event_type=purchase&session_id=s%201&user_id=u%262&"
                   "since=2026-01-15T10%3A30%3A45%2B01%3A00&limit=7 key=\n\n");
}

static void
test_query_pages (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) events = NULL;
  g_autofree char *joined = NULL;

  fake_server_answer (server, 200, "[1,2]", "</api/v1/events?cursor=b>; rel=\"next\"");
  fake_server_answer (server, 200, "[3,4]", "</api/v1/events?cursor=c>; rel=\"next\"");
  fake_server_answer (server, 200, "[5,6]", "</api/v1/events?cursor=d>; rel=\"next\"");
  belfry_client_set_api_key (server->client, "k");
  events = query (server, NULL, NULL, 5, &error);

  g_assert_no_error (error);
  joined = g_strjoinv (",", events);
  g_assert_cmpstr (joined, ==, "1,2,3,4,5");
  g_assert_nonnull (strstr (server->requests->str, "cursor=c key=k"));
  g_assert_null (strstr (server->requests->str, "cursor=d"));
}

static void
test_query_stops (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) events = NULL;

  g_test_summary ("A server that names itself as the next page for ever ends where a page brings nothing");

  fake_server_answer (server, 200, "[1]", "</api/v1/events>; rel=\"next\"");
  fake_server_answer (server, 200, "[]", "</api/v1/events>; rel=\"next\"");
  events = query (server, NULL, NULL, 50, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (events), ==, 1);
}

static void
test_query_errors (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  const char *types[] = { "a", "b", NULL };
  g_autoptr(BelfryFilter) filter = belfry_filter_new (types, NULL, NULL);
  g_autoptr(GError) error = NULL;

  g_assert_null (query (server, filter, NULL, 5, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT);

  g_clear_error (&error);
  fake_server_answer (server, 422, "{\"detail\":[{\"loc\":[\"query\",\"limit\"],\"msg\":\"Too much\"}]}", NULL);
  g_assert_null (query (server, NULL, NULL, 5, &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT);
  g_assert_cmpstr (error->message, ==, "limit: Too much");

  g_clear_error (&error);
  fake_server_answer (server, 200, "{\"a\":1}", NULL);
  g_assert_null (query (server, NULL, NULL, 5, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
}

static void
test_others (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(GAsyncResult) lookup = NULL;
  g_autoptr(GAsyncResult) types = NULL;
  g_autoptr(GAsyncResult) add = NULL;
  g_autoptr(GAsyncResult) clear = NULL;
  g_autofree char *event = NULL;
  g_autofree char *list = NULL;
  guint64 n_deleted;

  fake_server_answer (server, 200, "{\"id\":\"evt_1\"}", NULL);
  belfry_client_lookup_async (server->client, "evt 1/x", NULL, keep_result, &lookup);
  wait_for (lookup != NULL);
  event = belfry_client_lookup_finish (server->client, lookup, &error);
  g_assert_no_error (error);

  fake_server_answer (server, 200, "{\"a\":\"b\"}", NULL);
  belfry_client_list_event_types_async (server->client, NULL, keep_result, &types);
  wait_for (types != NULL);
  list = belfry_client_list_event_types_finish (server->client, types, &error);
  g_assert_cmpstr (list, ==, "{\"a\":\"b\"}");

  fake_server_answer (server, 201, "{}", NULL);
  belfry_client_add_event_type_async (server->client, "a.b", "An \"event\"", NULL, keep_result, &add);
  wait_for (add != NULL);
  g_assert_true (belfry_client_add_event_type_finish (server->client, add, &error));

  fake_server_answer (server, 200, "{\"deleted\": 12345678901234567890}", NULL);
  belfry_client_clear_async (server->client, "", NULL, keep_result, &clear);
  wait_for (clear != NULL);
  g_assert_true (belfry_client_clear_finish (server->client, clear, &n_deleted, &error));
  g_assert_cmpuint (n_deleted, ==, G_GUINT64_CONSTANT (12345678901234567890));

  g_assert_cmpstr (server->requests->str, ==,
                   "GET /api/v1/events/evt 1/x key=\n\n"
                   "GET /api/v1/event-types key=\n\n"
                   "POST /api/v1/event-types key=\n{\"name\":\"a.b\",\"description\":\"An \\\"event\\\"\"}\n"
                   "DELETE /api/v1/events?before= key=\n\n");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/client/publish/gives-the-event-as-it-was-sent", test_publish);
  g_test_add_func ("/client/errors/are-of-our-domains-and-counted", test_errors);
  g_test_add_func ("/client/errors/redirection-is-not-followed", test_redirection);
  g_test_add_func ("/client/errors/answer-has-bounds", test_answer_bounds);
  g_test_add_func ("/client/errors/wrong-address-fails-each-call", test_wrong_url);
  g_test_add_func ("/client/errors/nobody-listens", test_unreachable);
  g_test_add_func ("/client/errors/cancelled-is-an-answer", test_cancel);
  g_test_add_func ("/client/query/sends-every-rule", test_query);
  g_test_add_func ("/client/query/follows-pages-up-to-the-limit", test_query_pages);
  g_test_add_func ("/client/query/ends-with-an-empty-page", test_query_stops);
  g_test_add_func ("/client/query/refuses-what-it-cannot-ask", test_query_errors);
  g_test_add_func ("/client/others/ask-as-the-contract-says", test_others);

  return g_test_run ();
}
