/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-error.h"
#include "belfry-error-private.h"

typedef struct
{
  GPtrArray *problems; /* of BelfryProblem, shared by copies of the error, never changed; or NULL */
} BelfryErrorPrivate;

static void
belfry_error_private_init (BelfryErrorPrivate *priv)
{
  priv->problems = NULL;
}

static void
belfry_error_private_copy (const BelfryErrorPrivate *from, BelfryErrorPrivate *to)
{
  to->problems = from->problems != NULL ? g_ptr_array_ref (from->problems) : NULL;
}

static void
belfry_error_private_clear (BelfryErrorPrivate *priv)
{
  g_clear_pointer (&priv->problems, g_ptr_array_unref);
}

/**
 * belfry_error_quark:
 *
 * Gets the domain of the library's errors, [error@Belfry.Error].
 *
 * Returns: the domain
 *
 * Since: 0.1
 */
G_DEFINE_EXTENDED_ERROR (BelfryError, belfry_error)

G_DEFINE_BOXED_TYPE (BelfryProblem, belfry_problem, belfry_problem_copy, belfry_problem_free)

/**
 * belfry_problem_new:
 * @field: the member of the event, or "" for the event as a whole
 * @rule: the rule's short stable name
 * @message: the rule in words
 *
 * Makes a problem from copies of its arguments.
 *
 * Returns: (transfer full): a new problem
 *
 * Since: 0.1
 */
BelfryProblem *
belfry_problem_new (const char *field, const char *rule, const char *message)
{
  BelfryProblem *self = NULL;

  g_return_val_if_fail (field != NULL, NULL);
  g_return_val_if_fail (rule != NULL, NULL);
  g_return_val_if_fail (message != NULL, NULL);

  self = g_new (BelfryProblem, 1);
  self->field = g_strdup (field);
  self->rule = g_strdup (rule);
  self->message = g_strdup (message);
  return self;
}

/**
 * belfry_problem_copy:
 * @self: a problem
 *
 * Copies a problem.
 *
 * Returns: (transfer full): a new problem with the same texts
 *
 * Since: 0.1
 */
BelfryProblem *
belfry_problem_copy (const BelfryProblem *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return belfry_problem_new (self->field, self->rule, self->message);
}

/**
 * belfry_problem_free:
 * @self: (transfer full): a problem
 *
 * Frees a problem and its texts.
 *
 * Since: 0.1
 */
void
belfry_problem_free (BelfryProblem *self)
{
  g_return_if_fail (self != NULL);

  g_free (self->field);
  g_free (self->rule);
  g_free (self->message);
  g_free (self);
}

/**
 * belfry_error_get_problems:
 * @error: an error of any domain
 *
 * Gets every broken rule behind a %BELFRY_ERROR_INVALID_EVENT, in the order of the event's fields.
 * The array belongs to @error and must not be changed.
 *
 * Returns: (transfer none) (nullable) (element-type BelfryProblem): the problems, or %NULL when the
 *   error has none or is of another domain
 *
 * Since: 0.1
 */
GPtrArray *
belfry_error_get_problems (const GError *error)
{
  g_return_val_if_fail (error != NULL, NULL);

  if (error->domain != BELFRY_ERROR)
    return NULL;
  return belfry_error_get_private (error)->problems;
}

void
belfry_error_take_problems (GError **error, BelfryError code, const char *message,
                            GPtrArray *problems)
{
  g_autoptr(GPtrArray) owned = problems;
  GError *made = NULL;

  g_assert (owned != NULL && owned->len > 0);

  if (error == NULL)
    return;
  made = g_error_new_literal (BELFRY_ERROR, code, message);
  belfry_error_get_private (made)->problems = g_steal_pointer (&owned);
  g_propagate_error (error, made);
}
