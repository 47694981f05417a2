/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-server.h"
#include "belfry-sqlite-store.h"

G_BEGIN_DECLS

/* Gives the metrics of the server the families of everything that the daemon puts beside it, whether it is there or not:
 * what belfry_server_add_counters() then tells of fills them. Before the first of those. */
void belfry_daemon_metrics_add (BelfryServer *server, BelfrySqliteStore *store);

G_END_DECLS
