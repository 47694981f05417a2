/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-ctl-options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "belfry-ctl-format.h"
#include "belfry-json-walk-private.h"

/* The commands of an administrator: stats, clear, types. */

BelfryCtlExit
belfry_ctl_run_stats (BelfryCtlOptions  *options,
                      char             **arguments,
                      GError           **error)
{
  gboolean is_verbose = FALSE;
  const GOptionEntry entries[] = {
    { "verbose", 'v', 0, G_OPTION_ARG_NONE, &is_verbose, "Also what is 0, bounds and times that were set, and all types",
      NULL },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr(BelfryClient) client = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  g_autofree char *json = NULL;
  g_autofree char *text = NULL;
  BelfryCtlWait wait = { NULL };

  if (!belfry_ctl_options_parse (options, BELFRY_CTL_TALKS, &arguments, "",
                                 "Prints the daemon's figures; with --json all of them, as the daemon tells them.",
                                 entries, NULL, 0, 0, error)
      || (client = belfry_ctl_options_new_client (options, error)) == NULL)
    return BELFRY_CTL_EXIT_USAGE;

  belfry_client_stats_async (client, NULL, belfry_ctl_wait_cb, &wait);
  result = belfry_ctl_wait (&wait);
  json = belfry_client_stats_finish (client, result, error);
  if (json == NULL)
    return BELFRY_CTL_EXIT_FAILURE;

  if (options->is_json)
    {
      puts (json);
      return BELFRY_CTL_EXIT_OK;
    }

  text = belfry_ctl_format_stats (json, belfry_ctl_format_style (fileno (stdout)), is_verbose, error);
  if (text == NULL)
    return BELFRY_CTL_EXIT_FAILURE;

  fputs (text, stdout);

  return BELFRY_CTL_EXIT_OK;
}

/* FALSE when the answer is anything but yes; nobody to ask is a mistake of the caller. */
static gboolean
ask (const char  *before,
     gboolean    *is_sure,
     GError     **error)
{
  char answer[16] = "";

  if (!isatty (STDIN_FILENO))
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                           "Removing events needs --yes when nobody can be asked");
      return FALSE;
    }

  if (before != NULL)
    fprintf (stderr, "Remove all events that were accepted before %s? [y/N] ", before);
  else
    fprintf (stderr, "Remove all events? [y/N] ");

  *is_sure = fgets (answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');

  return TRUE;
}

BelfryCtlExit
belfry_ctl_run_clear (BelfryCtlOptions  *options,
                      char             **arguments,
                      GError           **error)
{
  g_autofree char *before = NULL;
  gboolean is_sure = FALSE;
  const GOptionEntry entries[] = {
    { "before", 0, 0, G_OPTION_ARG_STRING, &before, "Only those accepted before this instant (ISO 8601)", "INSTANT" },
    { "yes", 'y', 0, G_OPTION_ARG_NONE, &is_sure, "Do not ask", NULL },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr(BelfryClient) client = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  g_autofree char *count = NULL;
  BelfryCtlWait wait = { NULL };
  guint64 n_deleted;

  if (!belfry_ctl_options_parse (options, BELFRY_CTL_TALKS, &arguments, "", "Removes events, for good.", entries,
                                 NULL, 0, 0, error)
      || (client = belfry_ctl_options_new_client (options, error)) == NULL
      || (!is_sure && !ask (before, &is_sure, error)))
    return BELFRY_CTL_EXIT_USAGE;

  if (!is_sure)
    return BELFRY_CTL_EXIT_FAILURE;

  belfry_client_clear_async (client, before, NULL, belfry_ctl_wait_cb, &wait);
  result = belfry_ctl_wait (&wait);
  if (!belfry_client_clear_finish (client, result, &n_deleted, error))
    return BELFRY_CTL_EXIT_FAILURE;

  count = belfry_ctl_format_count (n_deleted);
  if (options->is_json)
    printf ("{\"deleted\":%" G_GUINT64_FORMAT "}\n", n_deleted);
  else
    printf ("%s events removed\n", count);

  return BELFRY_CTL_EXIT_OK;
}

/* One object a line, in the form that adding a type prints. */
static BelfryCtlExit
print_types (const char  *json,
             GError     **error)
{
  BelfryJsonWalk walk;
  BelfryJsonPart part;

  if (belfry_json_walk_init (&walk, json, strlen (json)) && walk.closing == '}')
    {
      while (belfry_json_walk_next (&walk, &part))
        printf ("{\"name\":%.*s,\"description\":%.*s}\n", (int) part.name.length, part.name.text,
                (int) part.value.length, part.value.text);
      if (!walk.is_broken)
        return BELFRY_CTL_EXIT_OK;
    }

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "The server's answer is no JSON object");

  return BELFRY_CTL_EXIT_FAILURE;
}

static BelfryCtlExit
list_types (BelfryCtlOptions  *options,
            BelfryClient      *client,
            GError           **error)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autofree char *json = NULL;
  g_autofree char *text = NULL;
  BelfryCtlWait wait = { NULL };

  belfry_client_list_event_types_async (client, NULL, belfry_ctl_wait_cb, &wait);
  result = belfry_ctl_wait (&wait);
  json = belfry_client_list_event_types_finish (client, result, error);
  if (json == NULL)
    return BELFRY_CTL_EXIT_FAILURE;

  if (options->is_json)
    return print_types (json, error);

  text = belfry_ctl_format_types (json, belfry_ctl_format_style (fileno (stdout)), error);
  if (text == NULL)
    return BELFRY_CTL_EXIT_FAILURE;

  fputs (text, stdout);

  return BELFRY_CTL_EXIT_OK;
}

static BelfryCtlExit
add_type (BelfryCtlOptions  *options,
          BelfryClient      *client,
          const char        *name,
          const char        *description,
          GError           **error)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GString) json = g_string_new ("{\"name\":");
  g_autofree char *safe = belfry_ctl_format_safe (name, strlen (name));
  BelfryCtlWait wait = { NULL };

  belfry_client_add_event_type_async (client, name, description, NULL, belfry_ctl_wait_cb, &wait);
  result = belfry_ctl_wait (&wait);
  if (!belfry_client_add_event_type_finish (client, result, error))
    return BELFRY_CTL_EXIT_FAILURE;

  belfry_json_walk_append_string (json, name);
  g_string_append (json, ",\"description\":");
  belfry_json_walk_append_string (json, description);

  if (options->is_json)
    printf ("%s}\n", json->str);
  else
    printf ("%s is registered\n", safe);

  return BELFRY_CTL_EXIT_OK;
}

BelfryCtlExit
belfry_ctl_run_types (BelfryCtlOptions  *options,
                      char             **arguments,
                      GError           **error)
{
  g_autoptr(BelfryClient) client = NULL;
  const char *verb;

  if (!belfry_ctl_options_parse (options, BELFRY_CTL_TALKS, &arguments, "[list | add NAME DESCRIPTION]",
                                 "Lists the types that an event may have, or registers one.", NULL, NULL, 0, 3, error)
      || (client = belfry_ctl_options_new_client (options, error)) == NULL)
    return BELFRY_CTL_EXIT_USAGE;

  verb = arguments[1];
  if (verb == NULL || (strcmp (verb, "list") == 0 && arguments[2] == NULL))
    return list_types (options, client, error);

  if (strcmp (verb, "add") != 0 || arguments[2] == NULL || arguments[3] == NULL)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                           "usage: belfryctl types [list | add NAME DESCRIPTION]");
      return BELFRY_CTL_EXIT_USAGE;
    }

  if (!g_utf8_validate (arguments[2], -1, NULL) || !g_utf8_validate (arguments[3], -1, NULL))
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "Name and description must be UTF-8");
      return BELFRY_CTL_EXIT_USAGE;
    }

  return add_type (options, client, arguments[2], arguments[3], error);
}
