/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-collector-private.h"
#include "belfry-error.h"
#include "belfry-gunzip-private.h"
#include "belfry-idempotency-private.h"
#include "belfry-server-private.h"

/* POST /collect. */

/* One request on its way through the log. */
typedef struct
{
  BelfryRequest        *request;  /* owned */
  BelfryCollectorBatch *batch;    /* owned */
} Collection;

static void
collection_free (Collection *collection)
{
  g_clear_object (&collection->request);
  g_clear_pointer (&collection->batch, belfry_collector_batch_free);
  g_free (collection);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Collection, collection_free)

/* Up to the parameters, without case. */
static gboolean
is_word (const char *value,
         const char *word)
{
  gsize length = strlen (word);

  return g_ascii_strncasecmp (value, word, length) == 0
         && value[length + strspn (value + length, " \t")] == (strchr (value, ';') != NULL ? ';' : '\0');
}

/* FALSE with the request answered. */
static gboolean
check_content_type (BelfryRequest *request)
{
  const char *type = belfry_request_get_header (request, "Content-Type");

  if (type == NULL || is_word (type, "application/json"))
    return TRUE;

  belfry_request_respond_detail (request, 415, "Content-Type should be application/json");
  return FALSE;
}

/* Of several headers all, joined by commas: encodings that lie over one another are not taken. */
static const char *
get_encoding (BelfryRequest *request)
{
  SoupServerMessage *message = belfry_request_get_message (request);

  if (message == NULL)
    return belfry_request_get_header (request, "Content-Encoding");

  return soup_message_headers_get_list (soup_server_message_get_request_headers (message), "Content-Encoding");
}

/* The body as it was meant; NULL with the request answered. */
static GBytes *
unpack_body (BelfryServer  *server,
             BelfryRequest *request)
{
  const char *encoding = get_encoding (request);
  GBytes *body = belfry_request_get_body (request);
  g_autoptr(GError) error = NULL;
  GBytes *unpacked;
  guint64 max_bytes;

  if (encoding == NULL || encoding[0] == '\0' || g_ascii_strcasecmp (encoding, "identity") == 0)
    return g_bytes_ref (body);
  if (g_ascii_strcasecmp (encoding, "gzip") != 0 && g_ascii_strcasecmp (encoding, "x-gzip") != 0)
    {
      belfry_request_set_response_header (request, "Accept-Encoding", "gzip");
      belfry_request_respond_detail (request, 415, "Content-Encoding should be gzip, or none");
      return NULL;
    }

  g_object_get (server, "max-batch-bytes", &max_bytes, NULL);
  unpacked = belfry_gunzip (body, (gsize) max_bytes, &error);
  if (unpacked == NULL && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE))
    belfry_request_respond_detail (request, 413, "Request body too large");
  else if (unpacked == NULL)
    belfry_request_respond_detail (request, 400, "Body should be one whole gzip stream");
  return unpacked;
}

/* What is wrong with a body as a whole. */
static void
refuse_body (BelfryRequest       *request,
             BelfryCollectorBody  verdict)
{
  switch (verdict)
    {
    case BELFRY_COLLECTOR_BODY_NO_JSON:
      belfry_request_respond_detail (request, 400, "Invalid JSON");
      break;
    case BELFRY_COLLECTOR_BODY_NO_OBJECT:
      belfry_request_respond_problem (request, "body", NULL, "model_attributes_type",
                                      "Input should be a valid dictionary or object");
      break;
    case BELFRY_COLLECTOR_BODY_NO_EVENTS:
      belfry_request_respond_problem (request, "body", "events", "missing", "Field required");
      break;
    case BELFRY_COLLECTOR_BODY_NO_LIST:
      belfry_request_respond_problem (request, "body", "events", "list_type", "Input should be a valid list");
      break;
    case BELFRY_COLLECTOR_BODY_EMPTY:
      belfry_request_respond_problem (request, "body", "events", "too_short",
                                      "List should have at least 1 item after validation, not 0");
      break;
    case BELFRY_COLLECTOR_BODY_TOO_MANY:
      belfry_request_respond_detail (request, 413, "Too many events");
      break;
    case BELFRY_COLLECTOR_BODY_GOOD:
    default:
      g_assert_not_reached ();
    }
}

static GBytes *
format_on_writer (GPtrArray              *events,
                  const BelfryEventPlace *places,
                  gpointer                user_data)
{
  return belfry_collector_batch_format (user_data, places);
}

static void
delivered_cb (BelfryCollectorBatch *batch,
              const BelfryConsignment *delivery,
              const GError         *error,
              gpointer              user_data)
{
  g_autoptr(Collection) collection = user_data;
  BelfryRequest *request = collection->request;
  g_autoptr(GBytes) answer = NULL;

  if (error != NULL)
    {
      belfry_request_respond_error (request, error);
      return;
    }
  if (delivery->receipt != NULL && belfry_idempotency_respond (request, delivery->receipt))
    return;

  answer = belfry_collector_batch_format (batch, NULL);
  belfry_request_respond (request, batch->events->len > 0 ? 200 : 422, "application/json", answer);
}

static void
collect (BelfryServer  *server,
         BelfryRequest *request,
         gpointer       user_data)
{
  BelfryCollector *self = BELFRY_COLLECTOR (user_data);
  g_autoptr(Collection) collection = NULL;
  g_autoptr(BelfryReceipt) receipt = NULL;
  g_autoptr(GBytes) body = NULL;
  BelfryCollectorBody verdict;
  BelfryLearnerRules rules;

  /* Who packs the same again may get other bytes: gzip writes the time into them. */
  if (!check_content_type (request) || (body = unpack_body (server, request)) == NULL
      || !belfry_idempotency_read (request, body, 200, &receipt))
    return;

  collection = g_new0 (Collection, 1);
  collection->request = g_object_ref (request);
  collection->batch = belfry_collector_batch_new (g_get_real_time ());
  belfry_collector_get_rules (self, collection->batch, &rules);
  verdict = belfry_collector_batch_read (collection->batch, &rules, body, belfry_collector_get_max_batch_events (self));
  if (verdict != BELFRY_COLLECTOR_BODY_GOOD)
    {
      refuse_body (request, verdict);
      return;
    }

  if (receipt != NULL)
    {
      receipt->answer_func = format_on_writer;
      receipt->answer_data = collection->batch;
    }
  if (belfry_collector_deliver (self, BELFRY_COLLECTOR_DOOR_HTTP, collection->batch, receipt, delivered_cb, collection))
    g_steal_pointer (&collection);
  else
    belfry_idempotency_respond_conflict (request);
}

void
belfry_collector_door_add_routes (BelfryCollector *self,
                                  BelfryServer    *server)
{
  belfry_server_add_route_full (server, "POST", "/collect",
                                BELFRY_ROUTE_PLAIN | BELFRY_ROUTE_GUARDED | BELFRY_ROUTE_BATCH, BELFRY_SCOPE_COLLECT,
                                BELFRY_RATE_CLASS_COLLECT, collect, g_object_ref (self), g_object_unref);
}
