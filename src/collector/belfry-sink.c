/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-sink.h"

enum
{
  SIGNAL_REPORTED,
  SIGNAL_LETTERS_SENT,
  SIGNAL_STOPPED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_INTERFACE (BelfrySink, belfry_sink, G_TYPE_OBJECT)

static void
belfry_sink_default_init (BelfrySinkInterface *iface)
{
  /**
   * BelfrySink::reported:
   * @self: the sink
   *
   * There is a report to take, or the trouble has changed. Emitted on the home context.
   */
  signals[SIGNAL_REPORTED] =
    g_signal_new ("reported", G_TYPE_FROM_INTERFACE (iface), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);

  /**
   * BelfrySink::letters-sent:
   * @self: the sink
   *
   * The letters that were given have arrived, or are refused for good. Emitted on the home context.
   */
  signals[SIGNAL_LETTERS_SENT] =
    g_signal_new ("letters-sent", G_TYPE_FROM_INTERFACE (iface), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);

  /**
   * BelfrySink::stopped:
   * @self: the sink
   *
   * Nothing goes out any more. Emitted once on the home context, when it was asked to stop.
   */
  signals[SIGNAL_STOPPED] =
    g_signal_new ("stopped", G_TYPE_FROM_INTERFACE (iface), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

void
belfry_sink_send (BelfrySink *self,
                  GPtrArray  *events,
                  guint       first)
{
  g_assert (BELFRY_IS_SINK (self));

  BELFRY_SINK_GET_IFACE (self)->send (self, events, first);
}

void
belfry_sink_reset (BelfrySink *self)
{
  g_assert (BELFRY_IS_SINK (self));

  BELFRY_SINK_GET_IFACE (self)->reset (self);
}

gboolean
belfry_sink_take_report (BelfrySink       *self,
                         BelfrySinkReport *report)
{
  g_assert (BELFRY_IS_SINK (self));

  return BELFRY_SINK_GET_IFACE (self)->take_report (self, report);
}

void
belfry_sink_send_letters (BelfrySink *self,
                          GPtrArray  *letters)
{
  g_assert (BELFRY_IS_SINK (self));

  BELFRY_SINK_GET_IFACE (self)->send_letters (self, letters);
}

const char *
belfry_sink_get_trouble (BelfrySink *self)
{
  g_assert (BELFRY_IS_SINK (self));

  return BELFRY_SINK_GET_IFACE (self)->get_trouble (self);
}

gboolean
belfry_sink_is_connected (BelfrySink *self)
{
  g_assert (BELFRY_IS_SINK (self));

  return BELFRY_SINK_GET_IFACE (self)->is_connected (self);
}

void
belfry_sink_stop (BelfrySink *self)
{
  g_assert (BELFRY_IS_SINK (self));

  BELFRY_SINK_GET_IFACE (self)->stop (self);
}

void
belfry_sink_emit_reported (BelfrySink *self)
{
  g_signal_emit (self, signals[SIGNAL_REPORTED], 0);
}

void
belfry_sink_emit_letters_sent (BelfrySink *self)
{
  g_signal_emit (self, signals[SIGNAL_LETTERS_SENT], 0);
}

void
belfry_sink_emit_stopped (BelfrySink *self)
{
  g_signal_emit (self, signals[SIGNAL_STOPPED], 0);
}

BelfrySinkRefusal *
belfry_sink_refusal_new (BelfryEvent *event,
                         const char  *reason)
{
  BelfrySinkRefusal *self = g_new (BelfrySinkRefusal, 1);

  *self = (BelfrySinkRefusal) { belfry_event_ref (event), reason };
  return self;
}

void
belfry_sink_refusal_free (BelfrySinkRefusal *self)
{
  belfry_event_unref (self->event);
  g_free (self);
}

void
belfry_sink_report_clear (BelfrySinkReport *report)
{
  g_clear_pointer (&report->refused, g_ptr_array_unref);
}
