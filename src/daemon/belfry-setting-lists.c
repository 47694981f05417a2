/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-setting-lists.h"

#include <string.h>

#include "belfry-setting-values.h"

/* The table of settings as the manual, the reference and the sample file want it. */

typedef void (*FormatFunc) (GString *text, const BelfrySettingInfo *info);

static const char *
get_unset (const BelfrySettingInfo *info)
{
  return info->unset != NULL ? info->unset : "";
}

/* What the description leaves open. The texts of these kinds say nothing that it does not. */
static char *
describe_allowed (const BelfrySettingInfo *info)
{
  if (info->kind == BELFRY_SETTING_STRING || info->kind == BELFRY_SETTING_LIST || info->kind == BELFRY_SETTING_FILE
      || info->kind == BELFRY_SETTING_FOLDER)
    return g_strdup ("");
  return belfry_setting_describe_allowed (info);
}

static char *
describe_whole (const BelfrySettingInfo *info)
{
  g_autofree char *allowed = describe_allowed (info);
  GString *text = g_string_new (info->description);

  g_string_append_c (text, '.');
  if (info->fallback != NULL)
    g_string_append_printf (text, " %s is read when it is unset.", info->fallback);
  if (allowed[0] != '\0')
    g_string_append_printf (text, " Allowed: %s.", allowed);
  if (info->is_live)
    g_string_append (text, " A reload changes it.");
  return g_string_free (text, FALSE);
}

static void
append_text (GString                 *text,
             const BelfrySettingInfo *info)
{
  g_autofree char *allowed = belfry_setting_describe_allowed (info);

  g_string_append_printf (text, "%s\t%s%s\t%s\t%s\t%s\t%s\n", info->name, info->option != NULL ? "--" : "",
                          info->option != NULL ? info->option : "", get_unset (info), allowed,
                          info->is_live ? "reload" : "start", info->description);
}

static void
append_markdown (GString                 *text,
                 const BelfrySettingInfo *info)
{
  g_autofree char *whole = describe_whole (info);
  g_autofree char *option = info->option != NULL ? g_strdup_printf ("`--%s`", info->option) : g_strdup ("");
  g_autoptr(GString) unset = g_string_new (get_unset (info));

  /* The reference is the same for every installation. */
  g_string_replace (unset, BELFRY_SYSCONFDIR, "SYSCONFDIR", 0);
  g_string_append_printf (text, "| %s | %s | %s | %s |\n", info->name, option, unset->str, whole);
}

/* Dashes stay dashes, and no line begins with a request. */
static void
append_roff (GString    *text,
             const char *words)
{
  for (const char *p = words; *p != '\0'; p++)
    {
      if (*p == '\\')
        g_string_append (text, "\\e");
      else if (*p == '-')
        g_string_append (text, "\\-");
      else
        g_string_append_c (text, *p);
    }
}

static void
append_man (GString                 *text,
            const BelfrySettingInfo *info)
{
  g_autofree char *whole = describe_whole (info);

  g_string_append_printf (text, ".TP\n\\fB%s\\fP=\\fI", info->name);
  append_roff (text, get_unset (info));
  g_string_append (text, "\\fP\n");
  append_roff (text, whole);
  g_string_append_c (text, '\n');
}

static void
append_option (GString                 *text,
               const BelfrySettingInfo *info)
{
  if (info->option == NULL)
    return;

  g_string_append (text, ".TP\n\\fB\\-\\-");
  append_roff (text, info->option);
  g_string_append_printf (text, "\\fP%s\\fI%s\\fP%s\n", info->kind == BELFRY_SETTING_BOOLEAN ? "[=" : "=",
                          info->kind == BELFRY_SETTING_BOOLEAN ? "BOOLEAN" : "VALUE",
                          info->kind == BELFRY_SETTING_BOOLEAN ? "]" : "");
  append_roff (text, info->description);
  g_string_append_printf (text, " (%s).\n", info->name);
}

/* The words fill lines of a comment. */
static void
append_comment (GString    *text,
                const char *words)
{
  g_auto(GStrv) list = g_strsplit (words, " ", -1);
  gsize width = 0;

  for (gsize i = 0; list[i] != NULL; i++)
    {
      gsize length = strlen (list[i]);

      if (width == 0 || width + 1 + length > 98)
        {
          g_string_append (text, width == 0 ? "#" : "\n#");
          width = 1;
        }
      g_string_append_printf (text, " %s", list[i]);
      width += 1 + length;
    }
  g_string_append_c (text, '\n');
}

static void
append_conf (GString                 *text,
             const BelfrySettingInfo *info)
{
  g_autofree char *whole = describe_whole (info);

  g_string_append_c (text, '\n');
  append_comment (text, whole);
  g_string_append_printf (text, "#%s=%s\n", info->name, get_unset (info));
}

static const struct
{
  const char *name;
  const char *before;
  FormatFunc  func;
} forms[] = {
  { "text", "", append_text },
  { "markdown", "| setting | option | default | meaning |\n|---|---|---|---|\n", append_markdown },
  { "man", "", append_man },
  { "options", "", append_option },
  { "conf", "# Settings of belfryd; see belfry.conf(5). What stands here as a comment is the default.\n\n[belfry]\n",
    append_conf },
};

const char *
belfry_setting_list_get_forms (void)
{
  return "text, markdown, man, options, conf";
}

char *
belfry_setting_list_format (const char *form)
{
  gsize n_settings;
  const BelfrySettingInfo *infos = belfry_settings_list (&n_settings);

  for (gsize i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      GString *text = NULL;

      if (strcmp (forms[i].name, form) != 0)
        continue;
      text = g_string_new (forms[i].before);
      for (gsize j = 0; j < n_settings; j++)
        forms[i].func (text, &infos[j]);
      return g_string_free (text, FALSE);
    }

  return NULL;
}
