/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <locale.h>
#include <signal.h>
#include <stdio.h>

#include "belfry-command-line.h"
#include "belfry-config-check.h"
#include "belfry-daemon-forward.h"
#include "belfry-daemon.h"
#include "belfry-log.h"
#include "belfry-setting-lists.h"
#include "belfry-signals.h"

/* Exit status: 0 ended in good order, 1 could not start or go on (log refused, address taken), 2 wrong
 * usage or a bad setting. */
#define EXIT_START 1
#define EXIT_USAGE 2

static void
print_error (const char *message)
{
  fprintf (stderr, "belfryd: %s\n", message);
}

static int
list_settings (const char *form)
{
  g_autofree char *text = belfry_setting_list_format (form);

  if (text == NULL)
    {
      fprintf (stderr, "belfryd: --list-settings: '%s' is not allowed; allowed: %s\n", form,
               belfry_setting_list_get_forms ());
      return EXIT_USAGE;
    }

  fputs (text, stdout);
  return 0;
}

/* Unlike a start, which ends at the first problem, this tells all. */
static void
find_problems (BelfryCommandLine *line,
               GPtrArray         *problems,
               GPtrArray         *warnings)
{
  g_autoptr(BelfrySettings) settings = NULL;
  g_autoptr(GError) error = NULL;

  if (!belfry_command_line_read_sources (line, warnings, &error))
    {
      g_ptr_array_add (problems, g_strdup (error->message));
      return;
    }

  settings = belfry_settings_new_with_problems (line->sources, problems);
  if (settings == NULL)
    return;

  belfry_config_check_doubts (settings, warnings);
  belfry_config_check_files (settings, problems);
}

static int
check_config (BelfryCommandLine *line)
{
  g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func (g_free);

  find_problems (line, problems, warnings);
  for (guint i = 0; i < warnings->len; i++)
    fprintf (stderr, "belfryd: warning: %s\n", (const char *) g_ptr_array_index (warnings, i));
  for (guint i = 0; i < problems->len; i++)
    print_error (g_ptr_array_index (problems, i));
  if (problems->len > 0)
    return EXIT_USAGE;

  printf ("The settings are in order\n");
  return 0;
}

static BelfrySettings *
load_settings (GPtrArray  *warnings,
               gpointer    user_data,
               GError    **error)
{
  return belfry_command_line_load_settings (user_data, warnings, error);
}

static void
set_up_log (const BelfrySettings *settings,
            GPtrArray            *warnings)
{
  belfry_log_set_up (settings->debug ? "DEBUG" : settings->log_level, settings->log_format);
  belfry_log_add_secret (settings->api_key);
  belfry_config_check_doubts (settings, warnings);
  for (guint i = 0; i < warnings->len; i++)
    g_warning ("%s", (const char *) g_ptr_array_index (warnings, i));
}

static int
serve (BelfryCommandLine *line)
{
  g_autoptr(BelfryDaemon) daemon = NULL;
  g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GError) error = NULL;
  BelfrySettings *settings = load_settings (warnings, line, &error);

  if (settings == NULL)
    {
      print_error (error->message);
      return EXIT_USAGE;
    }
  if (!belfry_daemon_forward_check (settings, &error))
    {
      print_error (error->message);
      belfry_settings_free (settings);
      return EXIT_USAGE;
    }

  set_up_log (settings, warnings);
  daemon = belfry_daemon_new ();
  belfry_daemon_set_load_settings (daemon, load_settings, line);
  if (!belfry_daemon_start (daemon, settings, &error))
    {
      /* A signal, while a database was imported. */
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return 0;
      print_error (error->message);
      return EXIT_START;
    }

  belfry_daemon_run (daemon);
  return 0;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(BelfryCommandLine) line = NULL;
  g_autoptr(GError) error = NULL;

  setlocale (LC_ALL, "");
  signal (SIGPIPE, SIG_IGN);
  signal (SIGUSR1, SIG_IGN);
  /* Whoever asks for a reload before we listen does not ask for our end. */
  belfry_signals_block ();

  line = belfry_command_line_parse (&argc, &argv, &error);
  if (line == NULL)
    {
      print_error (error->message);
      return EXIT_USAGE;
    }
  if (line->show_version)
    {
      printf ("belfryd %s\n", BELFRY_VERSION);
      return 0;
    }
  if (line->list_settings != NULL)
    return list_settings (line->list_settings);
  if (line->check_config)
    return check_config (line);

  return serve (line);
}
