/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-ctl-options.h"

#include <stdio.h>
#include <string.h>

#include "belfry-ctl-format.h"
#include "belfry-json-walk-private.h"
#include "belfry-sqlite-store.h"

/* The commands that work on files, without a daemon: verify, backup, restore. */

static void
tell (BelfryCtlOptions *options,
      const char       *member,
      const char       *path,
      const char       *before,
      const char       *after)
{
  g_autoptr(GString) json = g_string_new (NULL);
  g_autofree char *shown = g_filename_display_name (path);

  if (!options->is_json)
    {
      g_autofree char *safe = belfry_ctl_format_safe (shown, strlen (shown));

      printf ("%s%s%s\n", before, safe, after);
      return;
    }

  belfry_json_walk_append_string (json, shown);
  printf ("{\"status\":\"ok\",\"%s\":%s}\n", member, json->str);
}

/* What is no fault of any database is told before one is opened. */
static gboolean
check_destination (const char  *path,
                   gboolean     may_exist,
                   GError     **error)
{
  g_autofree char *folder = g_path_get_dirname (path);

  if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    {
      g_autofree char *shown = g_filename_display_name (folder);

      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_DIRECTORY, "There is no folder '%s'", shown);
      return FALSE;
    }

  if (!may_exist && g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_autofree char *shown = g_filename_display_name (path);

      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "The destination '%s' exists already", shown);
      return FALSE;
    }

  return TRUE;
}

BelfryCtlExit
belfry_ctl_run_verify (BelfryCtlOptions  *options,
                       char             **arguments,
                       GError           **error)
{
  if (!belfry_ctl_options_parse (options, BELFRY_CTL_READS_FILE, &arguments, "FILE",
                                 "Checks a database file from end to end; a running daemon may have it open.",
                                 NULL, NULL, 1, 1, error))
    return BELFRY_CTL_EXIT_USAGE;

  if (!belfry_sqlite_store_verify_file (arguments[1], NULL, error))
    return BELFRY_CTL_EXIT_DATABASE;

  tell (options, "file", arguments[1], "", " is sound");

  return BELFRY_CTL_EXIT_OK;
}

BelfryCtlExit
belfry_ctl_run_backup (BelfryCtlOptions  *options,
                       char             **arguments,
                       GError           **error)
{
  if (!belfry_ctl_options_parse (options, BELFRY_CTL_WRITES_FILE, &arguments, "FILE DESTINATION",
                                 "Copies a database to a new file; a running daemon may have it open.",
                                 NULL, NULL, 2, 2, error))
    return BELFRY_CTL_EXIT_USAGE;

  if (!check_destination (arguments[2], FALSE, error))
    return BELFRY_CTL_EXIT_FAILURE;

  if (!belfry_sqlite_store_backup_file (arguments[1], arguments[2], NULL, error))
    return BELFRY_CTL_EXIT_DATABASE;

  tell (options, "backup", arguments[2], "The backup is ", "");

  return BELFRY_CTL_EXIT_OK;
}

BelfryCtlExit
belfry_ctl_run_restore (BelfryCtlOptions  *options,
                        char             **arguments,
                        GError           **error)
{
  gboolean is_forced = FALSE;
  const GOptionEntry entries[] = {
    { "force", 'f', 0, G_OPTION_ARG_NONE, &is_forced, "Replace a database that exists", NULL },
    G_OPTION_ENTRY_NULL
  };

  if (!belfry_ctl_options_parse (options, BELFRY_CTL_WRITES_FILE, &arguments, "BACKUP DESTINATION",
                                 "Makes a database out of a backup. It is a log of its own: cursors of the old one do not hold.",
                                 entries, NULL, 2, 2, error))
    return BELFRY_CTL_EXIT_USAGE;

  if (!check_destination (arguments[2], is_forced, error))
    return BELFRY_CTL_EXIT_FAILURE;

  if (!belfry_sqlite_store_restore_file (arguments[1], arguments[2], is_forced, NULL, error))
    return BELFRY_CTL_EXIT_DATABASE;

  tell (options, "database", arguments[2], "The database is ", "");

  return BELFRY_CTL_EXIT_OK;
}
