/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-ctl-format.h"

#include <string.h>

#include "belfry-ctl-format-private.h"

/* The daemon's figures for people: totals, types, then a block for each part of the daemon, in two columns. What is
 * nought or was merely set tells an administrator nothing at a glance, so it takes --verbose to show it. */

#define MAX_TYPES    20  /* without --verbose */
#define TYPE_WIDTH   30
#define LINE_WIDTH   79
#define MAX_DEPTH    4

typedef struct
{
  GString        *text;
  BelfryCtlStyle  style;
  gboolean        is_verbose;
  guint           n_left_out;
} Page;

/* Of one block; in the order of the answer. */
typedef struct
{
  GPtrArray *names;   /* owned */
  GPtrArray *values;  /* owned */
  gsize      name_width;
  gsize      value_width;
} Block;

/* A bound or a time that somebody chose. */
static gboolean
is_set_by_somebody (const char *member)
{
  static const char * const others[] = { "lookahead_bytes", "stream_batch_events", NULL };

  return g_str_has_prefix (member, "max_") || strstr (member, "_max_") != NULL || g_str_has_suffix (member, "_max")
         || g_str_has_prefix (member, "n_") || g_str_has_suffix (member, "_usec") || g_str_has_suffix (member, "_msec")
         || g_strv_contains (others, member);
}

static gboolean
is_count (JsonNode *node)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64 && json_node_get_int (node) >= 0;
}

static char *
format_value (JsonNode *node)
{
  g_autofree char *json = NULL;

  if (is_count (node))
    return belfry_ctl_format_count ((guint64) json_node_get_int (node));

  json = json_to_string (node, FALSE);

  return belfry_ctl_format_safe (json, strlen (json));
}

static void
add_figure (Block      *block,
            const char *name,
            JsonNode   *node)
{
  g_autofree char *safe = belfry_ctl_format_safe (name, strlen (name));
  g_autofree char *value = format_value (node);

  block->name_width = MAX (block->name_width, strlen (safe));
  block->value_width = MAX (block->value_width, strlen (value));
  g_ptr_array_add (block->names, g_steal_pointer (&safe));
  g_ptr_array_add (block->values, g_steal_pointer (&value));
}

/* An inner object's members get its name in front. */
static void
collect_figures (Page       *page,
                 Block      *block,
                 const char *prefix,
                 JsonObject *object,
                 guint       depth)
{
  g_autoptr(GList) names = json_object_get_members (object);

  for (GList *l = names; l != NULL; l = l->next)
    {
      JsonNode *node = json_object_get_member (object, l->data);
      g_autofree char *name = g_strconcat (prefix, l->data, NULL);

      if (JSON_NODE_HOLDS_OBJECT (node) && depth < MAX_DEPTH)
        {
          g_autofree char *inner = g_strconcat (name, ".", NULL);

          collect_figures (page, block, inner, json_node_get_object (node), depth + 1);
        }
      else if (page->is_verbose || (!is_set_by_somebody (l->data) && !(is_count (node) && json_node_get_int (node) == 0)))
        add_figure (block, name, node);
      else
        page->n_left_out++;
    }
}

/* Downwards first, as one reads. */
static void
append_figures (Page        *page,
                const Block *block)
{
  const gsize cell_width = block->name_width + 2 + block->value_width;
  const guint n_columns = 2 + cell_width + 4 + cell_width <= LINE_WIDTH ? 2 : 1;
  const guint n_rows = (block->names->len + n_columns - 1) / n_columns;

  for (guint row = 0; row < n_rows; row++)
    {
      for (guint at = row; at < block->names->len; at += n_rows)
        g_string_append_printf (page->text, "%*s%-*s  %*s", at == row ? 2 : 4, "", (int) block->name_width,
                                (const char *) g_ptr_array_index (block->names, at), (int) block->value_width,
                                (const char *) g_ptr_array_index (block->values, at));
      g_string_append_c (page->text, '\n');
    }
}

static void
append_block (Page       *page,
              const char *name,
              JsonObject *object)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *safe = belfry_ctl_format_safe (name, strlen (name));
  Block block = { names, values, 0, 0 };

  collect_figures (page, &block, "", object, 1);
  if (names->len == 0)
    return;

  g_string_append_c (page->text, '\n');
  belfry_ctl_format_append_name (page->text, page->style, safe, 0);
  g_string_append_c (page->text, '\n');
  append_figures (page, &block);
}

/* The totals, which belong to no part. */
static void
append_totals (Page       *page,
               JsonObject *object)
{
  g_autoptr(GList) names = json_object_get_members (object);

  for (GList *l = names; l != NULL; l = l->next)
    {
      JsonNode *node = json_object_get_member (object, l->data);
      g_autofree char *safe = belfry_ctl_format_safe (l->data, strlen (l->data));
      g_autofree char *value = NULL;

      if (!JSON_NODE_HOLDS_VALUE (node) && !JSON_NODE_HOLDS_NULL (node))
        continue;
      value = format_value (node);
      g_string_append_printf (page->text, "%-*s %14s\n", TYPE_WIDTH, safe, value);
    }
}

static gint64
get_count (JsonObject *row)
{
  return MAX (json_object_get_int_member_with_default (row, "count", 0), 0);
}

static int
compare_rows (gconstpointer a,
              gconstpointer b)
{
  JsonObject *row_a = *(JsonObject * const *) a;
  JsonObject *row_b = *(JsonObject * const *) b;

  if (get_count (row_a) != get_count (row_b))
    return get_count (row_a) > get_count (row_b) ? -1 : 1;

  return strcmp (json_object_get_string_member_with_default (row_a, "event_type", ""),
                 json_object_get_string_member_with_default (row_b, "event_type", ""));
}

static void
append_type (Page       *page,
             JsonObject *row)
{
  const char *name = json_object_get_string_member_with_default (row, "event_type", "-");
  const char *seen = json_object_get_string_member_with_default (row, "last_seen", "-");
  g_autofree char *digits = belfry_ctl_format_count ((guint64) get_count (row));
  g_autofree char *safe_name = belfry_ctl_format_safe (name, strlen (name));
  g_autofree char *safe_seen = belfry_ctl_format_safe (seen, strlen (seen));

  belfry_ctl_format_append_name (page->text, page->style, safe_name, TYPE_WIDTH);
  g_string_append_printf (page->text, " %14s  %s\n", digits, safe_seen);
}

static void
append_types (Page      *page,
              JsonArray *array)
{
  g_autoptr(GPtrArray) rows = g_ptr_array_new ();
  guint n_shown;

  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);

      if (JSON_NODE_HOLDS_OBJECT (node))
        g_ptr_array_add (rows, json_node_get_object (node));
    }
  if (rows->len == 0)
    return;

  g_ptr_array_sort (rows, compare_rows);
  g_string_append_printf (page->text, "\n%-*s %14s  %s\n", TYPE_WIDTH, "Type", "Events", "Last seen");
  n_shown = page->is_verbose ? rows->len : MIN (rows->len, MAX_TYPES);
  for (guint i = 0; i < n_shown; i++)
    append_type (page, g_ptr_array_index (rows, i));
  if (n_shown < rows->len)
    g_string_append_printf (page->text, "and %u types more\n", rows->len - n_shown);
}

char *
belfry_ctl_format_stats (const char      *json,
                         BelfryCtlStyle   style,
                         gboolean         is_verbose,
                         GError         **error)
{
  g_autoptr(JsonObject) object = belfry_ctl_format_parse_object (json, error);
  g_autoptr(GString) text = g_string_new (NULL);
  g_autoptr(GList) names = NULL;
  Page page = { text, style, is_verbose, 0 };
  JsonNode *by_type;

  if (object == NULL)
    return NULL;

  append_totals (&page, object);
  by_type = json_object_get_member (object, "by_type");
  if (by_type != NULL && JSON_NODE_HOLDS_ARRAY (by_type))
    append_types (&page, json_node_get_array (by_type));

  names = json_object_get_members (object);
  for (GList *l = names; l != NULL; l = l->next)
    {
      JsonNode *node = json_object_get_member (object, l->data);

      if (JSON_NODE_HOLDS_OBJECT (node))
        append_block (&page, l->data, json_node_get_object (node));
    }
  if (page.n_left_out > 0)
    g_string_append (text, "\nWhat is 0 and what was set is left out; --verbose shows it.\n");

  return g_string_free (g_steal_pointer (&text), FALSE);
}
