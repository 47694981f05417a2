/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-dbus-right-private.h"

#define OWN_USER 500
#define GROUP    77

static BelfryDBusRight
judge (const char *credentials,
       guint32    *user)
{
  g_autoptr(GVariant) value = g_variant_ref_sink (g_variant_new_parsed (credentials));

  return belfry_dbus_right_from_credentials (value, OWN_USER, GROUP, user);
}

static void
test_root_and_own_user (void)
{
  guint32 user;

  g_assert_cmpint (judge ("{'UnixUserID': <uint32 0>}", &user), ==, BELFRY_DBUS_RIGHT_ADMIN);
  g_assert_cmpuint (user, ==, 0);
  g_assert_cmpint (judge ("{'UnixUserID': <uint32 500>}", &user), ==, BELFRY_DBUS_RIGHT_ADMIN);
  g_assert_cmpuint (user, ==, OWN_USER);
}

static void
test_group (void)
{
  guint32 user;

  g_assert_cmpint (judge ("{'UnixUserID': <uint32 9>, 'UnixGroupIDs': <[uint32 5, 77]>}", &user), ==,
                   BELFRY_DBUS_RIGHT_READ);
  g_assert_cmpuint (user, ==, 9);
  g_assert_cmpint (judge ("{'UnixUserID': <uint32 9>, 'UnixGroupIDs': <[uint32 5, 78]>}", &user), ==,
                   BELFRY_DBUS_RIGHT_OPEN);
}

static void
test_unknown_callers (void)
{
  static const char * const texts[] = {
    "@a{sv} {}",
    "{'UnixGroupIDs': <[uint32 77]>}",
    "{'UnixUserID': <'0'>}",
    "{'UnixUserID': <int32 0>}",
    "{'UnixUserID': <uint32 4294967295>, 'UnixGroupIDs': <[uint32 77]>}",
    "{'UnixUserID': <uint32 9>, 'UnixGroupIDs': <[77]>}",
  };
  guint32 user;

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    g_assert_cmpint (judge (texts[i], &user), ==, BELFRY_DBUS_RIGHT_OPEN);
}

static void
test_missing_group (void)
{
  g_autoptr(GVariant) credentials = NULL;
  guint32 user;

  /* The number that stands for no group must not be a group. */
  credentials = g_variant_ref_sink (g_variant_new_parsed ("{'UnixUserID': <uint32 9>,"
                                                          " 'UnixGroupIDs': <[uint32 4294967295]>}"));
  g_assert_cmpint (belfry_dbus_right_from_credentials (credentials, OWN_USER, BELFRY_DBUS_NO_GROUP, &user), ==,
                   BELFRY_DBUS_RIGHT_OPEN);
  g_assert_cmpuint (belfry_dbus_find_group ("no such group, surely"), ==, BELFRY_DBUS_NO_GROUP);
  g_assert_cmpuint (belfry_dbus_find_group ("root"), ==, 0);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dbus-right/root-and-own-user-may-all", test_root_and_own_user);
  g_test_add_func ("/dbus-right/group-may-read", test_group);
  g_test_add_func ("/dbus-right/unknown-callers-may-little", test_unknown_callers);
  g_test_add_func ("/dbus-right/missing-group-has-no-members", test_missing_group);
  return g_test_run ();
}
