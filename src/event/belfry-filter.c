/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-filter.h"
#include "belfry-filter-private.h"

#include <math.h>
#include <string.h>

#include "belfry-error.h"
#include "belfry-event-private.h"

/**
 * BelfryFilter:
 *
 * Which events somebody wants.
 *
 * A filter has up to five rules: types, session, user, tiers and a least amount. All that it has
 * must hold; a filter without rules matches every event. It is immutable, and its references may be
 * taken and dropped by any thread.
 *
 * Since: 0.1
 */

/* Rules are kept as they were given, for whoever shows the filter, and, where they are lists,
 * once more sorted and without repeats, for comparing and for finding. */
struct _BelfryFilter
{
  gatomicrefcount ref_count;
  guint           hash;
  char          **event_types;   /* or NULL */
  GPtrArray      *sorted_types;  /* borrowed from event_types; NULL with it */
  char           *session_id;    /* or NULL */
  char           *user_id;       /* or NULL */
  char          **user_tiers;    /* or NULL */
  GPtrArray      *sorted_tiers;  /* borrowed from user_tiers; NULL with it */
  gboolean        has_min_amount;
  double          min_amount;
};

G_DEFINE_BOXED_TYPE (BelfryFilter, belfry_filter, belfry_filter_ref, belfry_filter_unref)

static int
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char * const *) a, *(const char * const *) b);
}

static GPtrArray *
sort_texts (char **texts)
{
  g_autoptr(GPtrArray) sorted = NULL;
  guint n_kept = 0;

  if (texts == NULL)
    return NULL;
  sorted = g_ptr_array_new ();
  for (guint i = 0; texts[i] != NULL; i++)
    g_ptr_array_add (sorted, texts[i]);
  g_ptr_array_sort (sorted, compare_texts);
  for (guint i = 0; i < sorted->len; i++)
    if (n_kept == 0 || strcmp (sorted->pdata[n_kept - 1], sorted->pdata[i]) != 0)
      sorted->pdata[n_kept++] = sorted->pdata[i];
  g_ptr_array_set_size (sorted, (int) n_kept);
  return g_steal_pointer (&sorted);
}

static gboolean
contains_text (GPtrArray *sorted, const char *text)
{
  guint first = 0;
  guint end = sorted->len;

  while (first < end)
    {
      guint middle = first + (end - first) / 2;
      int order = strcmp (text, sorted->pdata[middle]);

      if (order == 0)
        return TRUE;
      if (order < 0)
        end = middle;
      else
        first = middle + 1;
    }
  return FALSE;
}

static gboolean
equal_texts (GPtrArray *a, GPtrArray *b)
{
  if (a == NULL || b == NULL)
    return a == b;
  if (a->len != b->len)
    return FALSE;
  for (guint i = 0; i < a->len; i++)
    if (strcmp (a->pdata[i], b->pdata[i]) != 0)
      return FALSE;
  return TRUE;
}

static guint
hash_text (guint hash, const char *text)
{
  return hash * 31 + (text != NULL ? g_str_hash (text) : 7);
}

static guint
hash_texts (guint hash, GPtrArray *sorted)
{
  for (guint i = 0; sorted != NULL && i < sorted->len; i++)
    hash = hash_text (hash, sorted->pdata[i]);
  return hash_text (hash, NULL);
}

static char **
dup_texts (const char * const *texts)
{
  return texts != NULL && texts[0] != NULL ? g_strdupv ((char **) texts) : NULL;
}

static char *
dup_text (const char *text)
{
  return text != NULL && text[0] != '\0' ? g_strdup (text) : NULL;
}

static BelfryFilter *
make_filter (const char * const *event_types,
             const char         *session_id,
             const char         *user_id,
             const char * const *user_tiers,
             const double       *min_amount)
{
  BelfryFilter *self = g_new0 (BelfryFilter, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->event_types = dup_texts (event_types);
  self->sorted_types = sort_texts (self->event_types);
  self->session_id = dup_text (session_id);
  self->user_id = dup_text (user_id);
  self->user_tiers = dup_texts (user_tiers);
  self->sorted_tiers = sort_texts (self->user_tiers);
  self->has_min_amount = min_amount != NULL;
  /* Adding 0 makes -0 and 0 the same, so that equal filters hash alike. */
  self->min_amount = min_amount != NULL ? *min_amount + 0.0 : 0.0;
  self->hash = hash_texts (17, self->sorted_types);
  self->hash = hash_text (self->hash, self->session_id);
  self->hash = hash_text (self->hash, self->user_id);
  self->hash = hash_texts (self->hash, self->sorted_tiers);
  if (self->has_min_amount)
    self->hash = self->hash * 31 + g_double_hash (&self->min_amount);
  return self;
}

static void
belfry_filter_free (BelfryFilter *self)
{
  g_clear_pointer (&self->sorted_types, g_ptr_array_unref);
  g_clear_pointer (&self->sorted_tiers, g_ptr_array_unref);
  g_strfreev (self->event_types);
  g_strfreev (self->user_tiers);
  g_free (self->session_id);
  g_free (self->user_id);
  g_free (self);
}

static gboolean
check_text (const char *rule, const char *text, glong max, GError **error)
{
  if (text == NULL)
    return TRUE;
  if (!g_utf8_validate (text, -1, NULL))
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT, "%s must be valid UTF-8",
                   rule);
      return FALSE;
    }
  if (g_utf8_strlen (text, -1) > max)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT,
                   "%s must have at most %ld characters", rule, max);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_texts (const char *rule, const char * const *texts, guint max_texts, glong max,
             GError **error)
{
  guint n_texts = 0;

  for (; texts != NULL && texts[n_texts] != NULL; n_texts++)
    {
      if (n_texts == max_texts)
        {
          g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT,
                       "%s must have at most %u items", rule, max_texts);
          return FALSE;
        }
      if (!check_text (rule, texts[n_texts], max, error))
        return FALSE;
    }
  return TRUE;
}

BelfryFilter *
belfry_filter_new_checked (const char * const *event_types, const char *session_id,
                           const char *user_id,
                           const char * const *user_tiers, const double *min_amount, GError **error)
{
  if (!check_texts ("event_types", event_types, BELFRY_FILTER_TYPES_MAX,
                    BELFRY_FILTER_TYPE_LENGTH_MAX, error)
      || !check_text ("session_id", session_id, BELFRY_FILTER_ID_LENGTH_MAX, error)
      || !check_text ("user_id", user_id, BELFRY_FILTER_ID_LENGTH_MAX, error)
      || !check_texts ("user_tiers", user_tiers, BELFRY_FILTER_TIERS_MAX,
                       BELFRY_FILTER_ID_LENGTH_MAX, error))
    return NULL;
  if (min_amount != NULL && !isfinite (*min_amount))
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT,
                           "min_amount must be a finite number");
      return NULL;
    }
  return make_filter (event_types, session_id, user_id, user_tiers, min_amount);
}

/**
 * belfry_filter_new:
 * @event_types: (nullable) (array zero-terminated=1): names of types, any of which an event may
 *   have; %NULL or empty for any
 * @session_id: (nullable): the session that an event must belong to; %NULL or "" for any
 * @user_id: (nullable): the user that an event must be about; %NULL or "" for any
 *
 * Makes a filter. All its rules must hold for an event to match.
 *
 * Returns: (transfer full): a new filter
 *
 * Since: 0.1
 */
BelfryFilter *
belfry_filter_new (const char * const *event_types, const char *session_id, const char *user_id)
{
  return make_filter (event_types, session_id, user_id, NULL, NULL);
}

/**
 * belfry_filter_ref:
 * @self: a filter
 *
 * Takes a reference, from any thread.
 *
 * Returns: (transfer full): @self
 *
 * Since: 0.1
 */
BelfryFilter *
belfry_filter_ref (BelfryFilter *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * belfry_filter_unref:
 * @self: (transfer full): a filter
 *
 * Drops a reference, from any thread; the last one frees the filter.
 *
 * Since: 0.1
 */
void
belfry_filter_unref (BelfryFilter *self)
{
  g_return_if_fail (self != NULL);

  if (g_atomic_ref_count_dec (&self->ref_count))
    belfry_filter_free (self);
}

/**
 * belfry_filter_equal:
 * @a: a filter
 * @b: another filter
 *
 * Tells whether two filters have the same rules. The order of a list's items, and whether they are
 * repeated, makes no difference.
 *
 * Returns: %TRUE if they have
 *
 * Since: 0.1
 */
gboolean
belfry_filter_equal (BelfryFilter *a, BelfryFilter *b)
{
  g_return_val_if_fail (a != NULL, FALSE);
  g_return_val_if_fail (b != NULL, FALSE);

  if (a == b)
    return TRUE;
  return a->hash == b->hash
         && a->has_min_amount == b->has_min_amount
         && a->min_amount == b->min_amount
         && g_strcmp0 (a->session_id, b->session_id) == 0
         && g_strcmp0 (a->user_id, b->user_id) == 0
         && equal_texts (a->sorted_types, b->sorted_types)
         && equal_texts (a->sorted_tiers, b->sorted_tiers);
}

guint
belfry_filter_hash (BelfryFilter *self)
{
  return self->hash;
}

/**
 * belfry_filter_matches:
 * @self: a filter
 * @event: an event
 *
 * Tells whether all rules hold for an event.
 *
 * Returns: %TRUE if they do
 *
 * Since: 0.1
 */
gboolean
belfry_filter_matches (BelfryFilter *self, BelfryEvent *event)
{
  double amount;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (event != NULL, FALSE);

  if (self->session_id != NULL
      && g_strcmp0 (self->session_id, belfry_event_get_session_id (event)) != 0)
    return FALSE;
  if (self->user_id != NULL && g_strcmp0 (self->user_id, belfry_event_get_user_id (event)) != 0)
    return FALSE;
  if (self->sorted_types != NULL
      && !contains_text (self->sorted_types, belfry_event_get_event_type (event)))
    return FALSE;
  if (self->has_min_amount
      && !(belfry_event_peek_amount (event, &amount) && amount >= self->min_amount))
    return FALSE;
  if (self->sorted_tiers != NULL)
    {
      const char *user_tier = belfry_event_peek_user_tier (event);

      return user_tier != NULL && contains_text (self->sorted_tiers, user_tier);
    }
  return TRUE;
}

/**
 * belfry_filter_is_any:
 * @self: a filter
 *
 * Tells whether the filter has no rules, so that every event matches.
 *
 * Returns: %TRUE if it has none
 *
 * Since: 0.1
 */
gboolean
belfry_filter_is_any (BelfryFilter *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->sorted_types == NULL && self->session_id == NULL && self->user_id == NULL
         && self->sorted_tiers == NULL && !self->has_min_amount;
}

/**
 * belfry_filter_get_event_types:
 * @self: a filter
 *
 * Gets the types any of which an event may have, in the order in which they were given.
 *
 * Returns: (transfer none) (nullable) (array zero-terminated=1): the names, or %NULL for any
 *
 * Since: 0.1
 */
const char * const *
belfry_filter_get_event_types (BelfryFilter *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return (const char * const *) self->event_types;
}

/**
 * belfry_filter_get_session_id:
 * @self: a filter
 *
 * Gets the session that an event must belong to.
 *
 * Returns: (transfer none) (nullable): the session, or %NULL for any
 *
 * Since: 0.1
 */
const char *
belfry_filter_get_session_id (BelfryFilter *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->session_id;
}

/**
 * belfry_filter_get_user_id:
 * @self: a filter
 *
 * Gets the user that an event must be about.
 *
 * Returns: (transfer none) (nullable): the user, or %NULL for any
 *
 * Since: 0.1
 */
const char *
belfry_filter_get_user_id (BelfryFilter *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->user_id;
}

/**
 * belfry_filter_get_user_tiers:
 * @self: a filter
 *
 * Gets the tiers any of which the payload's member `user_tier` may have, in the order in which they
 * were given.
 *
 * Returns: (transfer none) (nullable) (array zero-terminated=1): the tiers, or %NULL for any
 *
 * Since: 0.1
 */
const char * const *
belfry_filter_get_user_tiers (BelfryFilter *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return (const char * const *) self->user_tiers;
}

/**
 * belfry_filter_get_min_amount:
 * @self: a filter
 * @min_amount: (out) (optional): return location for the number, 0 when there is no such rule
 *
 * Gets the least number that the payload's member `amount` may be.
 *
 * Returns: %TRUE if the filter has this rule
 *
 * Since: 0.1
 */
gboolean
belfry_filter_get_min_amount (BelfryFilter *self, double *min_amount)
{
  g_return_val_if_fail (self != NULL, FALSE);

  if (min_amount != NULL)
    *min_amount = self->min_amount;
  return self->has_min_amount;
}
