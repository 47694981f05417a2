/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-reload-counts.h"

struct _BelfryReloadCounts
{
  GObject parent_instance;

  guint64 reloads;         /* that were taken over; home context only, like the next */
  guint64 reloads_failed;
};

typedef enum
{
  PROP_RELOADS = 1,
  PROP_RELOADS_FAILED,
} BelfryReloadCountsProperty;

static GParamSpec *properties[PROP_RELOADS_FAILED + 1];

G_DEFINE_FINAL_TYPE (BelfryReloadCounts, belfry_reload_counts, G_TYPE_OBJECT)

static void
belfry_reload_counts_get_property (GObject    *object,
                                   guint       property_id,
                                   GValue     *value,
                                   GParamSpec *pspec)
{
  BelfryReloadCounts *self = BELFRY_RELOAD_COUNTS (object);

  switch ((BelfryReloadCountsProperty) property_id)
    {
    case PROP_RELOADS:
      g_value_set_uint64 (value, self->reloads);
      break;
    case PROP_RELOADS_FAILED:
      g_value_set_uint64 (value, self->reloads_failed);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
belfry_reload_counts_class_init (BelfryReloadCountsClass *klass)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  G_OBJECT_CLASS (klass)->get_property = belfry_reload_counts_get_property;

  properties[PROP_RELOADS] = g_param_spec_uint64 ("reloads", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  properties[PROP_RELOADS_FAILED] = g_param_spec_uint64 ("reloads-failed", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  g_object_class_install_properties (G_OBJECT_CLASS (klass), G_N_ELEMENTS (properties), properties);
}

static void
belfry_reload_counts_init (BelfryReloadCounts *self)
{
}

BelfryReloadCounts *
belfry_reload_counts_new (void)
{
  return g_object_new (BELFRY_TYPE_RELOAD_COUNTS, NULL);
}

void
belfry_reload_counts_add (BelfryReloadCounts *self,
                          gboolean            succeeded)
{
  if (succeeded)
    self->reloads++;
  else
    self->reloads_failed++;
}
