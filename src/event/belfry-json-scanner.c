/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-json-scanner-private.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* How it works: plain recursive descent, at most BELFRY_JSON_DEPTH_MAX deep. Every function takes
 * the place where it reads and gives the place behind what it has read, or NULL when the text is
 * wrong; so the place stays in a register. Time goes into three things, and these are made for
 * speed: string bodies (16 bytes at once), white space (one comparison when there is none) and
 * names of members.
 *
 * Inside the values of the top-level object, names are watched for repeats without allocating:
 * each open object keeps 64-bit hashes of its names on a small stack. Equal hashes, an escaped
 * name, or more names than fit only say that a repeat is possible; belfry_json_compact() then
 * looks closely. */

/* Names of one object that are compared with each other, and of all open objects together. */
#define OBJECT_KEYS_MAX 64
#define KEYS_MAX 192

typedef struct
{
  const guint8           *end;
  const BelfryJsonWanted *wanted;     /* or NULL */
  guint                   depth;      /* of the open objects and arrays */
  guint8                  has_space;  /* since the flags were last cleared */
  guint8                  may_repeat; /* since the flags were last cleared */
  gboolean                is_inner;   /* inside of the value whose members are of interest */
  guint                   n_keys;
  guint64                 keys[KEYS_MAX];
} Scanner;

typedef struct
{
  const guint8 *start; /* behind the opening quote */
  gsize         length;
  guint8        has_escapes;
  guint8        has_wide;
} String;

static const guint8 *scan_value (Scanner *self, const guint8 *at, BelfryJsonValue *value);

static const guint8 *
skip_spaces (Scanner *self, const guint8 *at)
{
  while (at < self->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
    {
      at++;
      self->has_space = TRUE;
    }
  return at;
}

static inline const guint8 *
skip_space (Scanner *self, const guint8 *at)
{
  return G_UNLIKELY (at < self->end && *at <= ' ') ? skip_spaces (self, at) : at;
}

static inline gboolean
is_plain (guint8 c)
{
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

#ifdef __SSE2__
/* A bit for each of 16 bytes: whether it is a quote, a backslash, a control character or over
 * 127. */
static inline guint
find_specials (const guint8 *at)
{
  __m128i bytes = _mm_loadu_si128 ((const __m128i *) (const void *) at);
  /* As signed numbers, bytes over 127 are less than the space too. */
  __m128i low = _mm_cmplt_epi8 (bytes, _mm_set1_epi8 (0x20));
  __m128i quote = _mm_cmpeq_epi8 (bytes, _mm_set1_epi8 ('"'));
  __m128i backslash = _mm_cmpeq_epi8 (bytes, _mm_set1_epi8 ('\\'));

  return (guint) _mm_movemask_epi8 (_mm_or_si128 (_mm_or_si128 (low, quote), backslash));
}
#endif

/* The first special byte from @at on, or @end. */
static inline const guint8 *
find_special (const guint8 *at, const guint8 *end)
{
#ifdef __SSE2__
  for (; end - at >= 16; at += 16)
    {
      guint mask = find_specials (at);

      if (mask != 0)
        return at + __builtin_ctz (mask);
    }
#else
  while (end - at >= 8 && is_plain (at[0]) && is_plain (at[1]) && is_plain (at[2])
         && is_plain (at[3])
         && is_plain (at[4]) && is_plain (at[5]) && is_plain (at[6]) && is_plain (at[7]))
    at += 8;
#endif
  while (at < end && is_plain (*at))
    at++;
  return at;
}

/* Behind the UTF-8 sequence at @at, or NULL: no overlong forms, no surrogates, nothing over
 * U+10FFFF. */
static const guint8 *
skip_sequence (const guint8 *at, const guint8 *end)
{
  guint8 first = at[0];
  guint8 low = 0x80, high = 0xbf; /* of the second byte */
  gsize n_bytes;

  if (first >= 0xc2 && first <= 0xdf)
    n_bytes = 2;
  else if (first >= 0xe0 && first <= 0xef)
    {
      n_bytes = 3;
      low = first == 0xe0 ? 0xa0 : 0x80;
      high = first == 0xed ? 0x9f : 0xbf;
    }
  else if (first >= 0xf0 && first <= 0xf4)
    {
      n_bytes = 4;
      low = first == 0xf0 ? 0x90 : 0x80;
      high = first == 0xf4 ? 0x8f : 0xbf;
    }
  else
    return NULL;

  if ((gsize) (end - at) < n_bytes || at[1] < low || at[1] > high)
    return NULL;
  for (gsize i = 2; i < n_bytes; i++)
    if ((at[i] & 0xc0) != 0x80)
      return NULL;
  return at + n_bytes;
}

/* The code unit of "\uXXXX" at @at, or -1. */
static int
read_code_unit (const guint8 *at, const guint8 *end)
{
  int unit = 0;

  if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
    return -1;
  for (guint i = 2; i < 6; i++)
    {
      int digit = g_ascii_xdigit_value ((char) at[i]);

      if (digit < 0)
        return -1;
      unit = unit * 16 + digit;
    }
  return unit;
}

/* Behind the escape at @at, or NULL; surrogates only in pairs. */
static const guint8 *
skip_escape (const guint8 *at, const guint8 *end)
{
  int unit;

  if (end - at < 2)
    return NULL;
  switch (at[1])
    {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return at + 2;
    case 'u':
      unit = read_code_unit (at, end);
      if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return NULL;
      if (unit < 0xd800 || unit > 0xdbff)
        return at + 6;
      unit = read_code_unit (at + 6, end);
      return unit >= 0xdc00 && unit <= 0xdfff ? at + 12 : NULL;
    default:
      return NULL;
    }
}

/* Behind the opening quote. */
static const guint8 *
scan_long_string (const guint8 *at, const guint8 *end, String *string)
{
  while (at != NULL)
    {
      at = find_special (at, end);
      if (at == end)
        return NULL;
      if (*at == '"')
        {
          string->length = (gsize) (at - string->start);
          return at + 1;
        }
      if (*at >= 0x80)
        {
          string->has_wide = TRUE;
          do
            at = skip_sequence (at, end);
          while (at != NULL && at < end && *at >= 0x80);
        }
      else if (*at == '\\')
        {
          string->has_escapes = TRUE;
          at = skip_escape (at, end);
        }
      else
        return NULL;
    }
  return NULL;
}

/* At the opening quote. Most strings are short and plain. */
static inline const guint8 *
scan_string (Scanner *self, const guint8 *at, String *string)
{
  at++;
  string->start = at;
  string->has_escapes = FALSE;
  string->has_wide = FALSE;
#ifdef __SSE2__
  if (G_LIKELY (self->end - at >= 16))
    {
      guint mask = find_specials (at);
      guint first = mask != 0 ? (guint) __builtin_ctz (mask) : 0;

      if (G_LIKELY (mask != 0 && at[first] == '"'))
        {
          string->length = first;
          return at + first + 1;
        }
    }
#endif
  return scan_long_string (at, self->end, string);
}

/* Behind at least one digit. */
static inline const guint8 *
skip_digits (const guint8 *at, const guint8 *end)
{
  if (at == end || (guint8) (*at - '0') > 9)
    return NULL;
  do
    at++;
  while (at < end && (guint8) (*at - '0') <= 9);
  return at;
}

static inline const guint8 *
scan_number (const guint8 *at, const guint8 *end)
{
  if (*at == '-')
    at++;
  if (at < end && *at == '0')
    at++;
  else
    at = skip_digits (at, end);
  if (at != NULL && at < end && *at == '.')
    at = skip_digits (at + 1, end);
  if (at != NULL && at < end && (*at | 0x20) == 'e')
    {
      at++;
      if (at < end && (*at == '-' || *at == '+'))
        at++;
      at = skip_digits (at, end);
    }
  return at;
}

static inline const guint8 *
scan_word (const guint8 *at, const guint8 *end, const char *word, gsize length)
{
  return (gsize) (end - at) >= length && memcmp (at, word, length) == 0 ? at + length : NULL;
}

static inline guint64
hash_name (const Scanner *self, const String *name)
{
  const guint64 multiplier = G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  const guint8 *at = name->start;
  gsize rest = name->length;
  guint64 hash = name->length;
  guint64 word;

  for (; rest >= sizeof word; rest -= sizeof word, at += sizeof word)
    {
      memcpy (&word, at, sizeof word);
      hash = (hash ^ word) * multiplier;
      hash ^= hash >> 32;
    }
  if (rest == 0)
    return hash;
  word = 0;
  if (G_LIKELY ((gsize) (self->end - at) >= sizeof word))
    {
      /* Reads beyond the name, yet inside the text, and lets what is too much go. */
      memcpy (&word, at, sizeof word);
      word = GUINT64_FROM_LE (word) & ((G_GUINT64_CONSTANT (1) << (8 * rest)) - 1);
    }
  else
    memcpy (&word, at, rest);
  hash = (hash ^ word) * multiplier;
  return hash ^ (hash >> 32);
}

/* Notes a name of the object whose names begin at @first_key. */
static inline void
watch_name (Scanner *self, guint first_key, const String *name)
{
  guint64 hash;
  gboolean is_known = FALSE;

  if (self->may_repeat)
    return;
  if (G_UNLIKELY (name->has_escapes || self->n_keys == KEYS_MAX
                  || self->n_keys - first_key == OBJECT_KEYS_MAX))
    {
      self->may_repeat = TRUE;
      return;
    }
  hash = hash_name (self, name);
  for (guint i = first_key; i < self->n_keys; i++)
    is_known |= self->keys[i] == hash;
  self->may_repeat = is_known;
  self->keys[self->n_keys++] = hash;
}

static inline BelfryJsonValue *
find_wanted (const BelfryJsonName *names, guint n_names, BelfryJsonValue *values,
             const String *name)
{
  const char *text = (const char *) name->start;

  for (guint i = 0; i < n_names; i++)
    if (G_UNLIKELY (name->has_escapes)
          ? belfry_json_equals (text, name->length, names[i].text, names[i].length)
          : name->length == names[i].length && *text == *names[i].text && memcmp (text,
                                                                                  names[i].text, name->length) == 0)
      return &values[i];
  return NULL;
}

/* Behind the colon and white space. */
static inline const guint8 *
scan_name (Scanner *self, const guint8 *at, String *name)
{
  at = skip_space (self, at);
  if (at == self->end || *at != '"')
    return NULL;
  at = scan_string (self, at, name);
  if (at == NULL)
    return NULL;
  at = skip_space (self, at);
  if (at == self->end || *at != ':')
    return NULL;
  return skip_space (self, at + 1);
}

/* Behind the comma that another member or item follows, or behind the closing bracket and
 * *@is_closed. */
static inline const guint8 *
scan_separator (Scanner *self, const guint8 *at, guint8 closing, gboolean *is_closed)
{
  at = skip_space (self, at);
  if (at == self->end)
    return NULL;
  if (*at == ',')
    return at + 1;
  *is_closed = *at == closing;
  return *is_closed ? at + 1 : NULL;
}

/* A member of the top-level object: what is noted about its value begins afresh. */
static const guint8 *
scan_top_member (Scanner *self, const guint8 *at, BelfryJsonValue *scratch)
{
  const BelfryJsonWanted *wanted = self->wanted;
  BelfryJsonValue *value = NULL;
  String name;

  at = scan_name (self, at, &name);
  if (at == NULL)
    return NULL;
  value = find_wanted (wanted->names, wanted->n_names, wanted->values, &name);
  self->has_space = FALSE;
  self->may_repeat = FALSE;
  self->n_keys = 0;
  self->is_inner = value != NULL && value == &wanted->values[wanted->inner_of] && wanted->n_inner_names > 0;
  if (self->is_inner)
    memset (wanted->inner_values, 0, wanted->n_inner_names * sizeof *wanted->inner_values);
  if (value == NULL)
    value = scratch;
  at = scan_value (self, at, value);
  value->has_space = self->has_space;
  value->may_repeat = self->may_repeat;
  return at;
}

static inline const guint8 *
scan_member (Scanner *self, const guint8 *at, guint first_key, BelfryJsonValue *scratch)
{
  BelfryJsonValue *value = NULL;
  String name;

  at = scan_name (self, at, &name);
  if (at == NULL)
    return NULL;
  watch_name (self, first_key, &name);
  if (self->is_inner && self->depth == 2)
    value = find_wanted (self->wanted->inner_names, self->wanted->n_inner_names,
                         self->wanted->inner_values, &name);
  return scan_value (self, at, value != NULL ? value : scratch);
}

/* At the opening bracket. */
static const guint8 *
scan_object (Scanner *self, const guint8 *at, BelfryJsonValue *object)
{
  BelfryJsonValue scratch;
  guint first_key = self->n_keys;
  gboolean is_top = self->depth == 0 && self->wanted != NULL;
  gboolean is_closed = FALSE;
  guint n_members = 0;

  if (self->depth++ == BELFRY_JSON_DEPTH_MAX)
    return NULL;
  at = skip_space (self, at + 1);
  if (at < self->end && *at == '}')
    {
      is_closed = TRUE;
      at++;
    }
  for (; !is_closed && at != NULL; n_members++)
    {
      at = is_top ? scan_top_member (self, at, &scratch) : scan_member (self, at, first_key,
                                                                        &scratch);
      if (at != NULL)
        at = scan_separator (self, at, '}', &is_closed);
    }
  self->depth--;
  self->n_keys = first_key;
  object->type = BELFRY_JSON_OBJECT;
  object->n_members = n_members;
  return at;
}

/* At the opening bracket. */
static const guint8 *
scan_array (Scanner *self, const guint8 *at, BelfryJsonValue *array)
{
  BelfryJsonValue scratch;
  gboolean is_closed = FALSE;

  if (self->depth++ == BELFRY_JSON_DEPTH_MAX)
    return NULL;
  at = skip_space (self, at + 1);
  if (at < self->end && *at == ']')
    {
      is_closed = TRUE;
      at++;
    }
  while (!is_closed && at != NULL)
    {
      at = scan_value (self, skip_space (self, at), &scratch);
      if (at != NULL)
        at = scan_separator (self, at, ']', &is_closed);
    }
  self->depth--;
  array->type = BELFRY_JSON_ARRAY;
  return at;
}

static inline const guint8 *
scan_string_value (Scanner *self, const guint8 *at, BelfryJsonValue *value)
{
  String string;

  at = scan_string (self, at, &string);
  value->type = BELFRY_JSON_STRING;
  value->has_escapes = string.has_escapes;
  value->has_wide = string.has_wide;
  return at;
}

static inline const guint8 *
scan_bare (Scanner *self, const guint8 *at, BelfryJsonValue *value)
{
  switch (*at)
    {
    case 'n':
      value->type = BELFRY_JSON_NULL;
      return scan_word (at, self->end, "null", 4);
    case 'f':
      value->type = BELFRY_JSON_FALSE;
      return scan_word (at, self->end, "false", 5);
    case 't':
      value->type = BELFRY_JSON_TRUE;
      return scan_word (at, self->end, "true", 4);
    default:
      value->type = BELFRY_JSON_NUMBER;
      return scan_number (at, self->end);
    }
}

static const guint8 *
scan_value (Scanner *self, const guint8 *at, BelfryJsonValue *value)
{
  const guint8 *start = at;

  if (at == self->end)
    return NULL;
  if (*at == '"')
    at = scan_string_value (self, at, value);
  else if (*at == '{')
    at = scan_object (self, at, value);
  else if (*at == '[')
    at = scan_array (self, at, value);
  else
    at = scan_bare (self, at, value);
  if (at == NULL)
    return NULL;
  value->text = (const char *) start;
  value->length = (gsize) (at - start);
  return at;
}

/* Behind the first value and the white space that follows it, or NULL. */
static inline const guint8 *
scan_first (const char *text, gsize length, const BelfryJsonWanted *wanted, BelfryJsonValue *root)
{
  const guint8 *at = (const guint8 *) text;
  Scanner self;

  /* Not all of it is cleared: the stack of hashes is written before it is read. */
  self.end = at + length;
  self.wanted = wanted;
  self.depth = 0;
  self.has_space = FALSE;
  self.may_repeat = FALSE;
  self.is_inner = FALSE;
  self.n_keys = 0;
  memset (root, 0, sizeof *root);
  if (wanted != NULL)
    {
      memset (wanted->values, 0, wanted->n_names * sizeof *wanted->values);
      if (wanted->n_inner_names > 0)
        memset (wanted->inner_values, 0, wanted->n_inner_names * sizeof *wanted->inner_values);
    }

  at = scan_value (&self, skip_space (&self, at), root);
  if (at == NULL)
    return NULL;
  if (wanted == NULL)
    {
      root->has_space = self.has_space;
      root->may_repeat = self.may_repeat;
    }
  return skip_space (&self, at);
}

gboolean
belfry_json_scan (const char *text, gsize length, const BelfryJsonWanted *wanted,
                  BelfryJsonValue *root)
{
  const guint8 *end = scan_first (text, length, wanted, root);

  return end != NULL && end == (const guint8 *) text + length;
}

const char *
belfry_json_scan_first (const char *text, gsize length, const BelfryJsonWanted *wanted,
                        BelfryJsonValue *root)
{
  return (const char *) scan_first (text, length, wanted, root);
}
