/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-config-check.h"

#include <glib/gstdio.h>

#include "belfry-event-type-registry.h"
#include "belfry-key-file-private.h"
#include "belfry-tls-files.h"

static void
take_problem (GPtrArray *problems,
              GError    *error)
{
  if (error != NULL)
    g_ptr_array_add (problems, g_strdup (error->message));
}

static void
check_certificate (const BelfrySettings *settings,
                   GPtrArray            *problems)
{
  g_autoptr(GTlsCertificate) certificate = NULL;
  g_autoptr(GError) error = NULL;

  if (settings->tls_certificate == NULL || settings->tls_private_key == NULL)
    return;

  certificate = belfry_tls_files_load (settings->tls_certificate, settings->tls_private_key, &error);
  take_problem (problems, error);
}

static void
check_event_types (const BelfrySettings *settings,
                   GPtrArray            *problems)
{
  g_autoptr(BelfryEventTypeRegistry) registry = belfry_event_type_registry_new ();
  g_autoptr(GError) error = NULL;

  if (!belfry_event_type_registry_load_directory (registry, settings->event_types_dir, &error))
    g_prefix_error (&error, "BELFRY_EVENT_TYPES_DIR '%s': ", settings->event_types_dir);
  take_problem (problems, error);
}

/* The folder of the database is made at the start, so what is looked at is the nearest one that is there. */
static void
check_database (const BelfrySettings *settings,
                GPtrArray            *problems)
{
  g_autofree char *path = g_canonicalize_filename (settings->database_path, NULL);

  if (g_file_test (path, G_FILE_TEST_EXISTS))
    {
      if (!g_file_test (path, G_FILE_TEST_IS_REGULAR) || g_access (path, R_OK | W_OK) != 0)
        g_ptr_array_add (problems, g_strdup_printf ("DATABASE_PATH '%s': not a file that can be read and written",
                                                    settings->database_path));
      return;
    }

  while (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      char *parent = g_path_get_dirname (path);

      g_free (path);
      path = parent;
    }
  if (!g_file_test (path, G_FILE_TEST_IS_DIR) || g_access (path, W_OK | X_OK) != 0)
    g_ptr_array_add (problems, g_strdup_printf ("DATABASE_PATH '%s': nothing can be made in '%s'",
                                                settings->database_path, path));
}

gboolean
belfry_config_check_keys (const BelfrySettings  *settings,
                          GError               **error)
{
  g_autoptr(GHashTable) keys = NULL;

  if (settings->api_keys_file != NULL && (keys = belfry_key_file_load (settings->api_keys_file, error)) == NULL)
    {
      g_prefix_error (error, "API_KEYS_FILE: ");
      return FALSE;
    }
  if (!settings->require_auth || settings->api_key != NULL || (keys != NULL && g_hash_table_size (keys) > 0))
    return TRUE;

  /* A file without a key would leave everybody outside. */
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                       "REQUIRE_AUTH: 'true' is not allowed without a key; allowed: true together with API_KEY or a "
                       "key in API_KEYS_FILE");
  return FALSE;
}

static void
check_keys (const BelfrySettings *settings,
            GPtrArray            *problems)
{
  g_autoptr(GError) error = NULL;

  if (!belfry_config_check_keys (settings, &error))
    take_problem (problems, error);
}

void
belfry_config_check_files (const BelfrySettings *settings,
                           GPtrArray            *problems)
{
  check_database (settings, problems);
  check_certificate (settings, problems);
  check_keys (settings, problems);
  check_event_types (settings, problems);
}
