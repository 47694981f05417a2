/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How long the thread that writes a log waits for the disk: what a write takes beyond that is ours. */

/* Before the first database is opened. */
void   flush_clock_install (void);
/* In µs, all flushes so far, with what the one that is going on has taken. Any thread may ask. */
gint64 flush_clock_read    (void);

G_END_DECLS
