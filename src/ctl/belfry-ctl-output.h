/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Standard output and the wish to end, for commands that go on until somebody has had enough. Lines are gathered while more come
 * and written when nothing more does. One at a time. */

typedef void (*BelfryCtlEndFunc) (gpointer user_data);

/* end_func is called, from the default context, after SIGINT or SIGTERM or when nobody reads any more. */
void     belfry_ctl_output_begin       (BelfryCtlEndFunc   end_func,
                                        gpointer           user_data);
void     belfry_ctl_output_line        (const char        *line);
/* Also tells of a signal before the context comes to it: while events pour in, it does not for a long time. */
gboolean belfry_ctl_output_is_unwanted (void);
/* FALSE with error when a line could not be written; a reader that went away is no error. */
gboolean belfry_ctl_output_end         (GError           **error);

G_END_DECLS
