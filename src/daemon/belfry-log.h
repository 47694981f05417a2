/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The one log writer of the process. level: DEBUG, INFO, WARNING or ERROR; format: text or json. Called
 * before there is a second thread. */
void belfry_log_set_up     (const char *level, const char *format);
/* What must never be seen in a log, wherever it may turn up. */
void belfry_log_add_secret (const char *secret);

G_END_DECLS
