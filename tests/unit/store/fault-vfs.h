/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A disk that breaks as told: it lies between SQLite and the real files, knows what of each is
 * durable, and can forget the rest. Any thread. One for the process. */
typedef enum
{
  FAULT_WRITE = 1 << 0,
  FAULT_SYNC = 1 << 1,
  FAULT_READ = 1 << 2,
} FaultKind;

void     fault_vfs_register      (void);

/* The operations of the kinds in @kinds fail with @code, @n_operations of them after the next @n_before. */
void     fault_vfs_fail          (guint kinds, int code, guint n_before, guint n_operations);
/* Nothing fails any more. Says whether something did. */
gboolean fault_vfs_heal          (void);
/* Power goes off after the next @n_before writes and flushes: from there on all fails. */
void     fault_vfs_cut_power     (guint n_before);
/* With no file open: the disk holds what was flushed, and of the rest whatever chance left of it. Says whether it was off. */
gboolean fault_vfs_restore_power (void);
/* Writes to a file that are not durable yet. */
gsize    fault_vfs_count_unflushed (const char *path);

G_END_DECLS
