/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-subscriber.h"

#include "belfry-router-private.h"
#include "belfry-turn-source-private.h"

/* Signals that one turn of the loop emits, so that a long backlog does not starve everybody else.
 * */
#define PUSHES_PER_TURN 256

/**
 * BelfrySubscriber:
 *
 * One reader of the log, with a filter: what [method@Belfry.Router.subscribe] gives.
 *
 * A subscriber gets every event that matches its [property@Belfry.Subscriber:filter], once, in log
 * order. What it has not taken yet waits in a mailbox of bounded size; a subscriber that is slower
 * than the log falls back to reading the log and loses nothing that the log still holds. What the
 * log does not hold any more is told as a [struct@Belfry.Gap].
 *
 * Its life: connect to [signal@Belfry.Subscriber::event] and [signal@Belfry.Subscriber::gap], call
 * [method@Belfry.Subscriber.start], and at the end [method@Belfry.Subscriber.cancel]. Until it is
 * cancelled the router holds a reference; releasing one's own does not end the subscription. A
 * subscriber is used, and its signals are emitted, on the main context that was the thread's
 * default when the router was made.
 *
 * Since: 0.1
 */
struct _BelfrySubscriber
{
  GObject parent_instance;

  BelfryFeed    feed;          /* its owner and ready belong to us */
  BelfryRouter *router;        /* unowned; NULL once cancelled */
  char         *id;
  gint64        created_usec;  /* µs since 1970 UTC */
  GSource      *push_source;   /* once started */

  BelfrySubscriberReadyFunc ready_func;
  gpointer                  ready_data;
};

typedef enum
{
  PROP_ID = 1,
  PROP_FILTER,
  PROP_IS_LIVE,
  PROP_WAITING_EVENTS,
  PROP_WAITING_BYTES,
  PROP_DELIVERED,
  PROP_CREATED_USEC,
} BelfrySubscriberProperty;

static GParamSpec *properties[PROP_CREATED_USEC + 1];

enum
{
  SIGNAL_EVENT,
  SIGNAL_GAP,
  SIGNAL_CANCELLED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (BelfrySubscriber, belfry_subscriber, G_TYPE_OBJECT)

static void
on_ready (BelfryFeed *feed)
{
  BelfrySubscriber *self = BELFRY_SUBSCRIBER (feed->owner);

  if (self->push_source != NULL)
    belfry_turn_source_arm (self->push_source);
  else if (self->ready_func != NULL)
    self->ready_func (self, self->ready_data);
}

/* FALSE when nothing waits. */
static gboolean
push_one (BelfrySubscriber *self)
{
  BelfryDelivery delivery;

  switch (belfry_feed_pop (&self->feed, &delivery))
    {
    case BELFRY_DELIVERY_EVENT:
      {
        g_autoptr(BelfryEvent) event = g_steal_pointer (&delivery.event);

        g_signal_emit (self, signals[SIGNAL_EVENT], 0, event);
        return TRUE;
      }

    case BELFRY_DELIVERY_GAP:
      g_signal_emit (self, signals[SIGNAL_GAP], 0, &delivery.gap);
      return TRUE;

    case BELFRY_DELIVERY_FILTER:
      return TRUE;

    case BELFRY_DELIVERY_NONE:
    default:
      return FALSE;
    }
}

static gboolean
push_cb (gpointer user_data)
{
  g_autoptr(BelfrySubscriber) self = g_object_ref (user_data);
  guint n_pushed = 0;

  /* A handler may pause. */
  while (n_pushed < PUSHES_PER_TURN && self->push_source != NULL && push_one (self))
    n_pushed++;

  if (self->push_source == NULL)
    return G_SOURCE_REMOVE;
  if (n_pushed == PUSHES_PER_TURN)
    belfry_turn_source_arm (self->push_source);
  return G_SOURCE_CONTINUE;
}

static void
belfry_subscriber_get_property (GObject    *object,
                                guint       property_id,
                                GValue     *value,
                                GParamSpec *pspec)
{
  BelfrySubscriber *self = BELFRY_SUBSCRIBER (object);

  switch ((BelfrySubscriberProperty) property_id)
    {
    case PROP_ID:
      g_value_set_string (value, self->id);
      break;
    case PROP_FILTER:
      g_value_set_boxed (value, belfry_subscriber_get_filter (self));
      break;
    case PROP_IS_LIVE:
      g_value_set_boolean (value, self->feed.state == BELFRY_FEED_LIVE);
      break;
    case PROP_WAITING_EVENTS:
      g_value_set_uint (value, self->feed.mailbox.length);
      break;
    case PROP_WAITING_BYTES:
      g_value_set_uint64 (value, self->feed.mailbox.bytes);
      break;
    case PROP_DELIVERED:
      g_value_set_uint64 (value, self->feed.delivered);
      break;
    case PROP_CREATED_USEC:
      g_value_set_int64 (value, self->created_usec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
      break;
    }
}

static void
belfry_subscriber_set_property (GObject      *object,
                                guint         property_id,
                                const GValue *value,
                                GParamSpec   *pspec)
{
  BelfrySubscriber *self = BELFRY_SUBSCRIBER (object);

  switch ((BelfrySubscriberProperty) property_id)
    {
    case PROP_FILTER:
      belfry_subscriber_set_filter (self, g_value_get_boxed (value));
      break;
    case PROP_ID:
    case PROP_IS_LIVE:
    case PROP_WAITING_EVENTS:
    case PROP_WAITING_BYTES:
    case PROP_DELIVERED:
    case PROP_CREATED_USEC:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
      break;
    }
}

static void
belfry_subscriber_finalize (GObject *object)
{
  BelfrySubscriber *self = BELFRY_SUBSCRIBER (object);

  belfry_feed_clear (&self->feed);
  g_clear_pointer (&self->id, g_free);

  G_OBJECT_CLASS (belfry_subscriber_parent_class)->finalize (object);
}

static void
install_signals (GObjectClass *object_class)
{
  /**
   * BelfrySubscriber::event:
   * @self: the subscriber
   * @event: an event that matches the filter
   *
   * Emitted once for each matching event, in log order, after [method@Belfry.Subscriber.start].
   *
   * Since: 0.1
   */
  signals[SIGNAL_EVENT] =
    g_signal_new ("event", G_TYPE_FROM_CLASS (object_class), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, BELFRY_TYPE_EVENT);

  /**
   * BelfrySubscriber::gap:
   * @self: the subscriber
   * @gap: which stretch of the log is missing
   *
   * Emitted in place of events that were removed from the log before this subscriber got to read
   * them.
   *
   * Since: 0.1
   */
  signals[SIGNAL_GAP] =
    g_signal_new ("gap", G_TYPE_FROM_CLASS (object_class), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, BELFRY_TYPE_GAP);

  /**
   * BelfrySubscriber::cancelled:
   * @self: the subscriber
   *
   * Emitted once, when the subscription has ended, whoever ended it. Nothing is delivered after
   * this.
   *
   * Since: 0.1
   */
  signals[SIGNAL_CANCELLED] =
    g_signal_new ("cancelled", G_TYPE_FROM_CLASS (object_class), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                  NULL, G_TYPE_NONE, 0);
}

static void
belfry_subscriber_class_init (BelfrySubscriberClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = belfry_subscriber_get_property;
  object_class->set_property = belfry_subscriber_set_property;
  object_class->finalize = belfry_subscriber_finalize;

  /**
   * BelfrySubscriber:id:
   *
   * `sub_` and eight hexadecimal digits, unique among the living subscribers of a router.
   *
   * Since: 0.1
   */
  properties[PROP_ID] =
    g_param_spec_string ("id", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfrySubscriber:filter:
   *
   * Which events it wants. See [method@Belfry.Subscriber.set_filter] for when a change takes hold.
   *
   * Since: 0.1
   */
  properties[PROP_FILTER] =
    g_param_spec_boxed ("filter", NULL, NULL, BELFRY_TYPE_FILTER,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfrySubscriber:is-live:
   *
   * Whether it has seen the whole log and new events reach its mailbox directly. Changes without
   * notification.
   *
   * Since: 0.1
   */
  properties[PROP_IS_LIVE] =
    g_param_spec_boolean ("is-live", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfrySubscriber:waiting-events:
   *
   * How many events wait in its mailbox. Changes without notification.
   *
   * Since: 0.1
   */
  properties[PROP_WAITING_EVENTS] =
    g_param_spec_uint ("waiting-events", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfrySubscriber:waiting-bytes:
   *
   * How large the events in its mailbox are together, in bytes. Changes without notification.
   *
   * Since: 0.1
   */
  properties[PROP_WAITING_BYTES] =
    g_param_spec_uint64 ("waiting-bytes", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfrySubscriber:delivered:
   *
   * How many events it has been given. Changes without notification.
   *
   * Since: 0.1
   */
  properties[PROP_DELIVERED] =
    g_param_spec_uint64 ("delivered", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfrySubscriber:created-usec:
   *
   * When it subscribed, in µs since 1970 UTC.
   *
   * Since: 0.1
   */
  properties[PROP_CREATED_USEC] =
    g_param_spec_int64 ("created-usec", NULL, NULL, G_MININT64, G_MAXINT64, 0,
                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
  install_signals (object_class);
}

static void
belfry_subscriber_init (BelfrySubscriber *self)
{
  self->created_usec = g_get_real_time ();
  /* Until the router opens it: an object that somebody else makes is never fed. */
  self->feed.state = BELFRY_FEED_CLOSED;
}

BelfrySubscriber *
belfry_subscriber_new (BelfryRouter  *router,
                       BelfryFeedHub *hub,
                       const char    *id,
                       BelfryFilter  *filter,
                       guint64        position)
{
  BelfrySubscriber *self = g_object_new (BELFRY_TYPE_SUBSCRIBER, NULL);

  self->router = router;
  self->id = g_strdup (id);
  belfry_feed_open (&self->feed, hub, G_OBJECT (self), on_ready, filter, position);
  return self;
}

gint64
belfry_subscriber_get_created_usec (BelfrySubscriber *self)
{
  return self->created_usec;
}

BelfryFeed *
belfry_subscriber_peek_feed (BelfrySubscriber *self)
{
  return &self->feed;
}

void
belfry_subscriber_set_ready_func (BelfrySubscriber          *self,
                                  BelfrySubscriberReadyFunc  func,
                                  gpointer                   user_data)
{
  self->ready_func = func;
  self->ready_data = user_data;

  if (func == NULL)
    return;

  /* What began to wait before anybody asked is told now. */
  if (self->feed.is_told)
    func (self, user_data);
  else
    belfry_feed_tell (&self->feed);
}

BelfryDeliveryKind
belfry_subscriber_pop (BelfrySubscriber *self,
                       BelfryDelivery   *delivery)
{
  return belfry_feed_pop (&self->feed, delivery);
}

void
belfry_subscriber_set_filter_tagged (BelfrySubscriber *self,
                                     BelfryFilter     *filter,
                                     gpointer          tag,
                                     GDestroyNotify    tag_free)
{
  belfry_feed_set_filter_tagged (&self->feed, filter, tag, tag_free);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_FILTER]);
}

guint
belfry_subscriber_get_n_pending_filters (BelfrySubscriber *self)
{
  return g_queue_get_length (&self->feed.versions.changes);
}

void
belfry_subscriber_set_held (BelfrySubscriber *self,
                            gsize             bytes)
{
  belfry_feed_set_held (&self->feed, bytes);
}

void
belfry_subscriber_count_encoding (BelfrySubscriber *self,
                                  BelfryEvent      *event,
                                  gsize             bytes)
{
  belfry_feed_count_encoding (&self->feed, event, bytes);
}

gboolean
belfry_subscriber_is_memory_scarce (BelfrySubscriber *self)
{
  return belfry_feed_is_memory_scarce (&self->feed);
}

/**
 * belfry_subscriber_get_id: (get-property id)
 * @self: a subscriber
 *
 * Gets the name under which the router knows @self.
 *
 * Returns: (transfer none): `sub_` and eight hexadecimal digits
 *
 * Since: 0.1
 */
const char *
belfry_subscriber_get_id (BelfrySubscriber *self)
{
  g_return_val_if_fail (BELFRY_IS_SUBSCRIBER (self), NULL);

  return self->id;
}

/**
 * belfry_subscriber_get_filter: (get-property filter)
 * @self: a subscriber
 *
 * Gets the filter that was set last.
 *
 * Returns: (transfer none): the filter
 *
 * Since: 0.1
 */
BelfryFilter *
belfry_subscriber_get_filter (BelfrySubscriber *self)
{
  g_return_val_if_fail (BELFRY_IS_SUBSCRIBER (self), NULL);

  return belfry_filter_versions_get_newest (&self->feed.versions);
}

/**
 * belfry_subscriber_set_filter: (set-property filter)
 * @self: a subscriber
 * @filter: the events that it wants from here on
 *
 * Replaces the filter from the present end of the log on. Events before that are still delivered by
 * the filter that was in force then, also when @self has yet to read them. Of changes beyond 64
 * different places of the log that @self has not reached yet, each replaces the last one. Does
 * nothing after [method@Belfry.Subscriber.cancel].
 *
 * Since: 0.1
 */
void
belfry_subscriber_set_filter (BelfrySubscriber *self,
                              BelfryFilter     *filter)
{
  g_return_if_fail (BELFRY_IS_SUBSCRIBER (self));
  g_return_if_fail (filter != NULL);

  if (belfry_filter_equal (belfry_subscriber_get_filter (self), filter))
    return;

  belfry_feed_set_filter (&self->feed, filter);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_FILTER]);
}

/**
 * belfry_subscriber_dup_cursor:
 * @self: a subscriber
 *
 * Gets the place in the log behind everything that was taken from @self: delivered, or passed over
 * by the filter. Subscribing again from this cursor goes on there. Works after
 * [method@Belfry.Subscriber.cancel] too.
 *
 * Returns: (transfer full): a cursor
 *
 * Since: 0.1
 */
BelfryCursor *
belfry_subscriber_dup_cursor (BelfrySubscriber *self)
{
  g_return_val_if_fail (BELFRY_IS_SUBSCRIBER (self), NULL);

  return belfry_cursor_new (self->feed.log_id, belfry_feed_get_taken (&self->feed));
}

/**
 * belfry_subscriber_start:
 * @self: a subscriber
 *
 * Begins to emit [signal@Belfry.Subscriber::event] and [signal@Belfry.Subscriber::gap], from the
 * next turn of the loop on. Events that came since the subscription began are not lost: they wait.
 * A second call does nothing. Goes on after [method@Belfry.Subscriber.pause].
 *
 * Since: 0.1
 */
void
belfry_subscriber_start (BelfrySubscriber *self)
{
  g_return_if_fail (BELFRY_IS_SUBSCRIBER (self));

  if (self->push_source != NULL || self->feed.state == BELFRY_FEED_CLOSED)
    return;

  self->push_source = belfry_turn_source_new (self->feed.hub->context, "belfry subscriber",
                                              push_cb, self);
  belfry_turn_source_arm (self->push_source);
}

/**
 * belfry_subscriber_pause:
 * @self: a subscriber
 *
 * Stops emitting [signal@Belfry.Subscriber::event] and [signal@Belfry.Subscriber::gap], at once, until
 * [method@Belfry.Subscriber.start] is called again. What comes meanwhile waits in the mailbox, and in the log
 * when that is full, so that a pause costs no memory however long it lasts.
 *
 * Since: 0.1
 */
void
belfry_subscriber_pause (BelfrySubscriber *self)
{
  g_return_if_fail (BELFRY_IS_SUBSCRIBER (self));

  belfry_turn_source_clear (&self->push_source);
}

/**
 * belfry_subscriber_cancel:
 * @self: a subscriber
 *
 * Ends the subscription. What still waits is dropped. A second call does nothing.
 *
 * Since: 0.1
 */
void
belfry_subscriber_cancel (BelfrySubscriber *self)
{
  g_autoptr(BelfrySubscriber) alive = NULL;

  g_return_if_fail (BELFRY_IS_SUBSCRIBER (self));

  if (self->feed.state == BELFRY_FEED_CLOSED)
    return;

  alive = g_object_ref (self);
  belfry_feed_close (&self->feed);
  belfry_turn_source_clear (&self->push_source);
  belfry_router_remove_subscriber (g_steal_pointer (&self->router), self);
  g_signal_emit (self, signals[SIGNAL_CANCELLED], 0);
}
