/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-dbus-error-private.h"

#include "belfry-error.h"

static void
check (BelfryError  code,
       const char  *remote_name,
       const char  *message)
{
  g_autoptr(GError) inside = g_error_new_literal (BELFRY_ERROR, code, "inside");
  g_autoptr(GError) told = belfry_dbus_error_convert (inside);
  g_autofree char *name = g_dbus_error_encode_gerror (told);

  g_assert_cmpstr (name, ==, remote_name);
  g_assert_cmpstr (told->message, ==, message);
}

static void
test_names (void)
{
  check (BELFRY_ERROR_INVALID_JSON, "org.belfry.Belfry1.Error.InvalidEvent", "inside");
  check (BELFRY_ERROR_INVALID_EVENT, "org.belfry.Belfry1.Error.InvalidEvent", "inside");
  check (BELFRY_ERROR_INVALID_ARGUMENT, "org.belfry.Belfry1.Error.InvalidArgument", "inside");
  check (BELFRY_ERROR_UNKNOWN_CURSOR, "org.belfry.Belfry1.Error.InvalidArgument", "Unknown cursor");
  check (BELFRY_ERROR_NOT_FOUND, "org.belfry.Belfry1.Error.NotFound", "inside");
  check (BELFRY_ERROR_CAPACITY, "org.belfry.Belfry1.Error.Unavailable", "inside");
}

static void
test_nothing_internal (void)
{
  g_autoptr(GError) foreign = g_error_new_literal (G_FILE_ERROR, G_FILE_ERROR_NOENT, "/secret/path");
  g_autoptr(GError) told = belfry_dbus_error_convert (foreign);

  g_assert_error (told, BELFRY_DBUS_ERROR, BELFRY_DBUS_ERROR_UNAVAILABLE);
  g_assert_cmpstr (told->message, ==, "Storage unavailable");
  check (BELFRY_ERROR_UNAVAILABLE, "org.belfry.Belfry1.Error.Unavailable", "Storage unavailable");
  check (BELFRY_ERROR_CORRUPT, "org.belfry.Belfry1.Error.Unavailable", "Storage unavailable");
}

static void
test_own_errors_pass (void)
{
  g_autoptr(GError) own = g_error_new_literal (BELFRY_DBUS_ERROR, BELFRY_DBUS_ERROR_ACCESS_DENIED, "Not allowed");
  g_autoptr(GError) told = belfry_dbus_error_convert (own);
  g_autofree char *name = g_dbus_error_encode_gerror (told);

  g_assert_cmpstr (name, ==, "org.belfry.Belfry1.Error.AccessDenied");
  g_assert_cmpstr (told->message, ==, "Not allowed");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dbus-error/every-code-has-its-name", test_names);
  g_test_add_func ("/dbus-error/tells-nothing-internal", test_nothing_internal);
  g_test_add_func ("/dbus-error/own-errors-pass", test_own_errors_pass);
  return g_test_run ();
}
