/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-answer-private.h"

#include <string.h>

#include "belfry-grpc-payload-private.h"
#include "belfry-grpc-wire.pb-c.h"
#include "belfry-timestamp-private.h"

static ProtobufCBinaryData
from_string (const char *text)
{
  return (ProtobufCBinaryData) { strlen (text), (uint8_t *) text };
}

static void
fill_rejected (BelfryGrpcWire__RejectedEvent *rejected,
               guint64                        index,
               const BelfryGrpcEvent         *event)
{
  belfry_grpc_wire__rejected_event__init (rejected);
  rejected->index = index;
  rejected->field = from_string (event->refused_field);
  rejected->message = from_string (event->refusal);
}

static void
fill_verdicts (BelfryGrpcWire__CollectResponse *answer,
               BelfryGrpcWork                  *work)
{
  const BelfryGrpcGroup *group = &work->group;
  BelfryGrpcArena *arena = &work->arena;

  answer->event_ids = belfry_grpc_arena_alloc (arena, group->n_events * sizeof *answer->event_ids);
  answer->errors = belfry_grpc_arena_alloc (arena, group->n_events * sizeof *answer->errors);
  for (guint i = 0; i < group->n_events; i++)
    {
      const BelfryGrpcEvent *event = &group->events[i];

      if (event->refused_field == NULL)
        {
          answer->event_ids[answer->n_event_ids++] = from_string (event->id);
        }
      else
        {
          BelfryGrpcWire__RejectedEvent *rejected = belfry_grpc_arena_alloc (arena, sizeof *rejected);

          fill_rejected (rejected, i, event);
          answer->errors[answer->n_errors++] = rejected;
        }
    }
}

grpc_byte_buffer *
belfry_grpc_answer_collected (BelfryGrpcWork *work)
{
  BelfryGrpcWire__CollectResponse answer = BELFRY_GRPC_WIRE__COLLECT_RESPONSE__INIT;
  char timestamp[BELFRY_TIMESTAMP_LENGTH + 1];

  belfry_timestamp_write (g_get_real_time (), timestamp);
  fill_verdicts (&answer, work);
  answer.success = answer.n_errors == 0;
  answer.batch_id = from_string (work->group.batch_id);
  answer.accepted = answer.n_event_ids;
  answer.rejected = answer.n_errors;
  answer.timestamp = from_string (timestamp);
  return belfry_grpc_payload_pack (&answer.base);
}

static BelfryGrpcWire__Entry **
make_components (BelfryGrpcWork *work,
                 size_t         *n_entries)
{
  BelfryGrpcArena *arena = &work->arena;
  const char * const *components = work->health.components;
  gsize n = g_strv_length ((char **) components) / 2;
  BelfryGrpcWire__Entry **entries = belfry_grpc_arena_alloc (arena, n * sizeof *entries);

  for (gsize i = 0; i < n; i++)
    {
      entries[i] = belfry_grpc_arena_alloc (arena, sizeof *entries[i]);
      belfry_grpc_wire__entry__init (entries[i]);
      entries[i]->key = from_string (components[2 * i]);
      entries[i]->value = from_string (components[2 * i + 1]);
    }
  *n_entries = n;
  return entries;
}

grpc_byte_buffer *
belfry_grpc_answer_health (BelfryGrpcWork *work)
{
  BelfryGrpcWire__HealthCheckResponse answer = BELFRY_GRPC_WIRE__HEALTH_CHECK_RESPONSE__INIT;

  answer.status = from_string (work->health.status);
  answer.service = from_string (work->health.service);
  answer.version = from_string (work->health.version);
  answer.components = make_components (work, &answer.n_components);
  answer.uptime_seconds = work->health.uptime_seconds;
  return belfry_grpc_payload_pack (&answer.base);
}

grpc_byte_buffer *
belfry_grpc_answer_readiness (BelfryGrpcWork *work)
{
  BelfryGrpcWire__ReadinessCheckResponse answer = BELFRY_GRPC_WIRE__READINESS_CHECK_RESPONSE__INIT;

  answer.ready = work->health.is_ready;
  answer.components = make_components (work, &answer.n_components);
  return belfry_grpc_payload_pack (&answer.base);
}
