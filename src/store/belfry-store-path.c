/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-store-path-private.h"

#include <glib/gstdio.h>

/* As many as the kernel follows; whoever opens what is left after them is told of the loop. */
#define MAX_LINKS 40

char *
belfry_store_path_resolve (const char *path)
{
  g_autofree char *resolved = g_strdup (path);

  for (guint i = 0; i < MAX_LINKS; i++)
    {
      g_autofree char *target = g_file_read_link (resolved, NULL);
      g_autofree char *directory = NULL;
      char *next;

      if (target == NULL)
        break;

      directory = g_path_get_dirname (resolved);
      next = g_path_is_absolute (target) ? g_strdup (target) : g_build_filename (directory, target, NULL);
      g_free (resolved);
      resolved = next;
    }

  return g_steal_pointer (&resolved);
}
