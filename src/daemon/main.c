/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "belfry-daemon.h"
#include "belfry-log.h"

/* Exit status: 0 ended in good order, 1 could not start or go on (log refused, address taken), 2 wrong
 * usage or a bad setting. */
#define EXIT_START 1
#define EXIT_USAGE 2

typedef struct
{
  BelfrySettingSources *sources;
  char                 *config;
  char                 *env_file;
  gboolean              check_config;
  gboolean              show_version;
} CommandLine;

static gboolean
on_setting_option (const char  *option_name,
                   const char  *value,
                   gpointer     data,
                   GError     **error)
{
  CommandLine *line = data;

  /* A switch without a value is switched on. */
  return belfry_setting_sources_add_option (line->sources, option_name + strspn (option_name, "-"),
                                            value != NULL ? value : "true");
}

static void
add_setting_options (GOptionGroup *group)
{
  gsize n_settings;
  const BelfrySettingInfo *infos = belfry_settings_list (&n_settings);

  for (gsize i = 0; i < n_settings; i++)
    {
      GOptionEntry entries[] = {
        { infos[i].option, 0, infos[i].kind == BELFRY_SETTING_BOOLEAN ? G_OPTION_FLAG_OPTIONAL_ARG : 0,
          G_OPTION_ARG_CALLBACK, on_setting_option, infos[i].description, infos[i].name },
        { NULL },
      };

      if (infos[i].option != NULL)
        g_option_group_add_entries (group, entries);
    }
}

static gboolean
parse_command_line (CommandLine *line,
                    int         *argc,
                    char      ***argv,
                    GError     **error)
{
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &line->config,
      "Key file to read instead of " BELFRY_SYSCONFDIR "/belfry/belfry.conf", "FILE" },
    { "env-file", 0, 0, G_OPTION_ARG_FILENAME, &line->env_file, "Read settings from a .env file", "FILE" },
    { "check-config", 0, 0, G_OPTION_ARG_NONE, &line->check_config, "Check the settings and end", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &line->show_version, "Print the version and end", NULL },
    { NULL },
  };
  g_autoptr(GOptionContext) context = g_option_context_new ("- keep an event log and serve it live");
  GOptionGroup *group = g_option_group_new ("belfry", NULL, NULL, line, NULL);

  g_option_group_add_entries (group, entries);
  add_setting_options (group);
  g_option_context_set_main_group (context, group);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 1)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION, "Unknown argument '%s'", (*argv)[1]);
      return FALSE;
    }

  return TRUE;
}

static BelfrySettings *
load_settings (CommandLine  *line,
               GPtrArray    *warnings,
               GError      **error)
{
  const char *config = line->config != NULL ? line->config : BELFRY_SYSCONFDIR "/belfry/belfry.conf";
  g_auto(GStrv) environment = g_get_environ ();

  if (!belfry_setting_sources_add_file (line->sources, config, line->config != NULL, warnings, error))
    return NULL;
  if (line->env_file != NULL && !belfry_setting_sources_add_env_file (line->sources, line->env_file, error))
    return NULL;
  belfry_setting_sources_add_environment (line->sources, (const char * const *) environment);

  return belfry_settings_new (line->sources, error);
}

static void
set_up_log (const BelfrySettings *settings,
            GPtrArray            *warnings)
{
  belfry_log_set_up (settings->debug ? "DEBUG" : settings->log_level, settings->log_format);
  belfry_log_add_secret (settings->api_key);
  for (guint i = 0; i < warnings->len; i++)
    g_warning ("%s", (const char *) g_ptr_array_index (warnings, i));
}

static int
serve (const BelfrySettings *settings)
{
  g_autoptr(BelfryDaemon) daemon = belfry_daemon_new ();
  g_autoptr(GError) error = NULL;

  if (!belfry_daemon_start (daemon, settings, &error))
    {
      fprintf (stderr, "belfryd: %s\n", error->message);
      return EXIT_START;
    }

  belfry_daemon_run (daemon);
  return 0;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(BelfrySettingSources) sources = belfry_setting_sources_new ();
  g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(BelfrySettings) settings = NULL;
  g_autoptr(GError) error = NULL;
  CommandLine line = { .sources = sources };
  int status = 0;

  setlocale (LC_ALL, "");
  signal (SIGPIPE, SIG_IGN);

  if (!parse_command_line (&line, &argc, &argv, &error)
      || (!line.show_version && (settings = load_settings (&line, warnings, &error)) == NULL))
    {
      fprintf (stderr, "belfryd: %s\n", error->message);
      status = EXIT_USAGE;
    }
  else if (line.show_version)
    {
      printf ("belfryd %s\n", BELFRY_VERSION);
    }
  else
    {
      set_up_log (settings, warnings);
      if (line.check_config)
        printf ("The settings are in order\n");
      else
        status = serve (settings);
    }

  g_free (line.config);
  g_free (line.env_file);
  return status;
}
