/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-forwarder-private.h"

/* The bounds that somebody may set, and the numbers that somebody may ask for. */

typedef enum
{
  PROP_STORE = 1,
  PROP_SINK,
  PROP_MAX_FLIGHT_EVENTS,
  PROP_MAX_FLIGHT_BYTES,
  PROP_BUFFER_MAX_USEC,
  PROP_BUFFER_MAX_BYTES,
  PROP_PENDING,
  PROP_PENDING_BYTES,
  PROP_IN_FLIGHT,
  PROP_FORWARDED,
  PROP_ACKNOWLEDGED,
  PROP_REFUSED,
  PROP_READ_FAILURES,
  PROP_RESETS,
  PROP_IS_FULL,
} BelfryForwarderProperty;

static GParamSpec *properties[PROP_IS_FULL + 1];

static void
belfry_forwarder_get_property (GObject    *object,
                               guint       property_id,
                               GValue     *value,
                               GParamSpec *pspec)
{
  BelfryForwarder *self = BELFRY_FORWARDER (object);

  switch ((BelfryForwarderProperty) property_id)
    {
    case PROP_STORE:
      g_value_set_object (value, self->store);
      break;
    case PROP_SINK:
      g_value_set_object (value, self->sink);
      break;
    case PROP_MAX_FLIGHT_EVENTS:
      g_value_set_uint (value, self->max_flight_events);
      break;
    case PROP_MAX_FLIGHT_BYTES:
      g_value_set_uint64 (value, self->max_flight_bytes);
      break;
    case PROP_BUFFER_MAX_USEC:
      g_value_set_int64 (value, self->buffer_max_usec);
      break;
    case PROP_BUFFER_MAX_BYTES:
      g_value_set_uint64 (value, self->buffer_max_bytes);
      break;
    case PROP_PENDING:
      g_value_set_uint64 (value, belfry_forwarder_get_pending (self));
      break;
    case PROP_PENDING_BYTES:
      g_value_set_uint64 (value, belfry_forwarder_get_pending_bytes (self));
      break;
    case PROP_IN_FLIGHT:
      g_value_set_uint64 (value, self->flight_events);
      break;
    case PROP_FORWARDED:
      g_value_set_uint64 (value, self->cursor.count);
      break;
    case PROP_ACKNOWLEDGED:
      g_value_set_uint64 (value, self->acknowledged);
      break;
    case PROP_REFUSED:
      g_value_set_uint64 (value, self->refused);
      break;
    case PROP_READ_FAILURES:
      g_value_set_uint64 (value, self->read_failures);
      break;
    case PROP_RESETS:
      g_value_set_uint64 (value, self->resets);
      break;
    case PROP_IS_FULL:
      g_value_set_boolean (value, self->is_full);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
      break;
    }
}

static void
belfry_forwarder_set_property (GObject      *object,
                               guint         property_id,
                               const GValue *value,
                               GParamSpec   *pspec)
{
  BelfryForwarder *self = BELFRY_FORWARDER (object);

  switch ((BelfryForwarderProperty) property_id)
    {
    case PROP_STORE:
      self->store = g_value_dup_object (value);
      break;
    case PROP_SINK:
      self->sink = g_value_dup_object (value);
      break;
    case PROP_MAX_FLIGHT_EVENTS:
      self->max_flight_events = g_value_get_uint (value);
      break;
    case PROP_MAX_FLIGHT_BYTES:
      self->max_flight_bytes = g_value_get_uint64 (value);
      break;
    case PROP_BUFFER_MAX_USEC:
      self->buffer_max_usec = g_value_get_int64 (value);
      break;
    case PROP_BUFFER_MAX_BYTES:
      self->buffer_max_bytes = g_value_get_uint64 (value);
      break;
    case PROP_PENDING:
    case PROP_PENDING_BYTES:
    case PROP_IN_FLIGHT:
    case PROP_FORWARDED:
    case PROP_ACKNOWLEDGED:
    case PROP_REFUSED:
    case PROP_READ_FAILURES:
    case PROP_RESETS:
    case PROP_IS_FULL:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
      break;
    }
}

static void
install_bounds (void)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  properties[PROP_STORE] =
    g_param_spec_object ("store", NULL, NULL, BELFRY_TYPE_EVENT_STORE,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  properties[PROP_SINK] =
    g_param_spec_object ("sink", NULL, NULL, BELFRY_TYPE_SINK,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  properties[PROP_MAX_FLIGHT_EVENTS] = g_param_spec_uint ("max-flight-events", NULL, NULL, 1, G_MAXINT, 5000, flags);
  properties[PROP_MAX_FLIGHT_BYTES] =
    g_param_spec_uint64 ("max-flight-bytes", NULL, NULL, 1, G_MAXUINT64, 8 * 1024 * 1024, flags);
  properties[PROP_BUFFER_MAX_USEC] =
    g_param_spec_int64 ("buffer-max-usec", NULL, NULL, 1, G_MAXINT64, G_TIME_SPAN_DAY, flags);
  properties[PROP_BUFFER_MAX_BYTES] =
    g_param_spec_uint64 ("buffer-max-bytes", NULL, NULL, 1, G_MAXUINT64, 10737418240, flags);
}

static void
install_counters (void)
{
  static const struct { BelfryForwarderProperty property; const char *name; } counters[] = {
    { PROP_PENDING, "pending" }, { PROP_PENDING_BYTES, "pending-bytes" }, { PROP_IN_FLIGHT, "in-flight" },
    { PROP_FORWARDED, "forwarded" }, { PROP_ACKNOWLEDGED, "acknowledged" }, { PROP_REFUSED, "refused" },
    { PROP_READ_FAILURES, "read-failures" }, { PROP_RESETS, "resets" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (counters); i++)
    properties[counters[i].property] =
      g_param_spec_uint64 (counters[i].name, NULL, NULL, 0, G_MAXUINT64, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  properties[PROP_IS_FULL] =
    g_param_spec_boolean ("is-full", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
}

void
belfry_forwarder_install_properties (GObjectClass *klass)
{
  klass->get_property = belfry_forwarder_get_property;
  klass->set_property = belfry_forwarder_set_property;

  install_bounds ();
  install_counters ();
  g_object_class_install_properties (klass, G_N_ELEMENTS (properties), properties);
}
