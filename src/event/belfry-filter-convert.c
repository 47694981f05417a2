/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-filter.h"
#include "belfry-filter-private.h"

#include <string.h>

#include "belfry-error.h"
#include "belfry-json-scanner-private.h"

/* The rules of a filter while they are read; all NULL for none. */
typedef struct
{
  GStrv    event_types; /* owned */
  char    *session_id;  /* owned */
  char    *user_id;     /* owned */
  GStrv    user_tiers;  /* owned */
  gboolean has_min_amount;
  double   min_amount;
} Rules;

static void
rules_clear (Rules *rules)
{
  g_clear_pointer (&rules->event_types, g_strfreev);
  g_clear_pointer (&rules->session_id, g_free);
  g_clear_pointer (&rules->user_id, g_free);
  g_clear_pointer (&rules->user_tiers, g_strfreev);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Rules, rules_clear)

static BelfryFilter *
rules_to_filter (const Rules *rules, GError **error)
{
  return belfry_filter_new_checked ((const char * const *) rules->event_types, rules->session_id,
                                    rules->user_id,
                                    (const char * const *) rules->user_tiers,
                                    rules->has_min_amount ? &rules->min_amount : NULL, error);
}

static gboolean
refuse_type (const char *name, const char *wanted, GError **error)
{
  g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT, "%s must be %s", name, wanted);
  return FALSE;
}

static gboolean
is_absent (const BelfryJsonValue *value)
{
  return value->type == BELFRY_JSON_ABSENT || value->type == BELFRY_JSON_NULL;
}

static gboolean
take_string (const BelfryJsonValue *value, const char *name, char **text, GError **error)
{
  if (is_absent (value))
    return TRUE;
  if (value->type != BELFRY_JSON_STRING)
    return refuse_type (name, "a string or null", error);
  *text = belfry_json_value_dup_string (value);
  return TRUE;
}

/* Behind what is no value: spaces, and a comma between items. */
static const char *
skip_to_item (const char *at)
{
  while (strchr (" \t\n\r,", *at) != NULL)
    at++;
  return at;
}

/* Behind the string that begins at @at. */
static const char *
skip_string (const char *at)
{
  for (at++; *at != '"'; at++)
    if (*at == '\\')
      at++;
  return at + 1;
}

/* The strings of a scanned array; NULL when something else is among them. One more than allowed is enough to be refused for
 * the number: the rest, a stranger's, is not even looked at. */
static GStrv
dup_strings (const BelfryJsonValue *array, guint max)
{
  g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  const char *at = skip_to_item (array->text + 1);

  while (*at != ']' && found->len <= max)
    {
      BelfryJsonValue item = { .type = BELFRY_JSON_STRING, .text = at, .has_escapes = 1, .has_wide = 1 };

      if (*at != '"')
        return NULL;
      at = skip_string (at);
      item.length = (gsize) (at - item.text);
      g_ptr_array_add (found, belfry_json_value_dup_string (&item));
      at = skip_to_item (at);
    }
  g_ptr_array_add (found, NULL);
  return (GStrv) g_ptr_array_free (g_steal_pointer (&found), FALSE);
}

static gboolean
take_strings (const BelfryJsonValue *value, const char *name, guint max, GStrv *texts, GError **error)
{
  if (is_absent (value))
    return TRUE;
  if (value->type == BELFRY_JSON_ARRAY)
    *texts = dup_strings (value, max);
  return *texts != NULL || refuse_type (name, "an array of strings or null", error);
}

static gboolean
take_number (const BelfryJsonValue *value, const char *name, Rules *rules, GError **error)
{
  if (is_absent (value))
    return TRUE;
  if (value->type != BELFRY_JSON_NUMBER)
    return refuse_type (name, "a number or null", error);
  rules->has_min_amount = TRUE;
  rules->min_amount = belfry_json_value_to_double (value);
  return TRUE;
}

enum
{
  MEMBER_MIN_AMOUNT,
  MEMBER_EVENT_TYPES,
  MEMBER_SESSION_ID,
  MEMBER_USER_ID,
  MEMBER_USER_TIERS,
  N_MEMBERS,
};

static const BelfryJsonName members[N_MEMBERS] = {
  BELFRY_JSON_NAME ("min_amount"),
  BELFRY_JSON_NAME ("event_types"),
  BELFRY_JSON_NAME ("session_id"),
  BELFRY_JSON_NAME ("user_id"),
  BELFRY_JSON_NAME ("user_tiers"),
};

/* A C string would end there. */
static gboolean
check_values (const BelfryJsonValue *values, GError **error)
{
  for (guint i = MEMBER_EVENT_TYPES; i < N_MEMBERS; i++)
    if (belfry_json_has_nul (values[i].text, values[i].length))
      {
        g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT,
                     "%s must not contain U+0000", members[i].text);
        return FALSE;
      }
  return TRUE;
}

static gboolean
read_rules (const BelfryJsonValue *values, Rules *rules, GError **error)
{
  return take_strings (&values[MEMBER_EVENT_TYPES], "event_types", BELFRY_FILTER_TYPES_MAX,
                       &rules->event_types, error)
         && take_string (&values[MEMBER_SESSION_ID], "session_id", &rules->session_id, error)
         && take_string (&values[MEMBER_USER_ID], "user_id", &rules->user_id, error)
         && take_strings (&values[MEMBER_USER_TIERS], "user_tiers", BELFRY_FILTER_TIERS_MAX,
                          &rules->user_tiers, error)
         && take_number (&values[MEMBER_MIN_AMOUNT], "min_amount", rules, error);
}

/**
 * belfry_filter_new_from_json:
 * @json: the JSON text of an object
 * @length: bytes of @json, or -1 when a NUL ends it
 * @error: return location for a [error@Belfry.Error]
 *
 * Reads a filter with the members `event_types` (array of strings), `session_id`, `user_id`
 * (strings), `user_tiers` (array of strings) and `min_amount` (number). What is absent, null or
 * empty means any; members that a filter does not have are ignored.
 *
 * Returns: (transfer full): a new filter; or %NULL with %BELFRY_ERROR_INVALID_JSON when the text is
 *   no JSON, or with %BELFRY_ERROR_INVALID_ARGUMENT when a member has a wrong type or exceeds a
 *   bound
 *
 * Since: 0.1
 */
BelfryFilter *
belfry_filter_new_from_json (const char *json, gssize length, GError **error)
{
  g_auto(Rules) rules = { NULL, };
  BelfryJsonValue values[N_MEMBERS], root;
  const BelfryJsonWanted wanted = { members, N_MEMBERS, values, 0, NULL, 0, NULL };
  gsize n_bytes;

  /* An empty GBytes has no data. */
  g_return_val_if_fail (json != NULL || length == 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  n_bytes = length >= 0 ? (gsize) length : strlen (json);
  if (!belfry_json_scan (json, n_bytes, &wanted, &root))
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_JSON, "Invalid JSON");
      return NULL;
    }
  if (root.type != BELFRY_JSON_OBJECT)
    {
      refuse_type ("filter", "an object", error);
      return NULL;
    }
  if (!check_values (values, error) || !read_rules (values, &rules, error))
    return NULL;
  return rules_to_filter (&rules, error);
}

static gboolean
lookup_variant (GVariant    *dictionary,
                const char  *name,
                const char  *type,
                const char  *wanted,
                GVariant   **value,
                GError     **error)
{
  *value = g_variant_lookup_value (dictionary, name, NULL);
  if (*value == NULL || g_variant_is_of_type (*value, G_VARIANT_TYPE (type)))
    return TRUE;
  g_clear_pointer (value, g_variant_unref);
  return refuse_type (name, wanted, error);
}

/**
 * belfry_filter_new_from_variant:
 * @dictionary: a dictionary of type `a{sv}`
 * @error: return location for a [error@Belfry.Error]
 *
 * Reads a filter with the keys `event_types` (as), `session_id` (s), `user_id` (s), `user_tiers`
 * (as) and `min_amount` (d). What is absent or empty means any; keys that a filter does not have
 * are ignored.
 *
 * Returns: (transfer full): a new filter, or %NULL with %BELFRY_ERROR_INVALID_ARGUMENT when a value
 *   has a wrong type or exceeds a bound
 *
 * Since: 0.1
 */
BelfryFilter *
belfry_filter_new_from_variant (GVariant *dictionary, GError **error)
{
  g_autoptr(GVariant) event_types = NULL;
  g_autoptr(GVariant) session_id = NULL;
  g_autoptr(GVariant) user_id = NULL;
  g_autoptr(GVariant) user_tiers = NULL;
  g_autoptr(GVariant) min_amount = NULL;
  g_auto(Rules) rules = { NULL, };

  g_return_val_if_fail (dictionary != NULL, NULL);
  g_return_val_if_fail (g_variant_is_of_type (dictionary, G_VARIANT_TYPE_VARDICT), NULL);

  if (!lookup_variant (dictionary, "event_types", "as", "an array of strings", &event_types, error)
      || !lookup_variant (dictionary, "session_id", "s", "a string", &session_id, error)
      || !lookup_variant (dictionary, "user_id", "s", "a string", &user_id, error)
      || !lookup_variant (dictionary, "user_tiers", "as", "an array of strings", &user_tiers, error)
      || !lookup_variant (dictionary, "min_amount", "d", "a number", &min_amount, error))
    return NULL;

  rules.event_types = event_types != NULL ? g_variant_dup_strv (event_types, NULL) : NULL;
  rules.session_id = session_id != NULL ? g_variant_dup_string (session_id, NULL) : NULL;
  rules.user_id = user_id != NULL ? g_variant_dup_string (user_id, NULL) : NULL;
  rules.user_tiers = user_tiers != NULL ? g_variant_dup_strv (user_tiers, NULL) : NULL;
  rules.has_min_amount = min_amount != NULL;
  rules.min_amount = min_amount != NULL ? g_variant_get_double (min_amount) : 0.0;
  return rules_to_filter (&rules, error);
}

static void
add_name (GString *json, const char *name)
{
  if (json->len > 1)
    g_string_append_c (json, ',');
  belfry_json_append_string (json, name);
  g_string_append_c (json, ':');
}

static void
add_strings (GString *json, const char *name, const char * const *texts)
{
  if (texts == NULL)
    return;
  add_name (json, name);
  for (guint i = 0; texts[i] != NULL; i++)
    {
      g_string_append_c (json, i == 0 ? '[' : ',');
      belfry_json_append_string (json, texts[i]);
    }
  g_string_append_c (json, ']');
}

static void
add_string (GString *json, const char *name, const char *text)
{
  if (text == NULL)
    return;
  add_name (json, name);
  belfry_json_append_string (json, text);
}

/**
 * belfry_filter_to_json:
 * @self: a filter
 *
 * Writes the filter as a JSON object that [ctor@Belfry.Filter.new_from_json] reads. Only the rules
 * that it has are members.
 *
 * Returns: (transfer full): the text
 *
 * Since: 0.1
 */
char *
belfry_filter_to_json (BelfryFilter *self)
{
  /* Not with json-glib, which writes 1e20 as "1e+20.0". */
  g_autoptr(GString) json = g_string_new ("{");
  double min_amount;

  g_return_val_if_fail (self != NULL, NULL);

  add_strings (json, "event_types", belfry_filter_get_event_types (self));
  add_string (json, "session_id", belfry_filter_get_session_id (self));
  add_string (json, "user_id", belfry_filter_get_user_id (self));
  add_strings (json, "user_tiers", belfry_filter_get_user_tiers (self));
  if (belfry_filter_get_min_amount (self, &min_amount))
    {
      add_name (json, "min_amount");
      belfry_json_append_double (json, min_amount);
    }
  g_string_append_c (json, '}');
  return g_string_free (g_steal_pointer (&json), FALSE);
}
