/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-error.h"

G_BEGIN_DECLS

/* Sets BELFRY_ERROR_INVALID_EVENT with all that is wrong with an event; the text is the first
 * problem's, with its field in front. @problems holds at least one. (transfer full) */
void belfry_error_take_problems (GError **error, BelfryError code, const char *message,
                                 GPtrArray *problems);

G_END_DECLS
