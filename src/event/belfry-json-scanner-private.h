/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The one-pass scanner: checks grammar (RFC 8259), UTF-8, depth and surrogates of a JSON text,
 * and notes where the members of the top-level object lie. The event module's validator builds
 * on it; doors use it for small control messages. It allocates nothing and needs no NUL behind
 * the text. */

/* The most levels of objects and arrays; the outermost is the first. */
#define BELFRY_JSON_DEPTH_MAX 64

typedef enum
{
  BELFRY_JSON_ABSENT,
  BELFRY_JSON_NULL,
  BELFRY_JSON_FALSE,
  BELFRY_JSON_TRUE,
  BELFRY_JSON_NUMBER,
  BELFRY_JSON_STRING,
  BELFRY_JSON_ARRAY,
  BELFRY_JSON_OBJECT,
} BelfryJsonType;

/* A member's name that a caller looks for. */
typedef struct
{
  const char *text;
  gsize       length;
} BelfryJsonName;

#define BELFRY_JSON_NAME(literal) { literal, sizeof (literal) - 1 }

/* Where a value lies in the scanned text, which it borrows. */
typedef struct
{
  BelfryJsonType type;
  guint          n_members;   /* object: its members, repeats counted */
  const char    *text;        /* from the first byte to behind the last, quotes included */
  gsize          length;
  guint8         has_escapes; /* string: has a backslash */
  guint8         has_wide;    /* string: has bytes over 127 */
  guint8         has_space;   /* white space lies inside the value, outside its strings */
  guint8         may_repeat;  /* an object in the value may have two members of one name */
} BelfryJsonValue;

/* What to note while scanning. Of members of one name the last is noted, ABSENT where there is
 * none. */
typedef struct
{
  const BelfryJsonName *names;        /* members of the top-level object */
  guint                 n_names;
  BelfryJsonValue      *values;       /* out: one for each of names */
  guint                 inner_of;     /* index into names: whose members are of interest too */
  const BelfryJsonName *inner_names;
  guint                 n_inner_names;
  BelfryJsonValue      *inner_values; /* out: one for each of inner_names */
} BelfryJsonWanted;

/* FALSE when the text is not exactly one JSON value. @wanted may be NULL. */
gboolean belfry_json_scan (const char *text, gsize length, const BelfryJsonWanted *wanted,
                           BelfryJsonValue *root);

/* The same for the value that a text begins with: gives what follows behind it and white space, or NULL. What is noted
 * of an object holds for it alone, so that the values of a long text may be scanned one after the other. */
const char *belfry_json_scan_first (const char *text, gsize length, const BelfryJsonWanted *wanted,
                                    BelfryJsonValue *root);

/* The most bytes of one character in a JSON string: two \uXXXX. */
#define BELFRY_JSON_CHARACTER_MAX 12

/* Between a scanned string's quotes. Decoding writes at most @length bytes, and no NUL behind
 * them. */
gsize    belfry_json_decode (const char *text, gsize length, char *decoded);
gboolean belfry_json_equals (const char *text, gsize length, const char *decoded,
                             gsize decoded_length);

/* Whether a scanned value, or a part of one, holds U+0000 in a string. */
gboolean belfry_json_has_nul (const char *text, gsize length);

/* The decoded string, or NULL when the value is no string or holds U+0000. */
char    *belfry_json_value_dup_string (const BelfryJsonValue *value);

/* A scanned number as the nearest double, infinite when it is too large; at least one byte lies
 * behind it. */
double   belfry_json_value_to_double (const BelfryJsonValue *value);

/* A scanned text without white space outside strings. @stripped has room for @length bytes.
 * Gives the bytes written. */
gsize    belfry_json_strip (const char *text, gsize length, char *stripped);

/* A scanned text without white space outside strings and without repeated members: of those the
 * last value stands at the first one's place, as in a Python dict. @n_members receives the
 * members of a top-level object, or 0. */
GString *belfry_json_compact (const char *text, gsize length, guint *n_members);

/* UTF-8 text as a JSON string with its quotes: how many bytes it takes, writing them (no NUL;
 * gives what is behind), and appending them. Only what must be escaped is. */
gsize    belfry_json_measure_string (const char *text, gsize length);
char    *belfry_json_write_string   (char *at, const char *text, gsize length);
void     belfry_json_append_string  (GString *json, const char *text);

/* A finite number, in as few digits as give the same number again. */
void     belfry_json_append_double  (GString *json, double number);

G_END_DECLS
