/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-client.h"
#include "belfry-json-walk-private.h"

G_BEGIN_DECLS

/* What goes over a subscription's WebSocket, apart from the connection itself. */

typedef enum
{
  BELFRY_CLIENT_MESSAGE_OTHER,
  BELFRY_CLIENT_MESSAGE_SUBSCRIBED,
  BELFRY_CLIENT_MESSAGE_ERROR,
  BELFRY_CLIENT_MESSAGE_EVENT,
  BELFRY_CLIENT_MESSAGE_GAP,
} BelfryClientMessageKind;

/* Spans lie in the text that was read. */
typedef struct
{
  BelfryClientMessageKind kind;
  BelfryJsonSpan          cursor;         /* of an event, or of the confirmation; empty when there is none */
  BelfryJsonSpan          cursor_member;  /* from the comma in front of it on */
  BelfryJsonSpan          subscriber_id;
  BelfryJsonSpan          message;
  BelfryJsonSpan          from;
  BelfryJsonSpan          to;
  guint64                 lost;
} BelfryClientMessage;

void    belfry_client_message_read          (BelfryClientMessage *self,
                                             const char          *text,
                                             gsize                length);
/* The event without its cursor. */
char   *belfry_client_message_dup_event     (BelfryClientMessage *self,
                                             const char          *text,
                                             gsize                length);
/* filter and resume_from may be NULL. */
char   *belfry_client_message_new_subscribe (BelfryFilter        *filter,
                                             const char          *resume_from);
char   *belfry_client_message_new_update    (BelfryFilter        *filter);

G_END_DECLS
