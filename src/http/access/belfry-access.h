/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * BelfryScope:
 * @BELFRY_SCOPE_NONE: nothing
 * @BELFRY_SCOPE_PUBLISH: to publish events
 * @BELFRY_SCOPE_QUERY: to read the log and the figures
 * @BELFRY_SCOPE_ADMIN: to delete events and register types; holds all others
 * @BELFRY_SCOPE_FILTERS: to change and read stored filters
 * @BELFRY_SCOPE_COLLECT: to collect batches
 * @BELFRY_SCOPE_SUBSCRIBE: to open streams
 *
 * What a key may be used for.
 *
 * Since: 0.1
 */
typedef enum
{
  BELFRY_SCOPE_NONE = 0,
  BELFRY_SCOPE_PUBLISH = 1 << 0,
  BELFRY_SCOPE_QUERY = 1 << 1,
  BELFRY_SCOPE_ADMIN = 1 << 2,
  BELFRY_SCOPE_FILTERS = 1 << 3,
  BELFRY_SCOPE_COLLECT = 1 << 4,
  BELFRY_SCOPE_SUBSCRIBE = 1 << 5,
} BelfryScope;

/**
 * BelfryRateClass:
 * @BELFRY_RATE_CLASS_NONE: not limited
 * @BELFRY_RATE_CLASS_PUBLISH: limited by [property@Server:rate-limit-publish]
 * @BELFRY_RATE_CLASS_QUERY: limited by [property@Server:rate-limit-query]
 * @BELFRY_RATE_CLASS_ADMIN: limited by [property@Server:rate-limit-admin]
 * @BELFRY_RATE_CLASS_FILTERS: limited by [property@Server:rate-limit-filters]
 * @BELFRY_RATE_CLASS_COLLECT: limited by [property@Server:rate-limit-collect]
 *
 * Which limit the requests of a route count against.
 *
 * Since: 0.1
 */
typedef enum
{
  BELFRY_RATE_CLASS_NONE,
  BELFRY_RATE_CLASS_PUBLISH,
  BELFRY_RATE_CLASS_QUERY,
  BELFRY_RATE_CLASS_ADMIN,
  BELFRY_RATE_CLASS_FILTERS,
  BELFRY_RATE_CLASS_COLLECT,
} BelfryRateClass;

/**
 * BelfryRouteFlags:
 * @BELFRY_ROUTE_DEFAULT: called when the body is there
 * @BELFRY_ROUTE_OPEN: never needs a key
 * @BELFRY_ROUTE_EARLY: for the doors of the server itself: called when the headers are there, before any body,
 *   and sees to the key itself
 *
 * How a route is served.
 *
 * Since: 0.1
 */
typedef enum
{
  BELFRY_ROUTE_DEFAULT = 0,
  BELFRY_ROUTE_OPEN = 1 << 0,
  BELFRY_ROUTE_EARLY = 1 << 1,
} BelfryRouteFlags;

G_END_DECLS
