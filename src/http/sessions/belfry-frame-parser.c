/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* An incremental parser of the frames that a WebSocket client sends (RFC 6455, section 5).
 *
 * The caller offers whatever the socket gave and asks for one thing at a time, so it may stop in the middle of its input
 * and keep the rest. A message that lies whole in the input is handed out where it lies; only one that comes in pieces
 * is gathered in memory of its own, which grows with what has really come, never with what a header announces. The
 * limits hold for the message, however many frames it comes in. Text is checked while it comes: a message fails at its
 * first bad byte. Once the parser has stopped it swallows its input: after a close frame or an error nothing counts. */

#include "belfry-frame-parser-private.h"

#include <string.h>

/* A message over ten times the limit ends the connection, and in any case one over 16 MiB. */
#define FATAL_FACTOR  10
#define FATAL_CEILING (16 * 1024 * 1024)

#define FIRST_ALLOCATION 512

void
belfry_frame_parser_init (BelfryFrameParser *self,
                          gsize              max_message_bytes)
{
  gsize fatal = FATAL_CEILING;

  if (max_message_bytes < FATAL_CEILING / FATAL_FACTOR)
    fatal = max_message_bytes * FATAL_FACTOR;

  memset (self, 0, sizeof *self);
  self->max_message_bytes = max_message_bytes;
  self->fatal_message_bytes = MAX (fatal, max_message_bytes);
}

static void
forget_message (BelfryFrameParser *self)
{
  g_clear_pointer (&self->message, g_free);
  self->message_used = 0;
  self->message_allocated = 0;
}

static void
forget_control (BelfryFrameParser *self)
{
  g_clear_pointer (&self->control, g_free);
  self->control_used = 0;
}

void
belfry_frame_parser_clear (BelfryFrameParser *self)
{
  forget_message (self);
  forget_control (self);
}

static inline gboolean
is_control (guint8 opcode)
{
  return (opcode & 0x8) != 0;
}

static BelfryFrameKind
stop (BelfryFrameParser *self,
      BelfryFrame       *frame,
      guint16            code,
      const char        *reason)
{
  self->has_stopped = TRUE;
  *frame = (BelfryFrame) { .code = code, .reason = reason };
  return BELFRY_FRAME_ERROR;
}

static inline BelfryFrameKind
stop_protocol (BelfryFrameParser *self,
               BelfryFrame       *frame,
               const char        *reason)
{
  return stop (self, frame, BELFRY_CLOSE_PROTOCOL, reason);
}

/* Whether a byte over 127 came out. */
static gboolean
unmask (BelfryFrameParser *self,
        guint8            *data,
        gsize              length)
{
  guint8 turned[8];
  guint64 wide, seen = 0;

  for (guint i = 0; i < 8; i++)
    turned[i] = self->mask[(self->mask_phase + i) & 3];
  self->mask_phase = (self->mask_phase + length) & 3;
  memcpy (&wide, turned, sizeof wide);

  for (; length >= 8; data += 8, length -= 8)
    {
      guint64 chunk;

      memcpy (&chunk, data, sizeof chunk);
      chunk ^= wide;
      seen |= chunk;
      memcpy (data, &chunk, sizeof chunk);
    }
  for (gsize i = 0; i < length; i++)
    {
      data[i] ^= turned[i];
      seen |= data[i];
    }
  return (seen & G_GUINT64_CONSTANT (0x8080808080808080)) != 0;
}

static inline gboolean
utf8_begin_character (BelfryUtf8State *self,
                      guint8           lead)
{
  self->low = 0x80;
  self->high = 0xbf;

  if (lead >= 0xc2 && lead <= 0xdf)
    {
      self->n_missing = 1;
      return TRUE;
    }
  if (lead >= 0xe0 && lead <= 0xef)
    {
      self->n_missing = 2;
      if (lead == 0xe0)
        self->low = 0xa0;  /* below lies what two bytes can say */
      else if (lead == 0xed)
        self->high = 0x9f; /* above lie the surrogates */
      return TRUE;
    }
  if (lead >= 0xf0 && lead <= 0xf4)
    {
      self->n_missing = 3;
      if (lead == 0xf0)
        self->low = 0x90;
      else if (lead == 0xf4)
        self->high = 0x8f; /* above lies what Unicode does not have */
      return TRUE;
    }
  return FALSE;
}

gboolean
belfry_utf8_state_feed (BelfryUtf8State *self,
                        const guint8    *data,
                        gsize            length)
{
  const guint8 *end = data + length;

  while (data < end)
    {
      if (self->n_missing > 0)
        {
          if (*data < self->low || *data > self->high)
            return FALSE;
          self->low = 0x80;
          self->high = 0xbf;
          self->n_missing--;
          data++;
          continue;
        }

      while (end - data >= 8)
        {
          guint64 chunk;

          memcpy (&chunk, data, sizeof chunk);
          if ((chunk & G_GUINT64_CONSTANT (0x8080808080808080)) != 0)
            break;
          data += 8;
        }
      while (data < end && *data < 0x80)
        data++;
      if (data < end && !utf8_begin_character (self, *data++))
        return FALSE;
    }
  return TRUE;
}

gboolean
belfry_close_code_is_valid (guint16 code)
{
  if (code >= 3000 && code <= 4999)
    return TRUE;
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}

/* The two bytes that every header begins with say all that may be wrong with it, the length apart. */
static const char *
find_fault (BelfryFrameParser *self,
            guint8             first,
            guint8             second)
{
  guint8 opcode = first & 0xf;

  if ((first & 0x70) != 0)
    return "Reserved bits are set";
  if ((second & 0x80) == 0)
    return "Frame is not masked";
  if (is_control (opcode))
    {
      if (opcode > BELFRY_OPCODE_PONG)
        return "Unknown opcode";
      if ((first & 0x80) == 0)
        return "Control frame is fragmented";
      if ((second & 0x7f) > BELFRY_CONTROL_PAYLOAD_MAX)
        return "Control frame is too long";
      return NULL;
    }
  if (opcode > BELFRY_OPCODE_BINARY)
    return "Unknown opcode";
  if (opcode == BELFRY_OPCODE_CONTINUATION && self->message_opcode == 0)
    return "Continuation of no message";
  if (opcode != BELFRY_OPCODE_CONTINUATION && self->message_opcode != 0)
    return "New message inside another";
  return NULL;
}

static inline gsize
header_length (guint8 second)
{
  switch (second & 0x7f)
    {
    case 126:
      return 2 + 2 + 4;
    case 127:
      return 2 + 8 + 4;
    default:
      return 2 + 4;
    }
}

static guint64
read_length (const guint8 *header)
{
  guint64 length = header[1] & 0x7f;
  guint n_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;

  if (n_bytes > 0)
    length = 0;
  for (guint i = 0; i < n_bytes; i++)
    length = length << 8 | header[2 + i];
  return length;
}

/* Moves up to @wanted bytes of header out of the input. TRUE when they are all there. */
static gboolean
gather_header (BelfryFrameParser *self,
               gsize              wanted,
               guint8           **data,
               gsize             *length)
{
  gsize n = MIN (wanted - self->header_used, *length);

  if (n > 0)
    memcpy (self->header + self->header_used, *data, n);
  self->header_used += n;
  *data += n;
  *length -= n;
  return self->header_used == wanted;
}

static BelfryFrameKind
begin_frame (BelfryFrameParser *self,
             BelfryFrame       *frame)
{
  guint64 announced = read_length (self->header);
  gsize n_header = self->header_used;

  self->header_used = 0;
  self->is_final = (self->header[0] & 0x80) != 0;
  self->opcode = self->header[0] & 0xf;
  memcpy (self->mask, self->header + n_header - 4, 4);
  self->mask_phase = 0;

  if ((announced & (G_GUINT64_CONSTANT (1) << 63)) != 0)
    return stop_protocol (self, frame, "Frame length is negative");

  self->frame_left = announced;
  self->in_frame = TRUE;
  if (is_control (self->opcode))
    return BELFRY_FRAME_NONE;

  if (self->opcode != BELFRY_OPCODE_CONTINUATION)
    {
      self->message_opcode = self->opcode;
      self->message_bytes = 0;
      self->is_too_large = FALSE;
      memset (&self->utf8, 0, sizeof self->utf8);
    }
  /* Both are below 2^63: what came before is at most the fatal limit. */
  self->message_bytes += announced;
  if (self->message_bytes > self->fatal_message_bytes)
    {
      forget_message (self);
      return stop (self, frame, BELFRY_CLOSE_TOO_BIG, "Message too large");
    }
  if (self->message_bytes > self->max_message_bytes)
    {
      self->is_too_large = TRUE;
      forget_message (self);
    }
  return BELFRY_FRAME_NONE;
}

/* TRUE when the payload may be looked at; otherwise *kind tells whether that is an error or the end of the input. */
static gboolean
read_header (BelfryFrameParser *self,
             guint8           **data,
             gsize             *length,
             BelfryFrame       *frame,
             BelfryFrameKind   *kind)
{
  const char *fault;

  *kind = BELFRY_FRAME_NONE;
  if (self->header_used < 2)
    {
      if (!gather_header (self, 2, data, length))
        return FALSE;
      fault = find_fault (self, self->header[0], self->header[1]);
      if (fault != NULL)
        {
          *kind = stop_protocol (self, frame, fault);
          return FALSE;
        }
    }
  if (!gather_header (self, header_length (self->header[1]), data, length))
    return FALSE;

  *kind = begin_frame (self, frame);
  return *kind == BELFRY_FRAME_NONE;
}

static BelfryFrameKind
end_close (BelfryFrameParser *self,
           BelfryFrame       *frame)
{
  BelfryUtf8State utf8 = { 0 };

  self->has_stopped = TRUE;
  frame->code = BELFRY_CLOSE_NO_CODE;
  if (frame->length == 0)
    return BELFRY_FRAME_CLOSE;
  if (frame->length == 1)
    return stop_protocol (self, frame, "Close frame is cut short");

  frame->code = (guint16) (frame->data[0] << 8 | frame->data[1]);
  frame->data += 2;
  frame->length -= 2;
  if (!belfry_close_code_is_valid (frame->code))
    return stop_protocol (self, frame, "Close code is not valid");
  if (!belfry_utf8_state_feed (&utf8, frame->data, frame->length) || utf8.n_missing > 0)
    return stop (self, frame, BELFRY_CLOSE_BAD_DATA, "Close reason is not UTF-8");
  return BELFRY_FRAME_CLOSE;
}

static BelfryFrameKind
read_control (BelfryFrameParser *self,
              guint8           **data,
              gsize             *length,
              BelfryFrame       *frame)
{
  gsize n = MIN (self->frame_left, *length);

  unmask (self, *data, n);
  frame->data = *data;
  frame->length = n;
  if (n < self->frame_left || self->control != NULL)
    {
      if (self->control == NULL)
        self->control = g_malloc (BELFRY_CONTROL_PAYLOAD_MAX);
      if (n > 0)
        memcpy (self->control + self->control_used, *data, n);
      self->control_used += n;
      frame->data = self->control;
      frame->length = self->control_used;
    }
  *data += n;
  *length -= n;
  self->frame_left -= n;
  if (self->frame_left > 0)
    return BELFRY_FRAME_NONE;

  self->in_frame = FALSE;
  self->is_spent = TRUE;
  if (self->opcode == BELFRY_OPCODE_CLOSE)
    return end_close (self, frame);
  return self->opcode == BELFRY_OPCODE_PING ? BELFRY_FRAME_PING : BELFRY_FRAME_PONG;
}

static void
gather_message (BelfryFrameParser *self,
                const guint8      *data,
                gsize              length)
{
  gsize wanted = self->message_used + length;

  if (wanted > self->message_allocated)
    {
      gsize allocate = MAX (self->message_allocated, FIRST_ALLOCATION);

      while (allocate < wanted)
        allocate *= 2;
      allocate = MAX (MIN (allocate, self->max_message_bytes), wanted);
      self->message = g_realloc (self->message, allocate);
      self->message_allocated = allocate;
    }
  if (length > 0)
    memcpy (self->message + self->message_used, data, length);
  self->message_used = wanted;
}

static BelfryFrameKind
end_message (BelfryFrameParser *self,
             BelfryFrame       *frame)
{
  guint8 opcode = self->message_opcode;

  self->message_opcode = 0;
  self->is_spent = TRUE;
  if (self->is_too_large)
    return BELFRY_FRAME_TOO_LARGE;
  if (opcode == BELFRY_OPCODE_BINARY)
    return BELFRY_FRAME_BINARY;
  if (self->utf8.n_missing > 0)
    return stop (self, frame, BELFRY_CLOSE_BAD_DATA, "Text is not UTF-8");
  return BELFRY_FRAME_TEXT;
}

static BelfryFrameKind
read_data (BelfryFrameParser *self,
           guint8           **data,
           gsize             *length,
           BelfryFrame       *frame)
{
  gsize n = MIN (self->frame_left, *length);
  gboolean ends_frame = n == self->frame_left;

  if (!self->is_too_large)
    {
      gboolean has_wide = unmask (self, *data, n);

      if (self->message_opcode == BELFRY_OPCODE_TEXT
          && (has_wide || self->utf8.n_missing > 0)
          && !belfry_utf8_state_feed (&self->utf8, *data, n))
        return stop (self, frame, BELFRY_CLOSE_BAD_DATA, "Text is not UTF-8");

      if (ends_frame && self->is_final && self->message_used == 0)
        {
          frame->data = *data;
          frame->length = n;
        }
      else
        {
          gather_message (self, *data, n);
          frame->data = self->message;
          frame->length = self->message_used;
        }
    }
  *data += n;
  *length -= n;
  self->frame_left -= n;
  if (!ends_frame)
    return BELFRY_FRAME_NONE;

  self->in_frame = FALSE;
  return self->is_final ? end_message (self, frame) : BELFRY_FRAME_NONE;
}

static void
drop_spent (BelfryFrameParser *self)
{
  self->is_spent = FALSE;
  forget_control (self);
  if (self->message_opcode == 0)
    forget_message (self);
}

BelfryFrameKind
belfry_frame_parser_next (BelfryFrameParser *self,
                          guint8           **data,
                          gsize             *length,
                          BelfryFrame       *frame)
{
  BelfryFrameKind kind;

  *frame = (BelfryFrame) { NULL };
  if (self->is_spent)
    drop_spent (self);

  while (!self->has_stopped)
    {
      if (!self->in_frame && !read_header (self, data, length, frame, &kind))
        return kind;

      if (is_control (self->opcode))
        kind = read_control (self, data, length, frame);
      else
        kind = read_data (self, data, length, frame);
      if (kind != BELFRY_FRAME_NONE || *length == 0)
        return kind;
    }

  *data += *length;
  *length = 0;
  return BELFRY_FRAME_NONE;
}

gsize
belfry_frame_write_header (guint8 header[BELFRY_FRAME_HEADER_MAX],
                           guint8 opcode,
                           gsize  length)
{
  guint n_bytes = length < 126 ? 0 : length <= G_MAXUINT16 ? 2 : 8;

  header[0] = 0x80 | opcode;
  header[1] = n_bytes == 0 ? (guint8) length : n_bytes == 2 ? 126 : 127;
  for (guint i = 0; i < n_bytes; i++)
    header[2 + i] = (guint8) ((guint64) length >> (8 * (n_bytes - 1 - i)));
  return 2 + n_bytes;
}

void
belfry_frame_append (GByteArray *out,
                     guint8      opcode,
                     const void *payload,
                     gsize       length)
{
  guint8 header[BELFRY_FRAME_HEADER_MAX];

  g_byte_array_append (out, header, belfry_frame_write_header (header, opcode, length));
  if (length > 0)
    g_byte_array_append (out, payload, length);
}
