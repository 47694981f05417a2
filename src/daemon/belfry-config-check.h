/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-settings.h"

G_BEGIN_DECLS

/* Opens what the settings name, without making or changing anything. Each problem is one line. */
void belfry_config_check_files (const BelfrySettings *settings, GPtrArray *problems);

/* Whether the log can be opened, imported or made where it is to be, as far as looking tells. */
gboolean belfry_config_check_database (const BelfrySettings *settings, GError **error);

/* Puts the setting and its value in front of what is wrong with the database. */
void belfry_config_check_explain_database (const BelfrySettings *settings, GError **error);

/* What does not stop a start, but is hardly meant. Each is one line. */
void belfry_config_check_doubts (const BelfrySettings *settings, GPtrArray *warnings);

/* The file of keys, and whether anybody could come in. */
gboolean belfry_config_check_keys (const BelfrySettings *settings, GError **error);

G_END_DECLS
