/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Unpacks one gzip stream (RFC 1952) of which nothing is left over. NULL with G_IO_ERROR_MESSAGE_TOO_LARGE when what is
 * packed is longer than maximum, which is found out without unpacking more; with G_IO_ERROR_INVALID_DATA when it is
 * broken, ends too early, or something follows it. */
GBytes *belfry_gunzip (GBytes *packed, gsize maximum, GError **error);

G_END_DECLS
