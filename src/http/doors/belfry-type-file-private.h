/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-type-registry.h"

G_BEGIN_DECLS

typedef struct _BelfryTypeFile BelfryTypeFile;

/* The event types that were registered while the service ran, in a key file of the same form as those of
 * event-types.d. */
BelfryTypeFile *belfry_type_file_new           (const char *path);
BelfryTypeFile *belfry_type_file_ref           (BelfryTypeFile *self);
void            belfry_type_file_unref         (BelfryTypeFile *self);
/* Registers what the file holds; no file is no types. Blocking. */
gboolean        belfry_type_file_load          (BelfryTypeFile *self, BelfryEventTypeRegistry *registry,
                                                GError **error);
/* TRUE for a type that was registered while the service ran. */
gboolean        belfry_type_file_contains      (BelfryTypeFile *self, const char *name);
/* Answered when the type survives power loss; BELFRY_ERROR_UNAVAILABLE when it could not be written. */
void            belfry_type_file_store_async   (BelfryTypeFile *self, const char *name, const char *description,
                                                GAsyncReadyCallback callback, gpointer user_data);
gboolean        belfry_type_file_store_finish  (GAsyncResult *result, GError **error);
/* Keeps types of one description. Blocking; before anything else is stored. */
gboolean        belfry_type_file_store_all     (BelfryTypeFile *self, GPtrArray *names, const char *description,
                                                GError **error);

/* Registers a type while the service runs; answered when it is kept. self NULL: it is kept nowhere. */
void            belfry_type_file_register_async  (BelfryTypeFile *self, BelfryEventTypeRegistry *registry,
                                                  const char *name, const char *description,
                                                  GAsyncReadyCallback callback, gpointer user_data);
gboolean        belfry_type_file_register_finish (GAsyncResult *result, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryTypeFile, belfry_type_file_unref)

G_END_DECLS
