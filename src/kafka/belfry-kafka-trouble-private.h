/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <librdkafka/rdkafka.h>

#include <glib.h>

G_BEGIN_DECLS

/* What keeps events from arriving, as far as somebody would act differently on it. Later ones say more than earlier ones. */
typedef enum
{
  BELFRY_KAFKA_FINE,
  BELFRY_KAFKA_CONNECTING,
  BELFRY_KAFKA_UNREACHABLE,
  BELFRY_KAFKA_TLS_FAILED,
  BELFRY_KAFKA_NOT_AUTHENTICATED,
  BELFRY_KAFKA_TOPIC_MISSING,
  BELFRY_KAFKA_NOT_AUTHORIZED,
  BELFRY_KAFKA_NOT_TAKEN,
} BelfryKafkaTrouble;

/* In words that anybody may read; NULL for FINE. */
const char         *belfry_kafka_trouble_describe   (BelfryKafkaTrouble self);
gboolean            belfry_kafka_trouble_is_distant (BelfryKafkaTrouble self);
BelfryKafkaTrouble  belfry_kafka_trouble_from_error (rd_kafka_resp_err_t error);
/* What became of a message that was sent. */
rd_kafka_resp_err_t belfry_kafka_get_outcome        (const rd_kafka_message_t *message);
/* The words for why. */
#define BELFRY_KAFKA_TOO_LARGE "message_too_large"
#define BELFRY_KAFKA_INVALID   "invalid_record"

/* Whether a message is refused for what it is: alone for good, in company because of one of them. reason: one of those words. */
gboolean            belfry_kafka_is_refusal         (rd_kafka_resp_err_t error, const char **reason);

G_END_DECLS
