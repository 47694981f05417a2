/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-problems-private.h"
#include "belfry-event-type-registry.h"

G_BEGIN_DECLS

/* The most characters of a type's name. */
#define BELFRY_EVENT_TYPE_NAME_MAX 50

/* The most types of one registry. */
#define BELFRY_EVENT_TYPES_MAX 10000

/* What is wrong with the form of a new type is added to @problems. */
void belfry_event_type_registry_check_name        (const char *name, BelfryEventProblems **problems);
void belfry_event_type_registry_check_description (const char *description, BelfryEventProblems **problems);

/* Finds a type by a name without a NUL; allocates nothing. The name that it gives lives as long
 * as the registry. */
const char *belfry_event_type_registry_lookup (BelfryEventTypeRegistry *self, const char *name,
                                               gsize length);

/* The names, separated by ", ", sorted; at most @max of them, and then how many more there are. Made once for many
 * refused events; good until the next call or the next type. */
const char *belfry_event_type_registry_describe_names (BelfryEventTypeRegistry *self, guint max);

G_END_DECLS
