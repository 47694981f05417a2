/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-route-table-private.h"

#include <string.h>

#include "belfry-query-string-private.h"

/* Which function answers which path. Patterns without a {name} are found by one look into a hash table;
 * the few with one are tried in turn. A path is split before it is decoded, so that %2F in a segment
 * separates nothing. */

#define PREFIX "/api/v1"

typedef struct
{
  char      *head;    /* owned; pattern up to its {name}, or the whole of it */
  char      *tail;    /* owned; what follows the {name}; NULL when there is none */
  GPtrArray *routes;  /* owned; of BelfryRoute (owned reference), one a method */
} Pattern;

struct _BelfryRouteTable
{
  GHashTable *literal;   /* owned; head -> Pattern (borrowed) */
  GPtrArray  *patterns;  /* owned; of Pattern, in the order of their registration */
};

static void
clear_route (gpointer data)
{
  BelfryRoute *route = data;

  if (route->destroy != NULL)
    route->destroy (route->user_data);
}

void
belfry_route_unref (BelfryRoute *route)
{
  g_atomic_rc_box_release_full (route, clear_route);
}

static void
free_pattern (gpointer data)
{
  Pattern *pattern = data;

  g_clear_pointer (&pattern->routes, g_ptr_array_unref);
  g_free (pattern->head);
  g_free (pattern->tail);
  g_free (pattern);
}

BelfryRouteTable *
belfry_route_table_new (void)
{
  BelfryRouteTable *self = g_new0 (BelfryRouteTable, 1);

  self->literal = g_hash_table_new (g_str_hash, g_str_equal);
  self->patterns = g_ptr_array_new_with_free_func (free_pattern);
  return self;
}

void
belfry_route_table_free (BelfryRouteTable *self)
{
  g_clear_pointer (&self->literal, g_hash_table_unref);
  g_clear_pointer (&self->patterns, g_ptr_array_unref);
  g_free (self);
}

static Pattern *
ensure_pattern (BelfryRouteTable *self,
                const char       *text)
{
  const char *open = strchr (text, '{');
  const char *close = open != NULL ? strchr (open, '}') : NULL;
  g_autofree char *head = close != NULL ? g_strndup (text, open - text) : g_strdup (text);
  const char *tail = close != NULL ? close + 1 : NULL;
  Pattern *pattern;

  for (guint i = 0; i < self->patterns->len; i++)
    {
      pattern = g_ptr_array_index (self->patterns, i);
      if (strcmp (pattern->head, head) == 0 && g_strcmp0 (pattern->tail, tail) == 0)
        return pattern;
    }

  pattern = g_new0 (Pattern, 1);
  pattern->head = g_steal_pointer (&head);
  pattern->tail = g_strdup (tail);
  pattern->routes = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_route_unref);
  g_ptr_array_add (self->patterns, pattern);
  if (pattern->tail == NULL)
    g_hash_table_insert (self->literal, pattern->head, pattern);

  return pattern;
}

/* A new reference, or NULL. */
static BelfryRoute *
find_route (Pattern    *pattern,
            const char *method)
{
  for (guint i = 0; i < pattern->routes->len; i++)
    {
      BelfryRoute *route = g_ptr_array_index (pattern->routes, i);

      if (strcmp (route->method, method) == 0)
        return g_atomic_rc_box_acquire (route);
    }

  return NULL;
}

static void
put_route (Pattern     *pattern,
           BelfryRoute *route)
{
  for (guint i = 0; i < pattern->routes->len; i++)
    {
      BelfryRoute *older = g_ptr_array_index (pattern->routes, i);

      if (strcmp (older->method, route->method) == 0)
        {
          pattern->routes->pdata[i] = route;
          belfry_route_unref (older);
          return;
        }
    }

  g_ptr_array_add (pattern->routes, route);
}

void
belfry_route_table_add (BelfryRouteTable *self,
                        const char       *method,
                        const char       *pattern,
                        BelfryRouteFlags  flags,
                        BelfryScope       scopes,
                        BelfryRateClass   rate_class,
                        BelfryRouteFunc   func,
                        gpointer          user_data,
                        GDestroyNotify    destroy)
{
  BelfryRoute *route = g_atomic_rc_box_new (BelfryRoute);

  *route = (BelfryRoute) { g_intern_string (method), flags, scopes, rate_class, func, user_data,
                          destroy };
  put_route (ensure_pattern (self, pattern), route);
}

/* The decoded segment between head and tail, or NULL. */
static char *
match_segment (Pattern    *pattern,
               const char *path)
{
  gsize head_length = strlen (pattern->head);
  gsize segment_length;

  if (strncmp (path, pattern->head, head_length) != 0)
    return NULL;

  path += head_length;
  segment_length = strcspn (path, "/");
  if (segment_length == 0 || strcmp (path + segment_length, pattern->tail) != 0)
    return NULL;

  return belfry_query_string_decode (path, segment_length, FALSE);
}

static char *
list_methods (Pattern *pattern)
{
  g_autoptr(GString) list = g_string_new (NULL);

  for (guint i = 0; i < pattern->routes->len; i++)
    {
      const BelfryRoute *route = g_ptr_array_index (pattern->routes, i);

      if (list->len > 0)
        g_string_append (list, ", ");
      g_string_append (list, route->method);
      if (strcmp (route->method, "GET") == 0)
        g_string_append (list, ", HEAD");
    }
  g_string_append (list, ", OPTIONS");

  return g_string_free (g_steal_pointer (&list), FALSE);
}

static Pattern *
find_pattern (BelfryRouteTable *self,
              const char       *path,
              const char       *decoded,
              char            **path_param)
{
  Pattern *pattern = g_hash_table_lookup (self->literal, decoded);

  if (pattern != NULL)
    return pattern;

  for (guint i = 0; i < self->patterns->len; i++)
    {
      pattern = g_ptr_array_index (self->patterns, i);
      if (pattern->tail == NULL)
        continue;

      *path_param = match_segment (pattern, path);
      if (*path_param != NULL)
        return pattern;
    }

  return NULL;
}

void
belfry_route_table_match (BelfryRouteTable *self,
                          const char       *method,
                          const char       *path,
                          BelfryRouteMatch *match)
{
  Pattern *pattern;

  memset (match, 0, sizeof *match);
  if (g_str_has_prefix (path, PREFIX "/"))
    path += strlen (PREFIX);

  match->path = belfry_query_string_decode (path, strlen (path), FALSE);
  if (match->path == NULL)
    return;

  pattern = find_pattern (self, path, match->path, &match->path_param);
  if (pattern == NULL)
    return;

  match->path_known = TRUE;
  match->route = find_route (pattern, method);
  if (match->route == NULL && strcmp (method, "HEAD") == 0)
    match->route = find_route (pattern, "GET");
  if (match->route == NULL)
    match->allow = list_methods (pattern);
}

void
belfry_route_table_foreach (BelfryRouteTable *self,
                            BelfryRouteVisit  visit,
                            gpointer          user_data)
{
  for (guint i = 0; i < self->patterns->len; i++)
    {
      const Pattern *pattern = g_ptr_array_index (self->patterns, i);
      g_autofree char *text = g_strconcat (pattern->head, pattern->tail != NULL ? "{}" : NULL, pattern->tail, NULL);

      for (guint j = 0; j < pattern->routes->len; j++)
        visit (g_ptr_array_index (pattern->routes, j), text, user_data);
    }
}

void
belfry_route_match_clear (BelfryRouteMatch *match)
{
  g_clear_pointer (&match->route, belfry_route_unref);
  g_clear_pointer (&match->path, g_free);
  g_clear_pointer (&match->path_param, g_free);
  g_clear_pointer (&match->allow, g_free);
}
