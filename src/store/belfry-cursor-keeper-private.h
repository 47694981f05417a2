/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-store.h"

G_BEGIN_DECLS

/* How far a reader outside of the process has come. */
typedef struct
{
  guint64 position;  /* everything up to here is behind it */
  guint64 count;     /* events that it took, of all times */
} BelfryKeptCursor;

#define BELFRY_TYPE_CURSOR_KEEPER (belfry_cursor_keeper_get_type ())

/* A log that remembers where its readers are. */
G_DECLARE_INTERFACE (BelfryCursorKeeper, belfry_cursor_keeper, BELFRY, CURSOR_KEEPER, BelfryEventStore)

struct _BelfryCursorKeeperInterface
{
  GTypeInterface parent_iface;

  gboolean (*find)        (BelfryCursorKeeper *self, const char *name, BelfryKeptCursor *cursor);
  void     (*move)        (BelfryCursorKeeper *self, const char *name, const BelfryKeptCursor *cursor);
  guint64  (*count_after) (BelfryCursorKeeper *self, guint64 position);
};

/* FALSE when none of that name was ever moved. */
gboolean belfry_cursor_keeper_find        (BelfryCursorKeeper     *self,
                                           const char             *name,
                                           BelfryKeptCursor       *cursor);
/* Remembers it before long: a crash in the next moments brings an older place back, never a newer one. */
void     belfry_cursor_keeper_move        (BelfryCursorKeeper     *self,
                                           const char             *name,
                                           const BelfryKeptCursor *cursor);
/* How many events the log holds behind position. */
guint64  belfry_cursor_keeper_count_after (BelfryCursorKeeper     *self,
                                           guint64                 position);

G_END_DECLS
