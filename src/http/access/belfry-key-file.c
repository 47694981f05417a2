/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-key-file-private.h"

#include <string.h>
#include <sys/stat.h>

#define MAX_FILE_BYTES (4 * 1024 * 1024)
#define MAX_KEYS       10000
#define MAX_NAME       100

#define FILE_ALLOWED  "a key file that can be read"
#define HASH_ALLOWED  "what belfryctl hash-key prints"
#define SCOPE_ALLOWED "publish query admin filters collect subscribe, separated by spaces"
#define RATE_ALLOWED  BELFRY_RATE_ALLOWED ", for all classes, or CLASS=RATE separated by spaces"

static const struct { const char *name; BelfryScope scope; } scopes[] = {
  { "publish", BELFRY_SCOPE_PUBLISH }, { "query", BELFRY_SCOPE_QUERY },     { "admin", BELFRY_SCOPE_ADMIN },
  { "filters", BELFRY_SCOPE_FILTERS }, { "collect", BELFRY_SCOPE_COLLECT }, { "subscribe", BELFRY_SCOPE_SUBSCRIBE },
};

guint
belfry_key_hash_hash (gconstpointer data)
{
  guint value;

  memcpy (&value, data, sizeof value);
  return value;
}

gboolean
belfry_key_hash_equal (gconstpointer a,
                       gconstpointer b)
{
  const BelfryKeyHash *left = a;
  const BelfryKeyHash *right = b;
  volatile guint difference = 0;

  for (gsize i = 0; i < sizeof left->bytes; i++)
    difference |= left->bytes[i] ^ right->bytes[i];

  return difference == 0;
}

static void
set_bad_value (const char  *name,
               const char  *text,
               const char  *allowed,
               GError     **error)
{
  g_autofree char *shown = g_strescape (text, NULL);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: '%.100s' is not allowed; allowed: %s", name, shown,
               allowed);
}

static BelfryScope
find_scope (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (scopes); i++)
    {
      if (strcmp (scopes[i].name, name) == 0)
        return scopes[i].scope;
    }

  return BELFRY_SCOPE_NONE;
}

static gboolean
parse_scopes (const char   *text,
              BelfryScope  *result,
              GError      **error)
{
  g_auto(GStrv) words = g_strsplit_set (text, " \t", -1);

  *result = BELFRY_SCOPE_NONE;
  for (gsize i = 0; words[i] != NULL; i++)
    {
      BelfryScope scope = find_scope (words[i]);

      if (words[i][0] == '\0')
        continue;
      if (scope == BELFRY_SCOPE_NONE)
        {
          set_bad_value ("scope", words[i], SCOPE_ALLOWED, error);
          return FALSE;
        }
      *result |= scope;
    }

  if (*result == BELFRY_SCOPE_NONE)
    set_bad_value ("scope", text, SCOPE_ALLOWED, error);
  return *result != BELFRY_SCOPE_NONE;
}

/* "100/second", or "publish=100/second". */
static gboolean
parse_rate (BelfryGrant *grant,
            const char  *word)
{
  const char *equals = strchr (word, '=');
  BelfryRateClass rate_class = BELFRY_RATE_CLASS_NONE;
  BelfryRate rate;

  if (equals != NULL)
    rate_class = belfry_rate_class_find (word, (gsize) (equals - word));
  if ((equals != NULL && rate_class == BELFRY_RATE_CLASS_NONE)
      || !belfry_rate_parse (equals != NULL ? equals + 1 : word, &rate, NULL))
    return FALSE;

  for (guint i = 1; i < BELFRY_N_RATE_CLASSES; i++)
    {
      if (equals != NULL && i != (guint) rate_class)
        continue;
      grant->rates[i] = rate;
      grant->own_rates |= 1u << i;
    }

  return TRUE;
}

static gboolean
parse_rates (BelfryGrant  *grant,
             const char   *text,
             GError      **error)
{
  g_auto(GStrv) words = g_strsplit_set (text, " \t", -1);

  for (gsize i = 0; words[i] != NULL; i++)
    {
      if (words[i][0] == '\0' || parse_rate (grant, words[i]))
        continue;
      set_bad_value ("rate", words[i], RATE_ALLOWED, error);
      return FALSE;
    }
  if (grant->own_rates == 0)
    set_bad_value ("rate", text, RATE_ALLOWED, error);

  return grant->own_rates != 0;
}

/* Whoever mistypes a name would get a key that does something else. */
static gboolean
check_names (GKeyFile    *file,
             const char  *group,
             GError     **error)
{
  static const char * const known[] = { "hash", "scope", "rate", NULL };
  g_auto(GStrv) names = g_key_file_get_keys (file, group, NULL, NULL);

  for (gsize i = 0; names != NULL && names[i] != NULL; i++)
    {
      if (g_strv_contains (known, names[i]))
        continue;
      set_bad_value ("key", names[i], "hash, scope and rate", error);
      return FALSE;
    }

  return TRUE;
}

static BelfryGrant *
parse_group (GKeyFile       *file,
             const char     *group,
             BelfryKeyHash  *hash,
             GError        **error)
{
  g_autofree char *hash_text = g_key_file_get_string (file, group, "hash", NULL);
  g_autofree char *scope_text = g_key_file_get_string (file, group, "scope", NULL);
  g_autofree char *rate_text = g_key_file_get_string (file, group, "rate", NULL);
  g_autoptr(BelfryGrant) grant = NULL;
  BelfryScope scope;

  if (strlen (group) > MAX_NAME)
    {
      set_bad_value ("name", group, "at most 100 bytes", error);
      return NULL;
    }
  /* What is counted and remembered under the name would be that of the setting. */
  if (strcmp (group, BELFRY_KEY_MAIN_NAME) == 0)
    {
      set_bad_value ("name", group, "any other; this one means the key of the setting", error);
      return NULL;
    }
  if (!check_names (file, group, error))
    return NULL;
  if (hash_text == NULL || !belfry_key_hash_parse (hash, g_strstrip (hash_text)))
    {
      /* Who put the key itself there shall not find it in the log. */
      set_bad_value ("hash", hash_text != NULL ? "(not shown)" : "", HASH_ALLOWED, error);
      return NULL;
    }
  if (!parse_scopes (scope_text != NULL ? scope_text : "", &scope, error))
    return NULL;

  grant = belfry_grant_new (group, scope);
  if (rate_text != NULL && !parse_rates (grant, rate_text, error))
    return NULL;

  return g_steal_pointer (&grant);
}

static gboolean
add_group (GHashTable  *keys,
           GKeyFile    *file,
           const char  *group,
           GError     **error)
{
  BelfryKeyHash hash;
  const BelfryGrant *same;
  BelfryGrant *grant = parse_group (file, group, &hash, error);

  if (grant == NULL)
    {
      g_autofree char *shown = g_strescape (group, NULL);

      g_prefix_error (error, "[%.100s]: ", shown);
      return FALSE;
    }

  same = g_hash_table_lookup (keys, &hash);
  if (same != NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "[%s]: hash is that of [%s] too; allowed: a key of its own for each group", group, same->name);
      belfry_grant_unref (grant);
      return FALSE;
    }

  g_hash_table_insert (keys, g_memdup2 (&hash, sizeof hash), grant);
  return TRUE;
}

GHashTable *
belfry_key_file_new_empty (void)
{
  return g_hash_table_new_full (belfry_key_hash_hash, belfry_key_hash_equal, g_free,
                                (GDestroyNotify) belfry_grant_unref);
}

static GHashTable *
load_groups (const char  *path,
             GError     **error)
{
  g_autoptr(GHashTable) keys = belfry_key_file_new_empty ();
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_autoptr(GError) local_error = NULL;
  g_auto(GStrv) groups = NULL;
  struct stat about;
  gsize n_groups;

  if (stat (path, &about) == 0 && about.st_size > MAX_FILE_BYTES)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "The file is too long; allowed: 4 MiB");
      return NULL;
    }
  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &local_error))
    {
      g_set_error (error, local_error->domain, local_error->code, "%s; allowed: " FILE_ALLOWED, local_error->message);
      return NULL;
    }

  groups = g_key_file_get_groups (file, &n_groups);
  if (n_groups > MAX_KEYS)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%" G_GSIZE_FORMAT " keys are too many; allowed: %d",
                   n_groups, MAX_KEYS);
      return NULL;
    }
  for (gsize i = 0; i < n_groups; i++)
    {
      if (!add_group (keys, file, groups[i], error))
        return NULL;
    }

  return g_steal_pointer (&keys);
}

GHashTable *
belfry_key_file_load (const char  *path,
                      GError     **error)
{
  g_autofree char *shown = g_strescape (path, NULL);
  GHashTable *keys = load_groups (path, error);

  if (keys == NULL)
    {
      g_prefix_error (error, "API_KEYS_FILE: '%s': ", shown);
      if (error != NULL && *error != NULL)
        g_strdelimit ((*error)->message, "\n", ' ');
    }

  return keys;
}
