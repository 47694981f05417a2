/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-server.h"

G_BEGIN_DECLS

/* Among the flags: the function knows its request by nothing but the public face of BelfryRequest, so that libsoup need not
 * have read it. */
#define BELFRY_ROUTE_PLAIN ((BelfryRouteFlags) (1 << 16))

/* Needs a key also without require-auth, while there is an api-key. */
#define BELFRY_ROUTE_GUARDED ((BelfryRouteFlags) (1 << 17))
/* Takes batches: a body may be as long as max-batch-bytes says. */
#define BELFRY_ROUTE_BATCH ((BelfryRouteFlags) (1 << 18))

/* Lives until it is replaced and the last request that found it is done. */
typedef struct
{
  const char      *method;  /* interned */
  BelfryRouteFlags flags;
  BelfryScope      scopes;      /* any one of them is enough */
  BelfryRateClass  rate_class;
  BelfryRouteFunc  func;
  gpointer         user_data;
  GDestroyNotify   destroy;
  guint64          answers[5];  /* by class of their status */
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
                                            BelfryRouteFlags flags, BelfryScope scopes,
                                            BelfryRateClass rate_class, BelfryRouteFunc func, gpointer user_data, GDestroyNotify destroy);
/* path: as it came, still encoded, without the query; with or without /api/v1. */
void              belfry_route_table_match (BelfryRouteTable *self, const char *method, const char *path,
                                            BelfryRouteMatch *match);
/* pattern: as it was added, but for the name in the braces. */
typedef void (*BelfryRouteVisit) (const BelfryRoute *route, const char *pattern, gpointer user_data);
void              belfry_route_table_foreach (BelfryRouteTable *self, BelfryRouteVisit visit, gpointer user_data);
void              belfry_route_match_clear (BelfryRouteMatch *match);
void              belfry_route_unref       (BelfryRoute *route);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryRouteTable, belfry_route_table_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BelfryRouteMatch, belfry_route_match_clear)

G_END_DECLS
