/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-client-address-private.h"
#include "belfry-key-ring-private.h"
#include "belfry-rate-limiter-private.h"
#include "belfry-request.h"

G_BEGIN_DECLS

/* Who may come in, and how often: the keys, the rates and the proxies of one server. */
typedef struct _BelfryAdmission BelfryAdmission;

typedef enum
{
  BELFRY_VERDICT_ADMITTED,
  BELFRY_VERDICT_UNAUTHORIZED,
  BELFRY_VERDICT_FORBIDDEN,
} BelfryVerdict;

#define BELFRY_N_RATE_CLASSES (BELFRY_RATE_CLASS_COLLECT + 1)

typedef struct
{
  guint64 unauthorized;
  guint64 forbidden;
  guint64 rate_limited;
  guint64 rate_limited_by[BELFRY_N_RATE_CLASSES];  /* the same, by class */
} BelfryAdmissionTally;

BelfryAdmission   *belfry_admission_new         (void);
void               belfry_admission_free        (BelfryAdmission *self);
BelfryKeyRing     *belfry_admission_get_keys    (BelfryAdmission *self);
BelfryRateLimiter *belfry_admission_get_limiter (BelfryAdmission *self);
void               belfry_admission_set_require_auth (BelfryAdmission *self, gboolean require_auth);
gboolean           belfry_admission_get_require_auth (BelfryAdmission *self);
/* FALSE, with all as it was, when one is neither an address nor a network. */
gboolean           belfry_admission_set_proxies (BelfryAdmission *self, const char * const *proxies, GError **error);

/* Looks at the key, and gives the request the grant that it stands for. query_too: api_key and token in the query count
 * as well. */
BelfryVerdict      belfry_admission_judge       (BelfryAdmission *self, BelfryRequest *request, gboolean query_too);
/* The same, and does not count what it turns away. */
BelfryVerdict      belfry_admission_look        (BelfryAdmission *self, BelfryRequest *request, gboolean query_too);
/* Counts the request towards the rate of its client; FALSE when there were too many, and then wait_seconds says when the
 * next one passes. Whoever turns it away counts that with belfry_admission_count_limited(). */
gboolean           belfry_admission_take        (BelfryAdmission *self, BelfryRequest *request, gint64 now_usec,
                                                 guint64 *wait_seconds);
/* Somebody who does not come by HTTP. */
typedef struct
{
  const char     *key;         /* or NULL */
  const char     *bearer;      /* or NULL: what was sent in the other place; either opens */
  const char     *peer;        /* as gRPC writes an address: ipv4:127.0.0.1:4711 */
  gboolean        is_guarded;  /* needs a key also without require-auth, while there is an api-key */
  BelfryScope     scopes;      /* any one of them is enough */
  BelfryRateClass rate_class;
} BelfryAdmissionCaller;

/* The same for such. */
BelfryVerdict      belfry_admission_judge_caller (BelfryAdmission *self, const BelfryAdmissionCaller *caller);
gboolean           belfry_admission_take_caller (BelfryAdmission *self, const BelfryAdmissionCaller *caller,
                                                 gint64 now_usec);
/* The client's address, as the proxies tell it. */
void               belfry_admission_find_address (BelfryAdmission *self, BelfryRequest *request,
                                                  BelfryClientAddress *address);
BelfryAdmissionTally *belfry_admission_get_tally (BelfryAdmission *self);
void               belfry_admission_count_limited (BelfryAdmission *self, BelfryRateClass rate_class);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryAdmission, belfry_admission_free)

G_END_DECLS
