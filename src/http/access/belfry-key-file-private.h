/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-grant-private.h"
#include "belfry-key-hash-private.h"

G_BEGIN_DECLS

/* The key that is no one's of a file. */
#define BELFRY_KEY_MAIN_NAME "API_KEY"

/* Reads a file of keys: a table of BelfryKeyHash (owned) -> BelfryGrant (owned). NULL when anything in it is
 * wrong: the error names file, group and what is allowed, in one line. */
GHashTable *belfry_key_file_load  (const char *path, GError **error);
GHashTable *belfry_key_file_new_empty (void);
guint       belfry_key_hash_hash  (gconstpointer data);
/* In a time that depends on nothing. */
gboolean    belfry_key_hash_equal (gconstpointer a, gconstpointer b);

G_END_DECLS
