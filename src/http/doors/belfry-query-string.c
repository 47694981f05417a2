/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-query-string-private.h"

#include <string.h>

#include "belfry-error.h"

/* The part of a URL behind the question mark. All names and values are decoded once into one buffer
 * (decoding never makes a text longer); a parameter is two places in it. */

typedef struct
{
  guint name;
  guint value;
} Parameter;

struct _BelfryQueryString
{
  char   *text;        /* owned; decoded names and values, each with a NUL */
  GArray *parameters;  /* owned; of Parameter, in order */
};

static gboolean
decode_into (const char *text,
             gsize       length,
             gboolean    plus_is_space,
             char       *decoded,
             gsize      *decoded_length)
{
  gsize used = 0;

  for (gsize i = 0; i < length; i++)
    {
      char c = text[i];

      if (c == '%')
        {
          int high, low;

          if (length - i < 3)
            return FALSE;
          high = g_ascii_xdigit_value (text[i + 1]);
          low = g_ascii_xdigit_value (text[i + 2]);
          if (high < 0 || low < 0)
            return FALSE;
          c = (char) (high << 4 | low);
          i += 2;
        }
      else if (c == '+' && plus_is_space)
        {
          c = ' ';
        }
      decoded[used++] = c;
    }
  decoded[used] = '\0';
  *decoded_length = used;

  /* With a length, this refuses U+0000 too. */
  return g_utf8_validate_len (decoded, used, NULL);
}

char *
belfry_query_string_decode (const char *text,
                            gsize       length,
                            gboolean    plus_is_space)
{
  g_autofree char *decoded = g_malloc (length + 1);
  gsize decoded_length;

  if (!decode_into (text, length, plus_is_space, decoded, &decoded_length))
    return NULL;

  return g_steal_pointer (&decoded);
}

/* Decodes one "name=value" behind what is used of the buffer. */
static gboolean
add_parameter (BelfryQueryString *self,
               const char        *piece,
               gsize              length,
               gsize             *used)
{
  const char *equals = memchr (piece, '=', length);
  gsize name_length = equals != NULL ? (gsize) (equals - piece) : length;
  gsize value_length = equals != NULL ? length - name_length - 1 : 0;
  Parameter parameter;
  gsize decoded_length;

  parameter.name = *used;
  if (!decode_into (piece, name_length, TRUE, self->text + *used, &decoded_length))
    return FALSE;
  *used += decoded_length + 1;

  parameter.value = *used;
  if (!decode_into (equals != NULL ? equals + 1 : "", value_length, TRUE, self->text + *used, &decoded_length))
    return FALSE;
  *used += decoded_length + 1;

  g_array_append_val (self->parameters, parameter);
  return TRUE;
}

BelfryQueryString *
belfry_query_string_parse (const char  *text,
                           gssize       length,
                           GError     **error)
{
  g_autoptr(BelfryQueryString) self = g_new0 (BelfryQueryString, 1);
  const char *end;
  gsize used = 0;

  if (text == NULL)
    text = "";
  if (length < 0)
    length = strlen (text);
  end = text + length;

  /* Each piece needs its own bytes and at most two NULs; the separators pay for one of them. */
  self->text = g_malloc (2 * (gsize) length + 2);
  self->parameters = g_array_new (FALSE, FALSE, sizeof (Parameter));

  while (text < end)
    {
      const char *ampersand = memchr (text, '&', end - text);
      gsize piece_length = (ampersand != NULL ? ampersand : end) - text;

      if (self->parameters->len >= BELFRY_QUERY_STRING_MAX_PARAMETERS)
        {
          g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT, "Too many query parameters");
          return NULL;
        }
      if (piece_length > 0 && !add_parameter (self, text, piece_length, &used))
        {
          g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT, "Invalid query string");
          return NULL;
        }
      text += piece_length + 1;
    }

  return g_steal_pointer (&self);
}

void
belfry_query_string_free (BelfryQueryString *self)
{
  g_clear_pointer (&self->parameters, g_array_unref);
  g_free (self->text);
  g_free (self);
}

guint
belfry_query_string_get_size (BelfryQueryString *self)
{
  return self->parameters->len;
}

const char *
belfry_query_string_peek_name (BelfryQueryString *self,
                               guint              index)
{
  g_assert (index < self->parameters->len);

  return self->text + g_array_index (self->parameters, Parameter, index).name;
}

const char *
belfry_query_string_peek_value (BelfryQueryString *self,
                                guint              index)
{
  g_assert (index < self->parameters->len);

  return self->text + g_array_index (self->parameters, Parameter, index).value;
}

const char *
belfry_query_string_get (BelfryQueryString *self,
                         const char        *name)
{
  for (guint i = self->parameters->len; i > 0; i--)
    {
      if (strcmp (belfry_query_string_peek_name (self, i - 1), name) == 0)
        return belfry_query_string_peek_value (self, i - 1);
    }

  return NULL;
}
