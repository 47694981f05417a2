/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-visibility.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_EVENT_TYPE_REGISTRY (belfry_event_type_registry_get_type ())

BELFRY_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (BelfryEventTypeRegistry, belfry_event_type_registry, BELFRY,
                      EVENT_TYPE_REGISTRY, GObject)

/* A registry holds the built-in types from the start. Signal "registered" (name). */
BELFRY_AVAILABLE_IN_ALL BelfryEventTypeRegistry *belfry_event_type_registry_new (void);
BELFRY_AVAILABLE_IN_ALL
gboolean belfry_event_type_registry_register (BelfryEventTypeRegistry *self, const char *name,
                                              const char *description, GError **error);
BELFRY_AVAILABLE_IN_ALL
gboolean belfry_event_type_registry_load_directory (BelfryEventTypeRegistry *self, const char *path,
                                                    GError **error);
BELFRY_AVAILABLE_IN_ALL
gboolean belfry_event_type_registry_contains (BelfryEventTypeRegistry *self, const char *name);
BELFRY_AVAILABLE_IN_ALL
const char *belfry_event_type_registry_get_description (BelfryEventTypeRegistry *self,
                                                        const char *name);
BELFRY_AVAILABLE_IN_ALL
char **belfry_event_type_registry_list_names (BelfryEventTypeRegistry *self);
BELFRY_AVAILABLE_IN_ALL
guint belfry_event_type_registry_get_n_types (BelfryEventTypeRegistry *self);

G_END_DECLS
