/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-ctl-options.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "belfry-json-walk-private.h"

static const BelfryCtlCommand commands[] = {
  { "publish", "Publish events given as arguments or on standard input", belfry_ctl_run_publish },
  { "tail", "Print events as they come", belfry_ctl_run_tail },
  { "query", "Print events of the log, newest first", belfry_ctl_run_query },
  { "stats", "Print the daemon's figures", belfry_ctl_run_stats },
  { "clear", "Remove events", belfry_ctl_run_clear },
  { "types", "List the types of events, or add one", belfry_ctl_run_types },
  { "dead-letters", "List what was refused, and bring it back", belfry_ctl_run_dead_letters },
  { "verify", "Check a database file from end to end", belfry_ctl_run_verify },
  { "backup", "Copy a database, also of a running daemon", belfry_ctl_run_backup },
  { "restore", "Make a database out of a backup", belfry_ctl_run_restore },
  { "hash-key", "Make the hash of a key for the daemon's file of keys", belfry_ctl_run_hash_key },
};

static char *
list_commands (void)
{
  g_autoptr(GString) text = g_string_new ("Commands (belfryctl COMMAND --help tells more):");

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    g_string_append_printf (text, "\n  %-12s %s", commands[i].name, commands[i].summary);

  return g_string_free (g_steal_pointer (&text), FALSE);
}

static const BelfryCtlCommand *
find_command (const char  *name,
              GError     **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (g_strcmp0 (commands[i].name, name) == 0)
      return &commands[i];

  if (name == NULL)
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                         "A command is missing; belfryctl --help lists them");
  else
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                 "There is no command '%s'; belfryctl --help lists them", name);

  return NULL;
}

static BelfryCtlExit
run (BelfryCtlOptions  *options,
     char             **arguments,
     GError           **error)
{
  g_autofree char *list = list_commands ();
  g_auto(GStrv) own = g_strdupv (arguments);
  gboolean wants_version = FALSE;
  const BelfryCtlCommand *command;

  if (!belfry_ctl_options_parse_main (options, &own, list, &wants_version, error))
    return BELFRY_CTL_EXIT_USAGE;

  if (wants_version)
    {
      printf ("belfryctl %s\n", BELFRY_VERSION);
      return BELFRY_CTL_EXIT_OK;
    }

  command = find_command (own[1], error);
  if (command == NULL)
    return BELFRY_CTL_EXIT_USAGE;

  return command->run (options, own + 1, error);
}

/* Where parsing failed, nobody knows yet what was asked for. */
static gboolean
asks_for_json (char **arguments)
{
  for (guint i = 1; arguments[i] != NULL && strcmp (arguments[i], "--") != 0; i++)
    if (strcmp (arguments[i], "-j") == 0 || strcmp (arguments[i], "--json") == 0)
      return TRUE;

  return FALSE;
}

static void
tell_error (const GError  *error,
            BelfryCtlExit  status,
            gboolean       is_json)
{
  g_autoptr(GString) json = NULL;

  if (!is_json)
    {
      fprintf (stderr, "belfryctl: %s\n", error->message);
      return;
    }

  json = g_string_new ("{\"error\":");
  belfry_json_walk_append_string (json, error->message);
  fprintf (stderr, "%s,\"status\":%d}\n", json->str, (int) status);
}

/* What a wrong address looks like from afar. */
static void
add_hint (GError           *error,
          BelfryCtlOptions *options)
{
  const char *url = belfry_ctl_options_get_url (options);
  const char *rest = strstr (url, "://");
  g_autofree char *hint = NULL;
  char *text;

  if (rest == NULL)
    return;

  if (g_error_matches (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE))
    hint = g_strdup ("; --ca-file names the certificates to trust");
  else if (error->domain == G_TLS_ERROR)
    hint = g_strconcat ("; if the daemon serves no TLS, try --url http", rest, NULL);
  else if (g_ascii_strncasecmp (url, "http:", 5) == 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED))
    hint = g_strconcat ("; if the daemon serves TLS, try --url https", rest, NULL);
  else
    return;

  if (g_str_has_suffix (error->message, "."))
    error->message[strlen (error->message) - 1] = '\0';
  text = g_strconcat (error->message, hint, NULL);
  g_free (error->message);
  error->message = text;
}

/* In the plain C locale GLib would refuse every argument that is not ASCII; events are UTF-8 anyway. */
static void
choose_locale (void)
{
  setlocale (LC_ALL, "");
  if (strcmp (nl_langinfo (CODESET), "ANSI_X3.4-1968") == 0)
    setlocale (LC_CTYPE, "C.UTF-8");
}

/* A reader that has seen enough is no failure. */
static gboolean
flush_output (void)
{
  errno = 0;

  return (fflush (stdout) == 0 && !ferror (stdout)) || errno == EPIPE || errno == 0;
}

int
main (int    argc,
      char **argv)
{
  BelfryCtlOptions options = { NULL, NULL, NULL, FALSE };
  g_auto(GStrv) arguments = NULL;
  g_autoptr(GError) error = NULL;
  BelfryCtlExit status;

  choose_locale ();
  signal (SIGPIPE, SIG_IGN);
  arguments = belfry_ctl_options_hide_keys (argc, argv);
  g_set_prgname ("belfryctl");

  status = run (&options, arguments, &error);
  if (error != NULL)
    {
      status = belfry_ctl_exit_from_error (error);
      add_hint (error, &options);
      tell_error (error, status,
                  options.is_json || (error->domain == G_OPTION_ERROR && asks_for_json (arguments)));
    }

  belfry_ctl_options_clear (&options);
  if (!flush_output () && status == BELFRY_CTL_EXIT_OK)
    status = BELFRY_CTL_EXIT_FAILURE;

  return (int) status;
}
