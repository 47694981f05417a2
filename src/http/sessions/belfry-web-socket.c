/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The server's side of a WebSocket, from the answered upgrade on.
 *
 * Closing goes in steps, and each has a limit in time. Whoever begins, the close frame goes out behind the answers that
 * are due for what was read before. When both sides have sent theirs, or the peer cannot be understood any more, the
 * session finishes: it ends its side of the connection and waits for the peer to do the same. A peer that has been silent
 * is pinged; one that leaves the ping unanswered is dropped. */

#include "belfry-web-socket-private.h"

#include <string.h>

/* How long the closing handshake may take. */
#define CLOSE_USEC (5 * G_USEC_PER_SEC)

/* Messages looked at in one turn; small ones in a full read would hold up the loop for milliseconds. */
#define MAX_MESSAGES_PER_TURN 256

#define MAX_REASON_BYTES (BELFRY_CONTROL_PAYLOAD_MAX - 2)

G_DEFINE_ABSTRACT_TYPE (BelfryWebSocket, belfry_web_socket, BELFRY_TYPE_SESSION)

void
belfry_web_socket_start (BelfryWebSocket  *self,
                         BelfrySessionSet *set,
                         GIOStream        *stream,
                         const char       *address,
                         BelfryGrant      *grant)
{
  belfry_frame_parser_init (&self->parser, belfry_session_set_get_limits (set)->max_message_bytes);
  belfry_session_start (BELFRY_SESSION (self), set, stream, address, grant);
}

void
belfry_web_socket_send (BelfryWebSocket *self,
                        guint8           opcode,
                        const void      *data,
                        gsize            length)
{
  BelfrySession *session = BELFRY_SESSION (self);

  if (session->set == NULL || self->close_sent)
    return;
  belfry_frame_append (belfry_session_ensure_outbox (session), opcode, data, length);
  belfry_session_queued (session);
}

void
belfry_web_socket_send_text (BelfryWebSocket *self,
                             const char      *text)
{
  belfry_web_socket_send (self, BELFRY_OPCODE_TEXT, text, strlen (text));
}

void
belfry_web_socket_take_text (BelfryWebSocket *self,
                             GString         *text)
{
  belfry_web_socket_send (self, BELFRY_OPCODE_TEXT, text->str, text->len);
  g_string_free (text, TRUE);
}

void
belfry_web_socket_batch_text (BelfryBatch *batch,
                              GString     *text)
{
  GByteArray *frame = g_byte_array_sized_new (text->len + BELFRY_FRAME_HEADER_MAX);
  gsize length;

  belfry_frame_append (frame, BELFRY_OPCODE_TEXT, text->str, text->len);
  g_string_free (text, TRUE);
  length = frame->len;
  belfry_batch_add_block (batch, g_byte_array_free (frame, FALSE), length);
}

/* Closing. */

/* 1005: without a code. */
const char * const belfry_close_code_names[BELFRY_N_CLOSE_CODES] = {
  "1000", "1001", "1002", "1003", "1005", "1007", "1008", "1009", "1011", "1013", "4001", "4002", "4004", "4009", "other",
};

static void
count_close (BelfryWebSocket *self)
{
  static const guint16 codes[BELFRY_N_CLOSE_CODES - 1] = {
    1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1011, 1013, 4001, 4002, 4004, 4009,
  };
  guint i = 0;

  while (i < G_N_ELEMENTS (codes) && codes[i] != self->close_code)
    i++;
  belfry_session_set_get_tally (BELFRY_SESSION (self)->set)->closes[i]++;
}

static void
send_close (BelfryWebSocket *self)
{
  guint8 payload[BELFRY_CONTROL_PAYLOAD_MAX];
  gsize length = 0;

  if (self->close_code != BELFRY_CLOSE_NO_CODE)
    {
      gsize n_reason = strlen (self->close_reason);

      payload[0] = self->close_code >> 8;
      payload[1] = self->close_code & 0xff;
      memcpy (payload + 2, self->close_reason, n_reason);
      length = 2 + n_reason;
    }
  count_close (self);
  belfry_web_socket_send (self, BELFRY_OPCODE_CLOSE, payload, length);
  self->close_sent = TRUE;
  if (self->close_received)
    belfry_session_finish (BELFRY_SESSION (self));
}

/* No more than fits a close frame, cut between characters. */
static char *
dup_reason (const char *reason)
{
  gsize length = strlen (reason);

  if (length > MAX_REASON_BYTES)
    length = g_utf8_find_prev_char (reason, reason + MAX_REASON_BYTES + 1) - reason;
  return g_strndup (reason, length);
}

void
belfry_web_socket_close (BelfryWebSocket *self,
                         guint16          code,
                         const char      *reason)
{
  if (self->is_closing || BELFRY_SESSION (self)->set == NULL)
    return;

  self->is_closing = TRUE;
  self->close_code = code;
  self->close_reason = dup_reason (reason);
  self->close_deadline_usec = g_get_monotonic_time () + CLOSE_USEC;
  /* Only the peer's close frame matters from here on, and it must be read. */
  belfry_session_resume (BELFRY_SESSION (self), BELFRY_PAUSE_OUTBOX | BELFRY_PAUSE_IN_WORK);
  belfry_web_socket_settled (self);
}

void
belfry_web_socket_settled (BelfryWebSocket *self)
{
  if (!self->is_closing || self->close_sent || BELFRY_SESSION (self)->set == NULL)
    return;
  if (!BELFRY_WEB_SOCKET_GET_CLASS (self)->is_busy (self))
    send_close (self);
}

static void
answer_close (BelfryWebSocket *self,
              guint16          code,
              const char      *reason)
{
  self->close_received = TRUE;
  if (self->close_sent)
    belfry_session_finish (BELFRY_SESSION (self));
  else
    belfry_web_socket_close (self, code, reason);
}

static void
fail (BelfryWebSocket   *self,
      const BelfryFrame *frame)
{
  belfry_session_set_get_tally (BELFRY_SESSION (self)->set)->protocol_errors++;
  answer_close (self, frame->code, frame->reason);
}

/* Reading. */

static void
handle_message (BelfryWebSocket   *self,
                BelfryFrameKind    kind,
                const BelfryFrame *frame)
{
  BelfryWebSocketClass *klass = BELFRY_WEB_SOCKET_GET_CLASS (self);
  BelfrySessionCounters *tally = belfry_session_set_get_tally (BELFRY_SESSION (self)->set);

  if (self->is_closing)
    return;
  tally->messages_received++;
  if (kind == BELFRY_FRAME_TEXT)
    klass->text (self, (const char *) frame->data, frame->length);
  else if (kind == BELFRY_FRAME_BINARY)
    klass->binary (self, frame->data, frame->length);
  else
    {
      tally->messages_too_large++;
      klass->too_large (self);
    }
}

static void
handle_frame (BelfryWebSocket   *self,
              BelfryFrameKind    kind,
              const BelfryFrame *frame)
{
  switch (kind)
    {
    case BELFRY_FRAME_TEXT:
    case BELFRY_FRAME_BINARY:
    case BELFRY_FRAME_TOO_LARGE:
      handle_message (self, kind, frame);
      break;
    case BELFRY_FRAME_PING:
      if (!self->is_closing)
        belfry_web_socket_send (self, BELFRY_OPCODE_PONG, frame->data, frame->length);
      break;
    case BELFRY_FRAME_CLOSE:
      answer_close (self, frame->code, "");
      break;
    case BELFRY_FRAME_ERROR:
      fail (self, frame);
      break;
    case BELFRY_FRAME_PONG: /* heard, which is all that it says */
    case BELFRY_FRAME_NONE:
      break;
    }
}

static gsize
belfry_web_socket_received (BelfrySession *session,
                            guint8        *data,
                            gsize          length)
{
  BelfryWebSocket *self = BELFRY_WEB_SOCKET (session);
  gsize left = length;

  for (guint i = 0; i < MAX_MESSAGES_PER_TURN; i++)
    {
      BelfryFrame frame;
      BelfryFrameKind kind;

      if (session->set == NULL || session->is_finishing)
        return length;
      if (session->pauses != 0)
        break;
      kind = belfry_frame_parser_next (&self->parser, &data, &left, &frame);
      if (kind == BELFRY_FRAME_NONE)
        break;
      handle_frame (self, kind, &frame);
    }
  return length - left;
}

static void
belfry_web_socket_produce (BelfrySession *session,
                           BelfryBatch   *batch)
{
  BelfryWebSocket *self = BELFRY_WEB_SOCKET (session);

  if (!self->is_closing)
    BELFRY_WEB_SOCKET_GET_CLASS (self)->deliver (self, batch);
}

/* Clocks. */

static void
tick_closing (BelfryWebSocket *self,
              gint64           now_usec)
{
  if (now_usec < self->close_deadline_usec)
    return;
  if (self->close_sent)
    {
      belfry_session_end (BELFRY_SESSION (self));
      return;
    }
  /* The answers did not come in time. */
  self->close_deadline_usec = now_usec + CLOSE_USEC;
  send_close (self);
}

static void
tick_ping (BelfryWebSocket *self,
           gint64           now_usec)
{
  BelfrySession *session = BELFRY_SESSION (self);
  const BelfrySessionLimits *limits = belfry_session_set_get_limits (session->set);

  /* While we do not listen, its silence says nothing. */
  if ((session->pauses & BELFRY_PAUSE_IN_WORK) != 0)
    return;
  if (self->ping_usec != 0 && session->heard_usec >= self->ping_usec)
    self->ping_usec = 0;
  if (self->ping_usec == 0)
    {
      if (now_usec - session->heard_usec < limits->keepalive_usec)
        return;
      self->ping_usec = now_usec;
      belfry_web_socket_send (self, BELFRY_OPCODE_PING, NULL, 0);
    }
  /* To one that reads slowly the ping comes late. */
  else if (now_usec - MAX (self->ping_usec, session->slow_usec) >= limits->pong_timeout_usec)
    {
      belfry_session_set_get_tally (session->set)->pong_timeouts++;
      belfry_session_end (session);
    }
}

static void
belfry_web_socket_tick (BelfrySession *session,
                        gint64         now_usec)
{
  BelfryWebSocket *self = BELFRY_WEB_SOCKET (session);

  if (self->is_closing)
    tick_closing (self, now_usec);
  else
    tick_ping (self, now_usec);
}

static void
belfry_web_socket_shut_down (BelfrySession *session)
{
  belfry_web_socket_close (BELFRY_WEB_SOCKET (session), BELFRY_CLOSE_GOING_AWAY, "Server shuts down");
}

static void
belfry_web_socket_revoke (BelfrySession *session)
{
  belfry_web_socket_close (BELFRY_WEB_SOCKET (session), BELFRY_CLOSE_UNAUTHORIZED, "Unauthorized");
}

static void
belfry_web_socket_ended (BelfrySession *session)
{
  belfry_frame_parser_clear (&BELFRY_WEB_SOCKET (session)->parser);
}

static void
belfry_web_socket_ignore (BelfryWebSocket *self)
{
}

static void
belfry_web_socket_deliver_nothing (BelfryWebSocket *self,
                                   BelfryBatch     *batch)
{
}

static gboolean
belfry_web_socket_is_never_busy (BelfryWebSocket *self)
{
  return FALSE;
}

static void
belfry_web_socket_ignore_text (BelfryWebSocket *self,
                               const char      *data,
                               gsize            length)
{
}

static void
belfry_web_socket_ignore_binary (BelfryWebSocket *self,
                                 const guint8    *data,
                                 gsize            length)
{
}

static void
belfry_web_socket_finalize (GObject *object)
{
  BelfryWebSocket *self = BELFRY_WEB_SOCKET (object);

  belfry_frame_parser_clear (&self->parser);
  g_free (self->close_reason);

  G_OBJECT_CLASS (belfry_web_socket_parent_class)->finalize (object);
}

static void
belfry_web_socket_class_init (BelfryWebSocketClass *klass)
{
  BelfrySessionClass *session_class = &klass->parent_class;

  G_OBJECT_CLASS (klass)->finalize = belfry_web_socket_finalize;
  session_class->received = belfry_web_socket_received;
  session_class->produce = belfry_web_socket_produce;
  session_class->tick = belfry_web_socket_tick;
  session_class->shut_down = belfry_web_socket_shut_down;
  session_class->revoke = belfry_web_socket_revoke;
  session_class->ended = belfry_web_socket_ended;
  klass->text = belfry_web_socket_ignore_text;
  klass->binary = belfry_web_socket_ignore_binary;
  klass->too_large = belfry_web_socket_ignore;
  klass->deliver = belfry_web_socket_deliver_nothing;
  klass->is_busy = belfry_web_socket_is_never_busy;
}

static void
belfry_web_socket_init (BelfryWebSocket *self)
{
}

/* A socket that is closed as soon as it is open. */

typedef struct
{
  BelfryWebSocket parent_instance;
} BelfryRefusedSession;

typedef struct
{
  BelfryWebSocketClass parent_class;
} BelfryRefusedSessionClass;

GType belfry_refused_session_get_type (void);

G_DEFINE_FINAL_TYPE (BelfryRefusedSession, belfry_refused_session, BELFRY_TYPE_WEB_SOCKET)

static void
belfry_refused_session_class_init (BelfryRefusedSessionClass *klass)
{
}

static void
belfry_refused_session_init (BelfryRefusedSession *self)
{
}

void
belfry_refused_session_start (BelfrySessionSet *set,
                              GIOStream        *stream,
                              guint16           code,
                              const char       *reason)
{
  g_autoptr(BelfrySession) session = g_object_new (belfry_refused_session_get_type (), NULL);

  belfry_web_socket_start (BELFRY_WEB_SOCKET (g_object_ref (session)), set, stream, NULL, NULL);
  belfry_web_socket_close (BELFRY_WEB_SOCKET (session), code, reason);
}
