/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-dbus-service-private.h"
#include "belfry-event-store.h"

G_BEGIN_DECLS

/* What the service tells, as values for the bus. */

/* a{sv}; floating. */
GVariant *belfry_dbus_format_stats       (BelfryDBusService *service, BelfryStoreStats *stats);
/* as; NULL with error when they are larger than max_bytes together. */
GVariant *belfry_dbus_format_events      (GPtrArray *events, guint64 max_bytes, GError **error);
/* aa{sv}; as above. */
GVariant *belfry_dbus_format_subscribers (BelfryDBusService *service, GError **error);
/* a{ss}; floating. */
GVariant *belfry_dbus_format_types       (BelfryEventTypeRegistry *registry);

G_END_DECLS
