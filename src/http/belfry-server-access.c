/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-server-fields-private.h"

/* Who may come in, and how often. */

#define FIRST_ACCESS 2000

typedef enum
{
  PROP_TRUSTED_PROXIES = FIRST_ACCESS,
  PROP_RATE_LIMIT_PUBLISH,  /* in the order of BelfryRateClass */
  PROP_RATE_LIMIT_QUERY,
  PROP_RATE_LIMIT_ADMIN,
  PROP_RATE_LIMIT_FILTERS,
  PROP_RATE_LIMIT_COLLECT,
  PROP_RATE_LIMIT_MAX_CLIENTS,
  PROP_FORBIDDEN,
  PROP_RATE_LIMITED,
  PROP_RATE_LIMIT_CLIENTS,
  PROP_RATE_LIMIT_SHARED,
} BelfryServerAccess;

static BelfryRateClass
get_rate_class (BelfryServerAccess property)
{
  return (BelfryRateClass) (BELFRY_RATE_CLASS_PUBLISH + (property - PROP_RATE_LIMIT_PUBLISH));
}

static char *
dup_rate (BelfryServer    *self,
          BelfryRateClass  rate_class)
{
  return belfry_rate_to_string (belfry_rate_limiter_get_rate (belfry_admission_get_limiter (self->admission),
                                                              rate_class));
}

gboolean
belfry_server_get_access (BelfryServer *self,
                          guint         property_id,
                          GValue       *value)
{
  BelfryRateLimiter *limiter = belfry_admission_get_limiter (self->admission);
  const BelfryAdmissionTally *tally = belfry_admission_get_tally (self->admission);

  switch ((BelfryServerAccess) property_id)
    {
    case PROP_TRUSTED_PROXIES:
      g_value_set_boxed (value, self->trusted_proxies);
      return TRUE;
    case PROP_RATE_LIMIT_PUBLISH:
    case PROP_RATE_LIMIT_QUERY:
    case PROP_RATE_LIMIT_ADMIN:
    case PROP_RATE_LIMIT_FILTERS:
    case PROP_RATE_LIMIT_COLLECT:
      g_value_take_string (value, dup_rate (self, get_rate_class ((BelfryServerAccess) property_id)));
      return TRUE;
    case PROP_RATE_LIMIT_MAX_CLIENTS:
      g_value_set_uint (value, belfry_rate_limiter_get_max_clients (limiter));
      return TRUE;
    case PROP_FORBIDDEN:
      g_value_set_uint64 (value, tally->forbidden);
      return TRUE;
    case PROP_RATE_LIMITED:
      g_value_set_uint64 (value, tally->rate_limited);
      return TRUE;
    case PROP_RATE_LIMIT_CLIENTS:
      g_value_set_uint (value, belfry_rate_limiter_get_n_clients (limiter));
      return TRUE;
    case PROP_RATE_LIMIT_SHARED:
      g_value_set_uint64 (value, belfry_rate_limiter_get_n_shared (limiter));
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
set_trusted_proxies (BelfryServer       *self,
                     const char * const *proxies)
{
  g_autoptr(GError) error = NULL;

  if (!belfry_admission_set_proxies (self->admission, proxies, &error))
    {
      g_critical ("trusted-proxies: %s", error->message);
      return FALSE;
    }

  g_strfreev (self->trusted_proxies);
  self->trusted_proxies = g_strdupv ((char **) proxies);
  return TRUE;
}

static gboolean
set_rate (BelfryServer    *self,
          BelfryRateClass  rate_class,
          const char      *text)
{
  BelfryRateLimiter *limiter = belfry_admission_get_limiter (self->admission);
  const BelfryRate *older = belfry_rate_limiter_get_rate (limiter, rate_class);
  g_autoptr(GError) error = NULL;
  BelfryRate rate;

  if (!belfry_rate_parse (text != NULL ? text : "unlimited", &rate, &error))
    {
      g_critical ("A rate limit: %s", error->message);
      return FALSE;
    }
  if (rate.count == older->count && rate.period_usec == older->period_usec)
    return FALSE;

  belfry_rate_limiter_set_rate (limiter, rate_class, &rate);
  return TRUE;
}

static gboolean
set_max_clients (BelfryServer *self,
                 guint         max_clients)
{
  BelfryRateLimiter *limiter = belfry_admission_get_limiter (self->admission);

  if (belfry_rate_limiter_get_max_clients (limiter) == max_clients)
    return FALSE;

  belfry_rate_limiter_set_max_clients (limiter, max_clients);
  return TRUE;
}

gboolean
belfry_server_set_access (BelfryServer *self,
                          guint         property_id,
                          const GValue *value)
{
  switch ((BelfryServerAccess) property_id)
    {
    case PROP_TRUSTED_PROXIES:
      return set_trusted_proxies (self, g_value_get_boxed (value));
    case PROP_RATE_LIMIT_PUBLISH:
    case PROP_RATE_LIMIT_QUERY:
    case PROP_RATE_LIMIT_ADMIN:
    case PROP_RATE_LIMIT_FILTERS:
    case PROP_RATE_LIMIT_COLLECT:
      return set_rate (self, get_rate_class ((BelfryServerAccess) property_id), g_value_get_string (value));
    case PROP_RATE_LIMIT_MAX_CLIENTS:
      return set_max_clients (self, g_value_get_uint (value));
    case PROP_FORBIDDEN:
    case PROP_RATE_LIMITED:
    case PROP_RATE_LIMIT_CLIENTS:
    case PROP_RATE_LIMIT_SHARED:
    default:
      return FALSE;
    }
}

static void
install_settings (GObjectClass *object_class)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  /**
   * BelfryServer:trusted-proxies:
   *
   * Addresses and networks of proxies whose `X-Forwarded-For` is believed.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_TRUSTED_PROXIES,
                                   g_param_spec_boxed ("trusted-proxies", NULL, NULL, G_TYPE_STRV, flags));

  /**
   * BelfryServer:rate-limit-publish:
   *
   * How many events one client may publish by `POST`, such as `200/minute`: a count and second, minute, hour or
   * day; `unlimited` is no limit. What is none of these is refused with a critical warning.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_RATE_LIMIT_PUBLISH,
                                   g_param_spec_string ("rate-limit-publish", NULL, NULL, "unlimited", flags));

  /**
   * BelfryServer:rate-limit-query:
   *
   * How many queries one client may make, as [property@Server:rate-limit-publish].
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_RATE_LIMIT_QUERY,
                                   g_param_spec_string ("rate-limit-query", NULL, NULL, "unlimited", flags));

  /**
   * BelfryServer:rate-limit-admin:
   *
   * How many requests of administration one client may make, as [property@Server:rate-limit-publish].
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_RATE_LIMIT_ADMIN,
                                   g_param_spec_string ("rate-limit-admin", NULL, NULL, "unlimited", flags));

  /**
   * BelfryServer:rate-limit-filters:
   *
   * How many changes to stored filters one client may make, as [property@Server:rate-limit-publish].
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_RATE_LIMIT_FILTERS,
                                   g_param_spec_string ("rate-limit-filters", NULL, NULL, "unlimited", flags));

  /**
   * BelfryServer:rate-limit-collect:
   *
   * How many batches one client may have collected, as [property@Server:rate-limit-publish].
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_RATE_LIMIT_COLLECT,
                                   g_param_spec_string ("rate-limit-collect", NULL, NULL, "unlimited", flags));

  /**
   * BelfryServer:rate-limit-max-clients:
   *
   * How many clients are counted on their own, one in two classes twice. Further ones share what a single one may.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_RATE_LIMIT_MAX_CLIENTS,
                                   g_param_spec_uint ("rate-limit-max-clients", NULL, NULL, 1, G_MAXINT32, 100000,
                                                      flags));
}

static void
install_counters (GObjectClass *object_class)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  /**
   * BelfryServer:forbidden:
   *
   * Requests answered with 403 for the scope of their key, and sockets closed for it, since the start.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_FORBIDDEN,
                                   g_param_spec_uint64 ("forbidden", NULL, NULL, 0, G_MAXUINT64, 0, flags));

  /**
   * BelfryServer:rate-limited:
   *
   * Requests answered with 429 since the start.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_RATE_LIMITED,
                                   g_param_spec_uint64 ("rate-limited", NULL, NULL, 0, G_MAXUINT64, 0, flags));

  /**
   * BelfryServer:rate-limit-clients:
   *
   * Clients that are counted on their own now; see [property@Server:rate-limit-max-clients].
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_RATE_LIMIT_CLIENTS,
                                   g_param_spec_uint ("rate-limit-clients", NULL, NULL, 0, G_MAXUINT, 0, flags));

  /**
   * BelfryServer:rate-limit-shared:
   *
   * Requests since the start that were counted together with those of other clients, for want of room.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_RATE_LIMIT_SHARED,
                                   g_param_spec_uint64 ("rate-limit-shared", NULL, NULL, 0, G_MAXUINT64, 0, flags));
}

void
belfry_server_install_access (GObjectClass *object_class)
{
  install_settings (object_class);
  install_counters (object_class);
}

/**
 * belfry_server_load_api_keys:
 * @self: a server
 * @path: (type filename) (nullable): a key file with a group for each key, or %NULL for none
 * @error: return location for an error
 *
 * Puts the keys of a file in place of those that an earlier call brought; [property@Server:api-key] stays. A group
 * has the name of the key, `hash` as `belfryctl hash-key` prints it, `scope` and, if wanted, `rate`. Nothing changes
 * when the file is wrong. Sessions of clients whose key is gone, or may do less than before, are closed.
 *
 * Returns: %TRUE when the keys hold, %FALSE with @error set
 *
 * Since: 0.1
 */
gboolean
belfry_server_load_api_keys (BelfryServer  *self,
                             const char    *path,
                             GError       **error)
{
  g_return_val_if_fail (BELFRY_IS_SERVER (self), FALSE);

  if (!belfry_key_ring_load (belfry_admission_get_keys (self->admission), path, error))
    return FALSE;

  belfry_server_close_revoked (self);
  return TRUE;
}

/**
 * belfry_server_has_keys:
 * @self: a server
 *
 * Tells whether there is a key with which a client may come in, be it [property@Server:api-key] or one that
 * [method@Server.load_api_keys] brought.
 *
 * Returns: %TRUE when there is one
 *
 * Since: 0.1
 */
gboolean
belfry_server_has_keys (BelfryServer *self)
{
  g_return_val_if_fail (BELFRY_IS_SERVER (self), FALSE);

  return !belfry_key_ring_is_empty (belfry_admission_get_keys (self->admission));
}
