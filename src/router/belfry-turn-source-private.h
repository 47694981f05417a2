/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A source that stands attached and quiet. Armed, it calls its function once, in the next turn of
 * the loop, at default priority unless it is given another; armed again in there, in the turn after that. Attach once, arm
 * often: arming costs no allocation and no system call. On the thread of the context only, and from a source
 * of it or while it does not run. */
GSource *belfry_turn_source_new (GMainContext *context, const char *name, GSourceFunc func,
                                 gpointer user_data);
void     belfry_turn_source_arm     (GSource *source);
/* Destroys and releases what *source points to, if anything. */
void     belfry_turn_source_clear   (GSource **source);

G_END_DECLS
