/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-settings.h"

/* Key files, a .env file, the environment and the command line: each puts its values over those of the one
 * before. */

#define GROUP "belfry"

typedef enum
{
  LAYER_FILES,
  LAYER_ENV_FILE,
  LAYER_ENVIRONMENT,
  LAYER_OPTIONS,
} Layer;

#define N_LAYERS (LAYER_OPTIONS + 1)

struct _BelfrySettingSources
{
  GHashTable *layers[N_LAYERS];  /* owned; name -> text */
  GHashTable *files[N_LAYERS];   /* owned; name -> path of the file that the text is from */
};

BelfrySettingSources *
belfry_setting_sources_new (void)
{
  BelfrySettingSources *self = g_new0 (BelfrySettingSources, 1);

  for (gsize i = 0; i < N_LAYERS; i++)
    {
      self->layers[i] = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
      self->files[i] = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    }

  return self;
}

void
belfry_setting_sources_free (BelfrySettingSources *self)
{
  for (gsize i = 0; i < N_LAYERS; i++)
    {
      g_clear_pointer (&self->layers[i], g_hash_table_unref);
      g_clear_pointer (&self->files[i], g_hash_table_unref);
    }
  g_free (self);
}

static const BelfrySettingInfo *
find_info (const char *name)
{
  gsize n_settings;
  const BelfrySettingInfo *infos = belfry_settings_list (&n_settings);

  for (gsize i = 0; i < n_settings; i++)
    {
      if (strcmp (infos[i].name, name) == 0 || g_strcmp0 (infos[i].fallback, name) == 0)
        return &infos[i];
    }

  return NULL;
}

static void
set (BelfrySettingSources *self,
     Layer                 layer,
     const char           *name,
     const char           *text,
     const char           *path)
{
  /* White space around a value is never meant: it comes from quotes and templates. */
  g_hash_table_replace (self->layers[layer], g_strdup (name), g_strstrip (g_strdup (text)));
  if (path != NULL)
    g_hash_table_replace (self->files[layer], g_strdup (name), g_strdup (path));
}

/* --- key files --- */

static void
warn_of_unknown_groups (GKeyFile   *file,
                        const char *path,
                        GPtrArray  *warnings)
{
  g_auto(GStrv) groups = g_key_file_get_groups (file, NULL);

  for (gsize i = 0; groups[i] != NULL; i++)
    {
      if (strcmp (groups[i], GROUP) != 0)
        g_ptr_array_add (warnings, g_strdup_printf ("%s: unknown group '%s'", path, groups[i]));
    }
}

static gboolean
add_one_file (BelfrySettingSources *self,
              const char           *path,
              GPtrArray            *warnings,
              GError              **error)
{
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_auto(GStrv) keys = NULL;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, error))
    {
      g_prefix_error (error, "%s: ", path);
      return FALSE;
    }

  warn_of_unknown_groups (file, path, warnings);
  if (!g_key_file_has_group (file, GROUP))
    return TRUE;

  keys = g_key_file_get_keys (file, GROUP, NULL, NULL);
  for (gsize i = 0; keys[i] != NULL; i++)
    {
      g_autofree char *text = NULL;

      if (find_info (keys[i]) == NULL)
        {
          g_ptr_array_add (warnings, g_strdup_printf ("%s: unknown key '%s'", path, keys[i]));
          continue;
        }
      text = g_key_file_get_string (file, GROUP, keys[i], error);
      if (text == NULL)
        {
          g_prefix_error (error, "%s: ", path);
          return FALSE;
        }
      set (self, LAYER_FILES, keys[i], text, path);
    }

  return TRUE;
}

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char * const *) a, *(const char * const *) b);
}

static gboolean
add_folder (BelfrySettingSources *self,
            const char           *path,
            GPtrArray            *warnings,
            GError              **error)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GDir) folder = g_dir_open (path, 0, NULL);
  const char *name;

  /* Most machines have no such folder. */
  if (folder == NULL)
    return TRUE;

  while ((name = g_dir_read_name (folder)) != NULL)
    {
      if (g_str_has_suffix (name, ".conf"))
        g_ptr_array_add (names, g_build_filename (path, name, NULL));
    }
  g_ptr_array_sort (names, compare_names);

  for (guint i = 0; i < names->len; i++)
    {
      if (!add_one_file (self, g_ptr_array_index (names, i), warnings, error))
        return FALSE;
    }

  return TRUE;
}

gboolean
belfry_setting_sources_add_file (BelfrySettingSources *self,
                                 const char           *path,
                                 gboolean              must_exist,
                                 GPtrArray            *warnings,
                                 GError              **error)
{
  g_autofree char *folder = g_strconcat (path, ".d", NULL);
  g_autoptr(GError) local_error = NULL;

  if (!add_one_file (self, path, warnings, &local_error)
      && (must_exist || !g_error_matches (local_error, G_FILE_ERROR, G_FILE_ERROR_NOENT)))
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }

  return add_folder (self, folder, warnings, error);
}

/* --- .env --- */

/* What stands behind the equals sign: in quotes as it is, otherwise up to a comment. */
static char *
unquote (char *text)
{
  char quote = text[0];
  char *end;

  if ((quote == '"' || quote == '\'') && (end = strrchr (text + 1, quote)) != NULL)
    return g_strndup (text + 1, end - text - 1);

  end = strstr (text, " #");
  return g_strstrip (end != NULL ? g_strndup (text, end - text) : g_strdup (text));
}

gboolean
belfry_setting_sources_add_env_file (BelfrySettingSources *self,
                                     const char           *path,
                                     GError              **error)
{
  g_autofree char *contents = NULL;
  g_auto(GStrv) lines = NULL;

  if (!g_file_get_contents (path, &contents, NULL, error))
    return FALSE;

  lines = g_strsplit (contents, "\n", -1);
  for (gsize i = 0; lines[i] != NULL; i++)
    {
      char *line = g_strstrip (lines[i]);
      g_autofree char *value = NULL;
      char *equals;

      if (line[0] == '#' || (equals = strchr (line, '=')) == NULL)
        continue;
      if (g_str_has_prefix (line, "export "))
        line = g_strchug (line + strlen ("export "));
      *equals = '\0';
      g_strchomp (line);
      value = unquote (g_strchug (equals + 1));
      /* A .env is often shared with other programs: what is not ours is none of our business. */
      if (find_info (line) != NULL)
        set (self, LAYER_ENV_FILE, line, value, path);
    }

  return TRUE;
}

void
belfry_setting_sources_add_environment (BelfrySettingSources *self,
                                        const char * const   *environment)
{
  for (gsize i = 0; environment[i] != NULL; i++)
    {
      const char *equals = strchr (environment[i], '=');
      g_autofree char *name = NULL;

      if (equals == NULL)
        continue;
      name = g_strndup (environment[i], equals - environment[i]);
      if (find_info (name) != NULL)
        set (self, LAYER_ENVIRONMENT, name, equals + 1, NULL);
    }
}

void
belfry_setting_sources_forget_files (BelfrySettingSources *self)
{
  g_hash_table_remove_all (self->layers[LAYER_FILES]);
  g_hash_table_remove_all (self->layers[LAYER_ENV_FILE]);
  g_hash_table_remove_all (self->files[LAYER_FILES]);
  g_hash_table_remove_all (self->files[LAYER_ENV_FILE]);
}

gboolean
belfry_setting_sources_add_option (BelfrySettingSources *self,
                                   const char           *name,
                                   const char           *value)
{
  gsize n_settings;
  const BelfrySettingInfo *infos = belfry_settings_list (&n_settings);

  for (gsize i = 0; i < n_settings; i++)
    {
      if (g_strcmp0 (infos[i].option, name) != 0 && strcmp (infos[i].name, name) != 0)
        continue;
      set (self, LAYER_OPTIONS, infos[i].name, value, NULL);
      return TRUE;
    }

  return FALSE;
}

/* An empty text is as good as none, but for a list, which may be empty on purpose. */
static const char *
find_in_layer (BelfrySettingSources    *self,
               Layer                    layer,
               const BelfrySettingInfo *info,
               const char              *name)
{
  const char *text = name != NULL ? g_hash_table_lookup (self->layers[layer], name) : NULL;

  if (text != NULL && text[0] == '\0' && info->kind != BELFRY_SETTING_LIST
      && info->kind != BELFRY_SETTING_ORIGINS)
    return NULL;

  return text;
}

const char *
belfry_setting_sources_find (BelfrySettingSources     *self,
                             const BelfrySettingInfo  *info,
                             const char              **file)
{
  const char * const names[] = { info->name, info->fallback };

  /* The older name counts only where the setting has not been given at all. */
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      for (gsize layer = N_LAYERS; layer > 0; layer--)
        {
          const char *text = find_in_layer (self, layer - 1, info, names[i]);

          if (text == NULL)
            continue;
          if (file != NULL)
            *file = g_hash_table_lookup (self->files[layer - 1], names[i]);
          return text;
        }
    }

  return NULL;
}
