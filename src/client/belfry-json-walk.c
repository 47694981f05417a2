/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-json-walk-private.h"

#include <json-glib/json-glib.h>
#include <string.h>

/* A value ends where its brackets are closed, or, outside brackets, before the comma or bracket of what it stands in.
 * That needs strings and depth, nothing else. */

static void
skip_white (BelfryJsonWalk *self)
{
  while (self->at < self->end
         && (*self->at == ' ' || *self->at == '\t' || *self->at == '\n' || *self->at == '\r'))
    self->at++;
}

/* Behind the closing quote; NULL when there is none. at is on the opening one. */
static const char *
skip_string (const char *at,
             const char *end)
{
  for (at++; at < end; at++)
    {
      if (*at == '"')
        return at + 1;
      if (*at == '\\')
        at++;
    }

  return NULL;
}

static const char *
skip_value (const char *at,
            const char *end)
{
  guint depth = 0;

  while (at < end)
    {
      switch (*at)
        {
        case '"':
          at = skip_string (at, end);
          if (at == NULL)
            return NULL;
          continue;
        case '{':
        case '[':
          depth++;
          break;
        case '}':
        case ']':
          if (depth == 0)
            return at;
          depth--;
          break;
        case ',':
          if (depth == 0)
            return at;
          break;
        default:
          break;
        }

      at++;
    }

  return depth == 0 ? at : NULL;
}

static BelfryJsonSpan
trim_end (const char *start,
          const char *end)
{
  while (end > start && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n' || end[-1] == '\r'))
    end--;

  return (BelfryJsonSpan) { start, (gsize) (end - start) };
}

gboolean
belfry_json_walk_init (BelfryJsonWalk *self,
                       const char     *text,
                       gsize           length)
{
  *self = (BelfryJsonWalk) { .at = text, .end = text + length, .is_first = TRUE };
  skip_white (self);

  if (self->at == self->end || (*self->at != '{' && *self->at != '['))
    return FALSE;

  self->closing = *self->at == '{' ? '}' : ']';
  self->at++;

  return TRUE;
}

static gboolean
fail (BelfryJsonWalk *self)
{
  self->closing = 0;
  self->is_broken = TRUE;

  return FALSE;
}

/* At the place of a member's name: reads it and its colon. */
static gboolean
walk_name (BelfryJsonWalk *self,
           BelfryJsonSpan *name)
{
  const char *behind;

  if (self->at == self->end || *self->at != '"')
    return FALSE;

  behind = skip_string (self->at, self->end);
  if (behind == NULL)
    return FALSE;

  *name = (BelfryJsonSpan) { self->at, (gsize) (behind - self->at) };
  self->at = behind;
  skip_white (self);
  if (self->at == self->end || *self->at != ':')
    return FALSE;

  self->at++;
  skip_white (self);

  return TRUE;
}

gboolean
belfry_json_walk_next (BelfryJsonWalk *self,
                       BelfryJsonPart *part)
{
  const char *start;

  if (self->closing == 0)
    return FALSE;

  skip_white (self);
  if (self->at == self->end)
    return fail (self);

  if (*self->at == self->closing)
    {
      self->closing = 0;
      return FALSE;
    }

  if (!self->is_first)
    {
      if (*self->at != ',')
        return fail (self);
      self->at++;
      skip_white (self);
    }
  self->is_first = FALSE;

  part->name = (BelfryJsonSpan) { NULL, 0 };
  if (self->closing == '}' && !walk_name (self, &part->name))
    return fail (self);

  start = self->at;
  self->at = skip_value (start, self->end);
  if (self->at == NULL || self->at == start)
    return fail (self);

  part->value = trim_end (start, self->at);

  return TRUE;
}

gboolean
belfry_json_walk_find (const char     *text,
                       gsize           length,
                       const char     *name,
                       BelfryJsonSpan *value)
{
  BelfryJsonWalk walk;
  BelfryJsonPart part;
  gsize name_length = strlen (name);
  gboolean is_found = FALSE;

  if (!belfry_json_walk_init (&walk, text, length) || walk.closing != '}')
    return FALSE;

  while (belfry_json_walk_next (&walk, &part))
    if (part.name.length == name_length + 2 && memcmp (part.name.text + 1, name, name_length) == 0)
      {
        *value = part.value;
        is_found = TRUE;
      }

  return is_found && !walk.is_broken;
}

char *
belfry_json_walk_decode (const BelfryJsonSpan *value)
{
  g_autofree char *text = NULL;
  g_autoptr(JsonNode) node = NULL;

  if (value->length < 2 || value->text[0] != '"')
    return NULL;

  /* Most strings hold nothing that is escaped. */
  if (memchr (value->text, '\\', value->length) == NULL)
    return g_strndup (value->text + 1, value->length - 2);

  text = g_strndup (value->text, value->length);
  node = json_from_string (text, NULL);
  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;

  return json_node_dup_string (node);
}

char **
belfry_json_walk_split (const char *text,
                        gsize       length,
                        gsize      *n_items)
{
  BelfryJsonWalk walk;
  BelfryJsonPart part;
  g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func (g_free);

  if (!belfry_json_walk_init (&walk, text, length) || walk.closing != ']')
    return NULL;

  while (belfry_json_walk_next (&walk, &part))
    g_ptr_array_add (items, g_strndup (part.value.text, part.value.length));

  if (walk.is_broken)
    return NULL;

  if (n_items != NULL)
    *n_items = items->len;
  g_ptr_array_add (items, NULL);

  return (char **) g_ptr_array_free (g_steal_pointer (&items), FALSE);
}

void
belfry_json_walk_append_string (GString    *json,
                                const char *text)
{
  g_string_append_c (json, '"');
  for (const char *c = text; *c != '\0'; c++)
    {
      if (*c == '"' || *c == '\\')
        {
          g_string_append_c (json, '\\');
          g_string_append_c (json, *c);
        }
      else if ((guchar) *c < 0x20)
        g_string_append_printf (json, "\\u%04x", (guint) (guchar) *c);
      else
        g_string_append_c (json, *c);
    }
  g_string_append_c (json, '"');
}
