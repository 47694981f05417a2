/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "subscriber-fixture.h"

void
count_ready (BelfrySubscriber *subscriber,
             gpointer          user_data)
{
  Fixture *f = user_data;

  f->n_ready++;
}

void
set_up (Fixture       *f,
        gconstpointer  data)
{
  f->store = memory_store_new ();
  f->any = belfry_filter_new (NULL, NULL, NULL);
  f->router = belfry_router_new (BELFRY_EVENT_STORE (f->store));
}

void
tear_down (Fixture       *f,
           gconstpointer  data)
{
  if (f->subscriber != NULL)
    belfry_subscriber_cancel (f->subscriber);
  while (!g_queue_is_empty (&f->store->reads))
    memory_store_finish_read (f->store);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  if (f->subscriber != NULL)
    g_assert_finalize_object (g_steal_pointer (&f->subscriber));
  g_assert_finalize_object (g_steal_pointer (&f->router));
  g_assert_finalize_object (g_steal_pointer (&f->store));
  g_clear_pointer (&f->any, belfry_filter_unref);
}

void
subscribe (Fixture *f,
           gint64   position)
{
  BelfryCursor cursor = { .log_id = position > 0 ? MEMORY_LOG_ID : 0, .position = (guint64) position };
  g_autoptr(GError) error = NULL;

  f->subscriber = belfry_router_subscribe (f->router, f->any, position < 0 ? NULL : &cursor, &error);
  g_assert_no_error (error);
  belfry_subscriber_set_ready_func (f->subscriber, count_ready, f);
}

void
add (Fixture    *f,
     const char *event_type,
     guint       n_events)
{
  for (guint i = 0; i < n_events; i++)
    memory_store_add (f->store, memory_event_new (event_type, NULL, NULL, 100));
}

void
turn (void)
{
  for (guint i = 0; i < MOST_TURNS && g_main_context_iteration (NULL, FALSE); i++)
    ;
}

void
expect_event (Fixture *f,
              guint64  position)
{
  BelfryDelivery delivery;
  g_autoptr(BelfryEvent) event = NULL;

  g_assert_cmpint (belfry_subscriber_pop (f->subscriber, &delivery), ==, BELFRY_DELIVERY_EVENT);
  event = delivery.event;
  g_assert_cmpuint (belfry_event_get_position (event), ==, position);
}

/* The next delivery, with turns of the loop where it has to be read first. */
BelfryDeliveryKind
pop_soon (Fixture        *f,
          BelfryDelivery *delivery)
{
  for (guint i = 0; i < MOST_TURNS; i++)
    {
      if (belfry_subscriber_pop (f->subscriber, delivery) != BELFRY_DELIVERY_NONE)
        break;
      g_main_context_iteration (NULL, FALSE);
    }
  return delivery->kind;
}

void
expect_events (Fixture *f,
               guint64  first,
               guint64  last)
{
  for (guint64 position = first; position <= last; position++)
    {
      BelfryDelivery delivery;
      g_autoptr(BelfryEvent) event = NULL;

      g_assert_cmpint (pop_soon (f, &delivery), ==, BELFRY_DELIVERY_EVENT);
      event = delivery.event;
      g_assert_cmpuint (belfry_event_get_position (event), ==, position);
    }
}

void
expect_gap (Fixture *f,
            guint64  from,
            guint64  to,
            guint64  lost)
{
  BelfryDelivery delivery;

  g_assert_cmpint (belfry_subscriber_pop (f->subscriber, &delivery), ==, BELFRY_DELIVERY_GAP);
  g_assert_cmpuint (delivery.gap.from.log_id, ==, MEMORY_LOG_ID);
  g_assert_cmpuint (delivery.gap.from.position, ==, from);
  g_assert_cmpuint (delivery.gap.to.log_id, ==, MEMORY_LOG_ID);
  g_assert_cmpuint (delivery.gap.to.position, ==, to);
  g_assert_cmpuint (delivery.gap.lost, ==, lost);
}

void
expect_filter (Fixture    *f,
               const char *tag)
{
  BelfryDelivery delivery;
  g_autofree char *text = NULL;

  g_assert_cmpint (pop_soon (f, &delivery), ==, BELFRY_DELIVERY_FILTER);
  text = delivery.tag;
  g_assert_cmpstr (text, ==, tag);
}

void
expect_none (Fixture *f)
{
  BelfryDelivery delivery;

  g_assert_cmpint (belfry_subscriber_pop (f->subscriber, &delivery), ==, BELFRY_DELIVERY_NONE);
}

gboolean
is_live (Fixture *f)
{
  gboolean live = FALSE;

  g_object_get (f->subscriber, "is-live", &live, NULL);
  return live;
}

guint64
get_counter (gpointer    object,
             const char *name)
{
  guint64 value = 0;

  g_object_get (object, name, &value, NULL);
  return value;
}

guint64
get_cursor (Fixture *f)
{
  g_autoptr(BelfryCursor) cursor = belfry_subscriber_dup_cursor (f->subscriber);

  return cursor->position;
}

void
set_filter (Fixture    *f,
            const char *event_type,
            const char *tag)
{
  const char *types[] = { event_type, NULL };
  g_autoptr(BelfryFilter) filter = belfry_filter_new (types, NULL, NULL);

  if (tag != NULL)
    belfry_subscriber_set_filter_tagged (f->subscriber, filter, g_strdup (tag), g_free);
  else
    belfry_subscriber_set_filter (f->subscriber, filter);
}
