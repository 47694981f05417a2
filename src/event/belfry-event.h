/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib-object.h>

#include "belfry-visibility.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_EVENT (belfry_event_get_type ())

/* Immutable, atomically counted. Before the log has accepted it, an event has no position,
 * id, timestamp or JSON text: those getters give 0 or NULL. */
typedef struct _BelfryEvent BelfryEvent;

BELFRY_AVAILABLE_IN_ALL GType        belfry_event_get_type           (void) G_GNUC_CONST;
BELFRY_AVAILABLE_IN_ALL BelfryEvent *belfry_event_ref                (BelfryEvent *self);
BELFRY_AVAILABLE_IN_ALL void         belfry_event_unref              (BelfryEvent *self);
BELFRY_AVAILABLE_IN_ALL const char  *belfry_event_get_id             (BelfryEvent *self);
BELFRY_AVAILABLE_IN_ALL guint64      belfry_event_get_position       (BelfryEvent *self);
BELFRY_AVAILABLE_IN_ALL const char  *belfry_event_get_event_type     (BelfryEvent *self);
BELFRY_AVAILABLE_IN_ALL const char  *belfry_event_get_source         (BelfryEvent *self);
BELFRY_AVAILABLE_IN_ALL const char  *belfry_event_get_session_id     (BelfryEvent *self);
BELFRY_AVAILABLE_IN_ALL const char  *belfry_event_get_user_id        (BelfryEvent *self);
BELFRY_AVAILABLE_IN_ALL const char  *belfry_event_get_payload        (BelfryEvent *self);
BELFRY_AVAILABLE_IN_ALL gint64       belfry_event_get_timestamp_usec (BelfryEvent *self);
BELFRY_AVAILABLE_IN_ALL char        *belfry_event_dup_timestamp      (BelfryEvent *self);
BELFRY_AVAILABLE_IN_ALL const char  *belfry_event_get_json           (BelfryEvent *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryEvent, belfry_event_unref)

G_END_DECLS
