/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-kafka-handle-private.h"

#define ASK_MSEC       5000
#define ASK_AGAIN_USEC G_USEC_PER_SEC
#define PROBE_MSEC     500

gboolean
belfry_kafka_handle_open (BelfryKafkaHandle        *self,
                          const BelfryKafkaConfig  *config,
                          gboolean                  one_by_one,
                          int                       wake_fd,
                          GError                  **error)
{
  static const guint64 one = 1;

  *self = (BelfryKafkaHandle) { 0 };
  self->rk = belfry_kafka_config_open (config, one_by_one, error);
  if (self->rk == NULL)
    return FALSE;

  self->queue = rd_kafka_queue_get_main (self->rk);
  self->topic = rd_kafka_topic_new (self->rk, config->topic, NULL);
  if (self->topic == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "KAFKA_TOPIC: '%s' is not allowed; allowed: 1 to 249 of A-Z a-z 0-9 _ - .",
                   config->topic);
      belfry_kafka_handle_close (self);
      return FALSE;
    }
  if (config->letter_topic != NULL)
    self->letter_topic = rd_kafka_topic_new (self->rk, config->letter_topic, NULL);
  rd_kafka_queue_io_event_enable (self->queue, wake_fd, &one, sizeof one);

  return TRUE;
}

void
belfry_kafka_handle_close (BelfryKafkaHandle *self)
{
  if (self->rk == NULL)
    return;

  rd_kafka_queue_io_event_enable (self->queue, -1, NULL, 0);
  (void) rd_kafka_purge (self->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  if (self->topic != NULL)
    rd_kafka_topic_destroy (self->topic);
  if (self->letter_topic != NULL)
    rd_kafka_topic_destroy (self->letter_topic);
  rd_kafka_queue_destroy (self->queue);
  rd_kafka_destroy (self->rk);
  *self = (BelfryKafkaHandle) { 0 };
}

static void
ask (BelfryKafkaHandle       *self,
     const BelfryKafkaConfig *config)
{
  rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new (self->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
  rd_kafka_NewTopic_t *topics[2];
  char reason[256];
  gsize n_topics = 0;

  /* As many replicas as the broker makes by itself. */
  topics[n_topics++] = rd_kafka_NewTopic_new (config->topic, config->partitions, -1, reason, sizeof reason);
  if (config->letter_topic != NULL && g_strcmp0 (config->letter_topic, config->topic) != 0)
    topics[n_topics++] = rd_kafka_NewTopic_new (config->letter_topic, config->partitions, -1, reason, sizeof reason);

  (void) rd_kafka_AdminOptions_set_request_timeout (options, ASK_MSEC, reason, sizeof reason);
  rd_kafka_CreateTopics (self->rk, topics, n_topics, options, self->queue);
  rd_kafka_NewTopic_destroy_array (topics, n_topics);
  rd_kafka_AdminOptions_destroy (options);
  self->is_asking = TRUE;
}

void
belfry_kafka_handle_ask_for_topics (BelfryKafkaHandle       *self,
                                    const BelfryKafkaConfig *config)
{
  if (self->rk != NULL && !self->is_asking && g_get_monotonic_time () >= self->ask_again_usec)
    ask (self, config);
}

gboolean
belfry_kafka_handle_ensure_topics (BelfryKafkaHandle       *self,
                                   const BelfryKafkaConfig *config)
{
  if (!self->has_topics)
    belfry_kafka_handle_ask_for_topics (self, config);

  return self->has_topics;
}

static void
note_topic (const rd_kafka_topic_result_t *result)
{
  rd_kafka_resp_err_t error = rd_kafka_topic_result_error (result);

  if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
    g_message ("Created the topic '%s'", rd_kafka_topic_result_name (result));
  else if (error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
    g_debug ("Could not create the topic '%s': %s", rd_kafka_topic_result_name (result), rd_kafka_err2name (error));
}

/* A broker that creates no topics for us may have them all the same. */
gboolean
belfry_kafka_handle_take_topics (BelfryKafkaHandle *self,
                                 rd_kafka_event_t  *event)
{
  const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result (event);
  rd_kafka_resp_err_t error = rd_kafka_event_error (event);
  const rd_kafka_topic_result_t **topics;
  gsize n_topics;

  self->is_asking = FALSE;
  self->ask_again_usec = g_get_monotonic_time () + ASK_AGAIN_USEC;
  if (error == RD_KAFKA_RESP_ERR__TIMED_OUT || error == RD_KAFKA_RESP_ERR__TRANSPORT)
    return FALSE;

  self->has_topics = TRUE;
  topics = rd_kafka_CreateTopics_result_topics (result, &n_topics);
  for (gsize i = 0; i < n_topics; i++)
    note_topic (topics[i]);

  return TRUE;
}

void
belfry_kafka_handle_forget_topics (BelfryKafkaHandle *self)
{
  self->has_topics = FALSE;
}

BelfryKafkaTrouble
belfry_kafka_handle_probe (BelfryKafkaHandle *self)
{
  const struct rd_kafka_metadata *metadata;
  rd_kafka_resp_err_t error = rd_kafka_metadata (self->rk, 0, self->topic, &metadata, PROBE_MSEC);
  BelfryKafkaTrouble trouble;

  if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
    return BELFRY_KAFKA_UNREACHABLE;

  trouble = metadata->topic_cnt > 0 ? belfry_kafka_trouble_from_error (metadata->topics[0].err) : BELFRY_KAFKA_FINE;
  rd_kafka_metadata_destroy (metadata);

  return trouble;
}

void
belfry_kafka_handle_log (rd_kafka_event_t *event)
{
  const char *facility, *text;
  int level;

  if (rd_kafka_event_log (event, &facility, &text, &level) == 0)
    g_debug ("librdkafka %s: %s", facility, text);
}
