/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-server.h"

G_BEGIN_DECLS

typedef enum
{
  BELFRY_ROUTE_DEFAULT = 0,
  BELFRY_ROUTE_OPEN = 1 << 0,  /* never needs a key */
  BELFRY_ROUTE_EARLY = 1 << 1, /* called when the headers are there, before any body; sees to the key itself */
} BelfryRouteFlags;

/* Lives until it is replaced and the last request that found it is done. */
typedef struct
{
  const char      *method;  /* interned */
  BelfryRouteFlags flags;
  BelfryRouteFunc  func;
  gpointer         user_data;
  GDestroyNotify   destroy;
} BelfryRoute;

typedef struct
{
  BelfryRoute *route;       /* owned reference; NULL: no such path, or not with this method */
  gboolean     path_known;
  char        *path;        /* owned by the caller: decoded, without the prefix */
  char        *path_param;  /* owned by the caller, or NULL */
  char        *allow;       /* owned by the caller: the methods of a known path when route is NULL */
} BelfryRouteMatch;

typedef struct _BelfryRouteTable BelfryRouteTable;

BelfryRouteTable *belfry_route_table_new   (void);
void              belfry_route_table_free  (BelfryRouteTable *self);
void              belfry_route_table_add   (BelfryRouteTable *self, const char *method, const char *pattern,
                                            BelfryRouteFlags flags,
                                            BelfryRouteFunc func, gpointer user_data, GDestroyNotify destroy);
/* path: as it came, still encoded, without the query; with or without /api/v1. */
void              belfry_route_table_match (BelfryRouteTable *self, const char *method, const char *path,
                                            BelfryRouteMatch *match);
void              belfry_route_match_clear (BelfryRouteMatch *match);
void              belfry_route_unref       (BelfryRoute *route);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryRouteTable, belfry_route_table_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BelfryRouteMatch, belfry_route_match_clear)

G_END_DECLS
