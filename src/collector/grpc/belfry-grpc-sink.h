/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * BelfryGrpcText:
 * @data: (array length=size): the bytes, without a NUL behind them
 * @size: how many
 *
 * UTF-8 that lies in memory of a group of events, for as long as the group lives.
 */
typedef struct
{
  const char *data;
  gsize       size;
} BelfryGrpcText;

/**
 * BelfryGrpcEntry:
 * @key: the key
 * @value: the value
 *
 * One entry of a map. Entries come as they were sent: of two with the same key the last counts.
 */
typedef struct
{
  BelfryGrpcText key;
  BelfryGrpcText value;
} BelfryGrpcEntry;

/**
 * BelfryGrpcEvent:
 * @original: the message as it was sent, for those who keep what was refused
 * @learner_id: empty when it was not sent, as the following
 * @course_id: the course
 * @lesson_id: the lesson
 * @event_type: the name of the type
 * @timestamp: the instant that the sender gave, not yet looked at
 * @session_id: the session
 * @event_data_json: JSON to be merged over @event_data, not yet looked at
 * @event_data: (array length=n_event_data): the data
 * @n_event_data: how many entries
 * @metadata: (array length=n_metadata): data about the data
 * @n_metadata: how many entries
 * @refused_field: (nullable): the field that the refusal is about, "" for the event as a whole; %NULL while nobody refused it
 * @refusal: (nullable): why it was refused
 * @id: the identifier of the accepted event, "" before
 *
 * One event at the door, and what became of it. Every text is valid UTF-8; the identifiers, the type and the timestamp hold no
 * U+0000. An event that the door itself could not read comes with @refused_field set and must stay refused.
 */
typedef struct
{
  BelfryGrpcText         original;
  BelfryGrpcText         learner_id;
  BelfryGrpcText         course_id;
  BelfryGrpcText         lesson_id;
  BelfryGrpcText         event_type;
  BelfryGrpcText         timestamp;
  BelfryGrpcText         session_id;
  BelfryGrpcText         event_data_json;
  const BelfryGrpcEntry *event_data;
  gsize                  n_event_data;
  const BelfryGrpcEntry *metadata;
  gsize                  n_metadata;
  const char            *refused_field;
  const char            *refusal;
  char                   id[24];
} BelfryGrpcEvent;

/**
 * BelfryGrpcPurpose:
 * @BELFRY_GRPC_COLLECT: to bring events
 * @BELFRY_GRPC_REFLECT: to ask for the description of the services
 *
 * What somebody calls for. The state of the service is told to everybody.
 */
typedef enum
{
  BELFRY_GRPC_COLLECT,
  BELFRY_GRPC_REFLECT,
} BelfryGrpcPurpose;

/**
 * BelfryGrpcCaller:
 * @purpose: what for
 * @has_begun: whether the caller was let in before, and only goes on with the same call
 * @key: (nullable): the key that was sent as `x-api-key`
 * @bearer: (nullable): the key that was sent as a bearer token; a client may send something else there, so either counts
 * @peer: the address as gRPC writes it, such as `ipv4:127.0.0.1:40000`
 *
 * Who calls.
 */
typedef struct
{
  BelfryGrpcPurpose  purpose;
  gboolean           has_begun;
  char              *key;
  char              *bearer;
  char              *peer;
} BelfryGrpcCaller;

/**
 * BelfryGrpcGroup:
 * @caller: who sent the events
 * @batch_id: the UUID of the call, the same for all groups of a stream
 * @events: (array length=n_events): the events, in the order in which they were sent
 * @n_events: how many
 * @failure: (nullable): why none of the events could be taken; %NULL when each has a verdict
 *
 * Events of one call that are taken together.
 */
typedef struct
{
  const BelfryGrpcCaller *caller;
  const char             *batch_id;
  BelfryGrpcEvent        *events;
  guint                   n_events;
  const char             *failure;
} BelfryGrpcGroup;

/**
 * BelfryGrpcHealth:
 * @status: `ok`, `degraded` or `error`
 * @service: name of the service
 * @version: its version
 * @uptime_seconds: for how long it has been running
 * @is_ready: whether it takes events
 * @components: (array zero-terminated=1): names and states in turn
 *
 * The state of the service. The texts live until the callback returns.
 */
typedef struct
{
  const char         *status;
  const char         *service;
  const char         *version;
  double              uptime_seconds;
  gboolean            is_ready;
  const char * const *components;
} BelfryGrpcHealth;

#define BELFRY_TYPE_GRPC_SINK (belfry_grpc_sink_get_type ())

G_DECLARE_INTERFACE (BelfryGrpcSink, belfry_grpc_sink, BELFRY, GRPC_SINK, GObject)

/**
 * BelfryGrpcSinkInterface:
 * @parent_iface: the parent
 * @admit: whether the caller may do that: %TRUE, or %FALSE with %G_IO_ERROR_PERMISSION_DENIED for a missing or wrong key,
 *   %G_IO_ERROR_NOT_SUPPORTED for a key that may not do this, %G_IO_ERROR_BUSY for somebody who calls too often; anything else means
 *   that the service is unavailable. Without it everybody may do everything
 * @collect_async: takes groups of events, which belong to the sink until it completes: each event is then accepted or refused, or
 *   its group has failed. May be called again before it has completed; events of one call are to be kept in the order of the calls
 * @collect_finish: %FALSE with an error fails all groups
 * @get_health_async: finds out about the state of the service. May be called again before it has completed. Without it all is well
 * @get_health_finish: tells it
 *
 * What stands behind the door. Everything is called on the home context of the server.
 */
struct _BelfryGrpcSinkInterface
{
  GTypeInterface parent_iface;

  gboolean (*admit)          (BelfryGrpcSink          *self,
                              const BelfryGrpcCaller  *caller,
                              GError                 **error);
  void     (*collect_async)  (BelfryGrpcSink          *self,
                              BelfryGrpcGroup * const *groups,
                              guint                    n_groups,
                              GAsyncReadyCallback      callback,
                              gpointer                 user_data);
  gboolean (*collect_finish) (BelfryGrpcSink          *self,
                              GAsyncResult            *result,
                              GError                 **error);
  void     (*get_health_async)  (BelfryGrpcSink          *self,
                                 GAsyncReadyCallback      callback,
                                 gpointer                 user_data);
  void     (*get_health_finish) (BelfryGrpcSink          *self,
                                 GAsyncResult            *result,
                                 BelfryGrpcHealth        *health);
};

gboolean belfry_grpc_sink_admit          (BelfryGrpcSink           *self,
                                          const BelfryGrpcCaller   *caller,
                                          GError                  **error);
void     belfry_grpc_sink_collect_async  (BelfryGrpcSink           *self,
                                          BelfryGrpcGroup * const  *groups,
                                          guint                     n_groups,
                                          GAsyncReadyCallback       callback,
                                          gpointer                  user_data);
gboolean belfry_grpc_sink_collect_finish (BelfryGrpcSink           *self,
                                          GAsyncResult             *result,
                                          GError                  **error);
void     belfry_grpc_sink_get_health_async  (BelfryGrpcSink        *self,
                                             GAsyncReadyCallback    callback,
                                             gpointer               user_data);
void     belfry_grpc_sink_get_health_finish (BelfryGrpcSink        *self,
                                             GAsyncResult          *result,
                                             BelfryGrpcHealth      *health);

void     belfry_grpc_event_accept        (BelfryGrpcEvent          *self,
                                          const char               *id);
void     belfry_grpc_group_refuse        (BelfryGrpcGroup          *self,
                                          BelfryGrpcEvent          *event,
                                          const char               *field,
                                          const char               *message);
void     belfry_grpc_group_fail          (BelfryGrpcGroup          *self,
                                          const char               *message);

G_END_DECLS
