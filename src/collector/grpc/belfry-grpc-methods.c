/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-methods-private.h"

#include <grpc/slice.h>
#include <string.h>

static const struct
{
  const char             *path;
  const BelfryGrpcMethod *method;
  BelfryGrpcPurpose       purpose;
} methods[] = {
  { "/belfry.collector.v1.EventCollectorService/StreamEvents", &belfry_grpc_stream_events, BELFRY_GRPC_COLLECT },
  { "/belfry.collector.v1.EventCollectorService/CollectEvent", &belfry_grpc_collect_event, BELFRY_GRPC_COLLECT },
  { "/belfry.collector.v1.EventCollectorService/CollectEvents", &belfry_grpc_collect_events, BELFRY_GRPC_COLLECT },
  { "/belfry.collector.v1.EventCollectorService/HealthCheck", &belfry_grpc_health_check, BELFRY_GRPC_COLLECT },
  { "/belfry.collector.v1.EventCollectorService/ReadinessCheck", &belfry_grpc_readiness_check, BELFRY_GRPC_COLLECT },
  { "/EventCollectorService/StreamEvents", &belfry_grpc_stream_events, BELFRY_GRPC_COLLECT },
  { "/EventCollectorService/CollectEvent", &belfry_grpc_collect_event, BELFRY_GRPC_COLLECT },
  { "/EventCollectorService/CollectEvents", &belfry_grpc_collect_events, BELFRY_GRPC_COLLECT },
  { "/EventCollectorService/HealthCheck", &belfry_grpc_health_check, BELFRY_GRPC_COLLECT },
  { "/EventCollectorService/ReadinessCheck", &belfry_grpc_readiness_check, BELFRY_GRPC_COLLECT },
  { "/grpc.health.v1.Health/Check", &belfry_grpc_serving_check, BELFRY_GRPC_COLLECT },
  { "/grpc.health.v1.Health/List", &belfry_grpc_serving_list, BELFRY_GRPC_COLLECT },
  { "/grpc.health.v1.Health/Watch", &belfry_grpc_serving_watch, BELFRY_GRPC_COLLECT },
  { "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", &belfry_grpc_reflection, BELFRY_GRPC_REFLECT },
  { "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &belfry_grpc_reflection, BELFRY_GRPC_REFLECT },
};

const BelfryGrpcMethod *
belfry_grpc_call_find_method (grpc_slice         path,
                              BelfryGrpcPurpose *purpose)
{
  for (gsize i = 0; i < G_N_ELEMENTS (methods); i++)
    if (grpc_slice_str_cmp (path, methods[i].path) == 0)
      {
        *purpose = methods[i].purpose;
        return methods[i].method;
      }

  return NULL;
}
