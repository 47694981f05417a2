/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-config-check.h"

#include <string.h>
#include <sys/statfs.h>

#include <glib/gstdio.h>
#include <linux/magic.h>

#include "belfry-daemon-forward.h"
#include "belfry-error.h"
#include "belfry-event-type-registry.h"
#include "belfry-key-file-private.h"
#include "belfry-sqlite-import-private.h"
#include "belfry-sqlite-log-private.h"
#include "belfry-store-path-private.h"
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

static void
check_forward (const BelfrySettings *settings,
               GPtrArray            *problems)
{
  g_autoptr(GError) error = NULL;

  (void) belfry_daemon_forward_check (settings, &error);
  take_problem (problems, error);
}

void
belfry_config_check_explain_database (const BelfrySettings  *settings,
                                      GError               **error)
{
  g_autofree char *named = g_strdup_printf ("Database '%s' ", settings->database_path);

  if (error == NULL || *error == NULL)
    return;

  /* The path stands in front, once. */
  if (g_str_has_prefix ((*error)->message, named))
    {
      char *rest = g_strdup ((*error)->message + strlen (named));

      g_free ((*error)->message);
      (*error)->message = rest;
    }
  g_prefix_error (error, "DATABASE_PATH '%s': ", settings->database_path);
}

/* The folder of the database is made at the start, so what is looked at is the nearest one that is there. Not all that may
 * be written takes a new file: /proc says so only when asked for one. */
static gboolean
check_folder (const char  *database_path,
              GError     **error)
{
  g_autofree char *path = g_canonicalize_filename (database_path, NULL);
  struct statfs status;

  do
    {
      char *parent = g_path_get_dirname (path);

      g_free (path);
      path = parent;
    }
  while (!g_file_test (path, G_FILE_TEST_EXISTS));

  if (g_file_test (path, G_FILE_TEST_IS_DIR) && g_access (path, W_OK | X_OK) == 0
      && statfs (path, &status) == 0 && status.f_type != PROC_SUPER_MAGIC && status.f_type != SYSFS_MAGIC)
    return TRUE;

  g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED, "Nothing can be made in '%s'", path);
  return FALSE;
}

static gboolean
check_file (const char  *path,
            GError     **error)
{
  g_autoptr(GError) own = NULL;

  if (belfry_sqlite_schema_check_file (path, TRUE, &own) || g_error_matches (own, BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND)
      || (g_access (path, R_OK | W_OK) == 0 && belfry_sqlite_import_is_wanted (path)))
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&own));
  return FALSE;
}

gboolean
belfry_config_check_database (const BelfrySettings  *settings,
                              GError               **error)
{
  g_autofree char *path = belfry_store_path_resolve (settings->database_path);

  /* To SQLite these are something else. */
  if (path[0] == ':' || g_str_has_prefix (path, "file:"))
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_REFUSED, "DATABASE_PATH '%s': no path of a file", path);
      return FALSE;
    }
  if (g_file_test (path, G_FILE_TEST_EXISTS) ? check_file (path, error) : check_folder (path, error))
    return TRUE;

  belfry_config_check_explain_database (settings, error);
  return FALSE;
}

static void
check_database (const BelfrySettings *settings,
                GPtrArray            *problems)
{
  g_autoptr(GError) error = NULL;

  if (!belfry_config_check_database (settings, &error))
    take_problem (problems, error);
}

/* The folder of the installation may be missing; one that somebody chose is missed. */
void
belfry_config_check_doubts (const BelfrySettings *settings,
                            GPtrArray            *warnings)
{
  if (!g_file_test (settings->event_types_dir, G_FILE_TEST_EXISTS)
      && strcmp (settings->event_types_dir, BELFRY_SYSCONFDIR "/belfry/event-types.d") != 0)
    g_ptr_array_add (warnings, g_strdup_printf ("BELFRY_EVENT_TYPES_DIR '%s': no such folder, so it holds no event types",
                                                settings->event_types_dir));
}

gboolean
belfry_config_check_keys (const BelfrySettings  *settings,
                          GError               **error)
{
  g_autoptr(GHashTable) keys = NULL;

  if (settings->api_keys_file != NULL && (keys = belfry_key_file_load (settings->api_keys_file, error)) == NULL)
    return FALSE;
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
  check_forward (settings, problems);
}
