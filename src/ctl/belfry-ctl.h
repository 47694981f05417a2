/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-client.h"

G_BEGIN_DECLS

/* What belfryctl ends with; documented in its help and manual. */
typedef enum
{
  BELFRY_CTL_EXIT_OK = 0,
  BELFRY_CTL_EXIT_FAILURE = 1,      /* anything that has no number of its own */
  BELFRY_CTL_EXIT_USAGE = 2,        /* options or arguments are wrong */
  BELFRY_CTL_EXIT_UNREACHABLE = 3,  /* the daemon does not answer */
  BELFRY_CTL_EXIT_DENIED = 4,       /* the key is missing or wrong, or a file may not be read */
  BELFRY_CTL_EXIT_INVALID = 5,      /* the event, filter, instant or cursor was refused */
  BELFRY_CTL_EXIT_NOT_FOUND = 6,    /* no such event or file */
  BELFRY_CTL_EXIT_LATER = 7,        /* full, busy or limited: try again later */
  BELFRY_CTL_EXIT_DATABASE = 8,     /* the database file is in use, foreign or damaged */
} BelfryCtlExit;

BelfryCtlExit belfry_ctl_exit_from_error (const GError *error);

/* Options that every command has. */
typedef struct
{
  char     *url;
  char     *api_key;
  char     *ca_file;
  gboolean  is_json;
} BelfryCtlOptions;

typedef BelfryCtlExit (*BelfryCtlRun) (BelfryCtlOptions  *options,
                                       char             **arguments,  /* the command's name first */
                                       GError           **error);

typedef struct
{
  const char   *name;
  const char   *summary;
  BelfryCtlRun  run;
} BelfryCtlCommand;

BelfryCtlExit belfry_ctl_run_publish (BelfryCtlOptions *options, char **arguments, GError **error);
BelfryCtlExit belfry_ctl_run_tail    (BelfryCtlOptions *options, char **arguments, GError **error);
BelfryCtlExit belfry_ctl_run_query   (BelfryCtlOptions *options, char **arguments, GError **error);
BelfryCtlExit belfry_ctl_run_stats   (BelfryCtlOptions *options, char **arguments, GError **error);
BelfryCtlExit belfry_ctl_run_clear   (BelfryCtlOptions *options, char **arguments, GError **error);
BelfryCtlExit belfry_ctl_run_types   (BelfryCtlOptions *options, char **arguments, GError **error);
BelfryCtlExit belfry_ctl_run_dead_letters (BelfryCtlOptions *options, char **arguments, GError **error);
BelfryCtlExit belfry_ctl_run_verify  (BelfryCtlOptions *options, char **arguments, GError **error);
BelfryCtlExit belfry_ctl_run_backup  (BelfryCtlOptions *options, char **arguments, GError **error);
BelfryCtlExit belfry_ctl_run_hash_key (BelfryCtlOptions *options, char **arguments, GError **error);
BelfryCtlExit belfry_ctl_run_restore (BelfryCtlOptions *options, char **arguments, GError **error);

G_END_DECLS
