/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define BELFRY_KEY_HASH_BYTES 32

typedef struct
{
  guint8 bytes[BELFRY_KEY_HASH_BYTES];
} BelfryKeyHash;

void     belfry_key_hash_init      (BelfryKeyHash *self, const char *key, gsize length);
/* "sha256:" and 64 hexadecimal digits. */
char    *belfry_key_hash_to_string (const BelfryKeyHash *self);
gboolean belfry_key_hash_parse     (BelfryKeyHash *self, const char *text);

G_END_DECLS
