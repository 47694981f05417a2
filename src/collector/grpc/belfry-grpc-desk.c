/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-desk-private.h"

/* The works that the sink was given at once. The queue cannot end before they are back. */
typedef struct
{
  BelfryGrpcQueue *queue;  /* borrowed */
  GQueue           works;
} Load;

static grpc_status_code
find_status (const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    return GRPC_STATUS_UNAUTHENTICATED;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
    return GRPC_STATUS_PERMISSION_DENIED;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BUSY))
    return GRPC_STATUS_RESOURCE_EXHAUSTED;
  return GRPC_STATUS_UNAVAILABLE;
}

static gboolean
is_admitted (BelfryGrpcSink *sink,
             BelfryGrpcWork *work)
{
  g_autoptr(GError) error = NULL;

  if (!work->needs_leave || belfry_grpc_sink_admit (sink, work->group.caller, &error))
    return TRUE;

  belfry_grpc_work_refuse (work, find_status (error), error->message);
  return FALSE;
}

/* An event without a verdict would look accepted. */
static void
check_verdicts (BelfryGrpcGroup *group)
{
  for (guint i = 0; i < group->n_events && group->failure == NULL; i++)
    if (group->events[i].refused_field == NULL && group->events[i].id[0] == '\0')
      {
        g_critical ("A gRPC sink has completed without a verdict on each event");
        belfry_grpc_group_fail (group, "Internal error");
      }
}

static void
on_collected (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  Load *load = user_data;
  g_autoptr(GError) error = NULL;
  gboolean is_ok = belfry_grpc_sink_collect_finish (BELFRY_GRPC_SINK (source), result, &error);

  for (GList *l = load->works.head; l != NULL; l = l->next)
    {
      BelfryGrpcWork *work = l->data;

      if (is_ok)
        check_verdicts (&work->group);
      else
        belfry_grpc_group_fail (&work->group, error->message);
    }
  belfry_grpc_queue_return (load->queue, &load->works);
  g_free (load);
}

static Load *
load_new (BelfryGrpcQueue *queue,
          GQueue          *works)
{
  Load *load = g_new (Load, 1);

  *load = (Load) { queue, *works };
  g_queue_init (works);
  return load;
}

static void
collect (BelfryGrpcSink  *sink,
         BelfryGrpcQueue *queue,
         GQueue          *works)
{
  g_autofree BelfryGrpcGroup **groups = g_new (BelfryGrpcGroup *, works->length);
  guint n_groups = 0;

  for (GList *l = works->head; l != NULL; l = l->next)
    groups[n_groups++] = &((BelfryGrpcWork *) l->data)->group;
  belfry_grpc_sink_collect_async (sink, groups, n_groups, on_collected, load_new (queue, works));
}

static void
on_health (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Load *load = user_data;
  BelfryGrpcHealth health;

  belfry_grpc_sink_get_health_finish (BELFRY_GRPC_SINK (source), result, &health);
  for (GList *l = load->works.head; l != NULL; l = l->next)
    belfry_grpc_work_keep (l->data, &health);
  belfry_grpc_queue_return (load->queue, &load->works);
  g_free (load);
}

void
belfry_grpc_desk_take (BelfryGrpcSink  *sink,
                       BelfryGrpcQueue *queue,
                       GQueue          *works)
{
  GQueue answered = G_QUEUE_INIT;
  GQueue collected = G_QUEUE_INIT;
  GQueue asking = G_QUEUE_INIT;
  GList *link;

  while ((link = g_queue_pop_head_link (works)) != NULL)
    {
      BelfryGrpcWork *work = link->data;

      if (!is_admitted (sink, work) || work->status != GRPC_STATUS_OK)
        g_queue_push_tail_link (&answered, link);
      else if (work->wants_health)
        g_queue_push_tail_link (&asking, link);
      else
        g_queue_push_tail_link (work->group.n_events > 0 ? &collected : &answered, link);
    }

  if (answered.length > 0)
    belfry_grpc_queue_return (queue, &answered);
  if (collected.length > 0)
    collect (sink, queue, &collected);
  if (asking.length > 0)
    belfry_grpc_sink_get_health_async (sink, on_health, load_new (queue, &asking));
}
