/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-ctl-options.h"

#include <stdio.h>

#include "belfry-ctl-format.h"

BelfryCtlExit
belfry_ctl_run_query (BelfryCtlOptions  *options,
                      char             **arguments,
                      GError           **error)
{
  g_autofree char *since = NULL;
  BelfryCtlRules rules = { NULL, NULL, NULL, NULL, NULL };
  int limit = 100;
  gboolean is_parsed;
  const GOptionEntry entries[] = {
    { "since", 0, 0, G_OPTION_ARG_STRING, &since, "Only events accepted after this instant (ISO 8601)", "INSTANT" },
    { "limit", 'n', 0, G_OPTION_ARG_INT, &limit, "At most so many (100)", "N" },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr(BelfryFilter) filter = NULL;
  g_autoptr(BelfryClient) client = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  g_auto(GStrv) events = NULL;
  BelfryCtlWait wait = { NULL };
  BelfryCtlStyle style = belfry_ctl_format_style (fileno (stdout));

  is_parsed = belfry_ctl_options_parse (options, BELFRY_CTL_TALKS, &arguments, "",
                                        "Prints events of the log, newest first.", entries, &rules, 0, 0, error)
              && (filter = belfry_ctl_rules_to_filter (&rules, error)) != NULL;
  belfry_ctl_rules_clear (&rules);
  if (!is_parsed || (client = belfry_ctl_options_new_client (options, error)) == NULL)
    return BELFRY_CTL_EXIT_USAGE;

  if (limit < 1)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--limit begins with 1");
      return BELFRY_CTL_EXIT_USAGE;
    }

  belfry_client_query_async (client, filter, since, (guint) limit, NULL, belfry_ctl_wait_cb, &wait);
  result = belfry_ctl_wait (&wait);
  events = belfry_client_query_finish (client, result, error);
  if (events == NULL)
    return BELFRY_CTL_EXIT_FAILURE;

  for (gsize i = 0; events[i] != NULL; i++)
    {
      g_autofree char *line = options->is_json
                              ? belfry_ctl_format_json (events[i], NULL)
                              : belfry_ctl_format_event (events[i], NULL, style);

      puts (line);
    }

  return BELFRY_CTL_EXIT_OK;
}
