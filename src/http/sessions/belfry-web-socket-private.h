/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-frame-parser-private.h"
#include "belfry-session-class-private.h"

G_BEGIN_DECLS

/* A session that speaks RFC 6455. Home context only. */

#define BELFRY_TYPE_WEB_SOCKET (belfry_web_socket_get_type ())
#define BELFRY_WEB_SOCKET(object) (G_TYPE_CHECK_INSTANCE_CAST ((object), BELFRY_TYPE_WEB_SOCKET, BelfryWebSocket))
#define BELFRY_WEB_SOCKET_CLASS(klass) (G_TYPE_CHECK_CLASS_CAST ((klass), BELFRY_TYPE_WEB_SOCKET, BelfryWebSocketClass))
#define BELFRY_WEB_SOCKET_GET_CLASS(object) (G_TYPE_INSTANCE_GET_CLASS ((object), BELFRY_TYPE_WEB_SOCKET, BelfryWebSocketClass))

typedef struct _BelfryWebSocket      BelfryWebSocket;
typedef struct _BelfryWebSocketClass BelfryWebSocketClass;

struct _BelfryWebSocket
{
  BelfrySession     parent_instance;

  BelfryFrameParser parser;
  gint64            ping_usec;           /* monotonic; when the ping was sent that is not answered yet, 0 for none */
  gint64            close_deadline_usec; /* monotonic; while closing */
  char             *close_reason;
  guint16           close_code;
  guint             is_closing : 1;      /* no message counts any more, none is sent but answers that are due */
  guint             close_sent : 1;
  guint             close_received : 1;  /* or nothing more can be understood */
};

struct _BelfryWebSocketClass
{
  BelfrySessionClass parent_class;

  /* A whole message; data is valid during the call, and not NUL-terminated. */
  void     (*text)      (BelfryWebSocket *self, const char *data, gsize length);
  void     (*binary)    (BelfryWebSocket *self, const guint8 *data, gsize length);
  /* In place of a message over the limit. */
  void     (*too_large) (BelfryWebSocket *self);
  /* As produce of the session, but not called any more once the socket closes. */
  void     (*deliver)   (BelfryWebSocket *self, BelfryBatch *batch);
  /* TRUE while answers are due: the close frame goes behind them. */
  gboolean (*is_busy)   (BelfryWebSocket *self);
};

GType belfry_web_socket_get_type   (void);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryWebSocket, g_object_unref)

/* Takes over the caller's reference. */
void  belfry_web_socket_start      (BelfryWebSocket *self, BelfrySessionSet *set, GIOStream *stream, const char *address,
                                    BelfryGrant *grant);
void  belfry_web_socket_send       (BelfryWebSocket *self, guint8 opcode, const void *data, gsize length);
void  belfry_web_socket_send_text  (BelfryWebSocket *self, const char *text);
/* The text is freed. */
void  belfry_web_socket_take_text  (BelfryWebSocket *self, GString *text);
/* Adds a text message to a batch, between events. The text is freed. */
void  belfry_web_socket_batch_text (BelfryBatch *batch, GString *text);
/* The closing handshake; only the first call counts. A reason over 123 bytes is cut. */
void  belfry_web_socket_close      (BelfryWebSocket *self, guint16 code, const char *reason);
/* The subclass is not busy any more. */
void  belfry_web_socket_settled    (BelfryWebSocket *self);

G_END_DECLS
