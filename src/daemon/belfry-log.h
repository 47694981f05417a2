/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The one log writer of the process. level: DEBUG, INFO, WARNING or ERROR; format: text or json. First called before there
 * is a second thread; later calls change level and form. */
void belfry_log_set_up     (const char *level, const char *format);
/* What must never be seen in a log, wherever it may turn up. */
void belfry_log_add_secret (const char *secret);

/* For tests. */
gboolean belfry_log_wants_journal       (const char *format, int fd);
/* GLogField; what texts holds must live as long. */
GArray  *belfry_log_make_journal_fields (const GLogField *fields, gsize n_fields, GPtrArray *texts);

G_END_DECLS
