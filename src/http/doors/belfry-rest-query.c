/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-rest-private.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "belfry-error.h"
#include "belfry-filter-private.h"

#define MAX_TYPE_CHARACTERS 50
#define MAX_ID_CHARACTERS   200

static gboolean
check_length (BelfryRequest *request,
              const char    *name,
              const char    *value,
              glong          maximum)
{
  g_autofree char *message = NULL;

  if (value == NULL || g_utf8_strlen (value, -1) <= maximum)
    return TRUE;

  message = g_strdup_printf ("String should have at most %ld characters", maximum);
  belfry_request_respond_problem (request, "query", name, "string_too_long", message);
  return FALSE;
}

/* All values of a parameter, each split at its commas; empty pieces say nothing. */
static void
add_list (BelfryRequest *request,
          const char    *name,
          GPtrArray     *list)
{
  g_auto(GStrv) values = belfry_request_list_query (request, name);

  for (gsize i = 0; values[i] != NULL; i++)
    {
      g_auto(GStrv) pieces = g_strsplit (values[i], ",", -1);

      for (gsize j = 0; pieces[j] != NULL; j++)
        {
          g_strstrip (pieces[j]);
          if (pieces[j][0] != '\0')
            g_ptr_array_add (list, g_strdup (pieces[j]));
        }
    }
}

static gboolean
parse_amount (BelfryRequest *request,
              const char    *text,
              double        *amount)
{
  char *end;

  /* What is too small for a double is still a number. */
  *amount = g_ascii_strtod (text, &end);
  if (end != text && *end == '\0' && isfinite (*amount) && !g_ascii_isspace (text[0])
      && strpbrk (text, "xXpP") == NULL)
    return TRUE;

  belfry_request_respond_problem (request, "query", "min_amount", "float_parsing",
                                  "Input should be a valid number, unable to parse string as a number");
  return FALSE;
}

static gboolean
check_list (BelfryRequest *request,
            const char    *name,
            GPtrArray     *list,
            glong          maximum)
{
  for (guint i = 0; i < list->len; i++)
    {
      if (!check_length (request, name, g_ptr_array_index (list, i), maximum))
        return FALSE;
    }

  return TRUE;
}

BelfryFilter *
belfry_rest_parse_filter (BelfryRequest *request,
                          gboolean       several_types)
{
  g_autoptr(GPtrArray) types = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GPtrArray) tiers = g_ptr_array_new_with_free_func (g_free);
  const char *event_type = belfry_request_get_query (request, "event_type");
  const char *session_id = belfry_request_get_query (request, "session_id");
  const char *user_id = belfry_request_get_query (request, "user_id");
  const char *min_amount = belfry_request_get_query (request, "min_amount");
  g_autoptr(GError) error = NULL;
  BelfryFilter *filter;
  double amount = 0;

  add_list (request, "event_types", types);
  if (!check_list (request, "event_types", types, MAX_TYPE_CHARACTERS))
    return NULL;

  if (several_types)
    add_list (request, "event_type", types);
  else if (event_type != NULL && event_type[0] != '\0')
    g_ptr_array_add (types, g_strdup (event_type));
  add_list (request, "user_tiers", tiers);

  if (!check_list (request, "event_type", types, MAX_TYPE_CHARACTERS)
      || !check_length (request, "session_id", session_id, MAX_ID_CHARACTERS)
      || !check_length (request, "user_id", user_id, MAX_ID_CHARACTERS)
      || !check_list (request, "user_tiers", tiers, MAX_ID_CHARACTERS))
    return NULL;
  if (min_amount != NULL && min_amount[0] != '\0' && !parse_amount (request, min_amount, &amount))
    return NULL;

  g_ptr_array_add (types, NULL);
  g_ptr_array_add (tiers, NULL);
  filter = belfry_filter_new_checked ((const char * const *) types->pdata, session_id, user_id,
                                      (const char * const *) tiers->pdata,
                                      min_amount != NULL && min_amount[0] != '\0' ? &amount : NULL, &error);
  if (filter == NULL)
    belfry_request_respond_problem (request, "query", NULL, "value_error", error->message);

  return filter;
}

gboolean
belfry_rest_parse_limit (BelfryRequest *request,
                         guint          fallback,
                         guint          maximum,
                         guint         *limit)
{
  const char *text = belfry_request_get_query (request, "limit");
  g_autofree char *message = NULL;
  gint64 number;
  char *end;

  *limit = fallback;
  if (text == NULL)
    return TRUE;

  errno = 0;
  number = g_ascii_strtoll (text, &end, 10);
  if (end == text || *end != '\0' || g_ascii_isspace (text[0]))
    {
      belfry_request_respond_problem (request, "query", "limit", "int_parsing",
                                      "Input should be a valid integer, unable to parse string as an integer");
      return FALSE;
    }
  if (number < 1)
    {
      belfry_request_respond_problem (request, "query", "limit", "greater_than_equal",
                                      "Input should be greater than or equal to 1");
      return FALSE;
    }
  if (number > maximum)
    {
      message = g_strdup_printf ("Input should be less than or equal to %u", maximum);
      belfry_request_respond_problem (request, "query", "limit", "less_than_equal", message);
      return FALSE;
    }

  *limit = number;
  return TRUE;
}

void
belfry_rest_respond_node (BelfryRequest *request,
                          guint          status,
                          JsonNode      *node)
{
  g_autofree char *text = json_to_string (node, FALSE);

  belfry_request_respond_json (request, status, text);
}

void
belfry_rest_add_counters (JsonBuilder *builder,
                          GObject     *object)
{
  guint n_specs;
  g_autofree GParamSpec **specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_specs);

  for (guint i = 0; i < n_specs; i++)
    {
      g_auto(GValue) value = G_VALUE_INIT;
      g_auto(GValue) number = G_VALUE_INIT;
      g_autofree char *name = g_strdelimit (g_strdup (specs[i]->name), "-", '_');
      GType type = G_PARAM_SPEC_VALUE_TYPE (specs[i]);

      if (!(specs[i]->flags & G_PARAM_READABLE)
          || (type != G_TYPE_UINT64 && type != G_TYPE_UINT && type != G_TYPE_INT64 && type != G_TYPE_ULONG))
        continue;

      g_value_init (&value, type);
      g_value_init (&number, G_TYPE_INT64);
      g_object_get_property (object, specs[i]->name, &value);
      g_value_transform (&value, &number);
      json_builder_set_member_name (builder, name);
      json_builder_add_int_value (builder, g_value_get_int64 (&number));
    }
}
