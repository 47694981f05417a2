/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-event-type-registry.h"
#include "belfry-event.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_EVENT_VALIDATOR (belfry_event_validator_get_type ())

/* The one place where outside bytes become events. Properties: registry (construct-only),
 * max-payload-keys (50), max-payload-bytes (65536). */
BELFRY_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (BelfryEventValidator, belfry_event_validator, BELFRY, EVENT_VALIDATOR,
                      GObject)

BELFRY_AVAILABLE_IN_ALL
BelfryEventValidator *belfry_event_validator_new (BelfryEventTypeRegistry *registry);
BELFRY_AVAILABLE_IN_ALL
BelfryEventTypeRegistry *belfry_event_validator_get_registry (BelfryEventValidator *self);
/* json need not end with NUL; length -1 for one that does. */
BELFRY_AVAILABLE_IN_ALL
BelfryEvent *belfry_event_validator_parse (BelfryEventValidator *self, const char *json,
                                           gssize length, GError **error);

G_END_DECLS
