/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib-object.h>

#include "belfry-visibility.h"

G_BEGIN_DECLS

/**
 * BELFRY_ERROR:
 *
 * The error domain of everything in Belfry. See [error@Belfry.Error].
 *
 * Since: 0.1
 */
#define BELFRY_ERROR (belfry_error_quark ())

/**
 * BelfryError:
 * @BELFRY_ERROR_INVALID_JSON: the bytes are no JSON that the service reads
 * @BELFRY_ERROR_INVALID_EVENT: a rule for events is broken;
 *   belfry_error_get_problems() names each
 * @BELFRY_ERROR_INVALID_ARGUMENT: a filter, an instant or another argument is malformed
 * @BELFRY_ERROR_UNKNOWN_CURSOR: the cursor is malformed or belongs to another log
 * @BELFRY_ERROR_NOT_FOUND: what was asked for does not exist
 * @BELFRY_ERROR_UNAVAILABLE: storage is full or failing, or too much waits; try again later
 * @BELFRY_ERROR_CAPACITY: a bound on subscribers or types is reached
 * @BELFRY_ERROR_REFUSED: the database file is foreign, of a newer version, read-only
 *   or in use by another process, and was left untouched
 * @BELFRY_ERROR_CORRUPT: the database is damaged
 *
 * What may go wrong, as far as a caller would act differently on it.
 *
 * Since: 0.1
 */
typedef enum
{
  BELFRY_ERROR_INVALID_JSON,
  BELFRY_ERROR_INVALID_EVENT,
  BELFRY_ERROR_INVALID_ARGUMENT,
  BELFRY_ERROR_UNKNOWN_CURSOR,
  BELFRY_ERROR_NOT_FOUND,
  BELFRY_ERROR_UNAVAILABLE,
  BELFRY_ERROR_CAPACITY,
  BELFRY_ERROR_REFUSED,
  BELFRY_ERROR_CORRUPT,
} BelfryError;

#define BELFRY_TYPE_PROBLEM (belfry_problem_get_type ())

/**
 * BelfryProblem:
 * @field: the member of the event that breaks a rule, or "" for the event as a whole
 * @rule: a short stable name of the rule, such as `missing` or `string_too_long`
 * @message: the rule in words
 *
 * One broken rule of an event.
 *
 * Since: 0.1
 */
typedef struct
{
  char *field;
  char *rule;
  char *message;
} BelfryProblem;

BELFRY_AVAILABLE_IN_ALL GQuark         belfry_error_quark        (void);
BELFRY_AVAILABLE_IN_ALL GType          belfry_problem_get_type   (void) G_GNUC_CONST;
BELFRY_AVAILABLE_IN_ALL BelfryProblem *belfry_problem_new        (const char          *field,
                                                                  const char          *rule,
                                                                  const char          *message);
BELFRY_AVAILABLE_IN_ALL BelfryProblem *belfry_problem_copy       (const BelfryProblem *self);
BELFRY_AVAILABLE_IN_ALL void           belfry_problem_free       (BelfryProblem       *self);
BELFRY_AVAILABLE_IN_ALL GPtrArray     *belfry_error_get_problems (const GError        *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryProblem, belfry_problem_free)

G_END_DECLS
