/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-request.h"

G_BEGIN_DECLS

/* Does the request bring the key, in X-API-Key or as a bearer token? With query_too also as api_key or
 * token in the query. */
gboolean belfry_api_key_comes_with (const char *key, BelfryRequest *request, gboolean query_too);

G_END_DECLS
