/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The certificate with its key. NULL when a file cannot be read or the two do not belong together; the error names
 * both settings. Blocking. */
GTlsCertificate *belfry_tls_files_load (const char *certificate_path, const char *key_path, GError **error);

G_END_DECLS
