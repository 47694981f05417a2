/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-cursor.h"

/* Writes the text and a NUL into @text without allocating. */
void belfry_cursor_write (guint64 log_id, guint64 position,
                          char text[BELFRY_CURSOR_TEXT_LENGTH + 1]);
