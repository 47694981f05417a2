/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-settings.h"

G_BEGIN_DECLS

/* Opens what the settings name, without making or changing anything. Each problem is one line. */
void belfry_config_check_files (const BelfrySettings *settings, GPtrArray *problems);

/* The file of keys, and whether anybody could come in. */
gboolean belfry_config_check_keys (const BelfrySettings *settings, GError **error);

G_END_DECLS
