/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <gio/gio.h>

#include "belfry-enum-types.h"
#include "belfry-error-private.h"

static GPtrArray *
make_problems (void)
{
  GPtrArray *problems = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_problem_free);

  g_ptr_array_add (problems, belfry_problem_new ("source", "missing", "Field required"));
  return problems;
}

static void
test_carries_problems (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) copy = NULL;
  const BelfryProblem *problem;

  belfry_error_take_problems (&error, BELFRY_ERROR_INVALID_EVENT, "source: Field required",
                              make_problems ());
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_EVENT);
  copy = g_error_copy (error);
  g_clear_error (&error);
  g_assert_cmpstr (copy->message, ==, "source: Field required");
  g_assert_cmpuint (belfry_error_get_problems (copy)->len, ==, 1);
  problem = g_ptr_array_index (belfry_error_get_problems (copy), 0);
  g_assert_cmpstr (problem->field, ==, "source");
  g_assert_cmpstr (problem->rule, ==, "missing");
  g_assert_cmpstr (problem->message, ==, "Field required");
}

static void
test_nobody_asks (void)
{
  belfry_error_take_problems (NULL, BELFRY_ERROR_INVALID_EVENT, "x", make_problems ());
}

static void
test_others_have_none (void)
{
  g_autoptr(GError) ours = g_error_new_literal (BELFRY_ERROR, BELFRY_ERROR_NOT_FOUND, "x");
  g_autoptr(GError) foreign = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "x");

  g_assert_null (belfry_error_get_problems (ours));
  g_assert_null (belfry_error_get_problems (foreign));
}

static void
test_problem_is_boxed (void)
{
  g_autoptr(BelfryProblem) problem = belfry_problem_new ("", "r", "m");
  BelfryProblem *copy = g_boxed_copy (BELFRY_TYPE_PROBLEM, problem);

  g_assert_true (copy != problem && copy->message != problem->message);
  g_assert_cmpstr (copy->rule, ==, "r");
  g_boxed_free (BELFRY_TYPE_PROBLEM, copy);
}

static void
test_codes_are_an_enum (void)
{
  g_autoptr(GEnumClass) codes = g_type_class_ref (BELFRY_TYPE_ERROR);

  g_assert_cmpstr (g_enum_get_value (codes, BELFRY_ERROR_UNKNOWN_CURSOR)->value_nick, ==,
                   "unknown-cursor");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/error/problems/survive-copying", test_carries_problems);
  g_test_add_func ("/error/problems/are-freed-when-nobody-asks", test_nobody_asks);
  g_test_add_func ("/error/problems/are-absent-elsewhere", test_others_have_none);
  g_test_add_func ("/error/problem/is-boxed", test_problem_is_boxed);
  g_test_add_func ("/error/codes/are-an-enum", test_codes_are_an_enum);

  return g_test_run ();
}
