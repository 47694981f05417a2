/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-cursor.h"
#include "belfry-cursor-private.h"

#include <string.h>

#include "belfry-error.h"

#define CURSOR_VERSION 1
#define CURSOR_BYTES 17

/**
 * BelfryCursor:
 * @log_id: the identity of a log
 * @position: a position in that log, 0 for its beginning
 *
 * A place in a log: behind the event at a position. What comes next from there is what was accepted
 * later.
 *
 * Clients keep a cursor as an opaque text ([method@Belfry.Cursor.to_string]). It is base64url
 * without padding of one byte with the version 1 and of identity and position, eight bytes each,
 * big-endian.
 *
 * Since: 0.1
 */

static const char base64url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

G_DEFINE_BOXED_TYPE (BelfryCursor, belfry_cursor, belfry_cursor_copy, belfry_cursor_free)

static int
base64url_value (char c)
{
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  if (c == '-')
    return 62;
  if (c == '_')
    return 63;
  return -1;
}

static void
write_big_endian (guint8 *bytes, guint64 value)
{
  guint64 swapped = GUINT64_TO_BE (value);

  memcpy (bytes, &swapped, sizeof swapped);
}

static guint64
read_big_endian (const guint8 *bytes)
{
  guint64 swapped;

  memcpy (&swapped, bytes, sizeof swapped);
  return GUINT64_FROM_BE (swapped);
}

/* Exactly one text stands for each cursor: the spare bits of the last character are zero. */
static gboolean
decode_text (const char *text, guint8 bytes[CURSOR_BYTES])
{
  guint32 bits = 0;
  guint n_bits = 0;
  guint n_bytes = 0;

  for (guint i = 0; i < BELFRY_CURSOR_TEXT_LENGTH; i++)
    {
      int value = base64url_value (text[i]);

      if (value < 0)
        return FALSE;
      bits = (bits << 6) | (guint32) value;
      n_bits += 6;
      if (n_bits >= 8)
        {
          n_bits -= 8;
          bytes[n_bytes++] = (guint8) (bits >> n_bits);
          bits &= (1u << n_bits) - 1;
        }
    }
  return bits == 0;
}

/**
 * belfry_cursor_new:
 * @log_id: the identity of a log
 * @position: a position in it; 0 is the beginning
 *
 * Makes a cursor that stands behind the event at @position.
 *
 * Returns: (transfer full): a new cursor
 *
 * Since: 0.1
 */
BelfryCursor *
belfry_cursor_new (guint64 log_id, guint64 position)
{
  BelfryCursor *self = g_new (BelfryCursor, 1);

  self->log_id = log_id;
  self->position = position;
  return self;
}

/**
 * belfry_cursor_new_beginning:
 *
 * Makes the cursor that stands before everything that a log holds, whichever log it is. A reader that begins there is not
 * told of what was removed before; one that begins behind position 0 of its log is.
 *
 * Returns: (transfer full): a new cursor
 *
 * Since: 0.1
 */
BelfryCursor *
belfry_cursor_new_beginning (void)
{
  return belfry_cursor_new (0, 0);
}

/**
 * belfry_cursor_new_from_string:
 * @text: a cursor's text
 * @error: return location for a [error@Belfry.Error]
 *
 * Reads what [method@Belfry.Cursor.to_string] wrote. Whether the cursor belongs to a certain log is
 * for that log to say.
 *
 * Returns: (transfer full): a new cursor, or %NULL with %BELFRY_ERROR_UNKNOWN_CURSOR
 *
 * Since: 0.1
 */
BelfryCursor *
belfry_cursor_new_from_string (const char *text, GError **error)
{
  guint8 bytes[CURSOR_BYTES];

  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (strnlen (text, BELFRY_CURSOR_TEXT_LENGTH + 1) != BELFRY_CURSOR_TEXT_LENGTH
      || !decode_text (text, bytes) || bytes[0] != CURSOR_VERSION)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_UNKNOWN_CURSOR, "Unknown cursor");
      return NULL;
    }
  return belfry_cursor_new (read_big_endian (bytes + 1), read_big_endian (bytes + 9));
}

/**
 * belfry_cursor_copy:
 * @self: a cursor
 *
 * Copies a cursor.
 *
 * Returns: (transfer full): a new cursor for the same place
 *
 * Since: 0.1
 */
BelfryCursor *
belfry_cursor_copy (const BelfryCursor *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return belfry_cursor_new (self->log_id, self->position);
}

/**
 * belfry_cursor_free:
 * @self: (transfer full): a cursor
 *
 * Frees a cursor.
 *
 * Since: 0.1
 */
void
belfry_cursor_free (BelfryCursor *self)
{
  g_return_if_fail (self != NULL);

  g_free (self);
}

/**
 * belfry_cursor_to_string:
 * @self: a cursor
 *
 * Writes the cursor as the opaque text that clients keep, %BELFRY_CURSOR_TEXT_LENGTH characters
 * that need no escaping in URLs, headers and JSON.
 *
 * Returns: (transfer full): the text
 *
 * Since: 0.1
 */
char *
belfry_cursor_to_string (const BelfryCursor *self)
{
  char *text = NULL;

  g_return_val_if_fail (self != NULL, NULL);

  text = g_malloc (BELFRY_CURSOR_TEXT_LENGTH + 1);
  belfry_cursor_write (self->log_id, self->position, text);
  return text;
}

void
belfry_cursor_write (guint64 log_id, guint64 position, char text[BELFRY_CURSOR_TEXT_LENGTH + 1])
{
  /* One byte more: zero bits fill the last group. */
  guint8 bytes[CURSOR_BYTES + 1] = { CURSOR_VERSION, };
  char *out = text;

  write_big_endian (bytes + 1, log_id);
  write_big_endian (bytes + 9, position);
  for (guint i = 0; i < sizeof bytes; i += 3)
    {
      guint32 group = (guint32) bytes[i] << 16 | (guint32) bytes[i + 1] << 8 | bytes[i + 2];

      *out++ = base64url_alphabet[group >> 18];
      *out++ = base64url_alphabet[(group >> 12) & 63];
      *out++ = base64url_alphabet[(group >> 6) & 63];
      if (i + 3 < sizeof bytes)
        *out++ = base64url_alphabet[group & 63];
    }
  *out = '\0';
}
