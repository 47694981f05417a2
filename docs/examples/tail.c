/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* Follows a daemon elsewhere, across lost connections: tail URL [CURSOR|beginning] */

#include <belfry.h>
#include <glib-unix.h>

static void
on_event (BelfryClientSubscription *subscription, const char *json, const char *cursor, gpointer user_data)
{
  g_print ("received %s\n", json);
}

static void
on_gap (BelfryClientSubscription *subscription, const char *from, const char *to, guint64 lost, gpointer user_data)
{
  g_print ("%" G_GUINT64_FORMAT " places of the log are gone\n", lost);
}

static void
on_connected (BelfryClientSubscription *subscription, const char *subscriber_id, gpointer user_data)
{
  g_print ("connected\n");
}

static void
on_disconnected (BelfryClientSubscription *subscription, const GError *error, gint64 retry_msec, gpointer loop)
{
  if (retry_msec >= 0)
    {
      g_print ("lost the connection, trying again\n");
      return;
    }
  g_print ("ended: %s\n", error->message);
  g_main_loop_quit (loop);
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
  g_autoptr(BelfryClient) client = belfry_client_new (argv[1]);
  g_autoptr(BelfryClientSubscription) subscription =
    belfry_client_subscription_new (client, NULL, argc > 2 ? argv[2] : NULL);

  g_signal_connect (subscription, "event", G_CALLBACK (on_event), NULL);
  g_signal_connect (subscription, "gap", G_CALLBACK (on_gap), NULL);
  g_signal_connect (subscription, "connected", G_CALLBACK (on_connected), NULL);
  g_signal_connect (subscription, "disconnected", G_CALLBACK (on_disconnected), loop);

  /* It comes back by itself and goes on behind the last event. SIGINT and SIGTERM end it. */
  belfry_client_subscription_start (subscription);
  g_unix_signal_add (SIGINT, on_signal, loop);
  g_unix_signal_add (SIGTERM, on_signal, loop);
  g_main_loop_run (loop);
  belfry_client_subscription_stop (subscription);

  /* To go on here another time. */
  g_print ("cursor %s\n", belfry_client_subscription_get_cursor (subscription));

  return 0;
}
