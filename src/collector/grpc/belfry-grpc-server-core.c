/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-server-core-private.h"

/* Keys of the core's settings are char *, though nobody writes there. */
static grpc_arg
make_arg (const char *key,
          guint       value)
{
  return (grpc_arg) { .type = GRPC_ARG_INTEGER, .key = (char *) key, .value.integer = MIN (value, G_MAXINT) };
}

/* The core looks at a message both before it is unpacked, which we do ourselves, and then no more. */
grpc_server *
belfry_grpc_server_core_new (const BelfryGrpcLimits *limits)
{
  grpc_resource_quota *quota = grpc_resource_quota_create ("belfry");
  grpc_arg args[] = {
    make_arg (GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, limits->max_message_bytes),
    make_arg (GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
    make_arg (GRPC_ARG_MAX_CONCURRENT_STREAMS, limits->max_calls_per_connection),
    /* Left to itself, gRPC lets a quick sender fill megabytes, and then ends its call for that. */
    make_arg (GRPC_ARG_HTTP2_BDP_PROBE, 0),
    make_arg (GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, limits->lookahead_bytes),
    make_arg (GRPC_ARG_MAX_METADATA_SIZE, limits->max_metadata_bytes),
    make_arg (GRPC_ARG_ALLOW_REUSEPORT, 0),
    make_arg (GRPC_ARG_KEEPALIVE_TIME_MS, limits->keepalive_msec),
    make_arg (GRPC_ARG_KEEPALIVE_TIMEOUT_MS, limits->keepalive_timeout_msec),
    make_arg (GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
    make_arg (GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, limits->min_ping_interval_msec),
    make_arg (GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2),
    make_arg (GRPC_ARG_MAX_CONNECTION_IDLE_MS, limits->max_idle_msec),
    make_arg (GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, limits->handshake_timeout_msec),
    {
      .type = GRPC_ARG_POINTER,
      .key = (char *) GRPC_ARG_RESOURCE_QUOTA,
      .value.pointer = { .p = quota, .vtable = grpc_resource_quota_arg_vtable () },
    },
  };
  const grpc_channel_args all = { G_N_ELEMENTS (args), args };
  grpc_server *server;

  grpc_resource_quota_resize (quota, limits->max_transport_bytes);
  server = grpc_server_create (&all, NULL);
  grpc_resource_quota_unref (quota);
  return server;
}
