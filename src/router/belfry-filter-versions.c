/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-filter-versions-private.h"

static void
change_free (gpointer data)
{
  BelfryFilterChange *change = data;

  if (change->has_tag && change->tag_free != NULL)
    change->tag_free (change->tag);
  g_clear_pointer (&change->filter, belfry_filter_unref);
  g_free (change);
}

static void
push_change (BelfryFilterVersions *self,
             guint64               start,
             BelfryFilterChange   *change)
{
  const BelfryFilterChange *last = g_queue_peek_tail (&self->changes);

  g_assert (last == NULL || last->start <= start);

  if (last != NULL && self->n_starts >= BELFRY_MAX_PENDING_STARTS)
    start = last->start;
  if (last == NULL || last->start != start)
    self->n_starts++;

  change->start = start;
  g_queue_push_tail (&self->changes, change);
}

void
belfry_filter_versions_init (BelfryFilterVersions *self,
                             BelfryFilter         *filter)
{
  *self = (BelfryFilterVersions) {
    .filter = belfry_filter_ref (filter),
    .changes = G_QUEUE_INIT,
  };
}

void
belfry_filter_versions_clear (BelfryFilterVersions *self)
{
  g_queue_clear_full (&self->changes, change_free);
  self->n_starts = 0;
  g_clear_pointer (&self->filter, belfry_filter_unref);
}

void
belfry_filter_versions_add (BelfryFilterVersions *self,
                            guint64               start,
                            BelfryFilter         *filter)
{
  BelfryFilterChange *last = g_queue_peek_tail (&self->changes);
  BelfryFilterChange *change = NULL;

  /* Nothing lies between the two, and nobody waits to hear of the older one: it never was. */
  if (last != NULL && !last->has_tag
      && (last->start == start || self->n_starts >= BELFRY_MAX_PENDING_STARTS))
    {
      belfry_filter_unref (last->filter);
      last->filter = belfry_filter_ref (filter);
      return;
    }

  change = g_new0 (BelfryFilterChange, 1);
  change->filter = belfry_filter_ref (filter);
  push_change (self, start, change);
}

void
belfry_filter_versions_add_tagged (BelfryFilterVersions *self,
                                   guint64               start,
                                   BelfryFilter         *filter,
                                   gpointer              tag,
                                   GDestroyNotify        tag_free)
{
  BelfryFilterChange *change = g_new0 (BelfryFilterChange, 1);

  change->filter = belfry_filter_ref (filter);
  change->has_tag = TRUE;
  change->tag = tag;
  change->tag_free = tag_free;
  push_change (self, start, change);
}

BelfryFilter *
belfry_filter_versions_get_at (BelfryFilterVersions *self,
                               guint64               position,
                               guint64              *until)
{
  BelfryFilter *filter = self->filter;

  *until = G_MAXUINT64;
  for (GList *l = self->changes.head; l != NULL; l = l->next)
    {
      const BelfryFilterChange *change = l->data;

      if (change->start > position)
        {
          *until = change->start;
          break;
        }
      filter = change->filter;
    }
  return filter;
}

BelfryFilter *
belfry_filter_versions_get_newest (BelfryFilterVersions *self)
{
  const BelfryFilterChange *last = g_queue_peek_tail (&self->changes);

  return last != NULL ? last->filter : self->filter;
}

gpointer
belfry_filter_versions_take (BelfryFilterVersions *self)
{
  BelfryFilterChange *change = g_queue_pop_head (&self->changes);
  const BelfryFilterChange *following = g_queue_peek_head (&self->changes);
  gpointer tag = g_steal_pointer (&change->tag);

  if (following == NULL || following->start != change->start)
    self->n_starts--;

  belfry_filter_unref (self->filter);
  self->filter = g_steal_pointer (&change->filter);
  change->has_tag = FALSE;
  change_free (change);
  return tag;
}

BelfryFilterChange *
belfry_filter_versions_peek_due (BelfryFilterVersions *self,
                                 guint64               position)
{
  BelfryFilterChange *change = NULL;

  while ((change = g_queue_peek_head (&self->changes)) != NULL && change->start <= position)
    {
      if (change->has_tag)
        return change;
      belfry_filter_versions_take (self);
    }
  return NULL;
}

void
belfry_filter_versions_settle (BelfryFilterVersions *self)
{
  g_autoptr(BelfryFilter) newest = belfry_filter_ref (belfry_filter_versions_get_newest (self));

  belfry_filter_versions_clear (self);
  self->filter = g_steal_pointer (&newest);
}
