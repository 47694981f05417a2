/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-router.h"

#include "belfry-error.h"
#include "belfry-router-private.h"

/**
 * BelfryRouter:
 *
 * Brings events from the log to subscribers.
 *
 * A router listens to [signal@Belfry.EventStore::committed] of its [property@Belfry.Router:store]
 * and gives each event to the subscribers whose filter it matches, which it finds through an index:
 * subscribers of other sessions, users and types cost an event nothing. It keeps the newest events
 * in a ring, bounded by [property@Belfry.Router:max-queue-size] and
 * [property@Belfry.Router:ring-max-bytes]; subscribers that are further behind are served from the
 * log until they have caught up.
 *
 * A router is made after its store was opened, and used on the main context that is the thread's
 * default then. With its last reference all its subscribers are cancelled.
 *
 * Since: 0.1
 */
struct _BelfryRouter
{
  GObject parent_instance;

  BelfryEventStore *store;
  BelfryFeedHub     hub;
  GHashTable       *subscribers;  /* id, owned by the value, to owned BelfrySubscriber */

  guint   max_queue_size;  /* events */
  guint64 ring_max_bytes;
  guint   max_subscribers;
};

typedef enum
{
  PROP_STORE = 1,
  PROP_MAX_QUEUE_SIZE,
  PROP_RING_MAX_BYTES,
  PROP_MAX_SUBSCRIBERS,
  PROP_MAILBOX_MAX_BYTES,
  PROP_CATCH_UP_MAX_BYTES,
  PROP_ACTIVE_SUBSCRIBERS,
  PROP_QUEUE_SIZE,
  PROP_QUEUE_BYTES,
  PROP_CATCH_UP_BYTES,
  PROP_DELIVERIES,
  PROP_GAPS,
  PROP_FALLBACKS,
  PROP_READ_FAILURES,
} BelfryRouterProperty;

static GParamSpec *properties[PROP_READ_FAILURES + 1];

enum
{
  SIGNAL_SUBSCRIBED,
  SIGNAL_UNSUBSCRIBED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (BelfryRouter, belfry_router, G_TYPE_OBJECT)

static void
on_committed (BelfryEventStore *store,
              GPtrArray        *events,
              gpointer          user_data)
{
  BelfryRouter *self = BELFRY_ROUTER (user_data);

  belfry_feed_hub_route (&self->hub, events);
}

static void
apply_ring_bounds (BelfryRouter *self)
{
  belfry_ring_set_bounds (&self->hub.ring, self->max_queue_size,
                          (gsize) MIN (self->ring_max_bytes, G_MAXSIZE));
}

static char *
make_id (BelfryRouter *self)
{
  for (;;)
    {
      g_autofree char *id = g_strdup_printf ("sub_%08x", g_random_int ());

      if (!g_hash_table_contains (self->subscribers, id))
        return g_steal_pointer (&id);
    }
}

static gboolean
find_start (BelfryRouter        *self,
            const BelfryCursor  *resume_from,
            guint64             *position,
            GError             **error)
{
  guint64 floor = belfry_event_store_get_floor (self->store);

  *position = self->hub.newest;
  if (resume_from == NULL)
    return TRUE;

  /* Whoever asks for the beginning means what there is; nothing of it is missing. */
  if (resume_from->log_id == 0 && resume_from->position == 0)
    {
      *position = floor > 1 ? MIN (floor - 1, self->hub.newest) : 0;
      return TRUE;
    }
  if (resume_from->log_id != belfry_event_store_get_log_id (self->store)
      || resume_from->position > self->hub.newest)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_UNKNOWN_CURSOR, "Unknown cursor");
      return FALSE;
    }

  *position = resume_from->position;
  return TRUE;
}

static gint
compare_age (gconstpointer a,
             gconstpointer b)
{
  gint64 created_a = belfry_subscriber_get_created_usec (*(BelfrySubscriber **) a);
  gint64 created_b = belfry_subscriber_get_created_usec (*(BelfrySubscriber **) b);

  return created_a < created_b ? -1 : created_a > created_b;
}

static void
belfry_router_get_property (GObject    *object,
                            guint       property_id,
                            GValue     *value,
                            GParamSpec *pspec)
{
  BelfryRouter *self = BELFRY_ROUTER (object);

  switch ((BelfryRouterProperty) property_id)
    {
    case PROP_STORE:
      g_value_set_object (value, self->store);
      break;
    case PROP_MAX_QUEUE_SIZE:
      g_value_set_uint (value, self->max_queue_size);
      break;
    case PROP_RING_MAX_BYTES:
      g_value_set_uint64 (value, self->ring_max_bytes);
      break;
    case PROP_MAX_SUBSCRIBERS:
      g_value_set_uint (value, self->max_subscribers);
      break;
    case PROP_MAILBOX_MAX_BYTES:
      g_value_set_uint64 (value, self->hub.mailbox_max_bytes);
      break;
    case PROP_CATCH_UP_MAX_BYTES:
      g_value_set_uint64 (value, self->hub.pages_max_bytes);
      break;
    case PROP_ACTIVE_SUBSCRIBERS:
      g_value_set_uint (value, g_hash_table_size (self->subscribers));
      break;
    case PROP_QUEUE_SIZE:
      g_value_set_uint (value, belfry_ring_get_length (&self->hub.ring));
      break;
    case PROP_QUEUE_BYTES:
      g_value_set_uint64 (value, self->hub.ring.bytes);
      break;
    case PROP_CATCH_UP_BYTES:
      g_value_set_uint64 (value, self->hub.page_bytes);
      break;
    case PROP_DELIVERIES:
      g_value_set_uint64 (value, self->hub.deliveries);
      break;
    case PROP_GAPS:
      g_value_set_uint64 (value, self->hub.gaps);
      break;
    case PROP_FALLBACKS:
      g_value_set_uint64 (value, self->hub.fallbacks);
      break;
    case PROP_READ_FAILURES:
      g_value_set_uint64 (value, self->hub.read_failures);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
      break;
    }
}

static void
belfry_router_set_property (GObject      *object,
                            guint         property_id,
                            const GValue *value,
                            GParamSpec   *pspec)
{
  BelfryRouter *self = BELFRY_ROUTER (object);

  switch ((BelfryRouterProperty) property_id)
    {
    case PROP_STORE:
      self->store = g_value_dup_object (value);
      break;
    case PROP_MAX_QUEUE_SIZE:
      if (self->max_queue_size == g_value_get_uint (value))
        return;
      self->max_queue_size = g_value_get_uint (value);
      apply_ring_bounds (self);
      break;
    case PROP_RING_MAX_BYTES:
      if (self->ring_max_bytes == g_value_get_uint64 (value))
        return;
      self->ring_max_bytes = g_value_get_uint64 (value);
      apply_ring_bounds (self);
      break;
    case PROP_MAX_SUBSCRIBERS:
      if (self->max_subscribers == g_value_get_uint (value))
        return;
      self->max_subscribers = g_value_get_uint (value);
      break;
    case PROP_MAILBOX_MAX_BYTES:
      if (self->hub.mailbox_max_bytes == g_value_get_uint64 (value))
        return;
      self->hub.mailbox_max_bytes = (gsize) MIN (g_value_get_uint64 (value), G_MAXSIZE);
      break;
    case PROP_CATCH_UP_MAX_BYTES:
      if (self->hub.pages_max_bytes == g_value_get_uint64 (value))
        return;
      self->hub.pages_max_bytes = (gsize) MIN (g_value_get_uint64 (value), G_MAXSIZE);
      break;
    case PROP_ACTIVE_SUBSCRIBERS:
    case PROP_QUEUE_SIZE:
    case PROP_QUEUE_BYTES:
    case PROP_CATCH_UP_BYTES:
    case PROP_DELIVERIES:
    case PROP_GAPS:
    case PROP_FALLBACKS:
    case PROP_READ_FAILURES:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
      return;
    }
  if (property_id != PROP_STORE)
    g_object_notify_by_pspec (object, pspec);
}

static void
belfry_router_constructed (GObject *object)
{
  BelfryRouter *self = BELFRY_ROUTER (object);
  g_autoptr(GMainContext) context = g_main_context_ref_thread_default ();

  G_OBJECT_CLASS (belfry_router_parent_class)->constructed (object);
  g_return_if_fail (self->store != NULL);

  belfry_feed_hub_init (&self->hub, object, context, self->store);
  apply_ring_bounds (self);
  g_signal_connect_object (self->store, "committed", G_CALLBACK (on_committed), self, 0);
}

static void
belfry_router_dispose (GObject *object)
{
  BelfryRouter *self = BELFRY_ROUTER (object);
  g_autoptr(GPtrArray) subscribers = belfry_router_list_subscribers (self);

  for (guint i = 0; i < subscribers->len; i++)
    belfry_subscriber_cancel (g_ptr_array_index (subscribers, i));

  G_OBJECT_CLASS (belfry_router_parent_class)->dispose (object);
}

static void
belfry_router_finalize (GObject *object)
{
  BelfryRouter *self = BELFRY_ROUTER (object);

  belfry_feed_hub_clear (&self->hub);
  g_clear_pointer (&self->subscribers, g_hash_table_unref);
  g_clear_object (&self->store);

  G_OBJECT_CLASS (belfry_router_parent_class)->finalize (object);
}

static void
install_bounds (void)
{
  /**
   * BelfryRouter:store:
   *
   * The log whose events are routed.
   *
   * Since: 0.1
   */
  properties[PROP_STORE] =
    g_param_spec_object ("store", NULL, NULL, BELFRY_TYPE_EVENT_STORE,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryRouter:max-queue-size:
   *
   * How many of the newest events are kept in memory for subscribers that are a little behind.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_QUEUE_SIZE] =
    g_param_spec_uint ("max-queue-size", NULL, NULL, 1, G_MAXINT, 10000,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryRouter:ring-max-bytes:
   *
   * How large, in bytes, the events in memory may be together. The newest event stays in any case.
   *
   * Since: 0.1
   */
  properties[PROP_RING_MAX_BYTES] =
    g_param_spec_uint64 ("ring-max-bytes", NULL, NULL, 1, G_MAXUINT64, 33554432,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryRouter:max-subscribers:
   *
   * How many subscribers there may be at a time. More are refused with %BELFRY_ERROR_CAPACITY.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_SUBSCRIBERS] =
    g_param_spec_uint ("max-subscribers", NULL, NULL, 0, G_MAXUINT, 5000,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryRouter:mailbox-max-bytes:
   *
   * How large, in bytes, the events may be together that wait for one subscriber. One event may
   * wait in any case. A subscriber whose mailbox is full is served from the log.
   *
   * Since: 0.1
   */
  properties[PROP_MAILBOX_MAX_BYTES] =
    g_param_spec_uint64 ("mailbox-max-bytes", NULL, NULL, 1, G_MAXUINT64, 1048576,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryRouter:catch-up-max-bytes:
   *
   * How large, in bytes, the events may be together that were read from the log for all subscribers.
   * Above that each still gets a small page at a time, and the next one when it has taken that.
   *
   * Since: 0.1
   */
  properties[PROP_CATCH_UP_MAX_BYTES] =
    g_param_spec_uint64 ("catch-up-max-bytes", NULL, NULL, 1, G_MAXUINT64, 33554432,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
}

static void
install_counters (void)
{
  /**
   * BelfryRouter:active-subscribers:
   *
   * How many subscribers there are.
   *
   * Since: 0.1
   */
  properties[PROP_ACTIVE_SUBSCRIBERS] =
    g_param_spec_uint ("active-subscribers", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryRouter:queue-size:
   *
   * How many events are kept in memory. Changes without notification.
   *
   * Since: 0.1
   */
  properties[PROP_QUEUE_SIZE] =
    g_param_spec_uint ("queue-size", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryRouter:queue-bytes:
   *
   * How large the events in memory are together, in bytes. Changes without notification.
   *
   * Since: 0.1
   */
  properties[PROP_QUEUE_BYTES] =
    g_param_spec_uint64 ("queue-bytes", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryRouter:catch-up-bytes:
   *
   * How large the events are together that were read from the log and wait for subscribers, may
   * come with the reads under way, or were taken by readers that cannot pass them on, in bytes.
   * Changes without notification.
   *
   * Since: 0.1
   */
  properties[PROP_CATCH_UP_BYTES] =
    g_param_spec_uint64 ("catch-up-bytes", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryRouter:deliveries:
   *
   * How many events were handed to subscribers. Changes without notification.
   *
   * Since: 0.1
   */
  properties[PROP_DELIVERIES] =
    g_param_spec_uint64 ("deliveries", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryRouter:gaps:
   *
   * How often a subscriber found that events had been removed from the log before it could read
   * them. Changes without notification.
   *
   * Since: 0.1
   */
  properties[PROP_GAPS] =
    g_param_spec_uint64 ("gaps", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryRouter:fallbacks:
   *
   * How often a mailbox was dropped because its events had left the memory, to be read from the log
   * again. Changes without notification.
   *
   * Since: 0.1
   */
  properties[PROP_FALLBACKS] =
    g_param_spec_uint64 ("fallbacks", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryRouter:read-failures:
   *
   * How often the log could not be read for a subscriber; each is tried again. Changes without
   * notification.
   *
   * Since: 0.1
   */
  properties[PROP_READ_FAILURES] =
    g_param_spec_uint64 ("read-failures", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
}

static void
belfry_router_class_init (BelfryRouterClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = belfry_router_get_property;
  object_class->set_property = belfry_router_set_property;
  object_class->constructed = belfry_router_constructed;
  object_class->dispose = belfry_router_dispose;
  object_class->finalize = belfry_router_finalize;

  install_bounds ();
  install_counters ();
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);

  /**
   * BelfryRouter::subscribed:
   * @self: the router
   * @subscriber: the new subscriber
   *
   * Emitted when a subscription has begun.
   *
   * Since: 0.1
   */
  signals[SIGNAL_SUBSCRIBED] =
    g_signal_new ("subscribed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, BELFRY_TYPE_SUBSCRIBER);

  /**
   * BelfryRouter::unsubscribed:
   * @self: the router
   * @subscriber: the subscriber that was cancelled
   *
   * Emitted when a subscription has ended, just before [signal@Belfry.Subscriber::cancelled].
   *
   * Since: 0.1
   */
  signals[SIGNAL_UNSUBSCRIBED] =
    g_signal_new ("unsubscribed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, BELFRY_TYPE_SUBSCRIBER);
}

static void
belfry_router_init (BelfryRouter *self)
{
  self->subscribers = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_object_unref);
  self->max_queue_size = 10000;
  self->ring_max_bytes = 33554432;
  self->max_subscribers = 5000;
  self->hub.mailbox_max_bytes = 1048576;
  self->hub.pages_max_bytes = 33554432;
}

void
belfry_router_remove_subscriber (BelfryRouter     *self,
                                 BelfrySubscriber *subscriber)
{
  g_hash_table_remove (self->subscribers, belfry_subscriber_get_id (subscriber));
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ACTIVE_SUBSCRIBERS]);
  g_signal_emit (self, signals[SIGNAL_UNSUBSCRIBED], 0, subscriber);
}

guint64
belfry_router_get_n_looked_at (BelfryRouter *self)
{
  return self->hub.index.n_looked_at;
}

/**
 * belfry_router_new:
 * @store: an open log
 *
 * Makes a router that brings the events of @store to subscribers from now on.
 *
 * Returns: (transfer full): a new router
 *
 * Since: 0.1
 */
BelfryRouter *
belfry_router_new (BelfryEventStore *store)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_STORE (store), NULL);

  return g_object_new (BELFRY_TYPE_ROUTER, "store", store, NULL);
}

/**
 * belfry_router_get_store: (get-property store)
 * @self: a router
 *
 * Gets the log whose events are routed.
 *
 * Returns: (transfer none): the log
 *
 * Since: 0.1
 */
BelfryEventStore *
belfry_router_get_store (BelfryRouter *self)
{
  g_return_val_if_fail (BELFRY_IS_ROUTER (self), NULL);

  return self->store;
}

/**
 * belfry_router_subscribe:
 * @self: a router
 * @filter: which events are wanted
 * @resume_from: (nullable): the place in the log to go on behind, or %NULL for the events that come
 *   from now on
 * @error: return location for a [error@Belfry.Error]
 *
 * Subscribes to the events that match @filter. [ctor@Belfry.Cursor.new_beginning] means everything
 * that the log holds; that older events were removed before is not told as a gap then. From any
 * other place on, what was removed behind it is.
 *
 * The subscription lasts until [method@Belfry.Subscriber.cancel], or as long as @self lives.
 *
 * Returns: (transfer full): a new subscriber, or %NULL with
 *   %BELFRY_ERROR_CAPACITY when there are [property@Belfry.Router:max-subscribers] already, or with
 *   %BELFRY_ERROR_UNKNOWN_CURSOR when @resume_from is of another log or beyond the end of this one
 *
 * Since: 0.1
 */
BelfrySubscriber *
belfry_router_subscribe (BelfryRouter        *self,
                         BelfryFilter        *filter,
                         const BelfryCursor  *resume_from,
                         GError             **error)
{
  g_autoptr(BelfrySubscriber) subscriber = NULL;
  g_autofree char *id = NULL;
  guint64 position;

  g_return_val_if_fail (BELFRY_IS_ROUTER (self), NULL);
  g_return_val_if_fail (filter != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (g_hash_table_size (self->subscribers) >= self->max_subscribers)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_CAPACITY,
                           "Server at subscriber capacity");
      return NULL;
    }
  if (!find_start (self, resume_from, &position, error))
    return NULL;

  id = make_id (self);
  subscriber = belfry_subscriber_new (self, &self->hub, id, filter, position);
  g_hash_table_insert (self->subscribers, (char *) belfry_subscriber_get_id (subscriber),
                       g_object_ref (subscriber));
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ACTIVE_SUBSCRIBERS]);
  g_signal_emit (self, signals[SIGNAL_SUBSCRIBED], 0, subscriber);
  return g_steal_pointer (&subscriber);
}

/**
 * belfry_router_lookup:
 * @self: a router
 * @subscriber_id: an id
 *
 * Finds a subscriber by its [property@Belfry.Subscriber:id].
 *
 * Returns: (transfer none) (nullable): the subscriber, or %NULL when there is none of that id
 *
 * Since: 0.1
 */
BelfrySubscriber *
belfry_router_lookup (BelfryRouter *self,
                      const char   *subscriber_id)
{
  g_return_val_if_fail (BELFRY_IS_ROUTER (self), NULL);
  g_return_val_if_fail (subscriber_id != NULL, NULL);

  return g_hash_table_lookup (self->subscribers, subscriber_id);
}

/**
 * belfry_router_list_subscribers:
 * @self: a router
 *
 * Lists those who are subscribed, oldest first.
 *
 * Returns: (transfer container) (element-type BelfrySubscriber): a new array, which holds references
 *
 * Since: 0.1
 */
GPtrArray *
belfry_router_list_subscribers (BelfryRouter *self)
{
  g_autoptr(GPtrArray) subscribers = NULL;
  GHashTableIter iter;
  gpointer subscriber;

  g_return_val_if_fail (BELFRY_IS_ROUTER (self), NULL);

  subscribers = g_ptr_array_new_full (g_hash_table_size (self->subscribers), g_object_unref);
  g_hash_table_iter_init (&iter, self->subscribers);
  while (g_hash_table_iter_next (&iter, NULL, &subscriber))
    g_ptr_array_add (subscribers, g_object_ref (subscriber));

  g_ptr_array_sort (subscribers, compare_age);
  return g_steal_pointer (&subscribers);
}

/**
 * belfry_router_dup_cursor:
 * @self: a router
 *
 * Gets the place in the log behind the newest event that was routed.
 *
 * Returns: (transfer full): a cursor
 *
 * Since: 0.1
 */
BelfryCursor *
belfry_router_dup_cursor (BelfryRouter *self)
{
  g_return_val_if_fail (BELFRY_IS_ROUTER (self), NULL);

  return belfry_cursor_new (belfry_event_store_get_log_id (self->store), self->hub.newest);
}
