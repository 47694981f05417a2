/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-settings.h"

G_BEGIN_DECLS

typedef struct _BelfryDaemon BelfryDaemon;

BelfryDaemon *belfry_daemon_new   (void);
void          belfry_daemon_free  (BelfryDaemon *self);
/* Opens the log, makes the engine and its doors, listens. Blocking. */
gboolean      belfry_daemon_start (BelfryDaemon *self, const BelfrySettings *settings, GError **error);
/* Serves until SIGTERM or SIGINT, then ends in good order. */
void          belfry_daemon_run   (BelfryDaemon *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryDaemon, belfry_daemon_free)

G_END_DECLS
