/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-dbus-right-private.h"

#include <errno.h>
#include <grp.h>
#include <unistd.h>

static gboolean
is_member (GVariant *credentials,
           guint32   group)
{
  g_autoptr(GVariant) groups = g_variant_lookup_value (credentials, "UnixGroupIDs", G_VARIANT_TYPE ("au"));
  const guint32 *ids;
  gsize n_ids;

  if (groups == NULL || group == BELFRY_DBUS_NO_GROUP)
    return FALSE;

  ids = g_variant_get_fixed_array (groups, &n_ids, sizeof (guint32));
  for (gsize i = 0; i < n_ids; i++)
    {
      if (ids[i] == group)
        return TRUE;
    }

  return FALSE;
}

BelfryDBusRight
belfry_dbus_right_from_credentials (GVariant *credentials,
                                    guint32   own_user,
                                    guint32   group,
                                    guint32  *user)
{
  /* A bus that does not say who it is gives nobody a right. */
  if (!g_variant_lookup (credentials, "UnixUserID", "u", user))
    {
      *user = BELFRY_DBUS_NO_USER;
      return BELFRY_DBUS_RIGHT_OPEN;
    }
  if (*user == BELFRY_DBUS_NO_USER)
    return BELFRY_DBUS_RIGHT_OPEN;
  if (*user == 0 || *user == own_user)
    return BELFRY_DBUS_RIGHT_ADMIN;

  return is_member (credentials, group) ? BELFRY_DBUS_RIGHT_READ : BELFRY_DBUS_RIGHT_OPEN;
}

guint32
belfry_dbus_find_group (const char *name)
{
  long size = sysconf (_SC_GETGR_R_SIZE_MAX);
  gsize length = size > 0 ? (gsize) size : 16384;
  struct group entry;
  struct group *found = NULL;

  for (;;)
    {
      g_autofree char *buffer = g_malloc (length);
      int status = getgrnam_r (name, &entry, buffer, length, &found);

      if (status == 0)
        return found != NULL ? (guint32) found->gr_gid : BELFRY_DBUS_NO_GROUP;
      if (status != ERANGE || length > 16 * 1024 * 1024)
        return BELFRY_DBUS_NO_GROUP;
      length *= 2;
    }
}
