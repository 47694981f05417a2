/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-client-subscription.h"

#include "belfry-client-link-private.h"

/**
 * BelfryClientSubscription:
 *
 * Events of a daemon elsewhere, as they come, across lost connections.
 *
 * A subscription is made, its signals are connected, and [method@Belfry.ClientSubscription.start] opens the connection.
 * Each matching event comes once and in the order of the log by [signal@Belfry.ClientSubscription::event]. After a lost
 * connection it comes back by itself, waiting longer each time, and goes on behind the last event that was seen. What
 * the daemon has removed meanwhile is told by [signal@Belfry.ClientSubscription::gap]. It ends by
 * [method@Belfry.ClientSubscription.stop], or when trying again cannot help: a wrong key (%G_IO_ERROR_PERMISSION_DENIED), a
 * wrong filter or one that is too large, a cursor of another log, being disconnected by the daemon's administrator. Where
 * the daemon is full, or has too many connections of this address, it is %BELFRY_ERROR_CAPACITY and tried again, later each
 * time. [signal@Belfry.ClientSubscription::disconnected] tells of each.
 *
 * Events are handed over while the connection is read: as long as a handler works, nothing more is read, and the daemon
 * keeps what waits. A subscription belongs to the thread-default context in which it was made, and is used there.
 *
 * Since: 0.1
 */

#define DEFAULT_RETRY_INITIAL_MSEC 250
#define DEFAULT_RETRY_MAXIMUM_MSEC 30000
#define DEFAULT_SILENCE_MSEC 60000

struct _BelfryClientSubscription
{
  GObject parent_instance;

  BelfryClientLink link;
};

typedef enum
{
  PROP_CLIENT = 1,
  PROP_FILTER,
  PROP_RESUME_FROM,
  PROP_RETRY_INITIAL_MSEC,
  PROP_RETRY_MAXIMUM_MSEC,
  PROP_SILENCE_MSEC,
  PROP_CONNECTED,
  PROP_CURSOR,
  PROP_RECEIVED,
  PROP_GAPS,
  PROP_CONNECTIONS,
} BelfryClientSubscriptionProperty;

static GParamSpec *properties[PROP_CONNECTIONS + 1];

typedef enum
{
  SIGNAL_CONNECTED,
  SIGNAL_DISCONNECTED,
  SIGNAL_EVENT,
  SIGNAL_GAP,
  N_SIGNALS,
} BelfryClientSubscriptionSignal;

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (BelfryClientSubscription, belfry_client_subscription, G_TYPE_OBJECT)

static void
on_connected_changed (gpointer owner)
{
  g_object_notify_by_pspec (owner, properties[PROP_CONNECTED]);
}

static void
on_connected (gpointer    owner,
              const char *subscriber_id)
{
  g_signal_emit (owner, signals[SIGNAL_CONNECTED], 0, subscriber_id);
}

static void
on_disconnected (gpointer      owner,
                 const GError *error,
                 gint64        retry_msec)
{
  g_signal_emit (owner, signals[SIGNAL_DISCONNECTED], 0, error, retry_msec);
}

static void
on_event (gpointer    owner,
          const char *json,
          const char *cursor)
{
  g_signal_emit (owner, signals[SIGNAL_EVENT], 0, json, cursor);
}

static void
on_gap (gpointer    owner,
        const char *from,
        const char *to,
        guint64     lost)
{
  g_signal_emit (owner, signals[SIGNAL_GAP], 0, from, to, lost);
}

static const BelfryClientLinkFuncs link_funcs = {
  .connected_changed = on_connected_changed,
  .connected = on_connected,
  .disconnected = on_disconnected,
  .event = on_event,
  .gap = on_gap,
};

static void
set_msec (GObject    *object,
          GParamSpec *pspec,
          guint      *field,
          guint       msec)
{
  if (*field == msec)
    return;

  *field = msec;
  g_object_notify_by_pspec (object, pspec);
}

static void
belfry_client_subscription_get_property (GObject    *object,
                                         guint       property_id,
                                         GValue     *value,
                                         GParamSpec *pspec)
{
  BelfryClientSubscription *self = BELFRY_CLIENT_SUBSCRIPTION (object);

  switch ((BelfryClientSubscriptionProperty) property_id)
    {
    case PROP_CLIENT:
      g_value_set_object (value, self->link.client);
      break;
    case PROP_FILTER:
      g_value_set_boxed (value, self->link.filter);
      break;
    case PROP_RESUME_FROM:
      g_value_set_string (value, self->link.resume_from);
      break;
    case PROP_RETRY_INITIAL_MSEC:
      g_value_set_uint (value, self->link.backoff.initial_msec);
      break;
    case PROP_RETRY_MAXIMUM_MSEC:
      g_value_set_uint (value, self->link.backoff.maximum_msec);
      break;
    case PROP_SILENCE_MSEC:
      g_value_set_uint (value, self->link.silence_msec);
      break;
    case PROP_CONNECTED:
      g_value_set_boolean (value, self->link.is_connected);
      break;
    case PROP_CURSOR:
      g_value_set_string (value, self->link.cursor);
      break;
    case PROP_RECEIVED:
      g_value_set_uint64 (value, self->link.received);
      break;
    case PROP_GAPS:
      g_value_set_uint64 (value, self->link.gaps);
      break;
    case PROP_CONNECTIONS:
      g_value_set_uint64 (value, self->link.connections);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
belfry_client_subscription_set_property (GObject      *object,
                                         guint         property_id,
                                         const GValue *value,
                                         GParamSpec   *pspec)
{
  BelfryClientSubscription *self = BELFRY_CLIENT_SUBSCRIPTION (object);

  switch ((BelfryClientSubscriptionProperty) property_id)
    {
    case PROP_CLIENT:
      self->link.client = g_value_dup_object (value);
      break;
    case PROP_FILTER:
      belfry_client_subscription_set_filter (self, g_value_get_boxed (value));
      break;
    case PROP_RESUME_FROM:
      self->link.resume_from = g_value_dup_string (value);
      break;
    case PROP_RETRY_INITIAL_MSEC:
      set_msec (object, pspec, &self->link.backoff.initial_msec, g_value_get_uint (value));
      break;
    case PROP_RETRY_MAXIMUM_MSEC:
      set_msec (object, pspec, &self->link.backoff.maximum_msec, g_value_get_uint (value));
      break;
    case PROP_SILENCE_MSEC:
      set_msec (object, pspec, &self->link.silence_msec, g_value_get_uint (value));
      break;
    case PROP_CONNECTED:
    case PROP_CURSOR:
    case PROP_RECEIVED:
    case PROP_GAPS:
    case PROP_CONNECTIONS:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
belfry_client_subscription_dispose (GObject *object)
{
  BelfryClientSubscription *self = BELFRY_CLIENT_SUBSCRIPTION (object);

  belfry_client_subscription_stop (self);
  g_clear_object (&self->link.client);

  G_OBJECT_CLASS (belfry_client_subscription_parent_class)->dispose (object);
}

static void
belfry_client_subscription_finalize (GObject *object)
{
  BelfryClientSubscription *self = BELFRY_CLIENT_SUBSCRIPTION (object);

  belfry_client_link_clear (&self->link);

  G_OBJECT_CLASS (belfry_client_subscription_parent_class)->finalize (object);
}

static void
install_settings (void)
{
  /**
   * BelfryClientSubscription:client:
   *
   * Where the events come from.
   *
   * Since: 0.1
   */
  properties[PROP_CLIENT] =
    g_param_spec_object ("client", NULL, NULL, BELFRY_TYPE_CLIENT,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClientSubscription:filter: (setter set_filter)
   *
   * Which events come; %NULL for any.
   *
   * Since: 0.1
   */
  properties[PROP_FILTER] =
    g_param_spec_boxed ("filter", NULL, NULL, BELFRY_TYPE_FILTER,
                        G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClientSubscription:resume-from:
   *
   * The cursor behind which the first event is wanted, `beginning` for everything that the log holds, or %NULL for what
   * comes from now on.
   *
   * Since: 0.1
   */
  properties[PROP_RESUME_FROM] =
    g_param_spec_string ("resume-from", NULL, NULL, NULL,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClientSubscription:retry-initial-msec:
   *
   * About how long the first wait for another attempt is, in ms; each further one is twice as long.
   *
   * Since: 0.1
   */
  properties[PROP_RETRY_INITIAL_MSEC] =
    g_param_spec_uint ("retry-initial-msec", NULL, NULL, 1, 3600000, DEFAULT_RETRY_INITIAL_MSEC,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClientSubscription:retry-maximum-msec:
   *
   * The longest wait for another attempt, in ms.
   *
   * Since: 0.1
   */
  properties[PROP_RETRY_MAXIMUM_MSEC] =
    g_param_spec_uint ("retry-maximum-msec", NULL, NULL, 1, 3600000, DEFAULT_RETRY_MAXIMUM_MSEC,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClientSubscription:silence-msec:
   *
   * After so many ms without a word from the daemon, not even an answer to a ping, the connection is given up.
   *
   * Since: 0.1
   */
  properties[PROP_SILENCE_MSEC] =
    g_param_spec_uint ("silence-msec", NULL, NULL, 1000, 3600000, DEFAULT_SILENCE_MSEC,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
}

static void
install_states (void)
{
  /**
   * BelfryClientSubscription:connected: (getter is_connected)
   *
   * Whether the daemon has confirmed the subscription on a connection that still stands.
   *
   * Since: 0.1
   */
  properties[PROP_CONNECTED] =
    g_param_spec_boolean ("connected", NULL, NULL, FALSE,
                          G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClientSubscription:cursor: (getter get_cursor)
   *
   * The place behind the last event that came; changes without notification.
   *
   * Since: 0.1
   */
  properties[PROP_CURSOR] =
    g_param_spec_string ("cursor", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClientSubscription:received:
   *
   * Events that came so far.
   *
   * Since: 0.1
   */
  properties[PROP_RECEIVED] =
    g_param_spec_uint64 ("received", NULL, NULL, 0, G_MAXUINT64, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClientSubscription:gaps:
   *
   * How often the log no longer held what was asked for.
   *
   * Since: 0.1
   */
  properties[PROP_GAPS] =
    g_param_spec_uint64 ("gaps", NULL, NULL, 0, G_MAXUINT64, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClientSubscription:connections:
   *
   * Connections that the daemon confirmed.
   *
   * Since: 0.1
   */
  properties[PROP_CONNECTIONS] =
    g_param_spec_uint64 ("connections", NULL, NULL, 0, G_MAXUINT64, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
}

static void
install_signals (GType type)
{
  /**
   * BelfryClientSubscription::connected:
   * @self: the subscription
   * @subscriber_id: the name that the daemon gave to this connection
   *
   * The daemon has confirmed the subscription.
   *
   * Since: 0.1
   */
  signals[SIGNAL_CONNECTED] =
    g_signal_new ("connected", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);

  /**
   * BelfryClientSubscription::disconnected:
   * @self: the subscription
   * @error: why
   * @retry_msec: ms until the next attempt, or -1 when there will be none
   *
   * The connection ended, or could not be made.
   *
   * Since: 0.1
   */
  signals[SIGNAL_DISCONNECTED] =
    g_signal_new ("disconnected", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_ERROR,
                  G_TYPE_INT64);

  /**
   * BelfryClientSubscription::event:
   * @self: the subscription
   * @json: the event, as the daemon sent it
   * @cursor: (nullable): the place behind it
   *
   * An event came.
   *
   * Since: 0.1
   */
  signals[SIGNAL_EVENT] =
    g_signal_new ("event", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_STRING,
                  G_TYPE_STRING);

  /**
   * BelfryClientSubscription::gap:
   * @self: the subscription
   * @from: (nullable): the place behind which events are missing
   * @to: (nullable): the place from which on they are there again
   * @lost: how many places of the log were removed, wanted or not
   *
   * The log no longer held what should have come next.
   *
   * Since: 0.1
   */
  signals[SIGNAL_GAP] =
    g_signal_new ("gap", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 3, G_TYPE_STRING, G_TYPE_STRING,
                  G_TYPE_UINT64);
}

static void
belfry_client_subscription_class_init (BelfryClientSubscriptionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = belfry_client_subscription_dispose;
  object_class->finalize = belfry_client_subscription_finalize;
  object_class->get_property = belfry_client_subscription_get_property;
  object_class->set_property = belfry_client_subscription_set_property;

  install_settings ();
  install_states ();
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
  install_signals (G_TYPE_FROM_CLASS (klass));
}

static void
belfry_client_subscription_init (BelfryClientSubscription *self)
{
  self->link.funcs = &link_funcs;
  self->link.owner = G_OBJECT (self);
  self->link.backoff.initial_msec = DEFAULT_RETRY_INITIAL_MSEC;
  self->link.backoff.maximum_msec = DEFAULT_RETRY_MAXIMUM_MSEC;
  self->link.silence_msec = DEFAULT_SILENCE_MSEC;
}

/**
 * belfry_client_subscription_new:
 * @client: where the events come from
 * @filter: (nullable): which events, or %NULL for any
 * @resume_from: (nullable): a cursor, `beginning`, or %NULL for what comes from now on
 *
 * Makes a subscription. Nothing is sent before it is started.
 *
 * Returns: (transfer full): a new subscription
 *
 * Since: 0.1
 */
BelfryClientSubscription *
belfry_client_subscription_new (BelfryClient *client,
                                BelfryFilter *filter,
                                const char   *resume_from)
{
  g_return_val_if_fail (BELFRY_IS_CLIENT (client), NULL);

  return g_object_new (BELFRY_TYPE_CLIENT_SUBSCRIPTION,
                       "client", client,
                       "filter", filter,
                       "resume-from", resume_from,
                       NULL);
}

/**
 * belfry_client_subscription_start:
 * @self: a subscription
 *
 * Opens the connection, and again whenever it breaks. Started again after it was stopped, it goes on behind the last
 * event that came.
 *
 * Since: 0.1
 */
void
belfry_client_subscription_start (BelfryClientSubscription *self)
{
  g_return_if_fail (BELFRY_IS_CLIENT_SUBSCRIPTION (self));

  belfry_client_link_start (&self->link);
}

/**
 * belfry_client_subscription_stop:
 * @self: a subscription
 *
 * Closes the connection; no signal but the notification of [property@Belfry.ClientSubscription:connected] comes any
 * more.
 *
 * Since: 0.1
 */
void
belfry_client_subscription_stop (BelfryClientSubscription *self)
{
  g_return_if_fail (BELFRY_IS_CLIENT_SUBSCRIPTION (self));

  belfry_client_link_stop (&self->link);
}

/**
 * belfry_client_subscription_set_filter:
 * @self: a subscription
 * @filter: (nullable): which events, or %NULL for any
 *
 * Replaces the filter, from one place in the log on when the connection stands.
 *
 * Since: 0.1
 */
void
belfry_client_subscription_set_filter (BelfryClientSubscription *self,
                                       BelfryFilter             *filter)
{
  g_return_if_fail (BELFRY_IS_CLIENT_SUBSCRIPTION (self));

  if (self->link.filter == filter)
    return;

  belfry_client_link_set_filter (&self->link, filter);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_FILTER]);
}

/**
 * belfry_client_subscription_is_connected: (get-property connected)
 * @self: a subscription
 *
 * Whether the daemon has confirmed the subscription on a connection that still stands.
 *
 * Returns: %TRUE when events come as they happen
 *
 * Since: 0.1
 */
gboolean
belfry_client_subscription_is_connected (BelfryClientSubscription *self)
{
  g_return_val_if_fail (BELFRY_IS_CLIENT_SUBSCRIPTION (self), FALSE);

  return self->link.is_connected;
}

/**
 * belfry_client_subscription_get_cursor: (get-property cursor)
 * @self: a subscription
 *
 * The place behind the last event that came.
 *
 * Returns: (nullable) (transfer none): a cursor, or %NULL when none is known yet
 *
 * Since: 0.1
 */
const char *
belfry_client_subscription_get_cursor (BelfryClientSubscription *self)
{
  g_return_val_if_fail (BELFRY_IS_CLIENT_SUBSCRIPTION (self), NULL);

  return self->link.cursor;
}
