/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grant-private.h"

#include <string.h>

BelfryGrant *
belfry_grant_new (const char  *name,
                  BelfryScope  scopes)
{
  BelfryGrant *self = g_rc_box_new0 (BelfryGrant);

  self->name = g_strdup (name);
  self->scopes = scopes;
  return self;
}

BelfryGrant *
belfry_grant_ref (BelfryGrant *self)
{
  return g_rc_box_acquire (self);
}

static void
clear_grant (gpointer data)
{
  BelfryGrant *self = data;

  for (gsize i = 0; i < BELFRY_N_RATE_CLASSES; i++)
    belfry_rate_window_clear (&self->windows[i]);
  g_free (self->name);
}

void
belfry_grant_unref (BelfryGrant *self)
{
  g_rc_box_release_full (self, clear_grant);
}

gboolean
belfry_grant_allows (const BelfryGrant *self,
                     BelfryScope        scopes)
{
  return (self->scopes & (scopes | BELFRY_SCOPE_ADMIN)) != 0;
}

gboolean
belfry_grant_update (BelfryGrant       *self,
                     const BelfryGrant *newer)
{
  if (!(newer->scopes & BELFRY_SCOPE_ADMIN) && (self->scopes & ~newer->scopes) != 0)
    return FALSE;

  g_free (self->name);
  self->name = g_strdup (newer->name);
  self->scopes = newer->scopes;
  self->own_rates = newer->own_rates;
  memcpy (self->rates, newer->rates, sizeof self->rates);
  return TRUE;
}

void
belfry_grant_take_over (BelfryGrant *self,
                        BelfryGrant *older)
{
  for (gsize i = 0; i < BELFRY_N_RATE_CLASSES; i++)
    {
      belfry_rate_window_clear (&self->windows[i]);
      self->windows[i] = older->windows[i];
      memset (&older->windows[i], 0, sizeof older->windows[i]);
    }
}

gboolean
belfry_grant_take (BelfryGrant      *self,
                   BelfryRateClass   rate_class,
                   const BelfryRate *default_rate,
                   gint64            now_usec,
                   gint64           *wait_usec)
{
  const BelfryRate *rate = (self->own_rates & (1u << rate_class)) ? &self->rates[rate_class] : default_rate;

  return belfry_rate_window_take (&self->windows[rate_class], rate, now_usec, wait_usec);
}
