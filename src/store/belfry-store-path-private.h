/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The file that @path stands for when it is a symbolic link, which may lead to nothing yet; otherwise @path. What
 * belongs to a database lies beside this one, as SQLite's own files do. */
char *belfry_store_path_resolve (const char *path);

G_END_DECLS
