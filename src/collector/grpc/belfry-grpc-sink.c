/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-sink.h"

#include "belfry-grpc-work-private.h"

/**
 * BelfryGrpcSink:
 *
 * What stands behind a gRPC door: it says who may come in, takes the events, and tells how the service is.
 */

G_DEFINE_INTERFACE (BelfryGrpcSink, belfry_grpc_sink, G_TYPE_OBJECT)

static void
belfry_grpc_sink_default_init (BelfryGrpcSinkInterface *iface)
{
}

/**
 * belfry_grpc_sink_admit:
 * @self: a sink
 * @caller: who calls, and what for
 * @error: return location for a [error@Gio.IOErrorEnum]
 *
 * Asks whether somebody may come in.
 *
 * Returns: %TRUE if so
 */
gboolean
belfry_grpc_sink_admit (BelfryGrpcSink          *self,
                        const BelfryGrpcCaller  *caller,
                        GError                 **error)
{
  BelfryGrpcSinkInterface *iface = BELFRY_GRPC_SINK_GET_IFACE (self);

  return iface->admit == NULL || iface->admit (self, caller, error);
}

/**
 * belfry_grpc_sink_collect_async:
 * @self: a sink
 * @groups: (array length=n_groups): events; they, though not the array, belong to the sink until it completes
 * @n_groups: how many groups, at least one
 * @callback: (scope async): called when each event has its verdict
 * @user_data: (closure): for @callback
 *
 * Hands events over.
 */
void
belfry_grpc_sink_collect_async (BelfryGrpcSink          *self,
                                BelfryGrpcGroup * const *groups,
                                guint                    n_groups,
                                GAsyncReadyCallback      callback,
                                gpointer                 user_data)
{
  BELFRY_GRPC_SINK_GET_IFACE (self)->collect_async (self, groups, n_groups, callback, user_data);
}

/**
 * belfry_grpc_sink_collect_finish:
 * @self: a sink
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends belfry_grpc_sink_collect_async().
 *
 * Returns: %FALSE if none of the events could be taken
 */
gboolean
belfry_grpc_sink_collect_finish (BelfryGrpcSink  *self,
                                 GAsyncResult    *result,
                                 GError         **error)
{
  return BELFRY_GRPC_SINK_GET_IFACE (self)->collect_finish (self, result, error);
}

/**
 * belfry_grpc_sink_get_health_async:
 * @self: a sink
 * @callback: (scope async): called when it is known
 * @user_data: (closure): for @callback
 *
 * Asks how the service is.
 */
void
belfry_grpc_sink_get_health_async (BelfryGrpcSink      *self,
                                   GAsyncReadyCallback  callback,
                                   gpointer             user_data)
{
  BelfryGrpcSinkInterface *iface = BELFRY_GRPC_SINK_GET_IFACE (self);

  if (iface->get_health_async != NULL)
    {
      iface->get_health_async (self, callback, user_data);
    }
  else
    {
      g_autoptr(GTask) task = g_task_new (self, NULL, callback, user_data);

      g_task_return_boolean (task, TRUE);
    }
}

/**
 * belfry_grpc_sink_get_health_finish:
 * @self: a sink
 * @result: what the callback was given
 * @health: (out caller-allocates): where the state is put
 *
 * Ends belfry_grpc_sink_get_health_async().
 */
void
belfry_grpc_sink_get_health_finish (BelfryGrpcSink   *self,
                                    GAsyncResult     *result,
                                    BelfryGrpcHealth *health)
{
  *health = (BelfryGrpcHealth) { .status = "ok", .service = "", .version = "", .is_ready = TRUE };
  if (BELFRY_GRPC_SINK_GET_IFACE (self)->get_health_finish != NULL)
    BELFRY_GRPC_SINK_GET_IFACE (self)->get_health_finish (self, result, health);
}

/**
 * belfry_grpc_event_accept:
 * @self: an event that nobody has refused
 * @id: its identifier in the log
 *
 * Says that the event is durably stored.
 */
void
belfry_grpc_event_accept (BelfryGrpcEvent *self,
                          const char      *id)
{
  g_assert (self->refused_field == NULL);
  g_strlcpy (self->id, id, sizeof self->id);
}

/**
 * belfry_grpc_group_refuse:
 * @self: a group
 * @event: one of its events
 * @field: the field that breaks a rule, "" for the event as a whole
 * @message: the rule in words
 *
 * Refuses one event.
 */
void
belfry_grpc_group_refuse (BelfryGrpcGroup *self,
                          BelfryGrpcEvent *event,
                          const char      *field,
                          const char      *message)
{
  BelfryGrpcArena *arena = &((BelfryGrpcWork *) self)->arena;

  event->refused_field = belfry_grpc_arena_dup (arena, field);
  event->refusal = belfry_grpc_arena_dup (arena, message);
}

/**
 * belfry_grpc_group_fail:
 * @self: a group
 * @message: why; the sender is told
 *
 * Says that none of the events could be taken, and that the sender may try again later.
 */
void
belfry_grpc_group_fail (BelfryGrpcGroup *self,
                        const char      *message)
{
  self->failure = belfry_grpc_arena_dup (&((BelfryGrpcWork *) self)->arena, message);
}
