/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-cursor-keeper-private.h"

G_DEFINE_INTERFACE (BelfryCursorKeeper, belfry_cursor_keeper, BELFRY_TYPE_EVENT_STORE)

static void
belfry_cursor_keeper_default_init (BelfryCursorKeeperInterface *iface)
{
}

gboolean
belfry_cursor_keeper_find (BelfryCursorKeeper *self,
                           const char         *name,
                           BelfryKeptCursor   *cursor)
{
  g_assert (BELFRY_IS_CURSOR_KEEPER (self));

  return BELFRY_CURSOR_KEEPER_GET_IFACE (self)->find (self, name, cursor);
}

void
belfry_cursor_keeper_move (BelfryCursorKeeper     *self,
                           const char             *name,
                           const BelfryKeptCursor *cursor)
{
  g_assert (BELFRY_IS_CURSOR_KEEPER (self));

  BELFRY_CURSOR_KEEPER_GET_IFACE (self)->move (self, name, cursor);
}

guint64
belfry_cursor_keeper_count_after (BelfryCursorKeeper *self,
                                  guint64             position)
{
  g_assert (BELFRY_IS_CURSOR_KEEPER (self));

  return BELFRY_CURSOR_KEEPER_GET_IFACE (self)->count_after (self, position);
}
