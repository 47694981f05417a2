/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-client-publisher.h"
#include "belfry-error.h"
#include "fake-server.h"

/* What came of each publish, in the order in which it was told. */
typedef struct
{
  GString *told;
  guint    n;
  int      last_code;
} Answers;

static void
answer_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Answers *answers = user_data;
  g_autoptr(GError) error = NULL;
  g_autofree char *id = belfry_client_publisher_publish_finish (BELFRY_CLIENT_PUBLISHER (source), result, &error);

  answers->n++;
  answers->last_code = error != NULL ? error->code : -1;
  g_string_append_printf (answers->told, "%s ", id != NULL ? id : error->message);
}

static Answers *
answers_new (void)
{
  Answers *answers = g_new0 (Answers, 1);

  answers->told = g_string_new (NULL);

  return answers;
}

static void
answers_free (Answers *answers)
{
  g_string_free (answers->told, TRUE);
  g_free (answers);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Answers, answers_free)

static void
publish (BelfryClientPublisher *publisher,
         const char            *json,
         Answers               *answers)
{
  belfry_client_publisher_publish_async (publisher, json, NULL, answer_cb, answers);
}

static void
test_order (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(Answers) answers = answers_new ();
  g_autoptr(BelfryClientPublisher) publisher = belfry_client_publisher_new (server->client);
  guint64 published;
  guint64 refused;

  publish (publisher, "1", answers);
  publish (publisher, "2", answers);
  publish (publisher, "3", answers);
  g_assert_cmpuint (belfry_client_publisher_get_in_flight (publisher), ==, 3);

  wait_for (server->messages->len == 3);
  g_assert_cmpstr (g_ptr_array_index (server->messages, 0), ==, "1");
  g_assert_cmpstr (g_ptr_array_index (server->messages, 2), ==, "3");
  g_assert_cmpstr (server->requests->str, ==, "WS /api/v1/ws/publish\n");

  fake_server_send (server, 0, "{\"status\": \"ok\", \"event_id\": \"evt_1\"}");
  fake_server_send (server, 0, "{\"status\":\"error\",\"message\":\"Storage unavailable\"}");
  fake_server_send (server, 0, "{\"status\":\"ok\",\"event_id\":\"evt_3\"}");
  wait_for (answers->n == 3);
  g_assert_cmpstr (answers->told->str, ==, "evt_1 Storage unavailable evt_3 ");

  g_object_get (publisher, "published", &published, "refused", &refused, NULL);
  g_assert_cmpuint (published, ==, 2);
  g_assert_cmpuint (refused, ==, 1);
}

static void
test_full (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(Answers) answers = answers_new ();
  g_autoptr(BelfryClientPublisher) publisher = NULL;

  publisher = g_object_new (BELFRY_TYPE_CLIENT_PUBLISHER, "client", server->client, "max-in-flight", 2, NULL);
  publish (publisher, "1", answers);
  g_assert_false (belfry_client_publisher_is_full (publisher));
  publish (publisher, "2", answers);
  g_assert_true (belfry_client_publisher_is_full (publisher));
  publish (publisher, "3", answers);
  wait_for (answers->n == 1);
  g_assert_cmpint (answers->last_code, ==, BELFRY_ERROR_CAPACITY);

  wait_for (server->messages->len == 2);
  fake_server_send (server, 0, "{\"status\":\"ok\",\"event_id\":\"evt_1\"}");
  wait_for (answers->n == 2);
  g_assert_false (belfry_client_publisher_is_full (publisher));
  belfry_client_publisher_close (publisher);
  wait_for (answers->n == 3);
}

static void
test_break (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(Answers) answers = answers_new ();
  g_autoptr(BelfryClientPublisher) publisher = belfry_client_publisher_new (server->client);

  publish (publisher, "1", answers);
  publish (publisher, "2", answers);
  wait_for (server->messages->len == 2);
  fake_server_send (server, 0, "{\"status\":\"ok\",\"event_id\":\"evt_1\"}");
  fake_server_close (server, 0, 1001, NULL);
  wait_for (answers->n == 2);
  g_assert_cmpstr (answers->told->str, ==, "evt_1 The server shuts down ");
  g_assert_cmpint (answers->last_code, ==, G_IO_ERROR_CONNECTION_CLOSED);

  publish (publisher, "3", answers);
  wait_for (server->messages->len == 3);
  g_assert_cmpuint (server->sockets->len, ==, 2);
  fake_server_send (server, 1, "{\"status\":\"ok\",\"event_id\":\"evt_3\"}");
  wait_for (answers->n == 3);
}

static void
test_key (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(Answers) answers = answers_new ();
  g_autoptr(BelfryClientPublisher) publisher = belfry_client_publisher_new (server->client);

  publish (publisher, "1", answers);
  wait_for (server->sockets->len == 1);
  fake_server_close (server, 0, 4001, "Unauthorized");
  wait_for (answers->n == 1);
  g_assert_cmpint (answers->last_code, ==, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_cmpstr (answers->told->str, ==, "Unauthorized ");
}

static void
test_refused_handshake (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(Answers) answers = answers_new ();
  g_autoptr(BelfryClientPublisher) publisher = belfry_client_publisher_new (server->client);

  server->refuses_sockets = TRUE;
  publish (publisher, "1", answers);
  wait_for (answers->n == 1);
  g_assert_cmpint (answers->last_code, ==, G_IO_ERROR_PERMISSION_DENIED);
}

static void
test_wrong_address (void)
{
  g_autoptr(BelfryClient) client = belfry_client_new ("nowhere");
  g_autoptr(Answers) answers = answers_new ();
  g_autoptr(BelfryClientPublisher) publisher = belfry_client_publisher_new (client);

  publish (publisher, "1", answers);
  g_assert_cmpuint (answers->n, ==, 0);
  wait_for (answers->n == 1);
  g_assert_cmpint (answers->last_code, ==, BELFRY_ERROR_INVALID_ARGUMENT);
}

static void
test_close_while_connecting (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(Answers) answers = answers_new ();
  g_autoptr(BelfryClientPublisher) publisher = belfry_client_publisher_new (server->client);

  publish (publisher, "1", answers);
  belfry_client_publisher_close (publisher);
  wait_for (answers->n == 1);
  g_assert_cmpint (answers->last_code, ==, G_IO_ERROR_CANCELLED);
}

static void
test_close_when_idle (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(BelfryClientPublisher) publisher = belfry_client_publisher_new (server->client);

  belfry_client_publisher_close (publisher);
  belfry_client_publisher_close (publisher);
}

static void
test_many (void)
{
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(Answers) answers = answers_new ();
  g_autoptr(BelfryClientPublisher) publisher = belfry_client_publisher_new (server->client);
  guint n_answered = 0;

  for (guint i = 0; i < 1024; i++)
    publish (publisher, "{}", answers);

  while (n_answered < 1024)
    {
      wait_for (server->messages->len > n_answered);
      for (; n_answered < server->messages->len; n_answered++)
        fake_server_send (server, 0, "{\"status\":\"ok\",\"event_id\":\"e\"}");
    }
  wait_for (answers->n == 1024);
  g_assert_cmpuint (answers->told->len, ==, 2048);
}

static void
test_too_large (gconstpointer data)
{
  gboolean is_answered = GPOINTER_TO_INT (data);
  g_autoptr(FakeServer) server = fake_server_new ();
  g_autoptr(Answers) answers = answers_new ();
  g_autoptr(BelfryClientPublisher) publisher = belfry_client_publisher_new (server->client);
  guint64 refused;

  g_test_summary ("A message that is too large is told once, of that event; those behind it are told of the connection");

  publish (publisher, "1", answers);
  publish (publisher, "2", answers);
  publish (publisher, "3", answers);
  wait_for (server->messages->len == 3);
  fake_server_send (server, 0, "{\"status\":\"ok\",\"event_id\":\"evt_1\"}");
  if (is_answered)
    fake_server_send (server, 0, "{\"status\":\"error\",\"message\":\"Message too large\"}");
  fake_server_close (server, 0, 1009, NULL);
  wait_for (answers->n == 3);
  g_assert_cmpstr (answers->told->str, ==, "evt_1 Message too large The connection broke ");
  g_object_get (publisher, "refused", &refused, NULL);
  g_assert_cmpuint (refused, ==, 1);

  publish (publisher, "4", answers);
  wait_for (server->messages->len == 4);
  fake_server_send (server, 1, "{\"status\":\"ok\",\"event_id\":\"evt_4\"}");
  wait_for (answers->n == 4);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/client-publisher/answers-come-in-order", test_order);
  g_test_add_func ("/client-publisher/refuses-when-full", test_full);
  g_test_add_func ("/client-publisher/broken-connection-fails-what-waits-and-opens-again", test_break);
  g_test_add_data_func ("/client-publisher/too-large/answered", GINT_TO_POINTER (TRUE), test_too_large);
  g_test_add_data_func ("/client-publisher/too-large/closed", GINT_TO_POINTER (FALSE), test_too_large);
  g_test_add_func ("/client-publisher/wrong-key-is-told", test_key);
  g_test_add_func ("/client-publisher/refused-handshake-is-told", test_refused_handshake);
  g_test_add_func ("/client-publisher/wrong-address-is-told-later", test_wrong_address);
  g_test_add_func ("/client-publisher/close/while-connecting", test_close_while_connecting);
  g_test_add_func ("/client-publisher/close/when-idle", test_close_when_idle);
  g_test_add_func ("/client-publisher/many-in-flight", test_many);

  return g_test_run ();
}
