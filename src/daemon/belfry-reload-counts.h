/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

#define BELFRY_TYPE_RELOAD_COUNTS (belfry_reload_counts_get_type ())

/* How often the settings were read anew since the start. Read-only properties: reloads, reloads-failed. */
G_DECLARE_FINAL_TYPE (BelfryReloadCounts, belfry_reload_counts, BELFRY, RELOAD_COUNTS, GObject)

BelfryReloadCounts *belfry_reload_counts_new (void);
void                belfry_reload_counts_add (BelfryReloadCounts *self, gboolean succeeded);

G_END_DECLS
