/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-router.h"

G_BEGIN_DECLS

/* The pipes that OpenStream has given away, and what flows into them. Home context only. */
typedef struct _BelfryDBusStreams BelfryDBusStreams;

typedef struct
{
  guint64 opened;
  guint64 delivered;  /* events */
} BelfryDBusStreamTally;

typedef void (*BelfryDBusStreamFunc) (BelfrySubscriber *subscriber, const char *caller, gpointer user_data);

BelfryDBusStreams *belfry_dbus_streams_new     (void);
/* Ends them all. */
void               belfry_dbus_streams_free    (BelfryDBusStreams *self);
/* Ends them all; new ones may be opened. */
void               belfry_dbus_streams_end_all (BelfryDBusStreams *self);
/* The reading end of a new pipe, which is the caller's to close, or -1. The stream lives until the reader closes, or the
 * subscription is cancelled; when it is over the subscription is too. */
int                belfry_dbus_streams_open    (BelfryDBusStreams *self, BelfrySubscriber *subscriber, const char *caller,
                                                guint32 user, gboolean with_cursors, GError **error);
guint              belfry_dbus_streams_get_n_open  (BelfryDBusStreams *self);
guint              belfry_dbus_streams_count_user  (BelfryDBusStreams *self, guint32 user);
const BelfryDBusStreamTally *belfry_dbus_streams_get_tally (BelfryDBusStreams *self);
void               belfry_dbus_streams_foreach     (BelfryDBusStreams *self, BelfryDBusStreamFunc func, gpointer user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryDBusStreams, belfry_dbus_streams_free)

G_END_DECLS
