/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-convert-private.h"

#include <string.h>

#include "belfry-grpc-wire.pb-c.h"

#define MALFORMED "Not a message of the type Event"
#define TOO_MANY_PARTS "Has too many entries"

/* protobuf-c builds a tree many times as large as a message of tiny entries. Events within the limits on payloads take less. */
#define DECODE_BASE 16384
#define DECODE_FACTOR 4

#define WIRE_VARINT 0
#define WIRE_FIXED64 1
#define WIRE_BYTES 2
#define WIRE_FIXED32 5

static BelfryGrpcText
to_text (ProtobufCBinaryData bytes)
{
  return (BelfryGrpcText) { bytes.len > 0 ? (const char *) bytes.data : "", bytes.len };
}

/* What g_utf8_validate_len() says; most texts are ASCII, of which eight bytes are looked at together. */
static gboolean
validate (BelfryGrpcText   text,
          const char     **stop)
{
  const guint64 ones = G_GUINT64_CONSTANT (0x0101010101010101);
  gsize n_plain = 0;

  for (; text.size - n_plain >= 8; n_plain += 8)
    {
      guint64 bytes;

      memcpy (&bytes, text.data + n_plain, sizeof bytes);
      if (((bytes | (bytes - ones)) & (ones * 0x80)) != 0)
        break;
    }

  return g_utf8_validate_len (text.data + n_plain, text.size - n_plain, stop);
}

/* GLib takes a NUL for the end of a text. */
static gboolean
is_utf8 (BelfryGrpcText text)
{
  const char *end = text.data + text.size;
  const char *stop;

  while (!validate (text, &stop))
    {
      if (stop == end || *stop != '\0')
        return FALSE;
      text.data = stop + 1;
      text.size = end - text.data;
    }

  return TRUE;
}

static void
refuse (BelfryGrpcEvent *event,
        const char      *field,
        const char      *message)
{
  event->refused_field = field;
  event->refusal = message;
}

static gboolean
check_name (BelfryGrpcEvent *event,
            const char      *field,
            BelfryGrpcText   text)
{
  const char *stop;

  if (validate (text, &stop))
    return TRUE;

  refuse (event, field, *stop == '\0' && is_utf8 (text) ? "String should not contain U+0000" : "String should be valid UTF-8");
  return FALSE;
}

static gboolean
check_entries (BelfryGrpcEvent       *event,
               const char            *field,
               const BelfryGrpcEntry *entries,
               gsize                  n_entries)
{
  for (gsize i = 0; i < n_entries; i++)
    if (!is_utf8 (entries[i].key) || !is_utf8 (entries[i].value))
      {
        refuse (event, field, "Keys and values should be valid UTF-8");
        return FALSE;
      }

  return TRUE;
}

static gboolean
check_texts (BelfryGrpcEvent *event)
{
  if (!check_name (event, "learner_id", event->learner_id)
      || !check_name (event, "course_id", event->course_id)
      || !check_name (event, "lesson_id", event->lesson_id)
      || !check_name (event, "event_type", event->event_type)
      || !check_entries (event, "event_data", event->event_data, event->n_event_data)
      || !check_name (event, "timestamp", event->timestamp)
      || !check_name (event, "session_id", event->session_id)
      || !check_entries (event, "metadata", event->metadata, event->n_metadata))
    return FALSE;

  if (!is_utf8 (event->event_data_json))
    {
      refuse (event, "event_data_json", "String should be valid UTF-8");
      return FALSE;
    }
  return TRUE;
}

static const BelfryGrpcEntry *
take_entries (BelfryGrpcArena         *arena,
              BelfryGrpcWire__Entry  **from,
              gsize                    n)
{
  BelfryGrpcEntry *entries;

  if (n == 0)
    return NULL;

  entries = belfry_grpc_arena_alloc (arena, n * sizeof *entries);
  for (gsize i = 0; i < n; i++)
    entries[i] = (BelfryGrpcEntry) { to_text (from[i]->key), to_text (from[i]->value) };
  return entries;
}

static void
take_message (BelfryGrpcArena             *arena,
              const BelfryGrpcWire__Event *from,
              BelfryGrpcEvent             *event)
{
  event->learner_id = to_text (from->learner_id);
  event->course_id = to_text (from->course_id);
  event->lesson_id = to_text (from->lesson_id);
  event->event_type = to_text (from->event_type);
  event->timestamp = to_text (from->timestamp);
  event->session_id = to_text (from->session_id);
  event->event_data_json = to_text (from->event_data_json);
  event->event_data = take_entries (arena, from->event_data, from->n_event_data);
  event->n_event_data = from->n_event_data;
  event->metadata = take_entries (arena, from->metadata, from->n_metadata);
  event->n_metadata = from->n_metadata;
}

/* Nobody who gets a refused event should have to know what of it may be read. */
static void
keep_refusal_alone (BelfryGrpcEvent *event)
{
  const BelfryGrpcEvent whole = *event;
  const BelfryGrpcText none = { "", 0 };

  *event = (BelfryGrpcEvent) {
    .original = whole.original,
    .learner_id = none,
    .course_id = none,
    .lesson_id = none,
    .event_type = none,
    .timestamp = none,
    .session_id = none,
    .event_data_json = none,
    .refused_field = whole.refused_field,
    .refusal = whole.refusal,
  };
}

gboolean
belfry_grpc_convert_event (BelfryGrpcWork *work,
                           const guint8   *data,
                           gsize           size)
{
  BelfryGrpcArena *arena = &work->arena;
  ProtobufCAllocator allocator = belfry_grpc_arena_allocator (arena, DECODE_BASE + DECODE_FACTOR * size);
  BelfryGrpcEvent *event = belfry_grpc_work_add_event (work);
  BelfryGrpcWire__Event *message = belfry_grpc_wire__event__unpack (&allocator, size, data);

  event->original = (BelfryGrpcText) { (const char *) data, size };
  if (message != NULL)
    {
      take_message (arena, message, event);
      if (check_texts (event))
        return TRUE;
    }
  else
    {
      refuse (event, "", belfry_grpc_arena_ran_out (arena) ? TOO_MANY_PARTS : MALFORMED);
    }

  keep_refusal_alone (event);
  return message != NULL;
}

void
belfry_grpc_convert_nothing (BelfryGrpcWork *work,
                             gboolean        is_too_large)
{
  BelfryGrpcEvent *event = belfry_grpc_work_add_event (work);

  event->original = (BelfryGrpcText) { "", 0 };
  refuse (event, "", is_too_large ? "Larger than allowed when it is unpacked" : "Cannot be unpacked");
  keep_refusal_alone (event);
}

static gboolean
read_varint (const guint8 **at,
             const guint8  *end,
             guint64       *value)
{
  *value = 0;
  for (guint shift = 0; shift < 64 && *at < end; shift += 7)
    {
      guint8 byte = *(*at)++;

      *value |= (guint64) (byte & 0x7f) << shift;
      if (byte < 0x80)
        return TRUE;
    }

  return FALSE;
}

/* One field of a message, of which *bytes is what WIRE_BYTES brings, and NULL of the others. */
static gboolean
read_field (const guint8 **at,
            const guint8  *end,
            guint64       *number,
            const guint8 **bytes,
            guint64       *size)
{
  guint64 tag;

  if (!read_varint (at, end, &tag) || tag >> 3 == 0 || tag > G_MAXUINT32)
    return FALSE;

  *number = tag >> 3;
  *bytes = NULL;
  switch (tag & 7)
    {
    case WIRE_VARINT:
      return read_varint (at, end, size);
    case WIRE_FIXED64:
      *size = 8;
      break;
    case WIRE_FIXED32:
      *size = 4;
      break;
    case WIRE_BYTES:
      if (!read_varint (at, end, size))
        return FALSE;
      *bytes = *at;
      break;
    default:
      return FALSE;
    }

  if (*size > (guint64) (end - *at))
    return FALSE;
  *at += *size;
  return TRUE;
}

/* The next event of a batch, FALSE behind the last. */
static gboolean
next_event (const guint8 **at,
            const guint8  *end,
            const guint8 **event,
            guint64       *size,
            gboolean      *is_broken)
{
  while (*at < end)
    {
      guint64 number;

      if (!read_field (at, end, &number, event, size))
        {
          *is_broken = TRUE;
          return FALSE;
        }
      if (number == 1 && *event != NULL)
        return TRUE;
    }

  return FALSE;
}

gboolean
belfry_grpc_convert_batch (BelfryGrpcWork *work,
                           const guint8   *data,
                           gsize           size,
                           guint           maximum)
{
  const guint8 *end = data + size;
  const guint8 *at = data;
  const guint8 *event;
  guint64 event_size;
  gboolean is_broken = FALSE;
  gsize n_events = 0;

  /* Counted before anything is built: an empty event takes two bytes on the wire. */
  while (next_event (&at, end, &event, &event_size, &is_broken))
    n_events++;
  if (is_broken || n_events == 0 || n_events > maximum)
    {
      g_autofree char *text = g_strdup_printf ("events: At most %u events are taken in a batch", maximum);

      if (is_broken)
        belfry_grpc_work_refuse (work, GRPC_STATUS_INVALID_ARGUMENT, "Not a message of the type EventBatch");
      else if (n_events == 0)
        belfry_grpc_work_refuse (work, GRPC_STATUS_INVALID_ARGUMENT, "events: A batch needs at least one event");
      else
        belfry_grpc_work_refuse (work, GRPC_STATUS_RESOURCE_EXHAUSTED, text);
      return FALSE;
    }

  at = data;
  while (next_event (&at, end, &event, &event_size, &is_broken))
    belfry_grpc_convert_event (work, event, event_size);
  return TRUE;
}
