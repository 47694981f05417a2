/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-server-private.h"

/* What can be set about a server, and what it counts: rows of two tables, which the numbers of the properties follow. */

static const struct
{
  const char *name;
  gsize       offset;    /* in BelfryGrpcLimits */
  guint       minimum;
  guint       maximum;
  guint       standard;
} limits[] = {
#define LIMIT(name, field, minimum, maximum, standard) { name, G_STRUCT_OFFSET (BelfryGrpcLimits, field), minimum, maximum, standard }
  LIMIT ("max-message-bytes", max_message_bytes, 1, G_MAXINT, 1048576),
  LIMIT ("max-batch-events", max_batch_events, 1, 1000000, 100),
  LIMIT ("stream-batch-events", stream_batch_events, 1, 1000000, 10),
  LIMIT ("ack-delay-msec", ack_delay_msec, 1, 60000, 50),
  LIMIT ("max-calls", max_calls, 1, 1000000, 4096),
  LIMIT ("max-calls-per-connection", max_calls_per_connection, 1, 1000000, 1000),
  LIMIT ("max-metadata-bytes", max_metadata_bytes, 256, 1048576, 16384),
  LIMIT ("max-unacknowledged-events", max_unacknowledged_events, 1, 1000000, 2000),
  LIMIT ("max-bytes-in-work", max_bytes_in_work, 1, G_MAXINT, 16777216),
  LIMIT ("max-transport-bytes", max_transport_bytes, 1048576, G_MAXINT, 33554432),
  LIMIT ("lookahead-bytes", lookahead_bytes, 1024, G_MAXINT, 262144),
  LIMIT ("max-untold-bytes", max_untold_bytes, 1, G_MAXINT, 16777216),
  LIMIT ("receive-timeout-msec", receive_timeout_msec, 1, G_MAXINT, 30000),
  LIMIT ("send-timeout-msec", send_timeout_msec, 1, G_MAXINT, 60000),
  LIMIT ("watch-interval-msec", watch_interval_msec, 1, G_MAXINT, 1000),
  LIMIT ("keepalive-msec", keepalive_msec, 1000, G_MAXINT, 60000),
  LIMIT ("keepalive-timeout-msec", keepalive_timeout_msec, 100, G_MAXINT, 20000),
  LIMIT ("min-ping-interval-msec", min_ping_interval_msec, 0, G_MAXINT, 10000),
  LIMIT ("max-idle-msec", max_idle_msec, 1000, G_MAXINT, 300000),
  LIMIT ("handshake-timeout-msec", handshake_timeout_msec, 100, G_MAXINT, 10000),
  LIMIT ("reopen-msec", reopen_msec, 1, G_MAXINT, 1000),
  LIMIT ("drain-msec", drain_msec, 0, G_MAXINT, 3000),
};

static const struct
{
  const char *name;
  gsize       offset;    /* in BelfryGrpcTally */
} counters[] = {
#define COUNTER(name, field) { name, G_STRUCT_OFFSET (BelfryGrpcTally, field) }
  COUNTER ("open-calls", open_calls),
  COUNTER ("open-streams", open_streams),
  COUNTER ("bytes-in-work", bytes_in_work),
  COUNTER ("bytes-untold", bytes_untold),
  COUNTER ("calls", calls),
  COUNTER ("calls-refused", calls_refused),
  COUNTER ("unauthenticated", unauthenticated),
  COUNTER ("messages", messages),
  COUNTER ("malformed", malformed),
  COUNTER ("too-large", too_large),
  COUNTER ("accepted", accepted),
  COUNTER ("refused", refused),
  COUNTER ("acknowledgements", acknowledgements),
  COUNTER ("cancelled", cancelled),
  COUNTER ("timeouts", timeouts),
  COUNTER ("not-taken", not_taken),
  COUNTER ("reads-held-back", reads_held_back),
};

enum
{
  PROP_SINK = 1,
  PROP_FIRST_LIMIT,
  PROP_FIRST_COUNTER = PROP_FIRST_LIMIT + G_N_ELEMENTS (limits),
  PROP_REOPENED = PROP_FIRST_COUNTER + G_N_ELEMENTS (counters),
  N_PROPERTIES,
};

static GParamSpec *properties[N_PROPERTIES];

static guint *
peek_limit (BelfryGrpcServer *self,
            guint             property_id)
{
  return G_STRUCT_MEMBER_P (&self->limits, limits[property_id - PROP_FIRST_LIMIT].offset);
}

static guint64
get_counter (BelfryGrpcServer *self,
             guint             property_id)
{
  gsize offset = counters[property_id - PROP_FIRST_COUNTER].offset;
  BelfryGrpcTally tally = { 0 };

  if (self->queue != NULL)
    belfry_grpc_queue_get_tally (self->queue, &tally);
  return G_STRUCT_MEMBER (guint64, &self->tally, offset) + G_STRUCT_MEMBER (guint64, &tally, offset);
}

/* What is counted "now" is nothing by then. */
void
belfry_grpc_server_add_tally (BelfryGrpcServer *self)
{
  BelfryGrpcTally tally;

  belfry_grpc_queue_get_tally (self->queue, &tally);
  for (gsize i = 0; i < G_N_ELEMENTS (counters); i++)
    G_STRUCT_MEMBER (guint64, &self->tally, counters[i].offset) += G_STRUCT_MEMBER (guint64, &tally, counters[i].offset);
}

static void
get_property (GObject    *object,
              guint       property_id,
              GValue     *value,
              GParamSpec *pspec)
{
  BelfryGrpcServer *self = BELFRY_GRPC_SERVER (object);

  if (property_id == PROP_SINK)
    g_value_set_object (value, self->sink);
  else if (property_id < PROP_FIRST_COUNTER)
    g_value_set_uint (value, *peek_limit (self, property_id));
  else if (property_id < PROP_REOPENED)
    g_value_set_uint64 (value, get_counter (self, property_id));
  else if (property_id == PROP_REOPENED)
    g_value_set_uint64 (value, self->reopened);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
}

static void
set_property (GObject      *object,
              guint         property_id,
              const GValue *value,
              GParamSpec   *pspec)
{
  BelfryGrpcServer *self = BELFRY_GRPC_SERVER (object);

  if (property_id == PROP_SINK)
    {
      self->sink = g_value_dup_object (value);
    }
  else if (property_id < PROP_FIRST_COUNTER)
    {
      guint *limit = peek_limit (self, property_id);

      if (*limit == g_value_get_uint (value))
        return;
      *limit = g_value_get_uint (value);
      g_object_notify_by_pspec (object, pspec);
    }
  else
    {
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

void
belfry_grpc_server_install_properties (GObjectClass *object_class)
{
  object_class->get_property = get_property;
  object_class->set_property = set_property;

  properties[PROP_SINK] = g_param_spec_object ("sink", NULL, NULL, BELFRY_TYPE_GRPC_SINK,
                                               G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
    properties[PROP_FIRST_LIMIT + i] = g_param_spec_uint (limits[i].name, NULL, NULL,
                                                          limits[i].minimum, limits[i].maximum, limits[i].standard,
                                                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  for (gsize i = 0; i < G_N_ELEMENTS (counters); i++)
    properties[PROP_FIRST_COUNTER + i] = g_param_spec_uint64 (counters[i].name, NULL, NULL, 0, G_MAXUINT64, 0,
                                                              G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  properties[PROP_REOPENED] = g_param_spec_uint64 ("reopened", NULL, NULL, 0, G_MAXUINT64, 0,
                                                   G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

void
belfry_grpc_server_set_defaults (BelfryGrpcServer *self)
{
  for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
    *peek_limit (self, PROP_FIRST_LIMIT + i) = limits[i].standard;
}
