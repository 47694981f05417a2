/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-collector-private.h"

#include "belfry-collector-resources.h"
#include "belfry-server-private.h"

#define DESCRIPTION "/org/belfry/collector/openapi.json"

/* Several doors, one judge: a door makes a batch of what it got, the rules say which of it is an event, and events and
 * letters of the rest go to the log in one transaction. So what a client is told was either stored with its reason, or
 * not at all. */

struct _BelfryCollector
{
  GObject parent_instance;

  BelfryPipeline *pipeline;         /* owned; construct-only */
  guint           max_batch_events;
  GString        *scratch;          /* owned; room for the text of one event */
  GHashTable     *decoders;         /* owned; content type -> BelfryCollectorDecodeFunc */

  guint64         accepted[BELFRY_COLLECTOR_N_DOORS];
  guint64         rejected[BELFRY_COLLECTOR_N_DOORS];
  guint64         batches[BELFRY_COLLECTOR_N_DOORS];
  guint64         unavailable;
  guint64         by_reason[BELFRY_LEARNER_N_REASONS];
};

typedef enum
{
  PROP_PIPELINE = 1,
  PROP_MAX_BATCH_EVENTS,
  PROP_HTTP_ACCEPTED,
  PROP_HTTP_REJECTED,
  PROP_HTTP_BATCHES,
  PROP_GRPC_ACCEPTED,
  PROP_GRPC_REJECTED,
  PROP_GRPC_BATCHES,
  PROP_UNAVAILABLE,
  /* In the order of BelfryLearnerReason, without the first. */
  PROP_REFUSED_NOT_AN_OBJECT,
  PROP_REFUSED_MISSING_FIELD,
  PROP_REFUSED_INVALID_FIELD,
  PROP_REFUSED_UNKNOWN_EVENT_TYPE,
  PROP_REFUSED_INVALID_TIMESTAMP,
  PROP_REFUSED_PAYLOAD_TOO_LARGE,
} BelfryCollectorProperty;

static GParamSpec *properties[PROP_REFUSED_PAYLOAD_TOO_LARGE + 1];

G_DEFINE_FINAL_TYPE (BelfryCollector, belfry_collector, G_TYPE_OBJECT)

static guint64
get_counter (BelfryCollector         *self,
             BelfryCollectorProperty  property)
{
  switch ((guint) property)
    {
    case PROP_HTTP_ACCEPTED:
      return self->accepted[BELFRY_COLLECTOR_DOOR_HTTP];
    case PROP_HTTP_REJECTED:
      return self->rejected[BELFRY_COLLECTOR_DOOR_HTTP];
    case PROP_HTTP_BATCHES:
      return self->batches[BELFRY_COLLECTOR_DOOR_HTTP];
    case PROP_GRPC_ACCEPTED:
      return self->accepted[BELFRY_COLLECTOR_DOOR_GRPC];
    case PROP_GRPC_REJECTED:
      return self->rejected[BELFRY_COLLECTOR_DOOR_GRPC];
    case PROP_GRPC_BATCHES:
      return self->batches[BELFRY_COLLECTOR_DOOR_GRPC];
    case PROP_UNAVAILABLE:
      return self->unavailable;
    default:
      return self->by_reason[BELFRY_LEARNER_REASON_NOT_AN_OBJECT + (property - PROP_REFUSED_NOT_AN_OBJECT)];
    }
}

static void
belfry_collector_get_property (GObject    *object,
                               guint       property_id,
                               GValue     *value,
                               GParamSpec *pspec)
{
  BelfryCollector *self = BELFRY_COLLECTOR (object);

  if (property_id == PROP_PIPELINE)
    g_value_set_object (value, self->pipeline);
  else if (property_id == PROP_MAX_BATCH_EVENTS)
    g_value_set_uint (value, self->max_batch_events);
  else if (property_id <= PROP_REFUSED_PAYLOAD_TOO_LARGE)
    g_value_set_uint64 (value, get_counter (self, (BelfryCollectorProperty) property_id));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
}

static void
belfry_collector_set_property (GObject      *object,
                               guint         property_id,
                               const GValue *value,
                               GParamSpec   *pspec)
{
  BelfryCollector *self = BELFRY_COLLECTOR (object);

  if (property_id == PROP_PIPELINE)
    self->pipeline = g_value_dup_object (value);
  else if (property_id == PROP_MAX_BATCH_EVENTS)
    self->max_batch_events = g_value_get_uint (value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
}

static void
belfry_collector_finalize (GObject *object)
{
  BelfryCollector *self = BELFRY_COLLECTOR (object);

  g_clear_object (&self->pipeline);
  g_clear_pointer (&self->decoders, g_hash_table_unref);
  g_string_free (self->scratch, TRUE);

  G_OBJECT_CLASS (belfry_collector_parent_class)->finalize (object);
}

static void
install_counters (void)
{
  static const struct
  {
    BelfryCollectorProperty  property;
    const char              *name;
  } counters[] = {
    { PROP_HTTP_ACCEPTED, "http-accepted" },
    { PROP_HTTP_REJECTED, "http-rejected" },
    { PROP_HTTP_BATCHES, "http-batches" },
    { PROP_GRPC_ACCEPTED, "grpc-accepted" },
    { PROP_GRPC_REJECTED, "grpc-rejected" },
    { PROP_GRPC_BATCHES, "grpc-batches" },
    { PROP_UNAVAILABLE, "unavailable" },
    { PROP_REFUSED_NOT_AN_OBJECT, "refused-not-an-object" },
    { PROP_REFUSED_MISSING_FIELD, "refused-missing-field" },
    { PROP_REFUSED_INVALID_FIELD, "refused-invalid-field" },
    { PROP_REFUSED_UNKNOWN_EVENT_TYPE, "refused-unknown-event-type" },
    { PROP_REFUSED_INVALID_TIMESTAMP, "refused-invalid-timestamp" },
    { PROP_REFUSED_PAYLOAD_TOO_LARGE, "refused-payload-too-large" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (counters); i++)
    properties[counters[i].property] =
      g_param_spec_uint64 (counters[i].name, NULL, NULL, 0, G_MAXUINT64, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
}

static void
belfry_collector_class_init (BelfryCollectorClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = belfry_collector_get_property;
  object_class->set_property = belfry_collector_set_property;
  object_class->finalize = belfry_collector_finalize;

  properties[PROP_PIPELINE] =
    g_param_spec_object ("pipeline", NULL, NULL, BELFRY_TYPE_PIPELINE,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  /* Of one request. */
  properties[PROP_MAX_BATCH_EVENTS] =
    g_param_spec_uint ("max-batch-events", NULL, NULL, 1, 1000000, 100,
                       G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS);
  install_counters ();
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
belfry_collector_init (BelfryCollector *self)
{
  self->scratch = g_string_sized_new (512);
  self->decoders = g_hash_table_new (g_str_hash, g_str_equal);
}

BelfryCollector *
belfry_collector_new (BelfryPipeline *pipeline)
{
  return g_object_new (BELFRY_TYPE_COLLECTOR, "pipeline", pipeline, NULL);
}

BelfryPipeline *
belfry_collector_get_pipeline (BelfryCollector *self)
{
  return self->pipeline;
}

static void
describe (BelfryCollector *self,
          BelfryServer    *server)
{
  g_autoptr(GBytes) piece = g_resource_lookup_data (belfry_collector_resources_get_resource (), DESCRIPTION,
                                                    G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
  g_autoptr(GString) text = g_string_new_len (g_bytes_get_data (piece, NULL), (gssize) g_bytes_get_size (piece));
  g_autofree char *max_events = g_strdup_printf ("%u", self->max_batch_events);

  g_string_replace (text, "\"@max-batch-events@\"", max_events, 0);
  g_string_replace (text, "@max-batch-events@", max_events, 0);
  belfry_server_add_description (server, text->str);
}

void
belfry_collector_add_routes (BelfryCollector *self,
                             BelfryServer    *server)
{
  describe (self, server);
  belfry_collector_door_add_routes (self, server);
  belfry_collector_letter_door_add_routes (self, server);
}

guint
belfry_collector_get_max_batch_events (BelfryCollector *self)
{
  return self->max_batch_events;
}

void
belfry_collector_get_rules (BelfryCollector            *self,
                            const BelfryCollectorBatch *batch,
                            BelfryLearnerRules         *rules)
{
  BelfryEventValidator *validator = belfry_pipeline_get_validator (self->pipeline);

  *rules = (BelfryLearnerRules) {
    .registry = belfry_event_validator_get_registry (validator),
    .now_usec = batch->received_usec,
    .batch_id = batch->batch_id,
    .scratch = self->scratch,
  };
  g_object_get (validator, "max-payload-keys", &rules->max_payload_keys, "max-payload-bytes", &rules->max_payload_bytes,
                NULL);
}

/* --- delivery --- */

typedef struct
{
  BelfryCollector      *collector;  /* owned */
  BelfryCollectorDoor   door;
  BelfryCollectorBatch *batch;      /* the door's */
  BelfryCollectFunc     func;
  gpointer              user_data;
} Transport;

static gboolean
was_stored (const BelfryConsignment *delivery)
{
  return delivery->receipt == NULL || delivery->receipt->outcome == BELFRY_RECEIPT_STORED
         || delivery->receipt->outcome == BELFRY_RECEIPT_UNKNOWN;
}

static void
delivered_cb (const BelfryConsignment *delivery,
              const GError         *error,
              gpointer              user_data)
{
  g_autofree Transport *transport = user_data;
  g_autoptr(BelfryCollector) self = transport->collector;
  BelfryCollectorBatch *batch = transport->batch;

  if (error != NULL)
    {
      self->unavailable += batch->events->len;
    }
  else if (was_stored (delivery))
    {
      self->accepted[transport->door] += batch->events->len;
      self->rejected[transport->door] += batch->letters->len;
      for (guint i = 0; i < BELFRY_LEARNER_N_REASONS; i++)
        self->by_reason[i] += batch->n_by_reason[i];
    }
  transport->func (batch, delivery, error, transport->user_data);
}

gboolean
belfry_collector_deliver (BelfryCollector      *self,
                          BelfryCollectorDoor   door,
                          BelfryCollectorBatch *batch,
                          BelfryReceipt        *receipt,
                          BelfryCollectFunc     func,
                          gpointer              user_data)
{
  const BelfryConsignment delivery = {
    .events = batch->events,
    .letters = batch->letters->len > 0 ? batch->letters : NULL,
    .receipt = receipt,
  };
  g_autofree Transport *transport = g_new (Transport, 1);

  *transport = (Transport) { self, door, batch, func, user_data };
  if (!belfry_pipeline_deliver (self->pipeline, &delivery, delivered_cb, transport))
    return FALSE;

  g_object_ref (self);
  self->batches[door]++;
  g_steal_pointer (&transport);
  return TRUE;
}

/* --- letters of other content types --- */

void
belfry_collector_set_decoder (BelfryCollector           *self,
                              const char                *content_type,
                              BelfryCollectorDecodeFunc  func)
{
  g_hash_table_insert (self->decoders, (gpointer) g_intern_string (content_type), (gpointer) func);
}

GBytes *
belfry_collector_decode (BelfryCollector        *self,
                         const BelfryDeadLetter *letter)
{
  BelfryCollectorDecodeFunc func = (BelfryCollectorDecodeFunc) g_hash_table_lookup (self->decoders, letter->content_type);

  return func != NULL ? func (letter->body) : g_bytes_ref (letter->body);
}
