/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-metrics-private.h"

#include <string.h>

/* Numbers that objects have as properties. What GET /stats tells of a part appears here too, whether somebody has
 * written a row for it or not: with a row it has a name, a kind and a sentence of its own. */

typedef struct
{
  char                   *name;    /* owned */
  const BelfryMetricPart *part;    /* NULL: there are no rows */
  GWeakRef                object;
} Binding;

static void
free_binding (gpointer data)
{
  Binding *binding = data;

  g_weak_ref_clear (&binding->object);
  g_free (binding->name);
  g_free (binding);
}

/* name, owned by the binding → Binding, owned by its source */
static GHashTable *
ensure_bindings (BelfryMetrics *self)
{
  static const char key[] = "belfry-metric-bindings";
  GHashTable *bindings = g_object_get_data (G_OBJECT (self), key);

  if (bindings == NULL)
    {
      bindings = g_hash_table_new (g_str_hash, g_str_equal);
      g_object_set_data_full (G_OBJECT (self), key, bindings, (GDestroyNotify) g_hash_table_unref);
    }

  return bindings;
}

static gboolean
is_number (const GParamSpec *spec)
{
  GType type = G_PARAM_SPEC_VALUE_TYPE (spec);

  return (spec->flags & G_PARAM_READABLE) != 0
         && (type == G_TYPE_UINT64 || type == G_TYPE_UINT || type == G_TYPE_INT64 || type == G_TYPE_ULONG
             || type == G_TYPE_BOOLEAN);
}

static double
read_number (GObject    *object,
             const char *property)
{
  const GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (object), property);
  g_auto(GValue) value = G_VALUE_INIT;
  double unit = g_str_has_suffix (property, "-usec") ? 1e-6 : g_str_has_suffix (property, "-msec") ? 1e-3 : 1;

  if (spec == NULL || !is_number (spec))
    return 0;

  g_object_get_property (object, property, g_value_init (&value, G_PARAM_SPEC_VALUE_TYPE (spec)));
  if (G_VALUE_HOLDS_UINT64 (&value))
    return g_value_get_uint64 (&value) * unit;
  if (G_VALUE_HOLDS_INT64 (&value))
    return g_value_get_int64 (&value) * unit;
  if (G_VALUE_HOLDS_ULONG (&value))
    return g_value_get_ulong (&value) * unit;

  return G_VALUE_HOLDS_BOOLEAN (&value) ? g_value_get_boolean (&value) : g_value_get_uint (&value) * unit;
}

static gboolean
has_row (const BelfryMetricPart *part,
         const char             *property)
{
  for (gsize i = 0; part != NULL && i < part->n_rows; i++)
    {
      if (g_strcmp0 (part->rows[i].property, property) == 0)
        return TRUE;
    }

  return FALSE;
}

/* belfry_NAME_PROPERTY, with the unit that metrics have. */
static char *
name_family (const char *name,
             const char *property)
{
  g_autofree char *stem = g_strdup (property);
  gboolean is_time = g_str_has_suffix (stem, "-usec") || g_str_has_suffix (stem, "-msec");

  if (is_time)
    stem[strlen (stem) - strlen ("-usec")] = '\0';
  g_strdelimit (stem, "-", '_');

  return g_strdup_printf ("belfry_%s_%s%s", name, stem, is_time ? "_seconds" : "");
}

static void
tell_others (BelfryMetrics *self,
             const Binding *binding,
             GObject       *object)
{
  guint n_specs;
  g_autofree GParamSpec **specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_specs);

  for (guint i = 0; i < n_specs; i++)
    {
      gboolean is_setting = (specs[i]->flags & G_PARAM_WRITABLE) != 0;
      g_autofree char *family = NULL;
      g_autofree char *help = NULL;

      if (!is_number (specs[i]) || G_PARAM_SPEC_VALUE_TYPE (specs[i]) == G_TYPE_BOOLEAN
          || has_row (binding->part, specs[i]->name))
        continue;

      family = name_family (binding->name, specs[i]->name);
      help = g_strdup_printf (is_setting ? "The setting %s of the part %s." : "What GET /stats tells as %s of %s.",
                              specs[i]->name, binding->name);
      belfry_metrics_add_family (self, is_setting ? BELFRY_METRIC_KIND_GAUGE : BELFRY_METRIC_KIND_UNKNOWN, family, help);
      belfry_metrics_tell (self, family, NULL, read_number (object, specs[i]->name));
    }
}

static void
tell_binding (BelfryMetrics *self,
              gpointer       user_data)
{
  Binding *binding = user_data;
  g_autoptr(GObject) object = g_weak_ref_get (&binding->object);

  for (gsize i = 0; binding->part != NULL && i < binding->part->n_rows; i++)
    {
      const BelfryMetricRow *row = &binding->part->rows[i];
      double value = object != NULL && row->property != NULL ? read_number (object, row->property) : 0;

      belfry_metrics_tell (self, row->family, row->labels, value);
    }
  if (object != NULL)
    tell_others (self, binding, object);
}

static Binding *
add_binding (BelfryMetrics          *self,
             const char             *name,
             const BelfryMetricPart *part)
{
  Binding *binding = g_new0 (Binding, 1);

  binding->name = g_strdup (name);
  binding->part = part;
  g_weak_ref_init (&binding->object, NULL);
  g_hash_table_insert (ensure_bindings (self), binding->name, binding);
  belfry_metrics_add_source (self, tell_binding, binding, free_binding);

  return binding;
}

void
belfry_metrics_add_part (BelfryMetrics          *self,
                         const BelfryMetricPart *part)
{
  for (gsize i = 0; i < part->n_rows; i++)
    {
      if (part->rows[i].help != NULL)
        belfry_metrics_add_family (self, part->rows[i].kind, part->rows[i].family, part->rows[i].help);
    }
  add_binding (self, part->name, part);
}

void
belfry_metrics_bind_part (BelfryMetrics *self,
                          const char    *name,
                          GObject       *object)
{
  Binding *binding = g_hash_table_lookup (ensure_bindings (self), name);

  if (binding == NULL)
    binding = add_binding (self, name, NULL);
  g_weak_ref_set (&binding->object, object);
}
