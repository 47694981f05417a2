/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-dbus-service-private.h"

#define DEFAULT_GROUP            "belfry"
#define DEFAULT_MAX_CALLS        64
#define DEFAULT_MAX_STREAMS      1000
#define DEFAULT_MAX_ANSWER_BYTES (16 * 1024 * 1024)

typedef enum
{
  PROP_SERVER = 1,
  PROP_GROUP,
  PROP_MAX_CALLS,
  PROP_MAX_STREAMS,
  PROP_MAX_ANSWER_BYTES,
  PROP_CALLS,
  PROP_CALLS_DENIED,
  PROP_CALLS_BUSY,
  PROP_STREAMS,
  PROP_STREAMS_OPENED,
  PROP_STREAMS_REFUSED,
  PROP_DELIVERED,
} BelfryDBusServiceProperty;

static GParamSpec *properties[PROP_DELIVERED + 1];

G_DEFINE_FINAL_TYPE (BelfryDBusService, belfry_dbus_service, G_TYPE_OBJECT)

/* All methods come in here; what they are is looked up by their name. */
static gboolean
on_call (BelfryDBusService     *self,
         GDBusMethodInvocation *invocation)
{
  belfry_dbus_call_start (self, invocation);
  return TRUE;
}

static void
connect_methods (BelfryDBusService *self)
{
  static const char * const signals[] = {
    "handle-get-stats", "handle-clear", "handle-publish", "handle-query", "handle-list-subscribers",
    "handle-disconnect-subscriber", "handle-list-event-types", "handle-register-event-type",
    "handle-list-dead-letters", "handle-replay-dead-letter", "handle-open-stream",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (signals); i++)
    g_signal_connect_object (self->skeleton, signals[i], G_CALLBACK (on_call), self, G_CONNECT_SWAPPED);
}

static void
belfry_dbus_service_get_property (GObject    *object,
                                  guint       property_id,
                                  GValue     *value,
                                  GParamSpec *pspec)
{
  BelfryDBusService *self = BELFRY_DBUS_SERVICE (object);

  switch ((BelfryDBusServiceProperty) property_id)
    {
    case PROP_SERVER:
      g_value_set_object (value, self->server);
      break;
    case PROP_GROUP:
      g_value_set_string (value, self->group);
      break;
    case PROP_MAX_CALLS:
      g_value_set_uint (value, self->max_calls);
      break;
    case PROP_MAX_STREAMS:
      g_value_set_uint (value, self->max_streams);
      break;
    case PROP_MAX_ANSWER_BYTES:
      g_value_set_uint64 (value, self->max_answer_bytes);
      break;
    case PROP_CALLS:
      g_value_set_uint64 (value, self->calls);
      break;
    case PROP_CALLS_DENIED:
      g_value_set_uint64 (value, self->calls_denied);
      break;
    case PROP_CALLS_BUSY:
      g_value_set_uint64 (value, self->calls_busy);
      break;
    case PROP_STREAMS:
      g_value_set_uint (value, belfry_dbus_streams_get_n_open (self->streams));
      break;
    case PROP_STREAMS_OPENED:
      g_value_set_uint64 (value, belfry_dbus_streams_get_tally (self->streams)->opened);
      break;
    case PROP_STREAMS_REFUSED:
      g_value_set_uint64 (value, self->streams_refused);
      break;
    case PROP_DELIVERED:
      g_value_set_uint64 (value, belfry_dbus_streams_get_tally (self->streams)->delivered);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
belfry_dbus_service_set_property (GObject      *object,
                                  guint         property_id,
                                  const GValue *value,
                                  GParamSpec   *pspec)
{
  BelfryDBusService *self = BELFRY_DBUS_SERVICE (object);
  gboolean changed;

  switch ((BelfryDBusServiceProperty) property_id)
    {
    case PROP_SERVER:
      self->server = g_value_dup_object (value);
      return;
    case PROP_GROUP:
      changed = g_strcmp0 (self->group, g_value_get_string (value)) != 0;
      g_free (self->group);
      self->group = g_value_dup_string (value);
      break;
    case PROP_MAX_CALLS:
      changed = self->max_calls != g_value_get_uint (value);
      self->max_calls = g_value_get_uint (value);
      break;
    case PROP_MAX_STREAMS:
      changed = self->max_streams != g_value_get_uint (value);
      self->max_streams = g_value_get_uint (value);
      break;
    case PROP_MAX_ANSWER_BYTES:
      changed = self->max_answer_bytes != g_value_get_uint64 (value);
      self->max_answer_bytes = g_value_get_uint64 (value);
      break;
    case PROP_CALLS:
    case PROP_CALLS_DENIED:
    case PROP_CALLS_BUSY:
    case PROP_STREAMS:
    case PROP_STREAMS_OPENED:
    case PROP_STREAMS_REFUSED:
    case PROP_DELIVERED:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
      return;
    }
  if (changed)
    g_object_notify_by_pspec (object, pspec);
}

static void
forget_types (BelfryDBusService *self)
{
  g_clear_pointer (&self->types, g_variant_unref);
}

static void
belfry_dbus_service_constructed (GObject *object)
{
  BelfryDBusService *self = BELFRY_DBUS_SERVICE (object);
  BelfryPipeline *pipeline = belfry_server_get_pipeline (self->server);

  G_OBJECT_CLASS (belfry_dbus_service_parent_class)->constructed (object);

  g_signal_connect_object (belfry_event_validator_get_registry (belfry_pipeline_get_validator (pipeline)), "registered",
                           G_CALLBACK (forget_types), self, G_CONNECT_SWAPPED);
}

static void
belfry_dbus_service_dispose (GObject *object)
{
  BelfryDBusService *self = BELFRY_DBUS_SERVICE (object);

  belfry_dbus_service_unexport (self);
  if (self->streams != NULL)
    belfry_dbus_streams_end_all (self->streams);

  G_OBJECT_CLASS (belfry_dbus_service_parent_class)->dispose (object);
}

static void
belfry_dbus_service_finalize (GObject *object)
{
  BelfryDBusService *self = BELFRY_DBUS_SERVICE (object);

  /* Each call in work holds a reference. */
  g_assert (g_queue_is_empty (&self->large_waiting));
  g_assert (self->turn == NULL);
  forget_types (self);
  g_clear_pointer (&self->open_callers, g_hash_table_unref);
  g_clear_pointer (&self->streams, belfry_dbus_streams_free);
  g_clear_object (&self->skeleton);
  g_clear_object (&self->collector);
  g_clear_object (&self->server);
  g_free (self->group);

  G_OBJECT_CLASS (belfry_dbus_service_parent_class)->finalize (object);
}

static void
add_counter (BelfryDBusServiceProperty  property,
             const char                *name)
{
  properties[property] =
    g_param_spec_uint64 (name, NULL, NULL, 0, G_MAXUINT64, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
}

static void
belfry_dbus_service_class_init (BelfryDBusServiceClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags settable = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = belfry_dbus_service_get_property;
  object_class->set_property = belfry_dbus_service_set_property;
  object_class->constructed = belfry_dbus_service_constructed;
  object_class->dispose = belfry_dbus_service_dispose;
  object_class->finalize = belfry_dbus_service_finalize;

  properties[PROP_SERVER] =
    g_param_spec_object ("server", NULL, NULL, BELFRY_TYPE_SERVER,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  properties[PROP_GROUP] = g_param_spec_string ("group", NULL, NULL, DEFAULT_GROUP, settable);
  properties[PROP_MAX_CALLS] =
    g_param_spec_uint ("max-calls", NULL, NULL, 1, G_MAXUINT, DEFAULT_MAX_CALLS, settable);
  properties[PROP_MAX_STREAMS] =
    g_param_spec_uint ("max-streams", NULL, NULL, 0, G_MAXUINT, DEFAULT_MAX_STREAMS, settable);
  properties[PROP_MAX_ANSWER_BYTES] =
    g_param_spec_uint64 ("max-answer-bytes", NULL, NULL, 1, G_MAXUINT64, DEFAULT_MAX_ANSWER_BYTES, settable);
  add_counter (PROP_CALLS, "calls");
  add_counter (PROP_CALLS_DENIED, "calls-denied");
  add_counter (PROP_CALLS_BUSY, "calls-busy");
  properties[PROP_STREAMS] =
    g_param_spec_uint ("streams", NULL, NULL, 0, G_MAXUINT, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  add_counter (PROP_STREAMS_OPENED, "streams-opened");
  add_counter (PROP_STREAMS_REFUSED, "streams-refused");
  add_counter (PROP_DELIVERED, "delivered");
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
belfry_dbus_service_init (BelfryDBusService *self)
{
  self->group = g_strdup (DEFAULT_GROUP);
  self->group_id = BELFRY_DBUS_NO_GROUP;
  self->open_callers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->max_calls = DEFAULT_MAX_CALLS;
  self->max_streams = DEFAULT_MAX_STREAMS;
  self->max_answer_bytes = DEFAULT_MAX_ANSWER_BYTES;
  self->streams = belfry_dbus_streams_new ();
  self->skeleton = belfry_dbus_belfry1_skeleton_new ();
  connect_methods (self);
}

BelfryDBusService *
belfry_dbus_service_new (BelfryServer *server)
{
  return g_object_new (BELFRY_TYPE_DBUS_SERVICE, "server", server, NULL);
}

gboolean
belfry_dbus_service_export (BelfryDBusService    *self,
                            GDBusConnection      *connection,
                            BelfryDBusReadyFunc   ready,
                            gpointer              user_data,
                            GError              **error)
{
  g_assert (self->connection == NULL);

  if (!g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (self->skeleton), connection, BELFRY_DBUS_PATH,
                                         error))
    return FALSE;

  belfry_dbus_service_look_up_group (self);
  self->connection = g_object_ref (connection);
  self->state = belfry_dbus_state_new (self->server, self->skeleton, ready, user_data);
  return TRUE;
}

void
belfry_dbus_service_look_up_group (BelfryDBusService *self)
{
  self->group_id = belfry_dbus_find_group (self->group);
}

void
belfry_dbus_service_unexport (BelfryDBusService *self)
{
  if (self->connection == NULL)
    return;

  g_clear_pointer (&self->state, belfry_dbus_state_free);
  g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (self->skeleton));
  g_clear_object (&self->connection);
}

void
belfry_dbus_service_stop (BelfryDBusService   *self,
                          BelfryDBusDrainFunc  func,
                          gpointer             user_data)
{
  self->is_stopped = TRUE;
  belfry_dbus_streams_end_all (self->streams);
  if (self->n_in_work == 0)
    {
      func (user_data);
      return;
    }

  self->drain_func = func;
  self->drain_data = user_data;
}

void
belfry_dbus_service_set_collector (BelfryDBusService *self,
                                   BelfryCollector   *collector)
{
  g_set_object (&self->collector, collector);
}
