/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <librdkafka/rdkafka.h>

#include "belfry-event-private.h"

G_BEGIN_DECLS

/* Hands the event to librdkafka, as a CloudEvent in binary mode. The event must live until it is reported. */
rd_kafka_resp_err_t belfry_kafka_message_produce (rd_kafka_t *handle, rd_kafka_topic_t *topic, BelfryEvent *event, gpointer opaque);

G_END_DECLS
