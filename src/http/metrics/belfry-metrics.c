/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-metrics-private.h"

#include <math.h>
#include <string.h>

/**
 * BelfryMetrics:
 *
 * The numbers of a service, as Prometheus reads them.
 *
 * Numbers come in families, which say what they mean, and from sources, which are asked when somebody wants to read:
 * counting costs nothing but the counting. A [class@Server] has metrics of its own, see [method@Server.get_metrics], which
 * it serves at `/metrics`; a program adds its families and a source to them.
 *
 * What several sources tell of the same family with the same labels is added up, so that one may tell that something is 0
 * and others what it is. A family holds 1,000 samples at most; what is beyond is counted in
 * `belfry_metrics_dropped_samples_total`.
 *
 * Metrics are used on one context.
 *
 * Since: 0.1
 */

#define MAX_SAMPLES 1000

/* Numbers up to here are told to the last digit. */
#define MAX_WHOLE 9007199254740992.0

typedef struct
{
  char   *suffix;  /* owned; what follows the name of the family: _bucket, labels */
  double  value;
} Sample;

typedef struct
{
  char             *name;     /* owned */
  char             *help;     /* owned */
  BelfryMetricKind  kind;
  GArray           *samples;  /* owned; of Sample, in the order in which they were first told */
  GHashTable       *places;   /* owned; suffix, owned by the sample → its place */
} Family;

typedef struct
{
  BelfryMetricsFunc func;
  gpointer          user_data;
  GDestroyNotify    destroy;
} Source;

struct _BelfryMetrics
{
  GObject parent_instance;

  GPtrArray  *families;  /* owned; of Family, in the order of their adding */
  GHashTable *by_name;   /* owned; name, owned by the family → Family, borrowed */
  GArray     *sources;   /* owned; of Source */
  guint64     dropped;   /* samples, since the start */
};

static const struct
{
  const char *text;         /* as the older format names the kind */
  const char *open_text;
  const char *suffix;       /* of every sample */
} kinds[] = {
  [BELFRY_METRIC_KIND_UNKNOWN] = { "untyped", "unknown", "" },
  [BELFRY_METRIC_KIND_COUNTER] = { "counter", "counter", "_total" },
  [BELFRY_METRIC_KIND_GAUGE] = { "gauge", "gauge", "" },
  [BELFRY_METRIC_KIND_HISTOGRAM] = { "histogram", "histogram", "" },
  [BELFRY_METRIC_KIND_INFO] = { "gauge", "info", "_info" },
};

G_DEFINE_FINAL_TYPE (BelfryMetrics, belfry_metrics, G_TYPE_OBJECT)

static void
clear_sample (gpointer data)
{
  g_free (((Sample *) data)->suffix);
}

static void
free_family (gpointer data)
{
  Family *family = data;

  g_hash_table_unref (family->places);
  g_array_unref (family->samples);
  g_free (family->name);
  g_free (family->help);
  g_free (family);
}

static void
clear_source (gpointer data)
{
  Source *source = data;

  if (source->destroy != NULL)
    source->destroy (source->user_data);
}

static void
belfry_metrics_finalize (GObject *object)
{
  BelfryMetrics *self = BELFRY_METRICS (object);

  g_array_unref (self->sources);
  g_hash_table_unref (self->by_name);
  g_ptr_array_unref (self->families);

  G_OBJECT_CLASS (belfry_metrics_parent_class)->finalize (object);
}

static void
belfry_metrics_class_init (BelfryMetricsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = belfry_metrics_finalize;
}

static void
belfry_metrics_init (BelfryMetrics *self)
{
  self->families = g_ptr_array_new_with_free_func (free_family);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  self->sources = g_array_new (FALSE, FALSE, sizeof (Source));
  g_array_set_clear_func (self->sources, clear_source);
}

/**
 * belfry_metrics_new:
 *
 * Makes metrics without any family.
 *
 * Returns: (transfer full): metrics
 *
 * Since: 0.1
 */
BelfryMetrics *
belfry_metrics_new (void)
{
  return g_object_new (BELFRY_TYPE_METRICS, NULL);
}

/**
 * belfry_metrics_add_family:
 * @self: metrics
 * @kind: what its numbers are
 * @name: its name, of letters, digits and `_`; a unit stands at its end, and neither `_total` nor `_info`
 * @help: what the numbers mean
 *
 * Adds a family. One that is there already stays as it is.
 *
 * Since: 0.1
 */
void
belfry_metrics_add_family (BelfryMetrics    *self,
                           BelfryMetricKind  kind,
                           const char       *name,
                           const char       *help)
{
  Family *family;

  g_return_if_fail (BELFRY_IS_METRICS (self));
  g_return_if_fail (kind <= BELFRY_METRIC_KIND_INFO);
  g_return_if_fail (name != NULL && help != NULL);

  if (g_hash_table_contains (self->by_name, name))
    return;

  family = g_new0 (Family, 1);
  family->name = g_strdup (name);
  family->help = g_utf8_make_valid (help, -1);
  family->kind = kind;
  family->samples = g_array_new (FALSE, FALSE, sizeof (Sample));
  g_array_set_clear_func (family->samples, clear_sample);
  family->places = g_hash_table_new (g_str_hash, g_str_equal);
  g_ptr_array_add (self->families, family);
  g_hash_table_insert (self->by_name, family->name, family);
}

/**
 * belfry_metrics_add_source:
 * @self: metrics
 * @func: (scope notified) (closure user_data) (destroy destroy): tells the numbers
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data
 *
 * Adds a source: whenever somebody wants to read, it is asked for its numbers.
 *
 * Since: 0.1
 */
void
belfry_metrics_add_source (BelfryMetrics     *self,
                           BelfryMetricsFunc  func,
                           gpointer           user_data,
                           GDestroyNotify     destroy)
{
  const Source source = { func, user_data, destroy };

  g_return_if_fail (BELFRY_IS_METRICS (self));
  g_return_if_fail (func != NULL);

  g_array_append_val (self->sources, source);
}

/* --- what sources tell --- */

static void
append_escaped (GString    *text,
                const char *bytes,
                gboolean    quotes_too)
{
  g_autofree char *valid = g_utf8_make_valid (bytes, -1);

  for (const char *next = valid; *next != '\0'; next++)
    {
      if (*next == '\n')
        g_string_append (text, "\\n");
      else if (*next == '\\' || (*next == '"' && quotes_too))
        g_string_append_printf (text, "\\%c", *next);
      else
        g_string_append_c (text, *next);
    }
}

static void
append_number (GString *text,
               double   value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  if (isnan (value))
    g_string_append (text, "NaN");
  else if (isinf (value))
    g_string_append (text, value > 0 ? "+Inf" : "-Inf");
  else if (value >= -MAX_WHOLE && value <= MAX_WHOLE && value == (double) (gint64) value)
    g_string_append_printf (text, "%" G_GINT64_FORMAT, (gint64) value);
  else
    g_string_append (text, g_ascii_formatd (buffer, sizeof buffer, "%.15g", value));
}

static Sample *
find_sample (BelfryMetrics *self,
             Family        *family,
             const char    *suffix)
{
  gpointer place;
  Sample sample = { NULL, 0 };

  if (g_hash_table_lookup_extended (family->places, suffix, NULL, &place))
    return &g_array_index (family->samples, Sample, GPOINTER_TO_UINT (place));
  if (family->samples->len == MAX_SAMPLES)
    {
      self->dropped++;
      return NULL;
    }

  sample.suffix = g_strdup (suffix);
  g_hash_table_insert (family->places, sample.suffix, GUINT_TO_POINTER (family->samples->len));
  g_array_append_val (family->samples, sample);
  return &g_array_index (family->samples, Sample, family->samples->len - 1);
}

static void
add_sample (BelfryMetrics *self,
            Family        *family,
            const char    *suffix,
            double         value)
{
  Sample *sample = find_sample (self, family, suffix);

  if (sample != NULL)
    sample->value += value;
}

/**
 * belfry_metrics_tell:
 * @self: metrics
 * @family: name of a family
 * @labels: (nullable) (array zero-terminated=1): names and values of labels in turn, or %NULL for none
 * @value: the number
 *
 * Tells a number; for the functions of sources. There should be few values of a label, and never some that a stranger
 * chooses.
 *
 * Since: 0.1
 */
void
belfry_metrics_tell (BelfryMetrics      *self,
                     const char         *family,
                     const char * const *labels,
                     double              value)
{
  g_autoptr(GString) suffix = NULL;
  Family *known;

  g_return_if_fail (BELFRY_IS_METRICS (self));
  g_return_if_fail (family != NULL);
  known = g_hash_table_lookup (self->by_name, family);
  g_return_if_fail (known != NULL);

  suffix = g_string_new (kinds[known->kind].suffix);
  for (gsize i = 0; labels != NULL && labels[i] != NULL && labels[i + 1] != NULL; i += 2)
    {
      g_string_append_printf (suffix, "%c%s=\"", i == 0 ? '{' : ',', labels[i]);
      append_escaped (suffix, labels[i + 1], TRUE);
      g_string_append_c (suffix, '"');
    }
  if (labels != NULL && labels[0] != NULL)
    g_string_append_c (suffix, '}');
  add_sample (self, known, suffix->str, value);
}

void
belfry_metrics_tell_one (BelfryMetrics *self,
                         const char    *family,
                         const char    *label,
                         const char    *label_value,
                         double         value)
{
  const char * const labels[] = { label, label_value, NULL };

  belfry_metrics_tell (self, family, labels, value);
}

/* A bound is written with a point in both formats: to who reads it as text it is the same series. */
static char *
format_bucket (double bound)
{
  g_autoptr(GString) text = g_string_new ("_bucket{le=\"");

  append_number (text, bound);
  if (!isinf (bound) && strpbrk (text->str + strlen ("_bucket{le=\""), ".e") == NULL)
    g_string_append (text, ".0");
  g_string_append (text, "\"}");

  return g_string_free (g_steal_pointer (&text), FALSE);
}

void
belfry_metrics_tell_histogram (BelfryMetrics         *self,
                               const char            *family,
                               const BelfryHistogram *histogram,
                               double                 unit)
{
  Family *known = g_hash_table_lookup (self->by_name, family);
  guint64 count = 0;

  g_assert (known != NULL && known->kind == BELFRY_METRIC_KIND_HISTOGRAM);

  for (guint i = 0; i <= histogram->n_bounds; i++)
    {
      g_autofree char *bucket = format_bucket (i < histogram->n_bounds ? histogram->bounds[i] * unit : INFINITY);

      count += histogram->counts[i];
      add_sample (self, known, bucket, count);
    }
  add_sample (self, known, "_sum", histogram->sum * unit);
  add_sample (self, known, "_count", count);
}

/* --- the text --- */

static const char *
find_unit (const Family *family)
{
  if (family->kind == BELFRY_METRIC_KIND_INFO)
    return NULL;
  if (g_str_has_suffix (family->name, "_seconds"))
    return "seconds";

  return g_str_has_suffix (family->name, "_bytes") ? "bytes" : NULL;
}

/* The older format has another name for the family than OpenMetrics: that of its samples. */
static void
print_head (const Family *family,
            gboolean      open_metrics,
            GString      *text)
{
  const char *suffix = open_metrics ? "" : kinds[family->kind].suffix;
  const char *unit = find_unit (family);

  if (open_metrics)
    {
      g_string_append_printf (text, "# TYPE %s %s\n", family->name, kinds[family->kind].open_text);
      if (unit != NULL)
        g_string_append_printf (text, "# UNIT %s %s\n", family->name, unit);
    }
  g_string_append_printf (text, "# HELP %s%s ", family->name, suffix);
  append_escaped (text, family->help, open_metrics);
  g_string_append_c (text, '\n');
  if (!open_metrics)
    g_string_append_printf (text, "# TYPE %s%s %s\n", family->name, suffix, kinds[family->kind].text);
}

static void
print_family (const Family *family,
              gboolean      open_metrics,
              GString      *text)
{
  if (family->samples->len == 0)
    return;

  print_head (family, open_metrics, text);
  for (guint i = 0; i < family->samples->len; i++)
    {
      const Sample *sample = &g_array_index (family->samples, Sample, i);

      g_string_append (text, family->name);
      g_string_append (text, sample->suffix);
      g_string_append_c (text, ' ');
      append_number (text, sample->value);
      g_string_append_c (text, '\n');
    }
}

static void
forget_samples (BelfryMetrics *self)
{
  for (guint i = 0; i < self->families->len; i++)
    {
      Family *family = g_ptr_array_index (self->families, i);

      g_hash_table_remove_all (family->places);
      g_array_set_size (family->samples, 0);
    }
}

static void
ask_sources (BelfryMetrics *self)
{
  static const char name[] = "belfry_metrics_dropped_samples";

  for (guint i = 0; i < self->sources->len; i++)
    {
      const Source source = g_array_index (self->sources, Source, i);

      source.func (self, source.user_data);
    }

  belfry_metrics_add_family (self, BELFRY_METRIC_KIND_COUNTER, name,
                             "Samples that were not shown because their family holds too many.");
  belfry_metrics_tell (self, name, NULL, self->dropped);
}

/**
 * belfry_metrics_print:
 * @self: metrics
 * @open_metrics: whether to write OpenMetrics 1.0, rather than the text format 0.0.4 of Prometheus
 *
 * Asks all sources, and writes what they tell.
 *
 * Returns: (transfer full): the text
 *
 * Since: 0.1
 */
char *
belfry_metrics_print (BelfryMetrics *self,
                      gboolean       open_metrics)
{
  GString *text;

  g_return_val_if_fail (BELFRY_IS_METRICS (self), NULL);

  ask_sources (self);
  text = g_string_sized_new (32 * 1024);
  for (guint i = 0; i < self->families->len; i++)
    print_family (g_ptr_array_index (self->families, i), open_metrics, text);
  if (open_metrics)
    g_string_append (text, "# EOF\n");
  forget_samples (self);

  return g_string_free (text, FALSE);
}
