/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-ctl-options.h"

#include <stdio.h>

#include "belfry-client-subscription.h"
#include "belfry-ctl-format.h"
#include "belfry-ctl-output.h"

typedef struct
{
  GMainLoop                *loop;
  BelfryClientSubscription *subscription;
  BelfryCtlStyle            style;
  gboolean                  is_json;
  gboolean                  has_cursors;
  gint64                    n_left;         /* G_MAXINT64 is no end */
  gboolean                  was_connected;
  GError                   *error;
} Tail;

static void
tail_end (gpointer user_data)
{
  Tail *tail = user_data;

  belfry_client_subscription_stop (tail->subscription);
  g_main_loop_quit (tail->loop);
}

static void
on_event (BelfryClientSubscription *subscription,
          const char               *json,
          const char               *cursor,
          Tail                     *tail)
{
  g_autofree char *line = NULL;

  if (belfry_ctl_output_is_unwanted ())
    {
      tail_end (tail);
      return;
    }

  if (!tail->has_cursors)
    cursor = NULL;
  line = tail->is_json
         ? belfry_ctl_format_json (json, cursor)
         : belfry_ctl_format_event (json, cursor, tail->style);
  belfry_ctl_output_line (line);

  if (--tail->n_left == 0)
    tail_end (tail);
}

static void
on_gap (BelfryClientSubscription *subscription,
        const char               *from,
        const char               *to,
        guint64                   lost,
        Tail                     *tail)
{
  g_autofree char *line = belfry_ctl_format_gap (from, to, lost, tail->is_json, tail->style);

  belfry_ctl_output_line (line);
}

static void
on_connected (BelfryClientSubscription *subscription,
              const char               *subscriber_id,
              Tail                     *tail)
{
  if (tail->was_connected)
    fprintf (stderr, "belfryctl: connected again\n");

  tail->was_connected = TRUE;
}

/* A daemon that was never there is an error; one that went away is waited for. */
static void
on_disconnected (BelfryClientSubscription *subscription,
                 const GError             *error,
                 gint64                    retry_msec,
                 Tail                     *tail)
{
  if (retry_msec >= 0 && tail->was_connected)
    {
      fprintf (stderr, "belfryctl: %s, trying again in %.1f s\n", error->message, (double) retry_msec / 1000);
      return;
    }

  tail->error = g_error_copy (error);
  tail_end (tail);
}

static void
run_tail (Tail         *tail,
          BelfryClient *client,
          BelfryFilter *filter,
          const char   *from)
{
  tail->loop = g_main_loop_new (NULL, FALSE);
  tail->subscription = belfry_client_subscription_new (client, filter, from);
  g_signal_connect (tail->subscription, "event", G_CALLBACK (on_event), tail);
  g_signal_connect (tail->subscription, "gap", G_CALLBACK (on_gap), tail);
  g_signal_connect (tail->subscription, "connected", G_CALLBACK (on_connected), tail);
  g_signal_connect (tail->subscription, "disconnected", G_CALLBACK (on_disconnected), tail);

  belfry_ctl_output_begin (tail_end, tail);
  belfry_client_subscription_start (tail->subscription);
  g_main_loop_run (tail->loop);

  /* The close frame is on its way out; a moment lets it leave. */
  for (guint i = 0; i < 10 && g_main_context_iteration (NULL, FALSE); i++)
    continue;

  g_signal_handlers_disconnect_by_data (tail->subscription, tail);
  g_clear_object (&tail->subscription);
  g_clear_pointer (&tail->loop, g_main_loop_unref);
}

BelfryCtlExit
belfry_ctl_run_tail (BelfryCtlOptions  *options,
                     char             **arguments,
                     GError           **error)
{
  BelfryCtlRules rules = { NULL, NULL, NULL, NULL, NULL };
  Tail tail = { .style = belfry_ctl_format_style (fileno (stdout)) };
  g_autofree char *from = NULL;
  gint64 count = G_MAXINT64;
  gboolean is_parsed;
  const GOptionEntry entries[] = {
    { "from", 'f', 0, G_OPTION_ARG_STRING, &from, "Begin behind this cursor, or at the beginning of the log", "CURSOR|beginning" },
    { "count", 'n', 0, G_OPTION_ARG_INT64, &count, "End after so many events", "N" },
    { "cursors", 'c', 0, G_OPTION_ARG_NONE, &tail.has_cursors, "Print the cursor of each event", NULL },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr(BelfryFilter) filter = NULL;
  g_autoptr(BelfryClient) client = NULL;

  is_parsed = belfry_ctl_options_parse (options, BELFRY_CTL_TALKS, &arguments, "",
                                        "Prints events as they come, across lost connections, until interrupted.",
                                        entries, &rules, 0, 0, error)
              && (filter = belfry_ctl_rules_to_filter (&rules, error)) != NULL;
  belfry_ctl_rules_clear (&rules);
  if (!is_parsed || (client = belfry_ctl_options_new_client (options, error)) == NULL)
    return BELFRY_CTL_EXIT_USAGE;

  if (count < 1)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--count begins with 1");
      return BELFRY_CTL_EXIT_USAGE;
    }

  tail.is_json = options->is_json;
  tail.n_left = count;
  run_tail (&tail, client, filter, from);

  if (tail.error != NULL)
    {
      belfry_ctl_output_end (NULL);
      g_propagate_error (error, tail.error);
      return BELFRY_CTL_EXIT_FAILURE;
    }

  return belfry_ctl_output_end (error) ? BELFRY_CTL_EXIT_OK : BELFRY_CTL_EXIT_FAILURE;
}
