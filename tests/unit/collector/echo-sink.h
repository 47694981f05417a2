/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-grpc-sink.h"

G_BEGIN_DECLS

#define TYPE_ECHO_SINK (echo_sink_get_type ())

G_DECLARE_FINAL_TYPE (EchoSink, echo_sink, ECHO, SINK, GObject)

/* Stands behind a gRPC door in tests: refuses events of which a required text is empty or the type is "unknown", and counts the
 * others. With a key it admits only those who bring it; to reflection only when is_reflection_guarded. */
struct _EchoSink
{
  GObject parent_instance;

  char      *key;
  gboolean   is_reflection_guarded;
  gboolean   is_holding;       /* nothing completes until echo_sink_release() */
  gboolean   is_failing;
  gboolean   is_keeping;       /* describes the last events */
  GPtrArray *kept;             /* of char *, JSON, the oldest first, at most 1000 */
  GQueue     held;             /* of GTask */
  guint64    n_events;         /* accepted */
  guint64    n_refused;
  guint64    n_hand_overs;
  guint64    n_groups;
  guint      most_events;      /* handed over at once */
};

EchoSink *echo_sink_new     (void);
void      echo_sink_release (EchoSink *self);

G_END_DECLS
