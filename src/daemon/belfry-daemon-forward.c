/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-daemon-forward.h"

#include "belfry-buffer-private.h"
#include "belfry-dead-letter-private.h"
#include "belfry-forwarder.h"
#include "belfry-letter-forwarder.h"
#include "belfry-pipeline-private.h"
#include "belfry-retention-private.h"
#include "belfry-server-private.h"

#ifdef HAVE_KAFKA
#include "belfry-kafka-sink.h"
#endif

/* How far Kafka is, in the log. */
#define CURSOR_NAME        "kafka"
#define LETTER_CURSOR_NAME "kafka-dlq"

/* How long an event that could not be kept as a letter waits for the next attempt. */
#define KEEP_AGAIN_SEC 1

#define USEC_PER_HOUR (3600 * (gint64) G_USEC_PER_SEC)

struct _BelfryDaemonForward
{
  BelfryPipeline  *pipeline;   /* owned */
  BelfrySink      *sink;       /* owned; NULL without Kafka, like the next */
  BelfryForwarder *forwarder;  /* owned */
  BelfryLetterForwarder *letters;  /* owned */
  guint64          retention_hours;
};

static gboolean
wants_kafka (const BelfrySettings *settings)
{
  return settings->kafka_bootstrap_servers != NULL && settings->kafka_bootstrap_servers[0] != '\0';
}

/* NULL: refused events stay here. */
static const char *
get_letter_topic (const BelfrySettings *settings)
{
  return settings->kafka_dlq_topic[0] != '\0' ? settings->kafka_dlq_topic : NULL;
}

#ifdef HAVE_KAFKA

gboolean
belfry_daemon_forward_check (const BelfrySettings  *settings,
                             GError               **error)
{
  return !wants_kafka (settings)
         || belfry_kafka_sink_check (settings->kafka_bootstrap_servers, settings->kafka_topic, get_letter_topic (settings),
                                      settings->kafka_config, error);
}

static BelfrySink *
make_sink (const BelfrySettings  *settings,
           GError               **error)
{
  BelfryKafkaSink *sink = belfry_kafka_sink_new (settings->kafka_bootstrap_servers, settings->kafka_topic, get_letter_topic (settings),
                                                 (guint) settings->kafka_partitions, settings->kafka_config, error);

  return sink != NULL ? BELFRY_SINK (sink) : NULL;
}

#else

gboolean
belfry_daemon_forward_check (const BelfrySettings  *settings,
                             GError               **error)
{
  if (!wants_kafka (settings))
    return TRUE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "KAFKA_BOOTSTRAP_SERVERS: this belfryd was built without Kafka");
  return FALSE;
}

static BelfrySink *
make_sink (const BelfrySettings  *settings,
           GError               **error)
{
  (void) belfry_daemon_forward_check (settings, error);
  return NULL;
}

#endif

static const char *
describe_kafka (gpointer user_data)
{
  BelfryDaemonForward *self = user_data;
  const char *trouble;

  if (self->sink == NULL)
    return "disabled";
  trouble = belfry_sink_get_trouble (self->sink);
  return trouble != NULL ? trouble : "ok";
}

static void
describe_buffer (BelfryBufferState *state,
                 gpointer           user_data)
{
  BelfryDaemonForward *self = user_data;
  BelfryDeadLetterTally tally;
  gint64 oldest_usec;

  belfry_dead_letter_keeper_get_tally (BELFRY_DEAD_LETTER_KEEPER (belfry_pipeline_get_store (self->pipeline)), &tally);
  state->dead_letters = tally.n_ever;
  state->retention_hours = self->retention_hours;
  if (self->forwarder == NULL)
    return;

  oldest_usec = belfry_forwarder_get_oldest_usec (self->forwarder);
  state->pending_events = belfry_forwarder_get_pending (self->forwarder);
  state->pending_bytes = belfry_forwarder_get_pending_bytes (self->forwarder);
  state->oldest_pending_usec = oldest_usec != G_MAXINT64 ? oldest_usec : 0;
  state->forwarded_events = belfry_forwarder_get_forwarded (self->forwarder);
  state->kafka = belfry_sink_is_connected (self->sink) ? "connected" : "unreachable";
}

/* An event that Kafka will never take, on its way to the dead letters. */
typedef struct
{
  BelfryForwarder *forwarder;  /* owned, like the next two */
  BelfryEventStore *store;
  BelfryDeadLetter *letter;
  guint64           position;
} Refusal;

static void
free_refusal (Refusal *refusal)
{
  g_object_unref (refusal->forwarder);
  g_object_unref (refusal->store);
  belfry_dead_letter_unref (refusal->letter);
  g_free (refusal);
}

static gboolean keep_cb (gpointer user_data);

static void
kept_cb (GObject      *object,
         GAsyncResult *result,
         gpointer      user_data)
{
  Refusal *refusal = user_data;
  g_autoptr(GError) error = NULL;

  if (!belfry_event_store_append_finish (BELFRY_EVENT_STORE (object), result, &error))
    {
      g_debug ("Cannot keep an event that Kafka refused: %s, retrying", error->message);
      g_timeout_add_seconds (KEEP_AGAIN_SEC, keep_cb, refusal);
      return;
    }

  belfry_forwarder_letter_kept (refusal->forwarder, refusal->position);
  free_refusal (refusal);
}

static gboolean
keep_cb (gpointer user_data)
{
  Refusal *refusal = user_data;
  g_autoptr(GPtrArray) events = g_ptr_array_new ();
  g_autoptr(GPtrArray) letters = g_ptr_array_new ();
  const BelfryConsignment delivery = { .events = events, .letters = letters };

  g_ptr_array_add (letters, refusal->letter);
  belfry_dead_letter_keeper_deliver_async (BELFRY_DEAD_LETTER_KEEPER (refusal->store), &delivery, NULL, kept_cb, refusal);
  return G_SOURCE_REMOVE;
}

static gboolean
on_refused (BelfryForwarder *forwarder,
            BelfryEvent     *event,
            const char      *reason,
            gpointer         user_data)
{
  BelfryDaemonForward *self = user_data;
  g_autofree char *made = NULL;
  gsize length;
  const char *value = belfry_forwarder_make_value (event, &length, &made);
  g_autoptr(GBytes) body = g_bytes_new (value, length);
  Refusal *refusal = g_new (Refusal, 1);

  *refusal = (Refusal) {
    g_object_ref (forwarder), g_object_ref (belfry_pipeline_get_store (self->pipeline)),
    belfry_dead_letter_new ("kafka", reason, "", "Kafka does not take this event", "application/json", body),
    belfry_event_get_position (event),
  };
  (void) keep_cb (refusal);
  return FALSE;
}

static gint64
get_hold (gpointer user_data)
{
  return belfry_forwarder_get_hold_usec (((BelfryDaemonForward *) user_data)->forwarder);
}

static void
start (BelfryDaemonForward  *self,
       BelfryServer         *server,
       const BelfrySettings *settings)
{
  gboolean from_beginning = g_str_equal (settings->kafka_start, "beginning");

  self->forwarder = belfry_forwarder_new (belfry_pipeline_get_store (self->pipeline), self->sink);
  g_object_set (self->forwarder,
                "max-flight-events", (guint) settings->kafka_max_in_flight,
                "buffer-max-usec", (gint64) settings->buffer_retention_hours * USEC_PER_HOUR,
                "buffer-max-bytes", settings->buffer_max_bytes, NULL);
  belfry_forwarder_set_letter_func (self->forwarder, on_refused, self);
  belfry_forwarder_start (self->forwarder, CURSOR_NAME, from_beginning);
  if (get_letter_topic (settings) != NULL)
    self->letters = belfry_letter_forwarder_new (belfry_pipeline_get_store (self->pipeline), self->sink, LETTER_CURSOR_NAME,
                                                 from_beginning);
  belfry_retention_set_hold (belfry_pipeline_peek_retention (self->pipeline), get_hold, self);
  belfry_server_add_counters (server, "forwarder", G_OBJECT (self->forwarder));
  belfry_server_add_counters (server, "kafka", G_OBJECT (self->sink));
}

BelfryDaemonForward *
belfry_daemon_forward_new (BelfryServer          *server,
                           const BelfrySettings  *settings,
                           GError               **error)
{
  g_autoptr(BelfrySink) sink = NULL;
  BelfryDaemonForward *self;

  if (wants_kafka (settings) && (sink = make_sink (settings, error)) == NULL)
    return NULL;

  self = g_new0 (BelfryDaemonForward, 1);
  self->pipeline = g_object_ref (belfry_server_get_pipeline (server));
  self->sink = g_steal_pointer (&sink);
  self->retention_hours = settings->buffer_retention_hours;
  if (self->sink != NULL)
    start (self, server, settings);
  belfry_server_set_buffer_func (server, describe_buffer, self);
  belfry_server_add_component (server, "kafka", describe_kafka, self);

  return self;
}

void
belfry_daemon_forward_stop (BelfryDaemonForward  *self,
                            void                (*func) (gpointer user_data),
                            gpointer              user_data)
{
  if (self->forwarder != NULL)
    belfry_forwarder_stop (self->forwarder, func, user_data);
  else
    func (user_data);
}

void
belfry_daemon_forward_free (BelfryDaemonForward *self)
{
  belfry_retention_set_hold (belfry_pipeline_peek_retention (self->pipeline), NULL, NULL);
  g_clear_pointer (&self->letters, belfry_letter_forwarder_stop);
  /* Somebody may hold a reference for an answer that nobody waits for any more; the thread is not to outlive the log. */
  if (self->forwarder != NULL)
    g_object_run_dispose (G_OBJECT (self->forwarder));
  if (self->sink != NULL)
    g_object_run_dispose (G_OBJECT (self->sink));
  g_clear_object (&self->forwarder);
  g_clear_object (&self->sink);
  g_clear_object (&self->pipeline);
  g_free (self);
}
