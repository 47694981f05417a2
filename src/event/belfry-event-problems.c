/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-event-problems-private.h"

#include <stdarg.h>
#include <string.h>

#include "belfry-error-private.h"
#include "belfry-event-type-registry-private.h"

#define QUOTED_MAX 100  /* characters */
#define NAMES_MAX 50    /* types that a message lists */

void
belfry_event_problems_add (BelfryEventProblems **self, const char *field, const char *rule,
                           const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  if (*self == NULL)
    *self = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_problem_free);
  g_ptr_array_add (*self, belfry_problem_new (field, rule, message));
}

/* The four digits behind "\\u". */
static gboolean
is_high_surrogate (const char *digits)
{
  return g_ascii_tolower (digits[0]) == 'd' && strchr ("89abAB", digits[1]) != NULL;
}

/* Where to cut a string between its quotes, so that no escape or character is cut in two. */
static gsize
measure_prefix (const char *text, gsize length, guint max_characters)
{
  gsize at = 0;

  for (guint n = 0; at < length && n < max_characters; n++)
    {
      if (text[at] != '\\')
        at += g_utf8_skip[(guchar) text[at]];
      else if (text[at + 1] != 'u')
        at += 2;
      else
        at += is_high_surrogate (text + at + 2) ? BELFRY_JSON_CHARACTER_MAX : BELFRY_JSON_CHARACTER_MAX / 2;
    }
  return at;
}

char *
belfry_event_problems_quote (const BelfryJsonValue *value)
{
  const char *text = value->text + 1;
  gsize length = value->length - 2;
  gsize kept = measure_prefix (text, length, QUOTED_MAX);
  char decoded[QUOTED_MAX * BELFRY_JSON_CHARACTER_MAX];
  gsize decoded_length = belfry_json_decode (text, kept, decoded);
  g_autoptr(GString) quoted = g_string_new (NULL);

  for (const char *at = decoded; at < decoded + decoded_length; at = g_utf8_next_char (at))
    {
      gunichar character = g_utf8_get_char (at);

      g_string_append_unichar (quoted, g_unichar_isprint (character) ? character : 0xfffd);
    }
  if (kept < length)
    g_string_append (quoted, "…");
  return g_string_free (g_steal_pointer (&quoted), FALSE);
}

void
belfry_event_problems_add_type (BelfryEventProblems     **self,
                                BelfryEventTypeRegistry  *registry,
                                const BelfryJsonValue    *value)
{
  g_autofree char *quoted = belfry_event_problems_quote (value);
  const char *names = belfry_event_type_registry_describe_names (registry, NAMES_MAX);

  belfry_event_problems_add (self, "event_type", "value_error",
                             "Unknown event type '%s'; known types: %s", quoted, names);
}

void
belfry_event_problems_raise (BelfryEventProblems *self, GError **error)
{
  const BelfryProblem *first = g_ptr_array_index (self, 0);
  g_autofree char *message = g_strconcat (first->field, first->field[0] != '\0' ? ": " : "",
                                          first->message, NULL);

  belfry_error_take_problems (error, BELFRY_ERROR_INVALID_EVENT, message, self);
}

void
belfry_event_problems_raise_invalid_json (GError **error)
{
  GPtrArray *problems = NULL;

  belfry_event_problems_add (&problems, "", "json_invalid", "Invalid JSON");
  belfry_error_take_problems (error, BELFRY_ERROR_INVALID_JSON, "Invalid JSON", problems);
}
