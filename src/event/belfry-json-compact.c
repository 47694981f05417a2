/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-json-scanner-private.h"

#include <stdlib.h>
#include <string.h>

/* The slow way of making a text compact, for objects that may have two members of one name.
 * Members are written as they come, and when an object closes, its part of the output is put
 * together anew if a name was there twice. So each level of nesting copies at most its own text
 * once more: time is at most the size times BELFRY_JSON_DEPTH_MAX, and a logarithm for sorting
 * the names. Recursion ends where the scanner's did. */

/* A member of an object that is being written; places are offsets in the output. */
typedef struct
{
  const char *name;         /* decoded; borrowed from the text or from decoded_name */
  gsize       name_length;
  char       *decoded_name; /* owned, or NULL */
  gsize       order;        /* in its object */
  gsize       name_start;
  gsize       name_end;     /* behind the colon */
  gsize       value_start;
  gsize       value_end;
  gboolean    is_dropped;
} Member;

typedef struct
{
  const char *at;
  const char *end;
  GString    *out;
  GArray     *members;   /* of Member, of all open objects */
  guint       n_members; /* of the object that closed last */
} Compactor;

static void compact_value (Compactor *self);

static void
skip_space (Compactor *self)
{
  while (self->at < self->end
         && (*self->at == ' ' || *self->at == '\n' || *self->at == '\r' || *self->at == '\t'))
    self->at++;
}

static void
member_clear (gpointer data)
{
  g_clear_pointer (&((Member *) data)->decoded_name, g_free);
}

static int
compare_names (const Member *a, const Member *b)
{
  int order = memcmp (a->name, b->name, MIN (a->name_length, b->name_length));

  if (order != 0)
    return order;
  return a->name_length < b->name_length ? -1 : a->name_length > b->name_length;
}

static int
compare_members (const void *a, const void *b)
{
  const Member *left = *(const Member * const *) a;
  const Member *right = *(const Member * const *) b;
  int order = compare_names (left, right);

  if (order != 0)
    return order;
  return left->order < right->order ? -1 : 1;
}

/* Of each name the first keeps its place and takes the last one's value. Gives how many were
 * dropped. Sorting, and not a hash table, because a stranger picks the names. */
static guint
drop_repeats (Member *members, guint n_members)
{
  g_autofree Member **sorted = g_new (Member *, n_members);
  Member *first = NULL;
  guint n_dropped = 0;

  for (guint i = 0; i < n_members; i++)
    sorted[i] = &members[i];
  qsort (sorted, n_members, sizeof *sorted, compare_members);
  for (guint i = 0; i < n_members; i++)
    {
      if (first == NULL || compare_names (first, sorted[i]) != 0)
        {
          first = sorted[i];
          continue;
        }
      first->value_start = sorted[i]->value_start;
      first->value_end = sorted[i]->value_end;
      sorted[i]->is_dropped = TRUE;
      n_dropped++;
    }
  return n_dropped;
}

/* Puts what remains of an object's members, whose text ends the output, in place of all. */
static void
rewrite_members (Compactor *self, const Member *members, guint n_members)
{
  g_autoptr(GString) kept = g_string_new (NULL);
  const char *out = self->out->str;

  for (guint i = 0; i < n_members; i++)
    {
      const Member *member = &members[i];

      if (member->is_dropped)
        continue;
      if (kept->len > 0)
        g_string_append_c (kept, ',');
      g_string_append_len (kept, out + member->name_start,
                           (gssize) (member->name_end - member->name_start));
      g_string_append_len (kept, out + member->value_start,
                           (gssize) (member->value_end - member->value_start));
    }
  g_string_truncate (self->out, members[0].name_start);
  g_string_append_len (self->out, kept->str, (gssize) kept->len);
}

static void
close_object (Compactor *self, guint first_member)
{
  Member *members = &g_array_index (self->members, Member, first_member);
  guint n_members = self->members->len - first_member;
  guint n_dropped = 0;

  if (n_members > 1)
    n_dropped = drop_repeats (members, n_members);
  if (n_dropped > 0)
    rewrite_members (self, members, n_members);
  g_array_set_size (self->members, first_member);
  g_string_append_c (self->out, '}');
  self->n_members = n_members - n_dropped;
}

/* At the opening quote. Gives the string between the quotes. */
static const char *
compact_string (Compactor *self, gsize *length, gboolean *has_escapes)
{
  const char *start = self->at;

  *has_escapes = FALSE;
  for (self->at++; *self->at != '"'; self->at++)
    if (*self->at == '\\')
      {
        *has_escapes = TRUE;
        self->at++;
      }
  self->at++;
  g_string_append_len (self->out, start, self->at - start);
  *length = (gsize) (self->at - start) - 2;
  return start + 1;
}

static void
compact_member (Compactor *self, gsize order)
{
  Member member = { NULL, };
  gboolean has_escapes;

  member.order = order;
  member.name_start = self->out->len;
  member.name = compact_string (self, &member.name_length, &has_escapes);
  if (has_escapes)
    {
      member.decoded_name = g_malloc (member.name_length);
      member.name_length = belfry_json_decode (member.name, member.name_length,
                                               member.decoded_name);
      member.name = member.decoded_name;
    }
  skip_space (self);
  self->at++; /* the colon */
  g_string_append_c (self->out, ':');
  member.name_end = self->out->len;
  member.value_start = self->out->len;
  skip_space (self);
  compact_value (self);
  member.value_end = self->out->len;
  g_array_append_val (self->members, member);
}

static void
compact_object (Compactor *self)
{
  guint first_member = self->members->len;
  gsize order = 0;

  self->at++;
  g_string_append_c (self->out, '{');
  for (skip_space (self); *self->at != '}'; skip_space (self))
    {
      if (*self->at == ',')
        {
          self->at++;
          g_string_append_c (self->out, ',');
          skip_space (self);
        }
      compact_member (self, order++);
    }
  self->at++;
  close_object (self, first_member);
}

static void
compact_array (Compactor *self)
{
  self->at++;
  g_string_append_c (self->out, '[');
  for (skip_space (self); *self->at != ']'; skip_space (self))
    {
      if (*self->at == ',')
        {
          self->at++;
          g_string_append_c (self->out, ',');
          skip_space (self);
        }
      compact_value (self);
    }
  self->at++;
  g_string_append_c (self->out, ']');
}

static void
compact_value (Compactor *self)
{
  gsize length;
  gboolean has_escapes;

  switch (*self->at)
    {
    case '{':
      compact_object (self);
      break;
    case '[':
      compact_array (self);
      break;
    case '"':
      compact_string (self, &length, &has_escapes);
      break;
    default:
      for (length = 0; self->at + length < self->end
           && strchr (" \n\r\t,]}", self->at[length]) == NULL; length++)
        continue;
      g_string_append_len (self->out, self->at, (gssize) length);
      self->at += length;
      break;
    }
}

GString *
belfry_json_compact (const char *text, gsize length, guint *n_members)
{
  Compactor self = { text, text + length, NULL, NULL, 0 };
  gboolean is_object;

  self.out = g_string_sized_new (length + 1);
  self.members = g_array_new (FALSE, FALSE, sizeof (Member));
  g_array_set_clear_func (self.members, member_clear);
  skip_space (&self);
  is_object = *self.at == '{';
  compact_value (&self);
  *n_members = is_object ? self.n_members : 0;
  g_array_unref (self.members);
  return self.out;
}
