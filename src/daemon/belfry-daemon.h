/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-settings.h"

G_BEGIN_DECLS

typedef struct _BelfryDaemon BelfryDaemon;

/* Reads the settings anew. NULL with the one line that says why not. */
typedef BelfrySettings *(*BelfryLoadSettingsFunc) (GPtrArray *warnings, gpointer user_data, GError **error);

BelfryDaemon *belfry_daemon_new               (void);
void          belfry_daemon_free              (BelfryDaemon *self);
/* What SIGHUP asks; user_data outlives the daemon. */
void          belfry_daemon_set_load_settings (BelfryDaemon *self, BelfryLoadSettingsFunc func, gpointer user_data);
/* Opens the log, makes the engine and its doors, listens. Takes the settings over. Blocking. */
gboolean      belfry_daemon_start             (BelfryDaemon *self, BelfrySettings *settings, GError **error);
/* Serves until SIGTERM or SIGINT, then ends in good order. */
void          belfry_daemon_run               (BelfryDaemon *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryDaemon, belfry_daemon_free)

G_END_DECLS
