/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-settings.h"

G_BEGIN_DECLS

/* What was asked for, and the sources of settings that it names. */
typedef struct
{
  BelfrySettingSources *sources;       /* owned */
  char                 *config;        /* owned, or NULL */
  char                 *env_file;      /* owned, or NULL */
  char                 *list_settings; /* owned, or NULL: the form of the list */
  gboolean              check_config;
  gboolean              show_version;
} BelfryCommandLine;

BelfryCommandLine *belfry_command_line_parse         (int *argc, char ***argv, GError **error);
void               belfry_command_line_free          (BelfryCommandLine *self);

/* Reads files and environment, the files anew at each call. */
gboolean           belfry_command_line_read_sources  (BelfryCommandLine *self, GPtrArray *warnings, GError **error);
BelfrySettings    *belfry_command_line_load_settings (BelfryCommandLine *self, GPtrArray *warnings, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryCommandLine, belfry_command_line_free)

G_END_DECLS
