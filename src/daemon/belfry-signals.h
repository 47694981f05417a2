/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef void (*BelfrySignalFunc) (int number, gpointer user_data);

/* From here on SIGTERM, SIGINT and SIGHUP wait until somebody watches them. To be called before the first thread is made. */
void     belfry_signals_block (void);

/* Calls func on the main context for each of them, also for those that have waited. Destroy the source to end it; it is owned by
 * the caller. */
GSource *belfry_signals_watch (BelfrySignalFunc func, gpointer user_data);

G_END_DECLS
