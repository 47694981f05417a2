/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "memory-store.h"

#include "belfry-error.h"

#define SOME_INSTANT_USEC G_GINT64_CONSTANT (1767225600000000)

typedef struct
{
  BelfryFilter *filter;
  guint64       after;
  guint64       through;
  guint         max_events;
  gsize         max_bytes;
} Read;

static void
read_free (Read *read)
{
  g_clear_pointer (&read->filter, belfry_filter_unref);
  g_free (read);
}

static void memory_store_iface_init (BelfryEventStoreInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (MemoryStore, memory_store, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (BELFRY_TYPE_EVENT_STORE, memory_store_iface_init))

static gboolean
should_fail (GTask *task,
             guint *n_to_fail)
{
  if (*n_to_fail == 0)
    return FALSE;

  (*n_to_fail)--;
  g_task_return_new_error (task, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "Storage unavailable");
  return TRUE;
}

static void
commit (MemoryStore *self,
        GPtrArray   *run)
{
  g_autofree BelfryEventPlace *places = g_new0 (BelfryEventPlace, run->len);

  for (guint i = 0; i < run->len; i++)
    {
      places[i].position = ++self->last_position;
      places[i].accepted_usec = SOME_INSTANT_USEC + (gint64) self->last_position;
      g_snprintf (places[i].id, sizeof places[i].id, "evt_%012" G_GINT64_MODIFIER "x", self->last_position);
      g_ptr_array_add (self->events, belfry_event_ref (g_ptr_array_index (run, i)));
    }
  belfry_event_seal_run ((BelfryEvent **) run->pdata, places, run->len);
  g_signal_emit_by_name (self, "committed", run);
}

static void
answer_append (MemoryStore *self,
               GTask       *task)
{
  if (should_fail (task, &self->n_appends_to_fail))
    return;

  commit (self, g_task_get_task_data (task));
  g_task_return_boolean (task, TRUE);
}

static void
append_async (BelfryEventStore    *store,
              GPtrArray           *events,
              GCancellable        *cancellable,
              GAsyncReadyCallback  callback,
              gpointer             user_data)
{
  MemoryStore *self = MEMORY_STORE (store);
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_task_data (task, g_ptr_array_ref (events), (GDestroyNotify) g_ptr_array_unref);
  self->n_appends++;
  if (should_fail (task, &self->n_appends_to_refuse))
    {
      g_object_unref (task);
      return;
    }

  g_queue_push_tail (&self->appends, task);
  if (!self->holds_appends)
    memory_store_finish_append (self);
}

static gboolean
boolean_finish (BelfryEventStore  *store,
                GAsyncResult      *result,
                GError           **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static BelfryLogPage *
read_page (MemoryStore *self,
           const Read  *read)
{
  BelfryLogPage *page = g_new0 (BelfryLogPage, 1);
  guint64 through = MIN (read->through, self->last_position);
  gsize bytes = 0;

  page->events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  page->floor = self->floor;
  page->next = MAX (through, read->after);
  for (guint i = 0; i < self->events->len; i++)
    {
      BelfryEvent *event = g_ptr_array_index (self->events, i);
      guint64 position = belfry_event_get_position (event);

      if (position <= read->after)
        continue;
      if (position > through)
        break;
      if (position < self->floor)
        {
          page->lost++;
          continue;
        }
      if (!belfry_filter_matches (read->filter, event))
        continue;

      if (page->events->len == read->max_events
          || (page->events->len > 0 && bytes + belfry_event_get_size (event) > read->max_bytes))
        {
          page->next = position - 1;
          break;
        }
      bytes += belfry_event_get_size (event);
      g_ptr_array_add (page->events, belfry_event_ref (event));
    }
  return page;
}

static void
read_async (BelfryEventStore    *store,
            BelfryFilter        *filter,
            guint64              after,
            guint64              through,
            guint                max_events,
            gsize                max_bytes,
            GCancellable        *cancellable,
            GAsyncReadyCallback  callback,
            gpointer             user_data)
{
  MemoryStore *self = MEMORY_STORE (store);
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  Read *read = g_new (Read, 1);

  g_assert (after < through);

  *read = (Read) {
    .filter = belfry_filter_ref (filter),
    .after = after,
    .through = through,
    .max_events = max_events,
    .max_bytes = max_bytes,
  };
  g_task_set_task_data (task, read, (GDestroyNotify) read_free);
  self->n_reads++;
  self->last_max_bytes = max_bytes;
  g_queue_push_tail (&self->reads, task);
  if (!self->holds_reads)
    memory_store_finish_read (self);
}

static BelfryLogPage *
read_finish (BelfryEventStore  *store,
             GAsyncResult      *result,
             GError           **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
delete_async (BelfryEventStore    *store,
              gint64               before_usec,
              GCancellable        *cancellable,
              GAsyncReadyCallback  callback,
              gpointer             user_data)
{
  MemoryStore *self = MEMORY_STORE (store);
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  self->n_deletes++;
  self->delete_before_usec = before_usec;
  g_queue_push_tail (&self->deletes, task);
  if (!self->holds_deletes)
    memory_store_finish_delete (self);
}

static gboolean
delete_finish (BelfryEventStore  *store,
               GAsyncResult      *result,
               guint64           *n_deleted,
               GError           **error)
{
  *n_deleted = 0;
  return g_task_propagate_boolean (G_TASK (result), error);
}

static guint64
get_log_id (BelfryEventStore *store)
{
  return MEMORY_LOG_ID;
}

static guint64
get_last_position (BelfryEventStore *store)
{
  return MEMORY_STORE (store)->last_position;
}

static guint64
get_floor (BelfryEventStore *store)
{
  return MEMORY_STORE (store)->floor;
}

static void
memory_store_iface_init (BelfryEventStoreInterface *iface)
{
  iface->append_async = append_async;
  iface->append_finish = boolean_finish;
  iface->read_async = read_async;
  iface->read_finish = read_finish;
  iface->delete_async = delete_async;
  iface->delete_finish = delete_finish;
  iface->get_log_id = get_log_id;
  iface->get_last_position = get_last_position;
  iface->get_floor = get_floor;
}

static void
memory_store_finalize (GObject *object)
{
  MemoryStore *self = MEMORY_STORE (object);

  g_ptr_array_unref (self->events);

  G_OBJECT_CLASS (memory_store_parent_class)->finalize (object);
}

static void
memory_store_class_init (MemoryStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = memory_store_finalize;
}

static void
memory_store_init (MemoryStore *self)
{
  self->events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  self->floor = 1;
  g_queue_init (&self->appends);
  g_queue_init (&self->reads);
  g_queue_init (&self->deletes);
}

MemoryStore *
memory_store_new (void)
{
  return g_object_new (MEMORY_TYPE_STORE, NULL);
}

void
memory_store_add_run (MemoryStore  *self,
                      BelfryEvent **events,
                      guint         n_events)
{
  g_autoptr(GPtrArray) run = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);

  for (guint i = 0; i < n_events; i++)
    g_ptr_array_add (run, events[i]);
  commit (self, run);
}

void
memory_store_add (MemoryStore *self,
                  BelfryEvent *event)
{
  memory_store_add_run (self, &event, 1);
}

void
memory_store_finish_append (MemoryStore *self)
{
  g_autoptr(GTask) task = g_queue_pop_head (&self->appends);

  answer_append (self, task);
}

void
memory_store_finish_read (MemoryStore *self)
{
  g_autoptr(GTask) task = g_queue_pop_head (&self->reads);

  if (!should_fail (task, &self->n_reads_to_fail))
    g_task_return_pointer (task, read_page (self, g_task_get_task_data (task)),
                           (GDestroyNotify) belfry_log_page_free);
}

void
memory_store_finish_delete (MemoryStore *self)
{
  g_autoptr(GTask) task = g_queue_pop_head (&self->deletes);

  if (!should_fail (task, &self->n_deletes_to_fail))
    g_task_return_boolean (task, TRUE);
}

void
memory_store_set_floor (MemoryStore *self,
                        guint64      floor)
{
  g_assert (floor >= self->floor && floor <= self->last_position + 1);
  self->floor = floor;
}

BelfryEvent *
memory_event_new (const char *event_type,
                  const char *session_id,
                  const char *user_id,
                  gsize       payload_size)
{
  g_autofree char *padding = g_strnfill (payload_size, 'x');
  g_autofree char *payload = g_strdup_printf ("{\"p\":\"%s\"}", padding);

  return belfry_event_new_trusted (&(BelfryEventFields) {
    .event_type = event_type != NULL ? event_type : "timer_tick",
    .event_type_length = -1,
    .source = "test",
    .source_length = -1,
    .session_id = session_id,
    .session_id_length = -1,
    .user_id = user_id,
    .user_id_length = -1,
    .payload = payload,
    .payload_length = -1,
  });
}
