/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-rate-private.h"

G_BEGIN_DECLS

/* What a client may do, once it is known who it is: requests and sessions carry it. Home context only. */
typedef struct
{
  char            *name;        /* owned; told in logs in place of the key */
  BelfryScope      scopes;
  BelfryRate       rates[BELFRY_N_RATE_CLASSES];    /* those of its own */
  guint            own_rates;   /* bit by class: has a rate of its own */
  BelfryRateWindow windows[BELFRY_N_RATE_CLASSES];  /* what passed with it */
  gboolean         is_revoked;  /* holds no longer: its sessions are closed */
} BelfryGrant;

BelfryGrant *belfry_grant_new       (const char *name, BelfryScope scopes);
BelfryGrant *belfry_grant_ref       (BelfryGrant *self);
void         belfry_grant_unref     (BelfryGrant *self);
/* Any one of scopes is enough. */
gboolean     belfry_grant_allows    (const BelfryGrant *self, BelfryScope scopes);
/* Makes the grant what newer is. FALSE when it would lose a scope by that: sessions may rest on it. */
gboolean     belfry_grant_update    (BelfryGrant *self, const BelfryGrant *newer);
/* The older grant of the same key goes; what passed with it goes on counting. */
void         belfry_grant_take_over (BelfryGrant *self, BelfryGrant *older);
/* default_rate: what holds for its class when the grant has no rate of its own. */
gboolean     belfry_grant_take      (BelfryGrant *self, BelfryRateClass rate_class, const BelfryRate *default_rate,
                                     gint64 now_usec, gint64 *wait_usec);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryGrant, belfry_grant_unref)

G_END_DECLS
