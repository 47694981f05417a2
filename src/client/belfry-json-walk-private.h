/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Cuts JSON texts apart without reading numbers or strings, so that every digit and every escape stays as it was sent. For
 * texts of a daemon: the bounds of what they mean are checked elsewhere. */

typedef struct
{
  const char *text;
  gsize       length;
} BelfryJsonSpan;

/* One item of an array, or one member of an object; name has its quotes and escapes. */
typedef struct
{
  BelfryJsonSpan name;   /* empty in an array */
  BelfryJsonSpan value;
} BelfryJsonPart;

typedef struct
{
  const char *at;
  const char *end;
  char        closing;  /* 0: nothing more comes */
  gboolean    is_first;
  gboolean    is_broken;
} BelfryJsonWalk;

/* FALSE when the text is neither an object nor an array. */
gboolean  belfry_json_walk_init   (BelfryJsonWalk *self,
                                   const char     *text,
                                   gsize           length);
/* FALSE at the end, or where the text is no JSON: is_broken tells. */
gboolean  belfry_json_walk_next   (BelfryJsonWalk *self,
                                   BelfryJsonPart *part);
/* The last member of that name in an object; the name is given without quotes and needs no
 * escapes. */
gboolean  belfry_json_walk_find        (const char     *text,
                                   gsize           length,
                                   const char     *name,
                                   BelfryJsonSpan *value);
/* The text of a string value, unescaped; NULL when the value is no string. */
char     *belfry_json_walk_decode (const BelfryJsonSpan *value);
/* The texts of an array's items; NULL when it is no array. */
char    **belfry_json_walk_split (const char     *text,
                                   gsize           length,
                                   gsize          *n_items);
/* Appends a string with quotes and escapes; text must be UTF-8. */
void      belfry_json_walk_append_string (GString      *json,
                                     const char   *text);

G_END_DECLS
