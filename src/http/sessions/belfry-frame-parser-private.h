/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What RFC 6455 sends over the wire, read as it comes: frames of a client in, whole messages out. */

#define BELFRY_OPCODE_CONTINUATION 0x0
#define BELFRY_OPCODE_TEXT         0x1
#define BELFRY_OPCODE_BINARY       0x2
#define BELFRY_OPCODE_CLOSE        0x8
#define BELFRY_OPCODE_PING         0x9
#define BELFRY_OPCODE_PONG         0xa

#define BELFRY_CLOSE_NORMAL        1000
#define BELFRY_CLOSE_GOING_AWAY    1001
#define BELFRY_CLOSE_PROTOCOL      1002
#define BELFRY_CLOSE_NO_CODE       1005 /* never on the wire: the close frame was empty */
#define BELFRY_CLOSE_BAD_DATA      1007
#define BELFRY_CLOSE_POLICY        1008
#define BELFRY_CLOSE_TOO_BIG       1009
#define BELFRY_CLOSE_TRY_LATER     1013
#define BELFRY_CLOSE_UNAUTHORIZED  4001
#define BELFRY_CLOSE_TOO_MANY      4002

/* The longest header of a frame that a server sends, and the longest payload of a control frame. */
#define BELFRY_FRAME_HEADER_MAX    10
#define BELFRY_CONTROL_PAYLOAD_MAX 125

typedef enum
{
  BELFRY_FRAME_NONE,      /* the input is used up, or the parser has stopped */
  BELFRY_FRAME_TEXT,      /* a whole message of valid UTF-8 */
  BELFRY_FRAME_BINARY,    /* a whole message */
  BELFRY_FRAME_TOO_LARGE, /* the end of a message over the limit; its bytes were dropped */
  BELFRY_FRAME_PING,
  BELFRY_FRAME_PONG,
  BELFRY_FRAME_CLOSE,     /* code and data (the reason); the parser has stopped */
  BELFRY_FRAME_ERROR,     /* code and reason to fail the connection with; the parser has stopped */
} BelfryFrameKind;

typedef struct
{
  const guint8 *data;    /* valid until the next call; not NUL-terminated */
  gsize         length;
  guint16       code;    /* CLOSE, ERROR */
  const char   *reason;  /* ERROR: static text */
} BelfryFrame;

/* Where UTF-8 that comes in pieces stands; all zero at a boundary. */
typedef struct
{
  guint8 n_missing;  /* continuation bytes that must follow */
  guint8 low, high;  /* what the next of them may be */
} BelfryUtf8State;

typedef struct
{
  gsize   max_message_bytes;   /* above it a message is dropped and reported as too large */
  gsize   fatal_message_bytes; /* above it the connection fails with 1009 */

  guint64 frame_left;          /* payload bytes of the present frame still to come */
  guint64 message_bytes;       /* of the present message, as far as its frames were announced */

  guint8 *message;             /* owned; present message, NULL while it lies whole in the input */
  gsize   message_used;
  gsize   message_allocated;
  guint8 *control;             /* owned; a control frame that came in pieces, else NULL */

  BelfryUtf8State utf8;
  guint8  control_used;
  guint8  header_used;
  guint8  header[14];
  guint8  mask[4];
  guint8  mask_phase;
  guint8  opcode;              /* of the present frame */
  guint8  message_opcode;      /* of the message whose fragments come, 0 outside of one */
  guint   is_final : 1;
  guint   in_frame : 1;        /* the header is complete */
  guint   is_too_large : 1;
  guint   is_spent : 1;        /* message or control was handed out and goes at the next call */
  guint   has_stopped : 1;
} BelfryFrameParser;

void            belfry_frame_parser_init  (BelfryFrameParser *self, gsize max_message_bytes);
void            belfry_frame_parser_clear (BelfryFrameParser *self);
/* Takes from @data what belongs to the next frame and says what came of it; @data is unmasked in place. */
BelfryFrameKind belfry_frame_parser_next  (BelfryFrameParser *self, guint8 **data, gsize *length, BelfryFrame *frame);

/* FALSE once the bytes cannot become UTF-8 any more. */
gboolean        belfry_utf8_state_feed    (BelfryUtf8State *self, const guint8 *data, gsize length);

gboolean        belfry_close_code_is_valid (guint16 code);

/* Header of an unmasked whole frame; returns its length. */
gsize           belfry_frame_write_header (guint8 header[BELFRY_FRAME_HEADER_MAX], guint8 opcode, gsize length);
void            belfry_frame_append       (GByteArray *out, guint8 opcode, const void *payload, gsize length);

G_END_DECLS
