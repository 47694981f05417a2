/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-cursor.h"
#include "belfry-filter.h"

G_BEGIN_DECLS

/* What the client of a subscription says, read out of its JSON text. */

typedef struct
{
  BelfryFilter *filter;         /* owned */
  BelfryCursor *resume_from;    /* owned; NULL: live */
  char         *filters_json;   /* owned; object of the filter members that were sent, as sent but for white space */
  gboolean      wants_cursors;
} BelfrySubscribeRequest;

/* BELFRY_ERROR_INVALID_JSON, _INVALID_ARGUMENT or _UNKNOWN_CURSOR. */
gboolean belfry_subscribe_request_parse (BelfrySubscribeRequest *self, const char *text, gsize length,
                                         GError **error);
void     belfry_subscribe_request_clear (BelfrySubscribeRequest *self);

typedef enum
{
  BELFRY_CLIENT_MESSAGE_OTHER,          /* to be ignored */
  BELFRY_CLIENT_MESSAGE_PING,
  BELFRY_CLIENT_MESSAGE_UPDATE_FILTERS,
} BelfryClientMessage;

/* For UPDATE_FILTERS *filter and *filters_json are set (transfer full), or *error is. */
BelfryClientMessage belfry_client_message_parse (const char *text, gsize length, BelfryFilter **filter,
                                                 char **filters_json, GError **error);

G_END_DECLS
