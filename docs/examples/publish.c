/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* Publishes to a daemon elsewhere and asks it: publish URL */

#include <belfry.h>

#define ANSWER "{\"event_type\":\"answer_submitted\",\"source\":\"publish\",\"session_id\":\"s1\",\"payload\":{\"answer\":%d}}"

static GMainLoop *loop;

static void
queried_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) events = belfry_client_query_finish (BELFRY_CLIENT (source), result, &error);

  for (gsize i = 0; events != NULL && events[i] != NULL; i++)
    g_print ("found %s\n", events[i]);
  if (events == NULL)
    g_printerr ("%s\n", error->message);
  g_main_loop_quit (loop);
}

/* Many at once go over one connection; answers come in the order of the events. */
static void
answered_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  BelfryClientPublisher *publisher = BELFRY_CLIENT_PUBLISHER (source);
  g_autoptr(GError) error = NULL;
  g_autofree char *id = belfry_client_publisher_publish_finish (publisher, result, &error);
  g_autoptr(BelfryFilter) filter = belfry_filter_new (NULL, "s1", NULL);

  if (id != NULL)
    g_print ("published %s\n", id);
  else  /* whether it is about the event or the connection */
    g_print ("%s %s\n", g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_EVENT) ? "refused" : "failed",
             error->message);
  if (belfry_client_publisher_get_in_flight (publisher) == 0)
    belfry_client_query_async (BELFRY_CLIENT (user_data), filter, NULL, 3, NULL, queried_cb, NULL);
}

/* One request, one event: the answer comes when it is durable. */
static void
published_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  BelfryClientPublisher *publisher = BELFRY_CLIENT_PUBLISHER (user_data);
  g_autoptr(GError) error = NULL;
  g_autofree char *event = belfry_client_publish_finish (BELFRY_CLIENT (source), result, &error);

  if (event == NULL)
    g_error ("%s", error->message);
  g_print ("published %s\n", event);

  for (int i = 0; i < 2; i++)
    {
      g_autofree char *json = g_strdup_printf (ANSWER, i);

      belfry_client_publisher_publish_async (publisher, json, NULL, answered_cb, source);
    }
  belfry_client_publisher_publish_async (publisher, "{\"event_type\":\"unheard_of\",\"source\":\"publish\",\"payload\":{}}",
                                         NULL, answered_cb, source);
}

int
main (int argc, char **argv)
{
  g_autoptr(BelfryClient) client = belfry_client_new (argv[1]);
  g_autoptr(BelfryClientPublisher) publisher = belfry_client_publisher_new (client);

  loop = g_main_loop_new (NULL, FALSE);
  belfry_client_publish_async (client, "{\"event_type\":\"quiz_started\",\"source\":\"publish\",\"session_id\":\"s1\","
                               "\"payload\":{\"quiz\":7}}", NULL, published_cb, publisher);
  g_main_loop_run (loop);
  belfry_client_publisher_close (publisher);
  g_main_loop_unref (loop);

  return 0;
}
