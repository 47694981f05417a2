/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-server-private.h"

G_BEGIN_DECLS

/* What the description tells of one server, beyond what every server has. */
typedef struct
{
  char   **event_types;  /* owned */
  gboolean require_auth;
  gboolean has_key;       /* API_KEY is set */
  GPtrArray *pieces;      /* borrowed, or NULL; JSON texts that belong to routes of others */
  guint    max_payload_keys;
  guint    max_payload_bytes;
  guint64  max_body_bytes;
  guint64  max_batch_bytes;
  guint64  max_ws_message_bytes;
} BelfryOpenapiFacts;

void    belfry_openapi_facts_clear (BelfryOpenapiFacts *facts);
/* OpenAPI 3.1, as compact JSON. */
GBytes *belfry_openapi_build       (const BelfryOpenapiFacts *facts);
void    belfry_openapi_add_routes  (BelfryServer *server);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BelfryOpenapiFacts, belfry_openapi_facts_clear)

G_END_DECLS
