/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-sqlite-log-private.h"

G_BEGIN_DECLS

/* Whether the chunks of all blocks that are indexed are those that their events make; in an open snapshot. */
gboolean belfry_sqlite_check_blocks (sqlite3                  *db,
                                     const BelfrySqliteState  *state,
                                     gboolean                 *is_right,
                                     GError                  **error);

G_END_DECLS
