/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "echo-socket.h"

typedef struct
{
  BelfryWebSocket parent_instance;
} EchoSocket;

typedef struct
{
  BelfryWebSocketClass parent_class;
} EchoSocketClass;

static GType echo_socket_get_type (void);

G_DEFINE_FINAL_TYPE (EchoSocket, echo_socket, BELFRY_TYPE_WEB_SOCKET)

static void
echo_text (BelfryWebSocket *self,
           const char      *data,
           gsize            length)
{
  belfry_web_socket_send (self, BELFRY_OPCODE_TEXT, data, length);
}

static void
echo_binary (BelfryWebSocket *self,
             const guint8    *data,
             gsize            length)
{
  belfry_web_socket_send (self, BELFRY_OPCODE_BINARY, data, length);
}

static void
echo_too_large (BelfryWebSocket *self)
{
  belfry_web_socket_send_text (self, "Message too large");
}

static void
echo_socket_class_init (EchoSocketClass *klass)
{
  klass->parent_class.text = echo_text;
  klass->parent_class.binary = echo_binary;
  klass->parent_class.too_large = echo_too_large;
}

static void
echo_socket_init (EchoSocket *self)
{
}

BelfryWebSocket *
echo_socket_new (void)
{
  return g_object_new (echo_socket_get_type (), NULL);
}
