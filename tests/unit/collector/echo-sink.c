/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "echo-sink.h"

#include <json-glib/json-glib.h>
#include <string.h>

#define MAX_KEPT 1000

static void sink_init (BelfryGrpcSinkInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (EchoSink, echo_sink, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE (BELFRY_TYPE_GRPC_SINK, sink_init))

typedef struct
{
  BelfryGrpcGroup **groups;
  guint             n_groups;
} Load;

static void
load_free (gpointer data)
{
  Load *load = data;

  g_free (load->groups);
  g_free (load);
}

static gboolean
admit (BelfryGrpcSink          *sink,
       const BelfryGrpcCaller  *caller,
       GError                 **error)
{
  EchoSink *self = ECHO_SINK (sink);

  g_assert (g_str_has_prefix (caller->peer, "ipv"));
  if (self->key == NULL || (caller->purpose == BELFRY_GRPC_REFLECT && !self->is_reflection_guarded))
    return TRUE;
  if (g_strcmp0 (caller->key, self->key) == 0 || g_strcmp0 (caller->bearer, self->key) == 0)
    return TRUE;

  if (g_strcmp0 (caller->key, "reader") == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "The key may not do this");
  else if (g_strcmp0 (caller->key, "hasty") == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, "Too many requests");
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "Invalid or missing API key");
  return FALSE;
}

static void
add_text (JsonBuilder    *builder,
          const char     *name,
          BelfryGrpcText  text)
{
  g_autofree char *string = g_strndup (text.data, text.size);

  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, string);
}

static void
add_entries (JsonBuilder           *builder,
             const char            *name,
             const BelfryGrpcEntry *entries,
             gsize                  n_entries)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_object (builder);
  for (gsize i = 0; i < n_entries; i++)
    {
      g_autofree char *key = g_strndup (entries[i].key.data, entries[i].key.size);

      add_text (builder, key, entries[i].value);
    }
  json_builder_end_object (builder);
}

static void
keep (EchoSink              *self,
      const BelfryGrpcGroup *group,
      const BelfryGrpcEvent *event)
{
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  g_autoptr(JsonNode) root = NULL;

  json_builder_begin_object (builder);
  add_text (builder, "learner_id", event->learner_id);
  add_text (builder, "course_id", event->course_id);
  add_text (builder, "lesson_id", event->lesson_id);
  add_text (builder, "event_type", event->event_type);
  add_entries (builder, "event_data", event->event_data, event->n_event_data);
  add_text (builder, "timestamp", event->timestamp);
  add_text (builder, "session_id", event->session_id);
  add_entries (builder, "metadata", event->metadata, event->n_metadata);
  add_text (builder, "event_data_json", event->event_data_json);
  json_builder_set_member_name (builder, "original");
  json_builder_add_int_value (builder, event->original.size);
  json_builder_set_member_name (builder, "batch_id");
  json_builder_add_string_value (builder, group->batch_id);
  json_builder_set_member_name (builder, "refused_field");
  json_builder_add_string_value (builder, event->refused_field);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  if (self->kept->len == MAX_KEPT)
    g_ptr_array_remove_index (self->kept, 0);
  g_ptr_array_add (self->kept, json_to_string (root, FALSE));
}

static const char *
find_missing (const BelfryGrpcEvent *event)
{
  const struct
  {
    const char     *name;
    BelfryGrpcText  text;
  } required[] = {
    { "learner_id", event->learner_id },
    { "course_id", event->course_id },
    { "lesson_id", event->lesson_id },
    { "event_type", event->event_type },
    { "timestamp", event->timestamp },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (required); i++)
    if (required[i].text.size == 0)
      return required[i].name;
  return NULL;
}

static void
judge (EchoSink        *self,
       BelfryGrpcGroup *group,
       BelfryGrpcEvent *event)
{
  const char *missing = find_missing (event);

  if (event->refused_field != NULL)
    {
      self->n_refused++;
    }
  else if (missing != NULL)
    {
      belfry_grpc_group_refuse (group, event, missing, "Field required");
      self->n_refused++;
    }
  else if (event->event_type.size == strlen ("unknown") && memcmp (event->event_type.data, "unknown", event->event_type.size) == 0)
    {
      belfry_grpc_group_refuse (group, event, "event_type", "Unknown event type");
      self->n_refused++;
    }
  else
    {
      char id[24];

      g_snprintf (id, sizeof id, "evt_%012" G_GINT64_MODIFIER "x", ++self->n_events);
      belfry_grpc_event_accept (event, id);
    }
  if (self->is_keeping)
    keep (self, group, event);
}

static void
complete (EchoSink *self,
          GTask    *task)
{
  Load *load = g_task_get_task_data (task);

  for (guint i = 0; i < load->n_groups; i++)
    for (guint j = 0; j < load->groups[i]->n_events && !self->is_failing; j++)
      judge (self, load->groups[i], &load->groups[i]->events[j]);
  if (self->is_failing)
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "The buffer is full");
  else
    g_task_return_boolean (task, TRUE);
}

static void
collect_async (BelfryGrpcSink          *sink,
               BelfryGrpcGroup * const *groups,
               guint                    n_groups,
               GAsyncReadyCallback      callback,
               gpointer                 user_data)
{
  EchoSink *self = ECHO_SINK (sink);
  g_autoptr(GTask) task = g_task_new (self, NULL, callback, user_data);
  Load *load = g_new (Load, 1);
  guint n_events = 0;

  *load = (Load) { g_memdup2 (groups, n_groups * sizeof *groups), n_groups };
  g_task_set_task_data (task, load, load_free);
  for (guint i = 0; i < n_groups; i++)
    n_events += groups[i]->n_events;
  self->n_hand_overs++;
  self->n_groups += n_groups;
  self->most_events = MAX (self->most_events, n_events);
  if (self->is_holding)
    g_queue_push_tail (&self->held, g_steal_pointer (&task));
  else
    complete (self, task);
}

static gboolean
collect_finish (BelfryGrpcSink  *sink,
                GAsyncResult    *result,
                GError         **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
get_health_async (BelfryGrpcSink      *sink,
                  GAsyncReadyCallback  callback,
                  gpointer             user_data)
{
  g_autoptr(GTask) task = g_task_new (sink, NULL, callback, user_data);

  g_task_return_boolean (task, TRUE);
}

static void
get_health_finish (BelfryGrpcSink   *sink,
                   GAsyncResult     *result,
                   BelfryGrpcHealth *health)
{
  static const char * const components[] = { "database", "ok", "kafka", "disabled", NULL };
  EchoSink *self = ECHO_SINK (sink);

  *health = (BelfryGrpcHealth) {
    .status = self->is_failing ? "error" : "ok",
    .service = "echo",
    .version = "1.2.3",
    .uptime_seconds = 12.5,
    .is_ready = !self->is_failing,
    .components = components,
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
echo_sink_finalize (GObject *object)
{
  EchoSink *self = ECHO_SINK (object);

  g_assert (self->held.length == 0);
  g_ptr_array_unref (self->kept);
  g_free (self->key);
  G_OBJECT_CLASS (echo_sink_parent_class)->finalize (object);
}

static void
echo_sink_class_init (EchoSinkClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = echo_sink_finalize;
}

static void
echo_sink_init (EchoSink *self)
{
  self->kept = g_ptr_array_new_with_free_func (g_free);
}

EchoSink *
echo_sink_new (void)
{
  return g_object_new (TYPE_ECHO_SINK, NULL);
}

void
echo_sink_release (EchoSink *self)
{
  GTask *task;

  self->is_holding = FALSE;
  while ((task = g_queue_pop_head (&self->held)) != NULL)
    {
      complete (self, task);
      g_object_unref (task);
    }
}
