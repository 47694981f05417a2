/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-collector.h"
#include "belfry-settings.h"

G_BEGIN_DECLS

/* The collector and its doors. */
typedef struct _BelfryDaemonCollect BelfryDaemonCollect;

BelfryDaemonCollect *belfry_daemon_collect_new           (BelfryServer *server, const BelfrySettings *settings);
BelfryCollector     *belfry_daemon_collect_get_collector (BelfryDaemonCollect *self);
/* Opens the gRPC door, if it is wanted and was built. */
gboolean             belfry_daemon_collect_listen        (BelfryDaemonCollect *self, const BelfrySettings *settings,
                                                          GError **error);
/* The address of that door as clients name it, or NULL. */
char                *belfry_daemon_collect_dup_uri       (BelfryDaemonCollect *self);
/* The certificate may be another one now. */
void                 belfry_daemon_collect_reload        (BelfryDaemonCollect *self, const BelfrySettings *settings);
/* func is called once. */
void                 belfry_daemon_collect_stop          (BelfryDaemonCollect *self, void (*func) (gpointer user_data),
                                                          gpointer user_data);
void                 belfry_daemon_collect_free          (BelfryDaemonCollect *self);

G_END_DECLS
