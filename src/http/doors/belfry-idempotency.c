/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-idempotency-private.h"

#include <string.h>

#include "belfry-error.h"
#include "belfry-pipeline-private.h"

#define HEADER  "Idempotency-Key"
#define MAX_KEY 255

/* One request on its way through the log. */
typedef struct
{
  BelfryRequest *request;  /* owned */
  GError        *refusal;  /* owned; or NULL */
} Attempt;

static void
attempt_free (Attempt *attempt)
{
  g_clear_object (&attempt->request);
  g_clear_error (&attempt->refusal);
  g_free (attempt);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Attempt, attempt_free)

/* RFC 8941, section 3.3.3; the text begins behind the first quotation mark. */
static char *
parse_quoted (const char *text)
{
  g_autoptr(GString) key = g_string_new (NULL);

  for (; *text != '"'; text++)
    {
      if (*text == '\\' && (text[1] == '"' || text[1] == '\\'))
        text++;
      else if (*text == '\\')
        return NULL;
      if (!g_ascii_isprint (*text))
        return NULL;
      g_string_append_c (key, *text);
    }

  return text[1] == '\0' ? g_string_free (g_steal_pointer (&key), FALSE) : NULL;
}

/* Many clients leave the quotation marks out. What would mean something else in a structured field stays refused: a comma is
 * also what becomes of two headers on their way. */
static char *
parse_bare (const char *text)
{
  for (const char *at = text; *at != '\0'; at++)
    {
      if (!g_ascii_isgraph (*at) || strchr ("\"\\,;", *at) != NULL)
        return NULL;
    }

  return g_strdup (text);
}

char *
belfry_idempotency_parse (const char *text)
{
  g_autofree char *key = text[0] == '"' ? parse_quoted (text + 1) : parse_bare (text);

  if (key == NULL || key[0] == '\0' || strlen (key) > MAX_KEY)
    return NULL;

  return g_steal_pointer (&key);
}

/* Whose key the request came with; all who come without are one. */
static const char *
get_client_name (BelfryRequest *request)
{
  const BelfryGrant *grant = belfry_request_get_grant (request);

  return grant != NULL ? grant->name : "";
}

/* Different clients may choose the same key, and so may one client for different things. */
static void
digest_key (BelfryRequest *request,
            const char    *key,
            guint8        *digest)
{
  g_autoptr(GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  const char *parts[] = {
    belfry_request_get_method (request),
    belfry_request_get_path (request),
    get_client_name (request),
    key,
  };
  gsize length = BELFRY_RECEIPT_DIGEST_SIZE;

  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    g_checksum_update (checksum, (const guchar *) parts[i], (gssize) strlen (parts[i]) + 1);
  g_checksum_get_digest (checksum, digest, &length);
}

static void
digest_body (GBytes *body,
             guint8 *digest)
{
  g_autoptr(GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize length, digest_length = BELFRY_RECEIPT_DIGEST_SIZE;
  const guchar *bytes = g_bytes_get_data (body, &length);

  g_checksum_update (checksum, bytes, (gssize) length);
  g_checksum_get_digest (checksum, digest, &digest_length);
}

gboolean
belfry_idempotency_read (BelfryRequest  *request,
                         GBytes         *body,
                         guint           status,
                         BelfryReceipt **receipt)
{
  SoupServerMessage *message = belfry_request_get_message (request);
  g_autofree char *key = NULL;
  const char *text = NULL;

  *receipt = NULL;
  /* Of several headers all, joined by commas; of one its own text. */
  if (message != NULL)
    text = soup_message_headers_get_list (soup_server_message_get_request_headers (message), HEADER);
  if (text == NULL)
    return TRUE;

  key = belfry_idempotency_parse (text);
  if (key == NULL)
    {
      belfry_request_respond_detail (request, 400, HEADER " should be one string of 1 to 255 visible characters");
      return FALSE;
    }

  *receipt = belfry_receipt_new ();
  (*receipt)->status = status;
  digest_key (request, key, (*receipt)->key);
  digest_body (body, (*receipt)->fingerprint);

  return TRUE;
}

static void
respond_mismatch (BelfryRequest *request)
{
  belfry_request_respond_problem (request, "header", HEADER, "value_error",
                                  "This key was used for a request with another body");
}

gboolean
belfry_idempotency_respond (BelfryRequest       *request,
                            const BelfryReceipt *receipt)
{
  if (receipt->outcome == BELFRY_RECEIPT_MISMATCHED)
    respond_mismatch (request);
  else if (receipt->answer != NULL)
    belfry_request_respond (request, receipt->answer_status, "application/json", receipt->answer);
  else
    return FALSE;

  return TRUE;
}

void
belfry_idempotency_respond_conflict (BelfryRequest *request)
{
  belfry_request_respond_detail (request, 409, "A request with this " HEADER " is still being processed");
}

static void
published_cb (GPtrArray     *events,
              BelfryReceipt *receipt,
              const GError  *error,
              gpointer       user_data)
{
  g_autoptr(Attempt) attempt = user_data;
  BelfryPipeline *pipeline = belfry_server_get_pipeline (belfry_request_get_server (attempt->request));

  if (error == NULL && receipt->outcome == BELFRY_RECEIPT_STORED)
    belfry_pipeline_get_door (pipeline, BELFRY_DOOR_HTTP)->accepted += events->len;
  if (error != NULL)
    belfry_request_respond_error (attempt->request, error);
  else if (!belfry_idempotency_respond (attempt->request, receipt))
    belfry_request_respond_error (attempt->request, attempt->refusal);
}

void
belfry_idempotency_publish (BelfryRequest *request,
                            GPtrArray     *events,
                            BelfryReceipt *receipt,
                            const GError  *refusal)
{
  BelfryPipeline *pipeline = belfry_server_get_pipeline (belfry_request_get_server (request));
  g_autoptr(GPtrArray) none = g_ptr_array_new ();
  g_autoptr(Attempt) attempt = NULL;

  /* To carry it out without keeping the promise would be worse than not to. */
  if (!BELFRY_IS_RECEIPT_KEEPER (belfry_pipeline_get_store (pipeline)))
    {
      belfry_request_respond_detail (request, 501, "This log cannot tell repeated requests");
      return;
    }

  attempt = g_new0 (Attempt, 1);
  attempt->request = g_object_ref (request);
  attempt->refusal = refusal != NULL ? g_error_copy (refusal) : NULL;
  if (belfry_pipeline_publish_once (pipeline, events != NULL ? events : none, receipt, published_cb, attempt))
    g_steal_pointer (&attempt);
  else
    belfry_idempotency_respond_conflict (request);
}
