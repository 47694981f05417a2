/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The scanner checks a message and tells where its members lie, so no tree is built of what a stranger sends, and a filter
 * is told back to its sender as it came, but for white space. */

#include "belfry-session-request-private.h"

#include <string.h>

#include "belfry-error.h"
#include "belfry-json-scanner-private.h"

/* Filter members come first, so that both tables share their indexes. */
enum
{
  MEMBER_EVENT_TYPES,
  MEMBER_SESSION_ID,
  MEMBER_USER_ID,
  MEMBER_USER_TIERS,
  MEMBER_MIN_AMOUNT,
  N_FILTER_MEMBERS,

  MEMBER_RESUME_FROM = N_FILTER_MEMBERS,
  MEMBER_CURSORS,
  N_REQUEST_MEMBERS,
};

static const BelfryJsonName request_names[N_REQUEST_MEMBERS] = {
  BELFRY_JSON_NAME ("event_types"),
  BELFRY_JSON_NAME ("session_id"),
  BELFRY_JSON_NAME ("user_id"),
  BELFRY_JSON_NAME ("user_tiers"),
  BELFRY_JSON_NAME ("min_amount"),
  BELFRY_JSON_NAME ("resume_from"),
  BELFRY_JSON_NAME ("cursors"),
};

enum
{
  MEMBER_TYPE,
  MEMBER_FILTERS,
  N_MESSAGE_MEMBERS,
};

static const BelfryJsonName message_names[N_MESSAGE_MEMBERS] = {
  BELFRY_JSON_NAME ("type"),
  BELFRY_JSON_NAME ("filters"),
};

static gboolean
scan_object (const char           *text,
             gsize                 length,
             const BelfryJsonName *names,
             guint                 n_names,
             BelfryJsonValue      *values,
             GError              **error)
{
  BelfryJsonWanted wanted = { .names = names, .n_names = n_names, .values = values };
  BelfryJsonValue root;

  if (!belfry_json_scan (text, length, &wanted, &root))
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_JSON, "Invalid JSON");
      return FALSE;
    }
  if (root.type != BELFRY_JSON_OBJECT)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT, "A filter must be a JSON object");
      return FALSE;
    }
  return TRUE;
}

/* White space may be most of a message, and what is told back may have to wait. */
static void
append_stripped (GString               *out,
                 const BelfryJsonValue *value)
{
  gsize before = out->len;

  g_string_set_size (out, before + value->length);
  g_string_set_size (out, before + belfry_json_strip (value->text, value->length, out->str + before));
}

/* An object of those filter members that were sent, in the order in which they were sent, each with its value as it was
 * sent. */
static char *
dup_filters (const BelfryJsonValue *values)
{
  GString *out = g_string_new ("{");
  const char *behind = NULL;

  for (guint n = 0; n < N_FILTER_MEMBERS; n++)
    {
      int next = -1;

      for (int i = 0; i < N_FILTER_MEMBERS; i++)
        if (values[i].type != BELFRY_JSON_ABSENT && (behind == NULL || values[i].text > behind)
            && (next < 0 || values[i].text < values[next].text))
          next = i;
      if (next < 0)
        break;
      g_string_append_printf (out, "%s\"%s\": ", behind != NULL ? ", " : "", request_names[next].text);
      append_stripped (out, &values[next]);
      behind = values[next].text;
    }
  g_string_append_c (out, '}');
  return g_string_free (out, FALSE);
}

static gboolean
parse_resume_from (const BelfryJsonValue *value,
                   BelfryCursor         **resume_from,
                   GError               **error)
{
  g_autofree char *text = NULL;

  if (value->type == BELFRY_JSON_ABSENT || value->type == BELFRY_JSON_NULL)
    return TRUE;
  if (value->type != BELFRY_JSON_STRING)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT,
                           "resume_from must be a cursor or \"beginning\"");
      return FALSE;
    }
  text = belfry_json_value_dup_string (value);
  if (g_strcmp0 (text, "beginning") == 0)
    *resume_from = belfry_cursor_new_beginning ();
  else if (text != NULL)
    *resume_from = belfry_cursor_new_from_string (text, NULL);
  if (*resume_from == NULL)
    g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_UNKNOWN_CURSOR, "Unknown cursor");
  return *resume_from != NULL;
}

static gboolean
parse_cursors (const BelfryJsonValue *value,
               gboolean              *wants_cursors,
               GError               **error)
{
  switch (value->type)
    {
    case BELFRY_JSON_ABSENT:
    case BELFRY_JSON_NULL:
    case BELFRY_JSON_FALSE:
      *wants_cursors = FALSE;
      return TRUE;
    case BELFRY_JSON_TRUE:
      *wants_cursors = TRUE;
      return TRUE;
    case BELFRY_JSON_NUMBER:
    case BELFRY_JSON_STRING:
    case BELFRY_JSON_ARRAY:
    case BELFRY_JSON_OBJECT:
      break;
    }
  g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT, "cursors must be true or false");
  return FALSE;
}

void
belfry_subscribe_request_clear (BelfrySubscribeRequest *self)
{
  g_clear_pointer (&self->filter, belfry_filter_unref);
  g_clear_pointer (&self->resume_from, belfry_cursor_free);
  g_clear_pointer (&self->filters_json, g_free);
}

gboolean
belfry_subscribe_request_parse (BelfrySubscribeRequest *self,
                                const char             *text,
                                gsize                   length,
                                GError                **error)
{
  BelfryJsonValue values[N_REQUEST_MEMBERS];

  memset (self, 0, sizeof *self);
  if (!scan_object (text, length, request_names, N_REQUEST_MEMBERS, values, error))
    return FALSE;

  /* The filter sees its own members only: what else the message holds need not become a tree. */
  self->filters_json = dup_filters (values);
  self->filter = belfry_filter_new_from_json (self->filters_json, -1, error);
  if (self->filter != NULL
      && parse_cursors (&values[MEMBER_CURSORS], &self->wants_cursors, error)
      && parse_resume_from (&values[MEMBER_RESUME_FROM], &self->resume_from, error))
    return TRUE;

  belfry_subscribe_request_clear (self);
  return FALSE;
}

static gboolean
parse_filters (const BelfryJsonValue *value,
               BelfryFilter         **filter,
               char                 **filters_json,
               GError               **error)
{
  BelfryJsonValue values[N_FILTER_MEMBERS];

  if (value->type != BELFRY_JSON_OBJECT)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT, "filters must be an object");
      return FALSE;
    }
  if (!scan_object (value->text, value->length, request_names, N_FILTER_MEMBERS, values, error))
    return FALSE;
  *filters_json = dup_filters (values);
  *filter = belfry_filter_new_from_json (*filters_json, -1, error);
  if (*filter == NULL)
    g_clear_pointer (filters_json, g_free);
  return *filter != NULL;
}

static gboolean
is_string (const BelfryJsonValue *value,
           const char            *text)
{
  return value->type == BELFRY_JSON_STRING
         && belfry_json_equals (value->text + 1, value->length - 2, text, strlen (text));
}

BelfryClientMessage
belfry_client_message_parse (const char    *text,
                             gsize          length,
                             BelfryFilter **filter,
                             char         **filters_json,
                             GError       **error)
{
  BelfryJsonValue values[N_MESSAGE_MEMBERS];

  if (!scan_object (text, length, message_names, N_MESSAGE_MEMBERS, values, NULL))
    return BELFRY_CLIENT_MESSAGE_OTHER;
  if (is_string (&values[MEMBER_TYPE], "ping"))
    return BELFRY_CLIENT_MESSAGE_PING;
  if (!is_string (&values[MEMBER_TYPE], "update_filters"))
    return BELFRY_CLIENT_MESSAGE_OTHER;

  /* Success or failure shows in what is set. */
  (void) parse_filters (&values[MEMBER_FILTERS], filter, filters_json, error);
  return BELFRY_CLIENT_MESSAGE_UPDATE_FILTERS;
}
