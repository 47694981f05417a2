/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-daemon-private.h"

#include "belfry-setting-values.h"

/* SIGHUP: the files are read anew, the options and the environment of the start keep beating them. What is wrong
 * is told in one line and changes nothing. */

static void
tell_manager (BelfryDaemon *self)
{
  g_autofree char *state = g_strdup_printf ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time ());

  belfry_daemon_notify_manager (state);
}

/* What would need a new start is compared with the last one, so it is told at each reload until then. */
static void
tell_what_waits (BelfryDaemon         *self,
                 const BelfrySettings *settings)
{
  gsize n_settings;
  const BelfrySettingInfo *infos = belfry_settings_list (&n_settings);

  for (gsize i = 0; i < n_settings; i++)
    {
      if (!infos[i].is_live && !belfry_setting_is_equal (&infos[i], self->started, settings))
        g_warning ("%s has changed; it takes effect at the next start", infos[i].name);
    }
  if ((self->started->tls_certificate != NULL) != (settings->tls_certificate != NULL))
    g_warning ("TLS was switched on or off; it takes effect at the next start");
}

static BelfrySettings *
load_settings (BelfryDaemon  *self,
               GError       **error)
{
  g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(BelfrySettings) settings = self->load_settings (warnings, self->load_data, error);

  for (guint i = 0; i < warnings->len; i++)
    g_warning ("%s", (const char *) g_ptr_array_index (warnings, i));

  return g_steal_pointer (&settings);
}

void
belfry_daemon_reload (BelfryDaemon *self)
{
  g_autoptr(BelfrySettings) settings = NULL;
  g_autoptr(GError) error = NULL;

  if (self->is_stopping || self->load_settings == NULL)
    return;

  tell_manager (self);
  settings = load_settings (self, &error);
  if (settings == NULL || !belfry_daemon_apply_live (self, settings, &error))
    {
      belfry_reload_counts_add (self->counts, FALSE);
      g_warning ("Could not reload, all stays as it was: %s", error->message);
    }
  else
    {
      belfry_reload_counts_add (self->counts, TRUE);
      belfry_daemon_bus_reload (self->bus);
      tell_what_waits (self, settings);
      g_message ("Reloaded");
    }
  belfry_daemon_notify_manager ("READY=1");
}
