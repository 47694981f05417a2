/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <glib.h>
#include <string.h>

#include "fuzz-target.h"

/* Runs a target on each file, or on each file of each folder, that the command line names. */

static void
run_bytes (const char *bytes, gsize size)
{
  /* Memory of exactly this size, so that a sanitizer sees every byte read too far. */
  g_autofree guint8 *exact = g_malloc (MAX (size, 1));

  memcpy (exact, bytes, size);
  LLVMFuzzerTestOneInput (exact, size);
}

static guint
run_file (const char *path)
{
  g_autofree char *bytes = NULL;
  g_autoptr(GError) error = NULL;
  gsize size;

  if (!g_file_get_contents (path, &bytes, &size, &error))
    {
      g_printerr ("%s\n", error->message);
      return 0;
    }
  run_bytes (bytes, size);
  return 1;
}

static guint
run_path (const char *path)
{
  g_autoptr(GDir) folder = g_dir_open (path, 0, NULL);
  const char *name;
  guint n_files = 0;

  if (folder == NULL)
    return run_file (path);
  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      n_files += run_file (file);
    }
  return n_files;
}

int
main (int argc, char *argv[])
{
  guint n_files = 0;

  run_bytes ("", 0);
  for (int i = 1; i < argc; i++)
    n_files += run_path (argv[i]);
  g_print ("%u files\n", n_files);
  return n_files > 0 ? 0 : 1;
}
