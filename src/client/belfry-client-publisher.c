/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-client-publisher.h"

#include <string.h>

#include "belfry-client-error-private.h"
#include "belfry-client-private.h"
#include "belfry-client-socket-private.h"
#include "belfry-error.h"
#include "belfry-json-walk-private.h"

/**
 * BelfryClientPublisher:
 *
 * Many events over one connection, without waiting for one answer before the next event is sent.
 *
 * The connection is opened by the first event and again by the first one after it broke. Events are accepted in the
 * order in which they were given, and answered in that order. When the connection breaks, those without an answer fail:
 * whether they were accepted is then not known. Nothing is sent again by itself. Who sends such an event again may have it
 * twice in the log; who cannot bear that publishes it by [method@Belfry.Client.publish_async], one at a time. At most
 * [property@Belfry.ClientPublisher:max-in-flight] events wait for their answer.
 *
 * An event that is larger than the daemon takes fails with %G_IO_ERROR_MESSAGE_TOO_LARGE and ends the connection; what was
 * given behind it fails as after any broken connection.
 *
 * A publisher belongs to the thread-default context in which it was made, and is used there.
 *
 * Since: 0.1
 */

#define DEFAULT_MAX_IN_FLIGHT 1024

/* The close code of RFC 6455 for a message that the peer does not take. */
#define CLOSE_TOO_LARGE 1009

struct _BelfryClientPublisher
{
  GObject parent_instance;

  BelfryClient       *client;
  BelfryClientSocket *socket;     /* NULL while nothing connects or is connected */
  GQueue              in_flight;  /* owned GTask, each with its text until that is sent; oldest first */
  guint               max_in_flight;
  gboolean            told_too_large;  /* an event of this connection was answered so */
  guint64             published;
  guint64             refused;
};

typedef enum
{
  PROP_CLIENT = 1,
  PROP_MAX_IN_FLIGHT,
  PROP_IN_FLIGHT,
  PROP_PUBLISHED,
  PROP_REFUSED,
} BelfryClientPublisherProperty;

static GParamSpec *properties[PROP_REFUSED + 1];

G_DEFINE_FINAL_TYPE (BelfryClientPublisher, belfry_client_publisher, G_TYPE_OBJECT)

static void
send_task (BelfryClientPublisher *self,
           GTask                 *task)
{
  belfry_client_socket_send (self->socket, g_task_get_task_data (task));
  g_task_set_task_data (task, NULL, NULL);
}

static void
on_opened (gpointer owner)
{
  BelfryClientPublisher *self = owner;

  for (GList *l = self->in_flight.head; l != NULL; l = l->next)
    send_task (self, l->data);
}

/* An answer: an id, or the rule that is broken. */
static void
on_text (gpointer    owner,
         const char *text,
         gsize       length)
{
  BelfryClientPublisher *self = owner;
  g_autoptr(GTask) task = g_queue_pop_head (&self->in_flight);
  BelfryJsonSpan value;
  g_autofree char *id = NULL;
  g_autofree char *message = NULL;
  GError *error;

  if (task == NULL)
    return;

  if (belfry_json_walk_find (text, length, "event_id", &value))
    id = belfry_json_walk_decode (&value);
  if (id != NULL)
    {
      self->published++;
      g_task_return_pointer (task, g_steal_pointer (&id), g_free);
      return;
    }

  if (belfry_json_walk_find (text, length, "message", &value))
    message = belfry_json_walk_decode (&value);
  self->refused++;
  error = belfry_client_error_new_from_message (message != NULL ? message : "Refused");
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE))
    self->told_too_large = TRUE;
  g_task_return_error (task, error);
}

static void
fail_all (BelfryClientPublisher *self,
          const GError          *error)
{
  GQueue failed = self->in_flight;
  GTask *task;

  /* Who is told may publish again at once. */
  g_queue_init (&self->in_flight);
  while ((task = g_queue_pop_head (&failed)) != NULL)
    {
      g_task_return_error (task, g_error_copy (error));
      g_object_unref (task);
    }
}

/* Answers come in order, so that it is about the first event without one, and about no other. */
static void
fail_too_large (BelfryClientPublisher *self,
                const char            *reason)
{
  g_autoptr(GTask) task = self->told_too_large ? NULL : g_queue_pop_head (&self->in_flight);

  self->told_too_large = TRUE;
  if (task == NULL)
    return;

  self->refused++;
  g_task_return_error (task, belfry_client_error_new_from_close (CLOSE_TOO_LARGE, reason, NULL));
}

static void
on_closed (gpointer      owner,
           guint         code,
           const char   *reason,
           const GError *error)
{
  g_autoptr(BelfryClientPublisher) self = g_object_ref (owner);
  g_autoptr(GError) own = NULL;

  g_clear_pointer (&self->socket, belfry_client_socket_shut);
  if (error == NULL && code == CLOSE_TOO_LARGE)
    {
      fail_too_large (self, reason);
      own = belfry_client_error_new_from_close (0, NULL, NULL);
    }
  else
    own = error != NULL ? g_error_copy (error) : belfry_client_error_new_from_close (code, reason, NULL);

  fail_all (self, own);
}

static const BelfryClientSocketFuncs socket_funcs = {
  .opened = on_opened,
  .text = on_text,
  .closed = on_closed,
};

static void
belfry_client_publisher_get_property (GObject    *object,
                                      guint       property_id,
                                      GValue     *value,
                                      GParamSpec *pspec)
{
  BelfryClientPublisher *self = BELFRY_CLIENT_PUBLISHER (object);

  switch ((BelfryClientPublisherProperty) property_id)
    {
    case PROP_CLIENT:
      g_value_set_object (value, self->client);
      break;
    case PROP_MAX_IN_FLIGHT:
      g_value_set_uint (value, self->max_in_flight);
      break;
    case PROP_IN_FLIGHT:
      g_value_set_uint (value, self->in_flight.length);
      break;
    case PROP_PUBLISHED:
      g_value_set_uint64 (value, self->published);
      break;
    case PROP_REFUSED:
      g_value_set_uint64 (value, self->refused);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
belfry_client_publisher_set_property (GObject      *object,
                                      guint         property_id,
                                      const GValue *value,
                                      GParamSpec   *pspec)
{
  BelfryClientPublisher *self = BELFRY_CLIENT_PUBLISHER (object);

  switch ((BelfryClientPublisherProperty) property_id)
    {
    case PROP_CLIENT:
      self->client = g_value_dup_object (value);
      break;
    case PROP_MAX_IN_FLIGHT:
      self->max_in_flight = g_value_get_uint (value);
      break;
    case PROP_IN_FLIGHT:
    case PROP_PUBLISHED:
    case PROP_REFUSED:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
belfry_client_publisher_dispose (GObject *object)
{
  BelfryClientPublisher *self = BELFRY_CLIENT_PUBLISHER (object);

  /* Each task holds a reference to us, so none is left. */
  g_assert (g_queue_is_empty (&self->in_flight));
  g_clear_pointer (&self->socket, belfry_client_socket_shut);
  g_clear_object (&self->client);

  G_OBJECT_CLASS (belfry_client_publisher_parent_class)->dispose (object);
}

static void
belfry_client_publisher_class_init (BelfryClientPublisherClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = belfry_client_publisher_dispose;
  object_class->get_property = belfry_client_publisher_get_property;
  object_class->set_property = belfry_client_publisher_set_property;

  /**
   * BelfryClientPublisher:client:
   *
   * Where the events go.
   *
   * Since: 0.1
   */
  properties[PROP_CLIENT] =
    g_param_spec_object ("client", NULL, NULL, BELFRY_TYPE_CLIENT,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClientPublisher:max-in-flight:
   *
   * How many events may wait for their answer; one more is %BELFRY_ERROR_CAPACITY.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_IN_FLIGHT] =
    g_param_spec_uint ("max-in-flight", NULL, NULL, 1, 1000000, DEFAULT_MAX_IN_FLIGHT,
                       G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClientPublisher:in-flight: (getter get_in_flight)
   *
   * How many events wait for their answer.
   *
   * Since: 0.1
   */
  properties[PROP_IN_FLIGHT] =
    g_param_spec_uint ("in-flight", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClientPublisher:published:
   *
   * Events accepted so far.
   *
   * Since: 0.1
   */
  properties[PROP_PUBLISHED] =
    g_param_spec_uint64 ("published", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClientPublisher:refused:
   *
   * Events that the daemon answered with an error.
   *
   * Since: 0.1
   */
  properties[PROP_REFUSED] =
    g_param_spec_uint64 ("refused", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
belfry_client_publisher_init (BelfryClientPublisher *self)
{
  g_queue_init (&self->in_flight);
}

/**
 * belfry_client_publisher_new:
 * @client: where the events go
 *
 * Makes a publisher. Nothing is sent yet.
 *
 * Returns: (transfer full): a new publisher
 *
 * Since: 0.1
 */
BelfryClientPublisher *
belfry_client_publisher_new (BelfryClient *client)
{
  g_return_val_if_fail (BELFRY_IS_CLIENT (client), NULL);

  return g_object_new (BELFRY_TYPE_CLIENT_PUBLISHER, "client", client, NULL);
}

/**
 * belfry_client_publisher_is_full:
 * @self: a publisher
 *
 * Whether as many events wait for their answer as may.
 *
 * Returns: %TRUE when no further event is taken now
 *
 * Since: 0.1
 */
gboolean
belfry_client_publisher_is_full (BelfryClientPublisher *self)
{
  g_return_val_if_fail (BELFRY_IS_CLIENT_PUBLISHER (self), TRUE);

  return self->in_flight.length >= self->max_in_flight;
}

/**
 * belfry_client_publisher_get_in_flight: (get-property in-flight)
 * @self: a publisher
 *
 * How many events wait for their answer.
 *
 * Returns: their number
 *
 * Since: 0.1
 */
guint
belfry_client_publisher_get_in_flight (BelfryClientPublisher *self)
{
  g_return_val_if_fail (BELFRY_IS_CLIENT_PUBLISHER (self), 0);

  return self->in_flight.length;
}

/**
 * belfry_client_publisher_publish_async:
 * @self: a publisher
 * @json: one event, as JSON
 * @cancellable: (nullable): to be told of a cancellation in place of the answer, when that comes; the event is sent
 *   all the same
 * @callback: (scope async): called when answered
 * @user_data: (closure callback): data for @callback
 *
 * Sends an event behind those that were given before. It succeeds when the event is durable.
 *
 * Since: 0.1
 */
void
belfry_client_publisher_publish_async (BelfryClientPublisher *self,
                                       const char            *json,
                                       GCancellable          *cancellable,
                                       GAsyncReadyCallback    callback,
                                       gpointer               user_data)
{
  g_autoptr(GTask) task = NULL;

  g_return_if_fail (BELFRY_IS_CLIENT_PUBLISHER (self));
  g_return_if_fail (json != NULL);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, belfry_client_publisher_publish_async);

  if (belfry_client_publisher_is_full (self))
    {
      g_task_return_new_error (task, BELFRY_ERROR, BELFRY_ERROR_CAPACITY,
                               "%u events already wait for their answer", self->in_flight.length);
      return;
    }

  g_task_set_task_data (task, g_strdup (json), g_free);
  g_queue_push_tail (&self->in_flight, g_object_ref (task));

  if (self->socket == NULL)
    {
      self->told_too_large = FALSE;
      self->socket = belfry_client_socket_new (self->client, "/ws/publish",
                                               belfry_client_get_timeout (self->client) * 1000,
                                               &socket_funcs, self);
    }
  else if (belfry_client_socket_is_open (self->socket))
    send_task (self, task);
}

/**
 * belfry_client_publisher_publish_finish:
 * @self: a publisher
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Belfry.ClientPublisher.publish_async]. %BELFRY_ERROR_INVALID_EVENT or %BELFRY_ERROR_INVALID_JSON tell
 * that the event was refused.
 *
 * Returns: (transfer full): the id of the accepted event
 *
 * Since: 0.1
 */
char *
belfry_client_publisher_publish_finish (BelfryClientPublisher  *self,
                                        GAsyncResult           *result,
                                        GError                **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, belfry_client_publisher_publish_async), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * belfry_client_publisher_close:
 * @self: a publisher
 *
 * Closes the connection; events without an answer fail with %G_IO_ERROR_CANCELLED. A later event opens it again.
 *
 * Since: 0.1
 */
void
belfry_client_publisher_close (BelfryClientPublisher *self)
{
  g_autoptr(BelfryClientPublisher) alive = NULL;
  g_autoptr(GError) error = NULL;

  g_return_if_fail (BELFRY_IS_CLIENT_PUBLISHER (self));

  alive = g_object_ref (self);
  error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "The publisher was closed");
  g_clear_pointer (&self->socket, belfry_client_socket_shut);
  fail_all (self, error);
}
