/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-kafka-message-private.h"

#include <string.h>

#include "belfry-forwarder.h"

#define TYPE_PREFIX   "org.belfry."
#define SOURCE_PREFIX "/belfry/"
#define CONTENT_TYPE  "application/json"

/* An empty text names nobody, and would lead all that have one into the same partition. */
static gboolean
is_empty (const char *text)
{
  return text == NULL || text[0] == '\0';
}

/* Types and sources are shorter than this, by their rules. */
#define MAX_NAME 400

static const char *
get_key (BelfryEvent *event)
{
  const char *key = belfry_event_get_user_id (event);

  if (is_empty (key))
    key = belfry_event_get_session_id (event);

  return is_empty (key) ? belfry_event_get_id (event) : key;
}

static void
add_header (rd_kafka_headers_t *headers,
            const char         *name,
            const char         *value)
{
  (void) rd_kafka_header_add (headers, name, -1, value, -1);
}

static void
add_named_header (rd_kafka_headers_t *headers,
                  const char         *name,
                  const char         *prefix,
                  const char         *value)
{
  char text[MAX_NAME];

  g_strlcpy (text, prefix, sizeof text);
  g_strlcat (text, value, sizeof text);
  add_header (headers, name, text);
}

static rd_kafka_headers_t *
make_headers (BelfryEvent *event)
{
  rd_kafka_headers_t *headers = rd_kafka_headers_new (6);
  g_autofree char *timestamp = belfry_event_dup_timestamp (event);

  add_header (headers, "ce_specversion", "1.0");
  add_header (headers, "ce_id", belfry_event_get_id (event));
  add_named_header (headers, "ce_type", TYPE_PREFIX, belfry_event_get_event_type (event));
  add_named_header (headers, "ce_source", SOURCE_PREFIX, belfry_event_get_source (event));
  add_header (headers, "ce_time", timestamp);
  add_header (headers, "content-type", CONTENT_TYPE);

  return headers;
}

rd_kafka_resp_err_t
belfry_kafka_message_produce (rd_kafka_t       *handle,
                              rd_kafka_topic_t *topic,
                              BelfryEvent      *event,
                              gpointer          opaque)
{
  g_autofree char *made = NULL;
  const char *key = get_key (event);
  rd_kafka_headers_t *headers = make_headers (event);
  rd_kafka_resp_err_t result;
  rd_kafka_error_t *error;
  gsize length;
  const char *value = belfry_forwarder_make_value (event, &length, &made);

  /* The event keeps its text; what was made goes with the message. */
  const rd_kafka_vu_t parts[] = {
    { .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic },
    { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = made != NULL ? RD_KAFKA_MSG_F_COPY : 0 },
    { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { (void *) key, strlen (key) } },
    { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { (void *) value, length } },
    { .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = opaque },
    { .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
  };

  error = rd_kafka_produceva (handle, parts, G_N_ELEMENTS (parts));
  if (error == NULL)
    return RD_KAFKA_RESP_ERR_NO_ERROR;

  result = rd_kafka_error_code (error);
  rd_kafka_error_destroy (error);
  rd_kafka_headers_destroy (headers);

  return result;
}
