/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-ctl-format.h"

#include <string.h>
#include <unistd.h>

#include "belfry-ctl-format-private.h"
#include "belfry-json-walk-private.h"

#define COLOUR_DIM "\033[2m"
#define COLOUR_NAME "\033[1;34m"
#define COLOUR_WARNING "\033[1;33m"
#define COLOUR_END "\033[0m"

BelfryCtlStyle
belfry_ctl_format_style (int fd)
{
  const char *no_colour = g_getenv ("NO_COLOR");

  if ((no_colour != NULL && *no_colour != '\0') || g_strcmp0 (g_getenv ("TERM"), "dumb") == 0)
    return BELFRY_CTL_PLAIN;

  return isatty (fd) ? BELFRY_CTL_COLOURED : BELFRY_CTL_PLAIN;
}

static void
append_safe (GString    *line,
             const char *text,
             gsize       length)
{
  const char *end = text + length;

  while (text < end)
    {
      gunichar c = g_utf8_get_char_validated (text, end - text);

      if (c == (gunichar) -1 || c == (gunichar) -2)
        {
          g_string_append (line, "\357\277\275");
          text++;
          continue;
        }

      /* Controls drive a terminal; format characters turn the direction of what follows. */
      if (g_unichar_iscntrl (c) || g_unichar_type (c) == G_UNICODE_FORMAT)
        g_string_append_printf (line, "\\u%04x", c);
      else
        g_string_append_unichar (line, c);
      text = g_utf8_next_char (text);
    }
}

char *
belfry_ctl_format_safe (const char *text,
                        gsize       length)
{
  g_autoptr(GString) line = g_string_sized_new (length + 1);

  append_safe (line, text, length);

  return g_string_free (g_steal_pointer (&line), FALSE);
}

char *
belfry_ctl_format_count (guint64 count)
{
  g_autofree char *digits = g_strdup_printf ("%" G_GUINT64_FORMAT, count);
  g_autoptr(GString) text = g_string_new (NULL);
  gsize length = strlen (digits);

  for (gsize i = 0; i < length; i++)
    {
      if (i > 0 && (length - i) % 3 == 0)
        g_string_append_c (text, ',');
      g_string_append_c (text, digits[i]);
    }

  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
append_styled (GString        *line,
               BelfryCtlStyle  style,
               const char     *colour,
               const char     *text,
               gsize           length)
{
  if (style == BELFRY_CTL_COLOURED)
    g_string_append (line, colour);
  append_safe (line, text, length);
  if (style == BELFRY_CTL_COLOURED)
    g_string_append (line, COLOUR_END);
}

/* A string's inside as JSON writes it; anything else as it is. */
static BelfryJsonSpan
inside (BelfryJsonSpan value)
{
  if (value.length >= 2 && value.text[0] == '"')
    return (BelfryJsonSpan) { value.text + 1, value.length - 2 };

  return value;
}

static void
append_owner (GString       *line,
              const char    *label,
              const char    *json,
              const char    *member)
{
  BelfryJsonSpan value;

  if (!belfry_json_walk_find (json, strlen (json), member, &value) || value.text[0] != '"')
    return;

  value = inside (value);
  g_string_append_printf (line, " %s=", label);
  append_safe (line, value.text, value.length);
}

static void
append_member (GString        *line,
               BelfryCtlStyle  style,
               const char     *colour,
               const char     *json,
               const char     *member)
{
  BelfryJsonSpan value;

  if (!belfry_json_walk_find (json, strlen (json), member, &value))
    value = (BelfryJsonSpan) { "-", 1 };

  value = inside (value);
  append_styled (line, style, colour, value.text, value.length);
}

char *
belfry_ctl_format_event (const char     *json,
                         const char     *cursor,
                         BelfryCtlStyle  style)
{
  g_autoptr(GString) line = g_string_new (NULL);
  BelfryJsonSpan payload;

  if (cursor != NULL)
    {
      append_styled (line, style, COLOUR_DIM, cursor, strlen (cursor));
      g_string_append_c (line, ' ');
    }

  append_member (line, style, COLOUR_DIM, json, "timestamp");
  g_string_append_c (line, ' ');
  append_member (line, style, COLOUR_NAME, json, "event_type");
  g_string_append_c (line, ' ');
  append_member (line, BELFRY_CTL_PLAIN, "", json, "source");
  append_owner (line, "session", json, "session_id");
  append_owner (line, "user", json, "user_id");

  if (belfry_json_walk_find (json, strlen (json), "payload", &payload) && payload.length > 2)
    {
      g_string_append_c (line, ' ');
      append_safe (line, payload.text, payload.length);
    }

  return g_string_free (g_steal_pointer (&line), FALSE);
}

char *
belfry_ctl_format_json (const char *json,
                        const char *cursor)
{
  g_autoptr(GString) line = g_string_new (json);

  /* The daemon's text has no line breaks; if another's has, they lie outside strings. */
  g_strdelimit (line->str, "\r\n", ' ');

  if (cursor != NULL && g_str_has_suffix (line->str, "}"))
    {
      g_string_truncate (line, line->len - 1);
      g_string_append (line, ",\"cursor\":");
      belfry_json_walk_append_string (line, cursor);
      g_string_append_c (line, '}');
    }

  return g_string_free (g_steal_pointer (&line), FALSE);
}

char *
belfry_ctl_format_gap (const char     *from,
                       const char     *to,
                       guint64         lost,
                       gboolean        is_json,
                       BelfryCtlStyle  style)
{
  g_autoptr(GString) line = g_string_new (NULL);
  g_autofree char *count = belfry_ctl_format_count (lost);
  g_autofree char *text = NULL;

  if (is_json)
    {
      g_string_append (line, "{\"type\":\"gap\",\"from\":");
      belfry_json_walk_append_string (line, from != NULL ? from : "");
      g_string_append (line, ",\"to\":");
      belfry_json_walk_append_string (line, to != NULL ? to : "");
      g_string_append_printf (line, ",\"lost\":%" G_GUINT64_FORMAT "}", lost);
      return g_string_free (g_steal_pointer (&line), FALSE);
    }

  text = g_strdup_printf ("-- gap: %s events were removed before they could be shown --", count);
  append_styled (line, style, COLOUR_WARNING, text, strlen (text));

  return g_string_free (g_steal_pointer (&line), FALSE);
}

JsonObject *
belfry_ctl_format_parse_object (const char  *json,
                                GError     **error)
{
  g_autoptr(JsonNode) node = json_from_string (json, NULL);

  if (node != NULL && JSON_NODE_HOLDS_OBJECT (node))
    return json_node_dup_object (node);

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "The server's answer is no JSON object");

  return NULL;
}

void
belfry_ctl_format_append_name (GString        *text,
                               BelfryCtlStyle  style,
                               const char     *safe,
                               glong           width)
{
  append_styled (text, style, COLOUR_NAME, safe, strlen (safe));
  for (glong i = g_utf8_strlen (safe, -1); i < width; i++)
    g_string_append_c (text, ' ');
}

char *
belfry_ctl_format_types (const char      *json,
                         BelfryCtlStyle   style,
                         GError         **error)
{
  g_autoptr(JsonObject) object = belfry_ctl_format_parse_object (json, error);
  g_autoptr(GString) text = g_string_new (NULL);
  g_autoptr(GList) names = NULL;

  if (object == NULL)
    return NULL;

  names = g_list_sort (json_object_get_members (object), (GCompareFunc) strcmp);
  for (GList *l = names; l != NULL; l = l->next)
    {
      const char *description = json_object_get_string_member_with_default (object, l->data, "");
      g_autofree char *safe_name = belfry_ctl_format_safe (l->data, strlen (l->data));
      g_autofree char *safe_text = belfry_ctl_format_safe (description, strlen (description));

      belfry_ctl_format_append_name (text, style, safe_name, 30);
      g_string_append_printf (text, " %s\n", safe_text);
    }

  return g_string_free (g_steal_pointer (&text), FALSE);
}
