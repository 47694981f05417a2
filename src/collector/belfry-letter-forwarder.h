/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-store.h"
#include "belfry-sink.h"

G_BEGIN_DECLS

/* Brings the dead letters that the log keeps to a sink, too, a page at a time. Of one context. */
typedef struct _BelfryLetterForwarder BelfryLetterForwarder;

/* store: keeps letters and cursors. Where it has no cursor of this name yet, old letters are left out unless from_beginning. */
BelfryLetterForwarder *belfry_letter_forwarder_new  (BelfryEventStore *store, BelfrySink *sink, const char *name, gboolean from_beginning);
void                   belfry_letter_forwarder_stop (BelfryLetterForwarder *self);

G_END_DECLS
