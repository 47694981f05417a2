/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-ctl-options.h"

#include <math.h>
#include <string.h>

#include "belfry-client-url-private.h"
#include "belfry-filter-private.h"

#define DEFAULT_URL "http://127.0.0.1:8001"

static const char key_option[] = "--api-key";

static const char all_exits[] =
  "Exit status: 0 done, 1 failed, also when a destination exists already or its folder does not,\n"
  "2 wrong usage, 3 the daemon cannot be reached, 4 key missing or wrong,\n"
  "5 event, filter, instant or cursor refused, 6 not found, 7 try again later, 8 database in use, foreign or damaged.";

static const char * const exits_of_kind[] = {
  [BELFRY_CTL_TALKS] =
    "Exit status: 0 done, 1 failed, 2 wrong usage, 3 the daemon cannot be reached, 4 key missing or wrong,\n"
    "5 event, filter, instant or cursor refused, 6 not found, 7 try again later.",
  [BELFRY_CTL_READS_FILE] =
    "Exit status: 0 done, 1 failed, 2 wrong usage, 4 the file may not be read, 6 there is no such file,\n"
    "8 database foreign or damaged.",
  [BELFRY_CTL_WRITES_FILE] =
    "Exit status: 0 done, 1 failed, also when the destination exists already or its folder does not,\n"
    "2 wrong usage, 4 a file may not be read or made, 6 there is no such file,\n"
    "8 database in use, foreign or damaged.",
  [BELFRY_CTL_STANDS_ALONE] = "Exit status: 0 done, 1 failed, 2 wrong usage.",
};

void
belfry_ctl_options_clear (BelfryCtlOptions *self)
{
  g_clear_pointer (&self->url, g_free);
  g_clear_pointer (&self->api_key, g_free);
  g_clear_pointer (&self->ca_file, g_free);
}

void
belfry_ctl_rules_clear (BelfryCtlRules *self)
{
  g_clear_pointer (&self->event_types, g_strfreev);
  g_clear_pointer (&self->session_id, g_free);
  g_clear_pointer (&self->user_id, g_free);
  g_clear_pointer (&self->user_tiers, g_strfreev);
  g_clear_pointer (&self->min_amount, g_free);
}

static void
wipe (char *text)
{
  memset (text, 0, strlen (text));
}

char **
belfry_ctl_options_hide_keys (int    argc,
                              char **argv)
{
  g_auto(GStrv) copy = g_new0 (char *, (gsize) argc + 1);
  const gsize length = strlen (key_option);

  for (int i = 0; i < argc; i++)
    copy[i] = g_strdup (argv[i]);

  for (int i = 1; i < argc; i++)
    if (strcmp (argv[i], key_option) == 0 && i + 1 < argc)
      wipe (argv[++i]);
    else if (strncmp (argv[i], key_option, length) == 0 && argv[i][length] == '=')
      wipe (argv[i] + length + 1);

  return g_steal_pointer (&copy);
}

/* Commands without a daemon take its options as well, so that one way of calling serves all, but do not tell of them. */
static void
add_common (GOptionContext   *context,
            BelfryCtlOptions *self,
            BelfryCtlKind     kind)
{
  const int flags = kind == BELFRY_CTL_TALKS ? G_OPTION_FLAG_NONE : G_OPTION_FLAG_HIDDEN;
  const GOptionEntry entries[] = {
    { "url", 'u', flags, G_OPTION_ARG_STRING, &self->url, "The daemon ($BELFRY_URL, " DEFAULT_URL ")", "URL" },
    { key_option + 2, 0, flags, G_OPTION_ARG_STRING, &self->api_key,
      "Its key; better in $BELFRY_API_KEY, where nobody else sees it", "KEY" },
    { "ca-file", 0, flags, G_OPTION_ARG_FILENAME, &self->ca_file, "Trust the certificates of this file", "FILE" },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &self->is_json, "Print JSON, one object a line", NULL },
    G_OPTION_ENTRY_NULL
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

static void
add_rules (GOptionContext *context,
           BelfryCtlRules *rules)
{
  const GOptionEntry entries[] = {
    { "type", 't', 0, G_OPTION_ARG_STRING_ARRAY, &rules->event_types, "Only events of this type", "TYPE" },
    { "session", 's', 0, G_OPTION_ARG_STRING, &rules->session_id, "Only events of this session", "ID" },
    { "user", 'U', 0, G_OPTION_ARG_STRING, &rules->user_id, "Only events of this user", "ID" },
    { "tier", 0, 0, G_OPTION_ARG_STRING_ARRAY, &rules->user_tiers, "Only events whose payload has this user_tier", "TIER" },
    { "min-amount", 0, 0, G_OPTION_ARG_STRING, &rules->min_amount, "Only events whose payload has at least this amount", "N" },
    G_OPTION_ENTRY_NULL
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

gboolean
belfry_ctl_options_parse_main (BelfryCtlOptions   *self,
                               char             ***arguments,
                               const char         *commands,
                               gboolean           *wants_version,
                               GError            **error)
{
  g_autoptr(GOptionContext) context = g_option_context_new ("COMMAND …");
  const GOptionEntry entries[] = {
    { "version", 0, 0, G_OPTION_ARG_NONE, wants_version, "Print the version", NULL },
    G_OPTION_ENTRY_NULL
  };

  g_option_context_set_strict_posix (context, TRUE);
  g_option_context_set_summary (context, commands);
  g_option_context_set_description (context, all_exits);
  g_option_context_add_main_entries (context, entries, NULL);
  add_common (context, self, BELFRY_CTL_TALKS);

  return g_option_context_parse_strv (context, arguments, error);
}

static gboolean
check_count (char        **arguments,
             guint         n_least,
             guint         n_most,
             const char   *usage,
             GError      **error)
{
  g_auto(GStrv) names = g_strsplit (usage, " ", -1);
  guint n = g_strv_length (arguments) - 1;
  g_autofree char *problem = NULL;

  if (n >= n_least && n <= n_most)
    return TRUE;

  problem = n < n_least ? g_strconcat (names[n], " is missing", NULL) : g_strdup ("Too many arguments");
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "%s; usage: belfryctl %s%s%s", problem, arguments[0],
               *usage != '\0' ? " " : "", usage);

  return FALSE;
}

gboolean
belfry_ctl_options_parse (BelfryCtlOptions    *self,
                          BelfryCtlKind        kind,
                          char              ***arguments,
                          const char          *usage,
                          const char          *description,
                          const GOptionEntry  *entries,
                          BelfryCtlRules      *rules,
                          guint                n_least,
                          guint                n_most,
                          GError             **error)
{
  g_autoptr(GOptionContext) context = g_option_context_new (usage);
  g_autofree char *program = g_strconcat ("belfryctl ", (*arguments)[0], NULL);

  g_set_prgname (program);
  g_option_context_set_summary (context, description);
  g_option_context_set_description (context, exits_of_kind[kind]);
  if (entries != NULL)
    g_option_context_add_main_entries (context, entries, NULL);
  if (rules != NULL)
    add_rules (context, rules);
  add_common (context, self, kind);

  return g_option_context_parse_strv (context, arguments, error)
         && check_count (*arguments, n_least, n_most, usage, error);
}

BelfryFilter *
belfry_ctl_rules_to_filter (BelfryCtlRules  *self,
                            GError         **error)
{
  double amount = 0;

  if (self->min_amount != NULL)
    {
      char *end;

      amount = g_ascii_strtod (self->min_amount, &end);
      if (end == self->min_amount || *end != '\0' || !isfinite (amount))
        {
          g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--min-amount: '%s' is no number",
                       self->min_amount);
          return NULL;
        }
    }

  return belfry_filter_new_checked ((const char * const *) self->event_types, self->session_id, self->user_id,
                                    (const char * const *) self->user_tiers,
                                    self->min_amount != NULL ? &amount : NULL, error);
}

static const char *
first_set (const char *a,
           const char *b,
           const char *c)
{
  if (a != NULL && *a != '\0')
    return a;

  return b != NULL && *b != '\0' ? b : c;
}

static GTlsDatabase *
load_trust (const char  *file,
            GError     **error)
{
  g_autofree char *path = g_canonicalize_filename (file, NULL);
  g_autoptr(GError) own = NULL;
  GTlsDatabase *database = g_tls_file_database_new (path, &own);

  if (database == NULL)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--ca-file: %s", own->message);

  return database;
}

const char *
belfry_ctl_options_get_url (BelfryCtlOptions *self)
{
  return first_set (self->url, g_getenv ("BELFRY_URL"), DEFAULT_URL);
}

BelfryClient *
belfry_ctl_options_new_client (BelfryCtlOptions  *self,
                               GError           **error)
{
  const char *url = belfry_ctl_options_get_url (self);
  const char *key = first_set (self->api_key, g_getenv ("BELFRY_API_KEY"), g_getenv ("API_KEY"));
  g_autofree char *normal = NULL;
  g_autoptr(GTlsDatabase) trust = NULL;
  g_autoptr(GError) own = NULL;
  BelfryClient *client;

  normal = belfry_client_url_normalise (url, &own);
  if (normal == NULL)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, own->message);
      return NULL;
    }

  if (self->ca_file != NULL && (trust = load_trust (self->ca_file, error)) == NULL)
    return NULL;

  client = g_object_new (BELFRY_TYPE_CLIENT, "url", url, "tls-database", trust, NULL);
  belfry_client_set_api_key (client, key);

  return client;
}

void
belfry_ctl_wait_cb (GObject      *source,
                    GAsyncResult *result,
                    gpointer      user_data)
{
  BelfryCtlWait *self = user_data;

  self->result = g_object_ref (result);
}

GAsyncResult *
belfry_ctl_wait (BelfryCtlWait *self)
{
  while (self->result == NULL)
    g_main_context_iteration (NULL, TRUE);

  return g_steal_pointer (&self->result);
}
