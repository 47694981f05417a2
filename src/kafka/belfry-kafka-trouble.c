/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-kafka-trouble-private.h"

/* The one place that knows what librdkafka's errors mean to us. */

const char *
belfry_kafka_trouble_describe (BelfryKafkaTrouble self)
{
  static const char * const texts[] = {
    [BELFRY_KAFKA_FINE] = NULL,
    [BELFRY_KAFKA_CONNECTING] = "connecting",
    [BELFRY_KAFKA_UNREACHABLE] = "unreachable",
    [BELFRY_KAFKA_TLS_FAILED] = "TLS failed",
    [BELFRY_KAFKA_NOT_AUTHENTICATED] = "authentication failed",
    [BELFRY_KAFKA_TOPIC_MISSING] = "topic missing",
    [BELFRY_KAFKA_NOT_AUTHORIZED] = "not authorized",
    [BELFRY_KAFKA_NOT_TAKEN] = "events are not taken",
  };

  return texts[self];
}

gboolean
belfry_kafka_trouble_is_distant (BelfryKafkaTrouble self)
{
  return self >= BELFRY_KAFKA_CONNECTING && self <= BELFRY_KAFKA_NOT_AUTHENTICATED;
}

BelfryKafkaTrouble
belfry_kafka_trouble_from_error (rd_kafka_resp_err_t error)
{
  switch ((int) error)
    {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return BELFRY_KAFKA_FINE;
    case RD_KAFKA_RESP_ERR__SSL:
      return BELFRY_KAFKA_TLS_FAILED;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      return BELFRY_KAFKA_NOT_AUTHENTICATED;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      return BELFRY_KAFKA_TOPIC_MISSING;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return BELFRY_KAFKA_NOT_AUTHORIZED;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
      return BELFRY_KAFKA_UNREACHABLE;
    default:
      return BELFRY_KAFKA_NOT_TAKEN;
    }
}

gboolean
belfry_kafka_is_refusal (rd_kafka_resp_err_t   error,
                         const char          **reason)
{
  switch ((int) error)
    {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
      *reason = BELFRY_KAFKA_TOO_LARGE;
      return TRUE;
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
      *reason = BELFRY_KAFKA_INVALID;
      return TRUE;
    default:
      return FALSE;
    }
}

/* Success without a place in the topic is a guess of librdkafka's, because a later message was taken. */
rd_kafka_resp_err_t
belfry_kafka_get_outcome (const rd_kafka_message_t *message)
{
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset == RD_KAFKA_OFFSET_INVALID)
    return RD_KAFKA_RESP_ERR__INCONSISTENT;

  return message->err;
}
