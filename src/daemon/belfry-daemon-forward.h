/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-server.h"
#include "belfry-settings.h"

G_BEGIN_DECLS

/* What brings the log to Kafka. */
typedef struct _BelfryDaemonForward BelfryDaemonForward;

/* Whether the settings of Kafka can be used here. */
gboolean             belfry_daemon_forward_check (const BelfrySettings *settings, GError **error);
/* Without Kafka it only says so. Begins at once; the server tells of it. */
BelfryDaemonForward *belfry_daemon_forward_new   (BelfryServer *server, const BelfrySettings *settings, GError **error);
/* func is called once. */
void                 belfry_daemon_forward_stop  (BelfryDaemonForward *self, void (*func) (gpointer user_data), gpointer user_data);
void                 belfry_daemon_forward_free  (BelfryDaemonForward *self);

G_END_DECLS
