/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-admission-private.h"

#include <string.h>

#include "belfry-request-private.h"

struct _BelfryAdmission
{
  BelfryKeyRing       *keys;     /* owned */
  BelfryRateLimiter   *limiter;  /* owned */
  GArray              *proxies;  /* owned; of BelfryAddressRange; NULL: none is trusted */
  gboolean             require_auth;
  BelfryAdmissionTally tally;
};

BelfryAdmission *
belfry_admission_new (void)
{
  BelfryAdmission *self = g_new0 (BelfryAdmission, 1);

  self->keys = belfry_key_ring_new ();
  self->limiter = belfry_rate_limiter_new (100000);
  return self;
}

void
belfry_admission_free (BelfryAdmission *self)
{
  g_clear_pointer (&self->keys, belfry_key_ring_free);
  g_clear_pointer (&self->limiter, belfry_rate_limiter_free);
  g_clear_pointer (&self->proxies, g_array_unref);
  g_free (self);
}

BelfryKeyRing *
belfry_admission_get_keys (BelfryAdmission *self)
{
  return self->keys;
}

BelfryRateLimiter *
belfry_admission_get_limiter (BelfryAdmission *self)
{
  return self->limiter;
}

void
belfry_admission_set_require_auth (BelfryAdmission *self,
                                   gboolean         require_auth)
{
  self->require_auth = require_auth;
}

gboolean
belfry_admission_get_require_auth (BelfryAdmission *self)
{
  return self->require_auth;
}

gboolean
belfry_admission_set_proxies (BelfryAdmission     *self,
                              const char * const  *proxies,
                              GError             **error)
{
  GArray *ranges = belfry_address_ranges_new (proxies, error);

  if (ranges == NULL)
    return FALSE;

  g_clear_pointer (&self->proxies, g_array_unref);
  if (ranges->len > 0)
    self->proxies = ranges;
  else
    g_array_unref (ranges);

  return TRUE;
}

void
belfry_admission_count_limited (BelfryAdmission *self,
                                BelfryRateClass  rate_class)
{
  self->tally.rate_limited++;
  self->tally.rate_limited_by[rate_class]++;
}

BelfryAdmissionTally *
belfry_admission_get_tally (BelfryAdmission *self)
{
  return &self->tally;
}

/* RFC 9110, section 11.4: one space or more behind the scheme. NULL when it is another scheme. */
static const char *
find_bearer (const char *authorization)
{
  static const char bearer[] = "bearer ";

  if (authorization == NULL || g_ascii_strncasecmp (authorization, bearer, strlen (bearer)) != 0)
    return NULL;

  authorization += strlen (bearer);
  return authorization + strspn (authorization, " ");
}

static BelfryGrant *
find_key (BelfryAdmission *self,
          const char      *key)
{
  return key != NULL && key[0] != '\0' ? belfry_key_ring_find (self->keys, key) : NULL;
}

/* A client may send its key in one place and something else in the other, so each is looked at. */
static BelfryGrant *
find_grant (BelfryAdmission *self,
            BelfryRequest   *request,
            gboolean         query_too)
{
  BelfryGrant *grant = find_key (self, belfry_request_get_header (request, "X-API-Key"));

  if (grant == NULL)
    grant = find_key (self, find_bearer (belfry_request_get_header (request, "Authorization")));
  if (grant == NULL && query_too)
    grant = find_key (self, belfry_request_get_query (request, "api_key"));
  if (grant == NULL && query_too)
    grant = find_key (self, belfry_request_get_query (request, "token"));

  return grant;
}

static gboolean
needs_key (BelfryAdmission *self,
           gboolean         is_guarded)
{
  return self->require_auth || (is_guarded && belfry_key_ring_has_main (self->keys));
}

BelfryVerdict
belfry_admission_look (BelfryAdmission *self,
                       BelfryRequest   *request,
                       gboolean         query_too)
{
  const BelfryRoute *route = belfry_request_get_route (request);
  BelfryGrant *grant = NULL;

  if (!belfry_key_ring_is_empty (self->keys))
    grant = find_grant (self, request, query_too);
  if (grant != NULL)
    belfry_request_set_grant (request, grant);
  if ((route->flags & BELFRY_ROUTE_OPEN) || !needs_key (self, (route->flags & BELFRY_ROUTE_GUARDED) != 0))
    return BELFRY_VERDICT_ADMITTED;

  if (grant == NULL)
    return BELFRY_VERDICT_UNAUTHORIZED;

  return belfry_grant_allows (grant, route->scopes) ? BELFRY_VERDICT_ADMITTED : BELFRY_VERDICT_FORBIDDEN;
}

BelfryVerdict
belfry_admission_judge (BelfryAdmission *self,
                        BelfryRequest   *request,
                        gboolean         query_too)
{
  BelfryVerdict verdict = belfry_admission_look (self, request, query_too);

  if (verdict == BELFRY_VERDICT_UNAUTHORIZED)
    self->tally.unauthorized++;
  else if (verdict == BELFRY_VERDICT_FORBIDDEN)
    self->tally.forbidden++;

  return verdict;
}

void
belfry_admission_find_address (BelfryAdmission     *self,
                               BelfryRequest       *request,
                               BelfryClientAddress *address)
{
  SoupServerMessage *message = belfry_request_get_message (request);

  if (!belfry_request_get_address (request, address) || self->proxies == NULL || message == NULL
      || !belfry_address_ranges_contain (self->proxies, address))
    return;

  belfry_address_ranges_follow (self->proxies,
                                soup_message_headers_get_list (soup_server_message_get_request_headers (message),
                                                               "X-Forwarded-For"),
                                address);
}

static gboolean
take_by_address (BelfryAdmission *self,
                 BelfryRequest   *request,
                 BelfryRateClass  rate_class,
                 gint64           now_usec,
                 gint64          *wait_usec)
{
  BelfryClientAddress address;

  belfry_admission_find_address (self, request, &address);
  belfry_client_address_cut (&address);
  return belfry_rate_limiter_take (self->limiter, rate_class, &address, now_usec, wait_usec);
}

gboolean
belfry_admission_take (BelfryAdmission *self,
                       BelfryRequest   *request,
                       gint64           now_usec,
                       guint64         *wait_seconds)
{
  BelfryRateClass rate_class = belfry_request_get_route (request)->rate_class;
  const BelfryRate *rate = belfry_rate_limiter_get_rate (self->limiter, rate_class);
  BelfryGrant *grant = belfry_request_get_grant (request);
  gint64 wait_usec = 0;
  gboolean passes;

  if (rate_class == BELFRY_RATE_CLASS_NONE)
    return TRUE;

  if (grant != NULL)
    passes = belfry_grant_take (grant, rate_class, rate, now_usec, &wait_usec);
  else if (rate->count == 0)
    return TRUE;
  else
    passes = take_by_address (self, request, rate_class, now_usec, &wait_usec);

  if (!passes)
    *wait_seconds = (guint64) MAX (1, (wait_usec + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC);
  return passes;
}

/* --- who does not come by HTTP --- */

static BelfryGrant *
find_grant_of_caller (BelfryAdmission             *self,
                      const BelfryAdmissionCaller *caller)
{
  BelfryGrant *grant = find_key (self, caller->key);

  return grant != NULL ? grant : find_key (self, caller->bearer);
}

BelfryVerdict
belfry_admission_judge_caller (BelfryAdmission             *self,
                               const BelfryAdmissionCaller *caller)
{
  BelfryGrant *grant;

  if (!needs_key (self, caller->is_guarded))
    return BELFRY_VERDICT_ADMITTED;

  grant = find_grant_of_caller (self, caller);
  if (grant == NULL)
    {
      self->tally.unauthorized++;
      return BELFRY_VERDICT_UNAUTHORIZED;
    }
  if (!belfry_grant_allows (grant, caller->scopes))
    {
      self->tally.forbidden++;
      return BELFRY_VERDICT_FORBIDDEN;
    }

  return BELFRY_VERDICT_ADMITTED;
}

/* ipv4:127.0.0.1:4711, ipv6:%5B::1%5D:4711 */
static GSocketAddress *
parse_peer (const char *peer)
{
  const char *colon = strchr (peer, ':');
  g_autofree char *place = colon != NULL ? g_uri_unescape_string (colon + 1, NULL) : NULL;
  char *port = place != NULL ? strrchr (place, ':') : NULL;
  char *host = place;

  if (port == NULL)
    return NULL;

  *port = '\0';
  if (host[0] == '[' && port > host && port[-1] == ']')
    {
      port[-1] = '\0';
      host++;
    }
  return g_inet_socket_address_new_from_string (host, (guint) g_ascii_strtoull (port + 1, NULL, 10));
}

gboolean
belfry_admission_take_caller (BelfryAdmission             *self,
                              const BelfryAdmissionCaller *caller,
                              gint64                       now_usec)
{
  BelfryGrant *grant = belfry_key_ring_is_empty (self->keys) ? NULL : find_grant_of_caller (self, caller);
  const BelfryRate *rate;
  BelfryClientAddress address;
  gint64 wait_usec = 0;
  gboolean passes;

  if (caller->rate_class == BELFRY_RATE_CLASS_NONE)
    return TRUE;

  rate = belfry_rate_limiter_get_rate (self->limiter, caller->rate_class);
  if (grant != NULL)
    {
      passes = belfry_grant_take (grant, caller->rate_class, rate, now_usec, &wait_usec);
    }
  else if (rate->count == 0)
    {
      passes = TRUE;
    }
  else
    {
      g_autoptr(GSocketAddress) place = parse_peer (caller->peer);

      (void) belfry_client_address_init (&address, place);
      belfry_client_address_cut (&address);
      passes = belfry_rate_limiter_take (self->limiter, caller->rate_class, &address, now_usec, &wait_usec);
    }

  if (!passes)
    belfry_admission_count_limited (self, caller->rate_class);
  return passes;
}
