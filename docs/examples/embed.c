/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* A log and its server inside a program of your own: embed DATABASE PORT */

#include <belfry.h>
#include <glib-unix.h>
#include <stdlib.h>

/* For a short program: turns the loop until an answer is there. A long-lived one goes on in the callback. */
static void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static GAsyncResult *
await_result (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);

  return *result;
}

static void
publish (BelfryPipeline *pipeline, int page)
{
  g_autofree char *json = g_strdup_printf ("{\"event_type\":\"lesson_started\",\"source\":\"embed\",\"user_id\":\"ada\","
                                           "\"payload\":{\"page\":%d}}", page);
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryEvent) event = NULL;

  belfry_pipeline_publish_async (pipeline, json, -1, NULL, keep_result, &result);
  event = belfry_pipeline_publish_finish (pipeline, await_result (&result), &error);
  if (event == NULL)
    g_error ("%s", error->message);
  g_print ("published %s\n", belfry_event_get_id (event));
}

static void
query (BelfryEventStore *store)
{
  g_autoptr(BelfryFilter) filter = belfry_filter_new (NULL, NULL, "ada");
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GPtrArray) events = NULL;

  belfry_event_store_query_async (store, filter, G_MININT64, 0, 3, NULL, keep_result, &result);
  events = belfry_event_store_query_finish (store, await_result (&result), NULL);
  for (guint i = 0; events != NULL && i < events->len; i++)
    g_print ("found %s %s\n", belfry_event_get_id (events->pdata[i]), belfry_event_get_payload (events->pdata[i]));
}

static void
on_event (BelfrySubscriber *subscriber, BelfryEvent *event, gpointer user_data)
{
  g_autoptr(BelfryCursor) cursor = belfry_subscriber_dup_cursor (subscriber);
  g_autofree char *text = belfry_cursor_to_string (cursor);

  g_print ("received %s cursor %s\n", belfry_event_get_id (event), text);
}

static gboolean
on_signal (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(BelfrySqliteStore) store = belfry_sqlite_store_new (argv[1]);
  g_autoptr(BelfryFilter) any = belfry_filter_new (NULL, NULL, NULL);
  g_autoptr(BelfryCursor) beginning = belfry_cursor_new_beginning ();
  g_autoptr(BelfryPipeline) pipeline = NULL;
  g_autoptr(BelfrySubscriber) subscriber = NULL;
  g_autoptr(BelfryServer) server = NULL;
  g_autoptr(GAsyncResult) stopped = NULL;
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) uris = NULL;

  if (!belfry_sqlite_store_open (store, NULL, &error))
    g_error ("%s", error->message);
  pipeline = belfry_pipeline_new_for_store (BELFRY_EVENT_STORE (store));
  for (int page = 0; page < 3; page++)
    publish (pipeline, page);
  query (BELFRY_EVENT_STORE (store));

  /* From the beginning, in order; then whatever comes. The cursor is where to go on another time. */
  subscriber = belfry_router_subscribe (belfry_pipeline_get_router (pipeline), any, beginning, NULL);
  g_signal_connect (subscriber, "event", G_CALLBACK (on_event), NULL);
  belfry_subscriber_start (subscriber);

  /* The same log for everybody else. */
  server = belfry_server_new (pipeline);
  if (!belfry_server_listen (server, "127.0.0.1", (guint16) atoi (argv[2]), &error))
    g_error ("%s", error->message);
  uris = belfry_server_list_uris (server);
  g_print ("serving %s\n", uris[0]);

  g_unix_signal_add (SIGINT, on_signal, loop);
  g_unix_signal_add (SIGTERM, on_signal, loop);
  g_main_loop_run (loop);

  belfry_server_stop_async (server, NULL, keep_result, &stopped);
  await_result (&stopped);
  belfry_subscriber_cancel (subscriber);
  belfry_sqlite_store_close (store);

  return EXIT_SUCCESS;
}
