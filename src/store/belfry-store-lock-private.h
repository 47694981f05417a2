/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Keeps a second daemon out: a lock on PATH.lock for as long as the object lives. The file
 * itself stays. */
typedef struct _BelfryStoreLock BelfryStoreLock;

BelfryStoreLock *belfry_store_lock_take    (const char       *path,
                                            GError          **error);
void             belfry_store_lock_release (BelfryStoreLock  *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryStoreLock, belfry_store_lock_release)

G_END_DECLS
