/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-collector-sink.h"

#include <string.h>

#include <json-glib/json-glib.h>

#include "belfry-buffer-private.h"
#include "belfry-collector-message-private.h"
#include "belfry-collector-private.h"
#include "belfry-error.h"
#include "belfry-server-private.h"

#define DOOR "grpc"

/* How old what is told of the database may be. */
#define CHECK_AGE_USEC G_USEC_PER_SEC

/* What is damaged can still be written on, and mostly be read. */
typedef enum
{
  DATABASE_UNAVAILABLE,
  DATABASE_DAMAGED,
  DATABASE_OK,
} Database;

struct _BelfryCollectorSink
{
  GObject parent_instance;

  BelfryCollector *collector;   /* owned */
  BelfryServer    *server;      /* owned */
  GString         *text;        /* owned; room for the JSON of one event */
  GPtrArray       *components;  /* owned; what was told last */
  GPtrArray       *waiting;     /* owned; of GTask; those who want to know how the database is */
  gint64           checked_usec;  /* monotonic; 0: never */
  gboolean         is_checking;
  Database         database;
};

static void sink_init (BelfryGrpcSinkInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (BelfryCollectorSink, belfry_collector_sink, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (BELFRY_TYPE_GRPC_SINK, sink_init))

/* --- who may come in --- */

static gboolean
admit (BelfryGrpcSink          *sink,
       const BelfryGrpcCaller  *caller,
       GError                 **error)
{
  BelfryCollectorSink *self = BELFRY_COLLECTOR_SINK (sink);
  BelfryAdmission *admission = belfry_server_get_admission (self->server);
  gboolean is_collecting = caller->purpose == BELFRY_GRPC_COLLECT;
  BelfryAdmissionCaller question = {
    .key = caller->key,
    .bearer = caller->bearer,
    .peer = caller->peer,
    .is_guarded = is_collecting,
    .scopes = is_collecting ? BELFRY_SCOPE_COLLECT : BELFRY_SCOPE_QUERY | BELFRY_SCOPE_COLLECT,
    /* A stream is one call, however many pieces it comes in. */
    .rate_class = is_collecting && !caller->has_begun ? BELFRY_RATE_CLASS_COLLECT : BELFRY_RATE_CLASS_NONE,
  };

  switch (belfry_admission_judge_caller (admission, &question))
    {
    case BELFRY_VERDICT_UNAUTHORIZED:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "Invalid or missing API key");
      return FALSE;
    case BELFRY_VERDICT_FORBIDDEN:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "Insufficient scope");
      return FALSE;
    case BELFRY_VERDICT_ADMITTED:
    default:
      break;
    }
  if (belfry_admission_take_caller (admission, &question, g_get_monotonic_time ()))
    return TRUE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "Rate limit exceeded. Try again later.");
  return FALSE;
}

/* --- events --- */

/* Groups that are taken together, in one transaction. */
typedef struct
{
  BelfryCollectorBatch  *batch;   /* owned */
  BelfryGrpcGroup      **groups;  /* owned array */
  guint                  n_groups;
} Load;

static void
load_free (gpointer data)
{
  Load *load = data;

  belfry_collector_batch_free (load->batch);
  g_free (load->groups);
  g_free (load);
}

static void
refuse (BelfryCollectorBatch       *batch,
        const BelfryGrpcEvent      *event,
        const BelfryLearnerRefusal *refusal)
{
  g_autoptr(GBytes) original = g_bytes_new (event->original.data, event->original.size);

  belfry_collector_batch_refuse (batch, DOOR, refusal, BELFRY_COLLECTOR_MESSAGE_TYPE, original);
}

/* What the door could not read has its refusal already. */
static void
keep_refused (BelfryCollectorBatch  *batch,
              const BelfryGrpcEvent *event)
{
  const BelfryLearnerRefusal refusal = {
    .reason = event->refused_field[0] == '\0' ? BELFRY_LEARNER_REASON_NOT_AN_OBJECT
                                              : BELFRY_LEARNER_REASON_INVALID_FIELD,
    .field = event->refused_field,
    .message = (char *) event->refusal,
  };

  refuse (batch, event, &refusal);
}

static void
judge (BelfryCollectorSink  *self,
       BelfryCollectorBatch *batch,
       BelfryLearnerRules   *rules,
       BelfryGrpcGroup      *group,
       BelfryGrpcEvent      *event)
{
  BelfryLearnerRefusal refusal = { 0 };
  BelfryEvent *collected = NULL;
  BelfryJsonValue item;
  const char *end;

  if (event->refused_field != NULL)
    {
      keep_refused (batch, event);
      return;
    }

  if (belfry_collector_message_print (event, self->text, &refusal))
    collected = belfry_learner_event_parse (rules, self->text->str, self->text->len, &end, &item, &refusal);
  if (collected != NULL)
    {
      belfry_collector_batch_accept (batch, collected);
      return;
    }

  belfry_grpc_group_refuse (group, event, refusal.field, refusal.message);
  refuse (batch, event, &refusal);
  belfry_learner_refusal_clear (&refusal);
}

static void
tell_ids (const Load *load)
{
  guint n = 0;

  for (guint i = 0; i < load->n_groups; i++)
    for (guint j = 0; j < load->groups[i]->n_events; j++)
      {
        BelfryGrpcEvent *event = &load->groups[i]->events[j];

        if (event->refused_field == NULL)
          belfry_grpc_event_accept (event, belfry_event_get_id (g_ptr_array_index (load->batch->events, n++)));
      }
}

static void
delivered_cb (BelfryCollectorBatch *batch,
              const BelfryConsignment *delivery,
              const GError         *error,
              gpointer              user_data)
{
  g_autoptr(GTask) task = user_data;

  if (error != NULL)
    {
      g_task_return_new_error (task, error->domain, error->code, "Storage unavailable");
      return;
    }

  tell_ids (g_task_get_task_data (task));
  g_task_return_boolean (task, TRUE);
}

static void
collect_async (BelfryGrpcSink          *sink,
               BelfryGrpcGroup * const *groups,
               guint                    n_groups,
               GAsyncReadyCallback      callback,
               gpointer                 user_data)
{
  BelfryCollectorSink *self = BELFRY_COLLECTOR_SINK (sink);
  GTask *task = g_task_new (self, NULL, callback, user_data);
  Load *load = g_new0 (Load, 1);
  BelfryLearnerRules rules;

  load->batch = belfry_collector_batch_new (g_get_real_time ());
  load->groups = g_memdup2 (groups, n_groups * sizeof *groups);
  load->n_groups = n_groups;
  g_task_set_task_data (task, load, load_free);
  belfry_collector_get_rules (self->collector, load->batch, &rules);
  for (guint i = 0; i < n_groups; i++)
    {
      rules.batch_id = groups[i]->batch_id;
      for (guint j = 0; j < groups[i]->n_events; j++)
        judge (self, load->batch, &rules, groups[i], &groups[i]->events[j]);
    }

  belfry_collector_deliver (self->collector, BELFRY_COLLECTOR_DOOR_GRPC, load->batch, NULL, delivered_cb, task);
}

static gboolean
collect_finish (BelfryGrpcSink  *sink,
                GAsyncResult    *result,
                GError         **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- state --- */

static void
checked_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr(BelfryCollectorSink) self = user_data;
  g_autoptr(GPtrArray) waiting = g_steal_pointer (&self->waiting);
  g_autoptr(GError) error = NULL;

  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);
  if (belfry_event_store_check_finish (BELFRY_EVENT_STORE (source), result, &error))
    self->database = DATABASE_OK;
  else if (g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT))
    self->database = DATABASE_DAMAGED;
  else
    self->database = DATABASE_UNAVAILABLE;
  self->is_checking = FALSE;
  self->checked_usec = g_get_monotonic_time ();

  for (guint i = 0; i < waiting->len; i++)
    g_task_return_boolean (g_ptr_array_index (waiting, i), TRUE);
}

/* A look at the disk answers for everybody who asks soon after it: they are many, and need no key. */
static void
get_health_async (BelfryGrpcSink      *sink,
                  GAsyncReadyCallback  callback,
                  gpointer             user_data)
{
  BelfryCollectorSink *self = BELFRY_COLLECTOR_SINK (sink);
  BelfryPipeline *pipeline = belfry_collector_get_pipeline (self->collector);
  g_autoptr(GTask) task = g_task_new (self, NULL, callback, user_data);

  if (!self->is_checking && self->checked_usec != 0 && g_get_monotonic_time () - self->checked_usec < CHECK_AGE_USEC)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }

  g_ptr_array_add (self->waiting, g_steal_pointer (&task));
  if (self->is_checking)
    return;

  self->is_checking = TRUE;
  belfry_event_store_check_async (belfry_pipeline_get_store (pipeline), NULL, checked_cb, g_object_ref (self));
}

static void
add_component (JsonObject *object,
               const char *name,
               JsonNode   *node,
               gpointer    user_data)
{
  GPtrArray *components = user_data;

  g_ptr_array_add (components, g_strdup (name));
  g_ptr_array_add (components, g_strdup (json_node_get_string (node)));
}

/* FALSE when one of them is not well. */
static gboolean
list_components (BelfryCollectorSink *self)
{
  static const char * const states[] = { "unavailable", "damaged", "ok" };
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  g_autoptr(JsonNode) root = NULL;
  gboolean is_well;

  json_builder_begin_object (builder);
  is_well = belfry_rest_add_components (builder, self->server);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);

  g_ptr_array_set_size (self->components, 0);
  g_ptr_array_add (self->components, g_strdup ("database"));
  g_ptr_array_add (self->components, g_strdup (states[self->database]));
  json_object_foreach_member (json_node_get_object (root), add_component, self->components);
  g_ptr_array_add (self->components, NULL);
  return is_well;
}

static void
get_health_finish (BelfryGrpcSink   *sink,
                   GAsyncResult     *result,
                   BelfryGrpcHealth *health)
{
  static const char * const statuses[] = { "error", "degraded", "ok" };
  BelfryCollectorSink *self = BELFRY_COLLECTOR_SINK (sink);
  gboolean is_well = list_components (self);

  *health = (BelfryGrpcHealth) {
    .status = self->database == DATABASE_OK && !is_well ? "degraded" : statuses[self->database],
    .service = belfry_server_get_service_name (self->server),
    .version = BELFRY_VERSION,
    .uptime_seconds = (double) (g_get_monotonic_time () - belfry_server_get_started_usec (self->server))
                      / G_USEC_PER_SEC,
    .is_ready = self->database != DATABASE_UNAVAILABLE && !belfry_server_is_stopping (self->server),
    .components = (const char * const *) self->components->pdata,
  };
}

static void
sink_init (BelfryGrpcSinkInterface *iface)
{
  iface->admit = admit;
  iface->collect_async = collect_async;
  iface->collect_finish = collect_finish;
  iface->get_health_async = get_health_async;
  iface->get_health_finish = get_health_finish;
}

static void
belfry_collector_sink_finalize (GObject *object)
{
  BelfryCollectorSink *self = BELFRY_COLLECTOR_SINK (object);

  g_clear_object (&self->collector);
  g_clear_object (&self->server);
  g_clear_pointer (&self->components, g_ptr_array_unref);
  g_clear_pointer (&self->waiting, g_ptr_array_unref);
  g_string_free (self->text, TRUE);

  G_OBJECT_CLASS (belfry_collector_sink_parent_class)->finalize (object);
}

static void
belfry_collector_sink_class_init (BelfryCollectorSinkClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = belfry_collector_sink_finalize;
}

static void
belfry_collector_sink_init (BelfryCollectorSink *self)
{
  self->text = g_string_sized_new (1024);
  self->components = g_ptr_array_new_with_free_func (g_free);
  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);
}

BelfryGrpcSink *
belfry_collector_sink_new (BelfryCollector *collector,
                           BelfryServer    *server)
{
  BelfryCollectorSink *self = g_object_new (BELFRY_TYPE_COLLECTOR_SINK, NULL);

  self->collector = g_object_ref (collector);
  self->server = g_object_ref (server);
  belfry_collector_set_decoder (collector, BELFRY_COLLECTOR_MESSAGE_TYPE, belfry_collector_message_decode);
  return BELFRY_GRPC_SINK (self);
}
