/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-request.h"

G_BEGIN_DECLS

/* Whether somebody listens at debug: one branch, for those that would have to make a text first. */
#define BELFRY_TELLS_REQUESTS() G_UNLIKELY (g_log_get_debug_enabled ())

/* One line for a request that has its answer, while the connection is still there. started_usec: monotonic, 0 when
 * it is not known. */
void belfry_request_log_answer (BelfryRequest *request, guint status, gsize length, gint64 started_usec);

/* What of a query may stand in a log; for tests. */
char *belfry_request_log_format_query (const char *query);

G_END_DECLS
