/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-request-guard-private.h"

#include <string.h>

/* Requests are smuggled where two readers disagree on where one ends. So this one is strict: a line ends with
 * CR LF, a head has one Host and one way to tell the length of the body, numbers are digits. It goes by lines.
 * One that came whole is looked at where it lies; only the beginning of one that did not is copied. The
 * library gets what was let through at once, but never the end of a line that is refused, so that it has
 * nothing to act upon.
 *
 * Two things are left out on the way. Empty lines before a request mean nothing. And trailers of a chunked
 * body, which the library takes for the beginning of the next request from their second line on.
 *
 * Of a begun line only what is still to be looked at is kept: the library keeps it anyway. */

#define MAX_EMPTY_LINES  2
#define MAX_METHOD_BYTES 64
#define MAX_SIZE_DIGITS  15
#define MAX_NAME_BYTES   256
#define MAX_VALUE_BYTES  1024  /* of a header that is looked at */
#define MAX_BEGUN_BYTES  1024  /* from here on what was looked at is let go */
#define MIN_TARGET_BYTES 2     /* what has to be kept of a target that is looked at */
#define VERSION_LENGTH   (sizeof "HTTP/1.1" - 1)

enum
{
  HAS_HOST = 1 << 0,
  HAS_LENGTH = 1 << 1,
  HAS_CHUNKS = 1 << 2,
  WANTS_TO_LEAVE = 1 << 3,
  IS_OLD = 1 << 4,  /* HTTP/1.0 */
  IS_HEAD = 1 << 5,
  HAS_ORIGIN = 1 << 6,
};

#define IS_TOKEN 1
#define IS_HEX   2

/* RFC 9110, section 5.6.2. */
static const guint8 kinds[256] = {
  ['!'] = IS_TOKEN, ['#'] = IS_TOKEN, ['$'] = IS_TOKEN, ['%'] = IS_TOKEN, ['&'] = IS_TOKEN, ['\''] = IS_TOKEN,
  ['*'] = IS_TOKEN, ['+'] = IS_TOKEN, ['-'] = IS_TOKEN, ['.'] = IS_TOKEN, ['^'] = IS_TOKEN, ['_'] = IS_TOKEN,
  ['`'] = IS_TOKEN, ['|'] = IS_TOKEN, ['~'] = IS_TOKEN, ['0' ... '9'] = IS_TOKEN | IS_HEX,
  ['A' ... 'F'] = IS_TOKEN | IS_HEX, ['G' ... 'Z'] = IS_TOKEN, ['a' ... 'f'] = IS_TOKEN | IS_HEX,
  ['g' ... 'z'] = IS_TOKEN,
};

static inline gsize
skip_kind (const guint8 *text,
           gsize         length,
           guint8        kind)
{
  gsize i = 0;

  while (i < length && (kinds[text[i]] & kind) != 0)
    i++;
  return i;
}

static gboolean
has_control_bytewise (const guint8 *text,
                      gsize         length)
{
  for (gsize i = 0; i < length; i++)
    {
      if ((text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
        return TRUE;
    }

  return FALSE;
}

/* TRUE for tabs too. */
static inline gboolean
may_have_control (const guint8 *text)
{
  const guint64 ones = G_GUINT64_CONSTANT (0x0101010101010101);
  guint64 word, deletes;

  memcpy (&word, text, sizeof word);
  deletes = word ^ (ones * 0x7f);
  return ((((word - ones * 0x20) & ~word) | ((deletes - ones) & ~deletes)) & (ones * 0x80)) != 0;
}

/* Tabs are none. Eight bytes a step, of which the last may overlap. */
static gboolean
has_control (const guint8 *text,
             gsize         length)
{
  gboolean maybe = FALSE;

  if (length < 8)
    return has_control_bytewise (text, length);

  for (gsize i = 0; i + 8 <= length; i += 8)
    maybe |= may_have_control (text + i);
  maybe |= may_have_control (text + length - 8);

  return maybe && has_control_bytewise (text, length);
}

/* wanted: in lower case. text holds nothing but token characters. */
static gboolean
is_name (const guint8 *text,
         const char   *wanted,
         gsize         length)
{
  for (gsize i = 0; i < length; i++)
    {
      if ((text[i] | 0x20) != (guint8) wanted[i])
        return FALSE;
    }

  return TRUE;
}

static void
trim (const guint8 **text,
      gsize         *length)
{
  while (*length > 0 && ((*text)[0] == ' ' || (*text)[0] == '\t'))
    {
      (*text)++;
      (*length)--;
    }
  while (*length > 0 && ((*text)[*length - 1] == ' ' || (*text)[*length - 1] == '\t'))
    (*length)--;
}

static gboolean
is_word (const guint8 *value,
         gsize         length,
         const char   *wanted)
{
  trim (&value, &length);
  return length == strlen (wanted) && g_ascii_strncasecmp ((const char *) value, wanted, length) == 0;
}

/* --- the parts of a head; 0 when good, else the status of the refusal --- */

static guint
check_request_line (BelfryRequestGuard *self,
                    const guint8       *line,
                    gsize               length)
{
  gsize method = skip_kind (line, MIN (length, MAX_METHOD_BYTES + 1), IS_TOKEN);
  const guint8 *version = memrchr (line, ' ', length);
  const guint8 *target = line + method + 1;

  if (method == 0 || method > MAX_METHOD_BYTES || method == length || line[method] != ' ' || version <= target
      || has_control (target, version - target) || memchr (target, ' ', version - target) != NULL
      || memchr (target, '\t', version - target) != NULL)
    return 400;

  if (method == strlen ("HEAD") && memcmp (line, "HEAD", method) == 0)
    self->flags |= IS_HEAD;
  version++;
  if (line + length - version != VERSION_LENGTH || memcmp (version, "HTTP/", 5) != 0
      || !g_ascii_isdigit (version[5]) || version[6] != '.' || !g_ascii_isdigit (version[7]))
    return 400;
  if (version[5] != '1' || version[7] > '1')
    return 505;
  if (target[0] == '*' && (method != strlen ("OPTIONS") || memcmp (line, "OPTIONS", method) != 0 || target[1] != ' '))
    return 400;

  if (version[7] == '0')
    self->flags |= IS_OLD;
  return 0;
}

static guint
check_length (BelfryRequestGuard *self,
              const guint8       *value,
              gsize               length)
{
  guint64 number = 0;

  if (length > MAX_VALUE_BYTES)
    return 400;
  trim (&value, &length);
  if (length == 0 || length > 19 || (self->flags & (HAS_LENGTH | HAS_CHUNKS)) != 0)
    return 400;

  for (gsize i = 0; i < length; i++)
    {
      if (!g_ascii_isdigit (value[i]))
        return 400;
      number = number * 10 + (value[i] - '0');
    }
  if (number > G_MAXINT64)
    return 400;

  self->flags |= HAS_LENGTH;
  self->body_left = number;
  return 0;
}

static guint
check_coding (BelfryRequestGuard *self,
              const guint8       *value,
              gsize               length)
{
  /* An intermediary that knows HTTP/1.0 only passes the chunks on as they are. */
  if (length > MAX_VALUE_BYTES || !is_word (value, length, "chunked")
      || (self->flags & (HAS_LENGTH | HAS_CHUNKS | IS_OLD)) != 0)
    return 400;

  self->flags |= HAS_CHUNKS;
  return 0;
}

/* In HTTP/1.0 the library forgets the headers that are named here. */
static guint
check_connection (BelfryRequestGuard *self,
                  const guint8       *value,
                  gsize               length)
{
  if (length > MAX_VALUE_BYTES)
    return 400;

  while ((self->flags & IS_OLD) != 0 && length > 0)
    {
      const guint8 *comma = memchr (value, ',', length);
      gsize n = comma != NULL ? (gsize) (comma - value) : length;

      if (is_word (value, n, "content-length") || is_word (value, n, "transfer-encoding")
          || is_word (value, n, "host"))
        return 400;
      value += MIN (n + 1, length);
      length -= MIN (n + 1, length);
    }

  return 0;
}

/* The library knows one expectation too; to others it answers as if the request were of HTTP/1.0. */
static guint
check_expectation (const guint8 *value,
                   gsize         length)
{
  if (length > MAX_VALUE_BYTES)
    return 400;

  return is_word (value, length, "100-continue") ? 0 : 417;
}

/* Who refuses the request has to tell the page from which it comes. On one connection that seldom changes. */
static guint
note_origin (BelfryRequestGuard *self,
             const guint8       *value,
             gsize               length)
{
  if (length > MAX_VALUE_BYTES)
    return 400;
  trim (&value, &length);
  if (length == 0 || length > BELFRY_GUARD_MAX_ORIGIN_BYTES)
    return 0;

  self->flags |= HAS_ORIGIN;
  if (self->origin != NULL && strlen (self->origin) == length && memcmp (self->origin, value, length) == 0)
    return 0;

  g_free (self->origin);
  self->origin = g_strndup ((const char *) value, length);
  return 0;
}

static guint
check_host (BelfryRequestGuard *self)
{
  guint seen = self->flags & HAS_HOST;

  self->flags |= HAS_HOST;
  return seen != 0 ? 400 : 0;
}

/* Gives the length of the name, or 0. */
static gsize
check_field (const guint8 *line,
             gsize         length)
{
  gsize name = skip_kind (line, length, IS_TOKEN);

  if (name > MAX_NAME_BYTES || name == length || line[name] != ':' || has_control (line + name, length - name))
    return 0;

  return name;
}

static guint
check_header (BelfryRequestGuard *self,
              const guint8       *line,
              gsize               length)
{
  gsize name = check_field (line, length);
  const guint8 *value = line + name + 1;
  gsize value_length = length - name - 1;

  switch (name)
    {
    case 0:
      return 400;
    case sizeof "host" - 1:
      return is_name (line, "host", name) ? check_host (self) : 0;
    case sizeof "expect" - 1:  /* and of "origin" */
      if (is_name (line, "expect", name))
        return check_expectation (value, value_length);
      return is_name (line, "origin", name) ? note_origin (self, value, value_length) : 0;
    case sizeof "upgrade" - 1:
      if (is_name (line, "upgrade", name))
        self->flags |= WANTS_TO_LEAVE;
      return 0;
    case sizeof "connection" - 1:
      return is_name (line, "connection", name) ? check_connection (self, value, value_length) : 0;
    case sizeof "content-length" - 1:
      return is_name (line, "content-length", name) ? check_length (self, value, value_length) : 0;
    case sizeof "transfer-encoding" - 1:
      return is_name (line, "transfer-encoding", name) ? check_coding (self, value, value_length) : 0;
    default:
      return 0;
    }
}

static void
drop_line (BelfryRequestGuard *self)
{
  g_clear_pointer (&self->line, g_byte_array_unref);
  self->n_begun = 0;
}

static void
begin_request (BelfryRequestGuard *self)
{
  self->state = BELFRY_GUARD_REQUEST_LINE;
  self->flags = 0;
  self->n_lines = 0;
  self->n_bytes = 0;
  self->body_left = 0;
  self->n_chunks = 0;
  self->n_content = 0;
}

static void
end_request (BelfryRequestGuard *self)
{
  gboolean wants_to_leave = (self->flags & WANTS_TO_LEAVE) != 0;

  begin_request (self);
  self->n_ended++;
  if (wants_to_leave)
    self->state = BELFRY_GUARD_HELD;
}

static guint
end_head (BelfryRequestGuard *self)
{
  if ((self->flags & (HAS_HOST | IS_OLD)) == 0)
    return 400;

  self->n_bytes = 0;
  if ((self->flags & HAS_CHUNKS) != 0)
    self->state = BELFRY_GUARD_CHUNK_SIZE;
  else if (self->body_left > 0)
    self->state = BELFRY_GUARD_BODY;
  else
    end_request (self);
  return 0;
}

/* Each chunk is work of its own. */
static guint
count_chunk (BelfryRequestGuard *self)
{
  self->n_content += self->body_left;
  return ++self->n_chunks > BELFRY_GUARD_FREE_CHUNKS + self->n_content / BELFRY_GUARD_MIN_CHUNK_BYTES ? 400 : 0;
}

static guint
check_chunk_size (BelfryRequestGuard *self,
                  const guint8       *line,
                  gsize               length)
{
  gsize digits = skip_kind (line, length, IS_HEX);
  gsize i = digits;

  if (digits == 0 || digits > MAX_SIZE_DIGITS || length > BELFRY_GUARD_MAX_CHUNK_LINE_BYTES
      || has_control (line, length))
    return 400;
  while (i < length && (line[i] == ' ' || line[i] == '\t'))
    i++;
  if (i < length ? line[i] != ';' : i > digits)
    return 400;

  self->body_left = 0;
  for (i = 0; i < digits; i++)
    self->body_left = self->body_left * 16 + g_ascii_xdigit_value (line[i]);
  if (self->body_left == 0)
    {
      self->state = BELFRY_GUARD_TRAILERS;
      return 0;
    }

  self->state = BELFRY_GUARD_CHUNK;
  return count_chunk (self);
}

/* --- lines --- */

/* line: without its end. */
static guint
check_line (BelfryRequestGuard *self,
            const guint8       *line,
            gsize               length)
{
  switch (self->state)
    {
    case BELFRY_GUARD_REQUEST_LINE:
      if (length == 0)
        return ++self->n_lines > MAX_EMPTY_LINES ? 400 : 0;
      self->n_lines = 0;
      self->state = BELFRY_GUARD_HEADERS;
      return check_request_line (self, line, length);
    case BELFRY_GUARD_HEADERS:
      if (length == 0)
        return end_head (self);
      return ++self->n_lines > BELFRY_GUARD_MAX_HEAD_LINES ? 431 : check_header (self, line, length);
    case BELFRY_GUARD_CHUNK_SIZE:
      return check_chunk_size (self, line, length);
    case BELFRY_GUARD_CHUNK_END:
      self->state = BELFRY_GUARD_CHUNK_SIZE;
      return length == 0 ? 0 : 400;
    case BELFRY_GUARD_TRAILERS:
      if (length == 0)
        end_request (self);
      else if (check_field (line, length) == 0)
        return 400;
      return 0;
    case BELFRY_GUARD_BODY:
    case BELFRY_GUARD_CHUNK:
    case BELFRY_GUARD_HELD:
    default:
      g_assert_not_reached ();
    }
}

/* Counts the bytes of the line, or of what has come of it. */
static guint
check_room (BelfryRequestGuard *self,
            gsize               length)
{
  gsize so_far = self->line != NULL ? self->line->len : 0;

  switch (self->state)
    {
    case BELFRY_GUARD_REQUEST_LINE:
    case BELFRY_GUARD_HEADERS:
      self->n_bytes += length;
      return self->n_bytes > BELFRY_GUARD_MAX_HEAD_BYTES ? 431 : 0;
    case BELFRY_GUARD_TRAILERS:
      self->n_bytes += length;
      return self->n_bytes > BELFRY_GUARD_MAX_TRAILER_BYTES ? 431 : 0;
    case BELFRY_GUARD_CHUNK_SIZE:
    case BELFRY_GUARD_CHUNK_END:
      return so_far + length > BELFRY_GUARD_MAX_CHUNK_LINE_BYTES + 2 ? 400 : 0;
    case BELFRY_GUARD_BODY:
    case BELFRY_GUARD_CHUNK:
    case BELFRY_GUARD_HELD:
    default:
      g_assert_not_reached ();
    }
}

/* What cannot become a request is refused without waiting for the end of its line, which may never come:
 * somebody speaks TLS, or something else altogether. fresh: what of it came just now. */
static guint
check_beginning (const GByteArray *line,
                 const guint8     *fresh,
                 gsize             length)
{
  gsize method = skip_kind (line->data, MIN (line->len, MAX_METHOD_BYTES + 1), IS_TOKEN);

  /* Only the end of the line may follow. */
  if (line->len > length && line->data[line->len - length - 1] == '\r')
    return 400;
  if (length > 0 && fresh[length - 1] == '\r')
    length--;
  if (has_control (fresh, length))
    return 400;
  if (line->data[0] == '\r')
    return 0;

  return method == 0 || method > MAX_METHOD_BYTES || (method < line->len && line->data[method] != ' ') ? 400 : 0;
}

static guint
check_whole_line (BelfryRequestGuard *self,
                  const guint8       *text,
                  gsize               length)
{
  gboolean was_begun = self->line != NULL;
  guint status;

  if (was_begun)
    {
      g_byte_array_append (self->line, text, length);
      text = self->line->data;
      length = self->line->len;
    }
  if (length < 2 || text[length - 2] != '\r')
    return 400;

  status = check_line (self, text, length - 2);
  if (was_begun)
    drop_line (self);
  return status;
}

/* How much of the value or target that begins at @from is of no further interest but for what it may not
 * contain. */
static gsize
find_dull (const GByteArray *line,
           gsize             from,
           gboolean          is_target)
{
  gsize end = from;

  while (end < line->len && line->data[end] != '\r' && !(is_target && line->data[end] == ' '))
    end++;
  return end - from;
}

static gboolean
is_looked_at (const guint8 *name,
              gsize         length)
{
  static const char * const names[] = { "connection", "content-length", "expect", "origin", "transfer-encoding" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      if (strlen (names[i]) == length && is_name (name, names[i], length))
        return TRUE;
    }

  return FALSE;
}

/* The line that is left is good just when the whole one is. */
static guint
let_go (BelfryRequestGuard *self)
{
  gboolean is_target = self->state == BELFRY_GUARD_REQUEST_LINE;
  GByteArray *line = self->line;
  gsize name = skip_kind (line->data, line->len, IS_TOKEN);
  gsize from = name + 1 + (is_target ? MIN_TARGET_BYTES : 0);
  gsize length;

  if (name > MAX_NAME_BYTES)
    return 400;
  if (from >= line->len || (!is_target && line->data[name] != ':'))
    return 0;
  if (!is_target && is_looked_at (line->data, name))
    return line->len > from + MAX_VALUE_BYTES + strlen ("\r") ? 400 : 0;

  length = find_dull (line, from, is_target);
  if (from + length + (is_target ? strlen (" ") + VERSION_LENGTH + strlen ("\r") : strlen ("\r")) < line->len
      || has_control (line->data + from, length) || (is_target && memchr (line->data + from, '\t', length) != NULL))
    return 400;
  if (length > 0)
    g_byte_array_remove_range (line, from, length);
  return 0;
}

static guint
check_begun_line (BelfryRequestGuard *self,
                  const guint8       *text,
                  gsize               length)
{
  guint status = 0;

  if (self->line == NULL)
    self->line = g_byte_array_new ();
  g_byte_array_append (self->line, text, length);
  self->n_begun += length;

  if (self->state == BELFRY_GUARD_REQUEST_LINE)
    status = check_beginning (self->line, text, length);
  if (status == 0 && self->n_begun > MAX_BEGUN_BYTES && self->state <= BELFRY_GUARD_HEADERS)
    status = let_go (self);
  return status;
}

/* What is left of a line that the library shall not see: nothing, or the line feed that ends the trailers. */
static gsize
leave_out (BelfryGuardState  state,
           BelfryGuardState  next,
           const guint8     *line,
           guint8           *to)
{
  if (state != BELFRY_GUARD_TRAILERS || next == BELFRY_GUARD_TRAILERS)
    return 0;

  *to = '\n';
  return 1;
}

static gsize
let_through (guint8       *to,
             const guint8 *from,
             gsize         length)
{
  if (to != from)
    memmove (to, from, length);
  return length;
}

/* One line, or what has come of it. Gives how much of it goes on to @to; *length is what it takes. */
static gsize
take_line (BelfryRequestGuard *self,
           guint8             *from,
           gsize              *length,
           guint8             *to)
{
  const guint8 *end = memchr (from, '\n', *length);
  BelfryGuardState state = self->state;
  gboolean is_empty;

  if (end != NULL)
    *length = end + 1 - from;
  is_empty = (self->line != NULL ? self->line->data[0] : from[0]) == '\r';
  self->status = check_room (self, *length);
  if (self->status == 0)
    self->status = end != NULL ? check_whole_line (self, from, *length) : check_begun_line (self, from, *length);
  if (self->status != 0)
    return 0;

  if (state == BELFRY_GUARD_TRAILERS || (state == BELFRY_GUARD_REQUEST_LINE && is_empty))
    return leave_out (state, self->state, from, to);

  return let_through (to, from, *length);
}

static gsize
take_body (BelfryRequestGuard *self,
           const guint8       *from,
           gsize              *length,
           guint8             *to)
{
  *length = MIN (*length, self->body_left);
  self->body_left -= *length;
  if (self->body_left == 0 && self->state == BELFRY_GUARD_CHUNK)
    self->state = BELFRY_GUARD_CHUNK_END;
  else if (self->body_left == 0)
    end_request (self);

  return let_through (to, from, *length);
}

gsize
belfry_request_guard_feed (BelfryRequestGuard *self,
                           guint8             *data,
                           gsize               length,
                           gsize              *consumed)
{
  gsize taken = 0;
  gsize through = 0;

  while (taken < length && self->status == 0 && self->state != BELFRY_GUARD_HELD)
    {
      gsize n = length - taken;

      if (self->state == BELFRY_GUARD_BODY || self->state == BELFRY_GUARD_CHUNK)
        through += take_body (self, data + taken, &n, data + through);
      else
        through += take_line (self, data + taken, &n, data + through);
      taken += n;
    }

  *consumed = taken;
  return through;
}

void
belfry_request_guard_resume (BelfryRequestGuard *self)
{
  if (self->state == BELFRY_GUARD_HELD)
    self->state = BELFRY_GUARD_REQUEST_LINE;
}

gboolean
belfry_request_guard_rests (const BelfryRequestGuard *self)
{
  return self->state == BELFRY_GUARD_HELD
         || (self->state == BELFRY_GUARD_REQUEST_LINE && self->n_bytes == 0);
}

gboolean
belfry_request_guard_is_in_head (const BelfryRequestGuard *self)
{
  return self->state <= BELFRY_GUARD_HEADERS;
}

gboolean
belfry_request_guard_is_head_method (const BelfryRequestGuard *self)
{
  return (self->flags & IS_HEAD) != 0;
}

const char *
belfry_request_guard_get_origin (const BelfryRequestGuard *self)
{
  return (self->flags & HAS_ORIGIN) != 0 ? self->origin : NULL;
}

void
belfry_request_guard_clear (BelfryRequestGuard *self)
{
  drop_line (self);
  g_clear_pointer (&self->origin, g_free);
}
