/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-json-scanner-private.h"

#include <string.h>

/* Works on texts that belfry_json_scan() has accepted, and so checks nothing again. */

static guint32
read_code_unit (const char *digits)
{
  guint32 unit = 0;

  for (guint i = 0; i < 4; i++)
    unit = unit * 16 + (guint32) g_ascii_xdigit_value (digits[i]);
  return unit;
}

static char
decode_letter (char letter)
{
  switch (letter)
    {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return letter;
    }
}

/* Decodes the escape at *@at, moves it on, and gives the bytes written: at most 4. */
static gsize
decode_escape (const char **at, char *decoded)
{
  const char *escape = *at;
  guint32 unit;

  if (escape[1] != 'u')
    {
      *decoded = decode_letter (escape[1]);
      *at += 2;
      return 1;
    }
  unit = read_code_unit (escape + 2);
  *at += 6;
  if (unit >= 0xd800 && unit <= 0xdbff)
    {
      unit = 0x10000 + ((unit - 0xd800) << 10) + (read_code_unit (escape + 8) - 0xdc00);
      *at += 6;
    }
  return (gsize) g_unichar_to_utf8 (unit, decoded);
}

gsize
belfry_json_decode (const char *text, gsize length, char *decoded)
{
  const char *at = text;
  const char *end = text + length;
  char *out = decoded;

  while (at < end)
    {
      const char *backslash = memchr (at, '\\', (gsize) (end - at));
      gsize n_plain = (gsize) ((backslash != NULL ? backslash : end) - at);

      memcpy (out, at, n_plain);
      out += n_plain;
      at += n_plain;
      if (backslash != NULL)
        out += decode_escape (&at, out);
    }
  return (gsize) (out - decoded);
}

gboolean
belfry_json_equals (const char *text, gsize length, const char *decoded, gsize decoded_length)
{
  const char *at = text;
  const char *end = text + length;
  gsize n_equal = 0;

  while (at < end)
    {
      char bytes[4];
      gsize n_bytes = 1;

      if (*at == '\\')
        n_bytes = decode_escape (&at, bytes);
      else
        bytes[0] = *at++;
      if (decoded_length - n_equal < n_bytes || memcmp (decoded + n_equal, bytes, n_bytes) != 0)
        return FALSE;
      n_equal += n_bytes;
    }
  return n_equal == decoded_length;
}

gboolean
belfry_json_has_nul (const char *text, gsize length)
{
  for (gsize i = 0; i + 6 <= length; i++)
    if (text[i] == '\\')
      {
        if (memcmp (text + i, "\\u0000", 6) == 0)
          return TRUE;
        i++; /* the backslash may escape another */
      }
  return FALSE;
}

char *
belfry_json_value_dup_string (const BelfryJsonValue *value)
{
  char *decoded = NULL;
  gsize length;

  if (value->type != BELFRY_JSON_STRING || belfry_json_has_nul (value->text, value->length))
    return NULL;
  /* The quotes leave room for the NUL. */
  decoded = g_malloc (value->length);
  length = belfry_json_decode (value->text + 1, value->length - 2, decoded);
  decoded[length] = '\0';
  return decoded;
}

/* Up to 15 digits and a power of ten up to 22 are exact as doubles, and so is the nearest double
 * of their quotient. */
static gboolean
read_short_number (const BelfryJsonValue *value, double *number)
{
  static const double powers[] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
  };
  gsize i = value->text[0] == '-' ? 1 : 0;
  gint64 digits = 0;
  gsize point = 0;

  if (value->length > 16)
    return FALSE;
  for (; i < value->length; i++)
    {
      char c = value->text[i];

      if (c == '.')
        point = i + 1;
      else if (g_ascii_isdigit (c))
        digits = digits * 10 + (c - '0');
      else
        return FALSE;
    }
  if (digits >= G_GINT64_CONSTANT (1000000000000000))
    return FALSE;
  *number = (double) digits / powers[point > 0 ? value->length - point : 0];
  if (value->text[0] == '-')
    *number = -*number;
  return TRUE;
}

double
belfry_json_value_to_double (const BelfryJsonValue *value)
{
  double number;

  g_assert (value->type == BELFRY_JSON_NUMBER);

  if (read_short_number (value, &number))
    return number;
  return g_ascii_strtod (value->text, NULL);
}

/* Behind the string whose opening quote is at @at. */
static const char *
skip_string (const char *at, const char *end)
{
  const char *quote = memchr (at + 1, '"', (gsize) (end - at - 1));

  if (G_LIKELY (quote[-1] != '\\'))
    return quote + 1;
  for (at++; *at != '"'; at++)
    if (*at == '\\')
      at++;
  return at + 1;
}

static inline gboolean
is_space (char c)
{
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

gsize
belfry_json_strip (const char *text, gsize length, char *stripped)
{
  const char *at = text;
  const char *end = text + length;
  const char *kept = text; /* from here to at nothing was dropped */
  char *out = stripped;

  while (at < end)
    {
      if (*at == '"')
        {
          at = skip_string (at, end);
        }
      else if (!is_space (*at))
        {
          at++;
        }
      else
        {
          memcpy (out, kept, (gsize) (at - kept));
          out += at - kept;
          do
            at++;
          while (at < end && is_space (*at));
          kept = at;
        }
    }
  memcpy (out, kept, (gsize) (end - kept));
  return (gsize) (out + (end - kept) - stripped);
}
