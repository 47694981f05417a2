/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-pipeline.h"

#include "belfry-error.h"
#include "belfry-event-private.h"
#include "belfry-pipeline-fields-private.h"
#include "belfry-retention-private.h"
#include "belfry-turn-source-private.h"

/* What one append carries at most; a turn that brings more gives several. An append is all or
 * nothing, so that it should not be too large for what the store lets wait. */
#define MAX_BATCH_EVENTS 1024
#define MAX_BATCH_BYTES (4 * 1024 * 1024)

/* Before anything that sends: the log writes meanwhile. */
#define BATCH_PRIORITY (G_PRIORITY_HIGH - 1)

/* What a batch has room for at first. */
#define FEW_EVENTS 64

/**
 * BelfryPipeline:
 *
 * Validator, log and router in one hand: what a door needs to publish.
 *
 * The events that are published within one turn of the main loop are given to the log together; the
 * log answers when they are durable, and by then they are on their way to the subscribers of the
 * router. Answers come in the order of the publishes; only those that say that the log takes no more
 * may come before.
 *
 * With [property@Belfry.Pipeline:retention-usec] it also removes events from the log when they get
 * too old.
 *
 * A pipeline is used on the main context that was the thread's default when it was made. What was
 * published is answered even when the caller releases the pipeline before.
 *
 * Since: 0.1
 */
typedef enum
{
  PROP_VALIDATOR = 1,
  PROP_STORE,
  PROP_ROUTER,
  PROP_ACCEPTED,
  PROP_REJECTED,
  PROP_UNAVAILABLE,
  PROP_RETENTION_USEC,
  PROP_CONFLICTS,
} BelfryPipelineProperty;

static GParamSpec *properties[PROP_CONFLICTS + 1];

G_DEFINE_FINAL_TYPE (BelfryPipeline, belfry_pipeline, G_TYPE_OBJECT)

typedef struct
{
  BelfryPublishFunc func;
  gpointer          user_data;
} Answer;

/* Holds the pipeline from its first event to its last answer. */
typedef struct _Batch
{
  BelfryPipeline *pipeline;
  GPtrArray      *events;   /* of BelfryEvent */
  GArray         *answers;  /* of Answer, one for each event */
  gsize           bytes;
} Batch;

static Batch *
batch_new (BelfryPipeline *pipeline)
{
  Batch *batch = g_new0 (Batch, 1);

  batch->pipeline = g_object_ref (pipeline);
  batch->events = g_ptr_array_new_full (FEW_EVENTS, (GDestroyNotify) belfry_event_unref);
  batch->answers = g_array_sized_new (FALSE, FALSE, sizeof (Answer), FEW_EVENTS);
  return batch;
}

static void
batch_free (Batch *batch)
{
  g_ptr_array_unref (batch->events);
  g_array_unref (batch->answers);
  g_object_unref (batch->pipeline);
  g_free (batch);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Batch, batch_free)

static void
append_cb (GObject      *object,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr(Batch) batch = user_data;
  BelfryPipeline *self = batch->pipeline;
  g_autoptr(GError) error = NULL;

  if (belfry_event_store_append_finish (BELFRY_EVENT_STORE (object), result, &error))
    self->accepted += batch->events->len;
  else
    self->unavailable += batch->events->len;

  for (guint i = 0; i < batch->events->len; i++)
    {
      const Answer *answer = &g_array_index (batch->answers, Answer, i);

      if (answer->func != NULL)
        answer->func (g_ptr_array_index (batch->events, i), error, answer->user_data);
    }
}

BelfryDoorTally *
belfry_pipeline_get_door (BelfryPipeline *self,
                          BelfryDoor      door)
{
  return &self->doors[door];
}

void
belfry_pipeline_flush (BelfryPipeline *self)
{
  Batch *batch = g_steal_pointer (&self->batch);

  if (batch == NULL)
    return;

  belfry_event_store_append_async (self->store, batch->events, NULL, append_cb, batch);
}

static gboolean
batch_cb (gpointer user_data)
{
  belfry_pipeline_flush (BELFRY_PIPELINE (user_data));
  return G_SOURCE_CONTINUE;
}

static void
belfry_pipeline_get_property (GObject    *object,
                              guint       property_id,
                              GValue     *value,
                              GParamSpec *pspec)
{
  BelfryPipeline *self = BELFRY_PIPELINE (object);

  switch ((BelfryPipelineProperty) property_id)
    {
    case PROP_VALIDATOR:
      g_value_set_object (value, self->validator);
      break;
    case PROP_STORE:
      g_value_set_object (value, self->store);
      break;
    case PROP_ROUTER:
      g_value_set_object (value, self->router);
      break;
    case PROP_ACCEPTED:
      g_value_set_uint64 (value, self->accepted);
      break;
    case PROP_REJECTED:
      g_value_set_uint64 (value, self->rejected);
      break;
    case PROP_UNAVAILABLE:
      g_value_set_uint64 (value, self->unavailable);
      break;
    case PROP_RETENTION_USEC:
      g_value_set_int64 (value, belfry_retention_get_usec (self->retention));
      break;
    case PROP_CONFLICTS:
      g_value_set_uint64 (value, self->conflicts);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
      break;
    }
}

static void
belfry_pipeline_set_property (GObject      *object,
                              guint         property_id,
                              const GValue *value,
                              GParamSpec   *pspec)
{
  BelfryPipeline *self = BELFRY_PIPELINE (object);

  switch ((BelfryPipelineProperty) property_id)
    {
    case PROP_VALIDATOR:
      self->validator = g_value_dup_object (value);
      break;
    case PROP_STORE:
      self->store = g_value_dup_object (value);
      break;
    case PROP_ROUTER:
      self->router = g_value_dup_object (value);
      break;
    case PROP_RETENTION_USEC:
      if (belfry_retention_set_usec (self->retention, g_value_get_int64 (value)))
        g_object_notify_by_pspec (object, pspec);
      break;
    case PROP_ACCEPTED:
    case PROP_REJECTED:
    case PROP_UNAVAILABLE:
    case PROP_CONFLICTS:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
      break;
    }
}

/* The defaults of who names nothing but the log. */
static void
make_missing_parts (BelfryPipeline *self)
{
  if (self->store == NULL && self->router != NULL)
    self->store = g_object_ref (belfry_router_get_store (self->router));
  if (self->router == NULL && self->store != NULL)
    self->router = belfry_router_new (self->store);
  if (self->validator == NULL)
    {
      g_autoptr(BelfryEventTypeRegistry) registry = belfry_event_type_registry_new ();

      self->validator = belfry_event_validator_new (registry);
    }
}

static void
belfry_pipeline_constructed (GObject *object)
{
  BelfryPipeline *self = BELFRY_PIPELINE (object);

  G_OBJECT_CLASS (belfry_pipeline_parent_class)->constructed (object);

  make_missing_parts (self);
  g_return_if_fail (self->store != NULL);
  self->retention = belfry_retention_new (self->store, self->context);
}

static void
belfry_pipeline_dispose (GObject *object)
{
  BelfryPipeline *self = BELFRY_PIPELINE (object);

  /* Only somebody who disposes of us by force finds a batch here: it is answered all the same. */
  belfry_pipeline_flush (self);

  G_OBJECT_CLASS (belfry_pipeline_parent_class)->dispose (object);
}

static void
belfry_pipeline_finalize (GObject *object)
{
  BelfryPipeline *self = BELFRY_PIPELINE (object);

  belfry_turn_source_clear (&self->batch_source);
  g_clear_pointer (&self->receipts, g_hash_table_unref);
  g_clear_pointer (&self->retention, belfry_retention_stop);
  g_clear_object (&self->validator);
  g_clear_object (&self->router);
  g_clear_object (&self->store);
  g_clear_pointer (&self->context, g_main_context_unref);

  G_OBJECT_CLASS (belfry_pipeline_parent_class)->finalize (object);
}

static void
install_parts (void)
{
  /**
   * BelfryPipeline:validator:
   *
   * Makes events of what is published; one with the built-in types where none is given.
   *
   * Since: 0.1
   */
  properties[PROP_VALIDATOR] =
    g_param_spec_object ("validator", NULL, NULL, BELFRY_TYPE_EVENT_VALIDATOR,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryPipeline:store:
   *
   * The log that events are appended to; that of the router where none is given.
   *
   * Since: 0.1
   */
  properties[PROP_STORE] =
    g_param_spec_object ("store", NULL, NULL, BELFRY_TYPE_EVENT_STORE,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryPipeline:router:
   *
   * Brings the log's events to subscribers; a new one with the default bounds where none is given.
   *
   * Since: 0.1
   */
  properties[PROP_ROUTER] =
    g_param_spec_object ("router", NULL, NULL, BELFRY_TYPE_ROUTER,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
}

static void
install_counters (void)
{
  /**
   * BelfryPipeline:accepted:
   *
   * How many published events are durable. Changes without notification.
   *
   * Since: 0.1
   */
  properties[PROP_ACCEPTED] =
    g_param_spec_uint64 ("accepted", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryPipeline:rejected:
   *
   * How often something was published that is no valid event. Changes without notification.
   *
   * Since: 0.1
   */
  properties[PROP_REJECTED] =
    g_param_spec_uint64 ("rejected", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryPipeline:unavailable:
   *
   * How many valid events the log could not take. Changes without notification.
   *
   * Since: 0.1
   */
  properties[PROP_UNAVAILABLE] =
    g_param_spec_uint64 ("unavailable", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryPipeline:conflicts:
   *
   * How often something was to be published once while the same was on its way already. Changes
   * without notification.
   *
   * Since: 0.1
   */
  properties[PROP_CONFLICTS] =
    g_param_spec_uint64 ("conflicts", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
}

static void
belfry_pipeline_class_init (BelfryPipelineClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = belfry_pipeline_get_property;
  object_class->set_property = belfry_pipeline_set_property;
  object_class->constructed = belfry_pipeline_constructed;
  object_class->dispose = belfry_pipeline_dispose;
  object_class->finalize = belfry_pipeline_finalize;

  install_parts ();
  install_counters ();

  /**
   * BelfryPipeline:retention-usec:
   *
   * How old events may get before they are removed from the log, in µs; 0 keeps them. Looked after
   * soon after it was set, and then once a minute.
   *
   * Since: 0.1
   */
  properties[PROP_RETENTION_USEC] =
    g_param_spec_int64 ("retention-usec", NULL, NULL, 0, G_MAXINT64, 0,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
belfry_pipeline_init (BelfryPipeline *self)
{
  self->context = g_main_context_ref_thread_default ();
  self->batch_source = belfry_turn_source_new (self->context, "belfry publish", batch_cb, self);
  g_source_set_priority (self->batch_source, BATCH_PRIORITY);
}

BelfryRetention *
belfry_pipeline_peek_retention (BelfryPipeline *self)
{
  return self->retention;
}

void
belfry_pipeline_publish_event (BelfryPipeline    *self,
                               BelfryEvent       *event,
                               BelfryPublishFunc  func,
                               gpointer           user_data)
{
  Answer answer = { .func = func, .user_data = user_data };

  if (self->batch == NULL)
    {
      self->batch = batch_new (self);
      belfry_turn_source_arm (self->batch_source);
    }

  self->batch->bytes += belfry_event_get_size (event);
  g_ptr_array_add (self->batch->events, event);
  g_array_append_val (self->batch->answers, answer);

  if (self->batch->events->len >= MAX_BATCH_EVENTS || self->batch->bytes >= MAX_BATCH_BYTES)
    belfry_pipeline_flush (self);
}

BelfryEvent *
belfry_pipeline_parse_json (BelfryPipeline  *self,
                            const char      *json,
                            gssize           length,
                            GError         **error)
{
  BelfryEvent *event = belfry_event_validator_parse (self->validator, json, length, error);

  if (event == NULL)
    self->rejected++;

  return event;
}

gboolean
belfry_pipeline_publish_json (BelfryPipeline     *self,
                              const char         *json,
                              gssize              length,
                              BelfryPublishFunc   func,
                              gpointer            user_data,
                              GError            **error)
{
  BelfryEvent *event = belfry_pipeline_parse_json (self, json, length, error);

  if (event == NULL)
    return FALSE;

  belfry_pipeline_publish_event (self, event, func, user_data);
  return TRUE;
}

/**
 * belfry_pipeline_new:
 * @validator: makes events of what is published
 * @store: an open log
 * @router: a router of @store
 *
 * Makes a pipeline.
 *
 * Returns: (transfer full): a new pipeline
 *
 * Since: 0.1
 */
BelfryPipeline *
belfry_pipeline_new (BelfryEventValidator *validator,
                     BelfryEventStore     *store,
                     BelfryRouter         *router)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_VALIDATOR (validator), NULL);
  g_return_val_if_fail (BELFRY_IS_EVENT_STORE (store), NULL);
  g_return_val_if_fail (BELFRY_IS_ROUTER (router), NULL);

  return g_object_new (BELFRY_TYPE_PIPELINE,
                       "validator", validator,
                       "store", store,
                       "router", router,
                       NULL);
}

/**
 * belfry_pipeline_new_for_store:
 * @store: an open log
 *
 * Makes a pipeline with a validator and a router of its own: the built-in event types, and the
 * default bounds.
 *
 * Returns: (transfer full): a new pipeline
 *
 * Since: 0.1
 */
BelfryPipeline *
belfry_pipeline_new_for_store (BelfryEventStore *store)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_STORE (store), NULL);

  return g_object_new (BELFRY_TYPE_PIPELINE, "store", store, NULL);
}

/**
 * belfry_pipeline_get_validator: (get-property validator)
 * @self: a pipeline
 *
 * Gets what makes events of what is published.
 *
 * Returns: (transfer none): the validator
 *
 * Since: 0.1
 */
BelfryEventValidator *
belfry_pipeline_get_validator (BelfryPipeline *self)
{
  g_return_val_if_fail (BELFRY_IS_PIPELINE (self), NULL);

  return self->validator;
}

/**
 * belfry_pipeline_get_store: (get-property store)
 * @self: a pipeline
 *
 * Gets the log that events are appended to.
 *
 * Returns: (transfer none): the log
 *
 * Since: 0.1
 */
BelfryEventStore *
belfry_pipeline_get_store (BelfryPipeline *self)
{
  g_return_val_if_fail (BELFRY_IS_PIPELINE (self), NULL);

  return self->store;
}

/**
 * belfry_pipeline_get_router: (get-property router)
 * @self: a pipeline
 *
 * Gets the router that brings events to subscribers.
 *
 * Returns: (transfer none): the router
 *
 * Since: 0.1
 */
BelfryRouter *
belfry_pipeline_get_router (BelfryPipeline *self)
{
  g_return_val_if_fail (BELFRY_IS_PIPELINE (self), NULL);

  return self->router;
}

static void
publish_answer (BelfryEvent  *event,
                const GError *error,
                gpointer      user_data)
{
  g_autoptr(GTask) task = user_data;

  if (error != NULL)
    g_task_return_error (task, g_error_copy (error));
  else
    g_task_return_pointer (task, belfry_event_ref (event), (GDestroyNotify) belfry_event_unref);
}

/**
 * belfry_pipeline_publish_async:
 * @self: a pipeline
 * @json: the bytes of one JSON object, which need not end with NUL
 * @length: how many bytes, or -1 for text that ends with NUL
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async) (closure user_data): called when the event is durable, or refused
 * @user_data: data for @callback
 *
 * Makes an event of @json and appends it to the log. @json is not needed any more when this
 * returns. Cancelling before the event was given to the log refuses it; after that the true answer
 * is given, because the event stays.
 *
 * Since: 0.1
 */
void
belfry_pipeline_publish_async (BelfryPipeline      *self,
                               const char          *json,
                               gssize               length,
                               GCancellable        *cancellable,
                               GAsyncReadyCallback  callback,
                               gpointer             user_data)
{
  g_autoptr(GTask) task = NULL;
  g_autoptr(GError) error = NULL;

  g_return_if_fail (BELFRY_IS_PIPELINE (self));
  g_return_if_fail (json != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, belfry_pipeline_publish_async);
  if (g_task_return_error_if_cancelled (task))
    return;

  g_task_set_check_cancellable (task, FALSE);
  if (belfry_pipeline_publish_json (self, json, length, publish_answer, task, &error))
    g_steal_pointer (&task);
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

/**
 * belfry_pipeline_publish_finish:
 * @self: a pipeline
 * @result: what the callback was given
 * @error: return location for a [error@Belfry.Error]
 *
 * Finishes [method@Belfry.Pipeline.publish_async].
 *
 * Returns: (transfer full): the event as it was accepted: with id, position and timestamp, durable,
 *   and on its way to subscribers. Or %NULL with %BELFRY_ERROR_INVALID_JSON,
 *   %BELFRY_ERROR_INVALID_EVENT, %BELFRY_ERROR_UNAVAILABLE, or %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
BelfryEvent *
belfry_pipeline_publish_finish (BelfryPipeline  *self,
                                GAsyncResult    *result,
                                GError         **error)
{
  g_return_val_if_fail (BELFRY_IS_PIPELINE (self), NULL);
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
