/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <glib.h>

/* One heap for everything. GLib of this age cuts small pieces from slabs of its own (GSlice) and keeps them for ever: what
 * thousands of connections took for lists, hash tables and closures would stay when they have gone, and lie between
 * what malloc could give back. It can be told to ask malloc, but only before the first piece is cut, and the constructors of
 * the libraries cut some; so this runs before these. All that the call does there is to set a variable. Later GLib has no
 * slabs, and the call does nothing. */

#ifdef __ELF__
static void
use_one_heap (void)
{
  G_GNUC_BEGIN_IGNORE_DEPRECATIONS
  g_slice_set_config (G_SLICE_CONFIG_ALWAYS_MALLOC, TRUE);
  G_GNUC_END_IGNORE_DEPRECATIONS
}

static void (*before_constructors) (void) __attribute__ ((section (".preinit_array"), used)) = use_one_heap;
#endif
