/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-kafka-sink.h"

#include "belfry-kafka-producer-private.h"

/* So long the thread may take to end what is under way. */
#define STOP_USEC (2 * G_USEC_PER_SEC)

/* The home context's face of the thread that does the work. */
struct _BelfryKafkaSink
{
  GObject parent_instance;

  BelfryKafkaProducer *producer;  /* owned; NULL after dispose */
  GSource             *source;    /* owned; made ready by the producer */
  gint64               stop_usec;    /* when it is stopped at the latest; 0: nobody wants that yet */
  gboolean             was_stopped;  /* and told so */
};

typedef enum
{
  PROP_DELIVERED = 1,
  PROP_REFUSED,
  PROP_REFUSED_TOO_LARGE,
  PROP_REFUSED_INVALID,
  PROP_ERRORS,
  PROP_QUEUE_FULL,
  PROP_RESTARTS,
} BelfryKafkaSinkProperty;

static GParamSpec *properties[PROP_RESTARTS + 1];

static void belfry_kafka_sink_sink_init (BelfrySinkInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (BelfryKafkaSink, belfry_kafka_sink, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (BELFRY_TYPE_SINK, belfry_kafka_sink_sink_init))

static gboolean
dispatch (GSource     *source,
          GSourceFunc  callback,
          gpointer     user_data)
{
  return callback (user_data);
}

static GSourceFuncs source_funcs = { .dispatch = dispatch };

/* The thread may be held up where nobody can hurry it. */
static gboolean
has_stopped (BelfryKafkaSink *self)
{
  return self->producer != NULL && self->stop_usec != 0
         && (belfry_kafka_producer_has_ended (self->producer) || g_get_monotonic_time () >= self->stop_usec);
}

static gboolean
on_news (gpointer user_data)
{
  g_autoptr(BelfryKafkaSink) self = g_object_ref (user_data);

  g_source_set_ready_time (self->source, self->stop_usec != 0 && !self->was_stopped ? self->stop_usec : -1);
  belfry_sink_emit_reported (BELFRY_SINK (self));
  if (self->producer != NULL && belfry_kafka_producer_take_letters_sent (self->producer))
    belfry_sink_emit_letters_sent (BELFRY_SINK (self));
  if (!self->was_stopped && has_stopped (self))
    {
      self->was_stopped = TRUE;
      belfry_sink_emit_stopped (BELFRY_SINK (self));
    }

  return G_SOURCE_CONTINUE;
}

static void
belfry_kafka_sink_send (BelfrySink *sink,
                        GPtrArray  *events,
                        guint       first)
{
  belfry_kafka_producer_push (BELFRY_KAFKA_SINK (sink)->producer, events, first);
}

static void
belfry_kafka_sink_reset (BelfrySink *sink)
{
  belfry_kafka_producer_reset (BELFRY_KAFKA_SINK (sink)->producer);
}

static gboolean
belfry_kafka_sink_take_report (BelfrySink       *sink,
                               BelfrySinkReport *report)
{
  return belfry_kafka_producer_take_report (BELFRY_KAFKA_SINK (sink)->producer, report);
}

static void
belfry_kafka_sink_send_letters (BelfrySink *sink,
                                GPtrArray  *letters)
{
  belfry_kafka_producer_push_letters (BELFRY_KAFKA_SINK (sink)->producer, letters);
}

static const char *
belfry_kafka_sink_get_trouble (BelfrySink *sink)
{
  return belfry_kafka_trouble_describe (belfry_kafka_producer_get_trouble (BELFRY_KAFKA_SINK (sink)->producer));
}

static gboolean
belfry_kafka_sink_is_connected (BelfrySink *sink)
{
  return !belfry_kafka_trouble_is_distant (belfry_kafka_producer_get_trouble (BELFRY_KAFKA_SINK (sink)->producer));
}

static void
belfry_kafka_sink_stop (BelfrySink *sink)
{
  BelfryKafkaSink *self = BELFRY_KAFKA_SINK (sink);

  self->stop_usec = g_get_monotonic_time () + STOP_USEC;
  /* Before the thread may tell that it has ended. */
  g_source_set_ready_time (self->source, self->stop_usec);
  belfry_kafka_producer_stop (self->producer);
}

static void
belfry_kafka_sink_sink_init (BelfrySinkInterface *iface)
{
  iface->send = belfry_kafka_sink_send;
  iface->reset = belfry_kafka_sink_reset;
  iface->take_report = belfry_kafka_sink_take_report;
  iface->send_letters = belfry_kafka_sink_send_letters;
  iface->get_trouble = belfry_kafka_sink_get_trouble;
  iface->is_connected = belfry_kafka_sink_is_connected;
  iface->stop = belfry_kafka_sink_stop;
}

static void
belfry_kafka_sink_get_property (GObject    *object,
                                guint       property_id,
                                GValue     *value,
                                GParamSpec *pspec)
{
  BelfryKafkaSink *self = BELFRY_KAFKA_SINK (object);
  BelfryKafkaCounts counts = { 0 };

  if (self->producer != NULL)
    belfry_kafka_producer_get_counts (self->producer, &counts);

  switch ((BelfryKafkaSinkProperty) property_id)
    {
    case PROP_DELIVERED:
      g_value_set_uint64 (value, counts.delivered);
      break;
    case PROP_REFUSED:
      g_value_set_uint64 (value, counts.refused);
      break;
    case PROP_REFUSED_TOO_LARGE:
      g_value_set_uint64 (value, counts.too_large);
      break;
    case PROP_REFUSED_INVALID:
      g_value_set_uint64 (value, counts.invalid);
      break;
    case PROP_ERRORS:
      g_value_set_uint64 (value, counts.errors);
      break;
    case PROP_QUEUE_FULL:
      g_value_set_uint64 (value, counts.queue_full);
      break;
    case PROP_RESTARTS:
      g_value_set_uint64 (value, counts.restarts);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
      break;
    }
}

static void
belfry_kafka_sink_dispose (GObject *object)
{
  BelfryKafkaSink *self = BELFRY_KAFKA_SINK (object);

  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->producer, belfry_kafka_producer_free);
  g_clear_pointer (&self->source, g_source_unref);

  G_OBJECT_CLASS (belfry_kafka_sink_parent_class)->dispose (object);
}

static void
belfry_kafka_sink_class_init (BelfryKafkaSinkClass *klass)
{
  static const char * const names[] = {
    [PROP_DELIVERED] = "delivered", [PROP_REFUSED] = "refused", [PROP_REFUSED_TOO_LARGE] = "refused-message-too-large",
    [PROP_REFUSED_INVALID] = "refused-invalid-record", [PROP_ERRORS] = "errors", [PROP_QUEUE_FULL] = "queue-full",
    [PROP_RESTARTS] = "restarts",
  };
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = belfry_kafka_sink_dispose;
  object_class->get_property = belfry_kafka_sink_get_property;

  for (guint i = PROP_DELIVERED; i < G_N_ELEMENTS (names); i++)
    properties[i] = g_param_spec_uint64 (names[i], NULL, NULL, 0, G_MAXUINT64, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
belfry_kafka_sink_init (BelfryKafkaSink *self)
{
}

BelfryKafkaSink *
belfry_kafka_sink_new (const char  *servers,
                       const char  *topic,
                       const char  *letter_topic,
                       guint        partitions,
                       const char  *more,
                       GError     **error)
{
  BelfryKafkaConfig *config = belfry_kafka_config_new (servers, topic, letter_topic, partitions, more, error);
  BelfryKafkaSink *self;

  if (config == NULL)
    return NULL;

  self = g_object_new (BELFRY_TYPE_KAFKA_SINK, NULL);
  self->source = g_source_new (&source_funcs, sizeof (GSource));
  g_source_set_static_name (self->source, "BelfryKafkaSink");
  g_source_set_callback (self->source, on_news, self, NULL);
  g_source_attach (self->source, g_main_context_get_thread_default ());
  self->producer = belfry_kafka_producer_new (config, self->source);

  return self;
}

gboolean
belfry_kafka_sink_check (const char  *servers,
                         const char  *topic,
                         const char  *letter_topic,
                         const char  *more,
                         GError     **error)
{
  g_autoptr(BelfryKafkaConfig) config = belfry_kafka_config_new (servers, topic, letter_topic, 1, more, error);

  return config != NULL && belfry_kafka_config_check (config, error);
}
