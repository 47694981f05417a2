/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-command-line.h"

#include <errno.h>
#include <string.h>

#include <glib/gstdio.h>

#include "belfry-setting-lists.h"

#define CONFIG_PATH BELFRY_SYSCONFDIR "/belfry/belfry.conf"

static BelfryCommandLine *
new_command_line (void)
{
  BelfryCommandLine *self = g_new0 (BelfryCommandLine, 1);

  self->sources = belfry_setting_sources_new ();
  return self;
}

void
belfry_command_line_free (BelfryCommandLine *self)
{
  g_clear_pointer (&self->sources, belfry_setting_sources_free);
  g_free (self->config);
  g_free (self->env_file);
  g_free (self->list_settings);
  g_free (self);
}

static gboolean
on_setting_option (const char  *option_name,
                   const char  *value,
                   gpointer     data,
                   GError     **error)
{
  BelfryCommandLine *self = data;

  /* A switch without a value is switched on. */
  return belfry_setting_sources_add_option (self->sources, option_name + strspn (option_name, "-"),
                                            value != NULL ? value : "true");
}

static gboolean
on_system (const char  *option_name,
           const char  *value,
           gpointer     data,
           GError     **error)
{
  BelfryCommandLine *self = data;

  return belfry_setting_sources_add_option (self->sources, "D_BUS", "system");
}

static gboolean
on_list_settings (const char  *option_name,
                  const char  *value,
                  gpointer     data,
                  GError     **error)
{
  BelfryCommandLine *self = data;

  g_free (self->list_settings);
  self->list_settings = g_strdup (value != NULL ? value : "text");
  return TRUE;
}

/* As in the manual. GLib's help cannot show that a value may be left out, so words tell. */
static char *
describe_option (const BelfrySettingInfo *info)
{
  return g_strdup_printf ("%s (%s)%s", info->description, info->name,
                          info->kind == BELFRY_SETTING_BOOLEAN ? "; alone it is true" : "");
}

static void
add_setting_options (GOptionGroup *group)
{
  gsize n_settings;
  const BelfrySettingInfo *infos = belfry_settings_list (&n_settings);

  for (gsize i = 0; i < n_settings; i++)
    {
      const gboolean is_switch = infos[i].kind == BELFRY_SETTING_BOOLEAN;
      g_autofree char *help = describe_option (&infos[i]);
      GOptionEntry entries[] = {
        /* The group keeps no copy of the texts. */
        { infos[i].option, 0, is_switch ? G_OPTION_FLAG_OPTIONAL_ARG : 0, G_OPTION_ARG_CALLBACK, on_setting_option,
          g_intern_string (help), is_switch ? "BOOLEAN" : "VALUE" },
        { NULL },
      };

      if (infos[i].option != NULL)
        g_option_group_add_entries (group, entries);
    }
}

static gboolean
parse (BelfryCommandLine   *self,
       int                 *argc,
       char              ***argv,
       GError             **error)
{
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &self->config, "Key file to read instead of " CONFIG_PATH, "FILE" },
    { "env-file", 0, 0, G_OPTION_ARG_FILENAME, &self->env_file, "Read settings from a .env file", "FILE" },
    { "check-config", 0, 0, G_OPTION_ARG_NONE, &self->check_config,
      "Check the settings and the files that they name, and end", NULL },
    { "list-settings", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, on_list_settings,
      "List all settings, and end; FORM is text, markdown, man, options or conf; alone it is text", "FORM" },
    { "system", 0, G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, on_system,
      "Be found on the system bus, as --d-bus=system", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &self->show_version, "Print the version and end", NULL },
    { NULL },
  };
  g_autoptr(GOptionContext) context = g_option_context_new ("- keep an event log and serve it live");
  GOptionGroup *group = g_option_group_new ("belfry", NULL, NULL, self, NULL);

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

BelfryCommandLine *
belfry_command_line_parse (int      *argc,
                           char   ***argv,
                           GError  **error)
{
  g_autoptr(BelfryCommandLine) self = new_command_line ();

  if (!parse (self, argc, argv, error))
    return NULL;

  return g_steal_pointer (&self);
}

/* The option is what somebody can look for; the reader would only name the file. */
static gboolean
check_given_file (const char  *option,
                  const char  *path,
                  GError     **error)
{
  if (path == NULL || g_access (path, R_OK) == 0)
    return TRUE;

  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s '%s': %s", option, path, g_strerror (errno));
  return FALSE;
}

gboolean
belfry_command_line_read_sources (BelfryCommandLine  *self,
                                  GPtrArray          *warnings,
                                  GError            **error)
{
  const char *config = self->config != NULL ? self->config : CONFIG_PATH;
  g_auto(GStrv) environment = g_get_environ ();

  if (!check_given_file ("--config", self->config, error) || !check_given_file ("--env-file", self->env_file, error))
    return FALSE;

  belfry_setting_sources_forget_files (self->sources);
  if (!belfry_setting_sources_add_file (self->sources, config, self->config != NULL, warnings, error))
    return FALSE;
  if (self->env_file != NULL && !belfry_setting_sources_add_env_file (self->sources, self->env_file, error))
    return FALSE;

  belfry_setting_sources_add_environment (self->sources, (const char * const *) environment);
  return TRUE;
}

BelfrySettings *
belfry_command_line_load_settings (BelfryCommandLine  *self,
                                   GPtrArray          *warnings,
                                   GError            **error)
{
  if (!belfry_command_line_read_sources (self, warnings, error))
    return NULL;

  return belfry_settings_new (self->sources, error);
}
