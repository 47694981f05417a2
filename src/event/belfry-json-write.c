/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-json-scanner-private.h"

#include <string.h>

static inline gboolean
needs_escape (guchar c)
{
  return c < 0x20 || c == '"' || c == '\\';
}

/* Whether one of eight bytes needs an escape: is below the space, a quote or a backslash. */
static inline gboolean
have_escape (const char *text)
{
  const guint64 ones = G_GUINT64_CONSTANT (0x0101010101010101);
  guint64 bytes, quotes, backslashes;

  memcpy (&bytes, text, sizeof bytes);
  quotes = bytes ^ (ones * '"');
  backslashes = bytes ^ (ones * '\\');
  return ((((bytes - ones * 0x20) & ~bytes) | ((quotes - ones) & ~quotes) | ((backslashes - ones) & ~backslashes))
          & (ones * 0x80)) != 0;
}

/* How many bytes stand as they are before the first that needs an escape. */
static inline gsize
count_plain (const char *text, gsize length)
{
  gsize n = 0;

  while (length - n >= 8 && !have_escape (text + n))
    n += 8;
  while (n < length && G_LIKELY (!needs_escape ((guchar) text[n])))
    n++;
  return n;
}

/* The letter behind the backslash, or 'u' for the long form. */
static char
escape_letter (guchar c)
{
  switch (c)
    {
    case '"':
    case '\\':
      return (char) c;
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 'u';
    }
}

static char *
write_escape (char *at, guchar c)
{
  static const char digits[] = "0123456789abcdef";
  char letter = escape_letter (c);

  *at++ = '\\';
  *at++ = letter;
  if (letter == 'u')
    {
      *at++ = '0';
      *at++ = '0';
      *at++ = digits[c >> 4];
      *at++ = digits[c & 15];
    }
  return at;
}

gsize
belfry_json_measure_string (const char *text, gsize length)
{
  gsize sum = length + 2;

  for (gsize i = count_plain (text, length); i < length; i += 1 + count_plain (text + i + 1, length - i - 1))
    sum += escape_letter ((guchar) text[i]) == 'u' ? 5 : 1;
  return sum;
}

char *
belfry_json_write_string (char *at, const char *text, gsize length)
{
  gsize n_plain = count_plain (text, length);

  *at++ = '"';
  memcpy (at, text, n_plain);
  at += n_plain;
  for (gsize i = n_plain; i < length; i += 1 + n_plain)
    {
      at = write_escape (at, (guchar) text[i]);
      n_plain = count_plain (text + i + 1, length - i - 1);
      memcpy (at, text + i + 1, n_plain);
      at += n_plain;
    }
  *at++ = '"';
  return at;
}

void
belfry_json_append_string (GString *json, const char *text)
{
  gsize length = strlen (text);
  gsize start = json->len;

  g_string_set_size (json, start + belfry_json_measure_string (text, length));
  belfry_json_write_string (json->str + start, text, length);
}

void
belfry_json_append_double (GString *json, double number)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  static const char * const formats[] = { "%.15g", "%.16g", "%.17g" };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_ascii_formatd (text, sizeof text, formats[i], number);
      if (g_ascii_strtod (text, NULL) == number)
        break;
    }
  g_string_append (json, text);
}
