/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-pages-private.h"

#include <string.h>

#define ETAG_DIGITS 32

BelfryPage *
belfry_page_new (GBytes     *bytes,
                 const char *content_type)
{
  BelfryPage *self = g_new0 (BelfryPage, 1);
  g_autofree char *digest = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, bytes);

  self->bytes = g_bytes_ref (bytes);
  self->content_type = content_type;
  self->etag = g_strdup_printf ("\"%.*s\"", ETAG_DIGITS, digest);
  return self;
}

void
belfry_page_free (BelfryPage *self)
{
  g_bytes_unref (self->bytes);
  g_free (self->etag);
  g_free (self);
}

void
belfry_page_respond (BelfryPage    *self,
                     BelfryRequest *request)
{
  const char *known = belfry_request_get_header (request, "If-None-Match");

  belfry_request_set_response_header (request, "ETag", self->etag);
  belfry_request_set_response_header (request, "Cache-Control", "no-cache");
  /* The quotes are part of the tag: it is found in a list and behind a W/, and nothing else is. */
  if (known != NULL && (strcmp (known, "*") == 0 || strstr (known, self->etag) != NULL))
    belfry_request_respond (request, 304, self->content_type, NULL);
  else
    belfry_request_respond (request, 200, self->content_type, self->bytes);
}
