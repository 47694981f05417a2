/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-grant-private.h"

G_BEGIN_DECLS

/* The keys that a server accepts, as hashes. */
typedef struct _BelfryKeyRing BelfryKeyRing;

BelfryKeyRing *belfry_key_ring_new      (void);
void           belfry_key_ring_free     (BelfryKeyRing *self);
/* The one key that is given as it is, and may do everything; NULL or "": none. */
void           belfry_key_ring_set_main (BelfryKeyRing *self, const char *key);
/* Puts the keys of a file in place of those of the last one, or leaves them all when it is wrong. path NULL: none
 * from a file. */
gboolean       belfry_key_ring_load     (BelfryKeyRing *self, const char *path, GError **error);
gboolean       belfry_key_ring_is_empty (const BelfryKeyRing *self);
gboolean       belfry_key_ring_has_main (const BelfryKeyRing *self);
/* Takes as long for a wrong key as for a right one. Borrowed, or NULL. */
BelfryGrant   *belfry_key_ring_find     (BelfryKeyRing *self, const char *key);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryKeyRing, belfry_key_ring_free)

G_END_DECLS
