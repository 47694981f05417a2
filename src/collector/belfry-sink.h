/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-private.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_SINK (belfry_sink_get_type ())

/**
 * BelfrySinkRefusal:
 * @event: the event
 * @reason: a word for why, such as `message_too_large`
 *
 * An event that the other side will never take, not even by itself.
 */
typedef struct
{
  BelfryEvent *event;
  const char  *reason;
} BelfrySinkRefusal;

/**
 * BelfrySinkReport:
 * @n_done: how many of the oldest events that were given are done with since the last report: acknowledged, or refused for good
 * @through: the position of the last of those
 * @refused: (element-type BelfrySinkRefusal) (nullable): the refused ones among them, in order
 *
 * What became of events.
 */
typedef struct
{
  guint      n_done;
  guint64    through;
  GPtrArray *refused;
} BelfrySinkReport;

void belfry_sink_report_clear (BelfrySinkReport *report);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BelfrySinkReport, belfry_sink_report_clear)

/**
 * BelfrySink:
 *
 * Somebody outside of the process who is to have every event of the log.
 *
 * It is given events in their order and keeps trying until each is acknowledged, or refused for good. It bounds nothing: who gives
 * it events counts what is under way. Used on the context of its construction; [signal@Belfry.Sink::reported] tells there that
 * [method@Belfry.Sink.take_report] has something.
 */
G_DECLARE_INTERFACE (BelfrySink, belfry_sink, BELFRY, SINK, GObject)

struct _BelfrySinkInterface
{
  GTypeInterface parent_iface;

  void         (*send)         (BelfrySink *self, GPtrArray *events, guint first);
  void         (*reset)        (BelfrySink *self);
  gboolean     (*take_report)  (BelfrySink *self, BelfrySinkReport *report);
  void         (*send_letters) (BelfrySink *self, GPtrArray *letters);
  const char  *(*get_trouble)  (BelfrySink *self);
  gboolean     (*is_connected) (BelfrySink *self);
  void         (*stop)         (BelfrySink *self);
};

/* events[first] and those behind it; the array is kept and must not change. Never blocks. */
void         belfry_sink_send         (BelfrySink *self, GPtrArray *events, guint first);
/* Forgets what it has; some of it may have gone out. No report speaks of that any more. */
void         belfry_sink_reset        (BelfrySink *self);
/* FALSE when there is no news. */
gboolean     belfry_sink_take_report  (BelfrySink *self, BelfrySinkReport *report);
/* Of BelfryDeadLetter: what was refused, here or there, for whoever looks after it. The array is kept and must not change; the next
 * one may come when "letters-sent" tells that nothing more is to be done about these. Never blocks. */
void         belfry_sink_send_letters (BelfrySink *self, GPtrArray *letters);
/* What is wrong, in words that anybody may read; NULL when nothing is. */
const char  *belfry_sink_get_trouble  (BelfrySink *self);
gboolean     belfry_sink_is_connected (BelfrySink *self);
/* Sends nothing new, waits a moment for what is under way, and lets go; "stopped" tells when. */
void         belfry_sink_stop         (BelfrySink *self);

/* For those who implement it. */
void         belfry_sink_emit_reported (BelfrySink *self);
void         belfry_sink_emit_letters_sent (BelfrySink *self);
void         belfry_sink_emit_stopped  (BelfrySink *self);

BelfrySinkRefusal *belfry_sink_refusal_new  (BelfryEvent *event, const char *reason);
void               belfry_sink_refusal_free (BelfrySinkRefusal *self);

G_END_DECLS
